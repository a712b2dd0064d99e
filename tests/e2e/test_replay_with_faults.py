"""`replay-dlq` and the other commands of people on call, on a local emulator on which each call fails once.

For each fault the failures are opened anew. Time is virtual, so
that to back off costs none.
"""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from pipectl.aws.calls import Call
from pipectl.aws.client import Aws, Credentials
from pipectl.commands.audit import audit_list
from pipectl.commands.pause import pause
from pipectl.commands.plan import plan
from pipectl.commands.resume import resume
from pipectl.commands.status import State, status
from pipectl.commands.trace import Stage, trace
from pipectl.commands.verify import verify
from pipectl.facts import MappingFacts
from pipectl.failures.audit_table import Selection
from pipectl.failures.status import ReplayStatus
from pipectl.local.home import LocalEmulator
from pipectl.resource_keys import ResourceKey
from tests.e2e.mending import check_all_replayed, reopen, replay_all, statuses
from tests.e2e.orders import Orders
from tests.empty_pages import repeating_empty_pages
from tests.faults import faulty_aws
from tests.faults.clock import VirtualClock
from tests.faults.faulty_aws import ACCOUNT, Fault, FaultyAws, Send
from tests.support import REGION, THOROUGH, World

MAPPING = ResourceKey.STREAM_MAPPING

pytestmark = [pytest.mark.emulator, pytest.mark.xdist_group("mended")]

LATER = timedelta(minutes=10)
"""Time after which no record counts as young, and so as possibly unprocessed."""


def too_many_readers(faulty: FaultyAws, call: Call, send: Send) -> Any:
    """Answer like a stream with more than two readers of a shard; throttle all other calls."""
    if call.service != "dynamodbstreams":
        return faulty_aws.throttled(faulty, call, send)
    raise faulty_aws.error("LimitExceededException", "There are too many concurrent readers")


STORMS = [faulty_aws.throttled, faulty_aws.answer_lost, too_many_readers]
if THOROUGH:
    STORMS += [faulty_aws.internal_error, faulty_aws.unavailable, faulty_aws.never_arrives]


@pytest.fixture(scope="module")
def aws_with_faults(emulator: LocalEmulator) -> Aws:
    return Aws(REGION, endpoint_url=emulator.endpoint_url, credentials=Credentials(ACCOUNT, "test"))


def under(fault: Fault, orders: Orders, aws: Aws) -> tuple[World, FaultyAws]:
    """Return the same pipeline, with an injected fault."""
    faulty = FaultyAws(VirtualClock(datetime.now(UTC) + LATER), fault=fault, refused={}, slow=False, every=True)
    aws.clock, aws.attempt = faulty.clock, repeating_empty_pages(faulty.attempt)
    return dataclasses.replace(orders.world, aws=aws), faulty


@pytest.mark.parametrize("fault", STORMS)
def test_a_replay_succeeds_and_writes_nothing_twice(fault: Fault, mended: Orders, aws_with_faults: Aws) -> None:
    reopen(mended)
    assert statuses(mended) == {ReplayStatus.OPEN}
    assert len(mended.stored()) == len(mended.good)
    world, faulty = under(fault, mended, aws_with_faults)
    report = replay_all(world)
    assert (report.left, report.failing, report.errors) == (0, (), ())
    assert report.total == len(mended.audit_items())
    assert {item["replayAttempts"]["N"] for item in mended.audit_items()} == {"1"}
    check_all_replayed(mended)
    assert faulty.clock.monotonic() > 5, "nothing was waited for: was there a fault?"


@pytest.mark.parametrize("fault", STORMS if THOROUGH else [too_many_readers])  # it throttles, too
def test_reading_commands_succeed(fault: Fault, mended: Orders, aws_with_faults: Aws) -> None:
    reopen(mended)
    world, faulty = under(fault, mended, aws_with_faults)
    now, poison = faulty.clock.now(), min(order for order, _ in mended.poison)
    seen = status(world.context())
    assert {each.state for each in seen.resources} == {State.IN_SYNC}
    assert [each.detail for each in seen.health.checks if "cannot be read" in each.detail] == []
    page = audit_list(world.context(), Selection(now - timedelta(hours=1), now))
    assert len(page.entries) == len(mended.audit_items())
    found = verify(world.context(), now - timedelta(hours=1))
    assert (found.stored, found.failed, found.lost, found.pending) == (len(mended.good), len(mended.poison), 0, 0)
    assert trace(world.context(), poison).stage is Stage.FAILED


@pytest.mark.parametrize("fault", STORMS if THOROUGH else [faulty_aws.throttled, faulty_aws.answer_lost])
def test_pause_and_resume_succeed(fault: Fault, mended: Orders, aws_with_faults: Aws) -> None:
    world, _ = under(fault, mended, aws_with_faults)
    simulated = mended.world
    assert pause(world.context(), "ada").paused
    assert simulated.context().require([MAPPING])[MAPPING].facts_as(MappingFacts).state == "Disabled"
    assert not resume(world.context()).paused
    assert simulated.context().require([MAPPING])[MAPPING].facts_as(MappingFacts).enabled
    assert plan(simulated.context()).pending == []
