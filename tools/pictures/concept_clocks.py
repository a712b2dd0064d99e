"""The picture of the limits of a record, in hours since the order was written."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import timedelta
from typing import TypeAlias

from tools.pictures.blocks import PADDING, Card, Text, note, one_line, title

from pipectl.aws.stream_records import STREAM_RETENTION
from pipectl.config.models import Config
from pipectl.output.svg import Theme, Tone, arrow, box, document, label, line
from pipectl.pause_tags import longest_wait
from pipectl.resources.stream_mapping import LONGEST_USUAL_WAIT
from pipectl.text import pluralize

Span: TypeAlias = tuple[timedelta, timedelta, Tone, str]
Mark: TypeAlias = tuple[timedelta, str]
Lane: TypeAlias = tuple[str, list[Span], list[Mark]]
"""A row of the picture: its name, spans of time with their colours and words, and times with their words."""

WIDTH = 600
_LEFT, _RIGHT = 16, 556
_DAY = STREAM_RETENTION / timedelta(hours=1)


def hours(time: timedelta) -> str:
    """``12 h``; ``0`` for none."""
    return f"{time / timedelta(hours=1):g} h" if time else "0"


def at(time: timedelta) -> float:
    """Return the place of a time since the order was written."""
    return _LEFT + (_RIGHT - _LEFT) * (time / STREAM_RETENTION)


def draw(theme: Theme, config: Config) -> str:
    """Return the picture."""
    body, y, said = list[str](), 8.0, list[str]()
    for name, spans, marks in _lanes(timedelta(seconds=config.stream_mapping.maximum_record_age)):
        drawn, y = _lane(y, name, spans, marks)
        body += drawn
        words = [f"from {hours(start)} to {hours(end)}: {text}" for start, end, _, text in spans if text]
        words += [f"at {hours(time)}: {text}" for time, text in marks if text]
        said.append(f"{name}: {'; '.join(words)}.")
    for name, tone, text in _kept(config):
        body += note(_LEFT - PADDING, y - 2, WIDTH - 8, title(name)).drawn()
        body += [
            box(_LEFT, y + 34, _RIGHT - _LEFT, 30, tone=tone, radius=4),
            arrow([(_RIGHT, y + 49), (_RIGHT + 30, y + 49)]),
        ]
        body.append(one_line(_LEFT + 8, y + 54, _RIGHT - _LEFT - 16, Text(text)))
        y += 74
        said.append(f"{name}: {text}.")
    return document(
        WIDTH,
        y + 4,
        body,
        theme=theme,
        title="The limits of a record, in hours since its order was written",
        description=" ".join(said),
        name="concept-clocks",
    )


def _lanes(age: timedelta) -> tuple[Lane, ...]:
    """Return the limits of a record that waits."""
    pause = longest_wait(age)
    assert pause is not None
    start, end = timedelta(0), STREAM_RETENTION
    return (
        (
            "A record waits",
            [
                (start, LONGEST_USUAL_WAIT, Tone.GOOD, ""),
                (LONGEST_USUAL_WAIT, age, Tone.ATTENTION, "late: the iterator age alarm fires"),
                (age, end, Tone.BAD, "a failure that is only in the stream: replay or save it"),
            ],
            [(start, ""), (LONGEST_USUAL_WAIT, ""), (age, "to the queue"), (end, "lost")],
        ),
        (
            "A record waits while processing is paused",
            [
                (start, pause, Tone.GOOD, "after resume: processed as usual"),
                (pause, end, Tone.ATTENTION, "after resume: no age limit until all are read"),
            ],
            [(start, ""), (pause, ""), (end, "lost")],
        ),
    )


def _kept(config: Config) -> tuple[tuple[str, Tone, str], ...]:
    """Return what is kept longer: its name, its colour, and its place with the limit."""
    return (
        ("A record that failed", Tone.GOOD, "in the quarantine, its failure in the audit table: no limit"),
        (
            "A failure that is not audited yet",
            Tone.ATTENTION,
            f"in the queue: {pluralize(config.dead_letter_queue.retention_days, 'day')}",
        ),
        (
            "Lines of the log",
            Tone.PLAIN,
            f"in the log group: {pluralize(config.processor_log_group.retention_days, 'day')}",
        ),
    )


def _lane(y: float, name: str, spans: Iterable[Span], marks: Iterable[Mark]) -> tuple[list[str], float]:
    """Return a bar with its marks below it, and its bottom."""
    head = note(_LEFT - PADDING, y - 6, WIDTH - 8, title(name))
    drawn, top = head.drawn(), head.bottom - 7
    bars = [
        Card(at(start), top, at(end) - at(start), [Text(words)] if words else [], tone)
        for start, end, tone, words in spans
    ]
    level = max(bar.bottom for bar in bars)
    for bar in bars:
        drawn += replace(bar, least=level - top).drawn()
    for time, words in marks:
        x, ends = at(time), time == STREAM_RETENTION
        drawn.append(line([(x, level), (x, level + 8)]))
        anchor = "end" if ends else "start" if words else "middle"
        shown = f"{hours(time)}  {words}" if words else hours(time)
        drawn.append(
            label(x + (16 if ends else -9 if words else 0), level + 24, shown, size=13, anchor=anchor, bold=True)
        )
    return drawn, level + 46
