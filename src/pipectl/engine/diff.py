"""The one diff: desired against observed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pipectl.engine.model import Attributes, Delta, Observation


def diff(desired: Attributes, observed: Observation) -> dict[str, Delta]:
    """Every managed attribute that differs, by dotted path (``tags.Team``).

    Mappings are compared key by key, all else as a whole. Of the tags, only those we want are compared: what others
    put there is theirs.
    """
    deltas: dict[str, Delta] = {}
    for key, wanted in desired.items():
        found = (
            observed.attributes.get(key)
            if key != "tags"
            else {k: observed.tags[k] for k in wanted if k in observed.tags}
        )
        deltas.update(_compare(key, found, wanted))
    return deltas


def top_level(deltas: Mapping[str, Delta]) -> set[str]:
    """The attributes that a set of dotted paths belongs to."""
    return {path.split(".", 1)[0] for path in deltas}


def _compare(path: str, found: Any, wanted: Any) -> dict[str, Delta]:
    if isinstance(found, dict) and isinstance(wanted, dict):
        deltas: dict[str, Delta] = {}
        for key in sorted(found.keys() | wanted.keys()):
            deltas.update(_compare(f"{path}.{key}", found.get(key), wanted.get(key)))
        return deltas
    return {} if found == wanted else {path: Delta(found, wanted)}
