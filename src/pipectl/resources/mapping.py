"""Event source mappings: they read a stream or a queue and invoke a function."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, TypeAlias

from pipectl.aws.calls import Request
from pipectl.aws.client import Aws
from pipectl.engine.model import Attributes, Facts, Observation, Resource
from pipectl.errors import AbsentError
from pipectl.facts import ENABLED_STATES, MappingFacts
from pipectl.pause_tags import UNFINISHED_PAUSE, CatchingUp, Pause
from pipectl.resources.mapping_list import ListedMappings, MappingList
from pipectl.resources.tagging import differing

if TYPE_CHECKING:
    from mypy_boto3_lambda import type_defs as t

    Mapped: TypeAlias = t.EventSourceMappingConfigurationTypeDef | t.EventSourceMappingConfigurationResponseTypeDef

_BOUND = 600
_CHANGING = {"Creating", "Enabling", "Disabling", "Updating", "Deleting"}
REPORT_BATCH_ITEM_FAILURES = "ReportBatchItemFailures"
NO_AGE_LIMIT = -1
READ_ALL: Request = {"Enabled": True, "MaximumRecordAgeInSeconds": NO_AGE_LIMIT}
"""Lets a mapping of an earlier stream read its rest. That stream may have waited for as long as it keeps records."""


class EventSourceMapping(Resource):
    """A mapping of one source of the pipeline to one of its functions.

    A mapping has no name, only a UUID. The managed mapping is the one of the pipeline's source that invokes the
    pipeline's function, or that has its tags, whatever function it was pointed to since. Of several, the one with the
    newest source counts. Other managed mappings that may still have records to read are ``draining``: a fact, and left
    alone. The rest are ``superseded``: drift, and deleted.

    While a mapping has the tag of a pause, ``enabled`` counts as desired whatever it is: `up` leaves it, and a fact and
    a note report it.
    """

    kind = "mapping"

    def __init__(
        self,
        key: str,
        aws: Aws,
        *,
        listing: MappingList,
        name: str,
        needs: Collection[str],
        needs_whole: Collection[str],
        function_arn: str,
        arn_of: Callable[[str], str],
        ownership: Mapping[str, str],
        tags: Mapping[str, str],
        settings: Attributes,
    ) -> None:
        super().__init__(key, name, needs, needs_whole=needs_whole)
        self._aws = aws
        self._listing = listing
        self._function_arn = function_arn
        self._arn = arn_of
        self._ownership = ownership
        self._tags = tags
        self._config = settings

    @abstractmethod
    def _reads(self, source: str) -> bool:
        """Return whether an event source is the pipeline's."""

    @abstractmethod
    def _listed(self, listed: ListedMappings) -> Iterable[t.EventSourceMappingConfigurationTypeDef]:
        """Return the mappings that may be of the source, some of them perhaps twice."""

    @abstractmethod
    def _settings(self, found: Mapped, tags: Mapping[str, str]) -> Attributes:
        """Return the managed attributes of an observed mapping that only this kind of source has."""

    @abstractmethod
    def _requests(self, desired: Attributes) -> dict[str, Request]:
        """Return, for each of the same settings, the parameters of the calls that set it."""

    def _other_reader_note(self, reader: Mapped) -> str | None:
        """Return a note about a mapping of the same source that is not managed, where users should know of it."""
        del reader
        return None

    def _may_have_unread(self, source: str, newest: str) -> bool:
        """Return whether ``source`` may hold unread records, now that there is a newer source."""
        del source, newest
        return False

    def observe(self) -> Observation | None:
        readers = self._readers()
        candidates = [pair for pair in readers if self._is_managed(pair[1]) or self._invokes_function(pair[0])]
        if not candidates:
            return None
        managed = [pair for pair in candidates if self._is_managed(pair[1])]
        found, tags = max(managed or candidates, key=lambda pair: self._age(pair[0]))
        others = [other for other, _ in managed if other["UUID"] != found["UUID"]]
        newest = found["EventSourceArn"]
        draining = sorted(o["UUID"] for o in others if self._may_have_unread(o["EventSourceArn"], newest))
        enabled, pause = found["State"] in ENABLED_STATES, Pause.of_tags(tags)
        # Where the config sets no limit, there is none to restore.
        catching_up = None if self._config.get("maximum_record_age") == NO_AGE_LIMIT else catching_up_of(found, tags)
        attributes: Attributes = {
            "source": newest,
            "function": found["FunctionArn"],
            "enabled": self._config["enabled"] if pause else enabled,
            "batch_size": found["BatchSize"],
            "batching_window": found.get("MaximumBatchingWindowInSeconds", 0),
            "response_types": sorted(found.get("FunctionResponseTypes", [])),
            "filter": sorted(f.get("Pattern", "") for f in (found.get("FilterCriteria") or {}).get("Filters", [])),
            "superseded": sorted(other["UUID"] for other in others if other["UUID"] not in draining),
            **self._settings(found, tags),
        }
        facts = MappingFacts(
            found["UUID"],
            self._arn(found["UUID"]),
            found["State"],
            last_result=found.get("LastProcessingResult", ""),
            pause=pause,
            draining=tuple(draining),
            last_modified=found.get("LastModified"),
            record_age=found.get("MaximumRecordAgeInSeconds", NO_AGE_LIMIT),
            catching_up=catching_up,
        )
        twins = [reader for reader, tags in candidates if managed and not self._is_managed(tags)]
        unmanaged = [reader for reader, _ in readers if reader not in [candidate for candidate, _ in candidates]]
        notes = [
            *_own_notes(facts, enabled, self._aws.clock.now()),
            *map(_twin_note, twins),
            *map(self._other_reader_note, unmanaged),
        ]
        return Observation(
            attributes,
            tags,
            facts,
            note="; ".join(filter(None, notes)) or None,
            unmanaged=_other_readers([*twins, *unmanaged]),
            passing=self._passing(others, catching_up),
        )

    def _passing(self, others: Collection[Mapped], catching_up: CatchingUp | None) -> Attributes:
        """Return the attributes that change by themselves, as they count for the id of a plan."""
        passing: Attributes = {"superseded": sorted(other["UUID"] for other in others)}
        if catching_up:
            passing["maximum_record_age"] = self._config["maximum_record_age"]
        return passing

    def _age(self, found: Mapped) -> tuple[str, bool, str]:
        """Return a key that is the greatest for the newest source: a stream's ARN ends with the time it was enabled."""
        return found["EventSourceArn"], found["FunctionArn"] == self._function_arn, found["UUID"]

    def create(self, desired: Attributes) -> MappingFacts:
        requests = {name: value for each in self._all_requests(desired).values() for name, value in each.items()}
        if start := desired.get("starting_position"):
            requests["StartingPosition"] = start
        with self._listing.changing():
            created = self._aws.lambda_.create_event_source_mapping(
                EventSourceArn=desired["source"],
                Tags=desired["tags"],
                **{name: value for name, value in requests.items() if value != {}},
            )
        wait_until_steady(self._aws, created["UUID"])
        return MappingFacts(created["UUID"], self._arn(created["UUID"]), created["State"])

    def update(self, desired: Attributes, observed: Observation, differs: Collection[str]) -> Facts:
        """Send the settings that differ. A setting that is not sent stays, and an empty structure removes it."""
        facts = observed.facts_as(MappingFacts)
        uuid = facts.uuid
        requests: Request = {}
        for attribute, parameters in self._all_requests(desired).items():
            if attribute in differs:
                requests |= parameters
        if requests:
            self._update(uuid, requests)
        if "enabled" in differs:
            for other in facts.draining:
                self._update(other, READ_ALL if desired["enabled"] else {"Enabled": False})
        if "tags" in differs:
            self._aws.lambda_.tag_resource(Resource=self._arn(uuid), Tags=differing(desired["tags"], observed.tags))
        self._remove(observed.attributes["superseded"])
        return observed.facts

    def replace(self, desired: Attributes, observed: Observation) -> Facts:
        """Create the mapping of a new source before the old mapping is deleted, so that no record is missed.

        The old one is deleted only when its source has no unread records. AWS does not report how far a mapping has
        read, so the old mapping stays, enabled, for as long as there can be records. That is harmless: both write the
        same objects.

        Lambda allows one mapping per function and source, so with the same source the old one is deleted first. The
        new one then reads the stream from its beginning, and writes existing objects again, with the same content.

        A paused mapping stays paused.
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
                self._update(uuid, READ_ALL)
            self._remove(observed.attributes["superseded"])
        else:
            self._remove([*observed.attributes["superseded"], uuid])
        return facts

    def delete(self, observed: Observation, *, delete_data: bool = False) -> None:
        del delete_data
        facts = observed.facts_as(MappingFacts)
        self._remove([*observed.attributes["superseded"], *facts.draining, facts.uuid])

    def _all_requests(self, desired: Attributes) -> dict[str, Request]:
        batch: Request = {
            "BatchSize": desired["batch_size"],
            "MaximumBatchingWindowInSeconds": desired["batching_window"],  # a batch of more than 10 messages needs one
        }
        patterns = [{"Pattern": pattern} for pattern in desired["filter"]]
        return {
            "function": {"FunctionName": self._function_arn},
            "enabled": {"Enabled": desired["enabled"]},
            "batch_size": batch,
            "batching_window": batch,
            "response_types": {"FunctionResponseTypes": desired["response_types"]},
            "filter": {"FilterCriteria": {"Filters": patterns} if patterns else {}},
            **self._requests(desired),
        }

    def _update(self, uuid: str, requests: Request) -> None:
        wait_until_steady(self._aws, uuid)
        with self._listing.changing():
            self._aws.lambda_.update_event_source_mapping(UUID=uuid, **requests)
        wait_until_steady(self._aws, uuid)

    def _is_managed(self, tags: Mapping[str, str]) -> bool:
        return self._ownership.items() <= tags.items()

    def _readers(self) -> list[tuple[Mapped, dict[str, str]]]:
        """Return every mapping of the source, with its tags."""
        readers = []
        for mapping in {found["UUID"]: found for found in self._listed(self._listing.get(self.key))}.values():
            if not self._reads(mapping.get("EventSourceArn", "")):
                continue
            if mapping.get("State") == "Deleting":  # while it exists, AWS refuses another of the same source
                wait_until_gone(self._aws, mapping["UUID"])
                continue
            try:
                found = self._once_updated(mapping)
                tags = dict(self._aws.lambda_.list_tags(Resource=self._arn(found["UUID"])).get("Tags", {}))
            except AbsentError:
                if _state_of(self._aws, mapping["UUID"]) in (None, "Deleting"):
                    continue  # deleted since it was listed, or the list lags
                raise
            readers.append((found, tags))
        return readers

    def _invokes_function(self, found: Mapped) -> bool:
        """Return whether a mapping invokes the function, or any version or alias of it."""
        return unqualified(found["FunctionArn"]) == unqualified(self._function_arn)

    def _once_updated(self, found: t.EventSourceMappingConfigurationTypeDef) -> Mapped:
        """Wait for a mapping that is Updating: until then it does not report whether it is enabled."""
        if found["State"] != "Updating":
            return found
        wait_until_steady(self._aws, found["UUID"])
        return self._aws.lambda_.get_event_source_mapping(UUID=found["UUID"])

    def _remove(self, uuids: Collection[str]) -> None:
        with self._listing.changing():
            for uuid in uuids:
                try:
                    self._aws.lambda_.delete_event_source_mapping(UUID=uuid)
                except AbsentError:
                    continue
        for uuid in uuids:
            wait_until_gone(self._aws, uuid)


def _state_of(aws: Aws, uuid: str) -> str | None:
    """Return the state of a mapping; ``None`` when it does not exist."""
    try:
        return aws.lambda_.get_event_source_mapping(UUID=uuid)["State"]
    except AbsentError:
        return None


def wait_until_steady(aws: Aws, uuid: str) -> None:
    """Wait until a mapping is not changing."""
    aws.wait(lambda: _state_of(aws, uuid) not in _CHANGING, f"mapping {uuid} to finish its update", _BOUND)


def wait_until_gone(aws: Aws, uuid: str) -> None:
    """Wait until a mapping is deleted."""
    aws.wait(lambda: _state_of(aws, uuid) is None, f"mapping {uuid} to be deleted", _BOUND)


def unqualified(function_arn: str) -> str:
    """Return a function's ARN without a version or an alias."""
    return ":".join(function_arn.split(":")[:7])


def catching_up_of(found: Mapped, tags: Mapping[str, str]) -> CatchingUp | None:
    """Return the state that the tag describes. With a maximum record age in force the tag means nothing."""
    limited = found.get("MaximumRecordAgeInSeconds", NO_AGE_LIMIT) != NO_AGE_LIMIT
    return None if limited else CatchingUp.of_tags(tags)


def _other_readers(readers: Collection[Mapped]) -> dict[str, list[dict[str, str]]]:
    """Return the mappings of the source that are not managed, as the observation has them."""
    found = [{"uuid": reader["UUID"], "function": reader["FunctionArn"]} for reader in readers]
    return {"other_readers": found} if found else {}


def _own_notes(facts: MappingFacts, enabled: bool, now: datetime) -> Iterator[str]:
    """Yield the notes about the managed mapping itself."""
    if facts.pause:
        yield _pause_note(facts.pause, enabled, now)
    if facts.catching_up:
        yield f"{facts.catching_up.describe()}; afterwards `pipectl up` restores the maximum record age"
    if facts.draining:
        yield _draining_note(facts.draining)


def _pause_note(pause: Pause, enabled: bool, now: datetime) -> str:
    if enabled:
        return UNFINISHED_PAUSE
    return f"{pause.describe(now)}; `pipectl resume` ends the pause"


def _twin_note(found: Mapped) -> str:
    """Return a note about a mapping that invokes the function, too: by another alias or version, or by none."""
    return (
        f"another mapping, which is not managed by pipectl, also invokes the function: {found['UUID']} "
        f"({found['FunctionArn']}, {found['State']})"
    )


def _draining_note(draining: Collection[str]) -> str:
    return (
        f"mapping {', '.join(draining)} still reads the previous stream, which keeps its records for 24 hours; "
        "`pipectl up` deletes it afterwards"
    )
