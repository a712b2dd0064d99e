"""The state of one resource before and after a change."""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

from pipectl.engine.model import Action, Change, Delta, Observation
from pipectl.review.model import FlagKind


@dataclass(frozen=True)
class Risk:
    """A risk of one state of a resource.

    Args:
        kind: The kind of risk.
        reason: A sentence without a period at its end.
        attribute: The top-level attribute that it is about.
        topic: Equal for two risks of which one takes the place of the other; empty for the reason itself.
    """

    kind: FlagKind
    reason: str
    attribute: str
    topic: str = ""


@dataclass(frozen=True)
class Case:
    """A change, seen by the rules.

    Args:
        change: The change.
        before: The attributes that were observed; ``None`` when the resource does not exist.
        after: The attributes after the change; ``None`` when it deletes the resource.
        observed: The observation, if the resource exists.
        account_id: The account of the pipeline.
    """

    change: Change
    before: Mapping[str, Any] | None
    after: Mapping[str, Any] | None
    observed: Observation | None
    account_id: str

    @classmethod
    def of(cls, change: Change, observed: Observation | None, account_id: str) -> Case:
        before = observed.attributes if observed else None
        after = None if change.action is Action.DELETE else _applied(before or {}, change.attributes)
        return cls(change, before, after, observed, account_id)

    @property
    def name(self) -> str:
        return self.change.name


def _applied(before: Mapping[str, Any], deltas: Mapping[str, Delta]) -> dict[str, Any]:
    """Return the attributes with the differences of a plan applied."""
    after = deepcopy(dict(before))
    for path, delta in deltas.items():
        inner, key = _place(after, path)
        if delta.after is None and inner is not after:
            inner.pop(key, None)
        else:
            inner[key] = delta.after
    return after


def _place(target: dict[str, Any], path: str) -> tuple[dict[str, Any], str]:
    """Return the mapping and the key that a dotted path names.

    Names of policies and variables can have dots, so the longest name of a mapping counts.
    """
    parts = path.split(".")
    for length in range(len(parts) - 1, 0, -1):
        inner = target.get(".".join(parts[:length]))
        if isinstance(inner, dict) and path not in target:
            return _place(inner, ".".join(parts[length:]))
    return target, path
