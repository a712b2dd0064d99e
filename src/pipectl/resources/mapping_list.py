"""Lists of event source mappings: a page of all of them, else only those of a function or a source."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pipectl.aws.client import Aws
from pipectl.errors import AbsentError
from pipectl.resources.shared_read import SharedRead

if TYPE_CHECKING:
    from mypy_boto3_lambda.type_defs import (
        EventSourceMappingConfigurationTypeDef,
        ListEventSourceMappingsRequestPaginateTypeDef,
    )

_PAGE = 100
"""Mappings in one answer of Lambda."""


@dataclass(frozen=True)
class ListedMappings:
    """The mappings at one moment.

    Args:
        aws: Where they are.
        every: All of the account and region; ``None`` when there are more than a page, so that Lambda has to be asked
            for those of a function or a source.
    """

    aws: Aws
    every: Sequence[EventSourceMappingConfigurationTypeDef] | None

    def of_function(self, arn: str) -> list[EventSourceMappingConfigurationTypeDef]:
        """Return the mappings of a function exactly as the ARN names it; none if it does not exist."""
        if self.every is None:
            return self._ask({"FunctionName": arn})
        return [each for each in self.every if each.get("FunctionArn") == arn]

    def of_source(self, arn: str) -> list[EventSourceMappingConfigurationTypeDef]:
        """Return the mappings of a stream or a queue; none if it does not exist."""
        if self.every is None:
            return self._ask({"EventSourceArn": arn})
        return [each for each in self.every if each.get("EventSourceArn") == arn]

    def sources(self) -> Collection[str] | None:
        """Return the sources of all mappings; ``None`` when they are not known."""
        return None if self.every is None else {each.get("EventSourceArn", "") for each in self.every}

    def _ask(
        self, request: ListEventSourceMappingsRequestPaginateTypeDef
    ) -> list[EventSourceMappingConfigurationTypeDef]:
        pages = self.aws.lambda_.get_paginator("list_event_source_mappings").paginate(**request)
        try:
            return [mapping for page in pages for mapping in page["EventSourceMappings"]]
        except AbsentError:
            return []


class MappingList(SharedRead[ListedMappings]):
    """The mappings of an account and region, read once for all mappings that are observed at the same time.

    Most accounts have less than a page of mappings. An account can also have thousands.
    """

    def __init__(self, aws: Aws) -> None:
        super().__init__(self._read)
        self._aws = aws

    def _read(self) -> ListedMappings:
        page = self._aws.lambda_.list_event_source_mappings(MaxItems=_PAGE)
        return ListedMappings(self._aws, None if page.get("NextMarker") else page["EventSourceMappings"])
