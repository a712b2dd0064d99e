"""Records as several commands show them."""

from __future__ import annotations

from collections.abc import Mapping


def keys_shown(keys: object) -> str:
    """``orderId=order-7``: the keys without DynamoDB's types."""
    if not isinstance(keys, Mapping):
        return "(no keys)"
    plain = {
        name: next(iter(value.values()), "") if isinstance(value, Mapping) else value for name, value in keys.items()
    }
    return " ".join(f"{name}={value}" for name, value in plain.items())
