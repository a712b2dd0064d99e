"""`replay-dlq`, and what else people on call type, on a local emulator whose every call fails the first time.

For each storm the failures are opened anew. Time is virtual, so
that to back off costs none.
"""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from pipectl.aws.client import Aws, Call, Credentials
from pipectl.commands.audit import audit_list
from pipectl.commands.pause import pause
from pipectl.commands.plan import plan
from pipectl.commands.resume import resume
from pipectl.commands.status import State, status
from pipectl.commands.trace import Stage, trace
from pipectl.commands.verify import verify
from pipectl.facts import MappingFacts
from pipectl.failures.audit_table import Selection
from pipectl.failures.model import ReplayStatus
from pipectl.local.home import LocalEmulator
from pipectl.resource_keys import ResourceKey
from tests.e2e.mending import check_all_replayed, reopen, replay_all, statuses
from tests.e2e.orders import Orders
from tests.support import REGION, World
from tests.weather import sky as weather
from tests.weather.clock import VirtualClock
from tests.weather.sky import ACCOUNT, Send, Sky, Storm

MAPPING = ResourceKey.STREAM_MAPPING

pytestmark = [pytest.mark.emulator, pytest.mark.xdist_group("mended")]

LATER = timedelta(minutes=10)
"""By which nothing is young any more, and may just not have been processed."""


def too_many_readers(sky: Sky, call: Call, send: Send) -> Any:
    """What the stream says of more than two readers of a shard; all else is throttled."""
    if call.service != "dynamodbstreams":
        return weather.throttled(sky, call, send)
    raise weather.error("LimitExceededException", "There are too many concurrent readers")


STORMS = [
    weather.throttled,
    weather.fault,
    weather.unavailable,
    weather.never_arrives,
    weather.answer_lost,
    too_many_readers,
]


@pytest.fixture(scope="module")
def stormy_aws(emulator: LocalEmulator) -> Aws:
    return Aws(REGION, endpoint_url=emulator.endpoint_url, credentials=Credentials(ACCOUNT, "test"))


def under(storm: Storm, orders: Orders, aws: Aws) -> tuple[World, Sky]:
    """The same pipeline, seen through a storm."""
    sky = Sky(VirtualClock(datetime.now(UTC) + LATER), storm=storm, refused={}, slow=False, every=True)
    aws.clock, aws.attempt = sky.clock, sky.attempt
    return dataclasses.replace(orders.world, aws=aws), sky


@pytest.mark.parametrize("storm", STORMS)
def test_a_replay_comes_through_and_writes_nothing_twice(storm: Storm, mended: Orders, stormy_aws: Aws) -> None:
    reopen(mended)
    assert statuses(mended) == {ReplayStatus.OPEN}
    assert len(mended.stored()) == len(mended.good)
    world, sky = under(storm, mended, stormy_aws)
    report = replay_all(world)
    assert (report.left, report.failing, report.errors) == (0, (), ())
    assert report.total == len(mended.audit_items())
    assert {item["replayAttempts"]["N"] for item in mended.audit_items()} == {"1"}
    check_all_replayed(mended)
    assert sky.clock.monotonic() > 5, "nothing was waited for: was there a storm?"


@pytest.mark.parametrize("storm", STORMS)
def test_whoever_looks_is_answered(storm: Storm, mended: Orders, stormy_aws: Aws) -> None:
    reopen(mended)
    world, sky = under(storm, mended, stormy_aws)
    now, poison = sky.clock.now(), min(order for order, _ in mended.poison)
    seen = status(world.context())
    assert {each.state for each in seen.resources} == {State.IN_SYNC}
    assert [each.detail for each in seen.health.checks if "cannot be read" in each.detail] == []
    page = audit_list(world.context(), Selection(now - timedelta(hours=1), now))
    assert len(page.entries) == len(mended.audit_items())
    found = verify(world.context(), now - timedelta(hours=1))
    assert (found.stored, found.failed, found.lost, found.pending) == (len(mended.good), len(mended.poison), 0, 0)
    assert trace(world.context(), poison).stage is Stage.FAILED


@pytest.mark.parametrize("storm", STORMS)
def test_a_pause_is_made_and_ended(storm: Storm, mended: Orders, stormy_aws: Aws) -> None:
    world, _ = under(storm, mended, stormy_aws)
    calm = mended.world
    assert pause(world.context(), "ada").paused
    assert calm.context().require([MAPPING])[MAPPING].facts_as(MappingFacts).state == "Disabled"
    assert not resume(world.context()).paused
    assert calm.context().require([MAPPING])[MAPPING].facts_as(MappingFacts).enabled
    assert plan(calm.context()).pending == []
