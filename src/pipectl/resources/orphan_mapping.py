"""An event source mapping that is known by its UUID, of a source or a function that the config no longer names."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from pipectl.aws.client import Aws
from pipectl.engine.model import Attributes, Facts, Observation, Resource
from pipectl.errors import AbsentError
from pipectl.facts import MappingFacts
from pipectl.resources.mapping import unqualified, wait_until_gone, wait_until_steady


class OrphanMapping(Resource):
    """A mapping that can only be observed, stopped and deleted.

    Args:
        key: Its key.
        uuid: Its UUID.
        aws: Where it is.
        name: Its source and function, for people.
        arn: Its ARN.
        needs: The resources that are deleted after it.
        takes_over: It invokes a function that is deleted, so that it is deleted without tags, too.
    """

    kind = "mapping"

    def __init__(
        self, key: str, uuid: str, aws: Aws, *, name: str, arn: str, needs: Collection[str], takes_over: bool
    ) -> None:
        super().__init__(key, name, needs)
        self._uuid = uuid
        self._aws = aws
        self._arn = arn
        self._takes_over = takes_over

    def desired(self, facts: Mapping[str, Facts]) -> Attributes:
        raise NotImplementedError("an orphan has no desired state")

    def observe(self) -> Observation | None:
        try:
            found = self._aws.lambda_.get_event_source_mapping(UUID=self._uuid)
            tags = dict(self._aws.lambda_.list_tags(Resource=self._arn).get("Tags", {}))
        except AbsentError:
            return None
        source, function = found.get("EventSourceArn", ""), found.get("FunctionArn", "")
        facts = MappingFacts(self._uuid, self._arn, found["State"])
        attributes: Attributes = {"source": source, "function": unqualified(function), "enabled": facts.enabled}
        return Observation(attributes, tags, facts, takes_over_untagged=self._takes_over)

    def create(self, desired: Attributes) -> Facts:
        raise NotImplementedError("an orphan is never created")

    def update(self, desired: Attributes, observed: Observation, differs: Collection[str]) -> Facts:
        """Stop it, or start it again."""
        del observed, differs
        wait_until_steady(self._aws, self._uuid)
        try:
            self._aws.lambda_.update_event_source_mapping(UUID=self._uuid, Enabled=desired["enabled"])
        except AbsentError:
            return Facts()
        wait_until_steady(self._aws, self._uuid)
        return Facts()

    def delete(self, observed: Observation, *, delete_data: bool = False) -> None:
        del observed, delete_data
        try:
            self._aws.lambda_.delete_event_source_mapping(UUID=self._uuid)
        except AbsentError:
            return
        wait_until_gone(self._aws, self._uuid)
