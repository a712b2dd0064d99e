"""Configs that extend others: the result equals one that is merged by hand, and no file makes the loader fail."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from pipectl.config.layers import read_layers
from pipectl.config.loading import load
from pipectl.config.models import Config
from pipectl.errors import ConfigError, Problem
from tests.config.minimal import MINIMAL
from tests.fuzz.test_config import SCALARS, edited

VALUES: dict[str, Any] = {
    **yaml.safe_load(MINIMAL),
    "tags": {"a": "b", "c": "d"},
    "errors-alarm": {"threshold": 5, "actions": ["arn:aws:sns:us-east-1:123456789012:on-call"]},
    "dead-letter-queue": {"visibility_timeout": 200},
}

NEW = st.sampled_from([None, None, "x", "prod", True, 0, 60, 512, [], ["a", "b"], {}, {"a": "b"}, {"a": None}])


@st.composite
def overlays(draw: st.DrawFn, base: Any = VALUES, depth: int = 0) -> dict[str, Any]:
    """Return keys of a config, and unknown ones, with other values, with sections, or with null."""
    keys = draw(st.lists(st.sampled_from([*base, "colour"]), max_size=3, unique=True))
    values: dict[str, Any] = {}
    for key in keys:
        inner = base.get(key)
        if isinstance(inner, dict) and depth == 0 and draw(st.booleans()):
            values[key] = draw(overlays(inner or {"a": "b"}, 1))
        else:
            values[key] = draw(NEW)
    return values


def merged_by_hand(base: dict[str, Any], over: dict[str, Any]) -> dict[str, Any]:
    """Return the expected values. A null that removes nothing stays, so that it is reported like any other null."""
    result = {key: value for key, value in base.items() if key not in over}
    for key, value in over.items():
        if value is None and key in base:
            continue
        is_section = isinstance(value, dict) and isinstance(base.get(key), dict)
        result[key] = merged_by_hand(base[key], value) if is_section else value
    return result


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("overlays")


def written(folder: Path, name: str, values: Any) -> Path:
    file = folder / f"{name}.yaml"
    separate = json.loads(json.dumps(values))  # PyYAML writes aliases for objects that are the same
    file.write_text(yaml.safe_dump(separate, sort_keys=False))
    return file


def problems_of(file: Path) -> tuple[Problem, ...]:
    try:
        load(file)
    except ConfigError as error:
        return error.problems
    return ()


def outcome(file: Path) -> Config | set[str]:
    """Return the config, or the keys of its problems."""
    return {problem.key for problem in problems_of(file)} or load(file)


@given(overlays(), overlays())
def test_a_merged_config_equals_one_that_is_merged_by_hand(
    folder: Path, middle: dict[str, Any], top: dict[str, Any]
) -> None:
    written(folder, "base", VALUES)
    written(folder, "middle", {"extends": "base.yaml", **middle})
    file = written(folder, "top", {"extends": "middle.yaml", **top})
    expected = merged_by_hand(merged_by_hand(VALUES, middle), top)
    assert read_layers(file).values == expected
    assert outcome(file) == outcome(written(folder, "by-hand", expected))


@given(overlays(), overlays())
def test_every_value_has_the_place_where_it_is_written(
    folder: Path, middle: dict[str, Any], top: dict[str, Any]
) -> None:
    written(folder, "base", VALUES)
    written(folder, "middle", {"extends": "base.yaml", **middle})
    layers = read_layers(written(folder, "top", {"extends": "middle.yaml", **top}))
    documents = {file: file.read_text().splitlines() for file in layers.files}
    paths = {(key, *inner) for key, value in layers.values.items() for inner in paths_of(value)}
    assert layers.places.keys() == paths
    for path, place in layers.places.items():
        if isinstance(path[-1], str):
            assert path[-1] in documents[place.file][place.line - 1]


def paths_of(value: Any) -> set[tuple[Any, ...]]:
    entries = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return {(), *((key, *inner) for key, each in entries for inner in paths_of(each))}


NAMES = ["base.yaml", "./base.yaml", "top.yaml", ".", "/", "..", "none.yaml", "base.yaml/x"]
BASES = ["", "processor: {memory: 1}", "a: [", "!", "tags:", MINIMAL]


@given(edited(), st.sampled_from(BASES), st.sampled_from(NAMES) | SCALARS, st.booleans())
def test_unusual_files_have_problems_with_their_places(
    folder: Path, top: str, base: str, name: str, back: bool
) -> None:
    files = {
        folder / "top.yaml": f"extends: {name}\n{top}".encode(errors="replace"),
        folder / "base.yaml": (f"extends: top.yaml\n{base}" if back else base).encode(errors="replace"),
    }
    for file, raw in files.items():
        file.write_bytes(raw)
    for problem in problems_of(folder / "top.yaml"):
        raw = files[folder / Path(problem.file).name]
        assert 1 <= problem.line <= 1 + sum(raw.count(end) for end in (b"\n", b"\r", b"\x85", b"\xe2\x80"))
        assert problem.message
        assert str(problem).encode()
