"""The backlog rule: Lambda discards records that are older than the maximum record age, so never those that waited."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from pipectl.aws.calls import Call
from pipectl.commands.pause import pause
from pipectl.commands.plan import plan
from pipectl.commands.replay_dlq import replay
from pipectl.commands.resume import resume
from pipectl.commands.status import State, status
from pipectl.commands.up import UpReport, up
from pipectl.config.names import CATCHING_UP_SINCE, PAUSED_SINCE
from pipectl.engine.model import Action, Change
from pipectl.errors import AccessDeniedError
from pipectl.failures.audit_table import Selection
from pipectl.monitoring.checks import Finding
from tests.commands.pausing import MAPPING, Killed, killed_at, mapping, tags
from tests.resources.direct_access import DirectAccess
from tests.support import THOROUGH, FakeClock, yes

HOUR = 3600
AGE = 12 * HOUR
UNTAG, TAG, UPDATE = "lambda:UntagResource", "lambda:TagResource", "lambda:UpdateEventSourceMapping"


def age(direct: DirectAccess) -> int:
    return int(mapping(direct)["MaximumRecordAgeInSeconds"])


def change(direct: DirectAccess) -> Change:
    (found,) = [each for each in plan(direct.world.context()).changes if each.resource == MAPPING]
    return found


def metric(direct: DirectAccess, namespace: str, name: str, dimensions: Mapping[str, str], value: float) -> None:
    """Report a metric as of 5 minutes ago."""
    data: Any = {
        "MetricName": name,
        "Dimensions": [{"Name": key, "Value": text} for key, text in dimensions.items()],
        "Timestamp": direct.world.aws.clock.now() - timedelta(minutes=5),
        "Value": value,
    }
    direct.cloudwatch.put_metric_data(Namespace=namespace, MetricData=[data])


def resume_after(direct: DirectAccess, clock: FakeClock, seconds: float) -> None:
    pause(direct.world.context(), "ada")
    clock.sleep(seconds)
    resume(direct.world.context())
    direct.world.writes()


# a pause


def test_an_ordinary_pause_leaves_the_maximum_record_age(direct: DirectAccess, clock: FakeClock) -> None:
    pause(direct.world.context(), "ada")
    clock.sleep(11 * HOUR)
    direct.world.writes()
    assert resume(direct.world.context()).catching_up is False
    assert direct.world.writes() == [UNTAG, UPDATE]
    assert (age(direct), CATCHING_UP_SINCE in tags(direct)) == (AGE, False)


def test_after_a_long_pause_records_of_any_age_are_processed(direct: DirectAccess, clock: FakeClock) -> None:
    pause(direct.world.context(), "ada")
    clock.sleep(11 * HOUR + 1)
    direct.world.writes()
    assert resume(direct.world.context()).catching_up is True
    assert direct.world.writes() == [UNTAG, TAG, UPDATE]
    assert (mapping(direct)["State"], age(direct)) == ("Enabled", -1)
    assert (tags(direct)[CATCHING_UP_SINCE], PAUSED_SINCE in tags(direct)) == ("2026-01-01T11:00:01Z", False)


def test_a_mapping_that_catches_up_is_in_sync_and_described(direct: DirectAccess, clock: FakeClock) -> None:
    resume_after(direct, clock, 13 * HOUR)
    found = change(direct)
    assert found.action is Action.KEEP
    assert "catching up since 2026-01-01T13:00:00Z" in str(found.reason)
    (shown,) = [each for each in status(direct.world.context()).resources if each.resource == MAPPING]
    assert (shown.state, shown.reason) == (State.IN_SYNC, found.reason)
    up(direct.world.context(), yes)
    assert direct.world.writes() == []


def test_a_tag_with_a_time_in_the_future_ends_a_day_after_the_last_change(
    direct: DirectAccess, clock: FakeClock
) -> None:
    resume_after(direct, clock, 13 * HOUR)
    arn = mapping(direct)["EventSourceMappingArn"]
    direct.lambda_.tag_resource(Resource=arn, Tags={CATCHING_UP_SINCE: "2099-01-01T00:00:00Z"})
    clock.sleep(25 * HOUR)
    clock.started = max(clock.started, mapping(direct)["LastModified"])
    up(direct.world.context(), yes)
    assert (age(direct), CATCHING_UP_SINCE in tags(direct)) == (AGE, False)


def test_a_pause_while_catching_up_begins_it_again(direct: DirectAccess, clock: FakeClock) -> None:
    resume_after(direct, clock, 13 * HOUR)
    resume_after(direct, clock, HOUR)
    assert (age(direct), tags(direct)[CATCHING_UP_SINCE]) == (-1, "2026-01-01T14:00:00Z")


@pytest.mark.parametrize(("configured", "caught_up"), [(60, True), (2 * HOUR, True), (6 * HOUR, False)])
def test_the_limit_follows_the_configured_age(
    direct: DirectAccess, clock: FakeClock, configured: int, caught_up: bool
) -> None:
    up(direct.world.context(**{MAPPING: {"maximum_record_age": configured}}), yes)
    resume_after(direct, clock, 2 * HOUR)
    assert (age(direct) == -1) is caught_up


@pytest.mark.parametrize("configured", [-1, 86400, *([604800] if THOROUGH else [])])
def test_an_age_that_no_record_reaches_is_left(direct: DirectAccess, clock: FakeClock, configured: int) -> None:
    section = {MAPPING: {"maximum_record_age": configured, "allow_expiry": True}}
    up(direct.world.context(**section), yes)
    resume_after(direct, clock, 30 * HOUR)
    assert (age(direct), CATCHING_UP_SINCE in tags(direct)) == (configured, False)


def test_no_age_limit_without_the_tag_is_drift(direct: DirectAccess) -> None:
    direct.lambda_.update_event_source_mapping(UUID=mapping(direct)["UUID"], MaximumRecordAgeInSeconds=-1)
    assert change(direct).attributes.keys() == {"maximum_record_age"}
    up(direct.world.context(), yes)
    assert age(direct) == AGE


def test_the_tag_means_nothing_while_an_age_is_in_force(direct: DirectAccess) -> None:
    direct.tag(direct.resources[MAPPING], {CATCHING_UP_SINCE: "2026-01-01T00:00:00Z"})
    direct.lambda_.update_event_source_mapping(UUID=mapping(direct)["UUID"], MaximumRecordAgeInSeconds=60)
    assert change(direct).attributes["maximum_record_age"].before == 60
    up(direct.world.context(), yes)
    assert (age(direct), CATCHING_UP_SINCE in tags(direct)) == (AGE, False)


def test_a_mapping_that_was_disabled_by_hand_may_have_waited_since_its_stream_began(
    direct: DirectAccess, clock: FakeClock
) -> None:
    direct.lambda_.update_event_source_mapping(UUID=mapping(direct)["UUID"], Enabled=False)
    clock.started = datetime.now(UTC)
    clock.sleep(13 * HOUR)
    assert up(direct.world.context(), yes).catching_up
    assert (mapping(direct)["State"], age(direct), CATCHING_UP_SINCE in tags(direct)) == ("Enabled", -1, True)
    assert up(direct.world.context(), yes).catching_up


# a new mapping


@pytest.mark.parametrize(("hours", "expected"), [(10, AGE), (12, -1)])
def test_a_new_mapping_of_an_older_stream_catches_up(
    direct: DirectAccess, clock: FakeClock, hours: int, expected: int
) -> None:
    direct.lambda_.delete_event_source_mapping(UUID=mapping(direct)["UUID"])
    clock.started = datetime.now(UTC)
    clock.sleep(hours * HOUR)
    direct.world.writes()
    report = up(direct.world.context(), yes)
    assert direct.world.writes() == ["lambda:CreateEventSourceMapping"]
    assert report.catching_up is (expected == -1)
    assert (age(direct), CATCHING_UP_SINCE in tags(direct)) == (expected, expected == -1)
    assert change(direct).action is Action.KEEP


def test_a_new_mapping_that_starts_at_latest_has_no_backlog(direct: DirectAccess, clock: FakeClock) -> None:
    direct.lambda_.delete_event_source_mapping(UUID=mapping(direct)["UUID"])
    clock.started = datetime.now(UTC)
    clock.sleep(13 * HOUR)
    up(direct.world.context(**{MAPPING: {"starting_position": "LATEST"}}), yes)
    assert (age(direct), CATCHING_UP_SINCE in tags(direct)) == (AGE, False)


# the end


ENDS: dict[str, Callable[[Any], object]] = {
    "up": lambda context: up(context, yes),
    "resume": resume,
    "replay-dlq": lambda context: replay(context, Selection(context.aws.clock.now()), yes),
}


@pytest.mark.parametrize("command", ENDS)
def test_a_command_restores_the_age_when_the_waiting_records_have_expired(
    direct: DirectAccess, clock: FakeClock, command: str
) -> None:
    resume_after(direct, clock, 13 * HOUR)
    clock.sleep(24 * HOUR + 1)
    found = change(direct).attributes["maximum_record_age"]
    assert (found.before, found.after) == (-1, AGE)
    report = ENDS[command](direct.world.context())
    assert not isinstance(report, UpReport) or not report.catching_up
    assert [write for write in direct.world.writes() if write.startswith("lambda:")] == [UNTAG, UPDATE]
    assert (age(direct), CATCHING_UP_SINCE in tags(direct)) == (AGE, False)
    assert change(direct).action is Action.KEEP


@pytest.mark.parametrize(("hours", "ended"), [(10.8, True), (11, False)])
def test_the_age_is_restored_when_no_record_waits_for_long(
    direct: DirectAccess, clock: FakeClock, hours: float, ended: bool
) -> None:
    resume_after(direct, clock, 13 * HOUR)
    clock.sleep(HOUR)
    metric(direct, "AWS/Lambda", "IteratorAge", {"FunctionName": direct.names.processor}, hours * HOUR * 1000)
    assert (change(direct).action is Action.UPDATE) is ended


def test_records_that_were_written_and_not_processed_keep_the_state(direct: DirectAccess, clock: FakeClock) -> None:
    resume_after(direct, clock, 13 * HOUR)
    written = {"TableName": direct.names.orders_table, "Operation": "PutItem"}
    metric(direct, "AWS/DynamoDB", "SuccessfulRequestLatency", written, 1)
    clock.sleep(HOUR)
    assert change(direct).action is Action.KEEP


def test_without_a_write_within_24_hours_nothing_waits(direct: DirectAccess, clock: FakeClock) -> None:
    resume_after(direct, clock, 13 * HOUR)
    clock.sleep(HOUR)
    assert change(direct).action is Action.UPDATE


def test_status_reports_metrics_that_cannot_be_read_while_catching_up(direct: DirectAccess, clock: FakeClock) -> None:
    resume_after(direct, clock, 13 * HOUR)
    clock.sleep(HOUR)

    def attempt(call: Call, _: Mapping[str, Any], send: Callable[[], Any]) -> Any:
        if call.operation == "GetMetricData":
            raise AccessDeniedError("cloudwatch GetMetricData: denied")
        return send()

    direct.world.aws.attempt = attempt
    found = status(direct.world.context())
    assert [each.state for each in found.resources if each.resource == MAPPING] == [State.IN_SYNC]
    assert Finding.UNREADABLE in {check.finding for check in found.health.checks}


def test_status_reads_the_metrics_once_while_catching_up(direct: DirectAccess, clock: FakeClock) -> None:
    resume_after(direct, clock, 13 * HOUR)
    clock.sleep(HOUR)
    direct.world.calls.clear()
    status(direct.world.context())
    assert [call.operation for call in direct.world.calls].count("GetMetricData") == 1


def test_a_mapping_that_has_just_begun_stays_as_it_is(direct: DirectAccess, clock: FakeClock) -> None:
    """Each shard begins at a time of its own: the first datapoints can be of a shard without a backlog."""
    resume_after(direct, clock, 13 * HOUR)
    clock.sleep(14 * 60)
    assert change(direct).action is Action.KEEP


def test_a_paused_mapping_stays_as_it_is(direct: DirectAccess, clock: FakeClock) -> None:
    resume_after(direct, clock, 13 * HOUR)
    pause(direct.world.context(), "ada")
    clock.sleep(25 * HOUR)
    assert change(direct).action is Action.KEEP
    assert not up(direct.world.context(), yes).catching_up
    assert (mapping(direct)["State"], age(direct)) == ("Disabled", -1)


def test_without_the_state_no_metric_is_read(direct: DirectAccess) -> None:
    plan(direct.world.context())
    up(direct.world.context(), yes)
    resume(direct.world.context())
    assert [call for call in direct.world.calls if call.service == "cloudwatch" and "Metric" in call.operation] == []


# killed in between


@pytest.mark.parametrize("finish", [resume, ENDS["up"]], ids=["resume", "up"])
@pytest.mark.parametrize("writes", [0, 1, 2])
def test_a_resume_that_was_killed_loses_no_record(
    direct: DirectAccess, clock: FakeClock, writes: int, finish: Callable[[Any], object]
) -> None:
    """The mapping is not enabled with the age in force. `up` keeps a pause that still has its tags."""
    pause(direct.world.context(), "ada")
    clock.started = datetime.now(UTC)
    clock.sleep(13 * HOUR)
    with pytest.raises(Killed):
        resume(killed_at(direct, writes, clock).context())
    assert mapping(direct)["State"] == "Disabled"
    finish(direct.world.context())
    if writes == 0 and finish is not resume:
        assert mapping(direct)["State"] == "Disabled"
        resume(direct.world.context())
    assert (mapping(direct)["State"], age(direct), CATCHING_UP_SINCE in tags(direct)) == ("Enabled", -1, True)


@pytest.mark.parametrize(
    ("command", "writes"), [("up", 0), ("resume", 1), *([("up", 1), ("resume", 0)] if THOROUGH else [])]
)
def test_an_end_that_was_killed_is_finished_by_up(
    direct: DirectAccess, clock: FakeClock, writes: int, command: str
) -> None:
    resume_after(direct, clock, 13 * HOUR)
    clock.sleep(25 * HOUR)
    with pytest.raises(Killed):
        ENDS[command](killed_at(direct, writes, clock).context())
    assert age(direct) == -1
    up(direct.world.context(), yes)
    assert (age(direct), CATCHING_UP_SINCE in tags(direct)) == (AGE, False)
