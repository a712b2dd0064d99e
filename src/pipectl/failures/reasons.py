"""Reasons of failures, as the audit item has them. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import timedelta
from decimal import Decimal

from pipectl.failures.model import Failure, SequenceNumber
from pipectl.timestamps import duration

_LONGEST_REASON = 2000
_BATCH_ERROR = re.compile(
    r"\A[\w.]{1,100}: record with keys .{0,5000}? and sequence number \w{1,40} failed: ", re.DOTALL
)
"""The beginning of the error that the processor raises for the first record of a batch. The name of its type differs
between AWS and the local emulator.
"""
_MOST_TRIES = 10**9


def reason_in(error: str) -> str:
    """Return the reason of one record in the error of its batch; an error of another form stays as it is."""
    return _BATCH_ERROR.sub("", error) or error


def error_of(failure: Failure) -> str | None:
    """Return the error of the last replay, as the audit item keeps it."""
    failing, error = failure.item.get("failingRecords"), failure.item.get("replayError")
    errors = [each.get("error") for each in failing if isinstance(each, Mapping)] if isinstance(failing, list) else []
    return next((reason_in(each) for each in [*errors, error] if isinstance(each, str) and each), None)


def error_of_record(failure: Failure, number: SequenceNumber) -> str | None:
    failing = failure.item.get("failingRecords")
    for each in failing if isinstance(failing, list) else []:
        if isinstance(each, Mapping) and SequenceNumber.parse(each.get("sequenceNumber")) == number:
            error = each.get("error")
            return reason_in(error) if isinstance(error, str) and error else None
    return None


def tries(failure: Failure) -> int | None:
    """Return the number of invocations that Lambda reports; ``None`` when the item does not hold one."""
    count = failure.item.get("approximateInvokeCount")
    return int(count) if isinstance(count, Decimal) and 0 <= count < _MOST_TRIES else None


def reason_in_words(failure: Failure, record_age: timedelta) -> str | None:
    """Return the reason of a failure that the processor has not reported."""
    if failure.failure_type == "UnparseableMessage":
        return "the message in the dead-letter queue is not a failure message of Lambda"
    count = tries(failure) or 0
    if failure.failure_type == "RecordAgeExceeded":
        age = (
            f"waited longer than {duration(record_age).replace('.0 h', ' h')}"
            if record_age > timedelta(0)
            else "waited too long"
        )
        # Lambda reports one invocation also where there was none.
        return f"{age}; the processor was never invoked" if count <= 1 else f"{age}, with {count} tries"
    if _was_never_invoked(failure):
        return "the processor could not be invoked: it was throttled, or the mapping is not allowed to invoke it"
    return None


def _was_never_invoked(failure: Failure) -> bool:
    """Return whether Lambda's message has no response of the function."""
    message = failure.item.get("message")
    body = message.get("body") if isinstance(message, Mapping) else None
    try:
        content = json.loads(body) if isinstance(body, str) else None
    except (ValueError, RecursionError):
        return False
    return isinstance(content, Mapping) and "requestContext" in content and not content.get("responseContext")


def batch_size(failure: Failure) -> int | None:
    stream = failure.item.get("stream")
    size = stream.get("batchSize") if isinstance(stream, Mapping) else None
    try:
        return int(str(size)) if 0 < int(str(size)) <= 10_000 else None
    except ValueError:
        return None


def cut(reason: str | None) -> str | None:
    if reason is None or len(reason) <= _LONGEST_REASON:
        return reason
    return f"{reason[: _LONGEST_REASON - 3]}..."
