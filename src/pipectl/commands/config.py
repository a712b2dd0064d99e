"""`config`: look at the config file."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import yaml

from pipectl.config.models import Config
from pipectl.config.runtimes import RUNTIMES, Runtime
from pipectl.packaging.build import build


def check(config: Config, file: Path) -> dict[str, Any]:
    """Build both packages, as `up` would.

    Returns:
        ``{"packages": {"processor": {"bytes": ..., "sha256": ...}, ...}}``

    Raises:
        PackageError: a handler's folder is missing or wrong.
    """
    packages = {}
    for key, function in (("processor", config.processor), ("auditor", config.auditor)):
        built = build(config.source_of(function, file), function.handler, function.language)
        packages[key] = {"bytes": len(built.body), "sha256": built.sha256}
    return {"packages": packages}


def ending_runtimes(config: Config, today: date) -> list[Runtime]:
    """The runtimes in use that AWS stops patching within `runtimes.NOTICE`, or has already."""
    used = dict.fromkeys((config.processor.runtime, config.auditor.runtime))
    return [RUNTIMES[name] for name in used if RUNTIMES[name].ends_soon(today)]


def show(config: Config) -> dict[str, Any]:
    """The config with every default filled in."""
    return config.model_dump(by_alias=True, mode="json")


def as_yaml(shown: dict[str, Any]) -> str:
    return yaml.safe_dump(shown, sort_keys=False, allow_unicode=True).rstrip()


def schema() -> dict[str, Any]:
    """JSON Schema of the config file."""
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **Config.model_json_schema(by_alias=True)}
