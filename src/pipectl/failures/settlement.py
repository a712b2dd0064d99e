"""Outcomes of failures, written together."""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor

from pipectl.errors import AwsError
from pipectl.failures.audit_writer import MOST_ITEMS
from pipectl.failures.claims import Claims
from pipectl.failures.model import Failure
from pipectl.failures.outcomes import ClaimState, Outcome, ReplayReport

_Outcome = tuple[Failure, Outcome]


class Settlement:
    """Writes the outcomes that are ready, up to 100 together. For one thread.

    Args:
        claims: Claims of the failures.
        pool: Threads that write.

    Attributes:
        report: The outcomes that are written.
    """

    def __init__(self, claims: Claims, pool: ThreadPoolExecutor) -> None:
        self._claims = claims
        self._pool = pool
        self._ready: list[_Outcome] = []
        self._written: list[_Outcome] = []
        self._write: Future[list[ClaimState | AwsError]] | None = None
        self.report = ReplayReport()

    def add(self, failure: Failure, outcome: Outcome) -> None:
        """Add an outcome that is ready."""
        self._ready.append((failure, outcome))

    def send(self, least: int = 1) -> None:
        """Write what is ready, unless a write is still in progress.

        Args:
            least: The number of outcomes that are worth a call.

        Raises:
            AwsError: an error that is not about one failure alone.
        """
        if self._write and self._write.done():
            self._finish_write()
        if len(self._ready) >= least and not self._write:
            self._written, self._ready = self._ready[:MOST_ITEMS], self._ready[MOST_ITEMS:]
            self._write = self._pool.submit(self._claims.settle, self._written)

    def finish(self) -> None:
        """Write all that is ready, and wait for it; see `send`."""
        while self._ready or self._write:
            if self._write:
                self._finish_write()
            self.send()

    def _finish_write(self) -> None:
        write, self._write = self._write, None
        for (failure, outcome), result in zip(self._written, write.result() if write else [], strict=True):
            if isinstance(result, AwsError):
                self._claims.release([failure])
                reason = f"its outcome is not written: {result.message}"
                self.report = self.report.with_untried(failure.audit_id, reason)
            elif result is ClaimState.HELD:
                self.report = self.report.with_outcome(failure, outcome)
            else:
                self.report = self.report.with_others([result])
