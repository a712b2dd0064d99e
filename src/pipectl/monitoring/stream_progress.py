"""How far the stream mapping has certainly got."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from pipectl.context import Context
from pipectl.facts import MappingFacts
from pipectl.monitoring.metrics import Metrics

GRACE = timedelta(seconds=60)
"""Records younger than this, and than the mapping lags behind, may just not have been got to."""
_FUNCTION_FAILED = "Function call failed"
"""What a mapping says that works: it tries again, and at last gives up."""


@dataclass(frozen=True)
class Progress:
    """What can be said of records that have neither an object nor a failure.

    Args:
        until: A mapping that reads has got to all that is older.
        stopped: Why it does not read; ``None`` when it does. Nobody knows where it stopped, but it was before what it
            has not settled.
    """

    until: datetime
    stopped: str | None = None


def progress(context: Context, mapping: MappingFacts | None, now: datetime, grace: timedelta = GRACE) -> Progress:
    """Judge by the state of the mapping and by how long records wait for it.

    Args:
        context: The pipeline.
        mapping: Its facts; ``None`` when there is none.
        now: What is young is young now.
        grace: Younger records may not have been got to.
    """
    lag = timedelta(seconds=Metrics(context, now).iterator_age() or 0)
    window = timedelta(seconds=context.config.stream_mapping.batching_window)
    return Progress(now - grace - lag - window, _stopped(mapping, now))


def _stopped(mapping: MappingFacts | None, now: datetime) -> str | None:
    if mapping is None:
        return "there is no mapping: `pipectl up` makes it"
    if mapping.stopped:
        pause = mapping.pause
        words = pause.words(now) if pause else mapping.state
        return f"the mapping is {words}: {'`pipectl resume` goes on' if pause else '`pipectl up` enables it'}"
    return mapping.last_result if keeps_from_working(mapping.last_result) else None


def keeps_from_working(last_result: str) -> bool:
    """Whether what a mapping says of its last try is a problem of its own, and not one of its function's."""
    return last_result.startswith("PROBLEM") and _FUNCTION_FAILED not in last_result
