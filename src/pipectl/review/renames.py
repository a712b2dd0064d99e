"""Names that the functions, mappings and alarms of a pipeline refer to, and those that a plan gives up.

`up` deletes nothing under another name, so a resource whose name the config changed remains.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from pipectl.engine.model import Attributes, AttributeValue, Change

_KINDS: Mapping[str, str] = {
    "role": "role",
    "BUCKET_NAME": "bucket",
    "AUDIT_TABLE_NAME": "table",
    "on_failure": "queue",
    "QueueName": "queue",
    "function": "function",
    "FunctionName": "function",
}
"""The kind of resource that an attribute names, by the last part of its path. Its value is a name or an ARN."""


def references(attributes: Attributes) -> Iterator[tuple[str, str]]:
    """Yield the kind and the name of each resource that observed attributes refer to."""
    for attribute, value in attributes.items():
        if isinstance(value, dict):
            yield from references(value)
        elif reference := _reference(attribute, value):
            yield reference


def with_renames(changes: Sequence[Change], prefix: str, suffix: str) -> tuple[Change, ...]:
    """Return the changes, with a remark on each resource whose earlier name is known from what refers to it.

    Args:
        changes: The changes of a plan.
        prefix: The beginning of all names of the pipeline.
        suffix: The end of all names of the pipeline.
    """
    keys = {(change.kind, change.name): change.resource for change in changes}
    earlier: dict[str, tuple[str, str]] = {}
    for change in changes:
        for path, delta in change.attributes.items():
            attribute = path.rpartition(".")[2]
            before, after = _reference(attribute, delta.before), _reference(attribute, delta.after)
            if before and after in keys and before not in keys and _is_within(before[1], prefix, suffix):
                earlier[keys[after]] = before
    return tuple(_with_remark(change, earlier.get(change.resource)) for change in changes)


def _with_remark(change: Change, earlier: tuple[str, str] | None) -> Change:
    if earlier is None:
        return change
    kind, name = earlier
    if kind == "role":
        remark = f"the earlier role {name} remains, and `pipectl down --orphans` does not find it: delete it in IAM"
    else:
        remark = f"the earlier {kind} {name} remains; after `pipectl up`, `pipectl down --orphans` deletes it"
    return replace(change, reason="; ".join(filter(None, [change.reason, remark])))


def _is_within(name: str, prefix: str, suffix: str) -> bool:
    return name.startswith(prefix) and name.endswith(suffix)


def _reference(attribute: str, value: AttributeValue) -> tuple[str, str] | None:
    kind = _KINDS.get(attribute)
    if kind is None or not isinstance(value, str):
        return None
    if not value.startswith("arn:"):
        return kind, value
    name = value.split(":")[6 if kind == "function" else 5 :][:1]
    return (kind, name[0].rpartition("/")[2]) if name else None
