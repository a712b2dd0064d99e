"""MiniStack's internals are used from one module, and few of them."""

from __future__ import annotations

import ast
from pathlib import Path

import pipectl.local

FOLDER = Path(pipectl.local.__file__).parent
LIMIT = 25


def imports_of_ministack(tree: ast.AST) -> set[str]:
    """Return the local names of everything that a module imports from MiniStack."""
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "ministack":
            found |= {alias.asname or alias.name for alias in node.names}
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names if alias.name.split(".")[0] == "ministack"}
    return found


def attributes_of(tree: ast.AST, modules: set[str]) -> set[str]:
    """Return each attribute of MiniStack's modules and objects that is used, at any depth."""
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute):
            root: ast.expr = node
            while isinstance(root, ast.Attribute):
                root = root.value
            private = node.attr.startswith("_") and not node.attr.startswith("__")
            if private or (isinstance(root, ast.Name) and root.id in modules):
                found.add(node.attr)
    return found


def test_only_one_module_imports_ministack() -> None:
    users = {path.name for path in FOLDER.glob("*.py") if imports_of_ministack(ast.parse(path.read_text()))}
    assert users == {"ministack.py"}


def test_few_names_are_used_and_each_is_explained() -> None:
    source = (FOLDER / "ministack.py").read_text()
    tree = ast.parse(source)
    names = attributes_of(tree, imports_of_ministack(tree))
    assert 0 < len(names) < LIMIT
    explanation = ast.get_docstring(tree) or ""
    assert [name for name in names if name not in explanation] == []
