"""Event source mappings: what reads a stream or a queue and invokes a function."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Collection, Mapping
from typing import Any

from pipectl.aws import Aws
from pipectl.engine.model import UNKNOWN, Attributes, Facts, Observation, Resource
from pipectl.errors import AbsentError

_BOUND = 600
_CHANGING = {"Creating", "Enabling", "Disabling", "Updating", "Deleting"}
REPORT_BATCH_ITEM_FAILURES = "ReportBatchItemFailures"


class EventSourceMapping(Resource):
    """A mapping of a function to one of our sources.

    AWS knows a mapping by a UUID alone, so ours is the one on our function whose source is ours. Where there are
    several, the one with the newest source is it, and the others of ours (left by a replacement that was interrupted)
    are ``superseded``: drift, and removed.
    """

    kind = "mapping"

    def __init__(
        self,
        key: str,
        aws: Aws,
        *,
        name: str,
        needs: Collection[str],
        function: str,
        function_arn: str,
        ownership: Mapping[str, str],
        tags: Mapping[str, str],
    ) -> None:
        super().__init__(key, name, needs)
        self._aws = aws
        self._function = function
        self._function_arn = function_arn
        self._ownership = ownership
        self._tags = tags

    @abstractmethod
    def _reads(self, source: str) -> bool:
        """Whether an event source is ours."""

    @abstractmethod
    def _settings(self, found: Any) -> Attributes:
        """The managed attributes of an observed mapping that only this kind of source has."""

    @abstractmethod
    def _request(self, desired: Attributes) -> dict[str, Any]:
        """The same settings as Create- and UpdateEventSourceMapping take them."""

    def observe(self) -> Observation | None:
        candidates = [(found, self._tags_of(found)) for found in self._list() if self._reads(found["EventSourceArn"])]
        if not candidates:
            return None
        ours = [pair for pair in candidates if self._ownership.items() <= pair[1].items()]
        # A stream's ARN ends with the time it was switched on, so the greatest is the newest.
        found, tags = max(ours or candidates, key=lambda pair: (pair[0]["EventSourceArn"], pair[0]["UUID"]))
        attributes: Attributes = {
            "source": found["EventSourceArn"],
            "function": found["FunctionArn"],
            "enabled": found["State"] in ("Enabled", "Enabling", "Creating", "Updating"),
            "batch_size": found["BatchSize"],
            "batching_window": found.get("MaximumBatchingWindowInSeconds", 0),
            "response_types": sorted(found.get("FunctionResponseTypes", [])),
            "superseded": sorted(other["UUID"] for other, _ in ours if other["UUID"] != found["UUID"]),
            **self._settings(found),
        }
        facts = {"uuid": found["UUID"], "state": found["State"], "last_result": found.get("LastProcessingResult", "")}
        return Observation(attributes, tags, facts)

    def create(self, desired: Attributes) -> Facts:
        created = self._aws.lambda_.create_event_source_mapping(
            EventSourceArn=desired["source"],
            FunctionName=self._function,
            Enabled=desired["enabled"],
            Tags=desired["tags"],
            **self._starting(desired),
            **self._common(desired),
        )
        self._wait_until_steady(created["UUID"])
        return {"uuid": created["UUID"]}

    def update(self, desired: Attributes, observed: Observation, differs: Collection[str]) -> Facts:
        uuid = observed.facts["uuid"]
        if set(differs) - {"tags", "superseded"}:
            self._wait_until_steady(uuid)
            self._aws.lambda_.update_event_source_mapping(
                UUID=uuid, Enabled=desired["enabled"], **self._common(desired)
            )
            self._wait_until_steady(uuid)
        if "tags" in differs:
            self._aws.lambda_.tag_resource(Resource=self._arn(uuid), Tags=desired["tags"])
        self._remove(observed.attributes["superseded"])
        return observed.facts

    def replace(self, desired: Attributes, observed: Observation) -> Facts:
        """The new one is there before the old one goes, so that nothing written in between is missed.

        Lambda allows one mapping per function and source, so with the same source the old one has to go first; the new
        one reads the stream from its beginning then, and what was done already is done twice to the same effect.
        """
        old = [*observed.attributes["superseded"], observed.facts["uuid"]]
        if observed.attributes["source"] == desired["source"]:
            self._remove(old)
            return self.create(desired)
        facts = self.create(desired)
        self._remove(old)
        return facts

    def delete(self, observed: Observation) -> None:
        self._remove([*observed.attributes["superseded"], observed.facts["uuid"]])

    def _common(self, desired: Attributes) -> dict[str, Any]:
        return {
            "BatchSize": desired["batch_size"],
            "MaximumBatchingWindowInSeconds": desired["batching_window"],
            "FunctionResponseTypes": desired["response_types"],
            **self._request(desired),
        }

    def _starting(self, desired: Attributes) -> dict[str, Any]:
        start = desired.get("starting_position")
        return {"StartingPosition": start} if start else {}

    def _list(self) -> list[Any]:
        """All mappings on our function. DeleteFunction leaves them behind, so there can be some without a function."""
        try:
            pages = self._aws.lambda_.get_paginator("list_event_source_mappings").paginate(FunctionName=self._function)
            found = [mapping for page in pages for mapping in page["EventSourceMappings"]]
        except AbsentError:
            return []
        return [mapping for mapping in found if mapping.get("State") != "Deleting" and mapping.get("EventSourceArn")]

    def _tags_of(self, found: Any) -> dict[str, str]:
        try:
            return dict(self._aws.lambda_.list_tags(Resource=self._arn(found["UUID"])).get("Tags", {}))
        except AbsentError:
            return {}

    def _arn(self, uuid: str) -> str:
        return self._function_arn.split(":function:")[0] + f":event-source-mapping:{uuid}"

    def _remove(self, uuids: Collection[str]) -> None:
        for uuid in uuids:
            try:
                self._aws.lambda_.delete_event_source_mapping(UUID=uuid)
            except AbsentError:
                continue
        for uuid in uuids:
            self._aws.wait(lambda uuid=uuid: self._state(uuid) is None, f"mapping {uuid} to be deleted", _BOUND)  # type: ignore[misc]

    def _wait_until_steady(self, uuid: str) -> None:
        self._aws.wait(lambda: self._state(uuid) not in _CHANGING, f"mapping {uuid} to be steady", _BOUND)

    def _state(self, uuid: str) -> str | None:
        try:
            return self._aws.lambda_.get_event_source_mapping(UUID=uuid)["State"]
        except AbsentError:
            return None


class StreamMapping(EventSourceMapping):
    """The mapping of a table's stream.

    Args:
        table: The key of the table; its stream's ARN is one of the table's facts.
        table_arn: Streams of this table are ours, old ones too.
        queue_arn: Where what fails for good is told.
        settings: ``enabled``, ``batch_size``, ``batching_window``, ``parallelization_factor``, ``retry_attempts``,
            ``bisect``, ``maximum_record_age`` and ``starting_position``, as in the config.
        **common: See `EventSourceMapping`.
    """

    replaces = ("source", "starting_position")

    def __init__(
        self, key: str, aws: Aws, *, table: str, table_arn: str, queue_arn: str, settings: Attributes, **common: Any
    ) -> None:
        super().__init__(key, aws, **common)
        self._table = table
        self._table_arn = table_arn
        self._queue_arn = queue_arn
        self._config = settings

    def desired(self, facts: Mapping[str, Facts]) -> Attributes:
        return {
            "source": facts.get(self._table, {}).get("stream_arn", UNKNOWN),
            "function": self._function_arn,
            **self._config,
            "response_types": [REPORT_BATCH_ITEM_FAILURES],
            "filter": ['{"eventName": ["INSERT", "MODIFY"]}'],
            "on_failure": self._queue_arn,
            "superseded": [],
            "tags": dict(self._tags),
        }

    def _reads(self, source: str) -> bool:
        return source.startswith(f"{self._table_arn}/stream/")

    def _settings(self, found: Any) -> Attributes:
        return {
            "parallelization_factor": found.get("ParallelizationFactor", 1),
            "retry_attempts": found.get("MaximumRetryAttempts", -1),
            "bisect": bool(found.get("BisectBatchOnFunctionError")),
            "maximum_record_age": found.get("MaximumRecordAgeInSeconds", -1),
            "starting_position": found.get("StartingPosition"),
            "filter": sorted(f.get("Pattern", "") for f in (found.get("FilterCriteria") or {}).get("Filters", [])),
            "on_failure": ((found.get("DestinationConfig") or {}).get("OnFailure") or {}).get("Destination"),
        }

    def _request(self, desired: Attributes) -> dict[str, Any]:
        return {
            "ParallelizationFactor": desired["parallelization_factor"],
            "MaximumRetryAttempts": desired["retry_attempts"],
            "BisectBatchOnFunctionError": desired["bisect"],
            "MaximumRecordAgeInSeconds": desired["maximum_record_age"],
            "FilterCriteria": {"Filters": [{"Pattern": pattern} for pattern in desired["filter"]]},
            "DestinationConfig": {"OnFailure": {"Destination": desired["on_failure"]}},
        }


class QueueMapping(EventSourceMapping):
    """The mapping of a queue.

    Args:
        queue_arn: The queue.
        settings: ``enabled``, ``batch_size``, ``batching_window`` and ``maximum_concurrency``, as in the config.
        **common: See `EventSourceMapping`.
    """

    replaces = ("source",)

    def __init__(self, key: str, aws: Aws, *, queue_arn: str, settings: Attributes, **common: Any) -> None:
        super().__init__(key, aws, **common)
        self._queue_arn = queue_arn
        self._config = settings

    def desired(self, facts: Mapping[str, Facts]) -> Attributes:
        del facts
        return {
            "source": self._queue_arn,
            "function": self._function_arn,
            **self._config,
            "response_types": [REPORT_BATCH_ITEM_FAILURES],
            "superseded": [],
            "tags": dict(self._tags),
        }

    def _reads(self, source: str) -> bool:
        return source == self._queue_arn

    def _settings(self, found: Any) -> Attributes:
        return {"maximum_concurrency": (found.get("ScalingConfig") or {}).get("MaximumConcurrency")}

    def _request(self, desired: Attributes) -> dict[str, Any]:
        most = desired["maximum_concurrency"]
        return {"ScalingConfig": {"MaximumConcurrency": most} if most else {}}
