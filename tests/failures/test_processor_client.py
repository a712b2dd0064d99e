"""Responses of the processor: every form is read like in Lambda."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipectl.aws.stream_records import EventRecord
from pipectl.failures.processor_client import ProcessorClient
from tests.failures.fakes import PROCESSOR, Process, World, answered, aws_error, failed, timed_out


def record(number: int, size: int = 0) -> Any:
    return {"eventName": "INSERT", "note": "x" * size, "dynamodb": {"SequenceNumber": f"{number:021}", "Keys": {}}}


def numbers_of(records: list[Any]) -> list[int]:
    return [int(each["dynamodb"]["SequenceNumber"]) for each in records]


class Handler:
    """A processor that fails the given numbers and answers in its own form."""

    def __init__(self, poison: set[int], answer: Any) -> None:
        self.poison, self.answer = poison, answer
        self.attempted: set[int] = set()

    def __call__(self, records: list[Any]) -> dict[str, Any]:
        return answered(self.answer(self, numbers_of(records)))

    def attempt(self, number: int) -> bool:
        self.attempted.add(number)
        return number not in self.poison


def stops_at_the_first(handler: Handler, numbers: list[int]) -> Any:
    """Answer like the example in Lambda's documentation: stop at the first failure."""
    for number in numbers:
        if not handler.attempt(number):
            return {"batchItemFailures": [{"itemIdentifier": f"{number:021}"}]}
    return {"batchItemFailures": []}


def reports_each(handler: Handler, numbers: list[int]) -> Any:
    failing = [number for number in numbers if not handler.attempt(number)]
    return {"batchItemFailures": [{"itemIdentifier": f"{number:021}"} for number in failing]}


def run(fault: Any, records: list[EventRecord]) -> list[int]:
    world = World()
    world.faults[PROCESSOR] = fault
    return [each.sequence_number.value for each in ProcessorClient(Process(world).aws, PROCESSOR).process(records)]


@pytest.mark.parametrize("answer", [stops_at_the_first, reports_each])
@pytest.mark.parametrize("poison", [set(), {0}, {5}, {9}, {2, 3}, {0, 4, 9}, set(range(10))], ids=str)
def test_every_record_is_attempted_when_a_handler_stops_at_a_failure(answer: Any, poison: set[int]) -> None:
    handler = Handler(poison, answer)
    assert run(handler, [record(number) for number in range(10)]) == sorted(poison)
    assert handler.attempted == set(range(10))


class Raising:
    """A processor like pipectl's: it raises when the first record fails, and reports the others."""

    def __init__(self, poison: set[int]) -> None:
        self.poison = poison
        self.invocations: list[list[int]] = []

    def __call__(self, records: list[Any]) -> dict[str, Any]:
        numbers = numbers_of(records)
        self.invocations.append(numbers)
        if numbers[0] in self.poison:
            return failed("BatchError", f"record {numbers[0]} failed")
        return answered(
            {"batchItemFailures": [{"itemIdentifier": f"{each:021}"} for each in numbers if each in self.poison]}
        )


def alone(handler: Raising) -> list[int]:
    return sorted(numbers[0] for numbers in handler.invocations if len(numbers) == 1)


@pytest.mark.parametrize(
    ("poison", "invocations"),
    [
        ({0}, 3),
        ({99}, 2),
        ({*range(10)}, 26),
        ({*range(0, 100, 2)}, 53),
        ({*range(100)}, 108),
    ],
    ids=["first", "last", "first ten", "every second", "all"],
)
def test_failing_records_take_few_invocations(poison: set[int], invocations: int) -> None:
    handler = Raising(poison)
    assert run(handler, [record(number) for number in range(100)]) == sorted(poison)
    assert len(handler.invocations) <= invocations
    assert sum(map(len, handler.invocations)) <= 500  # a batch whose records all fail had 5,150


@given(st.integers(1, 60), st.sets(st.integers(0, 59)))
def test_each_record_succeeds_in_an_invocation_or_fails_once_alone(count: int, some: set[int]) -> None:
    poison = {number for number in some if number < count}
    handler = Raising(poison)
    assert run(handler, [record(number) for number in range(count)]) == sorted(poison)
    assert [number for number in alone(handler) if number in poison] == sorted(poison)
    assert len(handler.invocations) <= count + 2 * len(poison)


@pytest.mark.parametrize("hangs", [0, 1, 50, 99])
def test_after_the_cause_of_a_time_out_is_found_invocations_become_larger_again(hangs: int) -> None:
    invocations: list[list[int]] = []

    def times_out(records: list[Any]) -> dict[str, Any]:
        invocations.append(numbers_of(records))
        return timed_out() if hangs in invocations[-1] else answered(None)

    assert run(times_out, [record(number) for number in range(100)]) == [hangs]
    assert len(invocations) <= 24


@pytest.mark.parametrize(
    "answer",
    [
        "done",
        ["done"],
        {"batchItemFailures": [{"itemIdentifier": ""}]},
        {"batchItemFailures": [{"itemIdentifier": None}]},
        {"batchItemFailures": [{"itemIdentifier": "7" * 21}]},
        {"batchItemFailures": [{"item": "0" * 21}]},
        {"batchItemFailures": ["0" * 21]},
        {"batchItemFailures": 7},
    ],
    ids=str,
)
def test_an_invalid_partial_batch_response_fails_the_batch(answer: Any) -> None:
    assert run(lambda _: answered(answer), [record(0), record(1)]) == [0, 1]


@pytest.mark.parametrize("answer", [None, {}, {"batchItemFailures": None}, {"batchItemFailures": []}], ids=str)
def test_responses_that_are_a_success_in_lambda(answer: Any) -> None:
    assert run(lambda _: answered(answer), [record(0), record(1)]) == []


@pytest.mark.parametrize(
    "payload", [b"", b"null", b"{", b"\xff\xfe", b'"words"', b'{"errorMessage": null}', b"[" * 5000]
)
def test_an_error_without_a_message_is_shown_by_its_type_or_payload(payload: bytes) -> None:
    class Body:
        def read(self) -> bytes:
            return payload

    world = World()
    world.faults[PROCESSOR] = lambda _: {"FunctionError": "Unhandled", "Payload": Body()}
    (failing,) = ProcessorClient(Process(world).aws, PROCESSOR).process([record(0)])
    assert failing.error


def test_a_response_that_is_nested_too_deep_fails_the_batch() -> None:
    class Body:
        def read(self) -> bytes:
            return b"[" * 100_000

    world = World()
    world.faults[PROCESSOR] = lambda _: {"Payload": Body()}
    (failing,) = ProcessorClient(Process(world).aws, PROCESSOR).process([record(0)])
    assert "invalid partial batch response" in failing.error


def test_a_record_that_lambda_cannot_parse_fails_alone() -> None:
    odd: Any = {**record(1), "note": math.nan}

    def refuses_nan(records: list[Any]) -> dict[str, Any]:
        if any(each.get("note") != "" for each in records):
            raise aws_error("InvalidRequestContentException", "lambda")
        return answered({"batchItemFailures": []})

    assert run(refuses_nan, [record(0), odd, record(2)]) == [1]


def test_an_error_of_any_length_is_cut() -> None:
    world = World()
    world.faults[PROCESSOR] = lambda _: failed("TooMuch", "x" * 1_000_000)
    (failing,) = ProcessorClient(Process(world).aws, PROCESSOR).process([record(0)])
    assert len(failing.error) == 1000


def test_the_error_of_a_batch_is_reduced_to_the_reason_of_its_record() -> None:
    error = 'record with keys {"orderId": {"S": "o-1"}} and sequence number 000123 failed: KeyError: \'sku\''
    world = World()
    world.faults[PROCESSOR] = lambda _: failed("BatchError", error)
    (failing,) = ProcessorClient(Process(world).aws, PROCESSOR).process([record(0)])
    assert failing.error == "KeyError: 'sku'"


def test_a_record_that_is_twice_in_a_batch() -> None:
    handler = Handler({1}, stops_at_the_first)
    assert set(run(handler, [record(0), record(1), record(2), record(1), record(3)])) == {1}
    assert handler.attempted == {0, 1, 2, 3}


def test_overwrite_is_passed_to_the_function() -> None:
    world = World()
    process = Process(world)
    ProcessorClient(process.aws, PROCESSOR, overwrite=True).process([record(0)])
    ProcessorClient(process.aws, PROCESSOR).process([record(0)])
    assert world.overwrites[0] is True
    assert world.overwrites[-1] is None
