"""Log lines of both functions: in order, each once, with and without ids; those of errors, orders and failures."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from pipectl.aws.stream_records import Cause
from pipectl.commands.logs import MOST_NEEDLES, MOST_PAGES, MOST_PERIODS, Search, follow, logs, logs_of_failure
from pipectl.failures.explanation import Explained, Explanation, FailedOrder, Safety
from pipectl.failures.model import Failure, SequenceNumber
from pipectl.local.log_filters import matches
from pipectl.monitoring.log_reader import LogLine
from tests.commands.audit_items import audit_item
from tests.support import FakeClock

START = datetime(2026, 1, 1, tzinfo=UTC)
BOTH = ("processor", "auditor")
NUMBER = "100000000000000000001"


class FakeLogs:
    """A fake of CloudWatch Logs, by group. Each page holds one event."""

    def __init__(self) -> None:
        self.events: dict[str, list[dict[str, Any]]] = {"processor": [], "auditor": []}
        self.starts: list[float] = []
        self.patterns: list[str | None] = []
        self.slow_seconds = 0.0
        self.clock = FakeClock()

    def write(self, group: str, second: float, message: str, event_id: str | None = None, stream: str = "s") -> None:
        event = {"timestamp": int((START.timestamp() + second) * 1000), "message": message, "logStreamName": stream}
        self.events[group].append(event | ({"eventId": event_id} if event_id else {}))

    def invoke(self, second: float, request: str, *messages: str, stream: str = "s") -> None:
        """Write the lines of an invocation."""
        whole = (f"START RequestId: {request} Version: 1", *messages, f"REPORT RequestId: {request}\tDuration: 1 ms")
        for at, message in enumerate(whole):
            self.write("processor", second + at / 1000, message, f"{request} {at}", stream)

    def get_paginator(self, _: str) -> FakeLogs:
        return self

    def paginate(
        self,
        logGroupName: str,  # noqa: N803 - AWS's names
        startTime: int,  # noqa: N803
        endTime: int | None = None,  # noqa: N803
        filterPattern: str | None = None,  # noqa: N803
        logStreamNames: list[str] | None = None,  # noqa: N803
    ) -> Iterator[dict[str, Any]]:
        assert startTime >= 0, "AWS refuses it"
        self.clock.seconds += self.slow_seconds
        self.starts.append(startTime / 1000 - START.timestamp())
        self.patterns.append(filterPattern)
        found = [
            event
            for event in self.events[logGroupName]
            if startTime <= event["timestamp"] <= (endTime or event["timestamp"])
            and (not filterPattern or matches(filterPattern, event["message"]))
            and (not logStreamNames or event["logStreamName"] in logStreamNames)
        ]
        for at, event in enumerate(found):
            yield {"events": [event]} | ({"nextToken": "more"} if at < len(found) - 1 else {})
        if not found:
            yield {"events": []}


@pytest.fixture
def cloud() -> FakeLogs:
    return FakeLogs()


@pytest.fixture
def context(cloud: FakeLogs) -> Any:
    processor, auditor = cloud.events
    names = SimpleNamespace(processor_log_group=processor, auditor_log_group=auditor)
    function = SimpleNamespace(timeout=60)
    table = SimpleNamespace(partition_key="orderId")
    return SimpleNamespace(
        config=SimpleNamespace(orders_table=table, processor=function, auditor=function),
        pipeline=SimpleNamespace(physical=names),
        aws=SimpleNamespace(logs=cloud, clock=cloud.clock, now=cloud.clock.now),
        reporter=SimpleNamespace(step=lambda _: None),
        require=lambda keys: {key: {} for key in keys},
    )


def search(*functions: str, since: float = 0, **more: Any) -> Search:
    return Search(functions or ("processor",), START + timedelta(seconds=since), **more)


def failed(order: str, request: str = "r", number: str = NUMBER) -> str:
    """Return the line of the processor about a record that failed."""
    line = {"level": "ERROR", "message": "record failed", "keys": {"orderId": {"S": order}}, "sequenceNumber": number}
    return json.dumps(line | {"reason": "InvalidOrderError: no amount", "requestId": request})


def messages(lines: Any) -> list[str]:
    return [line.message for line in lines]


def each(batches: Iterator[list[LogLine]]) -> Iterator[LogLine]:
    for batch in batches:
        yield from batch


def test_lines_of_the_same_time_keep_their_order(cloud: FakeLogs, context: Any) -> None:
    for event_id, message in (("9", "zero"), ("5", "first"), ("7", "second"), ("1", "third")):
        cloud.write("processor", 1, message, event_id)
    cloud.write("auditor", 0, "before", "3")
    assert messages(logs(context, search(*BOTH)).lines) == ["before", "zero", "first", "second", "third"]


def test_lines_of_lambda_are_left_out_unless_raw(cloud: FakeLogs, context: Any) -> None:
    cloud.invoke(1, "r", "hello", " ")
    assert messages(logs(context, search()).lines) == ["hello"]
    assert len(logs(context, search(routine=True)).lines) == 4


@pytest.mark.parametrize("ids", [("1", "2", "3", "4"), (None, None, None, None)], ids=["with ids", "without"])
def test_follow_yields_each_line_once_and_equal_lines_as_often_as_they_were_written(
    ids: tuple[str | None, ...], cloud: FakeLogs, context: Any
) -> None:
    cloud.write("processor", 1, "same", ids[0])
    cloud.write("processor", 1, "same", ids[1])
    following = each(follow(context, search(since=0.000007)))
    assert [next(following).message for _ in range(2)] == ["same", "same"]
    cloud.write("processor", 1, "same", ids[2])
    cloud.write("processor", 90.001, "last", ids[3])
    cloud.clock.sleep(90)
    assert [next(following).message for _ in range(2)] == ["same", "last"]
    cloud.write("processor", 60.0005, "too late")
    cloud.write("processor", 90.002, "end")
    assert next(following).message == "end"


def test_follow_does_not_read_everything_again_while_nothing_matches(cloud: FakeLogs, context: Any) -> None:
    following = follow(context, search(since=-3600))
    while not (lines := next(following)):
        if cloud.clock.seconds > 120:
            cloud.write("processor", cloud.clock.seconds - 20, "late", "1")
    assert messages(lines) == ["late"]
    assert cloud.starts[:2] == [-3600, -30]
    assert cloud.starts[-1] == pytest.approx(cloud.clock.seconds - 30, abs=4)


@pytest.mark.parametrize(("slow_seconds", "calls"), [(0.0, 60), (10.0, 6)], ids=["quick", "throttled"])
def test_following_both_functions_takes_one_call_a_second_and_fewer_while_aws_is_slow(
    slow_seconds: float, calls: int, cloud: FakeLogs, context: Any
) -> None:
    cloud.slow_seconds = slow_seconds
    following = follow(context, search(*BOTH))
    while cloud.clock.seconds < 60:
        next(following)
    assert len(cloud.starts) <= calls + 2


def test_at_most_five_pages_are_read_in_a_second_and_the_first_at_once(cloud: FakeLogs, context: Any) -> None:
    logs(context, search())
    assert context.aws.clock.seconds == 0
    for number in range(50):
        cloud.write("processor", number, f"{number}", f"{number}")
    assert len(logs(context, search()).lines) == 50
    assert context.aws.clock.seconds >= 9.8


def test_a_start_before_1970_is_the_start_of_the_log(cloud: FakeLogs, context: Any) -> None:
    cloud.write("processor", 1, "a line")
    found = logs(context, Search(BOTH, datetime(1969, 1, 1, tzinfo=UTC)))
    assert [line.message for line in found.lines] == ["a line"]


def test_errors_leaves_out_all_other_lines(cloud: FakeLogs, context: Any) -> None:
    cloud.invoke(1, "r", "hello", failed("o-1"), "no error here")
    cloud.write("auditor", 2, "2026-01-01T00:00:00.000Z 8-8 Task timed out after 30.00 seconds", "1")
    found = logs(context, search(*BOTH, errors=True)).lines
    assert messages(found) == [failed("o-1"), "2026-01-01T00:00:00.000Z 8-8 Task timed out after 30.00 seconds"]


def test_lines_of_one_time_keep_their_order_around_the_line_that_names_the_order(cloud: FakeLogs, context: Any) -> None:
    raised = '[ERROR] BatchError: record with keys {"orderId": {"S": "o-1"}} failed'
    for at, message in enumerate(["START RequestId: r", "of r", failed("o-1"), "then", raised, "END RequestId: r"]):
        cloud.write("processor", 1, message, f"{9 - at}")
    assert messages(logs(context, search(order="o-1")).lines) == ["of r", failed("o-1"), "then", raised]


def test_errors_of_a_pattern_are_errors_that_match_it(cloud: FakeLogs, context: Any) -> None:
    cloud.invoke(1, "r", failed("o-1"), failed("o-2"), "o-1 is slow")
    found = logs(context, search(errors=True, pattern="o-1")).lines
    assert messages(found) == [failed("o-1")]


def test_an_order_is_found_by_its_exact_key_with_the_rest_of_its_invocations(cloud: FakeLogs, context: Any) -> None:
    cloud.invoke(1, "r1", "of r1", failed("o-1", "r1"), failed("o-10", "r1"), "[ERROR] ValueError: x\nTraceback")
    cloud.invoke(2, "r2", "of r2", failed("o-10", "r2"), stream="t")
    cloud.invoke(3, "r3", "of r3")
    found = logs(context, search(order="o-1"))
    assert messages(found.lines) == ["of r1", failed("o-1", "r1"), "[ERROR] ValueError: x\nTraceback"]
    assert found.complete
    assert found.whole_invocations
    assert messages(logs(context, search(order="o-1", errors=True)).lines) == messages(found.lines)[1:]


@pytest.mark.parametrize("key", ['k "q" ü', "a b", "?x", '-"', "%x%", "{ $.a = 1 }", "*"])
def test_a_key_that_a_pattern_cannot_hold_is_found_without_a_pattern(key: str, cloud: FakeLogs, context: Any) -> None:
    cloud.invoke(1, "r1", failed(key, "r1"), failed("other", "r1"))
    assert messages(logs(context, search(order=key)).lines) == [failed(key, "r1")]
    assert cloud.patterns[0] is None


def test_a_search_stops_after_its_pages_and_reports_it(cloud: FakeLogs, context: Any) -> None:
    for number in range(MOST_PAGES + 1):
        cloud.write("processor", number, failed("o-1"), f"{number}")
    found = logs(context, search(order="o-1"))
    assert (found.complete, found.pages, len(found.lines)) == (False, MOST_PAGES, MOST_PAGES)
    assert not logs(context, search(errors=True)).complete
    assert logs(context, search()).complete


def test_whole_invocations_are_read_of_the_newest_periods_only(cloud: FakeLogs, context: Any) -> None:
    for number in range(MOST_PERIODS + 1):
        cloud.invoke(number * 1000, f"r{number}", f"of r{number}", failed("o-1", f"r{number}"), stream=f"s{number}")
    found = logs(context, search(order="o-1"))
    assert not found.whole_invocations
    assert len(found.lines) == 2 * MOST_PERIODS + 1
    assert messages(found.lines)[:2] == [failed("o-1", "r0"), "of r1"]


def test_following_an_order_yields_its_invocations_from_the_line_that_names_it(cloud: FakeLogs, context: Any) -> None:
    following = each(follow(context, search(order="o-1")))
    cloud.invoke(1, "r1", "of r1", failed("o-2", "r1"))
    cloud.invoke(2, "r2", "of r2", failed("o-1", "r2"), failed("o-2", "r2"), "after")
    assert [next(following).message for _ in range(3)] == ["of r2", failed("o-1", "r2"), "after"]


class FakeExplainer:
    """An explainer that knows one order of each failure."""

    def __init__(self, *orders: FailedOrder) -> None:
        self._orders = orders

    def explain(self, failures: list[Failure]) -> Explained:
        return Explained(
            tuple(Explanation(failure, self._orders, "", False, Safety.QUARANTINED, None) for failure in failures)
        )


def with_failure(context: Any, item: dict[str, Any], *orders: FailedOrder) -> Any:
    failure = Failure.of(item)
    context.audit_table = SimpleNamespace(with_prefix=lambda prefix: [failure] if prefix == "abcd" else [])
    context.explainer = FakeExplainer(*orders)
    return context


def order_of(number: str, request: str | None = None) -> FailedOrder:
    cause = Cause("InvalidOrderError: no amount", None, request, None)
    return FailedOrder(SequenceNumber.parse(number), "o-1", None, cause, quarantined=True)


def test_a_failure_is_found_by_its_numbers_and_requests_since_its_records(cloud: FakeLogs, context: Any) -> None:
    request, kept, replay = (f"{digit * 8}-0000-0000-0000-000000000000" for digit in "abc")
    cloud.invoke(-3000, request, failed("o-1", request), "too early")
    cloud.invoke(100, kept, "of the first", failed("o-1", kept), failed("o-2", kept, "2" + NUMBER))
    cloud.invoke(200, request, f"2026-01-01T00:00:00.000Z {request} Task timed out after 3.00 seconds", stream="t")
    cloud.invoke(300, replay, failed("o-3", replay, NUMBER + "2"))
    cloud.invoke(400, replay, failed("o-1", replay, "000" + NUMBER), stream="u")
    item = {**audit_item("abcdef", START + timedelta(seconds=210), arrival=START), "requestId": {"S": request}}
    found = logs_of_failure(with_failure(context, item, order_of(NUMBER, kept)), "abcd", search())
    assert messages(found.lines) == [
        "of the first",
        failed("o-1", kept),
        f"2026-01-01T00:00:00.000Z {request} Task timed out after 3.00 seconds",
        failed("o-1", replay, "000" + NUMBER),
    ]
    assert found.failure
    assert found.failure.audit_id == "abcdef"
    assert set(found.failure.requests) == {request, kept}
    assert found.search.since == START - timedelta(seconds=30)


def test_more_records_than_a_pattern_holds_are_counted(cloud: FakeLogs, context: Any) -> None:
    orders = [order_of(f"{10**20 + number}") for number in range(MOST_NEEDLES + 5)]
    found = logs_of_failure(with_failure(context, audit_item("abcdef", START), *orders), "abcd", search())
    assert found.failure
    assert (len(found.failure.numbers), found.failure.more) == (MOST_NEEDLES, 5)
    assert all(len(pattern or "") <= 1024 for pattern in cloud.patterns)


def test_a_failure_that_names_nothing_reads_no_log(cloud: FakeLogs, context: Any) -> None:
    item = {**audit_item("abcdef", START, first=None), "requestId": {"S": '" ?x'}}
    found = logs_of_failure(with_failure(context, item), "abcd", search())
    assert found.failure
    assert (found.lines, found.failure.requests, cloud.starts) == ((), (), [])


def test_a_longest_pattern_of_requests_and_numbers_is_accepted(cloud: FakeLogs, context: Any) -> None:
    orders = [order_of("9" * 40, f"{at:08x}-0000-0000-0000-000000000000") for at in range(30)]
    orders += [replace(order_of(f"{10**39 + at}"), cause=None) for at in range(30)]
    logs_of_failure(with_failure(context, audit_item("abcdef", START), *orders), "abcd", search())
    assert max(len(pattern or "") for pattern in cloud.patterns) <= 1024
