"""The auditor in both languages: every message becomes one item, also when it is malformed or delivered again."""

import hashlib
import json
import re
from collections.abc import Iterable
from types import SimpleNamespace
from typing import Any

import boto3
import pytest
from boto3.dynamodb.conditions import Key
from boto3.dynamodb.types import TypeDeserializer
from hypothesis import given
from hypothesis import strategies as st

from tests.lambda_src.fakes import refuse_what_dynamodb_refuses
from tests.lambda_src.languages import REQUEST_ID, Handlers, Raised, Ran
from tests.lambda_src.loading import cases, load

module = load("auditor")

CONTEXT = SimpleNamespace(aws_request_id=REQUEST_ID)
CASES = cases("auditor_cases.json")
FAILURE_TYPES = {"RetryAttemptsExhausted", "RecordAgeExceeded", "UnparseableMessage", "Other"}
ALL_GOOD: dict[str, Any] = {"batchItemFailures": []}
KB = 1024


def message(body: object, message_id: object = "message-1", **fields: Any) -> dict[str, Any]:
    return {
        "messageId": message_id,
        "receiptHandle": "new at every delivery",
        "body": body if isinstance(body, str) else json.dumps(body),
        "attributes": {
            "ApproximateReceiveCount": "1",
            "SentTimestamp": "1767323460250",
            "SenderId": "AROA:processor",
            "ApproximateFirstReceiveTimestamp": "1767323460255",
        },
        "messageAttributes": {},
        "md5OfBody": "e4d909c290d0fb1ca068ffaddf22cbd0",
        "eventSource": "aws:sqs",
        "eventSourceARN": "arn:aws:sqs:eu-central-1:123456789012:dlq",
        "awsRegion": "eu-central-1",
    } | fields


def failure(first: int = 1, **fields: Any) -> dict[str, Any]:
    batch = {
        "streamArn": "arn:x",
        "shardId": "s",
        "startSequenceNumber": str(first),
        "endSequenceNumber": str(first + 1),
    }
    return {
        "requestContext": {"condition": "RetryAttemptsExhausted"},
        "timestamp": "2026-01-02T03:10:00.000Z",
        "DDBStreamBatchInfo": batch,
    } | fields


def batch(*messages: object) -> dict[str, Any]:
    return {"Records": list(messages)}


def audit(client: Any, *messages: object) -> Any:
    """Audit the messages with the Python handler and a boto3 client."""
    return module.Auditor(client, "audit").audit(batch(*messages), CONTEXT)


def items(ran: Ran) -> list[dict[str, Any]]:
    return [TypeDeserializer().deserialize({"M": item}) for item in ran.items]


def only_item(ran: Ran) -> dict[str, Any]:
    assert set(map(str, ran.answers)) == {str(ALL_GOOD)}
    (item,) = items(ran)
    return item


def blamed(ran: Ran) -> str:
    """Return the message of the batch's error."""
    assert isinstance(ran.answer, Raised)
    assert ran.answer.error == "BatchError"
    return ran.answer.message


def size(value: dict[str, Any]) -> int:
    """Return the bytes that DynamoDB counts for a typed value: https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/CapacityUnitCalculations.html"""
    ((kind, content),) = value.items()
    if kind == "M":
        return 3 + sum(1 + len(name.encode()) + size(member) for name, member in content.items())
    if kind == "L":
        return 3 + sum(1 + size(member) for member in content)
    return len(content.encode()) if kind == "S" else 2 + len(content) // 2


def assert_fits(items: Iterable[dict[str, Any]]) -> None:
    for item in items:
        refuse_what_dynamodb_refuses({"M": item})
        assert size({"M": item}) < 400 * KB
        assert item["timestamp"]["S"]
        assert item["failureType"]["S"] in FAILURE_TYPES


@pytest.mark.parametrize("name", CASES)
def test_auditor_gives_the_expected_result(name: str, handlers: Handlers) -> None:
    case = CASES[name]
    sent = message(case["body"])
    ran = handlers.audit(batch(sent))
    item = only_item(ran)
    assert item.pop("message") == {
        "messageId": "message-1",
        "body": sent["body"],
        "md5OfBody": sent["md5OfBody"],
        "sentTimestamp": "2026-01-02T03:11:00.250Z",
        "attributes": sent["attributes"],
        "messageAttributes": {},
        "eventSource": "aws:sqs",
        "eventSourceARN": sent["eventSourceARN"],
        "awsRegion": "eu-central-1",
    }
    assert item == case["item"]
    assert ran.lines == []
    assert_fits(ran.items)


class TestOnce:
    def test_the_same_message_twice_is_one_item(self, handlers: Handlers) -> None:
        again = message(failure(), receiptHandle="another")
        again["attributes"]["ApproximateReceiveCount"] = "2"
        ran = handlers.audit(batch(message(failure())), batch(again))
        assert ran.answers == [ALL_GOOD, ALL_GOOD]
        assert only_item(ran)["message"]["attributes"]["ApproximateReceiveCount"] == "1"

    def test_the_same_failure_in_two_messages_is_one_item(self, handlers: Handlers) -> None:
        ran = handlers.audit(batch(message(failure(), "a"), message(failure(), "b")))
        assert ran.answer == ALL_GOOD
        assert len(ran.items) == 1

    def test_two_failures_are_two_items(self, handlers: Handlers) -> None:
        messages = message(failure(1), "a"), message(failure(2), "a"), message("?", "a"), message("?", "b")
        assert len(handlers.audit(batch(*messages)).items) == 4

    @pytest.mark.parametrize("name", ["streamArn", "shardId", "startSequenceNumber", "endSequenceNumber"])
    @pytest.mark.parametrize("value", [None, "", 5, []])
    def test_a_failure_without_a_complete_range_is_identified_by_its_message(
        self, handlers: Handlers, name: str, value: object
    ) -> None:
        broken = failure()
        broken["DDBStreamBatchInfo"][name] = value
        item = only_item(handlers.audit(batch(message(broken))))
        assert item["auditId"] == hashlib.sha256(b"message-1").hexdigest()[:32]

    def test_the_result_of_a_replay_is_not_overwritten(self, table: Any) -> None:
        client = boto3.client("dynamodb")
        audit(client, message(failure()))
        (item,) = table.scan()["Items"]
        key = {"auditId": item["auditId"], "timestamp": item["timestamp"]}
        table.update_item(
            Key=key, UpdateExpression="SET replayStatus = :r", ExpressionAttributeValues={":r": "REPLAYED"}
        )
        assert audit(client, message(failure())) == ALL_GOOD
        assert [item["replayStatus"] for item in table.scan()["Items"]] == ["REPLAYED"]


class TestIndex:
    def test_a_query_for_every_type_is_complete_and_ordered_by_time(self, table: Any) -> None:
        for number, case in enumerate(CASES.values()):
            audit(boto3.client("dynamodb"), message(case["body"], f"message-{number}"))
        found = []
        for failure_type in sorted(FAILURE_TYPES):
            answer = table.query(
                IndexName="failure-type-index", KeyConditionExpression=Key("failureType").eq(failure_type)
            )
            times = [item["timestamp"] for item in answer["Items"]]
            assert times == sorted(times)
            found += answer["Items"]
        assert len(found) == len(CASES)

    @pytest.mark.parametrize(
        ("own", "expected"),
        [
            ("2026-01-02T03:10:00Z", "2026-01-02T03:10:00.000Z"),
            ("2026-01-02T03:10:00.123456+02:00", "2026-01-02T01:10:00.123Z"),
            ("2026-01-02T03:10:00", "2026-01-02T03:10:00.000Z"),
            ("2026-01-02 03:10:00.7", "2026-01-02T03:10:00.700Z"),
            ("2026-02-30T00:00:00Z", "2026-01-02T03:11:00.250Z"),
            ("2026-01-02T24:00:00Z", "2026-01-02T03:11:00.250Z"),
            ("2026-W01-1", "2026-01-02T03:11:00.250Z"),
            ("9999-12-31T23:59:59-01:00", "2026-01-02T03:11:00.250Z"),
            ("0000-12-31T23:59:59-01:00", "2026-01-02T03:11:00.250Z"),
            ("0001-01-01T00:00:00+01:00", "2026-01-02T03:11:00.250Z"),
            ("2099-01-01T00:00:00Z", "2026-01-02T03:11:00.250Z"),
            ("2026-01-02T03:12:00.251Z", "2026-01-02T03:11:00.250Z"),
            ("2026-01-02T03:12:00.250Z", "2026-01-02T03:12:00.250Z"),
            ("2026-01-01T03:11:00.250Z", "2026-01-01T03:11:00.250Z"),
            ("2026-01-01T03:11:00.249Z", "2026-01-02T03:11:00.250Z"),
            ("1970-01-01T00:00:00Z", "2026-01-02T03:11:00.250Z"),
            ("", "2026-01-02T03:11:00.250Z"),
            (None, "2026-01-02T03:11:00.250Z"),
            ([], "2026-01-02T03:11:00.250Z"),
        ],
    )
    def test_every_timestamp_has_the_same_form(self, handlers: Handlers, own: object, expected: str) -> None:
        assert only_item(handlers.audit(batch(message(failure(timestamp=own)))))["timestamp"] == expected

    @pytest.mark.parametrize("sent", [None, "", "soon", "9" * 30, [], "1.5", " 1", "1_0", "-1", "253402300800000"])
    def test_a_message_without_a_time_has_the_same_timestamp_at_every_delivery(
        self, handlers: Handlers, sent: object
    ) -> None:
        item = only_item(handlers.audit(batch(message("?", attributes={"SentTimestamp": sent}))))
        assert item["timestamp"] == "1970-01-01T00:00:00.000Z"

    def test_without_the_queues_time_the_bodys_own_is_taken(self, handlers: Handlers) -> None:
        odd = message(failure(timestamp="2099-01-01T00:00:00Z"), attributes={})
        assert only_item(handlers.audit(batch(odd)))["timestamp"] == "2099-01-01T00:00:00.000Z"


class TestSize:
    def test_a_body_of_300_kb_is_kept_whole(self, handlers: Handlers) -> None:
        kept = only_item(handlers.audit(batch(message("x" * 300 * KB))))["message"]
        assert kept["body"] == "x" * 300 * KB
        assert "bodyLength" not in kept
        assert "bodySha256" not in kept

    def test_a_body_of_a_megabyte_is_cut_with_its_length_and_hash(self, handlers: Handlers) -> None:
        body = json.dumps(failure(padding="x" * 1024 * KB))
        ran = handlers.audit(batch(message(body)))
        item = only_item(ran)
        assert item["failureType"] == "RetryAttemptsExhausted"
        assert item["message"]["body"] == body[: 300 * KB]
        assert item["message"]["bodyLength"] == len(body)
        assert item["message"]["bodySha256"] == hashlib.sha256(body.encode()).hexdigest()
        assert_fits(ran.items)

    def test_a_body_is_measured_in_bytes_and_cut_between_characters(self, handlers: Handlers) -> None:
        body = "\ufeff" + "🚚" * 100 * KB
        kept = only_item(handlers.audit(batch(message(body))))["message"]
        assert kept["body"] == "\ufeff" + "🚚" * (75 * KB - 1)
        assert kept["bodyLength"] == 3 + 400 * KB

    def test_moto_accepts_the_largest_item(self, table: Any) -> None:
        attributes = {f"a{number}": {"stringValue": "x" * 100, "dataType": "String"} for number in range(200)}
        huge = dict.fromkeys(("requestId", "functionArn", "condition"), "x" * KB * KB)
        largest = message(failure(requestContext=huge), messageAttributes=attributes)
        assert audit(boto3.client("dynamodb"), largest) == ALL_GOOD
        (item,) = table.scan()["Items"]
        assert item["message"]["messageAttributes"] == attributes

    @pytest.mark.parametrize("filler", [[{}] * 8_000, [[]] * 8_000, [1] * 10_000, {"a": "x" * 32_000}, [{}] * 100_000])
    def test_a_message_with_every_field_at_its_limit_fits(self, handlers: Handlers, filler: object) -> None:
        huge = "é" * 100 * KB
        body = failure(
            requestContext=dict.fromkeys(("requestId", "functionArn", "condition", "approximateInvokeCount"), huge),
            responseContext={"functionError": huge},
            DDBStreamBatchInfo=dict.fromkeys(failure()["DDBStreamBatchInfo"].keys() | {"batchSize"}, huge),
        )
        names = ("messageId", "md5OfBody", "eventSource", "eventSourceARN", "awsRegion")
        fields: dict[str, Any] = {"messageAttributes": filler, "attributes": filler, **dict.fromkeys(names, huge)}
        ran = handlers.audit(batch(message(body, **fields)))
        assert ran.answer == ALL_GOOD
        assert_fits(ran.items)

    @pytest.mark.parametrize("body", ["[" * KB * KB, "[" * 500_000 + "]" * 500_000])
    def test_a_body_of_brackets_is_audited(self, handlers: Handlers, body: str) -> None:
        assert only_item(handlers.audit(batch(message(body))))["failureType"] == "UnparseableMessage"


INTEGERS = st.integers(-(10**40), 10**40)
TEXTS = st.text(st.characters())
NAMES = st.text() | st.sampled_from(["10", "9", "__proto__", "constructor", "\uffff", "🚚"])
IN_A_BODY = st.recursive(
    st.none() | st.booleans() | INTEGERS | st.floats(allow_nan=False, allow_infinity=False) | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3),
    max_leaves=8,
)
IN_A_MESSAGE = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3),
    max_leaves=8,
)
"""The event is parsed before it reaches a Node.js handler, so integers are limited and have no fraction."""
PLACES = [
    ("requestContext",),
    ("requestContext", "condition"),
    ("requestContext", "approximateInvokeCount"),
    ("responseContext",),
    ("responseContext", "functionError"),
    ("timestamp",),
    ("DDBStreamBatchInfo",),
    ("DDBStreamBatchInfo", "shardId"),
    ("DDBStreamBatchInfo", "batchSize"),
]


def replaced(value: Any, place: tuple[str, ...], odd: object) -> Any:
    return value | {place[0]: replaced(value.get(place[0], {}), place[1:], odd)} if place else odd


def assert_audited(python: Handlers, nodejs: Handlers, *messages: object) -> None:
    """Audit the messages twice in both languages; expect the same items, one for each message."""
    one, other = [handlers.audit(batch(*messages), batch(*messages)) for handlers in (python, nodejs)]
    assert one == other
    assert one.answers == [ALL_GOOD, ALL_GOOD]
    assert len(one.items) == len(messages)
    assert_fits(one.items)


class TestInvalidData:
    @given(st.sampled_from(PLACES), IN_A_BODY)
    def test_in_a_body_is_audited(
        self, python: Handlers, nodejs: Handlers, place: tuple[str, ...], odd: object
    ) -> None:
        assert_audited(python, nodejs, message(replaced(failure(), place, odd)))

    @given(st.sampled_from(sorted(message("").keys() - {"messageId"})), IN_A_MESSAGE)
    def test_in_a_message_is_audited(self, python: Handlers, nodejs: Handlers, name: str, odd: object) -> None:
        assert_audited(python, nodejs, message("?") | {name: odd})

    @given(TEXTS)
    def test_in_a_text_is_audited(self, python: Handlers, nodejs: Handlers, odd: str) -> None:
        assert_audited(python, nodejs, message(odd, odd))

    @given(IN_A_MESSAGE)
    def test_as_a_message_is_audited(self, python: Handlers, nodejs: Handlers, odd: object) -> None:
        assert_audited(python, nodejs, odd)

    def test_that_dynamodb_refuses_is_stored_as_text(self, python: Handlers, nodejs: Handlers) -> None:
        deep: dict[str, Any] = {}
        for _ in range(50):
            deep = {"a": deep}
        odd = {"yes": True, "many": 10**38, "most": 10**38 - 1, "part": 1.5, "": "no name", "no": None}
        odd |= {"\ud800": "\ud800"}
        sent = message("?", attributes=odd, messageAttributes=deep)
        kept = only_item(python.audit(batch(sent)))["message"]
        numbers = {"many": str(10**38), "most": 10**38 - 1, "part": "1.5"}
        assert kept["attributes"] == {"yes": "true", "?": "?", **numbers}
        assert json.dumps(deep).startswith(json.dumps(kept["messageAttributes"]).partition('"{')[0])
        sent["attributes"] |= dict.fromkeys(("many", "most"), 2**53)
        assert_audited(python, nodejs, sent)

    def test_two_messages_without_an_id_are_two_items(self, python: Handlers, nodejs: Handlers) -> None:
        assert_audited(python, nodejs, message("one", messageId=None), message("two", messageId=None))

    @pytest.mark.parametrize("event", [{}, {"Records": None}, {"Records": []}, None, []])
    def test_an_event_without_messages_succeeds(self, handlers: Handlers, event: object) -> None:
        assert handlers.audit(event).answer == ALL_GOOD

    @pytest.mark.parametrize(("messages", "shown"), [("many", "many"), ({}, "{}"), (0, "0"), (False, "false")])
    def test_as_the_list_of_messages_is_an_error(self, handlers: Handlers, messages: object, shown: str) -> None:
        assert blamed(handlers.audit({"Records": messages})) == f"Records must be a list, got {shown}"


class TestFailures:
    def test_only_failed_messages_are_reported_and_each_is_logged_as_one_line(self, handlers: Handlers) -> None:
        messages = [message(failure(number), name) for number, name in enumerate("abc")]
        ran = handlers.audit(batch(*messages), failing={"b": ["ProvisionedThroughputExceededException"]})
        assert ran.answer == {"batchItemFailures": [{"itemIdentifier": "b"}]}
        assert {item["message"]["messageId"] for item in items(ran)} == {"a", "c"}
        (line,) = ran.logged()
        assert "ProvisionedThroughputExceededException" in line.pop("reason")
        assert line == {
            "level": "ERROR",
            "message": "message not audited",
            "messageId": "b",
            "requestId": REQUEST_ID,
        }

    def test_of_a_write_beside_a_transaction_are_reported_and_the_retry_audits_the_message_once(
        self, handlers: Handlers
    ) -> None:
        """A replay writes items in transactions, and DynamoDB refuses another write of an item meanwhile."""
        events = [batch(message(failure(1), "a"), message(failure(2), "b")), batch(message(failure(2), "b"))]
        ran = handlers.audit(*events, failing={"b": ["TransactionConflictException"]})
        assert ran.answers == [{"batchItemFailures": [{"itemIdentifier": "b"}]}, ALL_GOOD]
        assert sorted(item["message"]["messageId"] for item in items(ran)) == ["a", "b"]
        (line,) = ran.logged()
        assert "TransactionConflictException" in line["reason"]

    def test_of_every_message_of_a_batch_raise(self, handlers: Handlers) -> None:
        failing = {name: ["ResourceNotFoundException"] for name in "ab"}
        ran = handlers.audit(batch(message(failure(1), "a"), message(failure(2), "b")), failing=failing)
        assert re.match(r"message a was not audited: .*ResourceNotFoundException", blamed(ran))
        assert len(ran.lines) == 2

    def test_of_a_message_without_an_id_raise(self, handlers: Handlers) -> None:
        messages = message(failure(1), "a"), message(failure(2), "")
        ran = handlers.audit(batch(*messages), failing={"": ["InternalServerError"]})
        assert "message without an id" in blamed(ran)
        assert len(ran.items) == 1


class TestEnvironmentInPython:
    def test_has_the_table(self, table: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("AUDIT_TABLE_NAME", "audit")
        assert load("auditor").handler(batch(message(failure())), CONTEXT) == ALL_GOOD
        assert len(table.scan()["Items"]) == 1

    def test_has_one_client_with_a_connection_for_each_writer(self, aws: None, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("AUDIT_TABLE_NAME", "audit")
        fresh = load("auditor")
        auditor = fresh.auditor()
        assert fresh.auditor() is auditor
        assert auditor.dynamodb.meta.config.max_pool_connections == fresh.WRITERS
        assert auditor.dynamodb.meta.config.retries == {"mode": "standard", "total_max_attempts": 3}

    def test_on_lambda_the_client_is_made_before_the_first_event(
        self, aws: None, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        assert load("auditor").auditor.cache_info().currsize == 0
        monkeypatch.setenv("AUDIT_TABLE_NAME", "audit")
        monkeypatch.setenv("AWS_LAMBDA_FUNCTION_NAME", "auditor")
        assert load("auditor").auditor.cache_info().currsize == 1
