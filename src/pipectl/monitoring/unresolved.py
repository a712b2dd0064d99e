"""The unresolved failures: which orders failed, why, and what can be lost when."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from itertools import islice

from pipectl.context import Context
from pipectl.facts import TableFacts
from pipectl.failures.audit_table import UNRESOLVED_ONES
from pipectl.failures.explanation import CauseGroup, Explanation, Safety, grouped
from pipectl.failures.model import Failure
from pipectl.failures.replay_preview import last_version
from pipectl.failures.unresolved import gap
from pipectl.monitoring.activity import Deploy, Evidence
from pipectl.timestamps import parse_timestamp

MOST_COUNTED = 1000


@dataclass(frozen=True)
class Unresolved:
    """The unresolved failures of any age.

    Args:
        failures: At most `MOST_COUNTED` of them.
        more: There are more.
        explanations: One for each failure.
        unexplained: Number of failures whose orders were not read, because there are too many.
        never: Number of failures that no replay can process.
        problems: Reasons why quarantine or log could not be read.
        incomplete: The reason why there may be more that are older than 48 hours.
    """

    failures: tuple[Failure, ...] = ()
    more: bool = False
    explanations: tuple[Explanation, ...] = ()
    unexplained: int = 0
    never: int = 0
    problems: tuple[str, ...] = ()
    incomplete: str | None = None

    @property
    def count(self) -> int:
        return len(self.failures)

    @cached_property
    def groups(self) -> tuple[CauseGroup, ...]:
        """The failures by cause, the most frequent first."""
        return tuple(grouped(self.explanations))

    @cached_property
    def orders(self) -> tuple[str, ...]:
        """The keys of all orders that are known, each once."""
        return tuple(dict.fromkeys(key for each in self.explanations for key in each.order_keys))

    @property
    def orders_are_known(self) -> bool:
        """Return whether exactly these orders failed: each failure is read, and covers one record."""
        whole = not self.more and not self.unexplained
        return whole and all(each.order_keys and not each.at_most for each in self.explanations)

    def at(self, safety: Safety) -> int:
        """Return the number of failures whose records are in this place."""
        return sum(each.safety is safety for each in self.explanations)

    @property
    def until(self) -> datetime | None:
        """The time at which the first record is lost that is in the stream only."""
        times = [each.until for each in self.explanations if each.safety is Safety.STREAM and each.until]
        return min(times, default=None)

    @cached_property
    def times(self) -> tuple[datetime, datetime] | None:
        """The times of the first and of the newest failure."""
        times = [time for failure in self.failures if (time := parse_timestamp(failure.timestamp))]
        return (min(times), max(times)) if times else None

    def since(self, deploy: Deploy | None) -> int:
        """Return the number of failures of the live version."""
        return sum(1 for _ in self._of(deploy)) if deploy else 0

    def evidence(self, deploy: Deploy | None) -> Evidence:
        return Evidence(self.count, of_live_version=self.since(deploy) > 0)

    def _of(self, deploy: Deploy) -> Iterator[Explanation]:
        """Yield the failures that the version reported, also in a replay, or that were recorded since it is live."""
        for each in self.explanations:
            versions = {order.cause.function_version for order in each.orders if order.cause}
            versions = (versions | {last_version(each)}) - {None}
            recorded = parse_timestamp(each.failure.timestamp)
            if deploy.version in versions or (not versions and recorded and recorded >= deploy.at):
                yield each


def read_unresolved(context: Context, audit: TableFacts) -> Unresolved:
    """Return the unresolved failures, explained.

    Raises:
        AwsError: the audit table cannot be read.
        CancelledError: the user pressed Ctrl-C.
    """
    found = tuple(islice(context.audit_table.find(UNRESOLVED_ONES), MOST_COUNTED + 1))
    failures, more = found[:MOST_COUNTED], len(found) > MOST_COUNTED
    incomplete = gap(context.audit_table, audit)
    if not failures:
        return Unresolved(incomplete=incomplete)
    explained = context.explainer.explain(failures)
    prefix = context.pipeline.names.stream_prefix(context.pipeline.physical.orders_table)
    return Unresolved(
        failures,
        more,
        explained.explanations,
        explained.unexplained,
        sum(failure.unreplayable(prefix) is not None for failure in failures),
        explained.problems,
        incomplete,
    )
