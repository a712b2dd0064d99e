"""Firing alarms: what they mean, and whether their cause is over. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from pipectl.resource_keys import ResourceKey

_RESETS_WITHIN = timedelta(minutes=15)
"""CloudWatch looks at up to three periods of 5 minutes where a metric has no newer points."""


@dataclass(frozen=True)
class Meaning:
    """The meaning of an alarm.

    Args:
        short: Its name in sentences.
        words: The meaning of the alarm when it fires.
        check: The check on the same subject, which knows whether the cause is over.
        command: The command that helps.
    """

    short: str
    words: str
    check: str
    command: str


UNDELIVERED = "undelivered"
"""The subject of failures that the mapping could not send to the queue. No check can see that they were repaired."""

MEANINGS: Mapping[str, Meaning] = {
    ResourceKey.ERRORS_ALARM: Meaning(
        "errors alarm",
        "the processor failed 5 times or more in 5 minutes",
        "processor-errors",
        "logs processor --errors",
    ),
    ResourceKey.FAILURES_ALARM: Meaning("failures alarm", "orders failed all retries", "open-failures", "audit list"),
    ResourceKey.ITERATOR_AGE_ALARM: Meaning(
        "iterator age alarm", "records wait for more than an hour", "iterator-age", "logs processor --errors"
    ),
    ResourceKey.AUDITOR_ERRORS_ALARM: Meaning(
        "auditor errors alarm",
        "the auditor failed: failures may not be recorded",
        "auditor-errors",
        "logs auditor --errors",
    ),
    ResourceKey.LOST_FAILURES_ALARM: Meaning(
        "lost failures alarm",
        "failures did not reach the dead-letter queue, and their records may be lost",
        UNDELIVERED,
        "verify",
    ),
    ResourceKey.THROTTLES_ALARM: Meaning(
        "throttles alarm", "the processor was throttled, and orders waited", "processor-throttles", "plan"
    ),
}


@dataclass(frozen=True)
class FiringAlarm:
    """An alarm that fires.

    Args:
        resource: Its key.
        name: Its physical name.
        since: The time since which it fires.
        over: Its cause is over: the alarm resets by itself.
        unproven: Its cause is from before the deployment, and nothing has run through the new version.
        resets_by: The time by which CloudWatch resets it, about.
    """

    resource: str
    name: str
    since: datetime | None
    over: bool
    unproven: bool
    resets_by: datetime | None

    @property
    def meaning(self) -> Meaning:
        return MEANINGS[self.resource]


def resets_by(since: datetime | None, last_cause: datetime | None, now: datetime) -> datetime | None:
    """Return the time by which CloudWatch resets an alarm whose cause is over; ``None`` where that is unknown.

    Args:
        since: The time since which it fires.
        last_cause: The last minute in which its metric was not zero, where that is known.
        now: The present time.
    """
    last = last_cause or since
    return last + _RESETS_WITHIN if last and last + _RESETS_WITHIN > now else None
