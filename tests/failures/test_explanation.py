"""Explanations of failures: orders and reasons from quarantine and log, the place of the records, and bounded reads."""

from __future__ import annotations

import _thread
import json
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from pipectl.aws.stream_records import Cause
from pipectl.errors import AbsentError, CancelledError
from pipectl.failures.explanation import (
    MOST_EXPLAINED,
    CauseGroup,
    Explained,
    Explainer,
    Explanation,
    FailedOrder,
    Safety,
    grouped,
)
from pipectl.failures.model import Failure, SequenceNumber
from pipectl.failures.processor_logs import MOST_NUMBERS
from pipectl.failures.quarantine import LARGEST_OBJECT, MOST_PAGES, Listing, Quarantine
from tests.failures.fakes import BUCKET, LOG_GROUP, Process, World, aws_error
from tests.failures.running import audited_failures

HOURS_12 = timedelta(hours=12)
AMOUNT = 'InvalidOrderError: amount must be a number, got S "EUR 58"'
CAUSE = Cause(AMOUNT, datetime(2026, 1, 1, tzinfo=UTC), "request-1", "3")


def explainer(process: Process, **changes: Any) -> Explainer:
    settings: dict[str, Any] = {"log_group": LOG_GROUP, "partition_key": "orderId", "record_age": HOURS_12}
    return Explainer(process.aws, BUCKET, "failed-data", **settings | changes)


def explain(where: World | Process, *audit_ids: str) -> Explained:
    process = where if isinstance(where, Process) else Process(where)
    failures = audited_failures(process.world, *audit_ids)
    return explainer(process).explain(sorted(failures, key=lambda failure: audit_ids.index(failure.audit_id)))


def explain_one(where: World | Process, audit_id: str) -> Explanation:
    (found,) = explain(where, audit_id).explanations
    return found


def poison(world: World, cause: Cause | None = CAUSE) -> str:
    """Fail and quarantine one order. Return the failure's id."""
    number = world.order(poison=True)
    world.quarantine(number, cause=cause)
    return world.give_up(number)


def test_order_and_reason_come_from_the_quarantine() -> None:
    world = World()
    found = explain_one(world, poison(world))
    (order,) = found.orders
    assert (order.key, order.reason, order.cause, order.quarantined) == ("order-0", AMOUNT, CAUSE, True)
    assert (found.order_keys, found.reason, found.at_most) == (("order-0",), AMOUNT, False)
    assert (found.safety, found.quarantined, found.until, found.records) == (Safety.QUARANTINED, True, None, 1)


def test_a_repeated_explanation_reads_only_the_objects_that_changed() -> None:
    world = World()
    process, failures = Process(world), audited_failures(world, *(poison(world) for _ in range(3)))
    repeated = explainer(process)
    first = repeated.explain(failures)
    assert process.count("GetObject") == 3
    assert repeated.explain(failures) == first
    assert process.count("GetObject") == 3
    changed, removed, _ = sorted(world.s3.versions)
    world.s3.versions[changed] = [b"garbage"]
    del world.s3.versions[removed]
    found = Counter(each.safety for each in repeated.explain(failures).explanations)
    assert found == {Safety.STREAM: 2, Safety.QUARANTINED: 1}
    assert process.count("GetObject") == 4


def test_a_record_that_was_quarantined_without_its_cause_has_the_reason_of_the_log() -> None:
    world = World()
    failure = poison(world, cause=None)
    world.log_failure("000000000000000000137", "ClientError: an error", requestId="r-7")
    found = explain_one(world, failure)
    assert (found.order_keys, found.reason, found.safety) == (("order-0",), "ClientError: an error", Safety.QUARANTINED)
    assert found.cause == Cause("ClientError: an error", world.clock.now(), "r-7")


def test_without_a_quarantine_order_and_reason_come_from_the_log_and_the_stream_is_the_only_copy() -> None:
    world = World()
    number = world.order(poison=True)
    failure = world.give_up(number)
    world.log("START RequestId: r-1 Version: 3")
    world.log_failure(number, AMOUNT)
    found = explain_one(world, failure)
    assert (found.order_keys, found.reason) == (("order-0",), AMOUNT)
    assert (found.safety, found.until) == (Safety.STREAM, world.clock.now() + timedelta(hours=24))


@pytest.mark.parametrize(
    "line",
    ["", "[]", "7", "[" * 100_000, '{"sequenceNumber": 137}', '{"sequenceNumber": "137", "reason": 7, "keys": [1]}'],
    ids=["empty", "list", "number", "deep", "sequence number", "wrong types"],
)
def test_an_odd_line_of_the_log_is_no_error(line: str) -> None:
    world = World()
    failure = world.give_up(world.order())
    world.log(line)
    found = explain_one(world, failure)
    assert (found.order_keys, found.reason) == ((), None)


def test_after_24_hours_a_record_without_a_quarantine_is_gone() -> None:
    world = World()
    failure = world.give_up(world.order())
    world.clock.sleep(24 * 3600)
    found = explain_one(world, failure)
    assert (found.safety, found.until, found.quarantined) == (Safety.GONE, None, False)


def test_an_arrival_after_the_failure_does_not_prolong_the_time_of_the_stream() -> None:
    world = World()
    late = "2027-01-01T00:00:00Z"
    failure = world.give_up(world.order(), approximateArrivalOfFirstRecord=late, approximateArrivalOfLastRecord=late)
    assert explain_one(world, failure).until == world.clock.now() + timedelta(hours=24)


@pytest.mark.parametrize("error", ["the last error", ""])
def test_the_error_of_a_replay_comes_first_and_the_cause_stays(error: str) -> None:
    world = World()
    failure = poison(world)
    entry = {"M": {"sequenceNumber": {"S": "000000000000000000137"}, "error": {"S": error}}}
    world.item(failure).update(failingRecords={"L": [entry]}, replayStatus={"S": "FAILED"})
    found = explain_one(world, failure)
    assert (found.reason, found.orders[0].reason, found.orders[0].cause) == (error or AMOUNT, error or AMOUNT, CAUSE)
    assert found.quarantined


def test_only_the_records_that_still_fail_are_orders_after_a_replay() -> None:
    world = World()
    first, second, third = world.orders(3, poison=True)
    for number in (first, second, third):
        world.quarantine(number, cause=CAUSE)
    failure = world.give_up(first, third)
    entry = {"M": {"sequenceNumber": {"S": second}, "error": {"S": "still"}}}
    world.item(failure).update(failingRecords={"L": [entry]}, replayStatus={"S": "PARTIAL"})
    found = explain_one(world, failure)
    assert (found.order_keys, found.at_most, found.records) == (("order-1",), False, 1)


def test_a_range_of_several_records_names_the_quarantined_ones_at_most() -> None:
    world = World()
    numbers = world.orders(5)
    for number in (numbers[0], numbers[2], numbers[4]):
        world.quarantine(number, cause=CAUSE)
    found = explain_one(world, world.give_up(numbers[0], numbers[4]))
    assert (found.order_keys, found.at_most, found.records) == (("order-0", "order-2", "order-4"), True, 3)
    assert found.safety is Safety.QUARANTINED


def test_a_range_is_safe_only_with_both_of_its_ends_in_the_quarantine() -> None:
    world = World()
    numbers = world.orders(3)
    world.quarantine(numbers[0], cause=CAUSE)
    found = explain_one(world, world.give_up(numbers[0], numbers[2], batchSize=3))
    assert (found.safety, found.records) == (Safety.STREAM, 3)
    assert [(order.key, order.quarantined) for order in found.orders] == [("order-0", True), (None, False)]


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        (
            {"requestContext": {"condition": "RecordAgeExceeded", "approximateInvokeCount": 1}},
            "waited longer than 12 h; the processor was never invoked",
        ),
        (
            {"requestContext": {"condition": "RecordAgeExceeded", "approximateInvokeCount": 9}},
            "waited longer than 12 h, with 9 tries",
        ),
        (
            {"responseContext": None},
            "the processor could not be invoked: it was throttled, or the mapping is not allowed to invoke it",
        ),
        ({}, None),
    ],
    ids=["too old", "too old after tries", "never invoked", "unknown"],
)
def test_a_failure_that_no_invocation_reported_has_a_reason_in_words(
    changes: dict[str, Any], reason: str | None
) -> None:
    world = World()
    if changes.get("responseContext", {}) is None:
        body = {k: v for k, v in world.message(world.order()).items() if k != "responseContext"}
        assert explain_one(world, world.audit_body(json.dumps(body))).reason == reason
    else:
        assert explain_one(world, world.give_up(world.order(), **changes)).reason == reason


def test_a_message_that_is_not_lambdas_has_no_orders_and_a_reason_in_words() -> None:
    world = World()
    found = explain_one(world, world.audit_body("not JSON"))
    assert (found.orders, found.safety, found.until, found.records) == ((), Safety.UNKNOWN, None, None)
    assert found.reason == "the message in the dead-letter queue is not a failure message of Lambda"


def _other_record(world: World, key: str) -> None:
    world.s3.versions[key] = world.s3.versions[world.quarantine(world.order())]


@pytest.mark.parametrize(
    "damage",
    [
        lambda world, key: world.s3.versions.update({key: [b"\xff garbage"]}),
        lambda world, key: world.s3.versions.update({key: [b"[" * 100_000]}),
        lambda world, key: world.s3.versions.update({key: [b'{"record": {"dynamodb": {"SequenceNumber": 7}}}']}),
        _other_record,
    ],
    ids=["bytes", "deep", "number", "other record"],
)
def test_an_object_that_does_not_hold_its_record_is_as_good_as_none(damage: Callable[[World, str], None]) -> None:
    world = World()
    number = world.order()
    key = world.quarantine(number, cause=CAUSE)
    failure = world.give_up(number)
    damage(world, key)
    found = explain_one(world, failure)
    assert (found.order_keys, found.safety) == ((), Safety.STREAM)


def _kept(world: World, failure: str, **dynamodb: Any) -> None:
    key = next(key for key in world.s3.versions if key.startswith("failed-data/"))
    content = json.loads(world.s3.versions[key][0])
    content["record"]["dynamodb"].update(dynamodb)
    world.s3.versions[key] = [json.dumps(content).encode()]


@pytest.mark.parametrize(
    ("keys", "shown"),
    [
        ({"orderId": {"S": "a\x1b[31m\nb"}}, "a\x1b[31m\nb"),
        ({"orderId": {"N": "12.50"}}, "12.50"),
        ({"orderId": {"B": "AAE="}}, "AAE="),
        ({"orderId": {"S": "x" * 5000}}, "x" * 2048),
        ({"customer": {"S": "c"}, "orderId": {"S": "o-1"}}, "o-1"),
        ({"orderId": {"S": ["list"]}}, None),
        ({"orderId": "text"}, None),
        ({"other": {"S": "x"}}, None),
        ([], None),
        (None, None),
    ],
)
def test_keys_are_read_as_text_whatever_they_are(keys: Any, shown: str | None) -> None:
    world = World()
    failure = poison(world)
    _kept(world, failure, Keys=keys)
    (order,) = explain_one(world, failure).orders
    assert (order.key, order.quarantined) == (shown, True)


def test_a_reason_of_400_kb_is_cut() -> None:
    world = World()
    found = explain_one(world, poison(world, cause=replace(CAUSE, reason="x" * 400_000)))
    assert found.reason
    assert len(found.reason) == 2000
    assert len(grouped([found])[0].cause) == 160


def test_one_failure_needs_a_listing_and_a_read_and_no_log() -> None:
    process = Process(World())
    explain(process, poison(process.world))
    assert process.calls == ["ListObjectsV2", "GetObject"]


def test_no_failure_needs_no_call() -> None:
    process = Process(World())
    assert (explain(process), process.calls) == (Explained(()), [])


def test_of_many_failures_the_first_are_read_and_the_others_counted() -> None:
    world = World()
    failures = [poison(world) for _ in range(MOST_EXPLAINED + 5)]
    process = Process(world)
    found = explain(process, *failures)
    assert (len(found.explanations), found.unexplained) == (MOST_EXPLAINED + 5, 5)
    assert [each.reason is None for each in found.explanations] == [False] * MOST_EXPLAINED + [True] * 5
    causes = [(group.cause, group.count) for group in grouped(found.explanations)]
    assert causes[-1] == ("reason not read (RetryAttemptsExhausted)", 5)
    calls = Counter(process.calls)
    assert (calls["GetObject"], calls["ListObjectsV2"]) == (MOST_EXPLAINED, MOST_PAGES)


def test_a_wide_range_leaves_reads_for_the_others() -> None:
    world = World()
    numbers = world.orders(30)
    for number in numbers:
        world.quarantine(number, cause=CAUSE)
    wide = world.give_up(numbers[0], numbers[-2])
    single = world.give_up(numbers[-1])
    found = explain(world, wide, single)
    assert [len(each.order_keys) for each in found.explanations] == [29, 1]


def test_an_object_that_is_too_large_for_a_record_is_not_read_where_no_listing_has_its_size() -> None:
    process = Process(World())
    failure = poison(process.world)
    (body,) = (versions for key, versions in process.world.s3.versions.items() if key.startswith("failed-data/"))
    process.failures = {"ListObjectsV2": [aws_error("AccessDenied", "s3")] * 2}
    assert explain(process, failure).explanations[0].order_keys == ("order-0",)
    body.append(body[-1] + b" " * LARGEST_OBJECT)
    assert explain(process, failure).explanations[0].order_keys == ()


def test_the_images_of_records_are_not_kept_in_memory() -> None:
    process = Process(World())
    poison(process.world)
    (key,) = (key for key in process.world.s3.versions if key.startswith("failed-data/"))
    (kept,) = Quarantine(process.aws, BUCKET, lambda: None).contents([key], Listing({}, {})).read.values()
    assert kept
    assert kept.event["dynamodb"].keys() >= {"Keys", "SequenceNumber"}
    assert kept.event["dynamodb"].keys().isdisjoint({"NewImage", "OldImage"})


def test_a_quarantine_that_must_not_be_read_is_reported_and_the_safety_unknown() -> None:
    process = Process(World())
    failure = poison(process.world)
    process.failures = {
        "ListObjectsV2": [aws_error("AccessDenied", "s3")],
        "GetObject": [aws_error("AccessDenied", "s3")],
    }
    found = explain(process, failure)
    assert found.problems == ("s3: AccessDenied",)
    assert found.explanations[0].safety is Safety.UNKNOWN


def test_without_the_permission_to_list_single_records_are_read_by_their_names() -> None:
    process = Process(World())
    failure = poison(process.world)
    process.failures = {"ListObjectsV2": [aws_error("AccessDenied", "s3")]}
    assert explain(process, failure).explanations[0].order_keys == ("order-0",)


def test_an_object_that_must_not_be_read_is_safe_all_the_same() -> None:
    process = Process(World())
    failure = poison(process.world)
    process.failures = {"GetObject": [aws_error("AccessDenied", "s3")]}
    found = explain(process, failure)
    assert (found.explanations[0].safety, found.problems) == (Safety.QUARANTINED, ("s3: AccessDenied",))


@pytest.mark.parametrize("error", [aws_error("AccessDeniedException", "logs"), aws_error("x", "logs", AbsentError)])
def test_a_log_that_cannot_be_read_is_reported(error: Exception) -> None:
    process = Process(World())
    failure = process.world.give_up(process.world.order())
    process.failures = {"FilterLogEvents": [error]}
    found = explain(process, failure)
    assert (found.problems, found.explanations[0].reason) == ((str(error),), None)


def test_the_log_is_searched_for_some_failures_with_few_calls() -> None:
    world = World()
    failures = [world.give_up(number) for number in world.orders(MOST_NUMBERS + 10, poison=True)]
    process = Process(world)
    found = explain(process, *failures)
    assert Counter(process.calls)["FilterLogEvents"] == 3, "two with sequence numbers, one around the invocations"
    assert found.problems == (f"the log was searched for {MOST_NUMBERS} of {MOST_NUMBERS + 10} failures",)


REQUEST = "2191827e-e5b5-4391-8e14-433056c9ea7b"
START, REPORT = f"START RequestId: {REQUEST} Version: 3", f"REPORT RequestId: {REQUEST}\tDuration: 3.00 ms"
IMPORT_ERROR = "Runtime.ImportModuleError: Unable to import module 'handler': No module named 'x'"


def silent(world: World, request: str = REQUEST, seconds: float = 0) -> str:
    """Let an order fail of which the processor logs nothing, some seconds later. Return the failure's id."""
    failure = world.give_up(world.order(poison=True), requestContext={"requestId": request})
    (key,) = [key for key in world.audit if key[0] == failure]
    world.audit[key]["requestId"] = {"S": request}
    world.clock.sleep(seconds)
    return failure


@pytest.mark.parametrize(
    ("lines", "reason"),
    [
        ([f"[ERROR] {IMPORT_ERROR}\nTraceback", START, f"{REPORT}\tStatus: error"], IMPORT_ERROR),
        ([START, f"[ERROR] {IMPORT_ERROR}\nTraceback", REPORT], IMPORT_ERROR),
        ([START, f"2026-01-01T00:00:00.000Z {REQUEST} Task timed out after 3.00 seconds", REPORT], "Task timed out"),
        (
            [
                "INIT_REPORT Init Duration: 10000.00 ms\tPhase: init\tStatus: timeout",
                START,
                f"2026-01-01T00:00:00.000Z {REQUEST} Task timed out after 3.00 seconds",
                REPORT,
            ],
            "Task timed out",
        ),
        (
            [START, f"{REPORT}\tStatus: error\tError Type: Runtime.OutOfMemory"],
            "REPORT Duration: 3.00 ms Status: error",
        ),
        (
            [START, '[ERROR] BatchError: record with keys {} and sequence number 1 failed: KeyError: "x"', REPORT],
            'KeyError: "x"',
        ),
        ([START, "fine", REPORT], None),
        ([START.replace(REQUEST, "another"), "[ERROR] E: x", REPORT.replace(REQUEST, "another"), START], None),
    ],
    ids=[
        "import error before the start",
        "import error",
        "timeout",
        "timeout at the start",
        "crash",
        "batch",
        "no error",
        "another's error",
    ],
)
def test_an_error_that_names_no_record_is_found_by_its_invocation(lines: list[str], reason: str | None) -> None:
    world = World()
    failure = silent(world)
    for line in lines:
        world.log(line)
    world.log("[ERROR] Other: of another log stream", stream="stream-2")
    found = explain_one(world, failure).reason
    assert (found or "").startswith(reason or "")
    assert (found is None) == (reason is None)


def test_invocations_are_looked_for_in_the_newest_periods_with_few_calls() -> None:
    world = World()
    failures = [silent(world, f"{REQUEST}-{number}", 3600) for number in range(5)]
    process = Process(world)
    explain(process, *failures)
    assert Counter(process.calls)["FilterLogEvents"] <= 1 + 3


@pytest.mark.parametrize("operation", ["ListObjectsV2", "GetObject"])
def test_ctrl_c_ends_the_explanation(operation: str) -> None:
    process = Process(World())
    failure = poison(process.world)
    process.on_call = lambda called, _: _thread.interrupt_main() if called == operation else None
    with pytest.raises(CancelledError):
        explain(process, failure)


# grouping


def _explained(reason: str | None, *keys: str) -> Explanation:
    item = {"auditId": reason, "timestamp": "", "failureType": "RetryAttemptsExhausted"}
    orders = tuple(FailedOrder(SequenceNumber(1, "1"), key, reason, None, quarantined=True) for key in keys)
    return Explanation(Failure(item), orders, reason, at_most=False, safety=Safety.QUARANTINED, until=None)


def _causes(*reasons: str | None) -> list[tuple[str, int]]:
    return [(group.cause, group.count) for group in grouped([_explained(reason) for reason in reasons])]


def test_reasons_that_differ_in_quoted_texts_and_numbers_are_one_cause() -> None:
    assert _causes(
        'InvalidOrderError: amount must be a number, got S "EUR 58"',
        "KeyError: 'price'",
        'InvalidOrderError: amount must be a number, got S "7 \\"EUR\\""',
        "Timeout after 3 s of 10",
        "Timeout after 3 s of 12",
        "Timeout after 3 s of 14",
    ) == [
        ("Timeout after 3 s of", 3),
        ("InvalidOrderError: amount must be a number", 2),
        ("KeyError: 'price'", 1),
    ]


@pytest.mark.parametrize(
    ("reasons", "cause"),
    [
        (("one\n  two", "one two"), "one two"),
        ((None, None), "no reason found (RetryAttemptsExhausted)"),
        (('"a" failed', '"b" failed'), "different reasons"),
        (("",), "no reason found (RetryAttemptsExhausted)"),
    ],
)
def test_a_cause_is_one_line_of_words(reasons: tuple[str | None, ...], cause: str) -> None:
    assert _causes(*reasons) == [(cause, len(reasons))]


def test_the_orders_of_a_cause_are_named_once() -> None:
    first, second = _explained("x 1", "a", "b"), _explained("x 2", "b", "c")
    assert grouped([first, second]) == [CauseGroup("x", 2, ("a", "b", "c"), (first, second))]


def test_reasons_that_are_shown_alike_are_one_cause() -> None:
    assert _causes('Error: bad amount, got "1"', 'Error: bad amount, got "2"', "Error: bad amount") == [
        ("Error: bad amount", 3)
    ]


def test_the_orders_of_a_cause_are_in_the_order_of_the_failures() -> None:
    explanations = [_explained(f"x {number}", order) for number, order in ((1, "a"), (2, "b"), (1, "c"))]
    assert grouped(explanations)[0].orders == ("a", "b", "c")
