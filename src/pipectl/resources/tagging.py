"""Tags as AWS lists them, and as a mapping."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from pipectl.errors import AccessDeniedError


def to_list(tags: Mapping[str, str]) -> list[Any]:
    """``[{"Key": ..., "Value": ...}]``, the form of most services."""
    return [{"Key": key, "Value": value} for key, value in tags.items()]


def from_list(tags: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    return {tag["Key"]: tag["Value"] for tag in tags}


def differing(wanted: Mapping[str, str], found: Mapping[str, str]) -> dict[str, str]:
    """The wanted tags that are missing or have another value."""
    return {key: value for key, value in wanted.items() if found.get(key) != value}


def require_tags(function: Mapping[str, Any]) -> None:
    """GetFunction leaves tags out when it may not read them; a function without tags would be taken for foreign.

    Raises:
        AccessDeniedError: the caller may not read them.
    """
    if problem := function.get("TagsError"):
        name = function["Configuration"].get("FunctionName")
        raise AccessDeniedError(
            f"lambda GetFunction: the tags of {name} cannot be read: {problem['ErrorCode']}: {problem['Message']}",
            service="lambda",
            operation="GetFunction",
            aws_code=str(problem["ErrorCode"]),
            hint="the caller needs lambda:ListTags; `pipectl permissions deployer` prints the whole policy",
        )
