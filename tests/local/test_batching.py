"""Retries, bisecting and partial responses of a batch of stream records."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipectl.local.batching import Batch, Failure, Outcome, Record, Settings, sequence_number

NOW = 1_800_000_000.0
INVOCATION_LIMIT = 10_000
RAISED = Outcome(raised=True)

LAMBDA_DEFAULTS = Settings()
PIPELINE = Settings(max_retries=3, max_age_seconds=6 * 3600, bisect=True, report_item_failures=True)

Handler = Callable[[Sequence[Record]], Outcome]


def stream(count: int) -> list[Record]:
    return [{"dynamodb": {"SequenceNumber": str(n), "ApproximateCreationDateTime": NOW}} for n in range(count)]


def numbers(records: Sequence[Record]) -> list[int]:
    return [int(sequence_number(record)) for record in records]


@dataclass
class Run:
    """The invocations of a batch in their order, and its failures."""

    invoked: list[list[int]] = field(default_factory=list)
    failures: list[Failure] = field(default_factory=list)

    @property
    def failed(self) -> list[list[int]]:
        return [numbers(failure.records) for failure in self.failures]


def work_off(
    records: Sequence[Record], handler: Handler, settings: Settings, *, consolidate: bool = False, now: float = NOW
) -> Run:
    batch = Batch(records, consolidate=consolidate)
    run = Run()
    while (unit := batch.next_unit(settings, now)) and len(run.invoked) < INVOCATION_LIMIT:
        event = records[unit.start : unit.stop]
        run.invoked.append(numbers(event))
        batch.settle(handler(event), settings)
        run.failures += batch.take_failures()
    run.failures += batch.take_failures()
    assert batch.settled == len(records)
    return run


def succeeds(records: Sequence[Record]) -> Outcome:
    return Outcome(payload={"batchItemFailures": []})


def raises_on(*poison: int) -> Handler:
    """Return a handler that raises when one of the records is invalid."""
    return lambda records: RAISED if set(poison) & set(numbers(records)) else Outcome()


def reports(*poison: int) -> Handler:
    """Return a handler that never raises, and reports each invalid record."""

    def handler(records: Sequence[Record]) -> Outcome:
        failed = [number for number in numbers(records) if number in poison]
        return Outcome(payload={"batchItemFailures": [{"itemIdentifier": str(number)} for number in failed]})

    return handler


def keeps_contract(*poison: int) -> Handler:
    """Return a handler that raises when the first record fails and reports later ones, as the processor does."""
    report = reports(*poison)
    return lambda records: RAISED if numbers(records)[0] in poison else report(records)


class Answers:
    """A handler with these answers, one after the other; then it succeeds."""

    def __init__(self, *outcomes: Outcome) -> None:
        self._outcomes = list(outcomes)

    def __call__(self, records: Sequence[Record]) -> Outcome:
        return self._outcomes.pop(0) if self._outcomes else Outcome()


def report_of(*identifiers: object) -> Outcome:
    return Outcome(payload={"batchItemFailures": [{"itemIdentifier": identifier} for identifier in identifiers]})


def test_a_batch_that_succeeds_is_invoked_once() -> None:
    run = work_off(stream(5), succeeds, PIPELINE)
    assert run == Run(invoked=[[0, 1, 2, 3, 4]])


def test_an_empty_batch_needs_nothing() -> None:
    assert work_off([], succeeds, PIPELINE) == Run()


class TestRetries:
    @pytest.mark.parametrize("retries", [0, 1, 3])
    def test_come_after_the_first_attempt(self, retries: int) -> None:
        run = work_off(stream(3), raises_on(1), Settings(max_retries=retries))
        assert run.invoked == [[0, 1, 2]] * (1 + retries)
        assert run.failed == [[0, 1, 2]]
        assert run.failures[0].condition == "RetryAttemptsExhausted"
        assert run.failures[0].invocations == 1 + retries
        assert run.failures[0].outcome.raised

    def test_end_with_the_first_success(self) -> None:
        run = work_off(stream(3), Answers(RAISED, RAISED), Settings(max_retries=3))
        assert run == Run(invoked=[[0, 1, 2]] * 3)

    def test_are_unlimited_by_default(self) -> None:
        run = work_off(stream(1), Answers(*[RAISED] * 1000), LAMBDA_DEFAULTS)
        assert len(run.invoked) == 1001
        assert not run.failures

    def test_are_not_consumed_by_a_throttle(self) -> None:
        throttles = [Outcome(throttled=True)] * 5
        run = work_off(stream(1), Answers(*throttles, RAISED, *throttles, RAISED), Settings(max_retries=1))
        assert run.failures[0].invocations == 2


class TestBisecting:
    def test_halves_until_the_invalid_record_is_alone(self) -> None:
        run = work_off(stream(8), raises_on(5), Settings(max_retries=0, bisect=True))
        assert run.invoked == [[0, 1, 2, 3, 4, 5, 6, 7], [0, 1, 2, 3], [4, 5, 6, 7], [4, 5], [4], [5], [6, 7]]
        assert run.failed == [[5]]

    @pytest.mark.parametrize("retries", [0, 1, 3])
    def test_consumes_no_retries(self, retries: int) -> None:
        run = work_off(stream(64), raises_on(40), Settings(max_retries=retries, bisect=True))
        assert run.invoked.count([40]) == 1 + retries

    def test_splits_after_an_error_even_if_failures_could_be_reported(self) -> None:
        run = work_off(stream(4), raises_on(2), PIPELINE)
        assert run.invoked[:3] == [[0, 1, 2, 3], [0, 1], [2, 3]]
        assert run.failed == [[2]]


class TestPartialResponse:
    def test_is_ignored_unless_it_is_enabled(self) -> None:
        assert work_off(stream(3), reports(1), Settings(max_retries=3)) == Run(invoked=[[0, 1, 2]])

    def test_retries_from_the_lowest_number_on(self) -> None:
        settings = Settings(max_retries=3, report_item_failures=True)
        run = work_off(stream(12), Answers(report_of("11", "4", "9")), settings)
        assert run == Run(invoked=[list(range(12)), list(range(4, 12))])

    def test_uses_no_retry_of_the_record_it_names(self) -> None:
        run = work_off(stream(3), keeps_contract(2), PIPELINE)
        assert run.invoked == [[0, 1, 2], [2], [2], [2], [2]]
        assert run.failures[0].invocations == 4

    def test_leaves_all_retries_to_records_that_become_the_first_later(self) -> None:
        settings = replace(PIPELINE, bisect=False, max_retries=1)
        run = work_off(stream(6), Answers(report_of("1"), report_of("3"), report_of("5")), settings)
        assert run == Run(invoked=[[0, 1, 2, 3, 4, 5], [1, 2, 3, 4, 5], [3, 4, 5], [5]])

    def test_leaves_all_retries_to_records_that_are_split_off(self) -> None:
        run = work_off(stream(4), keeps_contract(1, 2), PIPELINE)
        assert run.invoked == [[0, 1, 2, 3], [1, 2, 3], *[[1]] * 4, [2, 3], *[[2]] * 4, [3]]

    def test_without_retries_the_rest_is_tried_once_and_fails_together(self) -> None:
        run = work_off(stream(4), reports(1), replace(PIPELINE, bisect=False, max_retries=0))
        assert run.invoked == [[0, 1, 2, 3], [1, 2, 3]]
        assert run.failed == [[1, 2, 3]]

    def test_with_bisecting_is_split_there_and_the_rest_is_tried_once_more(self) -> None:
        run = work_off(stream(4), keeps_contract(1), replace(PIPELINE, max_retries=0))
        assert run.invoked == [[0, 1, 2, 3], [1, 2, 3], [1], [2, 3]]
        assert run.failed == [[1]]

    def test_that_names_the_first_record_is_bisected(self) -> None:
        run = work_off(stream(3), reports(0), replace(PIPELINE, max_retries=1))
        assert run.invoked == [[0, 1, 2], [0], [0], [1, 2]]
        assert run.failed == [[0]]
        assert not run.failures[0].outcome.raised

    @pytest.mark.parametrize("payload", [None, {}, {"batchItemFailures": None}, {"batchItemFailures": []}])
    def test_that_is_empty_is_a_success(self, payload: object) -> None:
        assert work_off(stream(2), Answers(Outcome(payload=payload)), PIPELINE) == Run(invoked=[[0, 1]])

    @pytest.mark.parametrize(
        "item", [{"itemIdentifier": ""}, {"itemIdentifier": None}, {"identifier": "1"}, {"itemIdentifier": "99"}, "1"]
    )
    def test_that_cannot_be_read_fails_the_whole_batch(self, item: object) -> None:
        outcome = Outcome(payload={"batchItemFailures": [{"itemIdentifier": "1"}, item]})
        run = work_off(stream(4), Answers(outcome), PIPELINE)
        assert run.invoked == [[0, 1, 2, 3], [0, 1], [2, 3]]

    def test_naming_a_record_that_was_settled_before_fails_the_whole_unit(self) -> None:
        run = work_off(stream(4), Answers(report_of("2"), report_of("0")), PIPELINE)
        assert run.invoked == [[0, 1, 2, 3], [2, 3], [2], [3]]


@pytest.mark.parametrize(
    ("handler", "settings", "invoked"),
    [
        (reports(2), Settings(report_item_failures=True), ["1234", "234", "234"]),
        (reports(2), Settings(bisect=True, report_item_failures=True), ["1234", "234", "2", "2", "34"]),
        (raises_on(2), Settings(bisect=True), ["1234", "12", "1", "2", "2", "34"]),
    ],
)
def test_invocations_with_one_retry_as_seen_on_aws(handler: Handler, settings: Settings, invoked: list[str]) -> None:
    run = work_off(stream(5)[1:], handler, replace(settings, max_retries=1))
    assert ["".join(map(str, event)) for event in run.invoked] == invoked
    assert [failure.invocations for failure in run.failures] == [2]


class TestAge:
    def aged(self, *ages: float) -> list[Record]:
        return [
            {"dynamodb": {"SequenceNumber": str(n), "ApproximateCreationDateTime": NOW - age}}
            for n, age in enumerate(ages)
        ]

    def test_too_old_records_fail_without_an_invocation(self) -> None:
        run = work_off(self.aged(70, 61, 60, 1), succeeds, Settings(max_age_seconds=60))
        assert run.invoked == [[2, 3]]
        assert run.failed == [[0, 1]]
        assert run.failures[0].condition == "RecordAgeExceeded"
        assert run.failures[0].invocations == 0

    def test_a_whole_batch_can_be_too_old(self) -> None:
        run = work_off(self.aged(70, 61), succeeds, Settings(max_age_seconds=60))
        assert run.invoked == []
        assert run.failed == [[0, 1]]

    def test_ends_unlimited_retries(self) -> None:
        records, settings = self.aged(0, 0), Settings(max_age_seconds=60)
        batch = Batch(records)
        for _ in range(10):
            assert batch.next_unit(settings, NOW + 60)
            batch.settle(RAISED, settings)
        assert batch.next_unit(settings, NOW + 61) is None
        [failure] = batch.take_failures()
        assert (failure.condition, failure.invocations) == ("RecordAgeExceeded", 10)

    def test_is_unlimited_by_default(self) -> None:
        assert work_off(self.aged(10**6), succeeds, LAMBDA_DEFAULTS).invoked == [[0]]


class TestConsolidation:
    def test_sends_one_range_from_the_first_to_the_last_failure(self) -> None:
        run = work_off(stream(12), keeps_contract(3, 4, 9), PIPELINE, consolidate=True)
        assert run.failed == [[3, 4, 5, 6, 7, 8, 9]]

    def test_reports_the_highest_number_of_invocations(self) -> None:
        settings = replace(PIPELINE, max_age_seconds=60)
        batch = Batch(stream(2), consolidate=True)
        for outcome in (report_of("1"), RAISED):
            batch.settle(outcome, settings)
        assert batch.next_unit(settings, NOW + 61) is None
        assert [failure.invocations for failure in batch.take_failures()] == [1]

    def test_waits_for_the_end_of_the_batch(self) -> None:
        batch = Batch(stream(2), consolidate=True)
        settings = Settings(max_retries=0, bisect=True)
        for _ in range(2):
            batch.settle(RAISED, settings)
        assert batch.take_failures() == []
        assert [numbers(failure.records) for failure in batch.take_failures(abandon=True)] == [[0]]
        assert batch.settled == 1

    def test_keeps_conditions_apart(self) -> None:
        batch = Batch(stream(2), consolidate=True)
        settings = Settings(max_retries=0, bisect=True, max_age_seconds=60)
        for _ in range(2):
            batch.settle(RAISED, settings)
        assert batch.next_unit(settings, NOW + 61) is None
        assert [(failure.condition, numbers(failure.records)) for failure in batch.take_failures()] == [
            ("RetryAttemptsExhausted", [0]),
            ("RecordAgeExceeded", [1]),
        ]

    def test_without_it_each_failure_is_reported_at_once(self) -> None:
        batch = Batch(stream(2))
        settings = Settings(max_retries=0, bisect=True)
        for _ in range(2):
            batch.settle(RAISED, settings)
        assert [numbers(failure.records) for failure in batch.take_failures()] == [[0]]
        assert batch.take_failures() == []


def test_settings_are_read_from_a_mapping_as_lambda_describes_it() -> None:
    mapping = {
        "MaximumRetryAttempts": 3,
        "MaximumRecordAgeInSeconds": 21600,
        "BisectBatchOnFunctionError": True,
        "FunctionResponseTypes": ["ReportBatchItemFailures"],
    }
    assert Settings.of(mapping) == PIPELINE
    assert Settings.of({"FunctionResponseTypes": None}) == LAMBDA_DEFAULTS


BATCHES = st.integers(1, 40).flatmap(lambda size: st.tuples(st.just(size), st.sets(st.integers(0, size - 1))))


class StopsAtPoison:
    """A handler that processes the records in order and stops at the first that fails."""

    def __init__(self, poison: set[int], *, report: bool) -> None:
        self.processed: list[int] = []
        self._poison = poison
        self._report = report

    def __call__(self, records: Sequence[Record]) -> Outcome:
        for place, number in enumerate(numbers(records)):
            if number in self._poison:
                return report_of(str(number)) if place and self._report else RAISED
            self.processed.append(number)
        return Outcome()


@given(BATCHES, st.integers(0, 4), st.booleans())
def test_bisecting_finds_exactly_the_invalid_records(batch: tuple[int, set[int]], retries: int, report: bool) -> None:
    size, poison = batch
    handler = StopsAtPoison(poison, report=report)
    run = work_off(stream(size), handler, replace(PIPELINE, max_retries=retries))
    assert run.failed == [[number] for number in sorted(poison)]
    assert set(handler.processed) == set(range(size)) - poison


@given(BATCHES, st.integers(0, 4), st.booleans(), st.booleans(), st.booleans())
def test_no_record_is_lost_and_none_fails_twice(
    batch: tuple[int, set[int]], retries: int, report: bool, bisect: bool, consolidate: bool
) -> None:
    size, poison = batch
    handler = StopsAtPoison(poison, report=report)
    settings = replace(PIPELINE, max_retries=retries, bisect=bisect)
    run = work_off(stream(size), handler, settings, consolidate=consolidate)
    reported = [number for numbers_told in run.failed for number in numbers_told]
    assert reported == sorted(set(reported))
    assert poison <= set(reported)
    assert set(handler.processed) | set(reported) == set(range(size))


@given(BATCHES, st.booleans())
def test_the_order_of_the_stream_is_kept(batch: tuple[int, set[int]], bisect: bool) -> None:
    size, poison = batch
    run = work_off(stream(size), keeps_contract(*poison), replace(PIPELINE, bisect=bisect))
    firsts = [event[0] for event in run.invoked]
    assert firsts == sorted(firsts)
    assert all(event == list(range(event[0], event[-1] + 1)) for event in run.invoked)
