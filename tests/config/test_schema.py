"""The JSON Schema for editors: it accepts what the loader accepts, also in a file that extends another."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from pipectl.commands.config import schema
from tests.config.minimal import MINIMAL
from tests.support import DEV_CONFIG

SCHEMA = schema()
WHOLE = yaml.safe_load(MINIMAL)
TYPES: dict[str, type | tuple[type, ...]] = {
    "object": dict,
    "array": list,
    "string": str,
    "integer": int,
    "boolean": bool,
    "null": type(None),
}


def marked(value: Any, rule: dict[str, Any], path: str = "") -> set[str]:
    """Return the paths that an editor marks: those of wrong types, of unknown and of missing keys."""
    if "$ref" in rule:
        rule = SCHEMA["$defs"][rule["$ref"].rpartition("/")[2]] | {k: v for k, v in rule.items() if k != "$ref"}
    found: set[str] = set()
    if "anyOf" in rule and all(marked(value, each, path) for each in rule["anyOf"]):
        found.add(path)
    kinds = [rule["type"]] if isinstance(rule.get("type"), str) else rule.get("type", [])
    if kinds and not any(isinstance(value, TYPES[kind]) for kind in kinds):
        return {path}
    if "enum" in rule and value not in rule["enum"]:
        found.add(path)
    if "not" in rule and not marked(value, rule["not"], path):
        found.add(path)
    if isinstance(value, dict):
        found |= {f"{path}.{key}" for key in rule.get("required", []) if key not in value}
        for key, each in value.items():
            known = rule.get("properties", {}).get(key, rule.get("additionalProperties", {}))
            found |= {f"{path}.{key}"} if known is False else marked(each, known, f"{path}.{key}")
    if "if" in rule and not marked(value, rule["if"], path):
        found |= marked(value, rule["then"], path)
    return found


@pytest.mark.parametrize(
    "values", [WHOLE, yaml.safe_load(DEV_CONFIG.read_text()), {"extends": "dev.yaml"}], ids=["minimal", "dev", "empty"]
)
def test_a_valid_file_has_no_marks(values: Any) -> None:
    assert marked(values, SCHEMA) == set()


def test_a_whole_config_needs_the_required_keys() -> None:
    assert marked({"processor": {}}, SCHEMA) == {
        ".environment",
        ".team",
        ".project",
        ".auditor",
        ".processor.source",
        ".processor.runtime",
    }


def test_a_file_that_extends_another_needs_no_key_and_may_remove_each() -> None:
    removed = {key: None for key in SCHEMA["properties"] if key != "extends"}
    assert marked({"extends": "dev.yaml", **removed}, SCHEMA) == set()
    within = {
        key: dict.fromkeys(SCHEMA["$defs"][prop["$ref"].rpartition("/")[2]]["properties"])
        for key, prop in SCHEMA["properties"].items()
        if "$ref" in prop
    }
    assert marked({"extends": "dev.yaml", **within, "tags": {"A": None}}, SCHEMA) == set()


@pytest.mark.parametrize(
    ("values", "path"),
    [
        ({"processor": {"memory": "much"}}, ".processor.memory"),
        ({"processor": {"architecture": "mips"}}, ".processor.architecture"),
        ({"processor": {"memroy": 512}}, ".processor.memroy"),
        ({"colour": "red"}, ".colour"),
        ({"tags": {"A": 1}}, ".tags.A"),
    ],
)
def test_a_wrong_value_is_marked(values: dict[str, Any], path: str) -> None:
    assert marked({"extends": "dev.yaml", **values}, SCHEMA) == {path}


def test_extends_cannot_be_null() -> None:
    assert marked({"extends": None}, SCHEMA) == {".extends"}
