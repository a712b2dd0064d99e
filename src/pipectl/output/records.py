"""Records as several commands show them."""

from __future__ import annotations

from typing import Any

from pipectl.failures.invoking import Failing


def failing_document(failing: Failing) -> dict[str, Any]:
    return {"sequenceNumber": failing.written, "keys": failing.keys, "error": failing.error}


def keys_shown(keys: Any) -> str:
    """``orderId=order-7``: the keys without DynamoDB's types."""
    if not isinstance(keys, dict):
        return "(no keys)"
    plain = {name: next(iter(value.values()), "") if isinstance(value, dict) else value for name, value in keys.items()}
    return " ".join(f"{name}={value}" for name, value in plain.items())
