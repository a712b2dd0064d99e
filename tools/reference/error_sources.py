"""The errors of pipectl and their messages, read from the source: where each is raised, its message and its hint."""

from __future__ import annotations

import ast
import importlib
import pkgutil
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pipectl
from pipectl.errors import PackageProblem, PipectlError
from pipectl.failures.errors import OrderProblem

SOURCE = Path(pipectl.__file__).parent
VALUE = "…"
"""Stands for a part of a message that is known only while the program runs."""
PROBLEMS = {"OrderProblem": OrderProblem, "PackageProblem": PackageProblem}
"""The reasons that errors of a kind have, by the names of the enums."""
_FEWEST_WORDS = 2
_REPEATED = re.compile(rf"{VALUE}[\s:({VALUE}]*{VALUE}")
_FUNCTION = (ast.FunctionDef, ast.AsyncFunctionDef)


@dataclass(frozen=True)
class Raised:
    """A place that makes an error.

    Args:
        error: Name of the class.
        module: Path below the package, such as ``commands/up.py``.
        message: The message, with ``…`` for values; empty where the class or another place has its words.
        hint: The hint, written the same way.
        problem: The reason in the error's ``problem``, as its name in the source, such as ``SYNTAX``.
    """

    error: str
    module: str
    message: str
    hint: str
    problem: str


@cache
def error_classes() -> Mapping[str, type[PipectlError]]:
    """Return every error that users see, by the name of its class, in the order of the modules."""
    for module in pkgutil.walk_packages([str(SOURCE)], "pipectl."):
        if module.name.rpartition(".")[2] == "errors":
            importlib.import_module(module.name)
    found: dict[str, type[PipectlError]] = {}

    def add(kind: type[PipectlError]) -> None:
        found[kind.__name__] = kind
        for each in kind.__subclasses__():
            add(each)

    add(PipectlError)
    return {name: kind for name, kind in found.items() if kind.__module__.startswith("pipectl.")}


@cache
def raised() -> tuple[Raised, ...]:
    """Return every place that makes an error, by module and line."""
    found: list[Raised] = []
    for path in sorted(SOURCE.rglob("*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        for call, function in _calls(tree):
            found += _raised(call, function or tree, str(path.relative_to(SOURCE)))
    return tuple(found)


def _calls(tree: ast.Module) -> Iterator[tuple[ast.Call, ast.AST | None]]:
    """Yield each call with the innermost function that has it."""
    pending: list[tuple[ast.AST, ast.AST | None]] = [(tree, None)]
    while pending:
        node, function = pending.pop(0)
        if isinstance(node, ast.Call):
            yield node, function
        inner = node if isinstance(node, _FUNCTION) else function
        pending += [(child, inner) for child in ast.iter_child_nodes(node)]


def _raised(call: ast.Call, function: ast.AST, module: str) -> Iterator[Raised]:
    name, problem = call.func.id if isinstance(call.func, ast.Name) else "", _problem(call)
    words = call.args
    if name not in error_classes():
        if not problem or isinstance(call.func, ast.Name):
            return
        # a helper such as `line.error(PackageProblem.MANIFEST, message, hint)`
        name, words = f"{problem.partition('.')[0].removesuffix('Problem')}Error", call.args[1:]
    hint = next((keyword.value for keyword in call.keywords if keyword.arg == "hint"), None)
    if hint is None and name == "PackageError" and len(words) > 1:
        hint = words[1]
    messages = [*_texts(words[0], function, call.lineno)] if words else []
    hints = [*_texts(hint, function, call.lineno)] if hint else []
    for message in messages or [""]:
        yield Raised(name, module, message, hints[0] if len(hints) == 1 else "", problem.partition(".")[2])


def _problem(call: ast.Call) -> str:
    """Return the reason that an error is made with, such as ``PackageProblem.SYNTAX``."""
    for value in (*call.args, *(keyword.value for keyword in call.keywords)):
        if isinstance(value, ast.Attribute) and isinstance(value.value, ast.Name) and value.value.id in PROBLEMS:
            return f"{value.value.id}.{value.attr}"
    return ""


def _texts(node: ast.expr, function: ast.AST, line: int) -> Iterator[str]:
    """Yield the texts that an expression in a line can be, where the source has enough of their words."""
    if isinstance(node, ast.Name):
        yield from _texts_of_variable(node.id, function, line)
    elif isinstance(node, ast.IfExp):
        yield from _texts(node.body, function, line)
        yield from _texts(node.orelse, function, line)
    else:
        text = _REPEATED.sub(VALUE, _text(node))
        if len([word for word in text.replace(VALUE, " ").split() if word[:1].isalpha()]) >= _FEWEST_WORDS:
            yield text


def _texts_of_variable(name: str, function: ast.AST, line: int) -> Iterator[str]:
    """Yield the texts of the last assignment before a line, unless it is extended afterwards."""
    earlier = [each for each in ast.walk(function) if isinstance(each, ast.stmt) and each.lineno <= line]
    extended = any(isinstance(each, ast.AugAssign) and _is_name(each.target, name) for each in earlier)
    assigned = [each for each in earlier if isinstance(each, ast.Assign) and _is_name(each.targets[0], name)]
    if assigned and not extended:
        last = max(assigned, key=lambda each: each.lineno)
        yield from _texts(last.value, ast.Module([], []), line)


def _is_name(node: ast.expr, name: str) -> bool:
    return isinstance(node, ast.Name) and node.id == name


def _text(node: ast.expr) -> str:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value.replace("\n", " ")
    if isinstance(node, ast.JoinedStr):
        return "".join(map(_text, node.values)).strip()
    return VALUE
