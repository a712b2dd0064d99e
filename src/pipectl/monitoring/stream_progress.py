"""The progress of the stream mapping: which records it has certainly read.

CloudWatch has an iterator age only when a batch finished, at a grain of a minute, and 1 to 3 minutes late. So no point
does not mean no lag: there is none while the processor is throttled, the mapping is disabled or denied, or before it
begins to poll, which can take minutes. It does mean so when no order was written since the last point.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from pipectl.aws.stream_records import STREAM_RETENTION
from pipectl.config.models import Config
from pipectl.context import Context
from pipectl.engine.model import Facts, facts_of
from pipectl.facts import FunctionFacts, MappingFacts
from pipectl.monitoring.metrics import METRICS_LATE, PERIOD, RECENTLY, Metrics
from pipectl.resource_keys import ResourceKey
from pipectl.text import pluralize
from pipectl.timestamps import relative, rfc3339, short_time

_FUNCTION_FAILED = "Function call failed"
"""The last result of a mapping that works: it retries, until the retries are exhausted."""
_KEEPS_UP = 60
"""Seconds that records may wait for a mapping that keeps up."""


@dataclass(frozen=True)
class Progress:
    """The progress of the mapping, which limits the knowledge about records without object and failure.

    Args:
        until: All records that are older have certainly been read.
        stopped: Why the mapping does not read; ``None`` when it does. The position where it stopped is unknown, but
            lies before every record that has neither.
        unknown: Why nothing certain is known about a mapping that reads: any record may wait for it.
        silent_since: The time since which there is something to read, the mapping is as it is, and nothing was
            processed.
        throttled: The mapping does not read because its function is throttled.
        retrying: Records wait because one that is before them failed a moment ago.
        processed: The minute in which something was processed last.
        unread_since: The minute of the first write after that.
    """

    until: datetime
    stopped: str | None = None
    unknown: str | None = None
    silent_since: datetime | None = None
    throttled: bool = False
    retrying: bool = False
    processed: datetime | None = None
    unread_since: datetime | None = None


def progress(
    context: Context,
    facts: Mapping[str, Facts],
    now: datetime,
    grace: timedelta | None = None,
    metrics: Metrics | None = None,
) -> Progress:
    """Return the progress, judged by the state of mapping and processor and by the metrics.

    Args:
        context: The pipeline.
        facts: The facts of the stream mapping and of the processor, where they exist and are managed.
        now: The present time.
        grace: Age below which a record may not have been read yet; as a default the time that metrics and an invocation
            take.
        metrics: The metrics, where they are read already.
    """
    return judge(context.config, facts, metrics or Metrics.of(context, now), grace)


def judge(config: Config, facts: Mapping[str, Facts], metrics: Metrics, grace: timedelta | None = None) -> Progress:
    """Return the progress at the time of the metrics. Makes no call but for the metrics; see `progress`."""
    if grace is None:
        grace = METRICS_LATE + PERIOD + timedelta(seconds=config.processor.timeout)
    return _Judge(metrics, facts, grace, timedelta(seconds=config.stream_mapping.batching_window)).judge()


class _Judge:
    """Judges the progress.

    Args:
        metrics: The metrics.
        facts: The facts of mapping and processor.
        grace: Time after a write within which its metrics may be missing or its invocation not finished.
        window: Time for which the mapping waits for a batch to fill.
    """

    def __init__(self, metrics: Metrics, facts: Mapping[str, Facts], grace: timedelta, window: timedelta) -> None:
        self._metrics = metrics
        self._mapping = facts_of(facts, ResourceKey.STREAM_MAPPING, MappingFacts)
        self._processor = facts_of(facts, ResourceKey.PROCESSOR, FunctionFacts)
        self._grace = grace
        self._window = window
        read = metrics.points("iterator_age")
        self._read = read[0].start if read else None
        near = [point.value for point in read if point.start >= read[0].start - grace]
        # A backlog gives points until it is read.
        silent = self._read is None or metrics.now - self._read > RECENTLY + grace
        self._age = timedelta(milliseconds=0 if silent else max(near))
        self._throttles = metrics.total("processor_throttles")
        self._failed = metrics.last_nonzero("processor_errors")
        self._processed = max(filter(None, [self._read, self._failed]), default=None)
        self._unread_since = metrics.first_nonzero_after("writes", self._processed)

    def judge(self) -> Progress:
        throttled = self._throttled()
        return Progress(
            self._until(),
            stopped=_stopped(self._mapping, self._metrics.now) or self._held() or throttled,
            unknown=self._unknown(),
            silent_since=self._silent_since,
            throttled=throttled is not None,
            retrying=self._retries,
            processed=self._processed,
            unread_since=self._unread_since,
        )

    def _until(self) -> datetime:
        """Return the time before which all records were read. Records younger than the grace are never certain."""
        latest = self._metrics.now - self._grace - self._window
        if self._keeps_up:
            return min(latest, self._processed) if self._processed and self._begins(self._processed) else latest
        if self._read is None:
            return self._metrics.now - STREAM_RETENTION
        return min(latest, self._read - self._age - self._window)

    @property
    def _keeps_up(self) -> bool:
        """Return whether nothing was written since something was processed, and records did not wait for that."""
        return self._unread_since is None and self._age <= timedelta(seconds=_KEEPS_UP) + self._window

    @property
    def _silent_since(self) -> datetime | None:
        changed = self._mapping.last_modified if self._mapping else None
        return self._unread_since and max(self._unread_since, changed or self._unread_since)

    def _begins(self, processed: datetime) -> bool:
        """Return whether the mapping was changed lately, and after the minute in which something was processed last.

        Records that were written in that minute after the last one that was processed may wait for the mapping.
        """
        changed = self._mapping.last_modified if self._mapping else None
        return changed is not None and self._metrics.now - changed <= RECENTLY and processed + PERIOD <= changed

    def _held(self) -> str | None:
        held = self._processor is not None and self._processor.held
        return "the processor's reserved concurrency is 0: `pipectl up` removes it" if held else None

    def _throttled(self) -> str | None:
        """Return that the processor is throttled, when it has processed nothing since."""
        last = self._metrics.last_nonzero("processor_throttles")
        if not self._throttles or last is None or (self._read and self._read >= last):
            return None
        return f"the processor is throttled ({pluralize(self._throttles, 'time')} in the last 15 minutes)"

    @property
    def _retries(self) -> bool:
        return self._failed is not None and self._metrics.now - self._failed <= self._grace + self._window

    def _unknown(self) -> str | None:
        mapping, now = self._mapping, self._metrics.now
        if mapping is None:
            return None
        if mapping.catching_up:
            return mapping.catching_up.describe()
        if self._failed and self._retries:
            at, known = short_time(self._failed, now, seconds=False), self._failed + self._grace + self._window
            by = short_time(known + PERIOD, now, seconds=False)
            return f"records may wait for the retries of those that failed at {at}: known by {by}"
        if self._throttles:
            return "the processor was throttled in the last 15 minutes: records can wait for it"
        return self._silence(mapping.last_modified)

    def _silence(self, changed: datetime | None) -> str | None:
        """Return that orders were written and none was processed since, or since the mapping was changed."""
        now, written, processed = self._metrics.now, self._unread_since, self._processed
        if written is None:
            return None
        begins = changed is not None and (processed is None or processed < changed)
        if not begins and now - written <= self._grace + self._window:
            return None  # the metrics are late
        since = f" since {rfc3339(processed)}" if processed else " in the last 24 hours"
        text = f"orders were written since {rfc3339(written)}, and none was processed{since}"
        if changed and begins and now - changed <= RECENTLY:
            text += f"; the stream mapping was changed {relative(changed, now)} and can take minutes to begin"
        return text


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
