"""Tables: they fit the terminal, break no name, and wrap nothing in a file."""

from __future__ import annotations

import io

import pytest
from rich.cells import cell_len
from rich.console import Console

from pipectl.output.console import Line, Part, Screen
from pipectl.output.table import Column

COLUMNS = (Column("ID"), Column("WHEN"), Column("TRIES", right=True), Column("REASON", flexible=True))
LONG = "InvalidOrderError: the amount must be a number greater than zero, and it was " + "9" * 60
ROWS = (
    (("e767182", "bold"), "00:07:59", "8", LONG),
    ("0a1b2c3", "00:07:57", "12", (("FAILED", "red"), " no amount")),
    ("77aa88b", "00:07:51", "1", ""),
)


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def shown(rows: tuple[tuple[Part | Line, ...], ...], *, width: int | None = None, color: bool = False) -> list[str]:
    """Return the lines of a table on a terminal of that width, or in a file."""
    screen = Screen()
    screen.out = Console(
        file=Terminal() if width else io.StringIO(),
        force_terminal=bool(width),
        color_system="standard" if color else None,
        width=width,
        highlight=False,
        markup=False,
        soft_wrap=True,
    )
    screen.table(COLUMNS, rows)
    assert isinstance(screen.out.file, io.StringIO)
    return screen.out.file.getvalue().splitlines()


@pytest.mark.parametrize("width", [80, 160])
def test_a_table_fits_the_terminal_and_breaks_no_other_column(width: int) -> None:
    lines = shown(ROWS, width=width)
    assert max(map(len, lines)) <= width
    assert lines[0] == "ID       WHEN      TRIES  REASON"
    assert [line.split()[:3] for line in lines if line[:1].strip()][1:] == [
        ["e767182", "00:07:59", "8"],
        ["0a1b2c3", "00:07:57", "12"],
        ["77aa88b", "00:07:51", "1"],
    ]
    start = lines[0].index("REASON")
    assert all(not line[:start].strip() for line in lines if line[0] == " "), "wraps within its column"
    assert "".join("".join(line[start:].split()) for line in lines[1:-2]) == "".join(LONG.split())


def test_a_table_is_not_limited_without_a_terminal() -> None:
    lines = shown(ROWS)
    assert len(lines) == 1 + len(ROWS)
    assert lines[1] == f"e767182  00:07:59      8  {LONG}"
    assert lines[2] == "0a1b2c3  00:07:57     12  FAILED no amount"
    assert [len(line.split()) for line in lines[2:]] == [6, 4]
    assert lines[3].split()[-1] == "-", "an empty cell counts as a column"


def test_a_flexible_column_goes_below_its_row_where_the_others_leave_no_room() -> None:
    lines = shown((("e767182", "w" * 40, "8", LONG),), width=70)
    assert lines[:3] == [f"ID       WHEN{' ' * 36}  TRIES", "    REASON", f"e767182  {'w' * 40}      8"]
    assert all(line.startswith("    ") and len(line) <= 70 for line in lines[3:])
    assert "".join("".join(line.split()) for line in lines[3:]) == "".join(LONG.split())


def test_a_text_from_elsewhere_neither_breaks_the_table_nor_moves_the_cursor() -> None:
    lines = shown((("\x1b[2J\n", "a\tb", "\u202e1", "https://ada:s3cret@aws.test [bold]\r"),), width=80)
    assert lines[1] == r"\x1b[2J\n  a\tb  \u202e1  https://***@aws.test [bold]\r"


@pytest.mark.parametrize("width", [None, 80])
def test_wide_and_combining_characters_keep_the_columns_aligned(width: int | None) -> None:
    lines = shown((("注文", "e\u0301t\u00e9", "1", "数" * 70), ("abc", "def", "2", "x")), width=width)
    starts = {cell_len(lines[0][: lines[0].index("REASON")]), cell_len(lines[-1][: lines[-1].index("x")])}
    first = lines[1]
    starts.add(cell_len(first[: first.index("数")]))
    assert len(starts) == 1
    assert width is None or max(map(cell_len, lines)) <= width


def test_a_colour_stays_on_its_words() -> None:
    lines = shown((("id", "now", "1", (("FAILED", "red"), " no amount")),), width=80, color=True)
    assert lines[1] == "id  now       1  \x1b[31mFAILED\x1b[0m no amount"


def test_several_flexible_columns_share_the_width() -> None:
    screen = Screen()
    screen.out = Console(file=Terminal(), force_terminal=True, color_system=None, width=80, soft_wrap=True)
    columns = (Column("CAUSE", flexible=True), Column("COUNT", right=True), Column("ORDERS", flexible=True))
    screen.table(columns, ((LONG, "30", "o-000, o-002, ... +28"),))
    assert isinstance(screen.out.file, io.StringIO)
    lines = screen.out.file.getvalue().splitlines()
    assert max(map(len, lines)) <= 80
    assert lines[1].endswith("30  o-000, o-002, ... +28")


def test_a_table_without_rows_is_its_header() -> None:
    assert shown((), width=80) == ["ID  WHEN  TRIES  REASON"]


def test_a_text_with_a_name_that_its_column_would_break_goes_below_its_row() -> None:
    name = "dev-order-processor-role-backend"
    wide = ("e767182", "10:05:57", "4", f"denied to {name}"), ("ab255fb", "10:05:58", "4", "short")
    assert [line.strip() for line in shown(wide, width=52)] == [
        "ID       WHEN      TRIES",
        "REASON",
        "e767182  10:05:57      4",
        f"denied to {name}",
        "ab255fb  10:05:58      4",
        "short",
    ]
    assert shown(wide, width=70)[1].endswith(f"4  denied to {name}")
    assert name not in "".join(shown((("a", "b", "c", "x" * 41),), width=40))
