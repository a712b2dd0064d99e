"""Explanations of failures: which orders failed, why, and where their records are safe.

An audit item names a range of the stream only. Orders and reasons are kept beside the records in the quarantine, and in
the log of the processor. One listing for each stream and parallel reads find them, within limits that are reported.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from pipectl.aws.client import Aws
from pipectl.aws.stream_records import STREAM_RETENTION, Cause, Kept
from pipectl.failures.causes import by_cause
from pipectl.failures.model import Failure, SequenceNumber, quarantine_folder
from pipectl.failures.processor_logs import (
    MOST_NUMBERS,
    Excerpt,
    LoggedErrors,
    LoggedFailure,
    LoggedFailures,
    ProcessorLogs,
)
from pipectl.failures.quarantine import Contents, Listing, Quarantine, number_of, object_name
from pipectl.failures.reasons import batch_size, cut, error_of, error_of_record, reason_in, reason_in_words
from pipectl.failures.status import UNRESOLVED, ReplayStatus
from pipectl.timestamps import parse_timestamp

MOST_EXPLAINED = 200
"""Objects of the quarantine that are read at once."""
_LONGEST_KEY = 2048
_SHORTEST_REQUEST_ID = 8


class Safety(StrEnum):
    """Place where the records of a failure are safe.

    ``QUARANTINED``: in the quarantine. ``STREAM``: in the stream only. ``GONE``: in neither. ``UNKNOWN``: the
    quarantine could not be read, or the failure names no records.
    """

    QUARANTINED = "quarantined"
    STREAM = "stream"
    GONE = "gone"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class FailedOrder:
    """A record of a failure, and its order.

    Attributes:
        number: Its sequence number.
        key: The partition key of its order; ``None`` when it is not known.
        reason: The error of the last replay, else the first error; cut when it is long.
        cause: The first failure, as the quarantine keeps it.
        quarantined: The record is in the quarantine.
        url: The S3 URL of its object there, if it has one.
    """

    number: SequenceNumber | None
    key: str | None
    reason: str | None
    cause: Cause | None
    quarantined: bool
    url: str | None = None


@dataclass(frozen=True)
class Explanation:
    """A failure with its orders, its reason and the place of its records.

    Attributes:
        failure: The audit item.
        orders: Its records, as far as they are known, in order.
        reason: The error of the last replay, else of the first failure, else the reason in words; ``None`` if unknown.
        at_most: The range covers several records, and good ones may be among them.
        safety: The place of its records.
        until: The time at which the stream trims the first of them; only while they may be in the stream alone.
        records: Number of records that may have failed; ``None`` if unknown.
        without_reason: Words to show without a reason: it was looked for in vain, or not read.
    """

    failure: Failure
    orders: tuple[FailedOrder, ...]
    reason: str | None
    at_most: bool
    safety: Safety
    until: datetime | None
    records: int | None = None
    without_reason: str = "no reason found"

    @property
    def quarantined(self) -> bool:
        return self.safety is Safety.QUARANTINED

    @property
    def order_keys(self) -> tuple[str, ...]:
        """The keys of its orders, each once."""
        return tuple(dict.fromkeys(order.key for order in self.orders if order.key is not None))

    @property
    def cause(self) -> Cause | None:
        """The first failure that the quarantine keeps of its records."""
        return next((order.cause for order in self.orders if order.cause), None)


@dataclass(frozen=True)
class Explained:
    """Explanations of several failures.

    Attributes:
        explanations: One for each failure, in the order that was asked for.
        unexplained: Number of failures of which not all records were read, because too many were asked for.
        problems: Reasons why quarantine or log could not be read.
    """

    explanations: tuple[Explanation, ...]
    unexplained: int = 0
    problems: tuple[str, ...] = ()


@dataclass(frozen=True)
class CauseGroup:
    """Failures of one cause.

    Attributes:
        cause: The common beginning of their reasons.
        count: Their number.
        orders: The keys of their orders, each once.
        explanations: The failures.
    """

    cause: str
    count: int
    orders: tuple[str, ...]
    explanations: tuple[Explanation, ...]


def grouped(explanations: Iterable[Explanation]) -> list[CauseGroup]:
    """Return failures by cause, the largest group first. Quoted texts and numbers do not make another cause."""
    causes = by_cause(explanations, lambda each: each.reason or f"{each.without_reason} ({each.failure.failure_type})")
    return [CauseGroup(cause, len(members), _orders(members), members) for cause, members in causes]


def _orders(explanations: Iterable[Explanation]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(key for each in explanations for key in each.order_keys))


class Explainer:
    """Explains failures.

    Args:
        aws: The pipeline's account and region.
        bucket: The bucket with the quarantine.
        failed_prefix: The quarantine's prefix in it.
        log_group: The log group of the processor.
        partition_key: The name of the orders' partition key.
        record_age: The age at which the mapping discards records.
        cancel: Called on Ctrl-C, see `walk`.
    """

    def __init__(
        self,
        aws: Aws,
        bucket: str,
        failed_prefix: str,
        *,
        log_group: str,
        partition_key: str,
        record_age: timedelta,
        cancel: Callable[[], None] = lambda: None,
    ) -> None:
        self._aws = aws
        self._bucket = bucket
        self._failed_prefix = failed_prefix
        self._quarantine = Quarantine(aws, bucket, cancel)
        self._logs = ProcessorLogs(aws, log_group)
        self._partition_key = partition_key
        self._record_age = record_age

    def explain(self, failures: Sequence[Failure]) -> Explained:
        """Explain failures, in their order; of the first ones most is read.

        Raises:
            CancelledError: the user pressed Ctrl-C.
        """
        records = [_Records.of(failure, self._failed_prefix) for failure in failures]
        ranges: dict[str, list[tuple[int, int]]] = {}
        for each in records:
            if each.ranges:
                ranges.setdefault(each.folder, []).extend((first.value, last.value) for first, last in each.ranges)
        listing = self._quarantine.listing(ranges)
        found = _Found(listing, records)
        chosen = _first_of_each([found.candidates(each) for each in records])
        contents = self._quarantine.contents(chosen[:MOST_EXPLAINED], listing)
        left_out = frozenset(chosen[MOST_EXPLAINED:])
        unread = {each.failure.key for each in records if not left_out.isdisjoint(found.candidates(each))}
        explanations = [self._explain(each, found, contents, read=each.failure.key not in unread) for each in records]
        silent = [each for each in explanations if _is_silent(each) and each.failure.key not in unread]
        logged = self._logged(silent[:MOST_NUMBERS])
        explanations = [self._in_words(self._with_log(each, logged)) for each in explanations]
        read = [each for each in explanations if each.failure.key not in unread]
        errors = LoggedErrors({}) if logged.problem else self._logged_errors(read)
        explanations = [_with_error(each, errors) for each in explanations]
        not_searched = f"the log was searched for {MOST_NUMBERS} of {len(silent)} failures"
        log_problem = logged.problem or errors.problem or (not_searched if len(silent) > MOST_NUMBERS else None)
        problems = (listing.problem or contents.problem, log_problem)
        return Explained(tuple(explanations), len(unread), tuple(problem for problem in problems if problem))

    def excerpt(self, explanation: Explanation) -> Excerpt | None:
        """Return the log lines of the invocation that failed; ``None`` when no invocation is known."""
        cause = explanation.cause
        if cause is None and reason_in_words(explanation.failure, self._record_age):
            return None
        request_id = (cause and cause.request_id) or _request_of(explanation)
        at = (cause and cause.failed_at) or parse_timestamp(explanation.failure.timestamp)
        if not (request_id and len(request_id) >= _SHORTEST_REQUEST_ID and at):
            return None
        numbers = {order.number.value for order in explanation.orders if order.number}
        return self._logs.invocation(request_id, at, numbers)

    def key_of(self, keys: object) -> str | None:
        """Return the partition key of a record's keys, in DynamoDB's typed form, as a person types it."""
        value = keys.get(self._partition_key) if isinstance(keys, Mapping) else None
        plain = next(iter(value.values()), None) if isinstance(value, Mapping) else None
        return plain[:_LONGEST_KEY] if isinstance(plain, str) and plain else None

    def _explain(self, records: _Records, found: _Found, contents: Contents, *, read: bool) -> Explanation:
        failure, listed = records.failure, found.candidates(records)
        held = {number: found.has(records.folder, number, contents) for number in records.ends}
        texts = {end.value: end for end in records.ends}
        for key in listed:
            number = number_of(key) or 0
            kept = contents.read.get(key)
            if kept or (key not in contents.read and number in texts):
                texts.setdefault(number, SequenceNumber.of(kept.event) if kept else SequenceNumber(number, str(number)))
        orders = tuple(
            self._order(records, texts[number], contents.read.get(object_name(records.folder, number)), held)
            for number in sorted(texts)
        )
        safety, until = _safety(failure, list(held.values()), self._aws.now())
        quarantined = sum(contents.read.get(key, True) is not None for key in listed)
        count = quarantined if safety is Safety.QUARANTINED else batch_size(failure)
        reason = error_of(failure) or next((order.reason for order in orders if order.reason), None)
        words = "no reason found" if read else "reason not read"
        return Explanation(failure, orders, cut(reason), records.at_most, safety, until, count, words)

    def _order(
        self, records: _Records, number: SequenceNumber, kept: Kept | None, held: Mapping[SequenceNumber, bool | None]
    ) -> FailedOrder:
        cause = kept.cause if kept else None
        reason = cut(error_of_record(records.failure, number) or (cause.reason if cause else None))
        key = self.key_of(kept.event["dynamodb"].get("Keys")) if kept else None
        quarantined = kept is not None or held.get(number) is True
        url = f"s3://{self._bucket}/{object_name(records.folder, number.value)}" if quarantined else None
        return FailedOrder(number, key, reason, cause, quarantined, url)

    def _logged(self, silent: Sequence[Explanation]) -> LoggedFailures:
        """Return what the log has on failures without a reason."""
        times = [time for each in silent for time in each.failure.arrival or ()]
        numbers = [order.number for each in silent for order in each.orders[:1] if order.number]
        return self._logs.failures(numbers, min(times), max(times)) if times else LoggedFailures({})

    def _logged_errors(self, explanations: Sequence[Explanation]) -> LoggedErrors:
        """Return what the log has on the invocations of failures that are still without a reason."""
        silent = [each for each in explanations if _is_silent(each)]
        requests = {(_request_of(each), parse_timestamp(each.failure.timestamp)) for each in silent}
        known = {request: time for request, time in requests if request and time}
        return self._logs.errors(known) if known else LoggedErrors({})

    def _with_log(self, explanation: Explanation, logged: LoggedFailures) -> Explanation:
        if not _is_silent(explanation):
            return explanation
        orders = tuple(
            self._logged_order(order, logged.found.get(order.number.value)) if order.number else order
            for order in explanation.orders
        )
        reason = next((order.reason for order in orders if order.reason), None)
        return replace(explanation, orders=orders, reason=reason)

    def _logged_order(self, order: FailedOrder, logged: LoggedFailure | None) -> FailedOrder:
        if logged is None:
            return order
        cause = Cause(logged.reason, logged.at, logged.request_id) if logged.reason else None
        key = order.key or self.key_of(logged.keys)
        return replace(order, key=key, reason=cut(order.reason or logged.reason), cause=order.cause or cause)

    def _in_words(self, explanation: Explanation) -> Explanation:
        """Add the reason of failures that no invocation reported."""
        if explanation.reason:
            return explanation
        return replace(explanation, reason=reason_in_words(explanation.failure, self._record_age))


@dataclass(frozen=True)
class _Records:
    """The records of a failure: ranges of sequence numbers, and the folder of the quarantine for them."""

    failure: Failure
    folder: str
    ranges: tuple[tuple[SequenceNumber, SequenceNumber], ...]

    @classmethod
    def of(cls, failure: Failure, failed_prefix: str) -> _Records:
        where = failure.range
        if where is None:
            return cls(failure, "", ())
        folder = quarantine_folder(failed_prefix, where.stream_arn)
        if numbers := failure.failing_numbers:
            return cls(failure, folder, tuple((number, number) for number in numbers))
        return cls(failure, folder, ((where.first, where.last),))

    @property
    def ends(self) -> tuple[SequenceNumber, ...]:
        """The records that certainly failed."""
        return tuple(dict.fromkeys(end for each in self.ranges for end in each))

    @property
    def at_most(self) -> bool:
        return any(first != last for first, last in self.ranges)


class _Found:
    """A listing of the quarantine, by failure."""

    def __init__(self, listing: Listing, failures: Iterable[_Records]) -> None:
        self._listing = listing
        by_folder: dict[str, list[int]] = {}
        for key in listing.etags:
            if (number := number_of(key)) is not None:
                by_folder.setdefault(key.rpartition("/")[0], []).append(number)
        self._numbers = {folder: sorted(numbers) for folder, numbers in by_folder.items()}
        self._candidates = {each.failure.key: tuple(self._keys(each)) for each in failures}

    def candidates(self, records: _Records) -> Sequence[str]:
        """Return the keys of the objects that hold its records, or may hold them."""
        return self._candidates[records.failure.key]

    def has(self, folder: str, number: SequenceNumber, contents: Contents) -> bool | None:
        """Return whether the quarantine holds a record; ``None`` when it could not be read."""
        key = object_name(folder, number.value)
        return contents.read[key] is not None if key in contents.read else self._listing.has(folder, number.value)

    def _keys(self, records: _Records) -> Iterator[str]:
        numbers = self._numbers.get(records.folder, [])
        unknown = {end.value for end in records.ends if self._listing.has(records.folder, end.value) is None}
        listed = {
            number
            for first, last in records.ranges
            for number in numbers[bisect_left(numbers, first.value) : bisect_right(numbers, last.value)]
        }
        return (object_name(records.folder, number) for number in sorted(unknown | listed))


def _first_of_each(lists: Sequence[Sequence[str]]) -> list[str]:
    """Return the first of each list, then the second of each, and so on; every text once."""
    placed = sorted((place, at) for at, each in enumerate(lists) for place in range(min(len(each), MOST_EXPLAINED + 1)))
    return list(dict.fromkeys(lists[at][place] for place, at in placed))


def _safety(failure: Failure, held: Sequence[bool | None], now: datetime) -> tuple[Safety, datetime | None]:
    """Return the place of a failure's records, and the time until which the stream has them all."""
    if failure.status is ReplayStatus.EXPIRED:
        return Safety.GONE, None
    if not held:
        return Safety.UNKNOWN, None
    if all(held):
        return Safety.QUARANTINED, None
    audited = parse_timestamp(failure.timestamp)
    latest = audited + STREAM_RETENTION if audited else None  # records are written before they fail
    trimmed = (failure.starts_to_expire, failure.at_risk)
    first, last = (min(filter(None, (each, latest)), default=None) for each in trimmed)
    if None in held:
        return Safety.UNKNOWN, first
    if last and last <= now:
        return Safety.GONE, None
    return (Safety.STREAM, first) if first else (Safety.UNKNOWN, None)


def _request_of(explanation: Explanation) -> str | None:
    """Return the id of the last invocation, as the audit item has it."""
    request_id = explanation.failure.item.get("requestId")
    return request_id if isinstance(request_id, str) and len(request_id) >= _SHORTEST_REQUEST_ID else None


def _with_error(explanation: Explanation, errors: LoggedErrors) -> Explanation:
    """Add the error of the invocation as the reason of a failure that has none."""
    error = errors.found.get(_request_of(explanation) or "") if _is_silent(explanation) else None
    return replace(explanation, reason=cut(reason_in(error))) if error else explanation


def _is_silent(explanation: Explanation) -> bool:
    """Return whether the log may have the reason of a failure that is not resolved."""
    invoked = explanation.failure.failure_type != "RecordAgeExceeded"
    unresolved = explanation.failure.status in UNRESOLVED
    return unresolved and invoked and not explanation.reason and bool(explanation.orders)
