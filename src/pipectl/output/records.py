"""Records as several commands show them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pipectl.text import pluralize


def keys_shown(keys: object) -> str:
    """``orderId=order-7``: the keys without DynamoDB's types."""
    if not isinstance(keys, Mapping):
        return "(no keys)"
    plain = {
        name: next(iter(value.values()), "") if isinstance(value, Mapping) else value for name, value in keys.items()
    }
    return " ".join(f"{name}={value}" for name, value in plain.items())


def order_shown(keys: object) -> str:
    """``order-7``: the key alone where an order has one, else all of them with their names."""
    if isinstance(keys, Mapping) and len(keys) == 1:
        return keys_shown(keys).partition("=")[2]
    return keys_shown(keys)


def assumed(shards: Sequence[str]) -> str:
    """Return a note on open shards that returned only empty pages in the end."""
    are = "is" if len(shards) == 1 else "are"
    return f"{pluralize(len(shards), 'open shard')} {are} assumed to be read: the last 100 pages were empty."
