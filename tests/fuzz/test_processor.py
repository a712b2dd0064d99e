"""The processor with unusual events: every record is stored or reported, and the others are not affected."""

from __future__ import annotations

import contextlib
import io
import json
from types import SimpleNamespace
from typing import Any

from hypothesis import example, given
from hypothesis import strategies as st

from tests.fuzz.strategies import DEEP, JSON, SCALARS, TEXTS, TYPED, Deep, grown, places_of, replaced, trees, without
from tests.lambda_src.fakes import FakeS3
from tests.lambda_src.loading import load

module = load("processor")
CONTEXT = SimpleNamespace(function_name="processor", aws_request_id="request-1")
SOURCE = "arn:aws:dynamodb:eu-central-1:123456789012:table/orders/stream/2026-01-02T03:04:05.678"


def record(name: object, number: object, event_name: str = "INSERT") -> dict[str, Any]:
    return {
        "eventID": name,
        "eventName": event_name,
        "eventSourceARN": SOURCE,
        "dynamodb": {
            "ApproximateCreationDateTime": 1767323045,
            "SequenceNumber": number,
            "Keys": {"orderId": {"S": "order"}},
            "NewImage": {"orderId": {"S": "order"}, "amount": {"N": "1.50"}},
            "OldImage": {"orderId": {"S": "order"}},
        },
    }


GOOD = record("good", "100000000000000000000001"), record("also-good", "100000000000000000000003")
BASE = record("odd", "100000000000000000000002")
# NaN is not JSON, so Lambda never sends it, but Python parses it.
ODD = JSON | DEEP | TYPED | st.floats() | trees(SCALARS | st.floats())
ODD_RECORDS = (
    st.builds(replaced, st.just(BASE), st.sampled_from(places_of(BASE)), ODD)
    | st.builds(without, st.just(BASE), st.sampled_from(places_of(BASE)))
    | st.builds(record, TEXTS, TEXTS, st.sampled_from(["INSERT", "MODIFY", "REMOVE"]))
    | st.builds(lambda image: replaced(BASE, ("dynamodb", "NewImage"), image), st.dictionaries(TEXTS, TYPED))
    | ODD
)


def run(s3: FakeS3, event: object) -> tuple[Any, list[Any]]:
    """Return the response, ``None`` when the invocation failed with BatchError, and the log lines."""
    out, response = io.StringIO(), None
    with contextlib.redirect_stdout(out), contextlib.suppress(module.BatchError):
        response = module.Processor(s3, "orders").process(event, CONTEXT)
    assert out.getvalue().isascii()
    return response, [json.loads(line, parse_constant=no_json) for line in out.getvalue().splitlines()]


def no_json(constant: str) -> None:
    raise AssertionError(f"{constant} is not JSON")


def is_removal(odd: object) -> bool:
    return isinstance(odd, dict) and odd.get("eventName") == "REMOVE"


@given(ODD_RECORDS)
@example(replaced(BASE, ("dynamodb", "Keys"), Deep(100_000)))
@example(replaced(BASE, ("eventID",), Deep(100_000)))
@example(replaced(BASE, ("dynamodb", "Keys"), float("nan")))
@example(replaced(BASE, ("dynamodb", "SequenceNumber"), float("inf")))
def test_a_record_is_stored_or_reported_and_the_other_records_are_stored(odd: Any) -> None:
    s3, odd = FakeS3(), grown(odd)
    response, log = run(s3, {"Records": [GOOD[0], odd, GOOD[1]]})
    stored = {name: body[-1] for name, body in s3.versions.items() if name.startswith("processed-data/")}
    assert {"processed-data/2026/01/02/good.json", "processed-data/2026/01/02/also-good.json"} <= stored.keys()
    for body in stored.values():
        with contextlib.suppress(RecursionError):  # the stack is deeper here than in the handler
            json.loads(body, parse_constant=no_json)
    failed = [line for line in log if line["message"] == "record failed"]
    repeated = isinstance(odd, dict) and odd.get("eventID") in ("good", "also-good")
    assert len(stored) + len(failed) + is_removal(odd) + repeated == 3
    if response is None:
        assert failed
    else:
        assert len(response["batchItemFailures"]) == len(failed)
        assert all(isinstance(each["itemIdentifier"], str) for each in response["batchItemFailures"])


@given(st.lists(ODD_RECORDS, max_size=4))
def test_each_record_of_a_batch_is_stored_or_reported(records: list[Any]) -> None:
    """Two records with one id share an object; no other two do."""
    s3, records = FakeS3(), grown(records)
    response, log = run(s3, {"Records": records})
    failed = sum(line["message"] == "record failed" for line in log)
    assert (response is None) <= bool(failed)
    if response is not None:
        assert len(response["batchItemFailures"]) == failed
    ids: dict[str, set[bytes]] = {}
    for request in s3.requests:
        if request["Key"].startswith("processed-data/"):
            ids.setdefault(request["Key"], set()).add(request["Body"].partition(b', "processedAt"')[0])
    assert all(len(of_key) == 1 for of_key in ids.values())
    written = sum(request["Key"].startswith("processed-data/") for request in s3.requests)
    assert written + failed + sum(map(is_removal, records)) == len(records)


@given(ODD)
def test_an_event_is_a_batch_without_records_or_an_error(event: Any) -> None:
    event = grown(event)
    for odd in (event, {"Records": event}, {"Records": event, "overwrite": event}):
        s3 = FakeS3()
        response, log = run(s3, odd)
        records = odd.get("Records") if isinstance(odd, dict) else None
        if not (isinstance(records, list) and records):
            assert not log
            assert response == {"batchItemFailures": []} or records is not None
