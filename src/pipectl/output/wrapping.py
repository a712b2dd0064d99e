"""Long lines on a terminal: they wrap between words, beside their text. Without a terminal nothing wraps.

A word is never broken, nor a command in backticks: paths, ids, ARNs and commands can be copied whole.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from rich.cells import cell_len
from rich.text import Text

_LEAST = 20
_MARGIN = re.compile(r"\s*(?:(?:!!|[!?+~✗✓±>-]) )?")
"""The blanks and the mark before the text of a line."""
_WORD = re.compile(r"(?:`[^`\n]{1,200}`\S*|\S+)\s*|\s+")
"""A word, or a whole command."""


def wrapped(text: Text, width: int | None) -> Iterator[Text]:
    """Yield the lines of a text; further ones begin below its first word."""
    if width is None or text.cell_len <= width:
        yield text
        return
    margin = _MARGIN.match(text.plain)
    end = margin.end() if margin else 0
    yield from hanging(text[:end], text[end:], width)


def hanging(prefix: Text, body: Text, width: int | None) -> Iterator[Text]:
    """Yield the lines of a prefix and a body, which wraps beside the prefix."""
    first, indent = prefix.copy(), prefix.cell_len
    room = max((width or 0) - indent, _LEAST)
    for line in body.divide([] if width is None else _breaks(body.plain, room)):
        line.rstrip()
        yield first.append_text(line)
        first = Text(" " * indent)


def _breaks(text: str, room: int) -> Iterator[int]:
    """Yield the places at which lines begin."""
    used = 0
    for found in _WORD.finditer(text):
        if used and used + cell_len(found[0].rstrip()) > room:
            yield found.start()
            used = 0
        used += cell_len(found[0])
