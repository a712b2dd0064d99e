"""Outputs in the documents: the block of text after each line ``<!-- screen: NAME -->``."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from tools.pictures.session import Recording
from tools.pictures.terminal import lines_of, text_of

CUTS: Mapping[str, tuple[int, int]] = {
    "demo": (4, 10),
    "init": (12, 5),
    "up": (7, 5),
    "send": (6, 8),
    "down": (5, 3),
    "outputs": (12, 0),
    "plan-adopt": (20, 3),
    "plan-refused": (6, 6),
    "plan-rename": (0, 9),
}
"""The numbers of lines at the beginning and at the end of a long output. ``...`` stands for the others."""

LONG = 40
"""Characters of a name or an address that a terminal can have broken; pipectl itself breaks lines between words."""

MARKER = re.compile(r"^<!-- screen: (?P<name>.*?) -->\n(?P<block>```text\n.*?^```$)?", re.MULTILINE | re.DOTALL)


def pages(root: Path) -> Iterator[Path]:
    """Yield the documents that can have outputs."""
    yield from sorted([root / "README.md", *(root / "docs").rglob("*.md")])


def block(name: str, recording: Recording) -> str:
    """Return the block of a command: the line as typed, and what it left on the terminal."""
    lines = _unbroken([text_of(line) for line in lines_of(recording)], recording.columns)
    head, tail = CUTS.get(name, (len(lines), 0))
    if head + tail < len(lines):
        lines = [*lines[:head], "...", *lines[len(lines) - tail :]]
    return "\n".join(["```text", f"$ {recording.line}", *lines, "```"])


def _unbroken(lines: list[str], columns: int) -> list[str]:
    """Return the lines with each name or address whole that is longer than a line of the terminal."""
    whole: list[str] = []
    full = False
    for line in lines:
        if full:
            whole[-1] += line
        else:
            whole.append(line)
        full = len(line) == columns and len(whole[-1].split(" ")[-1]) > LONG
    return whole


def rewritten(page: str, blocks: Mapping[str, str]) -> str:
    """Return a document with new blocks. Markers of other names keep theirs."""

    def marked(found: re.Match[str]) -> str:
        name = found["name"]
        return f"<!-- screen: {name} -->\n{blocks[name]}" if name in blocks and found["block"] else found[0]

    return MARKER.sub(marked, page)
