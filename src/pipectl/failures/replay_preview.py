"""Facts about failures before they are replayed: where their records are, and which version failed on them. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

from pipectl.failures.explanation import MOST_EXPLAINED, Explanation, Safety
from pipectl.failures.model import LONGEST_CLAIM, Failure
from pipectl.failures.reasons import batch_size
from pipectl.failures.status import UNRESOLVED
from pipectl.timestamps import parse_timestamp

MOST_COUNTED = 10_000
"""Failures that a preview counts."""


@dataclass(frozen=True)
class RecordPlaces:
    """Numbers of records by the places that hold them.

    Attributes:
        stream: Records that the stream still holds.
        quarantine: Records that the quarantine holds; the stream may hold them, too.
        only_stream: Records of the stream that are not in the quarantine.
        neither: Records that are in neither, so that they are lost.
        unknown: Records of which this is not known.
        until: The time at which the first record that only the stream holds is trimmed; it can have passed.
        at_most: Good records may be among them.
    """

    stream: int = 0
    quarantine: int = 0
    only_stream: int = 0
    neither: int = 0
    unknown: int = 0
    until: datetime | None = None
    at_most: bool = False

    @classmethod
    def of(cls, explanations: Iterable[Explanation], now: datetime) -> RecordPlaces:
        stream = quarantine = only_stream = neither = unknown = 0
        until: datetime | None = None
        at_most = False
        for each in explanations:
            kept = sum(order.quarantined for order in each.orders)
            count = max(each.records or 1, kept)
            at_most |= each.at_most
            match each.safety:
                case Safety.QUARANTINED:
                    trimmed = each.failure.starts_to_expire
                    quarantine += count
                    stream += count if trimmed and trimmed > now else 0
                case Safety.STREAM:
                    quarantine, stream, only_stream = quarantine + kept, stream + count, only_stream + count - kept
                    until = min(filter(None, (until, each.until)), default=None)
                case Safety.GONE:
                    quarantine, neither = quarantine + kept, neither + count - kept
                case Safety.UNKNOWN:
                    unknown += count
        return cls(stream, quarantine, only_stream, neither, unknown, until, at_most)


@dataclass(frozen=True)
class ProcessorVersions:
    """Comparison of the version of the processor that is live now with those that failed on unresolved failures.

    Attributes:
        live: The version that is live.
        unchanged: Number of failures of which the last try was with this version.
        changed: Number of those with another version.
        unknown: Number of those with a version that is not known.
    """

    live: str | None = None
    unchanged: int = 0
    changed: int = 0
    unknown: int = 0

    @property
    def compared(self) -> int:
        return self.unchanged + self.changed + self.unknown

    @classmethod
    def of(cls, explanations: Iterable[Explanation], live: str | None) -> ProcessorVersions:
        versions = [last_version(each) for each in explanations if each.failure.status in UNRESOLVED]
        unknown = len(versions) if live is None else versions.count(None)
        unchanged = 0 if live is None else versions.count(live)
        return cls(live, unchanged, len(versions) - unknown - unchanged, unknown)


@dataclass
class Counts:
    """Counts of the failures that a replay would process; some of them are explained.

    A limit is for failures that can be replayed: with the others, each replay would choose the same ones.
    """

    stream_prefix: str
    limit: int | None
    by_status: Counter[str] = field(default_factory=Counter)
    by_type: Counter[str] = field(default_factory=Counter)
    first: list[Failure] = field(default_factory=list)
    records: int | None = 0
    first_to_expire: datetime | None = None
    unreplayable: int = 0
    claimed: int = 0
    beyond: int = 0
    more: bool = False

    def add(self, failure: Failure, now: datetime) -> None:
        left_out = self.unreplayable if self.limit is not None else 0
        if self.by_type.total() + self.beyond + left_out == MOST_COUNTED:
            self.more = True
            return
        never = failure.unreplayable(self.stream_prefix) is not None
        self.unreplayable += never
        if self.limit is not None and never:
            return
        if self.limit is not None and self.by_type.total() == self.limit:
            self.beyond += 1
            return
        self.by_status[failure.status] += 1
        self.by_type[failure.failure_type] += 1
        self.claimed += _is_claimed(failure, now)
        count = _record_count(failure)
        self.records = None if self.records is None or count is None else self.records + count
        times = (self.first_to_expire, failure.starts_to_expire)
        self.first_to_expire = min((time for time in times if time), default=None)
        if len(self.first) < MOST_EXPLAINED:
            self.first.append(failure)


def _is_claimed(failure: Failure, now: datetime) -> bool:
    """Return whether a running replay has claimed a failure."""
    until = parse_timestamp(failure.item.get("claimedUntil"))
    return until is not None and now <= until <= now + LONGEST_CLAIM


def _record_count(failure: Failure) -> int | None:
    """Return about how many records of a failure are replayed; ``None`` if unknown. For a progress bar only."""
    where = failure.range
    if where is None:
        return 0
    return 1 if where.first == where.last else batch_size(failure)


def last_version(explanation: Explanation) -> str | None:
    """Return the version of the last replay, else that of the first failure; ``None`` if unknown."""
    version = explanation.failure.item.get("replayedVersion")
    if isinstance(version, str) and version:
        return version
    return explanation.cause.function_version if explanation.cause else None
