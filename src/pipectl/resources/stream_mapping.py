"""The event source mapping of a table's stream."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from pipectl.aws.client import Aws, Request
from pipectl.aws.stream_records import STREAM_RETENTION
from pipectl.engine.model import UNKNOWN, Attributes, Delta, Facts, facts_of
from pipectl.errors import AbsentError
from pipectl.facts import TableFacts
from pipectl.resources.mapping import REPORT_BATCH_ITEM_FAILURES, EventSourceMapping

if TYPE_CHECKING:
    from pipectl.resources.mapping import Mapped


class StreamMapping(EventSourceMapping):
    """The mapping of a table's stream.

    A stream that was disabled and enabled is a new stream. The old one can be read for another 24 hours, and its
    mapping stays for as long.

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
        """Return a reason for a new starting position: a new mapping cannot know how far the old one has read."""
        start = deltas.get("starting_position")
        if start is None or start.after != "LATEST" or not start.before or "source" in deltas:
            return None
        return (
            "a new mapping that starts at LATEST would miss the records that the current mapping has not read; keep "
            f"{start.before}, or use --allow-stream-replacement"
        )

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

    def _reads(self, source: str) -> bool:
        return source.startswith(self._stream_prefix)

    def _settings(self, found: Mapped) -> Attributes:
        return {
            "parallelization_factor": found.get("ParallelizationFactor", 1),
            "retry_attempts": found.get("MaximumRetryAttempts", -1),
            "bisect": bool(found.get("BisectBatchOnFunctionError")),
            "maximum_record_age": found.get("MaximumRecordAgeInSeconds", -1),
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


def _enabled_at(stream_arn: str) -> datetime | None:
    """Return when a stream was enabled: its label, the end of its ARN."""
    try:
        return datetime.fromisoformat(stream_arn.rsplit("/stream/", 1)[-1]).replace(tzinfo=UTC)
    except ValueError:
        return None
