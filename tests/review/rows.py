"""Rows of tables for the flags of changes: the state before, the state after, and the flags with their direction."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pipectl.engine.diff import diff
from pipectl.engine.model import Action, Attributes, Change, Facts, Observation
from pipectl.facts import RoleFacts
from pipectl.pipeline import Pipeline
from pipectl.resource_keys import ResourceKey
from pipectl.review.flags import flags_of
from pipectl.review.model import Flag, FlagKind, When
from tests.support import ACCOUNT

OTHER = "111122223333"
OUTSIDE, WIDER, UNPROTECTED, LOSS, SILENT = (
    FlagKind.OTHER_ACCOUNT,
    FlagKind.PERMISSIONS,
    FlagKind.UNPROTECTED,
    FlagKind.DATA_LOSS,
    FlagKind.SILENT_ALARM,
)
OPENED, CLOSED, STAYS = When
_ROLES: Mapping[str, Facts] = {
    key: RoleFacts("AROAEXAMPLE") for key in (ResourceKey.PROCESSOR_ROLE, ResourceKey.AUDITOR_ROLE)
}


@dataclass(frozen=True)
class Row:
    """Attributes that differ from the desired ones, by path, before and after a change; and the flags."""

    name: str
    resource: str
    before: Mapping[str, Any]
    after: Mapping[str, Any] = field(default_factory=dict)
    flags: tuple[tuple[FlagKind, When, str | None], ...] = ()
    words: tuple[str, ...] = ()
    unmanaged: Mapping[str, Any] = field(default_factory=dict)
    facts: Facts = field(default_factory=Facts)


def put(attributes: Attributes, changes: Mapping[str, Any]) -> Attributes:
    """Return attributes with other values, by path: ``live/layers``."""
    found = dict(attributes)
    for path, value in changes.items():
        key, _, rest = path.partition("/")
        found[key] = put(found[key], {rest: value}) if rest else value
    return found


def flags_in(pipeline: Pipeline, row: Row) -> tuple[Flag, ...]:
    resource = pipeline.resources()[row.resource]
    wanted = resource.desired(_ROLES)
    del wanted["tags"]
    after = put(wanted, row.after)
    observed = Observation(put(wanted, row.before), {"Team": "a"}, row.facts, unmanaged=row.unmanaged)
    deltas = diff(after, observed)
    change = Change(resource.key, resource.kind, "n", Action.UPDATE if deltas else Action.KEEP, deltas)
    return flags_of(change, observed, ACCOUNT)


def check(pipeline: Pipeline, row: Row) -> None:
    """Check that a change has exactly the flags of a row, and that their reasons have its words."""
    found = flags_in(pipeline, row)
    assert tuple((flag.kind, flag.when, flag.attribute) for flag in found) == row.flags
    reasons = " | ".join(flag.reason for flag in found)
    assert all(words in reasons for words in row.words), reasons


def named(row: Row) -> str:
    """Return the id of a row in the list of tests."""
    return f"{row.resource}: {row.name}"
