"""The processor in both languages: one object per version of an order, and every failure reported and logged."""

import json
from base64 import b64encode
from datetime import UTC, timedelta, timezone
from decimal import Decimal
from types import SimpleNamespace
from typing import Any
from urllib.parse import quote

import boto3
import pytest
from botocore.config import Config
from hypothesis import given
from hypothesis import strategies as st

from tests.lambda_src.languages import REQUEST_ID, VERSION, Handlers, Raised, Ran
from tests.lambda_src.loading import Number, cases, load, parse

module = load("processor")

SOURCE = "arn:aws:dynamodb:eu-central-1:123456789012:table/orders/stream/2026-01-02T03:04:05.678"
CONTEXT = SimpleNamespace(function_name="processor", aws_request_id=REQUEST_ID)
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


def cause(reason: str) -> dict[str, Any]:
    """Return what the quarantine keeps beside a record."""
    return {
        "reason": reason,
        "failedAt": "2026-05-04T03:02:01.999Z",
        "requestId": REQUEST_ID,
        "functionVersion": VERSION,
    }


def reported(*numbers: int) -> dict[str, Any]:
    return {"batchItemFailures": [{"itemIdentifier": str(number)} for number in numbers]}


def blamed(ran: Ran) -> str:
    """Return the message of the batch's error."""
    assert isinstance(ran.answer, Raised)
    assert ran.answer.error == "BatchError"
    return ran.answer.message


NAMES = st.text(st.characters(), max_size=4) | st.sampled_from(["10", "9", "__proto__", "constructor", "\uffff", "🚚"])
JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(),
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


def replaced(value: Any, place: tuple[str, ...], odd: object) -> Any:
    return value | {place[0]: replaced(value.get(place[0], {}), place[1:], odd)} if place else odd


def process(s3: Any, event: object) -> Any:
    """Process the event with the Python handler and a boto3 client."""
    return module.Processor(s3, "orders").process(event, CONTEXT)


@pytest.mark.parametrize("name", CASES)
def test_processor_gives_the_expected_result(name: str, handlers: Handlers) -> None:
    case = CASES[name]
    ran = handlers.process(case["event"], failing=case.get("failing", {}))
    if "error" in case:
        assert blamed(ran) == case["error"]
    else:
        assert ran.answer == case["response"]
    expected = EXPECTED[name]["objects"]
    reasons = [line["reason"] for line in case.get("logged", []) if line["message"] == "record failed"]
    quarantined = {key: record for key, record in expected.items() if key.startswith("failed-data/")}
    kept = {
        key: {"record": record, "failure": cause(reason)}
        for (key, record), reason in zip(quarantined.items(), reasons, strict=False)
    }
    assert ran.objects() == expected | kept
    assert ran.logged() == [line | {"level": "ERROR", "requestId": REQUEST_ID} for line in case.get("logged", [])]


IMAGES = st.recursive(
    st.one_of(
        st.fixed_dictionaries({"S": st.text(st.characters())}),
        st.fixed_dictionaries({"B": st.binary(max_size=9).map(lambda content: b64encode(content).decode())}),
        st.fixed_dictionaries({"N": st.decimals(allow_nan=False, allow_infinity=False).map(str)}),
        st.fixed_dictionaries({"BOOL": st.booleans()}),
        st.just({"NULL": True}),
        st.fixed_dictionaries({"SS": st.lists(st.text(), min_size=1, max_size=3)}),
        st.fixed_dictionaries({"NS": st.lists(st.integers(-(10**37), 10**37).map(str), min_size=1, max_size=3)}),
    ),
    lambda inner: (
        st.fixed_dictionaries({"L": st.lists(inner, max_size=3)})
        | st.fixed_dictionaries({"M": st.dictionaries(NAMES, inner, max_size=3)})
    ),
    max_leaves=8,
)
MOMENTS = (
    st.integers(0, 253402300799)
    | st.floats(0, 4e9)
    | st.integers(0, 4 * 10**12).map(lambda milliseconds: milliseconds / 1000)
    | st.datetimes(timezones=st.sampled_from([UTC, timezone(timedelta(hours=-3, minutes=-30))])).map(str)
)


class TestBothLanguages:
    @given(st.lists(st.tuples(st.dictionaries(NAMES, IMAGES, max_size=5), MOMENTS), min_size=1, max_size=5))
    def test_write_the_same_bytes(self, python: Handlers, nodejs: Handlers, orders: list[Any]) -> None:
        records = [record(number, **image) for number, (image, _) in enumerate(orders)]
        for made, (_, moment) in zip(records, orders, strict=True):
            made["dynamodb"]["ApproximateCreationDateTime"] = moment
        one, other = python.process(batch(*records)), nodejs.process(batch(*records))
        assert one.answers == other.answers
        assert one.versions == other.versions
        assert one.lines == other.lines

    @given(st.sampled_from(PLACES), JSON_VALUES)
    def test_report_the_same_for_invalid_data(
        self, python: Handlers, nodejs: Handlers, place: tuple[str, ...], odd: object
    ) -> None:
        event = batch(record(1), replaced(record(2), place, odd), record(3))
        one, other = python.process(event), nodejs.process(event)
        assert one.answers == other.answers
        assert one.objects().keys() == other.objects().keys()
        assert one.lines == other.lines


class TestNumbers:
    @given(
        st.decimals(allow_nan=False, allow_infinity=False, places=None).filter(lambda n: len(n.as_tuple().digits) < 39)
    )
    def test_are_written_with_every_digit(self, handlers: Handlers, number: Decimal) -> None:
        spelled = [str(number), f"{number:f}", f"{number:e}"]
        ran = handlers.process(batch(record(1, total={"L": [{"N": text} for text in spelled]})))
        assert ran.objects()[key(1)]["newImage"]["total"] == [Number(text) for text in spelled]
        assert {Decimal(text) for text in spelled} == {number}

    @pytest.mark.parametrize(
        "text", ["", "NaN", "Infinity", "1_000", "0x1", " 1", "1\n", "٣", ".5", "5.", "+5", "05", "1e"]
    )
    def test_that_json_cannot_express_fail_the_record(self, handlers: Handlers, text: str) -> None:
        ran = handlers.process(batch(record(1, total={"N": text})))
        assert "not a DynamoDB value" in blamed(ran)
        assert key(1) not in ran.versions


class TestOnce:
    def test_a_record_that_is_delivered_twice_has_one_version(self, handlers: Handlers) -> None:
        ran = handlers.process(batch(record(1, state={"S": "first"})), batch(record(1, state={"S": "second"})))
        assert ran.answers == [ALL_GOOD, ALL_GOOD]
        assert len(ran.versions[key(1)]) == 1
        assert ran.objects()[key(1)]["newImage"] == {"state": "first"}

    def test_a_record_that_is_delivered_twice_has_one_version_in_s3(self, bucket: Any) -> None:
        s3 = boto3.client("s3")
        for state in ("first", "second"):
            assert process(s3, batch(record(1, state={"S": state}))) == ALL_GOOD
        (version,) = bucket.object_versions.all()
        assert version.key == key(1)
        assert json.loads(version.get()["Body"].read())["newImage"] == {"state": "first"}

    def test_a_record_that_is_twice_in_a_batch_has_one_version(self, handlers: Handlers) -> None:
        ran = handlers.process(batch(record(1), record(1)))
        assert ran.answer == ALL_GOOD
        assert len(ran.versions[key(1)]) == 1

    def test_overwrite_replaces_the_object(self, handlers: Handlers) -> None:
        first, second = batch(record(1, state={"S": "first"})), batch(record(1, state={"S": "second"}), overwrite=True)
        ran = handlers.process(first, second)
        assert ran.answers == [ALL_GOOD, ALL_GOOD]
        assert len(ran.versions[key(1)]) == 2
        assert ran.objects()[key(1)]["newImage"] == {"state": "second"}

    @pytest.mark.parametrize("overwrite", [None, False, "true", 1, "false"])
    def test_only_true_overwrites(self, handlers: Handlers, overwrite: object) -> None:
        (request,) = handlers.process(batch(record(1), overwrite=overwrite)).requests
        assert request["IfNoneMatch"] == "*"

    def test_a_conflict_is_retried(self, handlers: Handlers) -> None:
        ran = handlers.process(batch(record(1)), failing={key(1): ["ConditionalRequestConflict"]})
        assert ran.answer == ALL_GOOD
        assert len(ran.versions[key(1)]) == len(ran.pauses) == 1

    def test_a_conflict_with_a_write_that_succeeded_is_a_success(self, handlers: Handlers) -> None:
        codes = ["ConditionalRequestConflict", "PreconditionFailed"]
        assert handlers.process(batch(record(1)), failing={key(1): codes}).answer == ALL_GOOD

    def test_a_conflict_at_every_attempt_fails_the_record(self, handlers: Handlers) -> None:
        ran = handlers.process(batch(record(1), record(2)), failing={key(2): ["ConditionalRequestConflict"] * 100})
        assert ran.answer == reported(2)
        assert ran.pauses == [0.05, 0.1, 0.2, 0.4]
        assert [request["Key"] for request in ran.requests].count(key(2)) == 5


class TestKeys:
    @given(st.lists(st.text(min_size=1), min_size=2, max_size=2, unique=True))
    def test_two_records_never_share_a_key(self, handlers: Handlers, names: list[str]) -> None:
        with_id = [record(1) | {"eventID": name} for name in (*names, *[f"sequence={name}" for name in names])]
        without_id = [record(1) | {"eventID": None} for _ in names]
        for made, name in zip(without_id, names, strict=True):
            made["dynamodb"]["SequenceNumber"] = name
        distinct = {made["eventID"] for made in with_id}
        ran = handlers.process(batch(*with_id, *without_id))
        assert ran.answer == ALL_GOOD
        assert len(ran.versions) == len(distinct) + len(without_id)

    @given(st.text(min_size=1) | st.sampled_from([".", ".."]))
    def test_every_id_stays_in_its_folder(self, handlers: Handlers, name: str) -> None:
        (written,) = handlers.process(batch(record(1) | {"eventID": name})).versions
        folder, _, last = written.rpartition("/")
        assert folder == "processed-data/2026/01/02"
        assert last == f"{quote(name, safe='')}.json"

    def test_an_id_with_a_lone_surrogate_fails_its_record(self, handlers: Handlers) -> None:
        ran = handlers.process(batch(record(1), record(2) | {"eventID": "\ud800"}))
        assert ran.answer == reported(2)
        assert ran.objects()[quarantine_key(2)]["record"]["eventID"] == "\ud800"

    @pytest.mark.parametrize(
        ("name", "expected"), [("../../x", "..%2F..%2Fx"), ("shard-1:77", "shard-1%3A77"), ("a b?", "a%20b%3F")]
    )
    def test_an_unsafe_id_is_quoted_in_the_key_and_kept_in_the_metadata(
        self, handlers: Handlers, name: str, expected: str
    ) -> None:
        ((written, content),) = handlers.process(batch(record(1) | {"eventID": name})).objects().items()
        assert written == f"processed-data/2026/01/02/{expected}.json"
        assert content["metadata"]["recordId"] == name


class TestBatches:
    def test_a_thousand_records(self, bucket: Any) -> None:
        s3 = boto3.client("s3", config=Config(max_pool_connections=module.WRITERS))
        assert process(s3, batch(*map(record, range(1000)))) == ALL_GOOD
        assert {made.key for made in bucket.objects.all()} == {key(number) for number in range(1000)}

    def test_every_record_is_attempted_when_others_fail(self, handlers: Handlers) -> None:
        bad = (1, 500, 999)
        records = [poison(number) if number in bad else record(number) for number in range(1000)]
        ran = handlers.process(batch(*records))
        assert ran.answer == reported(*bad)
        good = {key(number) for number in range(1000)} - {key(number) for number in bad}
        assert set(ran.versions) == good | {quarantine_key(number) for number in bad}

    def test_writes_run_in_parallel(self, handlers: Handlers) -> None:
        assert handlers.process(batch(record(1), record(2)), together=2).answer == ALL_GOOD

    @pytest.mark.parametrize("owner", [None, "123456789012"])
    def test_objects_are_json_for_the_buckets_owner(self, handlers: Handlers, owner: str | None) -> None:
        (request,) = handlers.process(batch(record(1)), owner=owner).requests
        assert request["Bucket"] == "orders"
        assert request["ContentType"] == "application/json"
        assert request.get("ExpectedBucketOwner") == owner


class TestFailures:
    def test_of_a_put_are_reported_and_logged_as_one_line(self, handlers: Handlers) -> None:
        ran = handlers.process(batch(record(1), record(2), record(3)), failing={key(2): ["InternalError"]})
        assert ran.answer == reported(2)
        (line,) = ran.logged()
        assert "InternalError" in line.pop("reason")
        assert line == {
            "level": "ERROR",
            "message": "record failed",
            "keys": {"orderId": {"S": "order-2"}},
            "eventId": "event-2",
            "sequenceNumber": "2",
            "requestId": REQUEST_ID,
        }

    def test_of_the_first_record_raise_after_all_other_records_are_written(self, handlers: Handlers) -> None:
        ran = handlers.process(batch(poison(1), record(2), poison(3)))
        assert blamed(ran) == (
            'record with keys {"orderId": {"S": "order-1"}} and sequence number 1 failed: '
            'InvalidOrderError: amount must be a number, got "twelve" (1 more of the batch failed)'
        )
        assert set(ran.versions) == {key(2), quarantine_key(1), quarantine_key(3)}

    def test_of_a_later_record_raise_at_the_retry(self, handlers: Handlers) -> None:
        records = [record(1), poison(2), record(3)]
        ran = handlers.process(batch(*records), batch(*records[1:]))
        assert ran.answers[0] == reported(2)
        assert "sequence number 2 failed" in ran.answers[1].message
        assert all(len(versions) == 1 for versions in ran.versions.values())

    def test_cut_a_long_value_in_the_message(self, handlers: Handlers) -> None:
        assert len(blamed(handlers.process(batch(record(1, amount={"S": "x" * 400_000}))))) < 500

    def test_keep_the_raw_record_once(self, handlers: Handlers) -> None:
        ran = handlers.process(*[batch(poison(1))] * 3)
        ((written, (kept,)),) = ran.versions.items()
        assert written == quarantine_key(1)
        assert json.loads(kept)["record"] == poison(1)

    def test_keep_the_raw_record_once_in_s3(self, bucket: Any) -> None:
        s3 = boto3.client("s3")
        for _ in range(3):
            with pytest.raises(module.BatchError):
                process(s3, batch(poison(1)))
        (version,) = bucket.object_versions.all()
        assert version.key == quarantine_key(1)

    def test_of_the_quarantine_are_logged_beside_the_failed_record(self, handlers: Handlers) -> None:
        ran = handlers.process(batch(poison(1), poison(2)), failing={quarantine_key(1): ["AccessDenied"]})
        assert "amount must be a number" in blamed(ran)
        lines = [(line["message"], line["sequenceNumber"]) for line in ran.logged()]
        assert lines == [("record failed", "1"), ("record failed", "2"), ("record not quarantined", "1")]
        assert set(ran.versions) == {quarantine_key(2)}

    def test_of_a_record_without_a_quarantine_key_are_logged(self, handlers: Handlers) -> None:
        ran = handlers.process(batch(record(1), poison(2) | {"eventSourceARN": None}))
        assert ran.answer == reported(2)
        assert [line["message"] for line in ran.logged()] == ["record failed", "record not quarantined"]


class TestInvalidData:
    @given(st.sampled_from(PLACES), JSON_VALUES)
    def test_in_a_record_is_written_or_reported_and_the_other_records_are_written(
        self, handlers: Handlers, place: tuple[str, ...], odd: object
    ) -> None:
        event = batch(record(1), replaced(record(2), place, odd), record(3))
        ran = handlers.process(event)
        if not isinstance(ran.answer, Raised):
            done = [name for name in ran.versions if name.startswith("processed-data/")]
            ignored = event["Records"][1] and event["Records"][1].get("eventName") == "REMOVE"
            assert len(done) == 3 - len(ran.answer["batchItemFailures"]) - bool(ignored)
        assert {key(1), key(3)} <= set(ran.versions)

    @given(JSON_VALUES)
    def test_as_an_event_is_a_batch_without_records_or_an_error(self, handlers: Handlers, event: object) -> None:
        ran = handlers.process(event, {"Records": event})
        assert all(answer == ALL_GOOD or isinstance(answer, Raised) for answer in ran.answers)
        assert not ran.versions


class TestEnvironmentInPython:
    def test_has_bucket_and_prefixes(self, bucket: Any, monkeypatch: pytest.MonkeyPatch) -> None:
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

    def test_on_lambda_the_client_is_made_before_the_first_event(
        self, aws: None, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        assert load("processor").processor.cache_info().currsize == 0
        monkeypatch.setenv("BUCKET_NAME", "orders")
        monkeypatch.setenv("AWS_LAMBDA_FUNCTION_NAME", "processor")
        assert load("processor").processor.cache_info().currsize == 1
