"""Drawing primitives: escaping, contrast, geometry."""

from __future__ import annotations

import re
from itertools import product
from xml.etree import ElementTree

import pytest
from tools.pictures.colours import Colour, contrast

from pipectl.output.svg import DARK, LIGHT, PAGE, Theme, Tone, arrow, box, css, document, label, line, sign, variables

COLOURS = {theme.name: {name: Colour.of(text) for name, text in theme.colours.items()} for theme in (LIGHT, DARK)}
HOSTILE = "<script>alert(1)</script> & \"quoted\" 'too'"


@pytest.mark.parametrize("theme", [LIGHT, DARK], ids=lambda theme: theme.name)
def test_every_text_has_enough_contrast_with_everything_behind_it(theme: Theme) -> None:
    behind = [name for name in theme.colours if name in ("background", "surface")]
    tones = [tone for tone in Tone if f"{tone}-surface" in theme.colours]
    pairs = [*product(["text", "muted", "accent", *tones], behind)]
    pairs += [(text, f"{tone}-surface") for tone in tones for text in ("text", "muted", tone)]

    low = {pair: contrast(*(COLOURS[theme.name][name] for name in pair)) for pair in pairs}

    assert {pair: found for pair, found in low.items() if found < 4.5} == {}


@pytest.mark.parametrize("theme", [LIGHT, DARK], ids=lambda theme: theme.name)
def test_lines_can_be_seen(theme: Theme) -> None:
    assert contrast(COLOURS[theme.name]["line"], COLOURS[theme.name]["background"]) >= 3


def test_the_themes_have_the_same_colours() -> None:
    assert set(LIGHT.colours) == set(DARK.colours) == set(PAGE.colours)


def test_a_page_has_the_variables_that_its_rules_use() -> None:
    used = set(re.findall(r"var\(--([a-z-]+)\)", css(PAGE)))

    assert used
    assert used <= set(re.findall(r"--([a-z-]+):", variables(DARK)))


def test_texts_are_escaped() -> None:
    drawn = document(10, 10, [label(1, 2, HOSTILE)], theme=LIGHT, title=HOSTILE, description=HOSTILE, name="x")

    root = ElementTree.fromstring(drawn)

    assert [root.findtext("{*}title"), root.findtext("{*}desc"), root.findtext("{*}text")] == [HOSTILE] * 3
    assert "<script>" not in drawn


def test_characters_that_xml_does_not_allow_are_shown_as_escapes() -> None:
    drawn = document(
        9, 9, [label(1, 2, "a\0b\x1b\ud800\ufffe\u202e")], theme=LIGHT, title="t", description="d", name="x"
    )

    assert ElementTree.fromstring(drawn).findtext("{*}text") == r"a\x00b\x1b\ud800\ufffe\u202e"


def test_a_picture_in_a_page_has_no_styles_of_its_own() -> None:
    body = [box(0, 0, 10, 10, tone=Tone.BAD, dashed=True), arrow([(0, 0), (50, 0), (50, 50)]), sign(5, 5, Tone.GOOD)]

    drawn = document(10, 10, body, theme=PAGE, title="t", description="d", name="x")

    assert "style" not in drawn


def test_a_corner_is_round_and_a_short_one_less() -> None:
    assert 'd="M0 0L42 0Q50 0 50 8L50 50"' in line([(0, 0), (50, 0), (50, 50)])
    assert 'd="M0 0L48 0Q50 0 50 2L50 4"' in line([(0, 0), (50, 0), (50, 4)])


def test_the_tip_of_an_arrow_ends_at_its_last_point() -> None:
    assert 'points="50,0 41,4.5 41,-4.5"' in arrow([(0, 0), (50, 0)])
    assert 'd="M0 0L41 0"' in arrow([(0, 0), (50, 0)])


def test_each_tone_of_health_has_a_sign() -> None:
    signs = {tone: sign(0, 0, tone) for tone in (Tone.GOOD, Tone.ATTENTION, Tone.BAD, Tone.UNKNOWN)}

    assert len(set(signs.values())) == 4
    assert all(signs.values())
    assert sign(0, 0, Tone.PLAIN) == ""
