"""Results of a replay: for one failure, and for all of them. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import Enum

from pipectl.failures.model import (
    MOST_RECORDED,
    Damage,
    End,
    FailedRecord,
    Failure,
    Gap,
    Reading,
    Record,
    SequenceNumber,
    StreamRange,
)
from pipectl.failures.status import UNRESOLVED, ReplayStatus
from pipectl.timestamps import parse_timestamp

MOST_REPORTED = 1000
"""Records and errors that a report names; it counts all of them."""


class ClaimState(Enum):
    """State of a claim; ``REFUSED`` is that of an item that DynamoDB refuses to change."""

    HELD = "held"
    REFUSED = "refused"
    CLAIMED_ELSEWHERE = "claimed elsewhere"
    DONE_ELSEWHERE = "done elsewhere"


@dataclass(frozen=True)
class Outcome:
    """Result of replaying one failure.

    Attributes:
        status: The audit item's status from now on.
        replayed: Number of records that were processed.
        failing: Records that still fail.
        expired: Sequence numbers that are neither in the stream nor in the quarantine.
        error: The reason, where no single record is to blame.
        version: The version of the processor that processed its records; ``None`` when no record was processed.
    """

    status: ReplayStatus
    replayed: int = 0
    failing: tuple[FailedRecord, ...] = ()
    expired: tuple[SequenceNumber, ...] = ()
    error: str | None = None
    version: str | None = None


@dataclass(frozen=True)
class DoneFailure:
    """A failure that was chosen by its id, and that needs no replay.

    Attributes:
        audit_id: Its id.
        status: Its status.
        at: The time since when it has this status, if its item has it.
    """

    audit_id: str
    status: ReplayStatus
    at: datetime | None

    @classmethod
    def of(cls, failure: Failure) -> DoneFailure:
        at = failure.item.get("resolvedAt") or failure.item.get("replayedAt")
        return cls(failure.audit_id, failure.status, parse_timestamp(at))


class FailureTally:
    """Counts the records of one failure: those in its range, or all of them where it has no range.

    Both ends of a range are records that failed, so both have to be read, or the failure is not replayed.
    """

    def __init__(self, failure: Failure, where: StreamRange | None = None) -> None:
        self.failure = failure
        self._where = where
        self._unseen = {where.first, where.last} if where else set[SequenceNumber]()
        self._trimmed = set[SequenceNumber]()
        self._damage: list[str] = []
        self._complete = False
        self._replayed = 0
        self._still_failing = 0
        self._failing: list[FailedRecord] = []

    def note(self, reading: Reading) -> None:
        """Count one item that a reader yields."""
        match reading:
            case Record(number=number):
                self._unseen.discard(number)
            case Gap():
                self._trimmed |= {end for end in self._unseen if reading.proves_trimmed(end)}
            case Damage(message=message, number=number):
                if len(self._damage) < MOST_RECORDED and self._concerns(number):
                    self._damage.append(message)
            case End(complete=complete):
                self._complete = complete

    def count(self, number: SequenceNumber, failed: FailedRecord | None) -> None:
        """Count a record that was processed."""
        if self._where and not self._where.covers(number):
            return
        if failed is None:
            self._replayed += 1
            return
        self._still_failing += 1
        if len(self._failing) < MOST_RECORDED:
            self._failing.append(failed)

    def outcome(self, error: str | None = None) -> Outcome:
        """Return the outcome of the failure.

        Args:
            error: The reason why the reading ended early, if it did.
        """
        expired = sorted(self._unseen & self._trimmed)
        reasons = [error] if error else [*self._damage, *self._unread(self._unseen - self._trimmed)]
        if self._where is None and not (self._replayed or self._still_failing or reasons):
            reasons = ["no record of it was found"]
        if reasons or self._still_failing:
            status = ReplayStatus.PARTIAL if self._replayed else ReplayStatus.FAILED
        elif expired:
            status = ReplayStatus.EXPIRED
            reasons = [f"{_listed(expired)} expired: neither in the stream nor in the quarantine"]
        else:
            status = ReplayStatus.REPLAYED
        return Outcome(status, self._replayed, tuple(self._failing), tuple(expired), "; ".join(reasons) or None)

    def _concerns(self, number: int | None) -> bool:
        return number is None or self._where is None or self._where.first.value <= number <= self._where.last.value

    def _unread(self, unread: set[SequenceNumber]) -> list[str]:
        if not unread:
            return []
        if self._complete:
            return [f"{_listed(sorted(unread))} does not exist; the message may have been edited by hand"]
        return [f"the stream did not return {_listed(sorted(unread))}: try again"]


def _listed(numbers: Sequence[SequenceNumber]) -> str:
    return f"record {', '.join(map(str, numbers))}"


@dataclass(frozen=True)
class ReplayReport:
    """Result of a replay.

    Attributes:
        statuses: Number of failures by the status that this run has written; ``OPEN`` counts those that were not
            attempted.
        replayed: Number of records that were processed.
        still_failing: Number of records that failed again.
        failing: The first of them.
        expired: Sequence numbers that are neither in the stream nor in the quarantine.
        errors: Failures with the reason why they were not replayed.
        claimed_elsewhere: Failures that another run is working on, or has worked on without finishing.
        done_elsewhere: Failures that another run has finished meanwhile, or that were resolved or deleted.
        unreplayable: Failures that no replay can ever process; their errors say why.
        audited: Messages of the queue that were audited first.
        waiting: Messages that the auditor has received from the queue, and that have no audit item yet.
        left_ids: Ids of the first failures that are still unresolved.
        done: Failures that were chosen by their id, and that needed no replay.
        beyond: Unresolved failures that a limit left out.
        left_out: Failures that a limit does not count, because no replay can ever process them.
    """

    statuses: Mapping[str, int] = field(default_factory=Counter)
    replayed: int = 0
    still_failing: int = 0
    failing: tuple[FailedRecord, ...] = ()
    expired: tuple[SequenceNumber, ...] = ()
    errors: tuple[str, ...] = ()
    claimed_elsewhere: int = 0
    done_elsewhere: int = 0
    unreplayable: int = 0
    audited: int = 0
    waiting: int = 0
    left_ids: tuple[str, ...] = ()
    done: tuple[DoneFailure, ...] = ()
    beyond: int = 0
    left_out: int = 0

    def with_outcome(self, failure: Failure, outcome: Outcome) -> ReplayReport:
        error = (f"{failure.audit_id}: {outcome.error}",) if outcome.error else ()
        left = (failure.audit_id,) if outcome.status in UNRESOLVED else ()
        counted = Counter({str(outcome.status): 1})
        return self.plus(ReplayReport(statuses=counted, expired=outcome.expired, errors=error, left_ids=left))

    def with_untried(self, audit_id: str, reason: str) -> ReplayReport:
        """Add a failure that was not attempted; its audit item is unchanged."""
        return self.plus(ReplayReport(statuses=Counter(OPEN=1), errors=(f"{audit_id}: {reason}",)))

    def with_others(self, states: Sequence[ClaimState]) -> ReplayReport:
        """Add the failures that another run has claimed or finished."""
        return self.plus(
            ReplayReport(
                claimed_elsewhere=states.count(ClaimState.CLAIMED_ELSEWHERE),
                done_elsewhere=states.count(ClaimState.DONE_ELSEWHERE),
            )
        )

    def with_records(self, replayed: int, failing: Sequence[FailedRecord]) -> ReplayReport:
        return self.plus(ReplayReport(replayed=replayed, still_failing=len(failing), failing=tuple(failing)))

    def plus(self, other: ReplayReport) -> ReplayReport:
        return replace(
            self,
            statuses=Counter(self.statuses) + Counter(other.statuses),
            replayed=self.replayed + other.replayed,
            still_failing=self.still_failing + other.still_failing,
            failing=(*self.failing, *other.failing)[:MOST_REPORTED],
            expired=(*self.expired, *other.expired)[:MOST_REPORTED],
            errors=(*self.errors, *other.errors)[:MOST_REPORTED],
            claimed_elsewhere=self.claimed_elsewhere + other.claimed_elsewhere,
            done_elsewhere=self.done_elsewhere + other.done_elsewhere,
            unreplayable=self.unreplayable + other.unreplayable,
            audited=self.audited + other.audited,
            waiting=self.waiting + other.waiting,
            left_ids=(*self.left_ids, *other.left_ids)[:MOST_REPORTED],
        )

    @property
    def total(self) -> int:
        return sum(self.statuses.values())

    @property
    def left(self) -> int:
        """Number of failures that are unresolved, or whose records are lost."""
        unresolved = sum(self.statuses.get(status, 0) for status in (*UNRESOLVED, ReplayStatus.EXPIRED))
        return unresolved + self.claimed_elsewhere + self.waiting
