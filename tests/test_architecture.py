"""The arrows between the parts of the house, and how long a function and a file may be."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from tests.support import ROOT

LONGEST_FUNCTION = 50
LONGEST_FILE = 400
"""Lines. A function fits on a screen, a file in a sitting; longer is a sign that two things live together."""

SRC = ROOT / "src"
LAMBDA_SRC = ROOT / "lambda_src"

ARROWS = {
    # what a part may import of ours, besides itself; "a" allows a and all that is in it
    "errors": (),
    "text": (),
    "policy_document": (),
    "stream_records": (),
    "pause_tags": ("config.names", "stream_records"),
    "clock": ("errors",),
    "engine": ("errors", "clock"),
    "aws": ("errors", "clock"),
    "packaging": ("errors",),
    "config": ("aws", "errors", "pause_tags", "stream_records"),
    "resources": (
        *("engine.model", "aws", "config.names", "errors", "packaging", "pause_tags", "stream_records", "text"),
        "policy_document",
    ),
    "iam": ("policy_document", "config.names"),
    "pipeline": ("resources", "config", "packaging", "iam", "engine.model", "aws", "policy_document"),
    "failures": ("aws", "clock", "engine.executor", "errors", "stream_records"),
    "context": ("pipeline", "engine", "aws", "config", "errors"),
    "monitoring": (
        *("context", "engine", "aws", "errors", "clock", "failures", "stream_records", "pause_tags", "text"),
    ),
    "commands": (
        *("context", "monitoring", "pipeline", "engine", "aws", "config", "errors", "clock", "packaging", "failures"),
        *("stream_records", "pause_tags", "text", "local.lifecycle", "local.node"),
    ),
    "output": ("commands", "context", "monitoring", "engine", "failures", "aws", "errors", "text", "config"),
    "cli": (
        *("commands", "context", "monitoring", "output", "config", "aws", "clock", "engine", "errors", "failures"),
        "local.lifecycle",
    ),
    "local": ("errors", "stream_records"),
    "entry": ("cli",),
}
OUTSIDE = {
    # which parts may import a package of others
    "boto3": ("aws", "local"),
    "botocore": ("aws", "local"),
    "rich": ("output",),
    "click": ("cli",),
    "ministack": ("local",),
    "pydantic": ("config",),
    "pydantic_core": ("config",),
    "yaml": ("config", "commands"),
}
RESOURCE_HELPERS = ("tagging",)
"""What resources may share; of each other they know nothing."""


def module_of(path: Path) -> str:
    """``engine.walk`` for src/pipectl/engine/walk.py; ``aws`` for its ``__init__``."""
    parts = path.relative_to(SRC / "pipectl").with_suffix("").parts
    return ".".join(part for part in parts if part != "__init__")


def sources(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*.py") if "__pycache__" not in path.parts)


@cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(), str(path))


def imports(path: Path, *, run_time_only: bool = False) -> Iterator[str]:
    """Every module that a file imports, by its full name; ``from a import b`` counts as ``a.b``."""
    skipped = set(map(id, typing_only(tree(path)))) if run_time_only else set()
    for node in ast.walk(tree(path)):
        if id(node) in skipped:
            continue
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative imports hide arrows"
            yield from (f"{node.module}.{name.name}" for name in node.names)


def typing_only(module: ast.Module) -> Iterator[ast.AST]:
    for node in ast.walk(module):
        if isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING":
            yield from ast.walk(node)


def ours(path: Path) -> list[str]:
    """What a file imports of ours: ``engine.model.Action``."""
    found = [name.removeprefix("pipectl.") for name in imports(path) if name.split(".")[0] == "pipectl"]
    return [name for name in found if name != "__version__"]


def within(name: str, part: str) -> bool:
    return name == part or name.startswith(f"{part}.")


FILES = sources(SRC / "pipectl")
MODULES = [pytest.param(path, id=module_of(path) or "pipectl") for path in FILES]


@pytest.mark.parametrize("path", MODULES)
def test_imports_follow_the_arrows(path: Path) -> None:
    part = module_of(path).split(".")[0]
    if not part:
        assert ours(path) == []
        return
    allowed = (part, *ARROWS[part])
    assert [name for name in ours(path) if not any(within(name, arrow) for arrow in allowed)] == []


def test_there_is_an_arrow_for_every_part_and_a_part_for_every_arrow() -> None:
    parts = {module_of(path).split(".")[0] for path in FILES} - {""}
    assert parts == ARROWS.keys()
    named = {arrow.split(".")[0] for arrows in ARROWS.values() for arrow in arrows}
    assert named <= ARROWS.keys()


def test_the_arrows_form_no_circle() -> None:
    def reach(part: str, seen: tuple[str, ...] = ()) -> None:
        if part in ("config", "pause_tags"):  # config.models reserves the pause tags, which are named like config.names
            return
        assert part not in seen, f"circle: {' -> '.join((*seen, part))}"
        for arrow in ARROWS[part]:
            reach(arrow.split(".")[0], (*seen, part))

    for part in ARROWS:
        reach(part)


@pytest.mark.parametrize("path", MODULES)
def test_packages_of_others_come_in_by_one_door_each(path: Path) -> None:
    part = module_of(path).split(".")[0]
    foreign = {name.split(".")[0] for name in imports(path, run_time_only=True)} - sys.stdlib_module_names - {"pipectl"}
    assert foreign <= OUTSIDE.keys()
    assert [name for name in foreign if part not in OUTSIDE[name]] == []


@pytest.mark.parametrize("path", [param for param in MODULES if str(param.id).startswith("resources.")])
def test_resources_know_nothing_of_each_other(path: Path) -> None:
    used = {name.split(".")[1] for name in ours(path) if within(name, "resources")}
    assert used <= {*RESOURCE_HELPERS}


@pytest.mark.parametrize("path", [pytest.param(p, id=str(p.relative_to(LAMBDA_SRC))) for p in sources(LAMBDA_SRC)])
def test_handlers_need_nothing_but_the_standard_library_and_the_sdk(path: Path) -> None:
    used = {name.split(".")[0] for name in imports(path, run_time_only=True)}
    assert used <= {*sys.stdlib_module_names, "boto3", "botocore"}


def functions(path: Path) -> Iterator[tuple[str, int]]:
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node.name, (node.end_lineno or node.lineno) - node.lineno + 1


ALL = [pytest.param(p, id=str(p.relative_to(ROOT))) for p in (*FILES, *sources(LAMBDA_SRC))]


@pytest.mark.parametrize("path", ALL)
def test_no_function_is_longer_than_a_screen(path: Path) -> None:
    assert {name: lines for name, lines in functions(path) if lines > LONGEST_FUNCTION} == {}


@pytest.mark.parametrize("path", ALL)
def test_no_file_is_longer_than_a_sitting(path: Path) -> None:
    assert len(path.read_text().splitlines()) <= LONGEST_FILE


def test_nothing_is_patched_in_tests() -> None:
    """What a test replaces is passed in; ``mock.patch`` ties a test to where a name happens to live."""
    this = Path(__file__)
    patching = [
        str(path.relative_to(ROOT))
        for path in sources(ROOT / "tests")
        if path != this and any(within(name, "unittest.mock") for name in imports(path))
    ]
    assert patching == []
