"""The failures that a person means: by an id, the beginning of one, or the key of an order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from itertools import chain, islice

from pipectl.aws.stream_records import EventRecord
from pipectl.context import Context
from pipectl.engine.parallel import parallel_map
from pipectl.errors import CancelledError
from pipectl.failures.audit_table import UNRESOLVED_ONES, Selection
from pipectl.failures.errors import AmbiguousIdError, NoSuchFailureError
from pipectl.failures.explanation import Explained, Explanation, FailedOrder, Safety
from pipectl.failures.model import Failure, Record, SequenceNumber
from pipectl.failures.status import UNRESOLVED

MOST_SEARCHED = 1000
"""Failures among which those of an order are looked for."""
MOST_NAMED = 10
"""Failures whose orders `audit list` reads from the stream, because nothing else names them."""
MOST_ORDERS = 12
"""Orders of one failure that it reads there."""
ORDERS_OF = timedelta(days=30)
"""Age of the oldest failure that is not unresolved and that is found by its order."""


@dataclass(frozen=True)
class FoundFailures:
    """Failures that a person means.

    Attributes:
        explained: The failures, explained.
        is_order: They are those of an order.
        other_ids: The ids that begin with the key of this order.
    """

    explained: Explained
    is_order: bool = False
    other_ids: tuple[str, ...] = ()


def find_failures(context: Context, name: str) -> FoundFailures:
    """Return the failures of an id, else of an order, else of the one id that begins with ``name``.

    Raises:
        NoSuchFailureError: no failure has this id or order.
        AmbiguousIdError: several ids begin with ``name``, and no order has this key.
    """
    ambiguous: AmbiguousIdError | None = None
    failures: list[Failure] = []
    try:
        failures = context.audit_table.with_prefix(name)
    except AmbiguousIdError as error:
        ambiguous = error
    except NoSuchFailureError:
        return FoundFailures(_of_order(context, name, in_stream=True), is_order=True)
    if failures and failures[0].audit_id == name:
        return FoundFailures(explained_ones(context, failures))
    try:
        order = _of_order(context, name, in_stream=False)
    except NoSuchFailureError:
        if ambiguous:
            raise ambiguous from None
        return FoundFailures(explained_ones(context, failures))
    ids = ambiguous.candidates if ambiguous else (failures[0].audit_id,)
    return FoundFailures(order, is_order=True, other_ids=ids)


def explained_ones(context: Context, failures: Sequence[Failure]) -> Explained:
    """Explain failures."""
    context.reporter.step("reading orders and reasons")
    return context.explainer.explain(failures)


def with_orders_of_stream(context: Context, explained: Explained, limit: int) -> Explained:
    """Name the orders of failures whose records are in the stream only: the processor has not seen them."""
    nameless = {
        str(place): each
        for place, each in enumerate(explained.explanations[:limit])
        if each.safety is Safety.STREAM and not each.order_keys and each.failure.status in UNRESOLVED
    }
    chosen = dict(islice(nameless.items(), MOST_NAMED))
    read = parallel_map(lambda place: _orders_in_stream(context, chosen[place]), chosen, cancel=context.cancel)
    if read.interrupted:
        raise CancelledError("interrupted while reading the stream")
    named = [
        replace(each, orders=read.done[str(place)]) if read.done.get(str(place)) else each
        for place, each in enumerate(explained.explanations)
    ]
    problems = [error.message for error in read.failed.values()][:1]
    return replace(explained, explanations=tuple(named), problems=(*explained.problems, *problems))


def _orders_in_stream(context: Context, explanation: Explanation) -> tuple[FailedOrder, ...]:
    where = explanation.failure.range
    readings = context.record_reader.read(where) if where else iter(())
    records = (each for each in readings if isinstance(each, Record) and each.is_replayed)
    return tuple(order_of(context, each.number, each.event) for each in islice(records, MOST_ORDERS))


def order_of(
    context: Context, number: SequenceNumber, event: EventRecord | None, *, quarantined: bool = False
) -> FailedOrder:
    """Return a record that was read as one of a failure."""
    key = context.explainer.key_of(event["dynamodb"].get("Keys")) if event else None
    return FailedOrder(number, key, None, None, quarantined=quarantined)


def _of_order(context: Context, key: str, *, in_stream: bool) -> Explained:
    """Return the failures of an order, among the unresolved ones of any age and all recent ones.

    With ``in_stream`` the stream is read for orders that nothing else names.

    Raises:
        NoSuchFailureError: it has none, as far as that was read.
    """
    table, recent = context.audit_table, Selection(context.aws.now() - ORDERS_OF)
    found = chain(table.newest_first(UNRESOLVED_ONES), table.newest_first(recent))
    failures = {failure.key: failure for failure, _ in islice(found, MOST_SEARCHED)}
    explained = explained_ones(context, list(failures.values()))
    matching = _matching(explained, key)
    if not matching and in_stream:
        explained = with_orders_of_stream(context, explained, len(failures))
        matching = _matching(explained, key)
    if not matching:
        raise NoSuchFailureError([key], unread=explained.unexplained)
    return Explained(matching, explained.unexplained, explained.problems)


def _matching(explained: Explained, key: str) -> tuple[Explanation, ...]:
    return tuple(each for each in explained.explanations if key in each.order_keys)
