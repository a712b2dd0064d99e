"""The handler of a package: its file and its function, found without running the code."""

from __future__ import annotations

import ast
import re
import sys
import warnings
from collections.abc import Collection, Iterator
from functools import lru_cache
from pathlib import Path

from pipectl.errors import PackageError, PackageProblem

_SUFFIXES = {"python": (".py", "/__init__.py"), "nodejs": (".mjs", ".js", ".cjs")}
"""Endings of a handler's file, by language."""
_DYNAMIC = ("exec", "globals", "setattr", "vars")
"""Calls that can define any name."""


def handler_file(source: Path, handler: str, language: str, names: Collection[str]) -> Path:
    """Return the file of ``handler`` among the named files of the folder ``source``, where Lambda looks for it.

    Raises:
        PackageError: there is none.
    """
    wanted = [f"{module}{suffix}" for module in _modules(handler, language) for suffix in _SUFFIXES[language]]
    for name in wanted:
        if name in names:
            return source / name
    shown = [name for name in wanted if not name.endswith("/__init__.py")]
    raise PackageError(
        f"{source} has no file for the handler {handler!r} in {language}",
        hint=f"expected {' or '.join(shown)} there; {{language}} in `source` becomes the language of the runtime",
        problem=PackageProblem.NO_HANDLER,
        path=str(source),
    )


def _modules(handler: str, language: str) -> list[str]:
    """Return the handler's file without suffix. A dot separates folders in Python, and exported names in Node.js."""
    if language == "python":
        module = handler.rpartition(".")[0]
        return list(dict.fromkeys((module, module.replace(".", "/"))))
    folder, slash, name = handler.rpartition("/")
    return [f"{folder}{slash}{name.partition('.')[0]}"]


def check_function(file: Path, content: bytes, handler: str, language: str) -> None:
    """Check that the handler's file defines its function.

    Raises:
        PackageError: it does not parse, or does not define the function.
    """
    if language == "python":
        _check_python(file, content, handler.rpartition(".")[2])
    else:
        _check_javascript(file, content, handler.rpartition("/")[2].split(".")[1])


def syntax_error(file: str, content: bytes) -> str | None:
    """Return where and why a Python file does not parse, ``None`` if it does."""
    try:
        _parse(content)
    except SyntaxError as error:
        return f"{file}:{error.lineno or 1}: does not parse: {error.msg}"
    return None


def _check_python(file: Path, content: bytes, function: str) -> None:
    if problem := syntax_error(str(file), content):
        version = f"{sys.version_info.major}.{sys.version_info.minor}"
        raise PackageError(
            problem,
            problem=PackageProblem.SYNTAX,
            path=str(file),
            hint=f"correct it; if it is meant for a newer Python than the {version} that pipectl runs on, use that one",
        )
    defined = dict(_defined(_parse(content).body))
    if "*" in defined:
        return
    if function not in defined and "__getattr__" not in defined:
        functions = [name for name, node in defined.items() if isinstance(node, ast.FunctionDef)]
        raise PackageError(
            f"{file} does not define the function {function!r} of the handler",
            hint=f"correct `handler` in the config; the file defines {', '.join(functions[:10]) or 'no function'}",
            problem=PackageProblem.NO_FUNCTION,
            path=str(file),
        )
    if isinstance(defined.get(function), ast.AsyncFunctionDef):
        raise PackageError(
            f"{file}: the function {function!r} is async, and Lambda's Python runtime does not await it",
            hint="define it with `def`, and call asyncio.run in it",
            problem=PackageProblem.ASYNC_FUNCTION,
            path=str(file),
        )


@lru_cache(maxsize=8)  # a handler's file is parsed for its syntax, its function and the warnings
def _parse(content: bytes) -> ast.Module:
    """Parse a file; every failure is a SyntaxError."""
    try:
        with warnings.catch_warnings(action="ignore"):  # warnings of the code are for its author
            return ast.parse(content)
    except SyntaxError:
        raise
    except (ValueError, RecursionError, MemoryError) as error:
        raise SyntaxError(str(error) or "nested too deeply") from None


def _defined(body: list[ast.stmt]) -> Iterator[tuple[str, ast.AST]]:
    """Yield the names that statements define in their module; ``*`` for names that are unknown."""
    for node in body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield node.name, node
        elif isinstance(node, ast.Import | ast.ImportFrom):
            yield from ((alias.asname or alias.name.partition(".")[0], node) for alias in node.names)
        else:
            yield from _assigned(node)
            for field in ("body", "orelse", "finalbody", "handlers", "cases"):
                for inner in getattr(node, field, []):
                    yield from _defined([inner] if isinstance(inner, ast.stmt) else inner.body)


def _assigned(node: ast.stmt) -> Iterator[tuple[str, ast.AST]]:
    """Yield the names that a statement assigns, without those of the statements in it."""
    todo: list[ast.AST] = [node]
    while todo:
        each = todo.pop()
        if isinstance(each, ast.Name) and isinstance(each.ctx, ast.Store):
            yield each.id, each
        elif isinstance(each, ast.Call) and isinstance(each.func, ast.Name) and each.func.id in _DYNAMIC:
            yield "*", each
        todo += [inner for inner in ast.iter_child_nodes(each) if not isinstance(inner, ast.stmt)]


_COMMENTS = re.compile(r"/\*.*?\*/|^\s*//[^\n]*", re.DOTALL | re.MULTILINE)
_UNKNOWN_EXPORTS = re.compile(
    r"export\s*\*\s*from|module\s*\.\s*exports\s*=\s*(?!\s*\{)|__exportStar|Object\s*\.\s*assign\s*\(\s*(module\.)?exports"
    r"|\.\.\."
)


def _check_javascript(file: Path, content: bytes, function: str) -> None:
    text = _COMMENTS.sub(" ", content.decode("utf-8", errors="replace"))
    name = re.escape(function)
    exported = (
        rf"export\s+(default\s+)?(async\s+)?(function\s*\*?|const|let|var|class)\s+{name}(?![\w$])",
        rf"export\s*\{{[^}}]*(?<![\w$]){name}(?![\w$])",
        rf"export\s+(const|let|var)\s[^;]*(?<![\w$]){name}(?![\w$])",
        rf"exports\s*(\.\s*{name}(?![\w$])|\[\s*[\"'`]{name}[\"'`])",
        rf"defineProperty\s*\(\s*(module\.)?exports\s*,\s*[\"'`]{name}[\"'`]",
        rf"module\s*\.\s*exports\s*=\s*\{{.*(?<![\w$]){name}(?![\w$])",
        rf"__export\s*\(.*(?<![\w$]){name}(?![\w$])",
    )
    if _UNKNOWN_EXPORTS.search(text) or any(re.search(pattern, text, re.DOTALL) for pattern in exported):
        return
    raise PackageError(
        f"{file} does not export the function {function!r} of the handler",
        hint="correct `handler` in the config, or export the function",
        problem=PackageProblem.NO_FUNCTION,
        path=str(file),
    )
