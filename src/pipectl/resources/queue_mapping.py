"""The event source mapping of a queue."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from pipectl.aws.calls import Request
from pipectl.aws.client import Aws
from pipectl.engine.model import Attributes, Facts
from pipectl.resources.mapping import REPORT_BATCH_ITEM_FAILURES, EventSourceMapping
from pipectl.resources.mapping_list import ListedMappings

if TYPE_CHECKING:
    from mypy_boto3_lambda import type_defs as t

    from pipectl.resources.mapping import Mapped


class QueueMapping(EventSourceMapping):
    """The mapping of a queue. It has no filter: Lambda would delete the messages that do not match.

    Args:
        queue_arn: The queue.
        settings: ``enabled``, ``batch_size``, ``batching_window`` and ``maximum_concurrency``, as in the config.
        **common: See `EventSourceMapping`.
    """

    replaces = ("source",)

    def __init__(self, key: str, aws: Aws, *, queue_arn: str, **common: Any) -> None:
        super().__init__(key, aws, **common)
        self._queue_arn = queue_arn

    def desired(self, facts: Mapping[str, Facts]) -> Attributes:
        del facts
        return {
            "source": self._queue_arn,
            "function": self._function_arn,
            **self._config,
            "response_types": [REPORT_BATCH_ITEM_FAILURES],
            "filter": [],
            "superseded": [],
            "tags": dict(self._tags),
        }

    def _listed(self, listed: ListedMappings) -> list[t.EventSourceMappingConfigurationTypeDef]:
        return listed.of_source(self._queue_arn)

    def _reads(self, source: str) -> bool:
        return source == self._queue_arn

    def _other_reader_note(self, reader: Mapped) -> str | None:
        """Each message goes to one reader only, so another mapping takes failures that are never audited."""
        return (
            f"another mapping reads the queue, so failures are lost to the audit table: {reader['UUID']} "
            f"({reader['FunctionArn']}, {reader['State']})"
        )

    def _settings(self, found: Mapped, tags: Mapping[str, str]) -> Attributes:
        del tags
        return {"maximum_concurrency": (found.get("ScalingConfig") or {}).get("MaximumConcurrency")}

    def _requests(self, desired: Attributes) -> dict[str, Request]:
        most = desired["maximum_concurrency"]
        return {"maximum_concurrency": {"ScalingConfig": {"MaximumConcurrency": most} if most else {}}}
