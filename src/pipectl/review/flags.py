"""Flags: the risks that a change opens, closes or leaves."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pipectl.engine.model import Action, Change, Observation
from pipectl.review import (
    alarm_flags,
    bucket_flags,
    function_flags,
    log_group_flags,
    mapping_flags,
    queue_flags,
    role_flags,
    table_flags,
)
from pipectl.review.case import Case, Risk
from pipectl.review.model import Flag, FlagKind, When

Values = Mapping[str, Any]


def _none(*_: object) -> tuple[()]:
    return ()


@dataclass(frozen=True)
class _Rules:
    """The rules for one kind of resource.

    Args:
        risks: The risks of one state. The change closes one that only the state before has, and opens a new one.
        flags: The flags that both states together show.
        unmanaged: The flags of settings that pipectl does not manage.
    """

    risks: Callable[[Values, Case], Iterable[Risk]] = _none
    flags: Callable[[Case], Iterable[Flag]] = _none
    unmanaged: Callable[[Values, Case], Iterable[Flag]] = _none


_RULES: Mapping[str, _Rules] = {
    "alarm": _Rules(alarm_flags.risks, alarm_flags.flags, alarm_flags.unmanaged),
    "bucket": _Rules(bucket_flags.risks, bucket_flags.flags, bucket_flags.unmanaged),
    "function": _Rules(function_flags.risks, function_flags.flags, function_flags.unmanaged),
    "log-group": _Rules(flags=log_group_flags.flags),
    "mapping": _Rules(mapping_flags.risks, mapping_flags.flags, mapping_flags.unmanaged),
    "queue": _Rules(queue_flags.risks, queue_flags.flags),
    "role": _Rules(flags=role_flags.flags),
    "table": _Rules(table_flags.risks, table_flags.flags, table_flags.unmanaged),
}


def flags_of(change: Change, observed: Observation | None, account_id: str) -> tuple[Flag, ...]:
    """Return the risks of a change: those that it begins first, and those of access before others.

    A refused change does nothing, so it has none.

    Args:
        change: The change.
        observed: The observation that it is based on.
        account_id: The account of the pipeline.
    """
    if change.action is Action.REFUSE:
        return ()
    case, rules = Case.of(change, observed, account_id), _RULES.get(change.kind)
    found: dict[tuple[str, str, str], Flag] = {}
    for flag in _flags(case, rules) if rules else ():  # `$LATEST` and the version in use often have the same one
        found.setdefault((flag.kind, flag.when, flag.reason), flag)
    times, kinds = list(When), list(FlagKind)
    return tuple(sorted(found.values(), key=lambda flag: (times.index(flag.when), kinds.index(flag.kind))))


def _flags(case: Case, rules: _Rules) -> Iterator[Flag]:
    before = list(rules.risks(case.before, case)) if case.before is not None else []
    after = list(rules.risks(case.after, case)) if case.after is not None else []
    for flag in (*_compared(before, after), *rules.flags(case)):
        if flag.when is When.OPENED or case.before is not None:
            yield flag
    if case.observed and case.after is not None:
        yield from rules.unmanaged(case.observed.unmanaged, case)


def _compared(before: list[Risk], after: list[Risk]) -> Iterator[Flag]:
    """Yield the risks of the later state that are new, and those of the earlier state that end."""
    topics = {risk.topic or risk.reason for risk in after}
    for risk in after:
        if risk not in before:
            yield Flag(risk.kind, When.OPENED, risk.reason, risk.attribute)
    for risk in before:
        if (risk.topic or risk.reason) not in topics:
            yield Flag(risk.kind, When.CLOSED, risk.reason, risk.attribute)
