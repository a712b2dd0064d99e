"""Statements that allow more than others do."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache

from pipectl.policy_document import Statement
from pipectl.review.words import texts

_EXCEPTIONS = ("NotAction", "NotResource", "NotPrincipal")


def is_allow(statement: Mapping[str, object]) -> bool:
    """Return whether a statement allows something; an unknown effect counts as one that does."""
    return statement.get("Effect") != "Deny"


def without_id(statement: Mapping[str, object]) -> dict[str, object]:
    return {key: value for key, value in statement.items() if key != "Sid"}


def beyond(found: Sequence[Statement], others: Sequence[Statement]) -> Iterator[Statement]:
    """Yield the Allow statements of ``found``, each with only the actions and resources that ``others`` do not allow.

    A statement with exceptions, such as `NotAction`, is only allowed by an equal one.
    """
    allowed = [each for each in others if is_allow(each)]
    equal = [without_id(each) for each in allowed]
    for statement in found:
        if not is_allow(statement) or without_id(statement) in equal:
            continue
        if any(key in statement for key in _EXCEPTIONS):
            yield statement
            continue
        actions, resources = texts(statement.get("Action", [])), texts(statement.get("Resource", [""]))
        more = [
            (action, resource)
            for action in actions
            for resource in resources
            if not any(_covers(each, statement, action, resource) for each in allowed)
        ]
        if more or not actions:
            left = {"Action": _kept(actions, [action for action, _ in more])}
            if "Resource" in statement:
                left["Resource"] = _kept(resources, [resource for _, resource in more])
            yield {**statement, **left}


def _kept(names: list[str], wanted: list[str]) -> list[str]:
    return [name for name in names if name in wanted]


def covers(pattern: str, name: str) -> bool:
    """Return whether a pattern with ``*`` and ``?`` covers a name, or everything that another pattern covers."""
    return bool(_expression(pattern.lower()).fullmatch(name.lower()))


def covered(names: Sequence[str], patterns: Sequence[str]) -> bool:
    """Return whether each name is covered by a pattern."""
    return all(any(covers(pattern, name) for pattern in patterns) for name in names)


@lru_cache(maxsize=1024)
def _expression(pattern: str) -> re.Pattern[str]:
    parts = {"*": ".*", "?": "[^*]"}
    return re.compile("".join(parts.get(sign) or re.escape(sign) for sign in re.sub(r"\*+", "*", pattern)), re.DOTALL)


def _covers(wider: Statement, statement: Statement, action: str, resource: str) -> bool:
    if any(key in wider for key in _EXCEPTIONS):
        return False
    if wider.get("Principal") not in ("*", statement.get("Principal")):
        return False
    if wider.get("Condition") not in (None, {}, statement.get("Condition")):
        return False
    return covered([action], texts(wider.get("Action", []))) and covered([resource], texts(wider.get("Resource", [""])))
