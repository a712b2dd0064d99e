"""Settings that pipectl reads and does not manage."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping

from pipectl.policy_document import Statement


def note(settings: Mapping[str, object]) -> str | None:
    """Return a note on the settings that have a value; those with AWS's default are given without one."""
    found = ", ".join(f"{name} {value}" for name, value in settings.items() if value)
    return f"set, and not managed by pipectl: {found}" if found else None


def allowed_principals(statements: Iterable[Statement]) -> list[str]:
    """Return who is allowed something: ``everybody``, ``s3.amazonaws.com``, or the names as they are."""
    return sorted({_in_words(each.get("Principal")) for each in statements if each.get("Effect") != "Deny"})


def _in_words(principal: object) -> str:
    if isinstance(principal, dict):
        names = [name for each in principal.values() for name in (each if isinstance(each, list) else [each])]
        return ", ".join("everybody" if name == "*" else str(name) for name in names)
    return "everybody" if principal == "*" else json.dumps(principal)
