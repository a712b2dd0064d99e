"""The state of one batch of stream records: the records to invoke next, and those that failed. Pure.

A batch is a list of units; a unit is a range of records that is invoked as one event. The batch starts as a single
unit. The first unit is always the next to be invoked, so the stream's order is kept. The behaviour is the one that AWS
documents; where it documents nothing, the stricter of the possible ones:

* ``MaximumRetryAttempts`` counts the attempts after the first. Bisecting consumes none of them.
* A partial batch response is a checkpoint *and* counts as a retry of the record that it names: a record that is
  reported once, and then raises, fails after 1 + ``MaximumRetryAttempts`` attempts in total. Records that become the
  first of a unit later start with all retries.
* A response that names the first record has made no progress: there is nothing to split, so the whole unit is retried
  and fails together. A handler has to raise, so that its batch is bisected.
* A throttled invocation did not reach the function, so it consumes no retry; only the record age ends it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Any, Literal

from pipectl.aws.batch_responses import failed_positions

Record = Mapping[str, Any]
"""A stream record in the form of a Lambda event."""

Condition = Literal["RetryAttemptsExhausted", "RecordAgeExceeded"]

UNLIMITED = -1
WHOLE_UNIT = -1
"""The function raised, or its answer is invalid: the failure has no position within the unit."""


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


@dataclass(frozen=True)
class Unit:
    """The records ``start`` to ``stop`` (exclusive) of a batch, to be invoked together."""

    start: int
    stop: int
    retries: int = 0
    invocations: int = 0
    raised: bool = False

    @property
    def size(self) -> int:
        return self.stop - self.start


@dataclass(frozen=True)
class Failure:
    """A range of records that failed. ``raised`` is false when it was only reported, or never tried."""

    records: Sequence[Record]
    condition: Condition
    invocations: int
    raised: bool


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
        unit = replace(unit, invocations=unit.invocations + 1, raised=outcome.raised)
        failed_at = self._failed_at(unit, outcome, settings)
        if failed_at is None:
            self._replace_first([])
        elif failed_at > 0:
            self._replace_first(self._from_checkpoint(unit, failed_at, settings))
        elif failed_at == WHOLE_UNIT and settings.bisect and unit.size > 1:
            middle = unit.start + unit.size // 2
            self._replace_first([replace(unit, stop=middle), replace(unit, start=middle, retries=0)])
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
        return Failure(records, condition, max(first.invocations, last.invocations), last.raised)

    def _replace_first(self, units: Iterable[Unit]) -> None:
        self._units.popleft()
        self._units.extendleft(reversed(list(units)))

    def _from_checkpoint(self, unit: Unit, failed_at: int, settings: Settings) -> list[Unit]:
        rest = replace(unit, start=unit.start + failed_at, retries=0)
        if settings.bisect:
            # Splitting at the checkpoint consumes no retry, so the rest is always invoked once more.
            return [replace(rest, retries=1)]
        return self._retry(rest, settings)

    def _retry(self, unit: Unit, settings: Settings) -> list[Unit]:
        if settings.max_retries == UNLIMITED or unit.retries < settings.max_retries:
            return [replace(unit, retries=unit.retries + 1)]
        self._failed.append(("RetryAttemptsExhausted", unit))
        return []

    def _failed_at(self, unit: Unit, outcome: Outcome, settings: Settings) -> int | None:
        """Return the position of the unit's first failed record, or ``WHOLE_UNIT``; ``None`` when none failed."""
        if outcome.raised:
            return WHOLE_UNIT
        if not settings.report_item_failures:
            return None
        identifiers = [sequence_number(record) for record in self.records[unit.start : unit.stop]]
        try:
            return min(failed_positions(outcome.payload, identifiers), default=None)
        except ValueError:
            return WHOLE_UNIT

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
