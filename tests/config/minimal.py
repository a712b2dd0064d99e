"""A config with only the required keys, and its problems after changes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from pipectl.config.loading import load
from pipectl.errors import ConfigError, Problem

MINIMAL = """\
environment: dev
team: backend
project: shop
processor:
  source: handlers/processor
  runtime: python3.14
auditor:
  source: handlers/auditor
  runtime: python3.14
"""


def problems(folder: Path, text: str | bytes) -> tuple[Problem, ...]:
    """Return every problem of the config in ``text``."""
    file = folder / "pipectl.yaml"
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    try:
        load(file)
    except ConfigError as error:
        return error.problems
    return ()


def changed(changes: dict[str, Any]) -> str:
    """Return `MINIMAL` with other values. ``None`` removes the key."""
    values = yaml.safe_load(MINIMAL)
    for dotted, value in changes.items():
        *sections, key = dotted.split("/")
        section = values
        for name in sections:
            section = section.setdefault(name, {})
        if value is None:
            section.pop(key)
        else:
            section[key] = value
    return yaml.safe_dump(values, sort_keys=False)
