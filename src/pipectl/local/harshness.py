"""Options that make the local emulator as unpleasant as AWS can be."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass

VARIABLE = "PIPECTL_LOCAL_HARSHNESS"
"""The variable of the server's environment."""
SHARDS = 4
"""A new on-demand table has four."""


@dataclass(frozen=True)
class Harshness:
    """The defaults need no waiting; `demo` uses them. Times are in seconds."""

    consolidate: bool = False
    """Report the failures of one batch in one message whose range may hold good records."""
    roll_after: int = 0
    """Close all shards of a stream after this number of records, and open children; 0 keeps the shards."""
    empty_pages: int = 0
    """The largest number of empty pages before a page that may have records or resources."""
    metric_delay: float = 0.0
    """The time until a metric can be read and makes an alarm go off. On AWS one to three minutes."""
    count_age: float = 0.0
    """The age that the message counts of a queue may have. On AWS a minute."""
    index_age: float = 0.0
    """The age that the index of tags may have. On AWS minutes, and hours for resources that were deleted."""

    def to_text(self) -> str:
        """Return the text for the server's environment."""
        return json.dumps(asdict(self))

    @classmethod
    def from_text(cls, text: str) -> Harshness:
        """Return the options of the server's environment."""
        return cls(**json.loads(text or "{}"))


KIND = Harshness()
