"""`up`, `status` and `down` on an AWS that is eventually consistent, refuses calls or drops connections."""

from __future__ import annotations

import re
from dataclasses import replace
from functools import partial
from math import inf
from pathlib import Path
from typing import Any

import pytest

from pipectl.commands.down import down
from pipectl.commands.plan import plan
from pipectl.commands.status import State, status
from pipectl.commands.up import up
from pipectl.engine.model import Action
from pipectl.errors import PipectlError
from tests.faults import faulty_aws
from tests.faults.account import SimulatedAccount, simulated_account
from tests.faults.aws_delays import CHANGING, REFUSED
from tests.faults.clock import VirtualClock
from tests.faults.faulty_aws import Fault, FaultyAws
from tests.support import THOROUGH, write_config, yes

WAITED_FOR = re.compile(r"^waiting( for|:) .+")
DRIFTED: dict[str, Any] = {
    "processor": {"memory": 512},
    "dead-letter-queue": {"retention_days": 7},
    "stream-mapping": {"batch_size": 50},
    "bucket": {"prefix": "elsewhere"},
    "processor-log-group": {"retention_days": 7},
    "orders-table": {"deletion_protection": True},
    "team": "backend",
    "tags": {"CostCenter": "42"},
}


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Return the state after an `up` without faults."""
    with pytest.MonkeyPatch.context() as patch, simulated_account(tmp_path_factory.mktemp("simulated")) as simulated:
        patch.setenv("AWS_ACCOUNT_ID_ENDPOINT_MODE", "disabled")
        up(simulated.world.context(), yes)
        return simulated.state()


AVOIDED = {
    # pipectl waits for these before it calls; `test_faulty_aws` shows that they apply to other callers
    "a function is being made or changed",
    "function",
    "a mapping is being made or changed",
    "a table is being deleted",
    "stream",
}


def story(here: SimulatedAccount) -> None:
    """Run `up`, `status`, `up` from drift twice, `down`, and `up` again at once."""
    world = here.world
    assert {change.action for change in up(world.context(), yes).changes} == {Action.CREATE}
    here.settle()
    assert {each.state for each in status(world.context()).resources} == {State.IN_SYNC}
    up(world.context(**DRIFTED), yes)
    here.settle()
    assert plan(world.context(**DRIFTED)).pending == []
    _change_by_hand(here)
    write_config(world.file.parent)
    up(world.context(), yes)
    here.settle()
    assert plan(world.context()).pending == []
    down(world.context(), yes, delete_data=True)
    assert here.state()["names"] == {}
    up(world.context(), yes)


def _change_by_hand(here: SimulatedAccount) -> None:
    """Make changes that only a person makes."""
    names, aws = here.direct.context().pipeline.physical, here.direct.aws
    aws.iam.put_role_policy(RoleName=names.processor_role, PolicyName="extra", PolicyDocument=_POLICY)
    aws.dynamodb.update_table(
        TableName=names.audit_table, GlobalSecondaryIndexUpdates=[{"Delete": {"IndexName": "failure-type-index"}}]
    )


_POLICY = '{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}]}'


def test_up_status_and_down_with_all_delays(undisturbed: dict[str, Any], tmp_path: Path) -> None:
    faulty = FaultyAws(VirtualClock())
    with simulated_account(tmp_path, faulty) as here:
        story(here)
        here.settle()
        assert here.state() == undisturbed
    happened = {name for name, count in faulty.seen.items() if count}
    lags = {"a deleted resource is still shown", "reads that lag", "a new resource shows no tags"}
    assert {*REFUSED, *CHANGING, *lags} - happened == AVOIDED
    assert all(map(WAITED_FOR.match, here.messages))
    for expected in ("SQS reserves the name", "has not reached Lambda yet", "to become ACTIVE", "enabling backups"):
        assert any(expected in line for line in here.messages), expected
    assert faulty.clock.monotonic() < 3600


@pytest.mark.parametrize(
    "fault",
    [
        faulty_aws.throttled,
        faulty_aws.never_arrives,
        faulty_aws.answer_lost,
        *([faulty_aws.internal_error, faulty_aws.unavailable] if THOROUGH else []),
    ],
)
def test_every_call_fails_once(fault: Fault, undisturbed: dict[str, Any], tmp_path: Path) -> None:
    """The first attempt of each call on each resource fails."""
    with simulated_account(tmp_path, FaultyAws(VirtualClock(), fault=fault, refused={}, slow=False)) as here:
        up(here.world.context(), yes)
        assert here.state() == undisturbed
        assert {each.state for each in status(here.world.context()).resources} == {State.IN_SYNC}
        here.world.calls.clear()
        up(here.world.context(), yes)
        assert here.world.writes() == []
        down(here.world.context(), yes, delete_data=True)
        assert here.state()["names"] == {}
        assert len(set(here.messages)) > 30


def test_new_resources_whose_tags_are_not_visible_yet_are_managed(tmp_path: Path) -> None:
    """A run was killed after creating some resources: `up` creates the rest, `down` deletes all."""
    for command in (up, partial(down, delete_data=True)):
        faulty = FaultyAws(VirtualClock(), refused={})
        with simulated_account(tmp_path, faulty) as here:
            context = here.world.context()
            for key in ("orders-table", "bucket", "dead-letter-queue", "failures-alarm"):
                resource = context.resources[key]
                resource.create(resource.desired({}))
            faulty.clock.sleep(1)  # until then an alarm is not visible
            command(here.world.context(), yes)
            here.settle()
            assert len(here.state()["names"].get("tables", [])) == (2 if command is up else 0)
            assert bool(here.state()["names"]) == (command is up)


ONE_OF_EACH_SERVICE = {fact.operations[0].partition(":")[0]: name for name, fact in reversed(REFUSED.items())}
"""`test_retry_rules` shows for every rule that the retries end, and with which message."""


@pytest.mark.parametrize("name", REFUSED if THOROUGH else [*ONE_OF_EACH_SERVICE.values()][:2])
def test_a_refusal_that_does_not_end_fails_once_with_the_message_of_aws(name: str, tmp_path: Path) -> None:
    fact = replace(REFUSED[name], seconds=inf)
    faulty = FaultyAws(VirtualClock(), refused={name: fact}, slow=False)
    with simulated_account(tmp_path, faulty) as here, pytest.raises(PipectlError) as caught:
        story(here)
    message = str(caught.value)
    words = fact.text.partition("{")[0]
    assert words in message
    assert len(re.findall(re.escape(words), message)) == len(re.findall(r"\(tried \d+ times in \d+ seconds\)", message))
    assert caught.value.hint
    assert faulty.clock.monotonic() < 31 * 60
