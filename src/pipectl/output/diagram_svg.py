"""The picture of the pipeline as SVG: wide in two rows, and narrow for a phone. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import pairwise

from pipectl.output.diagram import Diagram, Look, Part
from pipectl.output.diagram_card import Card, Folder
from pipectl.output.diagram_parts import PILL_HEIGHT, PILL_WIDTH, Placed, alarms, pill
from pipectl.output.svg import Theme, Tone, arrow, document, label

_MARGIN = 16
_GAP = 30
_WIDE_COLUMNS = (84, 168, 152, 168, 180)
_WIDE_ROWS = (
    (Part.CLIENT, Part.ORDERS_TABLE, Part.STREAM_MAPPING, Part.PROCESSOR, Part.BUCKET),
    (None, Part.DEAD_LETTER_QUEUE, Part.QUEUE_MAPPING, Part.AUDITOR, Part.AUDIT_TABLE),
)
_BETWEEN = 84
"""Height between the two rows, for the arrow of the failures and the replay."""
_NARROW = 390
_NARROW_COLUMN = 168
_NARROW_GAP = 26
_NARROW_ROWS = (
    (Part.CLIENT, None),
    (Part.ORDERS_TABLE, None),
    (Part.STREAM_MAPPING, Part.DEAD_LETTER_QUEUE),
    (Part.PROCESSOR, Part.QUEUE_MAPPING),
    (Part.BUCKET, Part.AUDITOR),
    (None, Part.AUDIT_TABLE),
)
_EXHAUSTED = "retries exhausted"
_ORDERS, _FAILURES, _REPLAY = Tone.ACCENT, Tone.ATTENTION, Tone.ACCENT
"""The colours of the arrows of each way, in a picture without health."""
_MOVERS = (Look.MAPPING, Look.FUNCTION, Look.TABLE, Look.QUEUE, Look.BUCKET, Look.CLIENT)


def wide(drawn: Diagram, theme: Theme) -> str:
    """Return the picture in two rows, 904 pixels wide: the way of an order, and below it the way of a failure."""
    lefts = [_MARGIN + sum(_WIDE_COLUMNS[:place]) + _GAP * place for place in range(len(_WIDE_COLUMNS))]
    placed: dict[Part, Placed] = {}
    y = float(_MARGIN)
    for row in _WIDE_ROWS:
        placed |= _row(drawn, row, lefts, _WIDE_COLUMNS, y)
        y = placed[row[-1]].bottom + _BETWEEN if row[-1] else y
    _level_client(placed)
    width = placed[Part.BUCKET].right + _MARGIN
    y = placed[Part.AUDIT_TABLE].bottom + 22
    box, height = alarms(drawn.alarms, _MARGIN, y, width - 2 * _MARGIN)
    body = [*_wide_arrows(drawn, placed), *_draw(placed), *box]
    return _document(drawn, theme, "pipeline-wide", width, y + height + _MARGIN, body)


def narrow(drawn: Diagram, theme: Theme) -> str:
    """Return the picture in two columns, 390 pixels wide, for a phone: failures are on the right."""
    right = _NARROW - 10 - _NARROW_COLUMN
    lefts, columns = (right - _NARROW_GAP - _NARROW_COLUMN, right), (_NARROW_COLUMN, _NARROW_COLUMN)
    placed: dict[Part, Placed] = {}
    y = 10.0
    for row in _NARROW_ROWS:
        new = _row(drawn, row, lefts, columns, y)
        placed |= new
        y = max(each.bottom for each in new.values()) + _NARROW_GAP
    box, height = alarms(drawn.alarms, 10, y, _NARROW - 20)
    body = [*_narrow_arrows(drawn, placed), *_draw(placed), *box]
    return _document(drawn, theme, "pipeline-narrow", _NARROW, y + height + 10, body)


def _document(drawn: Diagram, theme: Theme, name: str, width: float, height: float, body: Iterable[str]) -> str:
    about = drawn.description()
    return document(width, height, body, theme=theme, title=drawn.title, description=about, name=name)


def _draw(placed: Mapping[Part, Placed]) -> Iterator[str]:
    for each in placed.values():
        yield from each.draw()


def _row(
    drawn: Diagram, parts: Sequence[Part | None], lefts: Sequence[float], widths: Sequence[float], y: float
) -> dict[Part, Placed]:
    """Place the cards of a row, all as high as the highest."""
    cards = {part: _card(drawn, part, width) for part, width in zip(parts, widths, strict=True) if part}
    head = max(card.head for card in cards.values())
    foot = max(card.foot for card in cards.values())
    return {part: Placed(cards[part], x, y, head, foot) for part, x in zip(parts, lefts, strict=True) if part}


def _card(drawn: Diagram, part: Part, width: float) -> Card:
    folders = (Folder(drawn.processed), Folder(drawn.quarantine, "quarantine")) if part is Part.BUCKET else ()
    return Card(drawn.nodes[part], width, folders)


def _level_client(placed: dict[Part, Placed]) -> None:
    """Give the client the height of its text, beside the arrow to the table."""
    card = placed[Part.CLIENT].card
    level = _stored(placed)[0]
    placed[Part.CLIENT] = Placed(card, placed[Part.CLIENT].x, level - card.head / 2, card.head, 0)


def _stored(placed: Mapping[Part, Placed]) -> list[float]:
    """Return the height of the folder of the processed records, and of the quarantine."""
    bucket = placed[Part.BUCKET]
    return bucket.card.folder_middles(bucket.y)


def _wide_arrows(drawn: Diagram, placed: Mapping[Part, Placed]) -> Iterator[str]:
    mapping, processor, bucket = placed[Part.STREAM_MAPPING], placed[Part.PROCESSOR], placed[Part.BUCKET]
    queue, audit = placed[Part.DEAD_LETTER_QUEUE], placed[Part.AUDIT_TABLE]
    stored, quarantined = _stored(placed)
    for row, level, way in zip(_WIDE_ROWS, (stored, queue.middle), (_ORDERS, _FAILURES), strict=True):
        cards = [placed[part] for part in row if part]
        for start, end in pairwise(cards):
            yield arrow([(start.right, level), (end.x, level)], tone=_tone(start, end, way))
    failed = [(processor.right, quarantined), (bucket.x, quarantined)]
    yield arrow(failed, tone=_tone(processor, bucket, _FAILURES))
    level = mapping.bottom + _BETWEEN / 2
    failures = [
        (mapping.centre, mapping.bottom),
        (mapping.centre, level),
        (queue.centre, level),
        (queue.centre, queue.y),
    ]
    yield arrow(failures, tone=drawn.failing)
    middle = (mapping.centre + queue.centre) / 2
    yield label(middle, level - 8, _EXHAUSTED, size=12, anchor="middle", tone=drawn.failing)
    left, top = bucket.centre - PILL_WIDTH / 2, level - PILL_HEIGHT / 2
    yield pill(drawn.nodes[Part.REPLAY], left, top)
    yield arrow([(bucket.centre, bucket.bottom), (bucket.centre, top)], tone=_REPLAY, dashed=True)
    yield arrow([(audit.centre, audit.y), (audit.centre, top + PILL_HEIGHT)], tone=_REPLAY, dashed=True)
    yield arrow(
        [(left, level), (processor.centre, level), (processor.centre, processor.bottom)], tone=_REPLAY, dashed=True
    )


def _narrow_arrows(drawn: Diagram, placed: Mapping[Part, Placed]) -> Iterator[str]:
    mapping, queue = placed[Part.STREAM_MAPPING], placed[Part.DEAD_LETTER_QUEUE]
    processor, bucket, audit = placed[Part.PROCESSOR], placed[Part.BUCKET], placed[Part.AUDIT_TABLE]
    for column, way in zip(zip(*_NARROW_ROWS, strict=True), (_ORDERS, _FAILURES), strict=True):
        cards = [placed[part] for part in column if part]
        for start, end in pairwise(cards):
            yield arrow([(start.centre, start.bottom), (end.centre, end.y)], tone=_tone(start, end, way))
    beside = processor.centre + _NARROW_COLUMN / 4
    failed = [(beside, processor.bottom), (beside, bucket.y)]
    yield arrow(failed, tone=_tone(processor, bucket, _FAILURES))
    yield arrow([(mapping.right, mapping.middle), (queue.x, mapping.middle)], tone=drawn.failing)
    yield label(queue.x, queue.y - 9, _EXHAUSTED, size=12, tone=drawn.failing)
    top, left = audit.middle - PILL_HEIGHT / 2, bucket.centre - PILL_WIDTH / 2
    yield pill(drawn.nodes[Part.REPLAY], left, top)
    yield arrow([(audit.x, audit.middle), (left + PILL_WIDTH, audit.middle)], tone=_REPLAY, dashed=True)
    yield arrow([(bucket.centre, bucket.bottom), (bucket.centre, top)], tone=_REPLAY, dashed=True)
    edge = processor.x - 9
    back = [(left, audit.middle), (edge, audit.middle), (edge, processor.middle), (processor.x, processor.middle)]
    yield arrow(back, tone=_REPLAY, dashed=True)


def _tone(start: Placed, end: Placed, way: Tone) -> Tone:
    """Return the colour of an arrow: the health of the mapping or function that moves the records, else of its way."""
    nodes = sorted((start.card.node, end.card.node), key=lambda node: _MOVERS.index(node.look))
    return way if nodes[0].tone is Tone.PLAIN else nodes[0].tone
