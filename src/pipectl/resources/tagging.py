"""Tags as AWS lists them, and as a mapping."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any


def to_list(tags: Mapping[str, str]) -> list[Any]:
    """``[{"Key": ..., "Value": ...}]``, the form of most services."""
    return [{"Key": key, "Value": value} for key, value in tags.items()]


def from_list(tags: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    return {tag["Key"]: tag["Value"] for tag in tags}


def differing(wanted: Mapping[str, str], found: Mapping[str, str]) -> dict[str, str]:
    """The wanted tags that are missing or have another value."""
    return {key: value for key, value in wanted.items() if found.get(key) != value}
