"""Orphans as `plan`, `up`, `status` and `down` show them."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from pipectl.orphans import DELETE, Orphan, Search
from pipectl.text import first_names, pluralize

_MOST_NAMED = 6
_KINDS = ("table", "bucket", "queue", "mapping", "function", "role", "log-group", "alarm")
"""Kinds, those that hold data or process orders first."""
_DATA = _KINDS[:3]


def remaining(orphans: Collection[Orphan], *, deployed: bool = True) -> Iterator[str]:
    """Yield sentences about the orphans that remain, with the command that deletes them.

    Args:
        orphans: The orphans.
        deployed: False while resources of the config do not exist, so that the orphans can be the running pipeline.
    """
    existing = _existing(orphans)
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
    yield from _hidden(orphans)


def staying(search: Search | None) -> Iterator[str]:
    """Yield sentences about the orphans that a plan leaves as they are, those that hold data first."""
    if search is None:
        return
    if existing := _existing(search.orphans):
        named = _named(existing, min(_MOST_NAMED, max(1, sum(orphan.kind in _DATA for orphan in existing))))
        stays = "stays as it is" if len(existing) == 1 else "stay as they are"
        yield f"{pluralize(len(existing), 'resource')} with earlier names{_teams(existing)} {stays}: {named}."
        tables = {f"table {orphan.name}" for orphan in existing if orphan.kind == "table"}
        read = {f"table {orphan.name.partition(' -> ')[0]}" for orphan in existing if orphan.processes}
        orders = ", ".join(sorted(tables & read))
        processed = f", and new orders in {orders} are still processed there" if orders else ""
        it = "it" if len(existing) == 1 else "them"
        yield (
            f"No data are moved{processed}. Unless another config deploys {it}, delete {it} after `pipectl up` with "
            f"`pipectl {DELETE}`."
        )
    for sentence in _hidden(search.orphans):
        yield f"{sentence}."
    if search.problem:
        yield f"Resources with earlier names are not looked for: {search.problem}."


def _existing(orphans: Collection[Orphan]) -> list[Orphan]:
    return sorted((orphan for orphan in orphans if not orphan.unreadable), key=_importance)


def _teams(orphans: Collection[Orphan]) -> str:
    """Return the teams of some orphans in parentheses, if they are known."""
    teams = sorted({orphan.team for orphan in orphans if orphan.team})
    return f" (team {', '.join(teams)})" if teams else ""


def _hidden(orphans: Collection[Orphan]) -> Iterator[str]:
    """Yield a sentence about the orphans that the caller may not read, if there are any."""
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


def _named(orphans: list[Orphan], most: int = _MOST_NAMED) -> str:
    return first_names([f"{orphan.kind} {orphan.name}" for orphan in orphans], most)
