"""Readers of messages, items, lines and answers return a value or raise a pipectl error, for any data."""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pipectl.aws.stream_records import kept_record
from pipectl.commands.audit import AuditDetail, AuditEntry, AuditPage, AuditSummary, ExpiryClock
from pipectl.config.names import PAUSE_TAGS
from pipectl.errors import UsageError
from pipectl.failures import saved
from pipectl.failures.audit_queries import OF_TYPES, Position
from pipectl.failures.audit_table import Selection
from pipectl.failures.batching import merged
from pipectl.failures.dead_letter_queue import audit_messages
from pipectl.failures.explanation import Explainer, grouped
from pipectl.failures.model import Damage, FailedRecord, Failure, Record, SequenceNumber
from pipectl.failures.processor_client import ProcessorClient
from pipectl.failures.status import ReplayStatus
from pipectl.output import audit, audit_show
from pipectl.output.console import Screen
from pipectl.output.records import keys_shown
from pipectl.pause_tags import Pause
from tests.failures.fakes import AUDITOR, BUCKET, LOG_GROUP, PROCESSOR, Process, World
from tests.fuzz.strategies import DEEP, JSON, TEXTS, json_of, places_of, replaced, without

NOW = datetime(2026, 1, 1, tzinfo=UTC)
NUMBER = "100000000000000000000001"
RECORD: Any = {
    "eventName": "INSERT",
    "eventSourceARN": "arn:aws:dynamodb:us-east-1:123456789012:table/t/stream/2026-01-01T00:00:00.000",
    "dynamodb": {"SequenceNumber": NUMBER, "Keys": {"id": {"S": "a"}}},
}

# items, as DynamoDB can hold them

_BYTES = st.binary(max_size=8)
_NUMBERS = st.integers(-(10**38) + 1, 10**38 - 1).map(str) | st.sampled_from(["0", "1E+125", "-1.5E-130", "0.1"])
VALUES = st.recursive(
    TEXTS.map(lambda text: {"S": text})
    | _NUMBERS.map(lambda number: {"N": number})
    | _BYTES.map(lambda raw: {"B": raw})
    | st.booleans().map(lambda truth: {"BOOL": truth})
    | st.just({"NULL": True})
    | st.sets(TEXTS, min_size=1, max_size=3).map(lambda texts: {"SS": sorted(texts)})
    | st.sets(_BYTES, min_size=1, max_size=3).map(lambda raws: {"BS": sorted(raws)})
    | st.sets(_NUMBERS, min_size=1, max_size=3).map(lambda numbers: {"NS": sorted(numbers)}),
    lambda inner: (
        st.lists(inner, max_size=3).map(lambda members: {"L": members})
        | st.dictionaries(TEXTS, inner, max_size=3).map(lambda members: {"M": members})
    ),
    max_leaves=6,
)
_STREAM = {
    "arn": {"S": RECORD["eventSourceARN"]},
    "shardId": {"S": "shardId-00000001"},
    "startSequenceNumber": {"S": NUMBER},
    "endSequenceNumber": {"S": NUMBER},
    "firstArrival": {"S": "2026-01-01T00:00:00Z"},
    "lastArrival": {"S": "2026-01-01T00:00:00Z"},
}
_ITEM = {
    "failureType": {"S": "Other"},
    "replayStatus": {"S": "OPEN"},
    "stream": {"M": _STREAM},
    "message": {"M": {"body": {"S": "?"}}},
    "failingRecords": {"L": [{"M": {"sequenceNumber": {"S": NUMBER}}}]},
}
_OWN = [(name,) for name in _ITEM] + [("stream", "M", name) for name in _STREAM]
ITEMS = st.builds(replaced, st.just(_ITEM), st.sampled_from(_OWN), VALUES) | st.dictionaries(TEXTS, VALUES)


@given(ITEMS, TEXTS, TEXTS)
@example({"failureType": {"B": b"\xff"}, "replayStatus": {"BS": [b"\xff"]}}, "id", "time")
def test_an_audit_item_is_read_and_shown(item: dict[str, Any], audit_id: str, timestamp: str) -> None:
    failure = Failure.of({**item, "auditId": {"S": audit_id}, "timestamp": {"S": timestamp}})
    assert failure.status in ReplayStatus
    if where := failure.range:
        ((whole, _),) = merged([(where, failure)])
        assert where.first <= where.last == whole.last
    process = Process(World())
    explainer = Explainer(
        process.aws, BUCKET, "failed-data", log_group=LOG_GROUP, partition_key="orderId", record_age=timedelta(hours=12)
    )
    (explanation,) = explainer.explain([failure]).explanations
    entry = AuditEntry(explanation, ExpiryClock.of(failure, NOW), failure.unreplayable("arn:"))
    summary = AuditSummary(1, False, NOW, NOW, tuple(grouped([explanation])))
    for json_output in (True, False):
        screen = Screen(json_output=json_output)
        screen.out.file = screen.err.file = io.StringIO()
        found = AuditPage((entry,), Position("").after(OF_TYPES["Other"], failure).token(), NOW, summary)
        audit.page(screen, found, Selection(NOW), limit=1)
        audit_show.details(screen, [AuditDetail(entry, NOW)], full=True)
        audit_show.before_asking(screen, [entry])


@given(ITEMS)
@example({"stream": {"M": {"firstArrival": {"S": "9999-12-31T23:59:59Z"}}}})
def test_a_clock_is_a_time_in_utc_or_none(item: dict[str, Any]) -> None:
    failure = Failure.of(item)
    for clock in (failure.starts_to_expire, failure.at_risk):
        assert clock is None or clock.tzinfo is UTC


# tokens, tags, lines


@given(TEXTS | st.builds(json_of, JSON | DEEP).map(lambda text: base64.urlsafe_b64encode(text.encode()).decode()))
@example(base64.urlsafe_b64encode(b"[" * 5000).decode())
def test_a_token_is_a_position_or_a_usage_error(token: str) -> None:
    with suppress(UsageError):
        position = Position.of_token(token)
        assert Position.of_token(position.token()) == position


@given(st.dictionaries(st.sampled_from(PAUSE_TAGS), TEXTS))
@example({"PausedSince": "0001-01-01T00:00:00+23:59"})
@example({"PausedSince": "9999-12-31T23:59:59-23:59"})
def test_tags_tell_of_a_pause_or_of_none(tags: dict[str, str]) -> None:
    if pause := Pause.of_tags(tags):
        assert pause.describe(NOW)
        assert pause.tags().keys() == set(PAUSE_TAGS)


_ODD = JSON | DEEP
_QUARANTINED = {
    "record": RECORD,
    "failure": {"reason": "r", "failedAt": "2026-01-02T03:04:05.678Z", "requestId": "r-1", "functionVersion": "7"},
}


def _odd(kept: Any) -> st.SearchStrategy[Any]:
    places = st.sampled_from(places_of(kept))
    return st.builds(replaced, st.just(kept), places, _ODD) | st.builds(without, st.just(kept), places)


_ODD_RECORDS = _odd(RECORD) | _odd(_QUARANTINED) | _ODD
LINES = st.builds(json_of, _ODD_RECORDS).map(str.encode) | st.binary()


@given(LINES)
def test_a_line_is_a_record_or_none(line: bytes) -> None:
    if kept := kept_record(line):
        assert SequenceNumber.of(kept.event).value >= 0
        keys_shown(kept.event["dynamodb"].get("Keys"))


@given(st.lists(LINES, max_size=4))
def test_of_a_file_every_line_is_taken_or_named(folder: Path, lines: list[bytes]) -> None:
    """But for empty ends, a line is what comes before a line break."""
    failure = Failure({"auditId": "a", "timestamp": "t"})
    (folder / "a.jsonl").write_bytes(b"\n".join(lines))
    readings = list(saved.read(folder, failure))
    records = [reading for reading in readings if isinstance(reading, Record)]
    damaged = [reading for reading in readings if isinstance(reading, Damage)]
    with (folder / "a.jsonl").open(encoding="utf-8", errors="replace") as file:
        assert len(records) + len(damaged) == sum(1 for _ in file)
    assert saved.write(folder, failure, records) == len(records)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("saved")


# answers of functions


class Body:
    def __init__(self, payload: bytes) -> None:
        self.payload = payload

    def read(self) -> bytes:
        return self.payload


_ITEMS_FAILED = st.lists(st.builds(lambda name: {"itemIdentifier": name}, _ODD | st.just(NUMBER)) | _ODD, max_size=3)
PAYLOADS = (
    st.builds(json_of, _ODD | st.builds(lambda failed: {"batchItemFailures": failed}, _ITEMS_FAILED | _ODD))
    | st.builds(json_of, st.builds(lambda kind, words: {"errorType": kind, "errorMessage": words}, _ODD, _ODD))
).map(str.encode) | st.binary()


def answering(payload: bytes, error: str | None) -> World:
    world = World()
    answer: Mapping[str, Any] = {"Payload": Body(payload)} | ({"FunctionError": error} if error else {})
    world.faults[PROCESSOR] = world.faults[AUDITOR] = lambda _: dict(answer)
    return world


@given(PAYLOADS, st.sampled_from([None, "Unhandled"]))
def test_an_answer_of_the_processor_means_that_all_is_done_or_names_what_fails(
    payload: bytes, error: str | None
) -> None:
    second = replaced(RECORD, ("dynamodb", "SequenceNumber"), str(int(NUMBER) + 1))
    failing = ProcessorClient(Process(answering(payload, error)).aws, PROCESSOR).process([RECORD, second])
    assert {each.sequence_number.text for each in failing} <= {NUMBER, str(int(NUMBER) + 1)}
    assert all(isinstance(each, FailedRecord) and each.error for each in failing)
    assert len(failing) == 2 or not error


@given(PAYLOADS, st.sampled_from([None, "Unhandled"]))
def test_an_answer_of_the_auditor_means_that_all_is_audited_or_is_an_error(payload: bytes, error: str | None) -> None:
    world = answering(payload, error)
    world.messages.append({"MessageId": "m", "Body": "?", "Attributes": {}, "visible": 0.0})
    found = audit_messages(Process(world).aws, "url", "arn", AUDITOR)
    assert (found.audited, found.failed) in ((1, 0), (0, 1))
    assert (found.error is None, len(world.messages)) == (found.audited == 1, found.failed)


@given(_ODD)
@example({"id": "no type"})
def test_keys_of_any_shape_are_shown(keys: Any) -> None:
    assert isinstance(keys_shown(keys if isinstance(keys, dict) else {"id": keys}), str)
