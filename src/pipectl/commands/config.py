"""`config`: check and print the config file."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import yaml

from pipectl.config.layers import Place
from pipectl.config.models import Config
from pipectl.config.runtimes import RUNTIMES, Runtime
from pipectl.config.yaml_document import EXTENDS, KeyPath
from pipectl.packaging.build import build
from pipectl.packaging.dependencies.tools import Tools
from pipectl.pipeline import package_source


@dataclass(frozen=True)
class PackageSummary:
    """The size and the hash of a function's package, and warnings about its contents.

    ``missing`` is the manifest whose packages are not in it, because they are not installed yet.
    """

    bytes: int
    sha256: str
    warnings: tuple[str, ...] = ()
    missing: str | None = None


def check(config: Config, file: Path, tools: Tools) -> dict[str, PackageSummary]:
    """Build both packages for Lambda. Return a summary of each, by function.

    Args:
        config: The config.
        file: Its file.
        tools: What installs packages.

    Raises:
        PackageError: a handler's folder is missing or invalid.
    """
    packages = {}
    for key, function in (("processor", config.processor), ("auditor", config.auditor)):
        built = build(package_source(config, function, file), tools)
        packages[key] = PackageSummary(len(built.body), built.identity, built.all_warnings, built.missing)
    return packages


def ending_runtimes(config: Config, today: date) -> list[Runtime]:
    """Return the runtimes in use that AWS stops patching within `runtimes.NOTICE`, or has stopped patching."""
    used = dict.fromkeys((config.processor.runtime, config.auditor.runtime))
    return [RUNTIMES[name] for name in used if RUNTIMES[name].ends_soon(today)]


def show(config: Config) -> dict[str, Any]:
    """Return the config with every default filled in."""
    return config.model_dump(by_alias=True, mode="json")


class _Dumper(yaml.SafeDumper):
    """Writes text that some YAML reader takes for a number in quotes, and no aliases."""

    def ignore_aliases(self, data: object) -> bool:
        del data
        return True


def _text(dumper: _Dumper, text: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="'" if _NUMBER.fullmatch(text) else None)


_Dumper.add_representer(str, _text)
_NUMBER = re.compile(r"[-+]?(\.?[0-9][0-9_.:]*(e[-+]?[0-9]+)?|0[xob][0-9a-f_]+|\.(inf|nan))", re.IGNORECASE)
"""Numbers of YAML 1.1 and 1.2. PyYAML reads some as text, such as 1e5 and 012345678901; other readers do not."""


def as_yaml(shown: dict[str, Any]) -> str:
    """Return plain data as YAML that every reader parses in the same way."""
    return yaml.dump(shown, Dumper=_Dumper, sort_keys=False, allow_unicode=True).rstrip()


def with_places(text: str, places: Mapping[KeyPath, Place]) -> str:
    """Return YAML with the place of each value as a comment. A default has none.

    Args:
        text: The output of `as_yaml`.
        places: The places of the values and lists.
    """
    lines = text.split("\n")
    for line, path in _lines(yaml.compose(text, Loader=yaml.SafeLoader), ()):
        if path in places:
            lines[line] += f"  # {places[path]}"
    return "\n".join(lines)


def _lines(node: yaml.Node | None, path: KeyPath) -> Iterator[tuple[int, KeyPath]]:
    """Yield the line and the path of each value that is in one line, and of each list."""
    if not isinstance(node, yaml.MappingNode):
        return
    for key, value in node.value:
        here = (*path, key.value)
        if isinstance(value, yaml.MappingNode) and value.value:
            yield from _lines(value, here)
        elif isinstance(value, yaml.SequenceNode) or value.end_mark.line == key.start_mark.line:
            yield key.start_mark.line, here


EXTENDS_SCHEMA = {
    "description": "config to extend, relative to this file; sections are merged key by key, lists and single values "
    "are replaced, null removes a key",
    "minLength": 1,
    "type": "string",
}


def schema() -> dict[str, Any]:
    """Return the JSON Schema of the config file.

    A file that extends another needs no key, and null removes one of the other. `null` is therefore allowed for each
    key; that it removes nothing in a file that extends none is left to `config check`.
    """
    whole = Config.model_json_schema(by_alias=True)
    required: dict[str, Any] = {"required": whole.pop("required"), "properties": {}}
    for key, prop in whole["properties"].items():
        if section := whole["$defs"].get(prop.get("$ref", "").rpartition("/")[2]):
            if keys := section.pop("required", None):
                required["properties"][key] = {"required": keys}
        else:
            _allow_null(prop)
    for section in whole["$defs"].values():
        _allow_null(section)
        for prop in section["properties"].values():
            _allow_null(prop)
    whole["properties"] = {EXTENDS: EXTENDS_SCHEMA, **whole["properties"]}
    head = {"$schema": "https://json-schema.org/draft/2020-12/schema"}
    return {**head, **whole, "if": {"not": {"required": [EXTENDS]}}, "then": required}


def _allow_null(prop: dict[str, Any]) -> None:
    """Allow null as a value, and as one of a map of text."""
    if isinstance(prop.get("type"), str):
        prop["type"] = [prop["type"], "null"]
    if "const" in prop:
        prop["enum"] = [prop.pop("const")]
    if "enum" in prop:
        prop["enum"] = [*prop["enum"], None]
    if isinstance(each := prop.get("additionalProperties"), dict):
        _allow_null(each)
