"""The orders that wait while nothing is processed: how many, since when, and when the first one is lost. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from pipectl.aws.stream_records import STREAM_RETENTION
from pipectl.facts import MappingFacts, waiting_retention
from pipectl.monitoring.metrics import METRICS_LATE, PERIOD, Metrics
from pipectl.monitoring.stream_progress import Progress
from pipectl.text import pluralize
from pipectl.timestamps import duration, short_time


@dataclass(frozen=True)
class Waiting:
    """Orders that wait for the stream mapping.

    Args:
        orders: Their number, as the metrics count writes.
        bound: ``about``, ``at least`` while newer metrics can be missing, or ``up to``: some may have been processed.
        since: The minute in which the first of them was written.
        given_up: The time at which the mapping no longer tries the first one; ``None`` while it waits as long as the
            stream has it.
        lost: The time at which the stream trims the first one.
    """

    orders: int
    bound: str
    since: datetime
    given_up: datetime | None
    lost: datetime

    def describe(self, now: datetime) -> str:
        """``about 20 orders written since 09:23 wait; the first is lost at 2026-11-27 09:23 (23.9 h)``."""

        def at(time: datetime) -> str:
            return short_time(time, now, seconds=False)

        words = f"{self.bound} {pluralize(self.orders, 'order')} written since {at(self.since)} "
        words += "waits" if self.orders == 1 else "wait"
        if self.lost <= now:
            return f"{words}; the first ones are lost since {at(self.lost)}"
        given_up = f" fails at {at(self.given_up)} and" if self.given_up else ""
        return f"{words}; the first{given_up} is lost at {at(self.lost)} (in {duration(self.lost - now)})"


def waiting(read: Progress, metrics: Metrics, mapping: MappingFacts | None) -> Waiting | None:
    """Return the orders that were written since the last one that was processed, while the mapping does not read.

    The minute of the last one that was processed counts when nothing else does and the processor was throttled since:
    then some of its orders wait.
    """
    if not read.stopped and not read.silent_since:
        return None
    since, bound = read.unread_since, "about"
    if since is None and read.throttled and read.processed:
        since, bound = read.processed, "up to"
    writes = [point for point in metrics.points("writes") if point.value and since and point.start >= since]
    if since is None or not writes:
        return None
    if bound == "about" and metrics.now - max(point.start for point in writes) <= METRICS_LATE + PERIOD:
        bound = "at least"
    retention = waiting_retention(mapping)
    given_up = since + retention if retention < STREAM_RETENTION else None
    count = int(sum(point.value for point in writes))
    return Waiting(
        count, bound, since, given_up if given_up and given_up > metrics.now else None, since + STREAM_RETENTION
    )
