"""Check that the project's texts use plain words.

CONTRIBUTING.md has the rules. The check reads each line of code and documents, and the first words of each docstring.
It prints each finding and then exits 1. `--list` prints the words, with what to write instead.
"""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[1]
FOLDERS = ("src", "lambda_src", "docs", "config", "bench", "tests")
PAGES = ("README.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md")
SUFFIXES = {".py", ".mjs", ".md", ".yaml", ".yml", ".json", ".toml", ".ambr"}

# A pattern of the words to avoid, and the words to write instead.
WORDS = {
    r"strangers?|stranger's|nobody's|not ours|what is ours": "managed, not managed by pipectl",
    r"forget(s|ting)?|forgotten": "expires, is trimmed, is no longer in the stream",
    r"told|tells?": "reported, reports",
    r"made anew|remade": "recreated",
    r"for good": "retries exhausted, permanently",
    r"comes? to (its|their) end": "finishes",
    r"somebody else": "another process, another account",
    r"exclude each other": "use one of ...",
    r"an AWS (on this machine|of its own)|embedded AWS": "local emulator",
    r"stands twice": "duplicate",
    r"goes on where|is at work": "continues, resumes, is running",
    r"slow to agree": "eventually consistent",
    r"says so": "reports it",
    r"the house|the weather|the sky": "layout, fault injection",
}
OPENINGS = r"What|Whether|Of|The same|As|Those|Where|How|From|Up to|At most|Its|One|None"

_WORDS = {re.compile(rf"\b(?:{words})\b", re.IGNORECASE): instead for words, instead in WORDS.items()}
_ANY_WORD = re.compile(rf"\b(?:{'|'.join(WORDS)})\b", re.IGNORECASE)
_OPENING = re.compile(rf"(?:{OPENINGS})\b")
_JAVASCRIPT_COMMENT = re.compile(r"/\*\*\s*(?:\*\s*)?(?P<text>.*?)\*/", re.DOTALL)


class Finding(NamedTuple):
    """A place whose words are to be changed."""

    path: str
    line: int
    text: str
    advice: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.text!r}: {self.advice}"


def main(arguments: list[str]) -> int:
    """Print the findings, or with ``--list`` the words. Return the exit code."""
    if arguments == ["--list"]:
        for words, instead in WORDS.items():
            print(f"{words}: write: {instead}")
        print(f"first words that no docstring has: {OPENINGS}")
        return 0
    findings = [finding for path in files(ROOT) for finding in check(path, ROOT)]
    for finding in findings:
        print(finding)
    return 1 if findings else 0


def files(root: Path) -> Iterator[Path]:
    """Return the files to check, in order."""
    for folder in FOLDERS:
        yield from sorted(
            path
            for path in (root / folder).rglob("*")
            if path.suffix in SUFFIXES and path.is_file() and "__pycache__" not in path.parts
        )
    yield from (root / page for page in PAGES if (root / page).exists())


def check(path: Path, root: Path) -> Iterator[Finding]:
    """Return the findings of one file."""
    name = path.relative_to(root).as_posix()
    text = path.read_text(encoding="utf-8", errors="replace")
    for number, line in enumerate(text.splitlines(), 1):
        for pattern, instead in _WORDS.items() if _ANY_WORD.search(line) else ():
            for match in pattern.finditer(line):
                yield Finding(name, number, match[0], f"write: {instead}")
    for number, docstring in docstrings(path.suffix, text):
        if opening := _OPENING.match(docstring):
            yield Finding(name, number, opening[0], "begin a docstring with a verb or a noun phrase")


def docstrings(suffix: str, text: str) -> Iterator[tuple[int, str]]:
    """Return line and text of each docstring of a file in Python or JavaScript."""
    if suffix == ".py":
        for node in _statements(ast.parse(text)):
            if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
                yield getattr(node, "lineno", 1), ast.get_docstring(node) or ""
            yield from _constant_docstrings(node)
    if suffix == ".mjs":
        for match in _JAVASCRIPT_COMMENT.finditer(text):
            yield text.count("\n", 0, match.start()) + 1, match["text"]


def _statements(node: ast.AST) -> Iterator[ast.AST]:
    """Yield a node and the statements in it; without their expressions, which have no docstrings."""
    yield node
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.stmt | ast.excepthandler | ast.match_case):
            yield from _statements(child)


def _constant_docstrings(node: ast.AST) -> Iterator[tuple[int, str]]:
    """Return line and text of each docstring that follows an assignment in this node's body."""
    body = getattr(node, "body", None)
    for before, after in pairwise(body if isinstance(body, list) else []):
        if not isinstance(before, ast.Assign | ast.AnnAssign) or not isinstance(after, ast.Expr):
            continue
        if isinstance(after.value, ast.Constant) and isinstance(after.value.value, str):
            yield after.lineno, after.value.value.strip()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
