"""Flags of event source mappings: records and failures that are lost, or read by others."""

from __future__ import annotations

import pytest

from pipectl.pipeline import Pipeline
from tests.review.rows import CLOSED, LOSS, OPENED, OTHER, OUTSIDE, STAYS, WIDER, Row, check, named
from tests.support import ACCOUNT

QUEUE = f"arn:aws:sqs:us-east-1:{ACCOUNT}:other"
FUNCTION = f"arn:aws:lambda:us-east-1:{ACCOUNT}:function:old"


ROWS = [
    Row(
        "no ReportBatchItemFailures",
        "stream-mapping",
        {"response_types": []},
        flags=((LOSS, CLOSED, "response_types"),),
    ),
    Row(
        "no ReportBatchItemFailures of the queue",
        "queue-mapping",
        {"response_types": []},
        flags=((LOSS, CLOSED, "response_types"),),
    ),
    Row(
        "filter of some orders",
        "stream-mapping",
        {"filter": ['{"eventName": ["INSERT"]}']},
        flags=((LOSS, CLOSED, "filter"),),
    ),
    Row("filter that is no JSON", "stream-mapping", {"filter": ["{"]}, flags=((LOSS, CLOSED, "filter"),)),
    Row("filter of all orders", "stream-mapping", {"filter": ['{"eventName": ["REMOVE", "MODIFY", "INSERT"]}']}),
    Row("empty filter", "stream-mapping", {"filter": ["{}"]}),
    Row("no filter", "stream-mapping", {"filter": []}),
    Row("filter of the queue", "queue-mapping", {"filter": ['{"body": ["x"]}']}, flags=((LOSS, CLOSED, "filter"),)),
    Row(
        "no destination",
        "stream-mapping",
        {"on_failure": None},
        flags=((LOSS, CLOSED, "on_failure"),),
    ),
    Row(
        "another destination, or the earlier name of the queue",
        "stream-mapping",
        {"on_failure": QUEUE},
        flags=((LOSS, CLOSED, "on_failure"),),
        words=(QUEUE, "dlq"),
    ),
    Row(
        "destination of another account",
        "stream-mapping",
        {"on_failure": QUEUE.replace(ACCOUNT, OTHER)},
        flags=((OUTSIDE, CLOSED, "on_failure"),),
        words=(OTHER,),
    ),
    Row(
        "another function, or its earlier name",
        "stream-mapping",
        {"function": FUNCTION},
        flags=((WIDER, CLOSED, "function"),),
        words=("orders", FUNCTION, "order-processor"),
    ),
    Row(
        "function of another account",
        "queue-mapping",
        {"function": FUNCTION.replace(ACCOUNT, OTHER)},
        flags=((OUTSIDE, CLOSED, "function"),),
        words=("failures",),
    ),
    Row(
        "shorter age",
        "stream-mapping",
        {},
        {"maximum_record_age": 3600},
        flags=((LOSS, OPENED, "maximum_record_age"),),
        words=("1 hour ", "12 hours"),
    ),
    Row(
        "shortest age",
        "stream-mapping",
        {},
        {"maximum_record_age": 60},
        flags=((LOSS, OPENED, "maximum_record_age"),),
        words=("1 minute,",),
    ),
    Row(
        "no age",
        "stream-mapping",
        {"maximum_record_age": -1},
        flags=((LOSS, CLOSED, "maximum_record_age"),),
    ),
    Row(
        "starts at LATEST",
        "stream-mapping",
        {"starting_position": "LATEST"},
        flags=((LOSS, CLOSED, "starting_position"),),
    ),
    Row(
        "another reader of the stream",
        "stream-mapping",
        {},
        unmanaged={"other_readers": [{"uuid": "u", "function": FUNCTION}]},
        flags=((WIDER, STAYS, None),),
    ),
    Row(
        "another reader of the queue",
        "queue-mapping",
        {},
        unmanaged={"other_readers": [{"uuid": "u", "function": FUNCTION.replace(ACCOUNT, OTHER)}]},
        flags=((LOSS, STAYS, None),),
    ),
]


@pytest.mark.parametrize("row", ROWS, ids=named)
def test_a_change_has_the_flags_of_its_risks(pipeline: Pipeline, row: Row) -> None:
    check(pipeline, row)
