"""`pause`: the position in the stream is kept, `up` keeps the pause, and every command shows it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from pipectl.commands.pause import pause
from pipectl.commands.plan import plan
from pipectl.commands.resume import resume
from pipectl.commands.status import State, status
from pipectl.commands.up import up
from pipectl.config.names import PAUSED_BY, PAUSED_SINCE, tag_problem
from pipectl.engine.model import Action, RefusalKind
from pipectl.errors import DataLossError, RequirementError
from pipectl.monitoring.checks import Finding, Severity
from pipectl.pause_tags import Pause
from tests.commands.pausing import MAPPING, Killed, check, killed_at, mapping, tags
from tests.resources.direct_access import DirectAccess
from tests.support import FakeClock, yes


def test_pause_disables_the_mapping_and_tags_it_with_time_and_name(direct: DirectAccess, clock: FakeClock) -> None:
    report = pause(direct.world.context(), "ada@laptop")
    assert (report.paused, report.changed, report.left) == (True, True, timedelta(hours=24))
    assert mapping(direct)["State"] == "Disabled"
    found = tags(direct)
    assert (found[PAUSED_SINCE], found[PAUSED_BY]) == ("2026-01-01T00:00:00Z", "ada@laptop")
    assert found["ManagedBy"] == "pipectl"


def test_the_tags_are_set_before_disabling_and_removed_before_enabling(direct: DirectAccess) -> None:
    pause(direct.world.context(), "ada")
    resume(direct.world.context())
    assert direct.world.writes() == [
        "lambda:TagResource",
        "lambda:UpdateEventSourceMapping",
        "lambda:UntagResource",
        "lambda:UpdateEventSourceMapping",
    ]


def test_pausing_a_paused_mapping_keeps_the_first_pause(direct: DirectAccess, clock: FakeClock) -> None:
    pause(direct.world.context(), "ada")
    direct.world.writes()
    clock.sleep(3600)
    again = pause(direct.world.context(), "grace")
    assert (again.paused, again.changed, again.left) == (True, False, timedelta(hours=23))
    assert again.pause == Pause(datetime(2026, 1, 1, tzinfo=UTC), "ada")
    assert direct.world.writes() == []


def test_up_keeps_a_paused_mapping_paused_and_plan_and_status_show_it(direct: DirectAccess, clock: FakeClock) -> None:
    pause(direct.world.context(), "ada")
    clock.sleep(3600)
    (change,) = [change for change in plan(direct.world.context()).changes if change.resource == MAPPING]
    assert change.action is Action.KEEP
    assert change.reason
    assert "paused since 2026-01-01T00:00:00Z by ada; records expire in 23.0 h (2026-01-02T00:00:00Z)" in change.reason
    (found,) = [each for each in status(direct.world.context()).resources if each.resource == MAPPING]
    assert (found.state, found.reason) == (State.IN_SYNC, change.reason)
    direct.world.writes()
    up(direct.world.context(), yes)
    assert (mapping(direct)["State"], direct.world.writes()) == ("Disabled", [])


def test_up_changes_the_other_attributes_of_a_paused_mapping(direct: DirectAccess) -> None:
    pause(direct.world.context(), "ada")
    up(direct.world.context(**{MAPPING: {"batch_size": 7}}), yes)
    assert (mapping(direct)["State"], mapping(direct)["BatchSize"]) == ("Disabled", 7)
    assert tags(direct)[PAUSED_BY] == "ada"


def test_a_paused_mapping_that_is_replaced_stays_paused(direct: DirectAccess) -> None:
    before = mapping(direct)["UUID"]
    pause(direct.world.context(), "ada")
    context = direct.world.context(**{MAPPING: {"starting_position": "LATEST"}})
    up(context, yes, allow_stream_replacement=True)
    assert mapping(direct)["UUID"] != before
    assert (mapping(direct)["State"], tags(direct)[PAUSED_BY]) == ("Disabled", "ada")
    resume(context)
    assert mapping(direct)["State"] == "Enabled"


def test_a_mapping_at_latest_is_paused_only_when_skipped_records_are_allowed(direct: DirectAccess) -> None:
    """Lambda can skip records when such a mapping is updated."""
    up(direct.world.context(**{MAPPING: {"starting_position": "LATEST"}}), yes, allow_stream_replacement=True)
    direct.world.writes()
    with pytest.raises(DataLossError) as refused:
        pause(direct.world.context(), "ada")
    assert (refused.value.resource, direct.world.writes()) == (MAPPING, [])
    assert pause(direct.world.context(), "ada", allow_skipped_records=True).paused is True
    assert resume(direct.world.context()).paused is False


def test_a_mapping_at_latest_is_updated_only_when_that_is_allowed(direct: DirectAccess) -> None:
    up(direct.world.context(**{MAPPING: {"starting_position": "LATEST"}}), yes, allow_stream_replacement=True)
    context = direct.world.context(**{MAPPING: {"starting_position": "LATEST", "batch_size": 7}})
    (change,) = plan(context).refused
    assert (change.resource, change.refusal) == (MAPPING, RefusalKind.DATA_LOSS)
    up(context, yes, allow_stream_replacement=True)
    assert mapping(direct)["BatchSize"] == 7
    direct.tag(direct.resources[MAPPING], {"Team": "sales"})
    assert {change.action for change in plan(context).pending} == {Action.UPDATE}


@pytest.mark.parametrize("command", [lambda context: pause(context, "ada"), resume])
def test_a_mapping_that_is_not_managed_is_not_changed(direct: DirectAccess, command: Callable[[Any], Any]) -> None:
    direct.untag(direct.resources[MAPPING], ["ManagedBy"])
    direct.world.writes()
    with pytest.raises(RequirementError) as lacking:
        command(direct.world.context())
    assert lacking.value.unmanaged == (MAPPING,)
    assert direct.world.writes() == []


# killed in between


@pytest.mark.parametrize("writes", [0, 1])
def test_a_pause_that_was_killed_is_finished_by_the_next_pause(direct: DirectAccess, writes: int) -> None:
    with pytest.raises(Killed):
        pause(killed_at(direct, writes).context(), "ada")
    assert mapping(direct)["State"] == "Enabled"
    report = pause(direct.world.context(), "ada")
    assert (report.changed, mapping(direct)["State"]) == (True, "Disabled")


def test_a_pause_that_was_killed_is_left_alone_by_up_and_shown(direct: DirectAccess) -> None:
    with pytest.raises(Killed):
        pause(killed_at(direct, 1).context(), "ada")
    up(direct.world.context(), yes)
    (change,) = [change for change in plan(direct.world.context()).changes if change.resource == MAPPING]
    assert (change.action, bool(change.reason)) == (Action.KEEP, True)
    found = check(direct.world)
    assert (found.severity, found.value) == (Severity.DEGRADED, "Enabled")
    assert found.finding is Finding.PAUSE_UNFINISHED
    assert resume(direct.world.context()).changed is True
    assert (mapping(direct)["State"], PAUSED_SINCE in tags(direct)) == ("Enabled", False)


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
    direct: DirectAccess, clock: FakeClock, hours: float, severity: Severity, words: str
) -> None:
    pause(direct.world.context(), "ada")
    clock.sleep(hours * 3600)
    found = check(direct.world)
    assert (found.severity, found.finding, found.value) == (severity, Finding.PAUSED, "Disabled")
    assert words in found.detail
    assert "by ada" in found.detail


def test_a_mapping_disabled_by_hand_is_not_a_pause(direct: DirectAccess) -> None:
    direct.lambda_.update_event_source_mapping(UUID=mapping(direct)["UUID"], Enabled=False)
    assert check(direct.world).severity is Severity.FAILING
    (change,) = [change for change in plan(direct.world.context()).changes if change.resource == MAPPING]
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


def test_a_tag_without_a_valid_time_is_still_a_pause(direct: DirectAccess) -> None:
    pause(direct.world.context(), "ada")
    direct.tag(direct.resources[MAPPING], {PAUSED_SINCE: "yesterday"})
    found = check(direct.world)
    assert (found.severity, found.finding) == (Severity.FAILING, Finding.PAUSED)
    assert pause(direct.world.context(), "ada").left is None


@pytest.mark.parametrize("since", ["2026-01-01T00:00:00Z", "2026-01-01T00:00:00", "2026-01-01T01:00:00+01:00"])
def test_other_forms_of_the_time_are_read(since: str) -> None:
    assert Pause.of_tags({PAUSED_SINCE: since}) == Pause(datetime(2026, 1, 1, tzinfo=UTC), "")
    assert Pause.of_tags({PAUSED_BY: "ada"}) is None


# the position in the stream
