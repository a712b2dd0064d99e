"""Tables with a header, as wide as the terminal.

Only a flexible column shrinks: its cells wrap within the column. Names, ids and times stay whole, so that they can be
copied. Where the other columns leave too little, also for a name in a text, the flexible cells follow below their row.
Without a terminal nothing wraps, so that `grep` and `awk` find whole rows; an empty cell is a dash, so that columns can
be counted.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rich.cells import cell_len
from rich.console import Console
from rich.text import Text

_GAP = 2
_LEAST = 20
"""Characters of a flexible column; with less the text is hard to read, and goes below its row."""
_LONGEST_NAME = 40
"""Characters of a word that is kept whole where there is room for it below its row; longer ones are broken."""
_EMPTY = "-"


@dataclass(frozen=True)
class Column:
    """A column of a table.

    Args:
        header: The title, in capitals.
        flexible: The column takes the width that is left, and its cells wrap. Others keep their width.
        right: The cells are aligned on the right.
    """

    header: str
    flexible: bool = False
    right: bool = False


def table_lines(
    console: Console, columns: Sequence[Column], rows: Sequence[Sequence[Text]], width: int | None
) -> Iterator[Text]:
    """Yield the lines of a table.

    Args:
        console: Knows how wide a text is on the terminal.
        columns: The columns.
        rows: The cells of each row, one for each column.
        width: Width of the terminal, ``None`` without one.
    """
    cells = [[cell if cell.plain else Text(_EMPTY) for cell in row] for row in rows]
    header = [Text(column.header, "bold") for column in columns]
    natural = [max(row[at].cell_len for row in (header, *cells)) for at in range(len(columns))]
    widths = natural if width is None else _shrunk(columns, natural, width)
    words = [max(map(_longest_word, cells_of), default=0) for cells_of in zip(*cells, strict=True)] or [0] * len(
        columns
    )
    least = [min(max(_LEAST, words[at] if at else 0), natural[at]) for at in range(len(columns))]
    below = [at for at, column in enumerate(columns) if column.flexible and widths[at] < least[at]]
    beside = [at for at in range(len(columns)) if at not in below]
    for row in (header, *cells):
        yield from _row(console, columns, widths, [(at, row[at]) for at in beside])
        for at in below:
            for line in row[at].wrap(console, max((width or 0) - 2 * _GAP, _LEAST)):
                yield Text(" " * 2 * _GAP).append_text(line)


def _shrunk(columns: Sequence[Column], natural: Sequence[int], room: int) -> list[int]:
    """Return the width of each column. Flexible columns share what the others leave, the narrow ones first."""
    widths = list(natural)
    flexible = sorted((at for at, column in enumerate(columns) if column.flexible), key=lambda at: natural[at])
    fixed = sum(width for at, width in enumerate(natural) if at not in flexible)
    left = room - fixed - _GAP * (len(columns) - 1)
    for done, at in enumerate(flexible):
        widths[at] = max(0, min(natural[at], left // (len(flexible) - done)))
        left -= widths[at]
    return widths


def _longest_word(cell: Text) -> int:
    return max((length for word in cell.plain.split() if (length := cell_len(word)) <= _LONGEST_NAME), default=0)


def _row(
    console: Console, columns: Sequence[Column], widths: Sequence[int], cells: Sequence[tuple[int, Text]]
) -> Iterator[Text]:
    """Yield the lines of a row: as many as its longest wrapped cell has."""
    wrapped = [list(cell.wrap(console, max(widths[at], 1))) if columns[at].flexible else [cell] for at, cell in cells]
    for number in range(max(map(len, wrapped), default=0)):
        line = Text()
        for (at, _), lines in zip(cells, wrapped, strict=True):
            text = lines[number].copy() if number < len(lines) else Text()
            text.rstrip()
            line.append_text(_aligned(text, widths[at], right=columns[at].right)).append(" " * _GAP)
        line.rstrip()
        yield line


def _aligned(text: Text, width: int, *, right: bool) -> Text:
    padding = " " * max(width - text.cell_len, 0)
    return Text(padding).append_text(text) if right else text.append(padding)
