"""The result of `outputs`."""

from __future__ import annotations

import shlex
from collections.abc import Mapping

from pipectl.output.console import Screen


def result(screen: Screen, outputs: Mapping[str, str], *, env: bool = False) -> None:
    """Print the outputs as a table, as JSON, or with ``env`` as commands for a shell."""
    if screen.json_output:
        screen.json(outputs)
        return
    if env:
        for name, value in outputs.items():
            screen.verbatim(f"export {_variable(name)}={shlex.quote(value)}")
        return
    width = max(map(len, outputs), default=0)
    for name, value in outputs.items():
        screen.line((f"{name:<{width}}", "bold"), f"  {value}")


def _variable(output: str) -> str:
    """``OrdersTableName`` -> ``ORDERS_TABLE_NAME``."""
    return "".join(f"_{c}" if c.isupper() and i else c for i, c in enumerate(output)).upper()
