"""The progress of the stream mapping: which records it has certainly read."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from pipectl.context import Context
from pipectl.facts import MappingFacts
from pipectl.monitoring.metrics import Metrics

GRACE = timedelta(seconds=60)
"""Records younger than this, and than the mapping lags behind, may not have been read yet."""
_FUNCTION_FAILED = "Function call failed"
"""The last result of a mapping that works: it retries, until the retries are exhausted."""


@dataclass(frozen=True)
class Progress:
    """The progress of the mapping, which limits the knowledge about records without object and failure.

    Args:
        until: A mapping that reads has read all records that are older.
        stopped: Why it does not read; ``None`` when it does. The position where it stopped is unknown, but lies before
            every record that has neither.
        unknown: Why nothing certain is known about a mapping that reads: any record may wait for it.
    """

    until: datetime
    stopped: str | None = None
    unknown: str | None = None


def progress(context: Context, mapping: MappingFacts | None, now: datetime, grace: timedelta = GRACE) -> Progress:
    """Return the progress, judged by the state of the mapping and by how long records wait for it.

    Args:
        context: The pipeline.
        mapping: Its facts; ``None`` when it is missing.
        now: The present time.
        grace: Age below which a record may not have been read yet.
    """
    lag = timedelta(seconds=Metrics(context, now).iterator_age() or 0)
    window = timedelta(seconds=context.config.stream_mapping.batching_window)
    return Progress(now - grace - lag - window, _stopped(mapping, now))


def _stopped(mapping: MappingFacts | None, now: datetime) -> str | None:
    if mapping is None:
        return "the stream mapping is missing: `pipectl up` creates it"
    if mapping.stopped and mapping.pause:
        return f"processing is {mapping.pause.describe(now)}: `pipectl resume` continues"
    if mapping.stopped:
        return f"the stream mapping is {mapping.state}: `pipectl up` enables it"
    return mapping.last_result if keeps_from_working(mapping.last_result) else None


def keeps_from_working(last_result: str) -> bool:
    """Return whether the last result is a problem of the mapping, and not an error of its function."""
    return last_result.startswith("PROBLEM") and _FUNCTION_FAILED not in last_result
