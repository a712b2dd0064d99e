"""The processor: one object per version of an order, and no failure that nobody hears of."""

import ast
import contextlib
import functools
import json
import math
import sys
import threading
from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import boto3
import pytest
from botocore.config import Config
from hypothesis import given
from hypothesis import strategies as st

from tests.lambda_src.fakes import FakeS3, client_error
from tests.lambda_src.loading import SOURCES, Number, cases, load, parse

module = load("processor")

SOURCE = "arn:aws:dynamodb:eu-central-1:123456789012:table/orders/stream/2026-01-02T03:04:05.678"
CONTEXT = SimpleNamespace(function_name="processor", aws_request_id="request-1")
CASES = cases("processor_cases.json")
EXPECTED = cases("processor_cases.json", parse)
ALL_GOOD: dict[str, Any] = {"batchItemFailures": []}


def record(number: int, event_name: str = "INSERT", **image: Any) -> dict[str, Any]:
    return {
        "eventID": f"event-{number}",
        "eventName": event_name,
        "eventSourceARN": SOURCE,
        "dynamodb": {
            "ApproximateCreationDateTime": 1767323045,
            "SequenceNumber": str(number),
            "Keys": {"orderId": {"S": f"order-{number}"}},
            "NewImage": image,
        },
    }


def poison(number: int) -> dict[str, Any]:
    return record(number, amount={"S": "twelve"})


def batch(*records: object, **event: object) -> dict[str, Any]:
    return {"Records": list(records), **event}


def key(number: int) -> str:
    return f"processed-data/2026/01/02/event-{number}.json"


def quarantine_key(number: int) -> str:
    return f"failed-data/2026-01-02T03:04:05.678/{number:040}.json"


def reported(*numbers: int) -> dict[str, Any]:
    return {"batchItemFailures": [{"itemIdentifier": str(number)} for number in numbers]}


def no_sleep(seconds: float) -> None:
    raise AssertionError("slept")


def process(s3: Any, event: object, sleep: Callable[[float], None] = no_sleep) -> Any:
    return module.Processor(s3, "orders", sleep=sleep).process(event, CONTEXT)


def logged(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


@pytest.mark.parametrize("name", CASES)
def test_case(name: str, s3: FakeS3, context: SimpleNamespace, now: Callable[[], datetime]) -> None:
    case = CASES[name]
    processor = module.Processor(s3, "orders", now=now)
    if "error" in case:
        with pytest.raises(module.BatchError) as raised:
            processor.process(case["event"], context)
        assert case["error"] in str(raised.value)
    else:
        assert processor.process(case["event"], context) == case["response"]
    assert s3.objects() == EXPECTED[name]["objects"]


class TestNumbers:
    @given(
        st.decimals(allow_nan=False, allow_infinity=False, places=None).filter(lambda n: len(n.as_tuple().digits) < 39)
    )
    def test_are_written_with_every_digit(self, number: Decimal) -> None:
        for text in (str(number), f"{number:f}", f"{number:e}"):
            assert module.to_json({"N": text}) == text
            assert json.loads(module.to_json({"N": text}), parse_int=Decimal, parse_float=Decimal) == number

    @given(st.integers(-(10**38) + 1, 10**38 - 1))
    def test_are_written_with_every_digit_of_an_integer(self, number: int) -> None:
        assert parse(module.to_json({"L": [{"N": str(number)}]})) == [Number(number)]

    @pytest.mark.parametrize(
        "text", ["", "NaN", "Infinity", "1_000", "0x1", " 1", "1\n", "٣", ".5", "5.", "+5", "05", "1e"]
    )
    def test_that_are_no_json_make_the_record_fail_instead_of_the_object_unreadable(
        self, s3: FakeS3, text: str
    ) -> None:
        with pytest.raises(module.BatchError, match="not a DynamoDB value"):
            process(s3, batch(record(1, total={"N": text})))
        assert key(1) not in s3.versions


class TestOnce:
    def test_a_record_delivered_twice_is_one_object_with_one_version(self, bucket: Any) -> None:
        s3 = boto3.client("s3")
        process(s3, batch(record(1, state={"S": "first"})))
        assert process(s3, batch(record(1, state={"S": "second"}))) == ALL_GOOD
        (version,) = bucket.object_versions.all()
        assert version.key == key(1)
        assert json.loads(version.get()["Body"].read())["newImage"] == {"state": "first"}

    def test_a_record_twice_in_one_batch_is_one_object_with_one_version(self, s3: FakeS3) -> None:
        assert process(s3, batch(record(1), record(1))) == ALL_GOOD
        assert len(s3.versions[key(1)]) == 1

    def test_overwrite_replaces(self, bucket: Any) -> None:
        s3 = boto3.client("s3")
        process(s3, batch(record(1, state={"S": "first"})))
        assert process(s3, batch(record(1, state={"S": "second"}), overwrite=True)) == ALL_GOOD
        assert len(list(bucket.object_versions.all())) == 2
        assert json.loads(bucket.Object(key(1)).get()["Body"].read())["newImage"] == {"state": "second"}

    @pytest.mark.parametrize("overwrite", [None, False, "true", 1, "false"])
    def test_only_true_overwrites(self, s3: FakeS3, overwrite: object) -> None:
        process(s3, batch(record(1), overwrite=overwrite))
        assert s3.requests[0]["IfNoneMatch"] == "*"

    def test_a_conflict_is_tried_again(self, s3: FakeS3) -> None:
        s3.fail(key(1), client_error("ConditionalRequestConflict", 409))
        pauses: list[float] = []
        assert process(s3, batch(record(1)), pauses.append) == ALL_GOOD
        assert len(s3.versions[key(1)]) == len(pauses) == 1

    def test_a_conflict_that_ends_in_somebody_elses_write_is_a_success(self, s3: FakeS3) -> None:
        errors = client_error("ConditionalRequestConflict", 409), client_error("PreconditionFailed", 412)
        s3.fail(key(1), *errors)
        assert process(s3, batch(record(1)), lambda _: None) == ALL_GOOD

    def test_a_conflict_without_end_fails_the_record(self, s3: FakeS3) -> None:
        s3.fail(key(2), *[client_error("ConditionalRequestConflict", 409)] * 100)
        pauses: list[float] = []
        assert process(s3, batch(record(1), record(2)), pauses.append) == reported(2)
        assert pauses == [0.05, 0.1, 0.2, 0.4]
        assert [request["Key"] for request in s3.requests].count(key(2)) == 5


class TestKeys:
    @given(st.lists(st.text(min_size=1), min_size=2, max_size=2, unique=True))
    def test_two_records_never_share_one(self, names: list[str]) -> None:
        s3 = FakeS3()
        with_id = [record(1) | {"eventID": name} for name in (*names, *[f"sequence={name}" for name in names])]
        without_id = [record(1) | {"eventID": None} for _ in names]
        for made, name in zip(without_id, names, strict=True):
            made["dynamodb"]["SequenceNumber"] = name
        distinct = {made["eventID"] for made in with_id}
        assert process(s3, batch(*with_id, *without_id)) == ALL_GOOD
        assert len(s3.versions) == len(distinct) + len(without_id)

    @given(st.text(min_size=1))
    def test_no_id_leaves_its_folder(self, name: str) -> None:
        s3 = FakeS3()
        process(s3, batch(record(1) | {"eventID": name}))
        (written,) = s3.versions
        folder, _, last = written.rpartition("/")
        assert folder == "processed-data/2026/01/02"
        assert last.endswith(".json")
        assert last not in (".json", "..json")

    def test_an_id_that_is_no_unicode_fails_its_record(self, s3: FakeS3) -> None:
        assert process(s3, batch(record(1), record(2) | {"eventID": "\ud800"})) == reported(2)
        assert s3.objects()[quarantine_key(2)]["eventID"] == "\ud800"

    @pytest.mark.parametrize(
        ("name", "expected"), [("../../x", "..%2F..%2Fx"), ("shard-1:77", "shard-1%3A77"), ("a b?", "a%20b%3F")]
    )
    def test_an_unsafe_id_is_quoted_in_the_key_and_kept_in_the_metadata(
        self, s3: FakeS3, name: str, expected: str
    ) -> None:
        process(s3, batch(record(1) | {"eventID": name}))
        ((written, content),) = s3.objects().items()
        assert written == f"processed-data/2026/01/02/{expected}.json"
        assert content["metadata"]["recordId"] == name


class TestBatches:
    def test_a_thousand_records(self, bucket: Any) -> None:
        s3 = boto3.client("s3", config=Config(max_pool_connections=module.WRITERS))
        assert process(s3, batch(*map(record, range(1000)))) == ALL_GOOD
        assert {made.key for made in bucket.objects.all()} == {key(number) for number in range(1000)}

    def test_every_record_is_attempted_whatever_the_others_do(self, s3: FakeS3) -> None:
        bad = (1, 500, 999)
        records = [poison(number) if number in bad else record(number) for number in range(1000)]
        assert process(s3, batch(*records)) == reported(*bad)
        good = {key(number) for number in range(1000)} - {key(number) for number in bad}
        assert set(s3.versions) == good | {quarantine_key(number) for number in bad}

    def test_writes_run_in_parallel(self) -> None:
        both_are_writing = threading.Barrier(2, timeout=30)
        s3 = SimpleNamespace(put_object=lambda **_: both_are_writing.wait())
        assert process(s3, batch(record(1), record(2))) == ALL_GOOD

    def test_objects_are_json(self, s3: FakeS3) -> None:
        process(s3, batch(record(1)))
        (request,) = s3.requests
        assert request["Bucket"] == "orders"
        assert request["ContentType"] == "application/json"


class TestFailures:
    def test_of_one_key_in_s3_are_reported_and_logged_as_one_line(
        self, s3: FakeS3, capsys: pytest.CaptureFixture[str]
    ) -> None:
        s3.fail(key(2), client_error("InternalError", 500))
        assert process(s3, batch(record(1), record(2), record(3))) == reported(2)
        (line,) = logged(capsys)
        assert line.pop("reason").startswith("ClientError: An error occurred (InternalError)")
        assert line == {
            "level": "ERROR",
            "message": "record failed",
            "keys": {"orderId": {"S": "order-2"}},
            "eventId": "event-2",
            "sequenceNumber": "2",
            "requestId": "request-1",
        }

    def test_of_the_first_record_raise_once_everything_else_is_done(self, s3: FakeS3) -> None:
        with pytest.raises(module.BatchError) as raised:
            process(s3, batch(poison(1), record(2), poison(3)))
        assert str(raised.value) == (
            'record with keys {"orderId": {"S": "order-1"}} and sequence number 1 failed: '
            "InvalidOrderError: amount must be a number, got S 'twelve' (1 more of the batch failed)"
        )
        assert set(s3.versions) == {key(2), quarantine_key(1), quarantine_key(3)}

    def test_are_seen_by_the_errors_metric_at_the_retry(self, s3: FakeS3) -> None:
        records = [record(1), poison(2), record(3)]
        assert process(s3, batch(*records)) == reported(2)
        with pytest.raises(module.BatchError, match="sequence number 2 failed"):
            process(s3, batch(*records[1:]))
        assert all(len(versions) == 1 for versions in s3.versions.values())

    def test_name_a_long_value_by_its_ends(self, s3: FakeS3) -> None:
        with pytest.raises(module.BatchError) as raised:
            process(s3, batch(record(1, amount={"S": "x" * 400_000})))
        assert len(str(raised.value)) < 500

    def test_keep_the_raw_record_once(self, bucket: Any) -> None:
        s3 = boto3.client("s3")
        for _ in range(3):
            with pytest.raises(module.BatchError):
                process(s3, batch(poison(1)))
        (version,) = bucket.object_versions.all()
        assert version.key == quarantine_key(1)
        assert json.loads(version.get()["Body"].read()) == poison(1)

    def test_of_the_quarantine_are_logged_and_hide_nothing(
        self, s3: FakeS3, capsys: pytest.CaptureFixture[str]
    ) -> None:
        s3.fail(quarantine_key(1), client_error("AccessDenied", 403))
        with pytest.raises(module.BatchError, match="amount must be a number"):
            process(s3, batch(poison(1), poison(2)))
        lines = [(line["message"], line["sequenceNumber"]) for line in logged(capsys)]
        assert lines == [("record failed", "1"), ("record failed", "2"), ("record not quarantined", "1")]
        assert set(s3.versions) == {quarantine_key(2)}

    def test_without_a_place_in_the_quarantine_are_logged(self, s3: FakeS3, capsys: pytest.CaptureFixture[str]) -> None:
        assert process(s3, batch(record(1), poison(2) | {"eventSourceARN": None})) == reported(2)
        assert [line["message"] for line in logged(capsys)] == ["record failed", "record not quarantined"]


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**40), 10**40) | st.floats() | st.text(),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text() | st.sampled_from(list("SNBML")), inner, max_size=3)
    ),
    max_leaves=8,
)
PLACES = [
    (),
    ("eventID",),
    ("eventName",),
    ("eventSourceARN",),
    ("dynamodb",),
    ("dynamodb", "ApproximateCreationDateTime"),
    ("dynamodb", "SequenceNumber"),
    ("dynamodb", "Keys"),
    ("dynamodb", "NewImage"),
    ("dynamodb", "NewImage", "amount"),
    ("dynamodb", "OldImage"),
]


class TestOddData:
    @given(st.sampled_from(PLACES), JSON_VALUES)
    def test_in_a_record_is_written_or_reported_and_never_keeps_its_neighbours_from_being_written(
        self, place: tuple[str, ...], odd: object
    ) -> None:
        s3 = FakeS3()
        event = batch(record(1), replaced(record(2), place, odd), record(3))
        try:
            response = process(s3, event)
        except module.BatchError:
            pass
        else:
            done = [name for name in s3.versions if name.startswith("processed-data/")]
            ignored = event["Records"][1] and event["Records"][1].get("eventName") == "REMOVE"
            assert len(done) == 3 - len(response["batchItemFailures"]) - bool(ignored)
        assert {key(1), key(3)} <= set(s3.versions)

    @given(JSON_VALUES)
    def test_as_an_event_is_a_batch_without_records_or_an_error(self, event: object) -> None:
        for odd in (event, {"Records": event}):
            s3 = FakeS3()
            with contextlib.suppress(module.BatchError):
                assert process(s3, odd) == ALL_GOOD
            assert not s3.versions

    def test_nested_beyond_reason_fails_its_record_alone(self, s3: FakeS3) -> None:
        deep: dict[str, Any] = {"S": "bottom"}
        for _ in range(100_000):
            deep = {"L": [deep]}
        assert process(s3, batch(record(1), record(2, deep=deep), record(3))) == reported(2)

    @pytest.mark.parametrize("place", [("eventID",), ("dynamodb", "Keys")])
    @pytest.mark.parametrize(
        ("odd", "shown"),
        [(functools.reduce(lambda inner, _: [inner], range(100_000), []), "[[[[[[[...]]]]]]]"), (math.nan, "nan")],
        ids=["nested beyond reason", "no number"],
    )
    def test_that_has_no_json_is_logged_by_its_ends(
        self, s3: FakeS3, capsys: pytest.CaptureFixture[str], place: tuple[str, ...], odd: object, shown: str
    ) -> None:
        name = {"eventID": "eventId", "Keys": "keys"}[place[-1]]
        assert process(s3, batch(record(1), replaced(poison(2), place, odd))) == reported(2)
        assert logged(capsys)[0][name] == shown
        with pytest.raises(module.BatchError, match="sequence number 2 failed"):
            process(s3, batch(replaced(poison(2), place, odd)))

    def test_that_is_no_json_is_never_stored_as_some(self, s3: FakeS3) -> None:
        assert process(s3, batch(record(1), replaced(record(2), ("eventSourceARN",), math.inf))) == reported(2)
        assert set(s3.versions) == {key(1)}


def replaced(value: Any, place: tuple[str, ...], odd: object) -> Any:
    return value | {place[0]: replaced(value.get(place[0], {}), place[1:], odd)} if place else odd


class TestEnvironment:
    def test_gives_bucket_and_prefixes(self, bucket: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("BUCKET_NAME", "orders")
        monkeypatch.setenv("PROCESSED_PREFIX", "done")
        monkeypatch.setenv("FAILED_PREFIX", "broken")
        assert load("processor").handler(batch(record(1), poison(2)), CONTEXT) == reported(2)
        assert {made.key for made in bucket.objects.all()} == {
            "done/2026/01/02/event-1.json",
            f"broken/2026-01-02T03:04:05.678/{2:040}.json",
        }

    def test_has_default_prefixes_and_one_client_with_a_connection_for_each_writer(
        self, aws: None, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("BUCKET_NAME", "orders")
        fresh = load("processor")
        processor = fresh.processor()
        assert fresh.processor() is processor
        assert (processor.prefix, processor.failed_prefix) == ("processed-data", "failed-data")
        assert processor.s3.meta.config.max_pool_connections == fresh.WRITERS
        assert processor.s3.meta.config.retries == {"mode": "standard", "total_max_attempts": 3}

    def test_of_lambda_makes_the_client_before_the_first_event(
        self, aws: None, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        assert load("processor").processor.cache_info().currsize == 0
        monkeypatch.setenv("BUCKET_NAME", "orders")
        monkeypatch.setenv("AWS_LAMBDA_FUNCTION_NAME", "processor")
        assert load("processor").processor.cache_info().currsize == 1


@pytest.mark.parametrize("function", ["processor", "auditor"])
def test_handlers_need_nothing_but_python_and_what_the_runtime_ships(function: str) -> None:
    imported: set[str] = set()
    for node in ast.walk(ast.parse((SOURCES / function / "handler.py").read_text())):
        if isinstance(node, ast.Import):
            imported |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            imported.add(node.module or "")
    top = {name.partition(".")[0] for name in imported if not name.startswith("mypy_boto3_")}
    assert top <= sys.stdlib_module_names | {"boto3", "botocore"}
