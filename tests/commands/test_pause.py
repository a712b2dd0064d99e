"""`pause`: the position in the stream is kept, `up` keeps the pause, and every command shows it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from moto import mock_aws

from pipectl.commands.pause import pause
from pipectl.commands.plan import plan
from pipectl.commands.resume import resume
from pipectl.commands.status import State, status
from pipectl.commands.up import up
from pipectl.config.names import tag_problem
from pipectl.engine.model import Action
from pipectl.errors import RequirementError
from pipectl.monitoring.health import Finding, Severity
from pipectl.pause_tags import PAUSED_BY, PAUSED_SINCE, Pause
from tests.commands.pausing import MAPPING, Killed, check, killed_at, mapping, tags
from tests.moto_snapshot import create_pipeline
from tests.resources.hands import Hands
from tests.support import FakeClock, make_world, yes


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


def test_pause_disables_the_mapping_and_tags_it_with_time_and_name(hands: Hands, clock: FakeClock) -> None:
    report = pause(hands.world.context(), "ada@laptop")
    assert (report.paused, report.changed, report.left) == (True, True, timedelta(hours=24))
    assert mapping(hands)["State"] == "Disabled"
    found = tags(hands)
    assert (found[PAUSED_SINCE], found[PAUSED_BY]) == ("2026-01-01T00:00:00Z", "ada@laptop")
    assert found["ManagedBy"] == "pipectl"


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
    assert (mapping(hands)["State"], hands.world.writes()) == ("Disabled", [])


def test_up_changes_the_other_attributes_of_a_paused_mapping(hands: Hands) -> None:
    pause(hands.world.context(), "ada")
    up(hands.world.context(**{MAPPING: {"batch_size": 7}}), yes)
    assert (mapping(hands)["State"], mapping(hands)["BatchSize"]) == ("Disabled", 7)
    assert tags(hands)[PAUSED_BY] == "ada"


def test_a_paused_mapping_that_is_replaced_stays_paused(hands: Hands) -> None:
    before = mapping(hands)["UUID"]
    pause(hands.world.context(), "ada")
    context = hands.world.context(**{MAPPING: {"starting_position": "LATEST"}})
    up(context, yes, allow_stream_replacement=True)
    assert mapping(hands)["UUID"] != before
    assert (mapping(hands)["State"], tags(hands)[PAUSED_BY]) == ("Disabled", "ada")
    resume(context)
    assert mapping(hands)["State"] == "Enabled"


@pytest.mark.parametrize("command", [lambda context: pause(context, "ada"), resume])
def test_a_mapping_that_is_not_managed_is_not_changed(hands: Hands, command: Callable[[Any], Any]) -> None:
    hands.untag(hands.resources[MAPPING], ["ManagedBy"])
    hands.world.writes()
    with pytest.raises(RequirementError) as lacking:
        command(hands.world.context())
    assert lacking.value.unmanaged == (MAPPING,)
    assert hands.world.writes() == []


# killed in between


@pytest.mark.parametrize("writes", [0, 1])
def test_a_pause_that_was_killed_is_finished_by_the_next_pause(hands: Hands, writes: int) -> None:
    with pytest.raises(Killed):
        pause(killed_at(hands, writes).context(), "ada")
    assert mapping(hands)["State"] == "Enabled"
    report = pause(hands.world.context(), "ada")
    assert (report.changed, mapping(hands)["State"]) == (True, "Disabled")


def test_a_pause_that_was_killed_is_left_alone_by_up_and_shown(hands: Hands) -> None:
    with pytest.raises(Killed):
        pause(killed_at(hands, 1).context(), "ada")
    up(hands.world.context(), yes)
    (change,) = [change for change in plan(hands.world.context()).changes if change.resource == MAPPING]
    assert (change.action, bool(change.reason)) == (Action.KEEP, True)
    found = check(hands.world)
    assert (found.severity, found.value) == (Severity.DEGRADED, "Enabled")
    assert found.finding is Finding.PAUSE_UNFINISHED
    assert resume(hands.world.context()).changed is True
    assert (mapping(hands)["State"], PAUSED_SINCE in tags(hands)) == ("Enabled", False)


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
    found = check(hands.world)
    assert (found.severity, found.finding, found.value) == (severity, Finding.PAUSED, "Disabled")
    assert words in found.detail
    assert "by ada" in found.detail


def test_a_mapping_disabled_by_hand_is_not_a_pause(hands: Hands) -> None:
    hands.lambda_.update_event_source_mapping(UUID=mapping(hands)["UUID"], Enabled=False)
    assert check(hands.world).severity is Severity.FAILING
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
    found = check(hands.world)
    assert (found.severity, found.finding) == (Severity.FAILING, Finding.PAUSED)
    assert pause(hands.world.context(), "ada").left is None


@pytest.mark.parametrize("since", ["2026-01-01T00:00:00Z", "2026-01-01T00:00:00", "2026-01-01T01:00:00+01:00"])
def test_other_forms_of_the_time_are_read(since: str) -> None:
    assert Pause.of_tags({PAUSED_SINCE: since}) == Pause(datetime(2026, 1, 1, tzinfo=UTC), "")
    assert Pause.of_tags({PAUSED_BY: "ada"}) is None


# the position in the stream
