"""The lines of a plan: one structure that the terminal and markdown draw."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from pipectl.engine.model import Action
from pipectl.output import looks
from pipectl.output.console import Line
from pipectl.review.model import Review


@dataclass(frozen=True)
class PlanLine:
    """A line of a plan.

    Args:
        sign: ``+``, ``-``, ``~``, ``!``, ``±``, ``>`` or a space.
        depth: 0 for a change, 1 for its attributes and warnings, 2 and more for what is in them.
        parts: The text.
    """

    sign: str
    depth: int
    parts: Line


def plan_lines(reviews: Iterable[Review], completed: Callable[[str], str], *, code: bool = False) -> Iterator[PlanLine]:
    """Yield the lines of all changes, and of kept resources that have something to say.

    Args:
        reviews: The changes.
        completed: Adds the options that were used to the commands of a sentence: `Screen.completed`.
        code: With the lines of code that differ.
    """
    del code
    for review in reviews:
        change = review.change
        if change.action is Action.KEEP and not change.reason and not review.flags:
            continue
        mark, colour, _ = looks.ACTIONS[change.action]
        yield PlanLine(mark, 0, ((f"{change.action:<8}", colour), (f"{change.resource:<24}", "bold"), change.name))
        if change.reason:
            yield PlanLine(" ", 1, (completed(change.reason),))
