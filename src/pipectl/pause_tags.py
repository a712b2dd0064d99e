"""A pause, as the tags of the stream mapping tell it. Pure.

The tag is what is wanted, and the mapping follows it. So `pause` sets the tag first and then disables, `resume` takes
it away first and then enables, and whichever is cut short, the tag says which of the two was meant.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from pipectl.aws.stream_records import STREAM_RETENTION
from pipectl.config.names import tag_problem
from pipectl.timestamps import parse_timestamp, rfc3339

PAUSED_SINCE = "PausedSince"
PAUSED_BY = "PausedBy"
PAUSE_TAGS = (PAUSED_SINCE, PAUSED_BY)
_LONGEST_TAG = 256


@dataclass(frozen=True)
class Pause:
    """Since when, ``None`` where the tag is no time, and by whom."""

    since: datetime | None
    by: str

    @classmethod
    def of_tags(cls, tags: Mapping[str, str]) -> Pause | None:
        """The pause that a mapping's tags tell of, if they do."""
        if PAUSED_SINCE not in tags:
            return None
        return cls(parse_timestamp(tags[PAUSED_SINCE]), tags.get(PAUSED_BY, ""))

    def tags(self) -> dict[str, str]:
        """The tags that tell of it. AWS takes few signs in a tag; what it would not take becomes ``_``."""
        by = "".join("_" if tag_problem(PAUSED_BY, sign) else sign for sign in self.by)[:_LONGEST_TAG]
        since = rfc3339(self.since) if self.since else "unknown"
        return {PAUSED_SINCE: since, PAUSED_BY: by}

    def left(self, now: datetime) -> timedelta | None:
        """How long until the stream forgets the first record that was written since; negative when it has."""
        return self.since + STREAM_RETENTION - now if self.since else None

    def words(self, now: datetime) -> str:
        """``paused since 2026-01-01T00:00:00Z by ada; records expire in 23.5 h``."""
        by = f" by {self.by}" if self.by else ""
        left = self.left(now)
        if left is None:
            return f"paused{by}, it is not known since when; records expire after 24 h"
        hours = left.total_seconds() / 3600
        expiry = f"expire in {hours:.1f} h" if hours > 0 else f"have been expiring for {-hours:.1f} h"
        return f"paused since {self.tags()[PAUSED_SINCE]}{by}; records {expiry}"
