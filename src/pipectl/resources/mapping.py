"""Event source mappings: what reads a stream or a queue and invokes a function."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Collection, Mapping
from datetime import UTC, datetime
from typing import Any

from pipectl.aws.client import Aws
from pipectl.aws.stream_records import STREAM_RETENTION
from pipectl.engine.model import UNKNOWN, Attributes, Delta, Facts, Observation, Resource, facts_of
from pipectl.errors import AbsentError
from pipectl.facts import ENABLED_STATES, MappingFacts, TableFacts
from pipectl.pause_tags import Pause
from pipectl.resources.tagging import differing

_BOUND = 600
_CHANGING = {"Creating", "Enabling", "Disabling", "Updating", "Deleting"}
REPORT_BATCH_ITEM_FAILURES = "ReportBatchItemFailures"


class EventSourceMapping(Resource):
    """A mapping of one of our sources to a function.

    AWS knows a mapping by a UUID alone, so ours is the one of our source that invokes our function, or bears our tags
    wherever it was pointed since. Where there are several, the one with the newest source is it. Of the others of ours,
    those that may still have something to read are ``draining``: a fact, and left alone. The rest are ``superseded``:
    drift, and removed.

    While a mapping bears the tag of a pause, ``enabled`` is as the config wants it whatever it is: `up` leaves it, and
    a fact and a note tell of it.
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
        settings: Attributes,
    ) -> None:
        super().__init__(key, name, needs)
        self._aws = aws
        self._function = function
        self._function_arn = function_arn
        self._ownership = ownership
        self._tags = tags
        self._config = settings

    @abstractmethod
    def _reads(self, source: str) -> bool:
        """Whether an event source is ours."""

    @abstractmethod
    def _settings(self, found: Any) -> Attributes:
        """The managed attributes of an observed mapping that only this kind of source has."""

    @abstractmethod
    def _requests(self, desired: Attributes) -> dict[str, dict[str, Any]]:
        """For each of the same settings, the parameters of Create- and UpdateEventSourceMapping that set it."""

    def _may_have_unread(self, source: str, newest: str) -> bool:
        """Whether ``source`` may hold what its mapping has yet to read, now that there is a newer one."""
        del source, newest
        return False

    def observe(self) -> Observation | None:
        candidates = self._candidates()
        if not candidates:
            return None
        ours = [found for found, tags in candidates if self._is_ours(tags)]
        # A stream's ARN ends with the time it was switched on, so the greatest is the newest.
        found, tags = max(
            (pair for pair in candidates if pair[0] in ours or not ours),
            key=lambda pair: (pair[0]["EventSourceArn"], pair[0]["FunctionArn"] == self._function_arn, pair[0]["UUID"]),
        )
        others = [other for other in ours if other["UUID"] != found["UUID"]]
        newest = found["EventSourceArn"]
        draining = sorted(o["UUID"] for o in others if self._may_have_unread(o["EventSourceArn"], newest))
        enabled, pause = found["State"] in ENABLED_STATES, Pause.of_tags(tags)
        attributes: Attributes = {
            "source": newest,
            "function": found["FunctionArn"],
            "enabled": self._config["enabled"] if pause else enabled,
            "batch_size": found["BatchSize"],
            "batching_window": found.get("MaximumBatchingWindowInSeconds", 0),
            "response_types": sorted(found.get("FunctionResponseTypes", [])),
            "filter": sorted(f.get("Pattern", "") for f in (found.get("FilterCriteria") or {}).get("Filters", [])),
            "superseded": sorted(other["UUID"] for other in others if other["UUID"] not in draining),
            **self._settings(found),
        }
        facts = MappingFacts(
            found["UUID"],
            self._arn(found["UUID"]),
            found["State"],
            last_result=found.get("LastProcessingResult", ""),
            pause=pause,
            draining=tuple(draining),
        )
        notes = [_pause_note(pause, enabled, self._aws.clock.now())] if pause else []
        notes += [_draining_note(draining)] if draining else []
        return Observation(attributes, tags, facts, note="; ".join(notes) or None)

    def create(self, desired: Attributes) -> Facts:
        requests = {name: value for each in self._all_requests(desired).values() for name, value in each.items()}
        created = self._aws.lambda_.create_event_source_mapping(
            EventSourceArn=desired["source"],
            Tags=desired["tags"],
            **self._starting(desired),
            **{name: value for name, value in requests.items() if value != {}},
        )
        self._wait_until_steady(created["UUID"])
        return MappingFacts(created["UUID"], self._arn(created["UUID"]), created["State"])

    def update(self, desired: Attributes, observed: Observation, differs: Collection[str]) -> Facts:
        """What is not sent stays as it is; an empty structure takes a setting away."""
        facts = observed.facts_as(MappingFacts)
        uuid = facts.uuid
        requests: dict[str, Any] = {}
        for attribute, parameters in self._all_requests(desired).items():
            if attribute in differs:
                requests |= parameters
        if requests:
            self._update(uuid, requests)
        if "enabled" in differs:
            for other in facts.draining:
                self._update(other, {"Enabled": desired["enabled"]})
        if "tags" in differs:
            self._aws.lambda_.tag_resource(Resource=self._arn(uuid), Tags=differing(desired["tags"], observed.tags))
        self._remove(observed.attributes["superseded"])
        return observed.facts

    def replace(self, desired: Attributes, observed: Observation) -> Facts:
        """A new source has its new mapping before the old one goes, so that nothing written in between is missed.

        And the old one goes only once its source holds nothing that it has yet to read. AWS does not say how far a
        mapping has read, so it stays, enabled, for as long as there can be records: reading on is harmless, for both
        write the same objects, and losing a record is not.

        Lambda allows one mapping per function and source, so with the same source the old one has to go first; the new
        one reads the stream from its beginning then, and what was done already is done twice to the same effect.

        What is paused stays paused.
        """
        before = observed.facts_as(MappingFacts)
        if pause := before.pause:
            desired = desired | {"enabled": False, "tags": desired["tags"] | pause.tags()}
        uuid, source = before.uuid, observed.attributes["source"]
        if source == desired["source"]:
            self._remove([*observed.attributes["superseded"], uuid])
            return self.create(desired)
        facts = self.create(desired)
        if self._may_have_unread(source, desired["source"]):
            self._aws.lambda_.tag_resource(Resource=self._arn(uuid), Tags=desired["tags"])
            if desired["enabled"] and not observed.attributes["enabled"]:
                self._update(uuid, {"Enabled": True})
            self._remove(observed.attributes["superseded"])
        else:
            self._remove([*observed.attributes["superseded"], uuid])
        return facts

    def delete(self, observed: Observation) -> None:
        facts = observed.facts_as(MappingFacts)
        self._remove([*observed.attributes["superseded"], *facts.draining, facts.uuid])

    def _all_requests(self, desired: Attributes) -> dict[str, dict[str, Any]]:
        batch = {
            "BatchSize": desired["batch_size"],
            "MaximumBatchingWindowInSeconds": desired["batching_window"],  # a batch above 10 messages asks for one
        }
        patterns = [{"Pattern": pattern} for pattern in desired["filter"]]
        return {
            "function": {"FunctionName": self._function},
            "enabled": {"Enabled": desired["enabled"]},
            "batch_size": batch,
            "batching_window": batch,
            "response_types": {"FunctionResponseTypes": desired["response_types"]},
            "filter": {"FilterCriteria": {"Filters": patterns} if patterns else {}},
            **self._requests(desired),
        }

    def _update(self, uuid: str, requests: Mapping[str, Any]) -> None:
        self._wait_until_steady(uuid)
        self._aws.lambda_.update_event_source_mapping(UUID=uuid, **requests)
        self._wait_until_steady(uuid)

    def _starting(self, desired: Attributes) -> dict[str, Any]:
        start = desired.get("starting_position")
        return {"StartingPosition": start} if start else {}

    def _is_ours(self, tags: Mapping[str, str]) -> bool:
        return self._ownership.items() <= tags.items()

    def _candidates(self) -> list[tuple[Any, dict[str, str]]]:
        """Every mapping of our source that invokes our function or bears our tags, with its tags.

        All mappings of the account are listed: a stream has had other ARNs before, and the function may be gone, for
        DeleteFunction leaves its mappings behind.
        """
        pages = self._aws.lambda_.get_paginator("list_event_source_mappings").paginate()
        listed = [mapping for page in pages for mapping in page["EventSourceMappings"]]
        candidates = []
        for mapping in listed:
            if not self._reads(mapping.get("EventSourceArn", "")):
                continue
            if mapping.get("State") == "Deleting":  # until it is gone, another of the same source is refused
                self._wait_until_gone(mapping["UUID"])
                continue
            try:
                found = self._once_updated(mapping)
                tags = dict(self._aws.lambda_.list_tags(Resource=self._arn(found["UUID"])).get("Tags", {}))
            except AbsentError:
                if self._state(mapping["UUID"]) in (None, "Deleting"):
                    continue  # it was deleted since it was listed, or the list lags
                raise
            if self._is_ours(tags) or f"{found['FunctionArn']}:".startswith(f"{self._function_arn}:"):
                candidates.append((found, tags))
        return candidates

    def _once_updated(self, found: Any) -> Any:
        """A mapping that is Updating does not say whether it is enabled."""
        if found["State"] != "Updating":
            return found
        self._wait_until_steady(found["UUID"])
        return self._aws.lambda_.get_event_source_mapping(UUID=found["UUID"])

    def _arn(self, uuid: str) -> str:
        return self._function_arn.split(":function:")[0] + f":event-source-mapping:{uuid}"

    def _remove(self, uuids: Collection[str]) -> None:
        for uuid in uuids:
            try:
                self._aws.lambda_.delete_event_source_mapping(UUID=uuid)
            except AbsentError:
                continue
        for uuid in uuids:
            self._wait_until_gone(uuid)

    def _wait_until_gone(self, uuid: str) -> None:
        self._aws.wait(lambda: self._state(uuid) is None, f"mapping {uuid} to be deleted", _BOUND)

    def _wait_until_steady(self, uuid: str) -> None:
        self._aws.wait(lambda: self._state(uuid) not in _CHANGING, f"mapping {uuid} to be steady", _BOUND)

    def _state(self, uuid: str) -> str | None:
        try:
            return self._aws.lambda_.get_event_source_mapping(UUID=uuid)["State"]
        except AbsentError:
            return None


class StreamMapping(EventSourceMapping):
    """The mapping of a table's stream.

    A stream that was switched off and on again is a new stream. The old one can be read for another 24 hours, and its
    mapping stays for as long.

    Args:
        table: The key of the table; its stream's ARN is one of the table's facts.
        table_arn: Streams of this table are ours, old ones too.
        queue_arn: Where what fails for good is told.
        settings: ``enabled``, ``batch_size``, ``batching_window``, ``parallelization_factor``, ``retry_attempts``,
            ``bisect``, ``maximum_record_age`` and ``starting_position``, as in the config.
        **common: See `EventSourceMapping`.
    """

    replaces = ("source", "starting_position")

    def __init__(self, key: str, aws: Aws, *, table: str, table_arn: str, queue_arn: str, **common: Any) -> None:
        super().__init__(key, aws, **common)
        self._table = table
        self._table_arn = table_arn
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
        """Another beginning on the same stream means another mapping, which knows nothing of how far the old one is."""
        start = deltas.get("starting_position")
        if start is None or start.after != "LATEST" or not start.before or "source" in deltas:
            return None
        return (
            "a mapping that begins at LATEST would miss what the present one has not read yet; leave it at "
            f"{start.before}, or use --allow-stream-replacement"
        )

    def _may_have_unread(self, source: str, newest: str) -> bool:
        if source == newest:
            return False
        switched_on = _switched_on(newest)
        if switched_on and self._aws.clock.now() - switched_on > STREAM_RETENTION:
            return False
        try:
            self._aws.streams.describe_stream(StreamArn=source)
        except AbsentError:
            return False
        return True

    def _reads(self, source: str) -> bool:
        return source.startswith(f"{self._table_arn}/stream/")

    def _settings(self, found: Any) -> Attributes:
        return {
            "parallelization_factor": found.get("ParallelizationFactor", 1),
            "retry_attempts": found.get("MaximumRetryAttempts", -1),
            "bisect": bool(found.get("BisectBatchOnFunctionError")),
            "maximum_record_age": found.get("MaximumRecordAgeInSeconds", -1),
            "starting_position": found.get("StartingPosition"),
            "tumbling_window": found.get("TumblingWindowInSeconds", 0),
            "on_failure": ((found.get("DestinationConfig") or {}).get("OnFailure") or {}).get("Destination"),
        }

    def _requests(self, desired: Attributes) -> dict[str, dict[str, Any]]:
        return {
            "parallelization_factor": {"ParallelizationFactor": desired["parallelization_factor"]},
            "retry_attempts": {"MaximumRetryAttempts": desired["retry_attempts"]},
            "bisect": {"BisectBatchOnFunctionError": desired["bisect"]},
            "maximum_record_age": {"MaximumRecordAgeInSeconds": desired["maximum_record_age"]},
            "tumbling_window": {"TumblingWindowInSeconds": desired["tumbling_window"]},
            "on_failure": {"DestinationConfig": {"OnFailure": {"Destination": desired["on_failure"]}}},
        }


class QueueMapping(EventSourceMapping):
    """The mapping of a queue. It has no filter: Lambda deletes the messages that one leaves out.

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

    def _reads(self, source: str) -> bool:
        return source == self._queue_arn

    def _settings(self, found: Any) -> Attributes:
        return {"maximum_concurrency": (found.get("ScalingConfig") or {}).get("MaximumConcurrency")}

    def _requests(self, desired: Attributes) -> dict[str, dict[str, Any]]:
        most = desired["maximum_concurrency"]
        return {"maximum_concurrency": {"ScalingConfig": {"MaximumConcurrency": most} if most else {}}}


def _pause_note(pause: Pause, enabled: bool, now: datetime) -> str:
    if enabled:
        return "a pause is not finished: use `pipectl pause` or `pipectl resume`"
    return f"{pause.describe(now)}; `pipectl resume` ends the pause"


def _draining_note(draining: Collection[str]) -> str:
    return (
        f"{', '.join(draining)} still reads the previous stream, whose records expire after 24 hours; "
        "`pipectl up` deletes it then"
    )


def _switched_on(stream_arn: str) -> datetime | None:
    """When a stream was switched on: its label, the end of its ARN."""
    try:
        return datetime.fromisoformat(stream_arn.rsplit("/stream/", 1)[-1]).replace(tzinfo=UTC)
    except ValueError:
        return None
