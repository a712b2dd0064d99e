"""CloudWatch log groups of functions."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING

from pipectl.aws.client import Aws
from pipectl.engine.model import Attributes, Facts, Observation, Resource
from pipectl.errors import AbsentError
from pipectl.resources.tagging import differing, require_tags

if TYPE_CHECKING:
    from mypy_boto3_logs.type_defs import LogGroupTypeDef


class LogGroup(Resource):
    """A log group of exactly the name that Lambda writes to.

    When it is absent at an invocation, Lambda creates it, without tags. Such a log group is taken over, unless the
    function of that name is not managed by this pipeline.
    """

    kind = "log-group"
    holds_data = True
    deleted_last = True

    def __init__(
        self,
        key: str,
        name: str,
        aws: Aws,
        *,
        arn: str,
        function: str,
        retention_days: int,
        ownership: Mapping[str, str],
        tags: Mapping[str, str],
    ) -> None:
        super().__init__(key, name)
        self._function = function
        self._ownership = ownership
        self._aws = aws
        self._arn = arn
        self._desired: Attributes = {"retention_days": retention_days, "tags": dict(tags)}

    def desired(self, facts: Mapping[str, Facts]) -> Attributes:
        del facts
        return self._desired

    def observe(self) -> Observation | None:
        group = self._find()
        if group is None:
            return None
        tags = self._aws.logs.list_tags_for_resource(resourceArn=self._arn).get("tags", {})
        attributes: Attributes = {"retention_days": group.get("retentionInDays")}
        own = bool(tags) or not self._is_of_another_function()
        return Observation(attributes, tags, takes_over_untagged=own)

    def create(self, desired: Attributes) -> Facts:
        self._aws.logs.create_log_group(logGroupName=self.name, tags=desired["tags"])
        self._aws.logs.put_retention_policy(logGroupName=self.name, retentionInDays=desired["retention_days"])
        return Facts()

    def update(self, desired: Attributes, observed: Observation, differs: Collection[str]) -> Facts:
        if "tags" in differs:
            self._aws.logs.tag_resource(resourceArn=self._arn, tags=differing(desired["tags"], observed.tags))
        if "retention_days" in differs:
            self._aws.logs.put_retention_policy(logGroupName=self.name, retentionInDays=desired["retention_days"])
        return observed.facts

    def delete(self, observed: Observation, *, delete_data: bool = False) -> None:
        del observed, delete_data
        try:
            self._aws.logs.delete_log_group(logGroupName=self.name)
        except AbsentError:
            return

    def _is_of_another_function(self) -> bool:
        """Return whether a function that is not managed by this pipeline writes to it."""
        try:
            found = self._aws.lambda_.get_function(FunctionName=self._function)
        except AbsentError:
            return False
        require_tags(found)
        return not self._ownership.items() <= found.get("Tags", {}).items()

    def _find(self) -> LogGroupTypeDef | None:
        pages = self._aws.logs.get_paginator("describe_log_groups").paginate(logGroupNamePrefix=self.name)
        groups = (group for page in pages for group in page["logGroups"])
        return next((group for group in groups if group["logGroupName"] == self.name), None)
