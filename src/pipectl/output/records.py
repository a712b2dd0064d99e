"""Records as several commands show them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from decimal import Decimal

from pipectl.text import pluralize

_NUMBER = re.compile(r"-?[0-9]{1,40}(\.[0-9]{1,40})?([eE][+-]?[0-9]{1,3})?")


def keys_shown(keys: object) -> str:
    """``orderId=order-7``: the keys without DynamoDB's types."""
    if not isinstance(keys, Mapping):
        return "(no keys)"
    values = {
        name: next(iter(value.values()), "") if isinstance(value, Mapping) else value for name, value in keys.items()
    }
    return " ".join(f"{name}={value}" for name, value in values.items())


def plain(value: object) -> object:
    """Return a value in DynamoDB's typed form without the types."""
    if isinstance(value, Mapping) and len(value) == 1:
        ((kind, inner),) = value.items()
        match kind, inner:
            case "N", str() if _NUMBER.fullmatch(inner):
                return Decimal(inner)
            case "M", Mapping():
                return {name: plain(member) for name, member in inner.items()}
            case "L", list():
                return [plain(member) for member in inner]
            case "NULL", _:
                return None
        return inner
    return value


def order_shown(keys: object) -> str:
    """``order-7``: the key alone where an order has one, else all of them with their names."""
    if isinstance(keys, Mapping) and len(keys) == 1:
        return keys_shown(keys).partition("=")[2]
    return keys_shown(keys)


def assumed(shards: Sequence[str]) -> str:
    """Return a note on open shards that returned only empty pages in the end."""
    are = "is" if len(shards) == 1 else "are"
    return f"{pluralize(len(shards), 'open shard')} {are} assumed to be read: the last 100 pages were empty."
