"""The state of one batch of stream records: the records to invoke next, and those that failed. Pure.

A batch is a list of units; a unit is a range of records that is invoked as one event. The batch starts as a single
unit. The first unit is always the next to be invoked, so the stream's order is kept. The behaviour is the one that was
seen on AWS:

* ``MaximumRetryAttempts`` counts the attempts after the first.
* A partial batch response is a checkpoint: the records from the one that it names on are a new unit, with all retries.
* A response that names the first record has made no progress: like an error, it uses a retry, or bisects the unit.
* Bisecting uses no retry: both halves are new units.
* A throttled invocation did not reach the function, so it consumes no retry; only the record age ends it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Any, Literal

from pipectl.aws.batch_responses import failed_positions
from pipectl.local.functions import LATEST

Record = Mapping[str, Any]
"""A stream record in the form of a Lambda event."""

Condition = Literal["RetryAttemptsExhausted", "RecordAgeExceeded"]

UNLIMITED = -1


@dataclass(frozen=True)
class Settings:
    """The settings of an event source mapping that decide about failures; -1 is unlimited, as in Lambda's API."""

    max_retries: int = UNLIMITED
    max_age_seconds: int = UNLIMITED
    bisect: bool = False
    report_item_failures: bool = False

    @classmethod
    def of(cls, mapping: Mapping[str, Any]) -> Settings:
        """Return the settings of an event source mapping, given the answer of ``GetEventSourceMapping``."""
        return cls(
            max_retries=_number(mapping.get("MaximumRetryAttempts")),
            max_age_seconds=_number(mapping.get("MaximumRecordAgeInSeconds")),
            bisect=bool(mapping.get("BisectBatchOnFunctionError")),
            report_item_failures="ReportBatchItemFailures" in (mapping.get("FunctionResponseTypes") or ()),
        )


def _number(value: object) -> int:
    return value if isinstance(value, int) else UNLIMITED


@dataclass(frozen=True)
class Outcome:
    """The result of an invocation: a payload, a function error, or throttling."""

    payload: object = None
    raised: bool = False
    throttled: bool = False
    version: str = LATEST
    request_id: str = ""


@dataclass(frozen=True)
class Unit:
    """The records ``start`` to ``stop`` (exclusive) of a batch, to be invoked together."""

    start: int
    stop: int
    retries: int = 0
    invocations: int = 0
    outcome: Outcome = Outcome()
    """The outcome of its last invocation."""

    @property
    def size(self) -> int:
        return self.stop - self.start


@dataclass(frozen=True)
class Failure:
    """A range of records that failed. ``outcome`` is the outcome of their last invocation, if there was one."""

    records: Sequence[Record]
    condition: Condition
    invocations: int
    outcome: Outcome = Outcome()


class Batch:
    """The state of one batch. Invoke ``next_unit`` and pass the outcome to ``settle``, until there is no next unit."""

    def __init__(self, records: Sequence[Record], *, consolidate: bool = False) -> None:
        self.records = records
        self._consolidate = consolidate
        self._units = deque([Unit(0, len(records))] if records else ())
        self._failed: list[tuple[Condition, Unit]] = []

    @property
    def settled(self) -> int:
        """Return the number of records, from the first one, that need no further invocation."""
        return self._units[0].start if self._units else len(self.records)

    def next_unit(self, settings: Settings, now: float) -> Unit | None:
        """Return the unit to invoke next. Records that are too old at ``now`` (epoch seconds) fail first."""
        while self._units:
            unit = self._units[0]
            expired = self._expired(unit, settings, now)
            if not expired:
                return unit
            self._failed.append(("RecordAgeExceeded", replace(unit, stop=unit.start + expired)))
            self._replace_first([replace(unit, start=unit.start + expired)] if expired < unit.size else [])
        return None

    def settle(self, outcome: Outcome, settings: Settings) -> None:
        """Apply the outcome of the first unit's invocation."""
        if outcome.throttled:
            return
        unit = self._units[0]
        unit = replace(unit, invocations=unit.invocations + 1, outcome=outcome)
        failed_at = self._failed_at(unit, outcome, settings)
        if failed_at is None:
            self._replace_first([])
        elif failed_at > 0:
            self._replace_first([Unit(unit.start + failed_at, unit.stop)])
        elif settings.bisect and unit.size > 1:
            middle = unit.start + unit.size // 2
            self._replace_first([Unit(unit.start, middle), Unit(middle, unit.stop)])
        else:
            self._replace_first(self._retry(unit, settings))

    def take_failures(self, *, abandon: bool = False) -> list[Failure]:
        """Return the failures since the last call, which are to be sent to the on-failure destination.

        Consolidated failures are returned when the batch has ended, or with ``abandon``.
        """
        if self._consolidate and self._units and not abandon:
            return []
        failed, self._failed = self._failed, []
        if not self._consolidate:
            return [self._failure(condition, unit, unit) for condition, unit in failed]
        groups = (list(group) for _, group in groupby(failed, key=lambda item: item[0]))
        return [self._failure(group[-1][0], group[0][1], group[-1][1]) for group in groups]

    def _failure(self, condition: Condition, first: Unit, last: Unit) -> Failure:
        records = self.records[first.start : last.stop]
        return Failure(records, condition, max(first.invocations, last.invocations), last.outcome)

    def _replace_first(self, units: Iterable[Unit]) -> None:
        self._units.popleft()
        self._units.extendleft(reversed(list(units)))

    def _retry(self, unit: Unit, settings: Settings) -> list[Unit]:
        if settings.max_retries == UNLIMITED or unit.retries < settings.max_retries:
            return [replace(unit, retries=unit.retries + 1)]
        self._failed.append(("RetryAttemptsExhausted", unit))
        return []

    def _failed_at(self, unit: Unit, outcome: Outcome, settings: Settings) -> int | None:
        """Return the position of the unit's first failed record, 0 for the whole unit; ``None`` when none failed."""
        if outcome.raised:
            return 0
        if not settings.report_item_failures:
            return None
        identifiers = [sequence_number(record) for record in self.records[unit.start : unit.stop]]
        try:
            return min(failed_positions(outcome.payload, identifiers), default=None)
        except ValueError:
            return 0

    def _expired(self, unit: Unit, settings: Settings, now: float) -> int:
        if settings.max_age_seconds == UNLIMITED:
            return 0
        oldest = now - settings.max_age_seconds
        records = self.records[unit.start : unit.stop]
        return next((n for n, record in enumerate(records) if arrival(record) >= oldest), unit.size)


def sequence_number(record: Record) -> str:
    """Return the record's sequence number. Compare sequence numbers as integers: their lengths differ."""
    return str(record["dynamodb"]["SequenceNumber"])


def arrival(record: Record) -> float:
    """Return the time at which the record was written to the stream, in epoch seconds."""
    return float(record["dynamodb"]["ApproximateCreationDateTime"])
