"""The picture of the pipeline as SVG: names of any length stay inside it, and are complete where they fit."""

from __future__ import annotations

from collections.abc import Callable
from xml.etree import ElementTree

import pytest

from pipectl.output.diagram_svg import narrow, wide
from pipectl.output.svg import LIGHT, PAGE, Theme, text_width
from pipectl.output.svg_text import fitted, wrapped
from tests.output.diagrams import drawn

LAYOUTS: list[Callable[..., str]] = [wide, narrow]
LONG = ["dev", "staging-europe-west", "x" * 32]


@pytest.mark.parametrize("draw", LAYOUTS)
@pytest.mark.parametrize("environment", LONG)
def test_texts_stay_inside_the_picture(environment: str, draw: Callable[..., str]) -> None:
    picture = drawn(environment=environment, team="order-fulfilment-platform")
    root = ElementTree.fromstring(draw(picture, LIGHT))
    width, height = float(root.get("width") or 0), float(root.get("height") or 0)

    for element in root.iterfind("{*}text"):
        text, size = element.text or "", float(element.get("font-size") or 0)
        x, y = float(element.get("x") or 0), float(element.get("y") or 0)
        assert size >= 8
        assert 0 < y < height
        if not element.get("text-anchor"):
            mono = "mono" in (element.get("class") or "")
            assert x + text_width(text, size, mono=mono) <= width, text


@pytest.mark.parametrize("draw", LAYOUTS)
@pytest.mark.parametrize("theme", [LIGHT, PAGE], ids=lambda theme: theme.name)
def test_a_picture_is_well_formed_and_described(theme: Theme, draw: Callable[..., str]) -> None:
    picture = drawn(**{"orders-table": {"partition_key": '"><script>&\x00'}})
    root = ElementTree.fromstring(draw(picture, theme))

    assert root.findtext("{*}desc") == picture.description()
    assert root.find(".//{*}script") is None


def test_a_text_is_broken_after_hyphens_and_nothing_is_lost() -> None:
    name = "staging-europe-west-order-processor-lambda-order-fulfilment"
    lines = wrapped(name, 150, 11, mono=True)

    assert "".join(lines) == name
    assert len(lines) > 1
    assert all(line.endswith("-") for line in lines[:-1])


def test_a_text_that_does_not_fit_is_smaller_then_shortened_in_the_middle() -> None:
    smaller, size = fitted("dev-order-processor-dlq", 140, 11, most=1, mono=True)
    assert (smaller, size < 11) == (["dev-order-processor-dlq"], True)

    (shortened,), size = fitted("a" * 100 + "z", 140, 11, most=1, mono=True)
    assert "…" in shortened
    assert (shortened[0], shortened[-1], size) == ("a", "z", 8)


def test_both_layouts_have_the_same_arrows() -> None:
    tips = [draw(drawn(), LIGHT).count('class="tip') for draw in LAYOUTS]
    assert tips == [12, 12]
