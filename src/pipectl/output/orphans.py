"""Orphans as `status`, `up` and `down` show them."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from pipectl.orphans import DELETE, Orphan, Search
from pipectl.text import pluralize

_MOST_NAMED = 6
_KINDS = ("table", "bucket", "queue", "mapping", "function", "role", "log-group", "alarm")
"""Kinds, those that hold data or process orders first."""


def remaining(orphans: Collection[Orphan], *, deployed: bool = True) -> Iterator[str]:
    """Yield sentences about the orphans that remain, with the command that deletes them.

    Args:
        orphans: The orphans.
        deployed: False while resources of the config do not exist, so that the orphans can be the running pipeline.
    """
    existing = sorted(
        (orphan for orphan in orphans if not orphan.unreadable), key=lambda orphan: _KINDS.index(orphan.kind)
    )
    if existing and not deployed:
        have = "has" if len(existing) == 1 else "have"
        yield (
            f"{pluralize(len(existing), 'resource')} {have} earlier names, and not all names of the config are "
            f"deployed yet: {_named(existing)}. `pipectl up` creates the resources of the new names"
        )
    elif existing:
        remain = "remains" if len(existing) == 1 else "remain"
        yield (
            f"{pluralize(len(existing), 'resource')} with earlier names {remain} and can cost money: "
            f"{_named(existing)}. `pipectl {DELETE}` deletes orphans"
        )
    sources = [orphan.name for orphan in existing if orphan.processes and not orphan.twice]
    if sources:
        yield f"still processed under earlier names: {', '.join(sources)}"
    hidden = [orphan for orphan in orphans if orphan.unreadable]
    if hidden:
        actions = {action for orphan in hidden for action in str(orphan.unreadable).split(", ")}
        were = "was" if len(hidden) == 1 else "were"
        yield (
            f"{pluralize(len(hidden), 'resource')} with earlier names may remain, or {were} deleted within the last "
            f"hours: {_named(hidden)}. To see them, the caller needs {', '.join(sorted(actions))}"
        )


def found(search: Search, *, deployed: bool = True) -> Iterator[str]:
    """Yield sentences about the orphans, or about the reason why they could not be looked for."""
    yield from remaining(search.orphans, deployed=deployed)
    if search.problem:
        yield f"resources with earlier names are not looked for: {search.problem}"


def documents(orphans: Collection[Orphan]) -> list[object]:
    """Return the orphans as JSON objects."""
    return [
        {
            "kind": orphan.kind,
            "name": orphan.name,
            "arn": orphan.arn,
            "team": orphan.team,
            "exists": True if orphan.unreadable is None else None,
            "processes": orphan.processes,
        }
        for orphan in orphans
    ]


def _importance(orphan: Orphan) -> int:
    return _KINDS.index(orphan.kind) if orphan.kind in _KINDS else len(_KINDS)


def _named(orphans: list[Orphan]) -> str:
    named = ", ".join(f"{orphan.kind} {orphan.name}" for orphan in orphans[:_MOST_NAMED])
    more = len(orphans) - _MOST_NAMED
    return f"{named} and {more} more" if more > 0 else named
