"""The picture of a replay: the places of the records, and the statuses of a failure with their changes."""

from __future__ import annotations

from dataclasses import dataclass

from tools.pictures.blocks import PADDING, Card, Text, code, note, quiet, title

from pipectl.config.models import Config
from pipectl.failures.processor_client import LONGEST_RETRIES
from pipectl.failures.status import DONE, UNRESOLVED, ReplayStatus
from pipectl.output.svg import Theme, Tone, arrow, document, label

WIDTH = 600
_GROUP = 196
_GROUPS = {"Unresolved": 10, "Done": WIDTH - 10 - _GROUP}
"""The left edge of each group of statuses."""
OUTCOMES = (ReplayStatus.REPLAYED, ReplayStatus.PARTIAL, ReplayStatus.FAILED, ReplayStatus.EXPIRED)
"""Statuses that a replay writes."""
REPLAY, FORCED, RESOLVE, UNDO = "replay-dlq", "replay-dlq --force --id ID", "audit resolve", "audit resolve --undo"
LOOKS = {
    ReplayStatus.OPEN: (Tone.ATTENTION, "not replayed yet"),
    ReplayStatus.PARTIAL: (Tone.ATTENTION, "some records still fail"),
    ReplayStatus.FAILED: (Tone.BAD, "all records still fail"),
    ReplayStatus.REPLAYED: (Tone.GOOD, "its records are processed"),
    ReplayStatus.EXPIRED: (Tone.BAD, "records of it are gone"),
    ReplayStatus.RESOLVED: (Tone.GOOD, "closed by a person"),
}


@dataclass(frozen=True)
class Transition:
    """A change of statuses by a command: from each of ``before`` to one of ``after``."""

    command: str
    before: tuple[ReplayStatus, ...]
    after: tuple[ReplayStatus, ...]


TRANSITIONS = (
    Transition(REPLAY, UNRESOLVED, OUTCOMES),
    Transition(RESOLVE, UNRESOLVED, (ReplayStatus.RESOLVED,)),
    Transition(UNDO, (ReplayStatus.RESOLVED,), UNRESOLVED),
    Transition(FORCED, DONE, OUTCOMES),
)


def draw(theme: Theme, config: Config) -> str:
    """Return the picture."""
    above, bottom = _sources(config)
    below, height = _statuses(bottom)
    said = " ".join(
        f"{each.command}: {', '.join(each.before)} become {' or '.join(each.after)}." for each in TRANSITIONS
    )
    return document(
        WIDTH,
        height,
        [*above, *below],
        theme=theme,
        title="A replay, and the statuses of a failure",
        description=(
            "A replay claims a failure in the audit table, reads its records from the stream, else the quarantine, "
            f"or from a saved folder, invokes the processor, and writes the outcome to the failure. {said}"
        ),
        name="concept-replay",
    )


def _sources(config: Config) -> tuple[list[str], float]:
    """Return the upper half, and its bottom."""
    minutes = 2 * (config.processor.timeout + LONGEST_RETRIES) // 60
    failure = Card(
        10,
        10,
        580,
        [
            title("Failure in the audit table"),
            Text("shard, first and last sequence number"),
            quiet(f"claimed for {minutes} min at a time, so that two replays share the work"),
        ],
    )
    y, width, gap = failure.bottom + 40, 180, 20
    places = (
        (title("1  Stream"), quiet("while it has the records")),
        (title("2  Quarantine"), quiet("where the stream has a gap"), code(f"{config.bucket.failed_prefix}/", 12)),
        (title("or --from DIR"), quiet("records saved with --save DIR")),
    )
    least = max(Card(0, 0, width, texts).height for texts in places)
    cards = [
        Card(10 + at * (width + gap), y, width, texts, dashed=at == 2, least=least, top=True)
        for at, texts in enumerate(places)
    ]
    processor = Card(
        10,
        cards[0].bottom + 30,
        580,
        [title("Processor"), Text("gets batches of records; a record that fails is tried once more, alone")],
    )
    drawn = [each for card in (failure, *cards, processor) for each in card.drawn()]
    for card in cards:
        x = card.middle[0]
        drawn += [arrow([(x, failure.bottom), (x, card.y)]), arrow([(x, card.bottom), (x, processor.y)])]
    drawn.append(label(cards[1].middle[0] + 10, failure.bottom + 24, "read", tone=Tone.MUTED, size=13))
    for x in _GROUPS.values():
        drawn.append(arrow([(x + _GROUP / 2, processor.bottom), (x + _GROUP / 2, processor.bottom + 38)]))
    left, below = _GROUPS["Unresolved"] + _GROUP / 2, processor.bottom - 2
    words = note(left, below, WIDTH - _GROUP, quiet("the outcome is the status"), anchor="middle")
    return [*drawn, *words.drawn()], processor.bottom + 38


def _statuses(y: float) -> tuple[list[str], float]:
    """Return the lower half, and its bottom."""
    (frame, *left), (other, *right) = (
        _group(x, y, name, statuses) for (name, x), statuses in zip(_GROUPS.items(), (UNRESOLVED, DONE), strict=True)
    )
    drawn = [each for card in (frame, *left, other, *right) for each in card.drawn()]
    beginning, fork = frame.y + 22, other.x - 28
    drawn += _command(frame.right, fork, beginning, REPLAY)
    for card, status in zip(right[1:], DONE, strict=True):
        level = card.middle[1]
        if status in OUTCOMES:
            drawn.append(arrow([(frame.right, beginning), (fork, beginning), (fork, level), (card.x, level)]))
        else:
            drawn += _command(frame.right, other.x, level - 10, RESOLVE)
            drawn.append(arrow([(frame.right, level - 10), (card.x, level - 10)]))
            drawn += _command(frame.right, other.x, level + 28, UNDO)
            drawn.append(arrow([(card.x, level + 28), (frame.right, level + 28)]))
    below = frame.bottom + 24
    for card, command, words in ((frame, REPLAY, "fails again"), (other, FORCED, "replays what is done")):
        ends = card.x + 60, card.right - 60
        drawn.append(arrow([(ends[0], card.bottom), (ends[0], below), (ends[1], below), (ends[1], card.bottom)]))
        drawn += note(card.x - 10, below - 6, card.width + 20, code(command, 12), quiet(words), anchor="middle").drawn()
    return drawn, below + 44


def _command(left: float, right: float, level: float, words: str) -> list[str]:
    """Return a command above the line between two edges."""
    return note(left, level - 31, right - left, code(words, 12), anchor="middle").drawn()


def _group(x: float, y: float, name: str, statuses: tuple[ReplayStatus, ...]) -> list[Card]:
    """Return a frame, its title, and the cards of its statuses."""
    inner = _GROUP - 2 * PADDING
    head = note(x, y, _GROUP, title(name))
    texts = {status: (title(status, LOOKS[status][0]), quiet(LOOKS[status][1])) for status in LOOKS}
    least = max(Card(0, 0, inner, each, signed=True).height for each in texts.values())
    cards = list[Card]()
    for status in statuses:
        top = cards[-1].bottom + 8 if cards else head.bottom - 4
        tone = LOOKS[status][0]
        cards.append(Card(x + PADDING, top, inner, texts[status], tone, least=least, signed=True))
    frame = Card(x, y, _GROUP, [], Tone.MUTED, least=cards[-1].bottom + PADDING - y)
    return [frame, head, *cards]
