"""A pause keeps the place in the stream, survives `up`, and is told of wherever one looks."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from moto import mock_aws

from pipectl.aws.client import Aws, Call, Credentials
from pipectl.commands.pause import pause
from pipectl.commands.plan import plan
from pipectl.commands.resume import resume
from pipectl.commands.status import State, status
from pipectl.commands.up import up
from pipectl.config.names import tag_problem
from pipectl.engine.model import Action
from pipectl.errors import RequirementError
from pipectl.facts import MappingFacts
from pipectl.local.home import LocalEmulator
from pipectl.monitoring.health import Check, Finding, Severity, health
from pipectl.pause_tags import PAUSED_BY, PAUSED_SINCE, Pause
from pipectl.resource_keys import ResourceKey
from tests.e2e.orders import Orders
from tests.moto_snapshot import create_pipeline
from tests.resources.hands import Hands
from tests.support import ACCOUNT, REGION, FakeClock, World, make_world, new_account, reads, yes

MAPPING = ResourceKey.STREAM_MAPPING


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def hands(tmp_path: Path, clock: FakeClock) -> Iterator[Hands]:
    """A pipeline that is up, and whoever looks at it without pipectl."""
    with mock_aws():
        world = make_world(tmp_path, clock=clock)
        create_pipeline(world)
        world.calls.clear()
        yield Hands(world)


def _mapping(hands: Hands) -> Any:
    return hands.mapping(hands.resources[MAPPING])


def _tags(hands: Hands) -> dict[str, str]:
    return hands.tags(hands.resources[MAPPING])


def _check(world: World) -> Check:
    context = world.context()
    facts = context.facts(context.require([MAPPING]))
    (check,) = [check for check in health(world.context(), facts).checks if check.name == MAPPING]
    return check


def test_pause_disables_the_mapping_and_tags_it_with_time_and_name(hands: Hands, clock: FakeClock) -> None:
    report = pause(hands.world.context(), "ada@laptop")
    assert (report.paused, report.changed, report.left) == (True, True, timedelta(hours=24))
    assert _mapping(hands)["State"] == "Disabled"
    tags = _tags(hands)
    assert (tags[PAUSED_SINCE], tags[PAUSED_BY]) == ("2026-01-01T00:00:00Z", "ada@laptop")
    assert tags["ManagedBy"] == "pipectl"


def test_the_tags_are_set_before_disabling_and_removed_before_enabling(hands: Hands) -> None:
    pause(hands.world.context(), "ada")
    resume(hands.world.context())
    assert hands.world.writes() == [
        "lambda:TagResource",
        "lambda:UpdateEventSourceMapping",
        "lambda:UntagResource",
        "lambda:UpdateEventSourceMapping",
    ]


def test_pausing_a_paused_mapping_keeps_the_first_pause(hands: Hands, clock: FakeClock) -> None:
    pause(hands.world.context(), "ada")
    hands.world.writes()
    clock.sleep(3600)
    again = pause(hands.world.context(), "grace")
    assert (again.paused, again.changed, again.left) == (True, False, timedelta(hours=23))
    assert again.pause == Pause(datetime(2026, 1, 1, tzinfo=UTC), "ada")
    assert hands.world.writes() == []


def test_resuming_a_running_mapping_changes_nothing(hands: Hands) -> None:
    report = resume(hands.world.context())
    assert (report.paused, report.changed, report.pause) == (False, False, None)
    assert hands.world.writes() == []


def test_resume_restores_the_mapping_and_its_tags(hands: Hands) -> None:
    uuid, tags = _mapping(hands)["UUID"], _tags(hands)
    pause(hands.world.context(), "ada")
    report = resume(hands.world.context())
    assert (report.paused, report.changed) == (False, True)
    assert report.pause
    assert report.pause.by == "ada"
    assert (_mapping(hands)["UUID"], _mapping(hands)["State"], _tags(hands)) == (uuid, "Enabled", tags)


def test_up_keeps_a_paused_mapping_paused_and_plan_and_status_show_it(hands: Hands, clock: FakeClock) -> None:
    pause(hands.world.context(), "ada")
    clock.sleep(3600)
    (change,) = [change for change in plan(hands.world.context()).changes if change.resource == MAPPING]
    assert change.action is Action.KEEP
    assert change.reason
    assert "paused since 2026-01-01T00:00:00Z by ada; records expire in 23.0 h" in change.reason
    (found,) = [each for each in status(hands.world.context()).resources if each.resource == MAPPING]
    assert (found.state, found.reason) == (State.IN_SYNC, change.reason)
    hands.world.writes()
    up(hands.world.context(), yes)
    assert (_mapping(hands)["State"], hands.world.writes()) == ("Disabled", [])


def test_up_changes_the_other_attributes_of_a_paused_mapping(hands: Hands) -> None:
    pause(hands.world.context(), "ada")
    up(hands.world.context(**{MAPPING: {"batch_size": 7}}), yes)
    assert (_mapping(hands)["State"], _mapping(hands)["BatchSize"]) == ("Disabled", 7)
    assert _tags(hands)[PAUSED_BY] == "ada"


def test_a_paused_mapping_that_is_replaced_stays_paused(hands: Hands) -> None:
    before = _mapping(hands)["UUID"]
    pause(hands.world.context(), "ada")
    context = hands.world.context(**{MAPPING: {"starting_position": "LATEST"}})
    up(context, yes, allow_stream_replacement=True)
    assert _mapping(hands)["UUID"] != before
    assert (_mapping(hands)["State"], _tags(hands)[PAUSED_BY]) == ("Disabled", "ada")
    resume(context)
    assert _mapping(hands)["State"] == "Enabled"


def test_resume_does_not_enable_a_mapping_that_the_config_disables(hands: Hands) -> None:
    up(hands.world.context(**{MAPPING: {"enabled": False}}), yes)
    assert resume(hands.world.context()).changed is False
    pause(hands.world.context(), "ada")
    assert resume(hands.world.context()).changed is True
    assert (_mapping(hands)["State"], PAUSED_SINCE in _tags(hands)) == ("Disabled", False)


@pytest.mark.parametrize("command", [lambda context: pause(context, "ada"), resume])
def test_a_mapping_that_is_not_managed_is_not_changed(hands: Hands, command: Callable[[Any], Any]) -> None:
    hands.untag(hands.resources[MAPPING], ["ManagedBy"])
    hands.world.writes()
    with pytest.raises(RequirementError) as lacking:
        command(hands.world.context())
    assert lacking.value.unmanaged == (MAPPING,)
    assert hands.world.writes() == []


# killed in between


class Killed(BaseException):
    """The process died."""


def _killed_at(hands: Hands, number: int) -> World:
    """Return the same world with a process that is killed before its write of that number."""
    left = itertools.count(number, -1)

    def kill(call: Call) -> None:
        if not reads(call) and next(left) <= 0:
            raise Killed

    aws = Aws(REGION, credentials=Credentials(ACCOUNT, "test"), clock=FakeClock(), on_call=kill)
    return World(hands.world.file, aws, [])


@pytest.mark.parametrize("writes", [0, 1])
def test_a_pause_that_was_killed_is_finished_by_the_next_pause(hands: Hands, writes: int) -> None:
    with pytest.raises(Killed):
        pause(_killed_at(hands, writes).context(), "ada")
    assert _mapping(hands)["State"] == "Enabled"
    report = pause(hands.world.context(), "ada")
    assert (report.changed, _mapping(hands)["State"]) == (True, "Disabled")


def test_a_pause_that_was_killed_is_left_alone_by_up_and_shown(hands: Hands) -> None:
    with pytest.raises(Killed):
        pause(_killed_at(hands, 1).context(), "ada")
    up(hands.world.context(), yes)
    (change,) = [change for change in plan(hands.world.context()).changes if change.resource == MAPPING]
    assert (change.action, bool(change.reason)) == (Action.KEEP, True)
    check = _check(hands.world)
    assert (check.severity, check.value) == (Severity.DEGRADED, "Enabled")
    assert check.finding is Finding.PAUSE_UNFINISHED
    assert resume(hands.world.context()).changed is True
    assert (_mapping(hands)["State"], PAUSED_SINCE in _tags(hands)) == ("Enabled", False)


@pytest.mark.parametrize("finish", [resume, lambda context: up(context, yes)])
def test_a_resume_that_was_killed_is_finished_by_resume_and_by_up(hands: Hands, finish: Callable[[Any], Any]) -> None:
    pause(hands.world.context(), "ada")
    with pytest.raises(Killed):
        resume(_killed_at(hands, 1).context())
    assert (_mapping(hands)["State"], PAUSED_SINCE in _tags(hands)) == ("Disabled", False)
    finish(hands.world.context())
    assert _mapping(hands)["State"] == "Enabled"


# health


@pytest.mark.parametrize(
    ("hours", "severity", "words"),
    [
        (1, Severity.DEGRADED, "records expire in 23.0 h"),
        (18, Severity.DEGRADED, "records expire in 6.0 h"),
        (18.1, Severity.FAILING, "records expire in 5.9 h"),
        (25, Severity.FAILING, "records began to expire 1.0 h ago"),
    ],
)
def test_a_pause_becomes_more_severe_as_its_records_come_closer_to_expiry(
    hands: Hands, clock: FakeClock, hours: float, severity: Severity, words: str
) -> None:
    pause(hands.world.context(), "ada")
    clock.sleep(hours * 3600)
    check = _check(hands.world)
    assert (check.severity, check.finding, check.value) == (severity, Finding.PAUSED, "Disabled")
    assert words in check.detail
    assert "by ada" in check.detail


def test_a_mapping_disabled_by_hand_is_not_a_pause(hands: Hands) -> None:
    hands.lambda_.update_event_source_mapping(UUID=_mapping(hands)["UUID"], Enabled=False)
    assert _check(hands.world).severity is Severity.FAILING
    (change,) = [change for change in plan(hands.world.context()).changes if change.resource == MAPPING]
    assert change.attributes.keys() == {"enabled"}


# the tags


@pytest.mark.parametrize("by", ["ada", "arn:aws:iam::1:user/a,b", "Ada\tLovelace & <co>", "é" * 400, "\U0001d49c #1"])
def test_every_name_becomes_a_tag_that_aws_accepts(by: str) -> None:
    made = Pause(datetime(2026, 1, 1, 12, tzinfo=UTC), by)
    for key, value in made.tags().items():
        assert tag_problem(key, value) is None
    read = Pause.of_tags(made.tags())
    assert read
    assert read.since == made.since


def test_a_tag_without_a_valid_time_is_still_a_pause(hands: Hands) -> None:
    pause(hands.world.context(), "ada")
    hands.tag(hands.resources[MAPPING], {PAUSED_SINCE: "yesterday"})
    check = _check(hands.world)
    assert (check.severity, check.finding) == (Severity.FAILING, Finding.PAUSED)
    assert pause(hands.world.context(), "ada").left is None


@pytest.mark.parametrize("since", ["2026-01-01T00:00:00Z", "2026-01-01T00:00:00", "2026-01-01T01:00:00+01:00"])
def test_other_forms_of_the_time_are_read(since: str) -> None:
    assert Pause.of_tags({PAUSED_SINCE: since}) == Pause(datetime(2026, 1, 1, tzinfo=UTC), "")
    assert Pause.of_tags({PAUSED_BY: "ada"}) is None


# the position in the stream


@pytest.mark.emulator
def test_orders_written_during_a_pause_are_stored_once_after_it(emulator: LocalEmulator, tmp_path: Path) -> None:
    world = make_world(tmp_path, endpoint_url=emulator.endpoint_url, account=new_account())
    up(world.context(), yes)
    orders = Orders(world, world.context().pipeline.physical)
    before = {(f"before-{number}", 1): "1.5" for number in range(15)}
    for order, version in before:
        item = {"orderId": {"S": order}, "version": {"N": str(version)}, "amount": {"N": "1.5"}}
        world.aws.dynamodb.put_item(TableName=orders.names.orders_table, Item=item)
    world.aws.wait(lambda: len(orders.keys("processed-data")) == 15, "the orders before", 60)

    pause(world.context(), "ada")
    orders.write(30, 0)
    up(world.context(), yes)
    world.aws.clock.sleep(3)
    assert orders.stored() == before
    assert world.context().require([MAPPING])[MAPPING].facts_as(MappingFacts).state == "Disabled"

    resume(world.context())
    world.aws.wait(lambda: len(orders.keys("processed-data")) == 45, "every order", 60)
    assert orders.stored() == before | orders.good
    versions = orders.object_versions()
    assert len(versions) == len(set(versions)) == 45
