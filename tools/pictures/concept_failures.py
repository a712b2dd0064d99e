"""The picture of a batch with one record that fails: each try of Lambda, and what is left."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tools.pictures.blocks import PADDING, Card, Text, code, note, one_line, quiet, title

from pipectl.config.models import Config, StreamMappingConfig
from pipectl.failures.status import FAILURE_TYPES, ReplayStatus
from pipectl.local.batching import Batch, Failure, Outcome, Settings
from pipectl.output.svg import Theme, Tone, arrow, box, document, label, sign

WIDTH = 600
RECORDS = 8
FAILING = 5
"""The position of the record that fails; the first one is 0."""
CELL, ROW = 26, 34
_CELLS = 76
"""The place of the first cell."""


@dataclass(frozen=True)
class Try:
    """An invocation of the processor with the records ``start`` to ``stop`` (exclusive).

    Attributes:
        start: The first record.
        stop: The one after the last record.
        failed: The record that failed, if one did.
    """

    start: int
    stop: int
    failed: int | None

    @property
    def raised(self) -> bool:
        """The processor raises an error, because the first record failed."""
        return self.failed == self.start


def tries(records: int, failing: int, mapping: StreamMappingConfig) -> tuple[list[Try], list[Failure]]:
    """Return the invocations of a batch with one failing record, and the failures that are sent to the queue."""
    batch = Batch([_record(position) for position in range(records)])
    settings = Settings(mapping.retry_attempts, bisect=mapping.bisect, report_item_failures=True)
    done: list[Try] = []
    while unit := batch.next_unit(settings, now=0):
        one = Try(unit.start, unit.stop, failing if unit.start <= failing < unit.stop else None)
        done.append(one)
        named = [] if one.failed is None else [{"itemIdentifier": str(one.failed)}]
        batch.settle(Outcome({"batchItemFailures": named}, raised=one.raised), settings)
    return done, batch.take_failures()


def _record(position: int) -> dict[str, object]:
    return {"dynamodb": {"SequenceNumber": str(position), "ApproximateCreationDateTime": 0}}


def draw(theme: Theme, config: Config) -> str:
    """Return the picture."""
    done, failures = tries(RECORDS, FAILING, config.stream_mapping)
    assert [len(failure.records) for failure in failures] == [1]
    errors = sum(one.raised for one in done)
    top = note(10, 8, WIDTH - 20, title(f"A batch of {RECORDS} records; record {FAILING + 1} is invalid"))
    body, y = top.drawn(), top.bottom
    results = _results(done)
    for number, (one, result) in enumerate(zip(done, results, strict=True), 1):
        body += _row(number, one, result, y)
        y += ROW
    sums = f"{len(done)} invocations, {errors} errors for the errors alarm. All other records are stored."
    counted = note(10, y, WIDTH - 20, Text(sums))
    left, bottom = _left(counted.bottom + 4, config, failures[0])
    description = (
        " ".join(
            f"Try {number}, records {one.start + 1} to {one.stop}: {result}."
            for number, (one, result) in enumerate(zip(done, results, strict=True), 1)
        )
        + f" {sums} Then the raw record is in the quarantine, its place goes to the dead-letter queue, and the auditor "
        f"writes one audit item with the status {ReplayStatus.OPEN}."
    )
    heading = "One failing record in a batch"
    return document(
        WIDTH,
        bottom,
        [*body, *counted.drawn(), *left],
        theme=theme,
        title=heading,
        description=description,
        name="concept-failures",
    )


def _row(number: int, one: Try, result: str, y: float) -> list[str]:
    middle = y + ROW / 2
    drawn = [one_line(22, middle + 5, 50, quiet(f"try {number}"))]
    for position in range(one.start, one.stop):
        x, tone = _CELLS + position * CELL, Tone.BAD if position == one.failed else Tone.GOOD
        drawn.append(box(x, middle - 11, CELL - 4, 22, tone=tone, radius=4))
        drawn.append(label(x + (CELL - 4) / 2, middle + 5, str(position + 1), size=13, anchor="middle"))
    x = _CELLS + RECORDS * CELL + 14
    drawn.append(sign(x, middle, Tone.BAD if one.raised else Tone.GOOD if one.failed is None else Tone.ATTENTION))
    return [*drawn, one_line(x + 16, middle + 5, WIDTH - x - 26, Text(result))]


def _results(done: Sequence[Try]) -> list[str]:
    """Return the result of each try in words."""
    results = list[str]()
    for one, after in zip(done, [*done[1:], None], strict=True):
        if one.failed is None:
            results.append("all stored")
        elif not one.raised:
            results.append(f"record {one.failed + 1} reported: no error")
        elif one.stop - one.start > 1:
            results.append(f"error: {one.failed + 1} is first; batch split")
        elif after and (after.start, after.stop) == (one.start, one.stop):
            results.append("error: it is tried again")
        else:
            results.append("error: retries exhausted")
    return results


def _left(y: float, config: Config, failure: Failure) -> tuple[list[str], float]:
    """Return the boxes of what the record leaves, and the bottom of the picture."""
    assert failure.condition in FAILURE_TYPES
    start = note(10, y, WIDTH - 20, title("After the last try: retries exhausted"))
    third = (WIDTH - 2 * 22 - 2 * 28) / 3
    contents: Sequence[Sequence[Text]] = (
        (title("Quarantine"), Text("the raw record and the reason"), code(f"{config.bucket.failed_prefix}/...", 12)),
        (title("Queue"), Text("its place in the stream"), quiet("until it is audited")),
        (title("Audit table"), Text(f"one item: {ReplayStatus.OPEN}"), quiet("replay-dlq starts here")),
    )
    places = [22 + at * (third + 28) for at in range(3)]
    least = max(Card(0, 0, third, texts).height for texts in contents)
    tones = (Tone.GOOD, Tone.PLAIN, Tone.ATTENTION)
    cards = [
        Card(x, start.bottom, third, texts, tone, least=least, top=True)
        for x, texts, tone in zip(places, contents, tones, strict=True)
    ]
    drawn = [*start.drawn(), *(element for card in cards for element in card.drawn())]
    middle = cards[1].middle[1]
    drawn.append(arrow([(cards[1].right, middle), (cards[2].x, middle)]))
    return drawn, cards[0].bottom + PADDING
