"""A pause and a backlog, and the tags of the stream mapping that hold them. Pure; the one place that converts.

The tags of a pause are the desired state, and the mapping follows: `pause` sets them first and disables then, `resume`
removes them first and enables then. After a crash the tags show the desired state.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from pipectl.aws.stream_records import STREAM_RETENTION
from pipectl.config.names import CATCHING_UP_SINCE, PAUSED_BY, PAUSED_SINCE, tag_problem
from pipectl.timestamps import expiry, parse_timestamp, rfc3339

UNFINISHED_PAUSE = "a pause is not finished: use `pipectl pause` or `pipectl resume`"
_LONGEST_TAG = 256


@dataclass(frozen=True)
class Pause:
    """The start of a pause, ``None`` where the tag holds no time, and who paused."""

    since: datetime | None
    by: str

    @classmethod
    def of_tags(cls, tags: Mapping[str, str]) -> Pause | None:
        """Return the pause that a mapping's tags hold, if they hold one."""
        if PAUSED_SINCE not in tags:
            return None
        return cls(parse_timestamp(tags[PAUSED_SINCE]), tags.get(PAUSED_BY, ""))

    def tags(self) -> dict[str, str]:
        """Return the tags that hold this pause. Characters that AWS does not allow in tags become ``_``."""
        by = "".join("_" if tag_problem(PAUSED_BY, sign) else sign for sign in self.by)[:_LONGEST_TAG]
        return {PAUSED_SINCE: rfc3339(self.since) if self.since else "unknown", PAUSED_BY: by}

    def left(self, now: datetime) -> timedelta | None:
        """Return the time until the first record written since then expires; negative when it has expired."""
        return self.since + STREAM_RETENTION - now if self.since else None

    def describe(self, now: datetime) -> str:
        """``paused since 2026-01-01T00:00:00Z by ada; records expire in 23.5 h (2026-01-02T00:00:00Z)``."""
        by = f" by {self.by}" if self.by else ""
        left = self.left(now)
        if self.since is None or left is None:
            return f"paused{by} since an unknown time; records expire after 24 h"
        until = rfc3339(self.since + STREAM_RETENTION)
        return f"paused since {rfc3339(self.since)}{by}; records {expiry(left)} ({until})"


@dataclass(frozen=True)
class CatchingUp:
    """The time since which a mapping reads a backlog, ``None`` where the tag holds no time.

    Until the backlog is read the mapping has no maximum record age, because Lambda sends older records to the
    dead-letter queue without an invocation.
    """

    since: datetime | None

    @classmethod
    def of_tags(cls, tags: Mapping[str, str]) -> CatchingUp | None:
        """Return the state that a mapping's tags hold, if they hold it."""
        if CATCHING_UP_SINCE not in tags:
            return None
        return cls(parse_timestamp(tags[CATCHING_UP_SINCE]))

    def tags(self) -> dict[str, str]:
        """Return the tag that holds this state."""
        return {CATCHING_UP_SINCE: rfc3339(self.since) if self.since else "unknown"}

    def describe(self) -> str:
        """``catching up since 2026-01-01T00:00:00Z: waiting records of any age are processed``."""
        since = f" since {rfc3339(self.since)}" if self.since else ""
        return f"catching up{since}: waiting records of any age are processed"


def longest_wait(age: timedelta) -> timedelta | None:
    """Return the longest wait at which a maximum record age may be in force; ``None`` where any wait may.

    It is an hour less than the age, or half of a shorter age, so that the waiting records can still be read. A stream
    keeps no record for longer than 24 hours, so with a longer age, or none, nothing is discarded.
    """
    return age - min(timedelta(hours=1), age / 2) if timedelta(0) <= age < STREAM_RETENTION else None
