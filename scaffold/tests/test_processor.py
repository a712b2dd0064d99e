"""Tests of the processor. Run `pytest` in the project's folder: they need boto3 and pytest, and no AWS."""

from __future__ import annotations

import json
import sys
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.exceptions import ClientError

PROJECT = Path(__file__).parents[1]
sys.path.insert(0, str(PROJECT / "lambda_src" / "python" / "processor"))

from handler import BatchError, InvalidOrderError, Processor, enrich

FIRST = "processed-data/2026/03/01/c4ca4238a0b923820dcc509a6f75849b.json"
SECOND = "processed-data/2026/03/01/c81e728d9d4c2f636f067f89cc14862c.json"
QUARANTINED = "failed-data/2026-03-01T10:00:00.000/0000000000000000000100000000000000000004.json"


class FakeS3:
    """A bucket in memory. Like S3, it refuses a conditional put of an object that exists."""

    def __init__(self) -> None:
        self.objects: dict[str, Any] = {}

    def put_object(self, **request: Any) -> None:
        if request.get("IfNoneMatch") == "*" and request["Key"] in self.objects:
            raise ClientError({"Error": {"Code": "PreconditionFailed"}}, "PutObject")
        self.objects[request["Key"]] = json.loads(request["Body"], parse_float=Decimal)


def read(name: str) -> Any:
    """Return an event of the folder `events`. Numbers are Decimals, as `enrich` gets them."""
    return json.loads((PROJECT / "events" / name).read_text(), parse_int=Decimal, parse_float=Decimal)


def records() -> list[Any]:
    """Return a batch as Lambda passes it: INSERT, MODIFY, REMOVE, and an order that is invalid."""
    records: list[Any] = json.loads((PROJECT / "events" / "stream-event.json").read_text())["Records"]
    return records


def process(s3: Any, *batch: Any) -> Any:
    context = SimpleNamespace(function_name="processor", aws_request_id="request-1", function_version="1")
    return Processor(s3, "bucket").process({"Records": list(batch)}, context)


def test_a_good_order_is_accepted() -> None:
    assert enrich(read("order.json")) == {"status": "PROCESSED"}


def test_an_invalid_order_is_refused() -> None:
    with pytest.raises(InvalidOrderError, match="amount must be a number"):
        enrich(read("invalid-order.json"))


def test_each_version_of_an_order_is_stored_once() -> None:
    s3 = FakeS3()
    inserted, modified, removed, _ = records()
    for _ in ("first attempt", "retry"):
        assert process(s3, inserted, modified, removed) == {"batchItemFailures": []}
    assert sorted(s3.objects) == [FIRST, SECOND]
    assert s3.objects[FIRST]["newImage"]["amount"] == Decimal("12.50")
    assert s3.objects[SECOND]["metadata"]["status"] == "PROCESSED"


def test_the_first_record_that_fails_fails_the_invocation() -> None:
    s3 = FakeS3()
    inserted, _, _, invalid = records()
    with pytest.raises(BatchError, match="order-2"):
        process(s3, invalid, inserted)
    assert sorted(s3.objects) == [QUARANTINED, FIRST]
    assert s3.objects[QUARANTINED]["failure"]["reason"].startswith("InvalidOrderError: amount")


def test_a_later_record_that_fails_is_reported() -> None:
    s3 = FakeS3()
    answer = process(s3, *records())
    assert answer == {"batchItemFailures": [{"itemIdentifier": "100000000000000000004"}]}
    assert sorted(s3.objects) == [QUARANTINED, FIRST, SECOND]
