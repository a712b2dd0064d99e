"""The terminal of the recordings: bytes of a program become lines of cells."""

from __future__ import annotations

import pytest
from tools.pictures.session import Chunk, Recording
from tools.pictures.terminal import Look, Run, Terminal, lines_of, text_of, views_of


def recording(*chunks: tuple[float, bytes], columns: int = 20, rows: int = 4) -> Recording:
    return Recording("pipectl status", columns, rows, tuple(Chunk(at, data) for at, data in chunks), chunks[-1][0])


def shown(data: bytes) -> list[str]:
    return [text_of(line) for line in lines_of(recording((0, data)))]


@pytest.mark.parametrize(
    ("codes", "look"),
    [
        ("1;38;5;28", Look("008700", bold=True)),
        ("1;38;5;231;48;5;124", Look("ffffff", "af0000", bold=True)),
        ("38;2;1;2;3", Look("010203")),
        ("38;5;2", Look("00cd00")),
        ("32", Look("green")),
        ("2", Look(dim=True)),
        ("1;2", Look(bold=True, dim=True)),
        ("2;22", Look()),
        ("31;7", Look("default", "red")),
        ("4", Look(underline=True)),
        ("5", Look()),
        ("1;0", Look()),
        ("", Look()),
    ],
)
def test_a_look_is_that_of_the_codes(codes: str, look: Look) -> None:
    assert lines_of(recording((0, f"\x1b[{codes}mok".encode()))) == ((Run(0, 2, "ok", look),),)


def test_a_run_has_its_place_and_no_spaces_around_it() -> None:
    (line,) = lines_of(recording((0, b"  a b\x1b[1m  c \x1b[0m ")))
    assert line == (Run(2, 3, "a b", Look()), Run(7, 1, "c", Look(bold=True)))
    assert text_of(line) == "  a b  c"


def test_a_background_keeps_its_spaces() -> None:
    (line,) = lines_of(recording((0, b"\x1b[48;5;28m ok \x1b[0m.")))
    assert line[0] == Run(0, 4, " ok ", Look(bg="008700"))


def test_a_wide_character_has_two_cells() -> None:
    (line,) = lines_of(recording((0, "注b".encode())))
    assert line == (Run(0, 3, "注b", Look()),)


def test_lines_that_scrolled_away_are_kept() -> None:
    assert shown(b"".join(b"%d\r\n" % number for number in range(9))) == [str(number) for number in range(9)]


def test_what_was_erased_is_gone() -> None:
    assert shown(b"waiting\r\nfor it\x1b[1A\r\x1b[Jdone") == ["done"]


@pytest.mark.parametrize("size", range(1, 8))
def test_a_chunk_can_end_anywhere(size: int) -> None:
    data = "\x1b[1;38;5;28m✓ stored\x1b[0m\r\n\x1b[2m1 s\x1b[0m".encode()
    terminal = Terminal(20, 4)
    for at in range(0, len(data), size):
        terminal.feed(data[at : at + size])
    assert terminal.lines() == lines_of(recording((0, data)))


def test_a_view_is_a_change_with_its_time() -> None:
    views = [*views_of(recording((0.1, b"a"), (0.2, b"\x1b[?25l"), (0.3, b"\r\n\r\n\r\n\r\nb")))]
    assert [(view.at, view.top, len(view.lines)) for view in views] == [(0.1, 0, 1), (0.3, 1, 5)]
