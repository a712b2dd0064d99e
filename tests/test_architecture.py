"""Rules of the layout that `lint-imports` cannot express: sizes, what handlers import, no patching in tests."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipectl.cli.main import COMMANDS, GROUPS
from tests.support import ROOT

LONGEST_FUNCTION = 50
LONGEST_FILE = 400
"""Limits in lines. A longer function or file does more than one thing."""

SRC = ROOT / "src"
LAMBDA_SRC = ROOT / "lambda_src"
HANDLERS_MAY_IMPORT = {*sys.stdlib_module_names, "boto3", "botocore"}


def sources(*folders: Path) -> Iterator[tuple[str, ast.Module]]:
    """Yield the path, relative to the project, and the syntax tree of each Python file."""
    for folder in folders:
        for path in sorted(folder.rglob("*.py")):
            yield str(path.relative_to(ROOT)), ast.parse(path.read_text(encoding="utf-8"), str(path))


def imports(tree: ast.Module) -> Iterator[str]:
    """Yield every imported module by its full name; ``from a import b`` yields ``a.b``."""
    skipped = set(map(id, typing_only(tree)))
    for node in ast.walk(tree):
        if id(node) in skipped:
            continue
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{node.module}.{name.name}" for name in node.names)


def typing_only(module: ast.Module) -> Iterator[ast.AST]:
    for node in ast.walk(module):
        if isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING":
            yield from ast.walk(node)


def lines(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    return (node.end_lineno or node.lineno) - node.lineno + 1


def beside(path: Path) -> set[str]:
    """Return the modules of a handler's folder."""
    return {module.stem for module in path.parent.glob("*.py")}


def test_handlers_import_only_the_standard_library_and_the_sdk() -> None:
    foreign = {
        path: sorted(found)
        for path, tree in sources(LAMBDA_SRC)
        if (found := {name.partition(".")[0] for name in imports(tree)} - HANDLERS_MAY_IMPORT - beside(ROOT / path))
    }
    assert foreign == {}


def test_no_function_is_too_long() -> None:
    too_long = {
        f"{path}:{node.lineno} {node.name}": lines(node)
        for path, tree in sources(SRC, LAMBDA_SRC)
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and lines(node) > LONGEST_FUNCTION
    }
    assert too_long == {}


def test_no_file_is_too_long() -> None:
    files = [path for folder in (SRC, LAMBDA_SRC) for path in folder.rglob("*.py")]
    counted = {str(path.relative_to(ROOT)): len(path.read_text(encoding="utf-8").splitlines()) for path in files}
    assert {path: count for path, count in counted.items() if count > LONGEST_FILE} == {}


def test_only_the_serializer_of_output_writes_json() -> None:
    """Bytes, times and decimals are written in one way, and control characters are escaped."""
    importing = [path for path, tree in sources(SRC / "pipectl" / "output") if uses_json(tree)]
    assert importing == ["src/pipectl/output/serializer.py"]


def uses_json(tree: ast.Module) -> bool:
    return any(name == "json" or name.startswith("json.") for name in imports(tree))


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_a_module_in_each_layer_and_its_tests(command: str) -> None:
    """The commands about the program itself are in `cli` alone: they only ask click."""
    name = command.replace("-", "_")
    layers = ("cli",) if command in GROUPS["More"] else ("cli", "commands", "output")
    modules = [SRC / "pipectl" / layer / f"{name}.py" for layer in layers]
    tests = [ROOT / "tests" / layer / f"test_{name}.py" for layer in layers]
    assert [str(path.relative_to(ROOT)) for path in modules + tests if not path.is_file()] == []


@pytest.mark.parametrize("key", ["batchItemFailures", "md5OfBody"])
def test_the_shapes_of_lambda_are_in_aws_alone(key: str) -> None:
    """The local emulator and `replay-dlq` read and build the same events, so they do it with the same code."""
    using = {
        path
        for path, tree in sources(SRC)
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and node.value == key
    }
    assert len(using) == 1
    assert next(iter(using)).startswith("src/pipectl/aws/")


def test_nothing_is_patched_in_tests() -> None:
    """A test passes in what it replaces; ``mock.patch`` ties it to where a name happens to live."""
    patching = [
        path
        for path, tree in sources(ROOT / "tests")
        if any(name.startswith(("unittest.mock", "mock.")) for name in imports(tree))
    ]
    assert patching == []
