"""Pieces that both layouts of the picture share: placed cards, the replay, the box of the alarms. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from pipectl.output.diagram import AlarmLine, Look, Node
from pipectl.output.diagram_card import Card, icon
from pipectl.output.svg import Tone, box, label, sign, text_width
from pipectl.output.svg_text import fitted

PILL_WIDTH, PILL_HEIGHT = 160, 28


@dataclass(frozen=True)
class Placed:
    """A card at its place, with the heights of its row."""

    card: Card
    x: float
    y: float
    head: float
    foot: float

    @property
    def right(self) -> float:
        return self.x + self.card.width

    @property
    def bottom(self) -> float:
        return self.y + self.head + self.foot

    @property
    def centre(self) -> float:
        return self.x + self.card.width / 2

    @property
    def middle(self) -> float:
        return (self.y + self.bottom) / 2

    def draw(self) -> Iterator[str]:
        return self.card.draw(self.x, self.y, self.head, self.foot)


def pill(replay: Node, x: float, y: float) -> str:
    """Return the command that replays failed records."""
    around = box(x, y, PILL_WIDTH, PILL_HEIGHT, tone=Tone.MUTED, radius=PILL_HEIGHT / 2, dashed=True)
    return around + icon(replay.look, x + 10, y + 5) + label(x + 32, y + 18, replay.title, size=11, mono=True)


def alarms(lines: Sequence[AlarmLine], x: float, y: float, width: float) -> tuple[list[str], float]:
    """Return the box of the alarms, in two columns where their names fit, and its height."""
    half = (width - 44) / 2
    columns, column = (2, half) if all(_fits(each, half) for each in lines) else (1, width - 20)
    rows = -(-len(lines) // columns)
    drawn, lowest = [], y + 40
    for first in range(0, len(lines), rows):
        left, below = x + 10 + first // rows * (half + 24), y + 40
        for each in lines[first : first + rows]:
            part, height = _alarm(each, left, below, column)
            drawn += part
            below += height
        lowest = max(lowest, below)
    height = lowest - y + 8
    head = [box(x, y, width, height), icon(Look.ALARM, x + 10, y + 11)]
    head.append(label(x + 34, y + 18, "CloudWatch", tone=Tone.MUTED, size=11))
    head.append(label(x + 34, y + 33, "alarms", size=13.5, bold=True))
    return head + drawn, height


def _room(each: AlarmLine, width: float) -> float:
    """Return the width of the name, between the sign and the state."""
    state = 28 + text_width(each.state, 11.5, bold=True) if each.state else 0
    return width - state


def _fits(each: AlarmLine, width: float) -> bool:
    return text_width(each.name, 10, mono=True) <= _room(each, width)


def _alarm(each: AlarmLine, x: float, y: float, width: float) -> tuple[list[str], float]:
    """Return a line of the box, with its height."""
    indent = 20 if each.state else 0
    room = _room(each, width)
    names, size = fitted(each.name, room, 11, most=1 if _fits(each, width) else 2, mono=True)
    drawn = [label(x + indent, y + 15 + 14 * place, name, size=size, mono=True) for place, name in enumerate(names)]
    if each.state:
        drawn.append(sign(x + 6, y + 11, each.tone))
        drawn.append(label(x + width, y + 15, each.state, size=11.5, tone=each.tone, bold=True, anchor="end"))
    return drawn, 6 + 14 * len(names)
