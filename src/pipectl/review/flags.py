"""Flags: the risks that a change opens, closes or leaves."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping

from pipectl.engine.model import Action, Change, Observation
from pipectl.review import table_flags
from pipectl.review.case import Case, Risk
from pipectl.review.model import Flag, When

_RISKS: Mapping[str, Callable[[Mapping[str, object], Case], Iterable[Risk]]] = {"table": table_flags.risks}
"""By kind of resource: the risks of one state of it."""


def flags_of(change: Change, observed: Observation | None, account_id: str) -> tuple[Flag, ...]:
    """Return the risks of a change, those that it begins first.

    A refused change does nothing, so it has none.

    Args:
        change: The change.
        observed: The observation that it is based on.
        account_id: The account of the pipeline.
    """
    if change.action is Action.REFUSE:
        return ()
    found = dict.fromkeys(_flags(Case.of(change, observed, account_id)))
    order = list(When)
    return tuple(sorted(found, key=lambda flag: order.index(flag.when)))


def _flags(case: Case) -> Iterator[Flag]:
    risks = _RISKS.get(case.change.kind)
    if risks:
        before = list(risks(case.before, case)) if case.before is not None else []
        after = list(risks(case.after, case)) if case.after is not None else []
        yield from _compared(before, after)


def _compared(before: list[Risk], after: list[Risk]) -> Iterator[Flag]:
    """Yield the risks of the later state that are new, and those of the earlier state that end."""
    topics = {risk.topic or risk.reason for risk in after}
    for risk in after:
        if risk not in before:
            yield Flag(risk.kind, When.OPENED, risk.reason, risk.attribute)
    for risk in before:
        if (risk.topic or risk.reason) not in topics:
            yield Flag(risk.kind, When.CLOSED, risk.reason, risk.attribute)
