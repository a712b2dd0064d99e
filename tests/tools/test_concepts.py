"""The pictures of the concepts match the program: the handler, the config, the audit table, the planner."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from tools.pictures import concept_clocks, concept_failures, concept_ownership, concept_records, concept_replay
from tools.pictures.blocks import Card, Text, one_line
from tools.pictures.drawn import config

from pipectl.aws.stream_records import STREAM_RETENTION
from pipectl.config.models import Config, StreamMappingConfig
from pipectl.engine.model import Action
from pipectl.failures import audit_updates
from pipectl.failures.audit_updates import Update
from pipectl.failures.model import object_key
from pipectl.failures.outcomes import Outcome
from pipectl.failures.resolution import Resolution
from pipectl.failures.status import FAILURE_TYPES, UNRESOLVED, ReplayStatus
from pipectl.output.svg import LIGHT, Theme
from tests.failures.expressions import Expression
from tests.lambda_src.loading import load
from tests.support import ROOT

NOW = datetime(2026, 3, 1, tzinfo=UTC)
ONE_ERROR = 4
HOUR = timedelta(hours=1)


def changed(section: str, **values: object) -> Config:
    """Return the config of the pictures with other values in a section."""
    return config().model_copy(update={section: getattr(config(), section).model_copy(update=values)})


@pytest.mark.parametrize(
    ("draw", "section", "values", "shown"),
    [
        (concept_records.draw, "stream_mapping", {"batch_size": 55}, "up to 55 records"),
        (concept_records.draw, "bucket", {"prefix": "elsewhere"}, "elsewhere/2026/03/01/"),
        (concept_failures.draw, "stream_mapping", {"retry_attempts": 1}, "5 invocations, 3 errors"),
        (concept_replay.draw, "processor", {"timeout": 120}, "claimed for 6 min"),
        (concept_clocks.draw, "stream_mapping", {"maximum_record_age": 6 * 3600}, "6 h  to the queue"),
        (concept_clocks.draw, "dead_letter_queue", {"retention_days": 7}, "in the queue: 7 days"),
        (concept_clocks.draw, "processor_log_group", {"retention_days": 90}, "in the log group: 90 days"),
    ],
)
def test_a_picture_shows_the_values_of_the_config(
    draw: Callable[[Theme, Config], str], section: str, values: dict[str, object], shown: str
) -> None:
    assert shown not in draw(LIGHT, config())
    assert shown in draw(LIGHT, changed(section, **values))


class TestTries:
    """The tries of a batch with one failing record."""

    @pytest.mark.parametrize("failing", range(concept_failures.RECORDS))
    def test_each_try_has_the_result_of_the_handler(self, failing: int) -> None:
        handler = load("processor")
        done, (failure,) = concept_failures.tries(concept_failures.RECORDS, failing, StreamMappingConfig())

        for one in done:
            wrong = [] if one.failed is None else [handler.Failure(one.failed - one.start, record(one.failed), "no")]
            if one.raised:
                with pytest.raises(handler.BatchError):
                    handler.respond(wrong)
            else:
                named = [] if one.failed is None else [{"itemIdentifier": str(one.failed)}]
                assert handler.respond(wrong) == {"batchItemFailures": named}
        assert [each["dynamodb"]["SequenceNumber"] for each in failure.records] == [str(failing)]

    def test_the_errors_of_an_invalid_order_are_those_of_the_page(self) -> None:
        """See docs/concepts/failures.md: 4 errors alone, 4 to 10 in a batch of 100, 9 or 10 at most places."""
        mapping = StreamMappingConfig()
        batch = mapping.batch_size
        errors = [sum(one.raised for one in concept_failures.tries(batch, at, mapping)[0]) for at in range(batch)]

        assert sum(one.raised for one in concept_failures.tries(1, 0, mapping)[0]) == ONE_ERROR
        assert (min(errors), max(errors)) == (ONE_ERROR, 10)
        assert sum(count in (9, 10) for count in errors) > batch / 2


def record(number: int) -> dict[str, Any]:
    return {"dynamodb": {"SequenceNumber": str(number), "Keys": {}}}


def test_the_objects_have_the_names_that_the_processor_gives_them() -> None:
    handler, written = load("processor"), list[str]()
    s3 = SimpleNamespace(put_object=lambda **request: written.append(request["Key"]))
    processor = handler.Processor(s3, "bucket", config().bucket.prefix)
    context = SimpleNamespace(function_name="f", aws_request_id="r")

    for each in concept_records.records():
        processor.process({"Records": [each]}, context)

    assert written == [object_key(config().bucket.prefix, each) for each in concept_records.records()]
    assert len(written) == 2


def allowed(update: Update, status: ReplayStatus) -> bool:
    """Return whether an update of an item with a status is done."""
    claimed = {"claimedBy": {"S": "me"}} if "replayedBy" in update.expression else {}
    item = {"auditId": {"S": "1"}, "replayStatus": {"S": str(status)}, **claimed}
    return Expression(update.condition, item, update.values, {}).condition()


def after(update: Update) -> str:
    found: str = Expression(update.expression, {"auditId": {"S": "1"}}, update.values, {}).update()["replayStatus"]["S"]
    return found


COMMANDS = {
    concept_replay.REPLAY: audit_updates.claim(NOW, "me", NOW, again=False),
    concept_replay.FORCED: audit_updates.claim(NOW, "me", NOW, again=True),
    concept_replay.RESOLVE: audit_updates.resolve(Resolution(NOW, "ada", "why")),
    concept_replay.UNDO: audit_updates.undo_resolution(ReplayStatus.OPEN),
}


class TestTransitions:
    """The arrows between the statuses of a failure."""

    def test_the_picture_has_every_command(self) -> None:
        assert {each.command for each in concept_replay.TRANSITIONS} == set(COMMANDS)

    @pytest.mark.parametrize("transition", concept_replay.TRANSITIONS, ids=lambda each: each.command)
    def test_the_audit_table_allows_the_statuses_before(self, transition: concept_replay.Transition) -> None:
        found = {status for status in ReplayStatus if allowed(COMMANDS[transition.command], status)}
        if transition.command == concept_replay.FORCED:
            found -= set(UNRESOLVED)  # the other arrow has these
        assert found == set(transition.before)

    def test_a_replay_writes_each_of_its_outcomes(self) -> None:
        updates = [audit_updates.settle(Outcome(status), "me", NOW) for status in concept_replay.OUTCOMES]
        assert [after(update) for update in updates] == [str(status) for status in concept_replay.OUTCOMES]

    def test_resolving_and_undoing_write_the_statuses_of_their_arrows(self) -> None:
        assert after(COMMANDS[concept_replay.RESOLVE]) == ReplayStatus.RESOLVED
        undone = [after(audit_updates.undo_resolution(status)) for status in UNRESOLVED]
        assert undone == [str(status) for status in UNRESOLVED]


def test_the_picture_of_ownership_shows_every_action() -> None:
    assert concept_ownership.actions() == set(Action)


def test_only_the_managed_are_deleted_when_they_are_switched_off() -> None:
    assert concept_ownership.Case(wanted=False, managed=False).action() is None


def rows(page: str, heading: str) -> list[list[str]]:
    """Return the cells of the table below a heading of a page of the concepts, without marks of code."""
    _, _, part = (ROOT / "docs" / "concepts" / page).read_text().partition(f"\n## {heading}\n")
    lines = [line for line in part.partition("\n## ")[0].splitlines() if line.startswith("|")]
    return [[cell.strip().replace("`", "") for cell in line.split("|")[1:-1]] for line in lines[2:]]


def test_the_page_of_failures_has_each_type_and_each_status() -> None:
    assert [row[0] for row in rows("failures.md", "Types")] == [*FAILURE_TYPES]
    assert {row[0] for row in rows("failures.md", "Statuses")} == set(ReplayStatus)


def test_the_page_of_clocks_has_the_limits_of_the_config() -> None:
    hours = [STREAM_RETENTION // HOUR, config().stream_mapping.maximum_record_age // 3600]
    days = [config().dead_letter_queue.retention_days, config().processor_log_group.retention_days]
    times = [row[1] for row in rows("clocks.md", "Limits")]

    assert [int(time.split()[0]) for time in times if " hours" in time] == hours
    assert [int(time.split()[0]) for time in times if " days" in time] == days


def test_a_text_without_room_is_an_error() -> None:
    with pytest.raises(ValueError, match="wider than"):
        Card(0, 0, 60, [Text("unbreakableword")]).drawn()
    with pytest.raises(ValueError, match="wider than"):
        one_line(0, 0, 60, Text("two words here"))
