"""Risks of alarms: those that cannot fire, fire at all times, or notify nobody."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from pipectl.resource_keys import ResourceKey
from pipectl.review.case import Case, Risk
from pipectl.review.model import Flag, FlagKind, When
from pipectl.review.words import account_in, listed, texts

_ERRORS_OF_ONE = 4
_ERRORS_IN_BATCH = 10
"""Errors of one order that fails all retries: alone in its batch, and, at most, in a batch of 100 that is split."""
_UP = ("GreaterThanOrEqualToThreshold", "GreaterThanThreshold")
_WATCHED = {
    "namespace": "watches the namespace {} instead of {}",
    "metric": "watches the metric {} instead of {}",
    "dimensions": "watches {} instead of {}",
    "statistic": "uses the statistic {} instead of {}",
    "comparison": "uses the comparison {} instead of {}",
}


def risks(values: Mapping[str, Any], case: Case) -> Iterator[Risk]:
    """Yield the risks of one state of an alarm."""
    what = f"alarm {case.name}"

    def silent(attribute: str, reason: str) -> Risk:
        return Risk(FlagKind.SILENT_ALARM, f"{what} {reason}", attribute, attribute)

    if reason := _threshold(values, case):
        yield silent("threshold", reason)
    if values.get("actions_enabled") is False:
        yield silent("actions_enabled", "has its actions switched off, so it notifies nobody")
    if (unit := values.get("unit")) is not None:
        yield silent("unit", f"counts only data with the unit {unit}, so it may never fire")
    periods = values.get("evaluation_periods")
    if isinstance(periods, int) and periods > 1:
        seconds = values.get("period")
        of = f" of {seconds} seconds" if isinstance(seconds, int) else ""
        yield silent("evaluation_periods", f"fires only after {periods} such periods{of} in a row")
    missing = values.get("missing_data")
    if missing == "breaching":
        yield silent("missing_data", "fires whenever there is no data, so an error makes no difference")
    elif missing == "ignore":
        yield silent("missing_data", "keeps its state when there is no data, so a later error can make no difference")
    for attribute in ("actions", "ok_actions"):
        yield from _foreign_actions(values.get(attribute), attribute, what, case.account_id)


def _threshold(values: Mapping[str, Any], case: Case) -> str | None:
    """Return why a threshold is out of reach, or always exceeded."""
    threshold, up = values.get("threshold"), values.get("comparison") in _UP
    if not isinstance(threshold, int | float) or not up:
        return None
    least = values.get("comparison") == _UP[0]
    if threshold < 0 or (threshold == 0 and least):
        return f"fires at all times (threshold {threshold:g}), so an error makes no difference"
    if case.change.resource != ResourceKey.ERRORS_ALARM or threshold <= _ERRORS_IN_BATCH:
        return None
    most, fewest = -(-threshold // _ERRORS_OF_ONE), -(-threshold // _ERRORS_IN_BATCH)
    period = values.get("period")
    within = f" within {period} seconds" if isinstance(period, int) else ""
    return (
        f"fires only at {threshold:,.15g} errors{within}: one order that fails makes {_ERRORS_OF_ONE}, or 9 to "
        f"{_ERRORS_IN_BATCH} in a batch of 100, so {fewest:,.15g} to {most:,.15g} orders can fail before it does"
    )


def _foreign_actions(actions: object, attribute: str, what: str, account_id: str) -> Iterator[Risk]:
    for arn in texts(actions or []):
        owner = account_in(arn)
        if owner and owner != account_id:
            yield Risk(FlagKind.OTHER_ACCOUNT, f"{what} notifies account {owner}: {arn}", attribute)


def flags(case: Case) -> Iterator[Flag]:
    """Yield the flags of an alarm that changes, without those of one state."""
    what = f"alarm {case.name}"
    if case.before is None:
        return
    if case.after is None:
        meaning = case.before.get("description")
        lost = f", and nothing reports this any more: {meaning}" if meaning else ""
        yield Flag(FlagKind.SILENT_ALARM, When.OPENED, f"{what} is deleted{lost}")
        return
    before, after = case.before, case.after
    for attribute, words in _WATCHED.items():
        now, then = before.get(attribute), after.get(attribute)
        if now != then:
            reason = f"{what} {words.format(_shown(now), _shown(then))}"
            yield Flag(FlagKind.SILENT_ALARM, When.CLOSED, reason, attribute)
    yield from _less_sensitive(before, after, what, case)
    yield from _fewer_actions(before, after, what)


def _less_sensitive(before: Mapping[str, Any], after: Mapping[str, Any], what: str, case: Case) -> Iterator[Flag]:
    """Yield flags for a threshold that is higher, or a period that is shorter, before or after the change."""
    now, then = before.get("threshold"), after.get("threshold")
    in_reach = not any(_threshold(values, case) for values in (before, after))
    if in_reach and isinstance(now, int | float) and isinstance(then, int | float) and now != then:
        reason = f"{what} fires only at {max(now, then):,.15g} instead of {min(now, then):,.15g}"
        yield Flag(FlagKind.SILENT_ALARM, When.OPENED if then > now else When.CLOSED, reason, "threshold")
    now, then = before.get("period"), after.get("period")
    if isinstance(now, int) and isinstance(then, int) and now != then:
        fewer = f"{what} counts {min(now, then)} seconds instead of {max(now, then)}, so it sees fewer errors at once"
        yield Flag(FlagKind.SILENT_ALARM, When.OPENED if then < now else When.CLOSED, fewer, "period")


def _fewer_actions(before: Mapping[str, Any], after: Mapping[str, Any], what: str) -> Iterator[Flag]:
    now, then = set(texts(before.get("actions") or [])), set(texts(after.get("actions") or []))
    for gone, left, when in ((now - then, then, When.OPENED), (then - now, now, When.CLOSED)):
        if gone:
            reason = f"{what} does not notify {listed(sorted(gone))}" + ("" if left else ", and so nobody")
            yield Flag(FlagKind.SILENT_ALARM, when, reason, "actions")


def unmanaged(settings: Mapping[str, Any], case: Case) -> Iterator[Flag]:
    """Yield the flags of actions on insufficient data."""
    actions = settings.get("insufficient_data_actions")
    for risk in _foreign_actions(actions, "", f"alarm {case.name}", case.account_id):
        yield Flag(risk.kind, When.STAYS, risk.reason)


def _shown(value: object) -> str:
    if isinstance(value, Mapping):
        return listed([f"{name} {each}" for name, each in sorted(value.items())]) or "no dimension"
    return "none" if value is None else str(value)
