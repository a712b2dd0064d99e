"""The auditor with unusual events: every message becomes one item that DynamoDB accepts, at every delivery."""

from __future__ import annotations

import contextlib
import io
import json
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.fuzz.strategies import DEEP, JSON, TEXTS, Deep, grown, json_of, places_of, replaced, without
from tests.lambda_src.fakes import FakeDynamoDB, client_error
from tests.lambda_src.loading import load
from tests.lambda_src.test_auditor import assert_fits, failure, message

module = load("auditor")
CONTEXT = SimpleNamespace(aws_request_id="request-1")
BASE: dict[str, Any] = failure(
    requestContext={
        "requestId": "r",
        "functionArn": "f",
        "condition": "RecordAgeExceeded",
        "approximateInvokeCount": 1,
    },
    responseContext={"functionError": "Unhandled"},
)
ODD = JSON | DEEP | st.floats()
VALUES = (
    st.builds(replaced, st.just(BASE), st.sampled_from(places_of(BASE)), ODD)
    | st.builds(without, st.just(BASE), st.sampled_from(places_of(BASE)))
    | ODD
)


BODIES = st.builds(json_of, VALUES) | TEXTS | st.binary().map(lambda raw: raw.decode("latin-1"))
MESSAGES = (
    st.builds(message, BODIES, TEXTS)
    | st.builds(replaced, st.just(message("?")), st.sampled_from(places_of(message("?"))), ODD)
    | st.builds(without, st.just(message("?")), st.sampled_from(places_of(message("?"))))
    | ODD
)


def audit(dynamodb: FakeDynamoDB, *messages: object) -> tuple[Any, list[Any]]:
    """Return the response, ``None`` when the invocation failed with BatchError, and the log lines."""
    out, response = io.StringIO(), None
    with contextlib.redirect_stdout(out), contextlib.suppress(module.BatchError):
        response = module.Auditor(dynamodb, "audit").audit({"Records": list(messages)}, CONTEXT)
    return response, [json.loads(line) for line in out.getvalue().splitlines()]


@given(MESSAGES)
def test_a_message_that_is_delivered_twice_is_one_item(odd: Any) -> None:
    dynamodb, odd = FakeDynamoDB(), grown(odd)
    for _ in range(2):
        assert audit(dynamodb, odd) == ({"batchItemFailures": []}, [])
    assert len(dynamodb.items) == 1
    assert_fits(dynamodb.items.values())


@given(st.lists(MESSAGES, max_size=3))
def test_every_message_of_a_batch_has_an_item(messages: list[Any]) -> None:
    dynamodb, messages = FakeDynamoDB(), grown(messages)
    assert audit(dynamodb, *messages) == ({"batchItemFailures": []}, [])
    assert_fits(dynamodb.items.values())
    for each in messages:  # a repeat adds nothing, so each message has its item
        before = len(dynamodb.items)
        audit(dynamodb, each)
        assert len(dynamodb.items) == before


@pytest.mark.parametrize("name", [None, "a"])
def test_messages_near_the_recursion_limit_are_audited(name: str | None) -> None:
    for below in range(-60, 0):
        dynamodb, deep = FakeDynamoDB(), Deep(below, name)
        bodies = [json_of({"requestContext": {"condition": deep}}), json_of({"DDBStreamBatchInfo": {"shardId": deep}})]
        messages = [*map(message, bodies, "ab"), message("?", "c", attributes=deep.grown()), message("?", deep.grown())]
        for each in messages:
            assert audit(dynamodb, each) == ({"batchItemFailures": []}, []), below
        assert len(dynamodb.items) == 4
        assert_fits(dynamodb.items.values())


@given(MESSAGES)
def test_a_put_that_fails_is_reported_or_fails_the_invocation(odd: Any) -> None:
    class Refusing(FakeDynamoDB):
        def put_item(self, **request: Any) -> dict[str, Any]:
            raise client_error("ProvisionedThroughputExceededException")

    good = message(failure(5), "good")
    response, log = audit(Refusing(), grown(odd), good)
    assert response is None
    assert len(log) == 2


@given(ODD)
def test_an_event_is_a_batch_without_messages_or_an_error(event: Any) -> None:
    dynamodb, event = FakeDynamoDB(), grown(event)
    out = io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.suppress(module.BatchError):
        response = module.Auditor(dynamodb, "audit").audit(event, CONTEXT)
        records = event.get("Records") if isinstance(event, dict) else None
        assert response == {"batchItemFailures": []} or records
