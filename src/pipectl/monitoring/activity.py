"""The processor's errors of the last hour: whether they count against the live version, and their trend. Pure.

CloudWatch counts errors by the minute. The minute in which a version was deployed has errors of the version before it,
too. They count against the live version only when one of its failures is known; a success of that minute counts for
it only when no failure is left.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from pipectl.monitoring.metrics import METRICS_LATE, PERIOD, RECENTLY, Metrics, Point
from pipectl.timestamps import relative, short_time

HOUR = timedelta(hours=1)
BIN = timedelta(minutes=5)
BINS = 12
_CHANGED = 1.25
"""Factor by which the rate of errors has changed when it is called better or worse."""
_SETTLED = METRICS_LATE + 2 * PERIOD
"""Time after the last error from which its retries are reported, and a later success shows that the errors are over."""


class Trend(StrEnum):
    """The rate of errors in the last 15 minutes, compared with that of the 45 minutes before.

    Without an error in the last minutes it is better, whatever was before. Errors that began in the last 15 minutes are
    new: a single order and its retries do that, too.
    """

    NONE = "none"
    NEW = "new"
    BETTER = "better"
    STEADY = "steady"
    WORSE = "worse"


@dataclass(frozen=True)
class Deploy:
    """The live version of the processor.

    Args:
        version: Its number.
        at: The time of the deployment or of the rollback.
        rolled_back: It is in use by a rollback.
        replaced: The version before it, to which a rollback would return; ``None`` where there is none.
    """

    version: str
    at: datetime
    rolled_back: bool = False
    replaced: str | None = None

    def describe(self, now: datetime) -> str:
        """``the deploy at 00:12 UTC (6 min ago)``."""
        noun = "rollback" if self.rolled_back else "deploy"
        return f"the {noun} at {short_time(self.at, now, seconds=False)} UTC ({relative(self.at, now)})"


@dataclass(frozen=True)
class Evidence:
    """Failures that bear on the live version.

    Args:
        unresolved: Number of unresolved failures, ``None`` when they cannot be read.
        of_live_version: One of them is of the live version.
    """

    unresolved: int | None
    of_live_version: bool = False


@dataclass(frozen=True)
class Activity:
    """The processor's invocations and errors of the last hour.

    Args:
        bins: Errors in each five minutes, the oldest first.
        errors: All errors.
        since_deploy: The errors that count against the live version.
        invocations: All invocations.
        beside_deploy: The errors in the minute of the deployment that do not count: before or after it, nobody knows.
        first_error: The minute of the first error of the last hour.
        last_error: The minute of the last error, of the last 24 hours.
        recent_rate: Errors a minute in the last 15 minutes.
        earlier_rate: Errors a minute in the 45 minutes before.
        invocations_since: Invocations after the minute of the last error.
        quiet: There was no error in the last 8 minutes; the metrics of 3 of them may be late.
        deploy: The live version.
        proven: The live version has processed records since it was deployed.
        began_with_deploy: All errors of the last 24 hours are of the live version, and the one before it worked.
        over_by: The time from which the errors are over without a later success, when nothing is unresolved and there
            was none in the last minutes.
        over: Nothing is unresolved, and either a later invocation has succeeded or the last error is 15 minutes old.
    """

    bins: tuple[int, ...]
    errors: int
    since_deploy: int
    beside_deploy: int
    invocations: int
    first_error: datetime | None
    last_error: datetime | None
    recent_rate: float
    earlier_rate: float
    invocations_since: int
    quiet: bool
    deploy: Deploy | None
    proven: bool
    began_with_deploy: bool
    over_by: datetime | None
    over: bool

    def ending(self, now: datetime) -> bool:
        """Return whether nothing is left of the errors, and no invocation has shown yet that they are over."""
        settled = self.last_error is not None and now - self.last_error > _SETTLED
        return not self.over and self.over_by is not None and settled

    def silent_for(self, now: datetime) -> timedelta | None:
        """Return the time since the end of the minute of the last error."""
        return now - self.last_error - PERIOD if self.last_error else None

    @property
    def trend(self) -> Trend:
        if not self.errors:
            return Trend.NONE
        if self.quiet:
            return Trend.BETTER
        if not self.earlier_rate:
            return Trend.NEW
        if self.recent_rate > self.earlier_rate * _CHANGED:
            return Trend.WORSE
        return Trend.BETTER if self.recent_rate * _CHANGED < self.earlier_rate else Trend.STEADY


def activity(metrics: Metrics, deploy: Deploy | None, evidence: Evidence) -> Activity:
    """Return the activity of the last hour.

    Raises:
        AwsError: the metrics cannot be read.
    """
    errors, now = metrics.recent("processor_errors", HOUR), metrics.now
    recent = metrics.total("processor_errors")
    total = metrics.total("processor_errors", HOUR)
    last_error = metrics.last_nonzero("processor_errors")
    counts = _from_deploy(deploy, own_minute=evidence.of_live_version)
    may_count = _from_deploy(deploy, own_minute=True)
    proves = _from_deploy(deploy, own_minute=evidence.unresolved == 0)
    successes = _successes(metrics)
    return Activity(
        _bins(errors, now),
        total,
        int(sum(point.value for point in errors if counts(point.start))),
        int(sum(point.value for point in errors if may_count(point.start) and not counts(point.start))),
        metrics.total("processor_invocations", HOUR),
        min((point.start for point in errors if point.value), default=None),
        last_error,
        recent / minutes(RECENTLY),
        (total - recent) / minutes(HOUR - RECENTLY),
        int(sum(point.value for point in metrics.points("processor_invocations") if _is_after(point, last_error))),
        last_error is None or now - last_error > BIN + METRICS_LATE,
        deploy,
        proven=any(map(proves, successes)),
        began_with_deploy=_began_with(deploy, metrics, successes),
        over_by=_over_by(last_error, now) if evidence.unresolved == 0 else None,
        over=evidence.unresolved == 0 and _is_over(last_error, successes, now),
    )


def minutes(span: timedelta) -> float:
    return span.total_seconds() / 60


def _bins(errors: Iterable[Point], now: datetime) -> tuple[int, ...]:
    bins = [0] * BINS
    for point in errors:
        # A period that began before the hour belongs to the first bin.
        bins[min(max((point.start - (now - HOUR)) // BIN, 0), BINS - 1)] += int(point.value)
    return tuple(bins)


def _from_deploy(deploy: Deploy | None, *, own_minute: bool) -> Callable[[datetime], bool]:
    """Return a test of minutes: they are after the deployment, or its own one where that counts."""
    if deploy is None:
        return lambda _: True
    first = deploy.at - PERIOD if own_minute else deploy.at
    return lambda start: start > first if own_minute else start >= first


def _successes(metrics: Metrics) -> list[datetime]:
    """Return the minutes in which an invocation succeeded."""
    failed = {point.start: point.value for point in metrics.points("processor_errors")}
    invoked = metrics.points("processor_invocations")
    return [point.start for point in invoked if point.value > failed.get(point.start, 0)]


def _began_with(deploy: Deploy | None, metrics: Metrics, successes: Iterable[datetime]) -> bool:
    """Return whether the live version is the first one with errors, and the one that it replaced had successes."""
    if deploy is None or deploy.replaced is None or deploy.rolled_back:
        return False
    failed = [point.start for point in metrics.points("processor_errors") if point.value]
    before = deploy.at - PERIOD
    return bool(failed) and min(failed) > before and any(start <= before for start in successes)


def _is_after(point: Point, time: datetime | None) -> bool:
    return time is not None and point.start > time


def _over_by(last_error: datetime | None, now: datetime) -> datetime | None:
    if last_error is None or now - last_error - PERIOD < METRICS_LATE:
        return None
    return last_error + RECENTLY + PERIOD


def _is_over(last_error: datetime | None, successes: Iterable[datetime], now: datetime) -> bool:
    if last_error is None or now - last_error > RECENTLY + PERIOD:
        return True
    return now - last_error > _SETTLED and any(start > last_error for start in successes)
