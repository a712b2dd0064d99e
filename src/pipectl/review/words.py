"""Values of AWS as words."""

from __future__ import annotations

import json
from collections.abc import Collection

_SHOWN = 6
"""Number of values that a sentence names; the difference itself shows all."""


def texts(value: object) -> list[str]:
    """Return a value, or each value of a list, as text."""
    if isinstance(value, list | tuple | set | frozenset):
        return [text(each) for each in value]
    return [text(value)]


def text(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, default=str)


def account_in(arn: str) -> str | None:
    """Return the account that an ARN names, empty where it names none; ``None`` for a text that is no ARN."""
    parts = arn.split(":")
    return parts[4] if len(parts) > 4 else None


def listed(names: Collection[str], last: str = "and") -> str:
    """Return ``a, b and c``; of many names the first ones and the number of the others."""
    shown = list(names)
    if len(shown) > _SHOWN:
        shown = [*shown[: _SHOWN - 1], f"{len(shown) - _SHOWN + 1} more"]
    return f" {last} ".join(filter(None, [", ".join(shown[:-1]), shown[-1]])) if shown else ""
