"""The computed keys equal the keys that the processor writes."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipectl.failures.model import object_key, quarantine_key
from tests.lambda_src.fakes import FakeS3
from tests.lambda_src.loading import load

PROCESSOR = load("processor")


def _record(event_id: str, epoch: int, number: int = 100) -> Any:
    return {
        "eventID": event_id,
        "eventName": "INSERT",
        "dynamodb": {
            "ApproximateCreationDateTime": epoch,
            "SequenceNumber": f"{number:021}",
            "Keys": {"orderId": {"S": "a"}},
            "NewImage": {"orderId": {"S": "a"}},
        },
        "eventSourceARN": "arn:aws:dynamodb:us-east-1:123456789012:table/orders/stream/2026-01-01T00:00:00.000",
    }


@given(
    st.text(st.characters(exclude_categories=["Cs"]), max_size=40),
    st.integers(0, 4_102_444_800),
    st.integers(0, 10**21 - 1),
    st.sampled_from(["processed-data", "a/b"]),
)
def test_the_name_equals_the_one_of_the_handler(event_id: str, epoch: int, number: int, prefix: str) -> None:
    record = _record(event_id, epoch, number)
    day = f"{PROCESSOR.created_at(record):%Y/%m/%d}"
    assert object_key(prefix, record) == f"{prefix}/{day}/{PROCESSOR.object_name(record)}"


@pytest.mark.parametrize(
    ("event_id", "epoch", "key"),
    [
        ("c0ffee", 1_767_225_599, "processed-data/2025/12/31/c0ffee.json"),
        ("c0ffee", 1_767_225_600, "processed-data/2026/01/01/c0ffee.json"),
        ("../up", 1_767_225_600, "processed-data/2026/01/01/..%2Fup.json"),
        ("", 1_767_225_600, "processed-data/2026/01/01/sequence%3D000000000000000000100.json"),
    ],
)
def test_the_key_equals_the_one_that_the_processor_writes(event_id: str, epoch: int, key: str) -> None:
    record, s3 = _record(event_id, epoch), FakeS3()
    context = SimpleNamespace(function_name="processor", aws_request_id="request-1")
    PROCESSOR.Processor(s3, "orders").process({"Records": [record]}, context)
    (written,) = s3.versions
    assert written == object_key("processed-data", record) == key.replace("%3D", "=")


@pytest.mark.parametrize("number", [1, 10**21 - 1, 10**39])
def test_the_quarantine_key_equals_the_one_that_the_processor_writes(number: int) -> None:
    record, s3 = _record("c0ffee", 1_767_225_600, number), FakeS3()
    record["dynamodb"]["NewImage"]["amount"] = {"S": "twelve"}
    context = SimpleNamespace(function_name="processor", aws_request_id="request-1")
    with pytest.raises(PROCESSOR.BatchError):
        PROCESSOR.Processor(s3, "orders").process({"Records": [record]}, context)
    (written,) = s3.versions
    assert written == quarantine_key("failed-data", record)
