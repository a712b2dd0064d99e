"""The resources of an account and region that have some tags, as AWS's index of tags reports them.

The index (Resource Groups Tagging API) is eventually consistent: a new resource can be missing, and a deleted one can
be listed for hours. It has no IAM roles. So a resource in it is a hint; only the API of its own service reports whether
it exists.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import NotRequired, Protocol, TypedDict

from pipectl.aws.calls import Request
from pipectl.aws.client import Aws
from pipectl.errors import UnreachableError

PAGE = 100
"""Resources in one answer: the most that AWS allows."""
_ARN = re.compile(
    r"arn:[^:]+:(?P<service>[^:]+):(?P<region>[^:]*):(?P<account>[^:]*):(?P<resource>.+)", re.ASCII | re.DOTALL
)
_KINDS: Mapping[str, Mapping[str, re.Pattern[str]]] = {
    "dynamodb": {"table": re.compile("table/([^/]+)")},
    "s3": {"bucket": re.compile("([^/:]+)")},
    "sqs": {"queue": re.compile("([^/:]+)")},
    "lambda": {
        "function": re.compile("function:([^:]+)"),
        "mapping": re.compile("event-source-mapping:([^:]+)"),
    },
    "logs": {"log-group": re.compile(r"log-group:([^:]+)(?::\*)?")},
    "cloudwatch": {"alarm": re.compile("alarm:(.+)")},
    "iam": {"role": re.compile("role/(?:.*/)?([^/]+)")},
}
"""The resources of each service that a pipeline has, with their name as the group of the pattern."""


class _Tagged(TypedDict, total=False):
    ResourceARN: str
    Tags: list[dict[str, str]]


class _Page(TypedDict):
    ResourceTagMappingList: list[_Tagged]
    PaginationToken: NotRequired[str]


class TagIndex(Protocol):
    """The client of the index, with the call that is used."""

    def get_resources(self, **parameters: object) -> _Page:
        """Return a page of the resources that have some tags."""


@dataclass(frozen=True)
class TaggedResource:
    """A resource in the index of tags.

    Attributes:
        arn: Its ARN.
        service: The service in the ARN, such as ``dynamodb``; empty when the ARN cannot be read.
        kind: ``table``, ``bucket``, ``queue``, ``function``, ``log-group``, ``alarm``, ``mapping`` or ``role``;
            ``None`` for every other kind.
        name: Its name; the resource part of the ARN for every other kind.
        tags: All its tags.
    """

    arn: str
    service: str
    kind: str | None
    name: str
    tags: Mapping[str, str]


def tagged_resources(aws: Aws, tags: Mapping[str, str | None]) -> list[TaggedResource]:
    """Return the resources of the account and region that have all these tags, sorted by ARN.

    Args:
        aws: The account and region.
        tags: The tags; a tag with the value ``None`` may have any value.

    Raises:
        AwsError: the index cannot be read.
    """
    filters = [{"Key": key} if value is None else {"Key": key, "Values": [value]} for key, value in tags.items()]
    found: dict[str, TaggedResource] = {}
    for arn, has in _mappings(aws, {"TagFilters": filters, "ResourcesPerPage": PAGE}):
        if all(key in has and value in (None, has[key]) for key, value in tags.items()):
            parts = _ARN.fullmatch(arn)
            if parts is None or parts["region"] in ("", aws.region):
                found[arn] = _resource(arn, parts, has)
    return [found[arn] for arn in sorted(found)]


def _mappings(aws: Aws, request: Request) -> Iterator[tuple[str, dict[str, str]]]:
    """Yield the ARN and the tags of each resource. A page can be empty and still not be the last."""
    seen: set[str] = set()
    token = ""
    while token not in seen:
        seen.add(token)
        answer = aws.tagging.get_resources(**request, **({"PaginationToken": token} if token else {}))
        for each in answer["ResourceTagMappingList"]:
            tags = {str(tag.get("Key", "")): str(tag.get("Value", "")) for tag in each.get("Tags", [])}
            if arn := str(each.get("ResourceARN", "")):
                yield arn, tags
        token = answer.get("PaginationToken", "")
        if not token:
            return
    raise UnreachableError(
        "resourcegroupstaggingapi GetResources: the pages never end, one token comes twice",
        hint="the endpoint is not AWS: check --endpoint-url, AWS_ENDPOINT_URL and proxies",
    )


def _resource(arn: str, parts: re.Match[str] | None, tags: Mapping[str, str]) -> TaggedResource:
    if parts is None:
        return TaggedResource(arn, "", None, arn, tags)
    for kind, pattern in _KINDS.get(parts["service"], {}).items():
        if name := pattern.fullmatch(parts["resource"]):
            return TaggedResource(arn, parts["service"], kind, name[1], tags)
    return TaggedResource(arn, parts["service"], None, parts["resource"], tags)
