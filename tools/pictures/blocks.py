"""Boxes with text that fits: lines are wrapped for wide fonts, and boxes grow with them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pipectl.output.svg import Tone, box, label, sign, text_width

PADDING = 12
TITLE = 15
TEXT = 14
CODE = 12.5
LEADING = 1.4
"""Distance of two lines, relative to the size of the text."""


@dataclass(frozen=True)
class Text:
    """A paragraph: its words, how they look, and whether they are code, which is not wrapped."""

    words: str
    size: float = TEXT
    tone: str = Tone.PLAIN
    bold: bool = False
    mono: bool = False

    def lines(self, width: float) -> list[str]:
        """Return the lines of the paragraph.

        Raises:
            ValueError: a word is wider than the room for it.
        """
        lines = [""]
        for word in [self.words] if self.mono else self.words.split():
            longer = f"{lines[-1]} {word}".strip()
            if self._width(longer) <= width:
                lines[-1] = longer
            elif self._width(word) <= width:
                lines.append(word)
            else:
                raise ValueError(f"{word!r} is wider than {width:.0f} pixels")
        return [line for line in lines if line]

    def height(self, width: float) -> float:
        return len(self.lines(width)) * self.size * LEADING

    def _width(self, text: str) -> float:
        return text_width(text, self.size, mono=self.mono, bold=self.bold)


def title(words: str, tone: str = Tone.PLAIN) -> Text:
    return Text(words, TITLE, tone, bold=True)


def code(words: str, size: float = CODE, tone: str = Tone.PLAIN) -> Text:
    return Text(words, size, tone, mono=True)


def quiet(words: str) -> Text:
    return Text(words, 13, Tone.MUTED)


@dataclass(frozen=True)
class Card:
    """A box at a place, as high as its texts need, or higher.

    Attributes:
        x: The left edge.
        y: The upper edge.
        width: The width.
        texts: Its paragraphs.
        tone: The colour.
        anchor: The alignment of the texts: ``start``, ``middle`` or ``end``.
        dashed: The frame is dashed.
        least: The least height.
        framed: It has a frame and a background.
        signed: It has the sign of its tone in the upper right corner.
        top: The texts begin at the top, also when there is more room.
    """

    x: float
    y: float
    width: float
    texts: Sequence[Text]
    tone: Tone = Tone.PLAIN
    anchor: str = "start"
    dashed: bool = False
    least: float = 0
    framed: bool = True
    signed: bool = False
    top: bool = False

    @property
    def height(self) -> float:
        return max(self.least, 2 * PADDING + sum(text.height(self._room) for text in self.texts))

    @property
    def bottom(self) -> float:
        return self.y + self.height

    @property
    def right(self) -> float:
        return self.x + self.width

    @property
    def middle(self) -> tuple[float, float]:
        return self.x + self.width / 2, self.y + self.height / 2

    def drawn(self) -> list[str]:
        """Return the elements."""
        frame = box(self.x, self.y, self.width, self.height, tone=self.tone, dashed=self.dashed)
        elements = [frame] if self.framed else []
        if self.signed:
            elements.append(sign(self.right - 16, self.y + 17, self.tone))
        return [*elements, *self._labels()]

    @property
    def _room(self) -> float:
        return self.width - 2 * PADDING - (14 if self.signed else 0)

    def _labels(self) -> list[str]:
        x = {"start": self.x + PADDING, "middle": self.middle[0], "end": self.right - PADDING}[self.anchor]
        inside = sum(text.height(self._room) for text in self.texts)
        y, labels = self.y + (PADDING if self.top else (self.height - inside) / 2), list[str]()
        for text in self.texts:
            for words in text.lines(self._room):
                baseline = y + text.size * (LEADING + 0.72) / 2
                labels.append(
                    label(
                        x,
                        baseline,
                        words,
                        tone=text.tone,
                        size=text.size,
                        anchor=self.anchor,
                        bold=text.bold,
                        mono=text.mono,
                    )
                )
                y += text.size * LEADING
        return labels


def note(x: float, y: float, width: float, *texts: Text, anchor: str = "start") -> Card:
    """Return text without a frame."""
    return Card(x, y, width, texts, anchor=anchor, framed=False)


def one_line(x: float, y: float, width: float, text: Text) -> str:
    """Return a line of text whose baseline is ``y``.

    Raises:
        ValueError: the line does not fit.
    """
    if len(text.lines(width)) > 1:
        raise ValueError(f"{text.words!r} is wider than {width:.0f} pixels")
    return label(x, y, text.words, tone=text.tone, size=text.size, bold=text.bold, mono=text.mono)
