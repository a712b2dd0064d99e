"""The pictures of terminals, from bytes made here: still and moving."""

from __future__ import annotations

import re
from itertools import product
from xml.etree import ElementTree

import pytest
from tools.pictures.animation import HOLD, LONGEST_PAUSE, PLAYED, SLOWEST, animation
from tools.pictures.colours import CONTRAST, Colour, contrast, readable
from tools.pictures.screens import CELL, colours_of, screen
from tools.pictures.session import Chunk, Recording
from tools.pictures.terminal import Look

from pipectl.output import looks
from pipectl.output.svg import DARK, LIGHT, Theme

THEMES = (LIGHT, DARK)
SHADES = ("00", "5f", "87", "af", "d7", "ff")
STYLES = sorted({value for value in vars(looks).values() if isinstance(value, str) and "color(" in value})


def recording(*chunks: tuple[float, bytes], line: str = "pipectl status") -> Recording:
    return Recording(line, 40, 5, tuple(Chunk(at, data) for at, data in chunks), chunks[-1][0])


def elements(drawn: str, tag: str) -> list[ElementTree.Element]:
    return [*ElementTree.fromstring(drawn).iter(f"{{http://www.w3.org/2000/svg}}{tag}")]


@pytest.mark.parametrize("theme", THEMES, ids=lambda theme: theme.name)
@pytest.mark.parametrize("bg", ["default", "008700", "870087", "ffaf00", "af0000"])
def test_every_colour_can_be_read(bg: str, theme: Theme) -> None:
    colours = ["default", "red", "brown", "brightcyan", *map("".join, product(SHADES, repeat=3))]
    for fg, dim in product(colours, (False, True)):
        fore, back = colours_of(Look(fg, bg, dim=dim), theme)
        assert contrast(fore, back) >= CONTRAST, (fg, dim)


def test_the_contrast_is_that_of_the_guidelines() -> None:
    black, white, grey = (Colour.of(text) for text in ("#000000", "#ffffff", "#767676"))
    assert round(contrast(black, white), 1) == 21
    assert round(contrast(grey, white), 2) == 4.54
    assert readable(grey, white) == grey


def test_texts_are_on_a_grid_and_can_be_selected() -> None:
    drawn = screen("name", [recording((0, b"a \x1b[1mbold\x1b[0m\r\nend"))], LIGHT)
    texts = {each.text: each.attrib for each in elements(drawn, "text")}
    assert {"$", "pipectl status", "a", "bold", "end"} <= texts.keys()
    assert float(texts["bold"]["x"]) - float(texts["a"]["x"]) == 2 * CELL
    assert float(texts["bold"]["textLength"]) == 4 * CELL
    assert texts["bold"]["class"] == "b"
    assert float(texts["a"]["y"]) == float(texts["bold"]["y"]) < float(texts["end"]["y"])


def test_a_picture_has_its_command_as_title_and_its_text_as_description() -> None:
    drawn = screen("name", [recording((0, b"one\r\ntwo")), recording((0, b"three"), line="pipectl list")], DARK)
    root = ElementTree.fromstring(drawn)
    assert root.findtext("{*}title") == "pipectl status, then pipectl list"
    assert root.findtext("{*}desc") == "$ pipectl status\none\ntwo\n\n$ pipectl list\nthree"


@pytest.mark.parametrize("draw", [lambda each, theme: screen("x", [each], theme), lambda *all_: animation("x", *all_)])
def test_hostile_text_is_text(draw: type) -> None:
    hostile = b"</text><script>alert(1)</script>&amp;\"'\x1b]8;;http://x\x07link\x1b]8;;\x07"
    drawn = draw(recording((0, b"\x1b[48;5;28m" + hostile), (1, b"\r\n]]>")), LIGHT)
    root = ElementTree.fromstring(drawn)
    assert {element.tag.rpartition("}")[2] for element in root.iter()} == {
        *("svg", "title", "desc", "style", "rect", "circle", "text", "g")
    }
    assert "<script>" in "".join(root.itertext())


def times(drawn: str) -> tuple[float, dict[str, str]]:
    """Return the seconds of a round, and the keyframes by name."""
    (seconds,) = re.findall(r"\.l\{animation:([\d.]+)s step-end infinite\}", drawn)
    return float(seconds), dict(re.findall(r"@keyframes (\w+)\{((?:[^{}]*\{[^{}]*\})*)\}", drawn))


def test_a_round_has_the_run_without_long_pauses_and_then_the_last_view() -> None:
    drawn = animation("x", recording((0.1, b"a"), (60, b"b"), (60.1, b"c")), LIGHT)
    seconds, _ = times(drawn)
    assert seconds == pytest.approx((0.1 + 0.1) * SLOWEST + LONGEST_PAUSE + HOLD)
    assert f"60 s, shown {SLOWEST} times slower, pauses cut" in drawn


def test_a_long_run_is_not_slower_than_it_has_to_be() -> None:
    drawn = animation("x", recording(*((number / 2, b"%d " % number) for number in range(1, 35))), LIGHT)
    assert times(drawn)[0] == pytest.approx(PLAYED + 2 + HOLD)
    assert "17 s, shown 1 times slower" in drawn


def test_a_line_is_drawn_once_and_shown_while_it_was_on_the_terminal() -> None:
    drawn = animation("x", recording((0.1, b"kept\r\nold"), (0.2, b"\r\x1b[Knew"), (0.3, b"\r\nend")), LIGHT)
    groups = {each[0].text: each.attrib["class"] for each in elements(drawn, "g") if each.get("class", "l ") != "l "}
    seconds, frames = times(drawn)
    assert [text for text in groups if groups[text].endswith(" h")] == ["old"]
    assert drawn.count(">kept</text>") == drawn.count(">old</text>") == 1
    (name,) = re.findall(r"k\d+", groups["old"])
    shares = [float(share) * seconds / 100 for share in re.findall(r"([\d.]+)%", frames[name])]
    assert shares == pytest.approx([0, 0.1 * SLOWEST, 0.2 * SLOWEST], abs=0.02)


def test_lines_scroll_and_leave_the_window_at_the_top() -> None:
    drawn = animation("x", recording((1, b"1\r\n2\r\n3\r\n4\r\n5"), (2, b"\r\n6"), (3, b"\r\n7")), LIGHT)
    _, frames = times(drawn)
    assert len(re.findall("translateY", frames["scroll"])) == 3
    hidden = [each[0].text for each in elements(drawn, "g") if each.get("class", "").endswith(" h")]
    assert hidden == ["$", "1"]


def test_people_who_want_less_motion_see_the_last_view() -> None:
    drawn = animation("x", recording((1, b"old"), (2, b"\r\x1b[Knew")), LIGHT)
    assert "@media (prefers-reduced-motion:reduce){.l{animation:none}}" in drawn
    assert ".h{visibility:hidden}" in drawn
