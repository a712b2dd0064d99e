"""Compare desired attributes with observed ones."""

from __future__ import annotations

from collections.abc import Mapping

from pipectl.engine.model import Attributes, AttributeValue, Delta, Observation


def diff(desired: Attributes, observed: Observation) -> dict[str, Delta]:
    """Return every managed attribute that differs, by dotted path (``tags.Team``).

    Mappings are compared key by key, all other values as a whole. Of the tags, only the desired ones are compared:
    tags that others added are left alone.
    """
    deltas: dict[str, Delta] = {}
    for key, wanted in desired.items():
        found = observed.attributes.get(key) if key != "tags" else _wanted_tags(wanted, observed)
        deltas.update(_compare(key, found, wanted))
    return deltas


def top_level(deltas: Mapping[str, Delta]) -> set[str]:
    """Return the attributes that a set of dotted paths belongs to."""
    return {path.split(".", 1)[0] for path in deltas}


def _wanted_tags(wanted: AttributeValue, observed: Observation) -> AttributeValue:
    names = wanted if isinstance(wanted, dict) else {}
    return {name: observed.tags[name] for name in names if name in observed.tags}


def _compare(path: str, found: AttributeValue, wanted: AttributeValue) -> dict[str, Delta]:
    if isinstance(found, dict) and isinstance(wanted, dict):
        deltas: dict[str, Delta] = {}
        for key in sorted(found.keys() | wanted.keys()):
            deltas.update(_compare(f"{path}.{key}", found.get(key), wanted.get(key)))
        return deltas
    return {} if found == wanted else {path: Delta(found, wanted)}
