"""Long lines on a terminal: they wrap between words, beside their text. Without a terminal nothing wraps.

A word is not broken, nor a command in backticks: paths, ids, ARNs and commands can be copied whole. The lines of a plan
are to be read, so there a word that is longer than the line continues below itself.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from rich.cells import cell_len
from rich.text import Text

_LEAST = 20
_JOINTS = "/:,=.-"
"""Characters after which a long word can be broken."""
_MARGIN = re.compile(r"\s*(?:(?:!!|[!?+~=✗✓±>-]) )?")
"""The blanks and the mark before the text of a line."""
_WORD = re.compile(r"(?:`[^`\n]{1,200}`\S*|\S+)\s*|\s+")
"""A word, or a whole command."""


def wrapped(text: Text, width: int | None, *, broken: bool = False) -> Iterator[Text]:
    """Yield the lines of a text; further ones begin below its first word. Break long words if ``broken``."""
    if width is None or text.cell_len <= width:
        yield text
        return
    margin = _MARGIN.match(text.plain)
    end = margin.end() if margin else 0
    yield from hanging(text[:end], text[end:], width, broken=broken)


def hanging(prefix: Text, body: Text, width: int | None, *, broken: bool = False) -> Iterator[Text]:
    """Yield the lines of a prefix and a body, which wraps beside the prefix. Break long words if ``broken``."""
    first, indent = prefix.copy(), prefix.cell_len
    room = max((width or 0) - indent, _LEAST)
    for line in body.divide([] if width is None else _breaks(body.plain, room, broken=broken)):
        line.rstrip()
        yield first.append_text(line)
        first = Text(" " * indent)


def _breaks(text: str, room: int, *, broken: bool) -> Iterator[int]:
    """Yield the places at which lines begin."""
    used = 0
    for found in _WORD.finditer(text):
        if used and used + cell_len(found[0].rstrip()) > room:
            yield found.start()
            used = 0
        start, end = found.span()
        while broken and not found[0].startswith("`") and cell_len(text[start:end].rstrip()) > room:
            start = _place(text, start, room)
            yield start
        used += cell_len(text[start:end])


def _place(text: str, start: int, room: int) -> int:
    """Return where the next line of a long word begins: after its last joint in the line, if it has one."""
    end = start + 1
    while cell_len(text[start : end + 1]) <= room:
        end += 1
    joints = [at + 1 for at in range(start, end) if text[at] in _JOINTS]
    return joints[-1] if joints and joints[-1] > start + room // 2 else end
