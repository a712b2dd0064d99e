"""Risks of event source mappings: records and failures that are discarded, delayed, or read by others."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from pipectl.resource_keys import ResourceKey
from pipectl.review.case import Case, Risk
from pipectl.review.commands import command
from pipectl.review.model import Flag, FlagKind, When
from pipectl.review.words import account_in, listed, text, texts
from pipectl.text import measured

_REPORT = "ReportBatchItemFailures"
_PROCESSED = {"INSERT", "MODIFY"}
_DAY = 24 * 3600
_SAFE_AGE = 12 * 3600
_SHORT_AGE = 3600
_NO_LIMIT = -1


def risks(values: Mapping[str, Any], case: Case) -> Iterator[Risk]:
    """Yield the risks of one state of a mapping."""
    stream = case.change.resource == ResourceKey.STREAM_MAPPING
    if values.get("enabled") is False:
        effect = "no order is processed, and records expire after 24 hours" if stream else "no failure is audited"
        yield Risk(FlagKind.DATA_LOSS, f"mapping {case.name} is off: {effect}", "enabled")
    if _REPORT not in texts(values.get("response_types") or []):
        effect = "records of a batch that failed count as processed" if stream else "messages that failed are deleted"
        yield Risk(FlagKind.DATA_LOSS, f"mapping {case.name} does not use {_REPORT}: {effect}", "response_types")
    yield from _filter_risks(values.get("filter"), case, stream)
    if stream:
        yield from _stream_risks(values, case)


def _filter_risks(patterns: object, case: Case, stream: bool) -> Iterator[Risk]:
    found = texts(patterns or [])
    if not found or (stream and any(map(_passes_orders, found))):
        return
    effect = (
        "orders that do not match it are never processed" if stream else "Lambda deletes failures that do not match it"
    )
    yield Risk(FlagKind.DATA_LOSS, f"mapping {case.name} has the filter {listed(found, 'or')}: {effect}", "filter")


def _passes_orders(pattern: str) -> bool:
    """Return whether a pattern lets every new and changed order through."""
    try:
        parsed = json.loads(pattern)
    except ValueError:
        return False
    if parsed == {}:
        return True
    names = parsed.get("eventName") if isinstance(parsed, dict) and len(parsed) == 1 else None
    return isinstance(names, list) and set(map(text, names)) >= _PROCESSED


def _stream_risks(values: Mapping[str, Any], case: Case) -> Iterator[Risk]:
    def risk(attribute: str, reason: str) -> Risk:
        return Risk(FlagKind.DATA_LOSS, f"mapping {case.name} {reason}", attribute, attribute)

    if values.get("retry_attempts") == 0:
        yield risk("retry_attempts", "never retries: a temporary error sends a whole batch to the dead-letter queue")
    if values.get("bisect") is False:
        size = values.get("batch_size")
        batch = f"all {size} records" if isinstance(size, int) else "all records"
        yield risk("bisect", f"does not split failing batches: one bad order fails {batch} of its batch")
    age = values.get("maximum_record_age")
    if isinstance(age, int):
        yield from (risk("maximum_record_age", reason) for reason in _age_reasons(age, values))
    if values.get("starting_position") == "LATEST":
        yield risk("starting_position", "starts at LATEST: orders that are written while it changes can be skipped")
    target = values.get("on_failure")
    if target is None and "on_failure" in values:
        yield risk("on_failure", "has no destination for failures: records that fail all retries are discarded")
    elif isinstance(target, str) and (owner := _account(target)) != case.account_id:
        reason = f"mapping {case.name} sends failures to {target} of account {owner}"
        yield Risk(FlagKind.OTHER_ACCOUNT, reason, "on_failure", "on_failure")


def _age_reasons(age: int, values: Mapping[str, Any]) -> Iterator[str]:
    if age == _NO_LIMIT and values.get("retry_attempts") == _NO_LIMIT:
        yield "retries without an end: one bad order blocks its shard until the records behind it expire (24 hours)"
    elif age == _NO_LIMIT or age > _SAFE_AGE:
        limit = "has no maximum record age" if age == _NO_LIMIT else f"has a maximum record age of {_time(age)}"
        yield f"{limit}: a failure can arrive when the stream no longer has its records (24 hours)"
    elif age < _SHORT_AGE:
        yield f"discards orders that wait for more than {_time(age)}, for example while the processor fails"


def flags(case: Case) -> Iterator[Flag]:
    """Yield the flags of a mapping that changes, without those of one state."""
    if case.before is None or case.after is None:
        return
    before, after = case.before, case.after
    now, then = before.get("function"), after.get("function")
    if now != then:
        kind = FlagKind.PERMISSIONS if _account(now) == case.account_id else FlagKind.OTHER_ACCOUNT
        data = "orders" if case.change.resource == ResourceKey.STREAM_MAPPING else "failures"
        reason = f"mapping {case.name} gives the {data} to {now}; the config names {then}"
        yield Flag(kind, When.CLOSED, reason, "function")
    now, then = before.get("on_failure"), after.get("on_failure")
    if now and now != then and _account(now) == case.account_id:
        reason = f"mapping {case.name} sends failures to {now}; the config names {then}"
        yield Flag(FlagKind.DATA_LOSS, When.CLOSED, reason, "on_failure")
    now, then = before.get("maximum_record_age"), after.get("maximum_record_age")
    if isinstance(now, int) and isinstance(then, int) and _SHORT_AGE <= then < now <= _SAFE_AGE:
        reason = f"mapping {case.name} discards orders that wait for more than {_time(then)} instead of {_time(now)}"
        yield Flag(FlagKind.DATA_LOSS, When.OPENED, reason, "maximum_record_age")


def unmanaged(settings: Mapping[str, Any], case: Case) -> Iterator[Flag]:
    """Yield the flags of other mappings that read the pipeline's source, or invoke its function."""
    stream = case.change.resource == ResourceKey.STREAM_MAPPING
    for reader in settings.get("other_readers") or []:
        function = text(reader.get("function"))
        own = _account(function) == case.account_id
        hint = command("lambda delete-event-source-mapping", uuid=text(reader.get("uuid")))
        if stream:
            kind = FlagKind.PERMISSIONS if own else FlagKind.OTHER_ACCOUNT
            yield Flag(kind, When.STAYS, f"{function} reads the orders, too, by another mapping", hint=hint)
        else:
            reason = f"{function} takes failures from the queue of {case.name}, and they are never audited"
            yield Flag(FlagKind.DATA_LOSS, When.STAYS, reason, hint=hint)


def _account(arn: object) -> str:
    return account_in(str(arn)) or "an unknown account"


def _time(seconds: int) -> str:
    return measured(seconds / _DAY, "days")
