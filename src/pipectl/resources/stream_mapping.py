"""The event source mapping of a table's stream."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from pipectl.aws.calls import Request
from pipectl.aws.client import Aws
from pipectl.aws.stream_records import STREAM_RETENTION
from pipectl.config.names import CATCHING_UP_SINCE
from pipectl.engine.model import UNKNOWN, Attributes, Delta, Facts, Observation, facts_of
from pipectl.errors import AbsentError
from pipectl.facts import MappingFacts, TableFacts
from pipectl.pause_tags import CatchingUp, longest_wait
from pipectl.resources.mapping import (
    NO_AGE_LIMIT,
    REPORT_BATCH_ITEM_FAILURES,
    EventSourceMapping,
    catching_up_of,
    unqualified,
)
from pipectl.resources.mapping_list import ListedMappings

if TYPE_CHECKING:
    from mypy_boto3_lambda import type_defs as t

    from pipectl.resources.mapping import Mapped


LATEST = "LATEST"
LONGEST_USUAL_WAIT = timedelta(hours=1)
"""Time for which a record can wait before the alarm of the iterator age fires."""
SKIPS_RECORDS = "with starting_position LATEST, Lambda can skip records that are written while the mapping is updated"


class StreamMapping(EventSourceMapping):
    """The mapping of a table's stream.

    A stream that was disabled and enabled is a new stream. The old one can be read for another 24 hours, and its
    mapping stays for as long.

    Lambda sends records that are older than the maximum record age to the queue without an invocation. A mapping that
    is enabled or created after records may have waited for that long therefore has no maximum record age at first, and
    a tag describes that: it is catching up. While it has the tag, the configured age counts as set.
    `pipectl.monitoring.backlog` ends the state.

    Args:
        table: The key of the table; its stream's ARN is one of the table's facts.
        stream_prefix: The beginning of the ARNs of all its streams; mappings of earlier ones are the pipeline's, too.
        queue_arn: The queue that failures are sent to.
        settings: ``enabled``, ``batch_size``, ``batching_window``, ``parallelization_factor``, ``retry_attempts``,
            ``bisect``, ``maximum_record_age`` and ``starting_position``, as in the config.
        **common: See `EventSourceMapping`.
    """

    replaces = ("source", "starting_position")

    def __init__(self, key: str, aws: Aws, *, table: str, stream_prefix: str, queue_arn: str, **common: Any) -> None:
        super().__init__(key, aws, **common)
        self._table = table
        self._stream_prefix = stream_prefix
        self._queue_arn = queue_arn

    def desired(self, facts: Mapping[str, Facts]) -> Attributes:
        table = facts_of(facts, self._table, TableFacts)
        return {
            "source": (table.stream_arn if table else None) or UNKNOWN,
            "function": self._function_arn,
            **self._config,
            "response_types": [REPORT_BATCH_ITEM_FAILURES],
            "filter": ['{"eventName": ["INSERT", "MODIFY"]}'],
            "tumbling_window": 0,
            "on_failure": self._queue_arn,
            "superseded": [],
            "tags": dict(self._tags),
        }

    def data_loss_reason(self, deltas: Mapping[str, Delta]) -> str | None:
        """Return a reason for changes of a mapping at LATEST: Lambda skips records while it is created or updated."""
        start = deltas.get("starting_position")
        if start and start.after == LATEST and start.before and "source" not in deltas:
            return (
                "a new mapping that starts at LATEST would miss the records that the current mapping has not read; "
                f"keep {start.before}, or use --allow-stream-replacement"
            )
        updated = deltas.keys().isdisjoint(self.replaces) and any(map(_is_updated, deltas))
        if self._config["starting_position"] == LATEST and updated:
            return f"{SKIPS_RECORDS}; use TRIM_HORIZON, or --allow-stream-replacement"
        return None

    def _may_have_unread(self, source: str, newest: str) -> bool:
        if source == newest:
            return False
        enabled_at = _enabled_at(newest)
        if enabled_at and self._aws.clock.now() - enabled_at > STREAM_RETENTION:
            return False
        try:
            self._aws.streams.describe_stream(StreamArn=source)
        except AbsentError:
            return False
        return True

    def _listed(self, listed: ListedMappings) -> list[t.EventSourceMappingConfigurationTypeDef]:
        """Return the mappings of the function, and all of the streams that they read.

        The function's mappings include those of earlier streams. Those of the stream include a managed mapping that was
        pointed to another function.
        """
        functions = (self._function_arn, unqualified(self._function_arn))
        found = [each for function in dict.fromkeys(functions) for each in listed.of_function(function)]
        streams = {each.get("EventSourceArn", "") for each in found if self._reads(each.get("EventSourceArn", ""))}
        for stream in streams or self._other_streams(listed):
            found += listed.of_source(stream)
        return found

    def _other_streams(self, listed: ListedMappings) -> Iterable[str]:
        """Return the streams of the table that other functions read, or may read."""
        if (sources := listed.sources()) is not None:
            return filter(self._reads, sources)
        return filter(None, [self._newest_stream()])

    def _newest_stream(self) -> str | None:
        """Return the ARN of the table's stream, also of a disabled one; ``None`` when there is none."""
        table = self._stream_prefix.split("/")[1]
        try:
            return self._aws.dynamodb.describe_table(TableName=table)["Table"].get("LatestStreamArn")
        except AbsentError:
            return None

    def _reads(self, source: str) -> bool:
        return source.startswith(self._stream_prefix)

    def create(self, desired: Attributes) -> MappingFacts:
        """Create it. Of a stream that may hold old records it reads them first, without a maximum record age."""
        enabled_at = _enabled_at(desired["source"])
        if desired["starting_position"] == "TRIM_HORIZON" and self._may_be_too_old(enabled_at):
            catching_up = CatchingUp(self._aws.clock.now())
            tags = desired["tags"] | catching_up.tags()
            facts = super().create(desired | {"tags": tags, "maximum_record_age": NO_AGE_LIMIT})
            return replace(facts, catching_up=catching_up)
        return super().create(desired)

    def update(self, desired: Attributes, observed: Observation, differs: Collection[str]) -> Facts:
        """Send the settings that differ.

        A mapping that may have waited for too long is enabled without a maximum record age. Its tag is set before, and
        removed before the age is set again: after a crash an age that is not the configured one is drift.
        """
        facts = observed.facts_as(MappingFacts)
        if "enabled" in differs and desired["enabled"] and facts.stopped and self._may_have_backlog(observed):
            catching_up = CatchingUp(self._aws.clock.now())
            self._aws.lambda_.tag_resource(Resource=facts.arn, Tags=catching_up.tags())
            desired, differs = desired | {"maximum_record_age": NO_AGE_LIMIT}, {*differs, "maximum_record_age"}
            super().update(desired, observed, differs)
            return replace(facts, catching_up=catching_up, record_age=NO_AGE_LIMIT)
        if "maximum_record_age" in differs and CATCHING_UP_SINCE in observed.tags:
            self._aws.lambda_.untag_resource(Resource=facts.arn, TagKeys=[CATCHING_UP_SINCE])
            super().update(desired, observed, differs)
            return replace(facts, catching_up=None, record_age=desired["maximum_record_age"])
        return super().update(desired, observed, differs)

    def _may_have_backlog(self, observed: Observation) -> bool:
        """Return whether a stopped mapping may have records that are too old for the maximum record age.

        Without the start of a pause it may have stopped when the stream was enabled.
        """
        facts = observed.facts_as(MappingFacts)
        since = (facts.pause.since if facts.pause else None) or _enabled_at(observed.attributes["source"])
        return facts.catching_up is not None or self._may_be_too_old(since)

    def _may_be_too_old(self, since: datetime | None) -> bool:
        """Return whether Lambda may soon discard a record that was written at this time."""
        allowed = longest_wait(timedelta(seconds=self._config["maximum_record_age"]))
        return allowed is not None and (since is None or self._aws.clock.now() - since > allowed)

    def _settings(self, found: Mapped, tags: Mapping[str, str]) -> Attributes:
        age = found.get("MaximumRecordAgeInSeconds", NO_AGE_LIMIT)
        return {
            "parallelization_factor": found.get("ParallelizationFactor", 1),
            "retry_attempts": found.get("MaximumRetryAttempts", -1),
            "bisect": bool(found.get("BisectBatchOnFunctionError")),
            "maximum_record_age": self._config["maximum_record_age"] if catching_up_of(found, tags) else age,
            "starting_position": found.get("StartingPosition"),
            "tumbling_window": found.get("TumblingWindowInSeconds", 0),
            "on_failure": ((found.get("DestinationConfig") or {}).get("OnFailure") or {}).get("Destination"),
        }

    def _requests(self, desired: Attributes) -> dict[str, Request]:
        return {
            "parallelization_factor": {"ParallelizationFactor": desired["parallelization_factor"]},
            "retry_attempts": {"MaximumRetryAttempts": desired["retry_attempts"]},
            "bisect": {"BisectBatchOnFunctionError": desired["bisect"]},
            "maximum_record_age": {"MaximumRecordAgeInSeconds": desired["maximum_record_age"]},
            "tumbling_window": {"TumblingWindowInSeconds": desired["tumbling_window"]},
            "on_failure": {"DestinationConfig": {"OnFailure": {"Destination": desired["on_failure"]}}},
        }


def _is_updated(path: str) -> bool:
    """Return whether removing a difference updates the mapping."""
    return path != "superseded" and not path.startswith("tags.")


def _enabled_at(stream_arn: str) -> datetime | None:
    """Return when a stream was enabled: its label, the end of its ARN."""
    try:
        return datetime.fromisoformat(stream_arn.rsplit("/stream/", 1)[-1]).replace(tzinfo=UTC)
    except ValueError:
        return None
