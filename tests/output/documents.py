"""The rules that the JSON documents of all commands follow."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

DATA = {
    "outputs",
    "attributes",
    "drift",
    "failures",
    "byType",
    "byStatus",
    "byDay",
    "byHour",
    "packages",
    "policies",
    "record",
    "item",
    "keys",
    "order",
    "document",
    "answer",
    "message",
    "seconds",
    "tags",
    "proxies",
    "denied",
    "teams",
}
"""Keys under which the keys are data: output names, statuses, attribute paths, AWS's documents."""

UNVERSIONED = {"outputs", "permissions", "permissions reader", "template", "config show", "local status env"}
"""Samples of documents whose keys are data from the top."""


def own_parts(value: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Yield each member of a document that pipectl spells, with its path."""
    if isinstance(value, list):
        for member in value:
            yield from own_parts(member, path)
    elif isinstance(value, dict):
        for key, member in value.items():
            yield (*path, key), member
            if key not in DATA or isinstance(member, list):
                yield from own_parts(member, (*path, key))


def check_spelling(document: Any) -> None:
    """Check that keys are camelCase and times RFC 3339 in UTC."""
    for path, value in own_parts(document):
        assert re.fullmatch("[a-z][a-zA-Z0-9]*", path[-1]), path
        if isinstance(value, str) and re.match(r"\d{4}-\d\d-\d\dT", value):
            assert re.fullmatch(r"[-0-9]{10}T[:0-9]{8}(\.\d{3})?Z", value), path
