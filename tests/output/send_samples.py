"""Results of `send`: stored, failed, waiting, and the answer of a direct invocation."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from functools import partial
from typing import TypeAlias

from pipectl.commands.send import SendFailure, SendReport, SendState
from pipectl.commands.send_direct import DirectReport
from pipectl.failures.errors import OrderError, OrderProblem, UnchangedOrderError
from pipectl.failures.model import SequenceNumber
from pipectl.output import send
from pipectl.output.console import Screen

Sample: TypeAlias = Callable[[Screen], object]

_NUMBER = SequenceNumber(111, "000000000000000000111")
_ID = "3f1c8a0123456789abcdef0123456789"
_REQUEST = "8f5d3a0e-6c3b-4f1e-9a53-0c7a4de0a6f1"


def send_samples(text: str) -> dict[str, Sample]:
    """Return a call for each screen of `send`, with ``text`` as the data."""
    order = {"orderId": {"S": text}, "amount": {"N": "12.50"}, "note": {"NULL": True}}
    document = {"metadata": {"status": text}, "newImage": {"amount": Decimal("12.50")}}
    stored = SendReport(
        text,
        False,
        order,
        SendState.STORED,
        0.84,
        event_name="INSERT",
        event_id="5d0c9a",
        sequence_number=_NUMBER,
        document=document,
        object=f"s3://bucket/{text}.json",
    )
    unstored = replace(stored, document=None, object=None)
    failure = SendFailure(_ID, f"InvalidOrderError: {text}", 4, f"s3://bucket/failed-data/{text}.json")
    failed = replace(unstored, state=SendState.FAILED, seconds=12.0, event_name="MODIFY", failure=failure)
    waiting = replace(unstored, state=SendState.WAITING, generated=True, seconds=60.0, waits_for=text)
    processed = DirectReport(
        text,
        True,
        order,
        "direct-5d0c9a",
        "7",
        0.2,
        {"batchItemFailures": []},
        None,
        (text, '{"level": "INFO", "message": "hello"}', f"2026-01-31T12:00:00.000Z\t{_REQUEST}\tWARN\tslow\t2 s"),
        document=document,
        object=f"s3://bucket/{text}.json",
    )
    logged = f'{{"level": "ERROR", "message": "record failed", "reason": "{_ID}"}}'
    refused = replace(
        processed, document=None, object=None, answer=None, error=_ID, lines=(logged, text), quarantine="s3://bucket/q"
    )
    errors = {
        "error of an invalid order": OrderError(f"{text} is empty", OrderProblem.KEY, place=text),
        "error of an unchanged order": UnchangedOrderError(text),
    }
    return {
        "send": partial(send.result, report=stored),
        "send failed": partial(send.result, report=failed),
        "send failed without a reason": partial(
            send.result, report=replace(failed, failure=SendFailure(_ID, None), event_name=None, event_id=None)
        ),
        "send waiting": partial(send.result, report=waiting),
        "send waiting for a retry": partial(
            send.result, report=replace(waiting, failure=replace(failure, audit_id=None))
        ),
        "send waiting while paused": partial(
            send.result, report=replace(waiting, waits_for="processing is paused: `pipectl resume` continues")
        ),
        "send --direct": partial(send.direct, report=processed),
        "send --direct failed": partial(send.direct, report=refused),
        "send --direct without an object": partial(
            send.direct, report=replace(processed, document=None, object=None, lines=(), version=None)
        ),
        "send --direct without a log": partial(send.direct, report=replace(refused, lines=(), quarantine=None)),
        **{name: partial(Screen.error, error=error) for name, error in errors.items()},
    }
