"""The differences of a resource as `status` shows them: what was found, then what is wanted."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from pipectl.commands.status import ResourceStatus
from pipectl.output.console import Line
from pipectl.output.differences import Shown, by_words, difference_lines, here_of
from pipectl.output.values import unit_of

_WORDS = {"-": "found, not wanted: ", "+": "wanted, not found: "}


def drift_lines(status: ResourceStatus) -> Iterator[tuple[str, Line]]:
    """Yield the indent and the text of each line: ``retention_days: found 4 days, wanted 14 days``."""
    here = here_of(status.kind, status.name, status.drift)
    for line in difference_lines(status.drift, Shown(here, partial(unit_of, status.resource), by_words, "differs: ")):
        if line.sign != " ":  # equal values are no drift
            yield " " * 4 * line.depth, (_WORDS.get(line.sign, ""), *line.parts)
