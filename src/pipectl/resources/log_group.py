"""CloudWatch log groups of functions."""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING

from pipectl.aws.client import Aws
from pipectl.engine.model import Attributes, Facts, Observation, Resource
from pipectl.errors import AbsentError
from pipectl.resources.shared_read import SharedRead
from pipectl.resources.tagging import differing, require_tags

if TYPE_CHECKING:
    from mypy_boto3_logs.type_defs import LogGroupTypeDef


class LogGroupList(SharedRead["dict[str, LogGroupTypeDef] | None"]):
    """The log groups of a pipeline, read with one DescribeLogGroups for all that are observed at the same time.

    That call takes a prefix, not names. Where the common prefix has more than a page, each is asked for by itself.

    Args:
        aws: Where the log groups are.
        names: Their names.
    """

    def __init__(self, aws: Aws, names: Collection[str]) -> None:
        super().__init__(self._read)
        self._aws = aws
        self._prefix = os.path.commonprefix(list(names))  # noqa: RUF071  # names, not paths

    def find(self, name: str) -> LogGroupTypeDef | None:
        """Return the log group of a name; see `SharedRead`."""
        groups = self.get(name)
        if groups is None:
            pages = self._aws.logs.get_paginator("describe_log_groups").paginate(logGroupNamePrefix=name)
            groups = {group["logGroupName"]: group for page in pages for group in page["logGroups"]}
        return groups.get(name)

    def _read(self) -> dict[str, LogGroupTypeDef] | None:
        """Return the log groups with the prefix; ``None`` when there are more than a page."""
        page = self._aws.logs.describe_log_groups(logGroupNamePrefix=self._prefix)
        if page.get("nextToken"):
            return None
        return {group["logGroupName"]: group for group in page["logGroups"]}


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
        listing: LogGroupList,
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
        self._listing = listing
        self._arn = arn
        self._desired: Attributes = {"retention_days": retention_days, "tags": dict(tags)}

    def desired(self, facts: Mapping[str, Facts]) -> Attributes:
        del facts
        return self._desired

    def observe(self) -> Observation | None:
        group = self._listing.find(self.name)
        if group is None:
            return None
        tags = self._aws.logs.list_tags_for_resource(resourceArn=self._arn).get("tags", {})
        attributes: Attributes = {"retention_days": group.get("retentionInDays")}
        own = bool(tags) or not self._is_of_another_function()
        return Observation(attributes, tags, takes_over_untagged=own)

    def create(self, desired: Attributes) -> Facts:
        with self._listing.changing():
            self._aws.logs.create_log_group(logGroupName=self.name, tags=desired["tags"])
            self._aws.logs.put_retention_policy(logGroupName=self.name, retentionInDays=desired["retention_days"])
        return Facts()

    def update(self, desired: Attributes, observed: Observation, differs: Collection[str]) -> Facts:
        if "tags" in differs:
            self._aws.logs.tag_resource(resourceArn=self._arn, tags=differing(desired["tags"], observed.tags))
        if "retention_days" in differs:
            with self._listing.changing():
                self._aws.logs.put_retention_policy(logGroupName=self.name, retentionInDays=desired["retention_days"])
        return observed.facts

    def delete(self, observed: Observation, *, delete_data: bool = False) -> None:
        del observed, delete_data
        try:
            with self._listing.changing():
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
