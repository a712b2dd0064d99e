"""A node of the picture as a card: sign, service, title, name, notes, folders, health. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from pipectl.output.diagram import Look, Node
from pipectl.output.svg import Tone, box, label, line, number, sign, text_width
from pipectl.output.svg_text import fitted

_PAD = 10
_STEP = 14
_TITLE_LEFT = 34

_SIGNS = {
    Look.CLIENT: "M9 3a3.5 3.5 0 1 0 0.1 0zM2.5 17.5c0-4.5 3-6.5 6.5-6.5s6.5 2 6.5 6.5z",
    Look.TABLE: "M1.5 2.5h15v13h-15zM1.5 7h15M1.5 11.2h15M6.5 2.5v13",
    Look.MAPPING: "M1.5 4h5l5 10h5M13.5 11l3 3l-3 3M1.5 14h5l1.6-3.2M9.9 7.2L11.5 4h5M13.5 1l3 3l-3 3",
    Look.FUNCTION: "M6 2.5c-3 0-2 3-2.2 4.5C3.6 8.3 2.8 9 1.8 9c1 0 1.8 0.7 2 2c0.2 1.5-0.8 4.5 2.2 4.5"
    "M12 2.5c3 0 2 3 2.2 4.5c0.2 1.3 1 2 2 2c-1 0-1.8 0.7-2 2c-0.2 1.5 0.8 4.5-2.2 4.5",
    Look.BUCKET: "M2 4a7 2.5 0 1 0 14 0a7 2.5 0 1 0-14 0l2 11.5c1.5 1.7 8.5 1.7 10 0l2-11.5",
    Look.QUEUE: "M1.5 4.5h15v9h-15zM5.2 4.5v9M9 4.5v9M12.8 4.5v9",
    Look.ALARM: "M3 13.5c1.6-1.6 1.6-3 1.6-5a4.4 4.4 0 0 1 8.8 0c0 2 0 3.4 1.6 5zM7.4 16a1.8 1.8 0 0 0 3.2 0M9 4v-2",
    Look.REPLAY: "M3.2 11a6 6 0 1 0 0.6-4.6M3 2.5v4.3h4.3",
}
"""Signs of 18 by 18 pixels, drawn with lines."""


@dataclass(frozen=True)
class Folder:
    """A folder of the bucket, and a word about it."""

    name: str
    note: str = ""


def icon(look: Look, x: float, y: float, tone: Tone = Tone.ACCENT) -> str:
    """Return the sign of a node, 18 pixels wide, with its upper left corner at a point."""
    place = f'transform="translate({number(x)} {number(y)})" stroke-width="1.5"'
    return f'<path class="line {tone}" {place} d="{_SIGNS[look]}"/>'


class _FolderText:
    """A folder in the card of the bucket. The word about it is beside its name, or below."""

    def __init__(self, folder: Folder, width: float) -> None:
        self._width = width
        self._note = folder.note
        lines, self._size = fitted(folder.name, width - 12, 11, most=1, mono=True)
        self._name = lines[0]
        used = text_width(self._name, self._size, mono=True) + text_width(folder.note, 11)
        self._below = bool(folder.note) and used > width - 18

    @property
    def height(self) -> float:
        return 38 if self._below else 24

    def draw(self, x: float, middle: float) -> Iterator[str]:
        yield box(x, middle - self.height / 2, self._width, self.height, tone=Tone.MUTED, radius=5, thickness=1)
        y = middle - 3 if self._below else middle + 4
        yield label(x + 6, y, self._name, size=self._size, mono=True)
        if self._below:
            yield label(x + 6, y + 14, self._note, size=11, tone=Tone.MUTED)
        elif self._note:
            yield label(x + self._width - 6, y, self._note, size=11, tone=Tone.MUTED, anchor="end")


class Card:
    """The texts of a node, broken for a width, so that its height is known before it is drawn."""

    def __init__(self, node: Node, width: float, folders: tuple[Folder, ...] = ()) -> None:
        self.node = node
        self.width = width
        inner = width - 2 * _PAD
        self._folders = [_FolderText(folder, inner) for folder in folders]
        self._title, self._title_size = fitted(node.title, width - _TITLE_LEFT - 6, 13.5, most=1, bold=True)
        self._name, self._name_size = fitted(node.name or "", inner, 11, most=4, mono=True)
        self._notes = [text for note in node.notes for text in fitted(note, inner, 11.5, most=2)[0]]
        self._state, self._state_size = fitted(node.state, inner - 20, 12.5, most=3, bold=True)
        self._figures = [text for figure in node.figures for text in fitted(figure, inner - 20, 12.5, most=1)[0]]

    @property
    def head(self) -> float:
        """The height without the health."""
        return self._texts + sum(folder.height + 6 for folder in self._folders) + 10

    @property
    def foot(self) -> float:
        """The height of the health."""
        lines = len(self._state) + len(self._figures)
        return 12 + 16 * lines if lines else 0

    @property
    def _texts(self) -> float:
        """The height of title, name and notes."""
        return 40 + _STEP * (len(self._name) + len(self._notes)) + self._gap

    @property
    def _gap(self) -> float:
        return 5 if self._name and self._notes else 0

    def folder_middles(self, y: float) -> list[float]:
        """Return the height of the middle of each folder, where an arrow ends."""
        middles, below = [], y + self._texts + 8
        for folder in self._folders:
            middles.append(below + folder.height / 2)
            below += folder.height + 6
        return middles

    def draw(self, x: float, y: float, head: float, foot: float) -> Iterator[str]:
        """Yield the elements of the card, stretched to the heights of its row."""
        node = self.node
        yield box(x, y, self.width, head + foot, tone=node.tone, dashed=node.absent)
        yield icon(node.look, x + _PAD, y + 11, Tone.ACCENT if node.tone is Tone.PLAIN else node.tone)
        top = y + 25
        if node.service:
            yield label(x + _TITLE_LEFT, y + 18, node.service, tone=Tone.MUTED, size=11)
            top = y + 33
        for text in self._title:
            yield label(x + _TITLE_LEFT, top, text, size=self._title_size, bold=True)
        yield from self._draw_texts(x + _PAD, y + 38)
        yield from self._draw_folders(x + _PAD, y)
        yield from self._draw_foot(x, y + head)

    def _draw_texts(self, x: float, y: float) -> Iterator[str]:
        for text in self._name:
            y += _STEP
            yield label(x, y, text, size=self._name_size, mono=True)
        y += self._gap
        for text in self._notes:
            y += _STEP
            yield label(x, y, text, size=11.5, tone=Tone.MUTED)

    def _draw_folders(self, x: float, y: float) -> Iterator[str]:
        for folder, middle in zip(self._folders, self.folder_middles(y), strict=True):
            yield from folder.draw(x, middle)

    def _draw_foot(self, x: float, y: float) -> Iterator[str]:
        if not self.foot:
            return
        tone = self.node.tone
        yield line([(x, y), (x + self.width, y)], tone=tone, thickness=1)
        yield sign(x + _PAD + 6, y + 15, tone)
        y += 3
        for text in self._state:
            y += 16
            yield label(x + _PAD + 20, y, text, size=self._state_size, tone=tone, bold=True)
        for text in self._figures:
            y += 16
            yield label(x + _PAD + 20, y, text, size=12.5)
