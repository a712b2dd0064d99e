"""Counts what became of the records of one failure, and judges it. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from pipectl.failures.invoking import Failing
from pipectl.failures.model import Failure, ReplayStatus, StreamRange
from pipectl.failures.records import Reading
from pipectl.failures.trail import MOST_NAMED, Outcome


class Tally:
    """Counts the records of one failure: those in its range, or, with no range, all.

    Args:
        failure: The failure.
        where: Its range, if it is known.
    """

    def __init__(self, failure: Failure, where: StreamRange | None = None) -> None:
        self.failure = failure
        self._where = where
        self._replayed = 0
        self._still_failing = 0
        self._failing: list[Failing] = []

    def count(self, number: int, failing: Failing | None) -> None:
        if self._where and not self._where.first <= number <= self._where.last:
            return
        if failing is None:
            self._replayed += 1
            return
        self._still_failing += 1
        if len(self._failing) < MOST_NAMED:
            self._failing.append(failing)

    def outcome(self, reading: Reading, error: str | None = None) -> Outcome:
        """Both ends of a range are records that were given up, so they have to have come.

        Args:
            reading: What became of the reading of its records.
            error: What ended the reading early.
        """
        missing = {self._where.first, self._where.last} - reading.came if self._where else set[int]()
        expired = sorted(number for number in missing if reading.forgot(number))
        reasons = [error] if error else [*reading.damaged[:MOST_NAMED], *self._unread(missing, reading)]
        if self._where is None and not (self._replayed or self._still_failing or reasons):
            reasons = ["there is no record of it"]
        if reasons or self._still_failing:
            status = ReplayStatus.PARTIAL if self._replayed else ReplayStatus.FAILED
        elif expired:
            status = ReplayStatus.EXPIRED
            reasons = [f"neither the stream nor the quarantine has {self._listed(expired)} any more"]
        else:
            status = ReplayStatus.REPLAYED
        return Outcome(
            status,
            self._replayed,
            tuple(self._failing),
            tuple(map(self._written, expired)),
            "; ".join(reasons) or None,
        )

    def _unread(self, missing: set[int], reading: Reading) -> list[str]:
        unread = sorted(number for number in missing if not reading.forgot(number))
        if not unread:
            return []
        if reading.complete:
            return [f"there is no {self._listed(unread)}: was the message edited by hand?"]
        return [f"the stream did not give {self._listed(unread)}: try again"]

    def _listed(self, numbers: Sequence[int]) -> str:
        return f"record {', '.join(map(self._written, numbers))}"

    def _written(self, number: int) -> str:
        return f"{number:0{self._where.digits if self._where else 0}}"
