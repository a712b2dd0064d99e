"""Tags as lists of AWS, and as a mapping."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, TypedDict

from pipectl.aws import denied
from pipectl.errors import AccessDeniedError

if TYPE_CHECKING:
    from mypy_boto3_lambda.type_defs import GetFunctionResponseTypeDef


class Tag(TypedDict):
    """A tag in the form of most services."""

    Key: str
    Value: str


def to_list(tags: Mapping[str, str]) -> list[Tag]:
    """Return tags as a list of AWS."""
    return [{"Key": key, "Value": value} for key, value in tags.items()]


def from_list(tags: Iterable[Mapping[str, object]]) -> dict[str, str]:
    """Return a list of AWS as a mapping."""
    return {str(tag["Key"]): str(tag.get("Value", "")) for tag in tags}


def differing(wanted: Mapping[str, str], found: Mapping[str, str]) -> dict[str, str]:
    """Return the desired tags that are missing or have another value."""
    return {key: value for key, value in wanted.items() if found.get(key) != value}


def require_tags(function: GetFunctionResponseTypeDef) -> None:
    """Refuse a function without its tags: GetFunction leaves them out when the caller may not read them.

    Raises:
        AccessDeniedError: the caller may not read them.
    """
    if problem := function.get("TagsError"):
        found, code, text = function["Configuration"], str(problem.get("ErrorCode")), str(problem.get("Message"))
        error = AccessDeniedError(
            f"lambda GetFunction: the tags of {found.get('FunctionName')} cannot be read: {code}: {text}",
            service="lambda",
            operation="GetFunction",
            aws_code=code,
            aws_message=text,
        )
        error.actions, error.target = ("lambda:ListTags",), found.get("FunctionArn", "*")
        error.hint = denied.hint([error])
        raise error
