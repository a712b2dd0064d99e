"""The picture of an order that is written twice: two records, two objects."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import timedelta
from itertools import pairwise
from pathlib import Path

from tools.pictures.blocks import PADDING, Card, Text, code, note, quiet, title

from pipectl.aws.stream_records import STREAM_RETENTION, EventRecord
from pipectl.config.models import Config
from pipectl.failures.model import REPLAYED_EVENTS, object_key, written_at
from pipectl.output.svg import Theme, Tone, arrow, document

WIDTH = 600
EVENTS = Path(__file__).resolve().parents[2] / "scaffold" / "events" / "stream-event.json"
_LEFT, _GAP = 10, 30
_KEPT = "All versions of an order are in one shard, in order. The stream keeps a record"
_AGAIN = "Retries and replays bring the same records again."
_ONCE = "Day and id come from the record, so a record has one object. If-None-Match: * writes it once."


def records() -> list[EventRecord]:
    """Return the records of the first order in the sample event that the processor stores."""
    found: list[EventRecord] = json.loads(EVENTS.read_text())["Records"]
    first = found[0]["dynamodb"]["Keys"]
    return [each for each in found if each["dynamodb"]["Keys"] == first and each["eventName"] in REPLAYED_EVENTS]


def draw(theme: Theme, config: Config) -> str:
    """Return the picture."""
    versions, wide = records(), WIDTH - 2 * _LEFT
    order, batch = _order(versions[0]), config.stream_mapping.batch_size
    keys = [object_key(config.bucket.prefix, record) for record in versions]
    table = Card(_LEFT, _LEFT, wide, [title("Orders table"), Text(f"{order} is written {len(versions)} times")])
    stream, inside = _stream(table.bottom + _GAP, versions)
    processor = Card(
        _LEFT,
        stream.bottom + _GAP,
        wide,
        [title("Processor"), Text(f"one batch of a shard at a time, up to {batch} records"), quiet(_AGAIN)],
    )
    objects = list[Card]()
    for at, key in enumerate(keys, 1):
        y = objects[-1].bottom + 10 if objects else processor.bottom + _GAP
        objects.append(Card(_LEFT, y, wide, [title(f"Bucket, object {at}"), code(key, 12)], Tone.GOOD))
    last = note(_LEFT - PADDING, objects[-1].bottom - 4, wide + 2 * PADDING, quiet(_ONCE))
    steps = [table, stream, processor, objects[0]]
    arrows = [arrow([(WIDTH / 2, above.bottom), (WIDTH / 2, below.y)]) for above, below in pairwise(steps)]
    return document(
        WIDTH,
        last.bottom,
        [*(each for card in (table, processor, *objects, last) for each in card.drawn()), *inside, *arrows],
        theme=theme,
        title="An order, its records and its objects",
        description=(
            f"{order} is written {len(versions)} times. Each write makes one record in the stream, in the order of the "
            f"writes. The processor stores each record as one object: {', '.join(keys)}. {_ONCE}"
        ),
        name="concept-records",
    )


def _stream(y: float, versions: Sequence[EventRecord]) -> tuple[Card, list[str]]:
    """Return the frame of the shard, and all that is drawn of it."""
    wide = WIDTH - 2 * _LEFT
    head = note(_LEFT, y, wide, title("Stream, one of its shards"))
    gap = 30
    width = (wide - 2 * PADDING - gap * (len(versions) - 1)) / len(versions)
    cards = [
        Card(_LEFT + PADDING + at * (width + gap), head.bottom - 4, width, _record(record))
        for at, record in enumerate(versions)
    ]
    kept = note(
        _LEFT, cards[0].bottom - 4, wide, quiet(f"{_KEPT} for {STREAM_RETENTION / timedelta(hours=1):g} hours.")
    )
    frame = Card(_LEFT, y, wide, [], Tone.MUTED, least=kept.bottom - y)
    drawn = [each for card in (frame, head, *cards, kept) for each in card.drawn()]
    drawn += [arrow([(one.right, one.middle[1]), (after.x, after.middle[1])]) for one, after in pairwise(cards)]
    return frame, drawn


def _order(record: EventRecord) -> str:
    ((value,),) = (key.values() for key in record["dynamodb"]["Keys"].values())
    return str(value)


def _record(record: EventRecord) -> list[Text]:
    amount = record["dynamodb"]["NewImage"]["amount"]["N"]
    return [
        title(f"{record['eventName']}, amount {amount}"),
        code(f"eventID {record['eventID'][:8]}...", 12),
        code(f"number  ...{record['dynamodb']['SequenceNumber'][-6:]}", 12),
        code(f"{written_at(record):%Y-%m-%dT%H:%M:%SZ}", 12),
    ]
