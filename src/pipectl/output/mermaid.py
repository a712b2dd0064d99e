"""The picture of the pipeline as Mermaid, for a README. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator

from pipectl.output.diagram import Diagram, Look, Node, Part
from pipectl.output.printable import printable

_SHAPES = {
    Look.CLIENT: ("([", "])"),
    Look.TABLE: ("[(", ")]"),
    Look.BUCKET: ("[(", ")]"),
    Look.QUEUE: ("[[", "]]"),
    Look.MAPPING: ("{{", "}}"),
    Look.FUNCTION: ("[", "]"),
    Look.ALARM: ("[", "]"),
    Look.REPLAY: ("([", "])"),
}
_ARROWS = (
    (Part.CLIENT, "-->", "", Part.ORDERS_TABLE),
    (Part.ORDERS_TABLE, "-->", "stream", Part.STREAM_MAPPING),
    (Part.STREAM_MAPPING, "-->", "", Part.PROCESSOR),
    (Part.PROCESSOR, "-->", "", Part.BUCKET),
    (Part.STREAM_MAPPING, "-->", "retries exhausted", Part.DEAD_LETTER_QUEUE),
    (Part.DEAD_LETTER_QUEUE, "-->", "", Part.QUEUE_MAPPING),
    (Part.QUEUE_MAPPING, "-->", "", Part.AUDITOR),
    (Part.AUDITOR, "-->", "", Part.AUDIT_TABLE),
    (Part.AUDIT_TABLE, "-.->", "", Part.REPLAY),
    (Part.BUCKET, "-.->", "quarantine", Part.REPLAY),
    (Part.REPLAY, "-.->", "", Part.PROCESSOR),
)
_UNSAFE = re.compile(r"[^\w .,:/-]|(?<=\d)\.(?= )")
"""Characters that Mermaid, HTML or Markdown could act on: quotes, brackets, ``#``, ``1. `` at the start of a line."""


def mermaid(drawn: Diagram) -> str:
    """Return the picture as a flowchart. Each text of the config is escaped."""
    return "\n".join(["flowchart TB", *(f"    {line}" for line in _lines(drawn))]) + "\n"


def _lines(drawn: Diagram) -> Iterator[str]:
    yield f"accTitle: {_escaped(drawn.title)}"
    yield "accDescr: Orders flow from the client to the bucket, and failures to the audit table."
    for node in drawn.nodes.values():
        yield _node(node.key, node.look, _texts(node, drawn))
    yield _node("alarms", Look.ALARM, ["CloudWatch alarms", *(alarm.name for alarm in drawn.alarms)])
    for start, arrow, text, end in _ARROWS:
        words = f'|"{text}"|' if text else ""
        yield f"{_id(start)} {arrow}{words} {_id(end)}"
    yield f'{_id(Part.PROCESSOR)} -.-|"metrics"| alarms'


def _texts(node: Node, drawn: Diagram) -> Iterator[str]:
    yield node.title
    if node.name:
        yield node.name
    if node.key is Part.BUCKET:
        yield drawn.processed
        yield drawn.quarantine
    elif node.look in (Look.MAPPING, Look.TABLE):
        yield from node.notes


def _node(key: str, look: Look, texts: Iterator[str] | list[str]) -> str:
    opening, closing = _SHAPES[look]
    return f'{_id(key)}{opening}"{"<br/>".join(map(_escaped, texts))}"{closing}'


def _id(key: str) -> str:
    return key.replace("-", "_")


def _escaped(text: str) -> str:
    """Return a text with Mermaid's codes, such as ``#34;``, for all characters but letters, digits and a few signs."""
    return _UNSAFE.sub(lambda match: f"#{ord(match[0])};", printable(text))
