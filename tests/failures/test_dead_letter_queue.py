"""The dead-letter queue is drained through the auditor: a message is deleted when its item exists."""

from __future__ import annotations

import json
from typing import Any

import pytest

from pipectl.failures.dead_letter_queue import QueueAudit, audit_messages
from tests.failures.fakes import AUDITOR, Killed, Process, World, answered, failed, timed_out

QUEUE_ARN = "arn:aws:sqs:us-east-1:123456789012:dev-order-processor-dlq-backend"


def audit(where: World | Process) -> QueueAudit:
    process = where if isinstance(where, Process) else Process(where)
    return audit_messages(process.aws, "https://queue", QUEUE_ARN, AUDITOR)


def drain(where: World | Process) -> int:
    found = audit(where)
    assert (found.failed, found.error) == (0, None)
    return found.audited


def test_an_auditor_that_fails_every_time_is_not_invoked_for_each_message() -> None:
    world = world_with(40)  # two come at a time
    world.faults[AUDITOR] = lambda _: failed("Boom", "no table")
    process = Process(world)
    assert audit(process).failed == 6
    assert process.count("Invoke") == 3


def test_a_message_that_cannot_be_audited_stops_no_other() -> None:
    world = world_with(7)
    bad = world.messages[3]["MessageId"]

    def fault(records: list[Any]) -> dict[str, Any] | None:
        return failed("Boom", "bad") if any(record["messageId"] == bad for record in records) else None

    world.faults[AUDITOR] = fault
    found = audit(world)
    assert (found.audited, found.failed, len(world.audit)) == (5, 2, 5)


def world_with(messages: int) -> World:
    world = World()
    for number in world.orders(messages):
        world.send(json.dumps(world.message(number)))
    return world


def test_one_empty_answer_is_not_the_end() -> None:
    world = world_with(3)
    world.empty_answers = [False, True, False, True]
    process = Process(world)
    assert audit(process).audited == 3
    assert process.count("ReceiveMessage") == 5


def test_large_messages_are_audited_in_several_invocations() -> None:
    world = World()
    world.receives = 10
    for _ in range(10):
        world.send("x" * 1024 * 1024)
    process = Process(world)
    assert audit(process) == QueueAudit(audited=10)
    assert (process.count("Invoke"), len(world.audit)) == (2, 10)


def test_every_message_becomes_an_item_and_is_deleted() -> None:
    world = world_with(7)  # two come at a time
    assert drain(world) == 7
    assert (world.messages, world.statuses()) == ([], {"OPEN": 7})
    assert drain(world) == 0


def test_a_message_that_is_not_json_is_audited() -> None:
    world = World()
    world.send("what is this")
    assert drain(world) == 1
    (item,) = world.audit.values()
    assert item["failureType"] == {"S": "UnparseableMessage"}


def test_the_auditor_gets_the_event_of_lambda() -> None:
    world, seen = World(), list[Any]()
    message = world.send("body")
    message["MessageAttributes"] = {"trace": {"DataType": "Binary", "BinaryValue": b"\0\1"}}
    world.faults[AUDITOR] = seen.extend
    drain(world)
    (record,) = seen
    assert record == {
        "messageId": message["MessageId"],
        "receiptHandle": message["MessageId"],
        "body": "body",
        "attributes": message["Attributes"],
        "messageAttributes": {"trace": {"dataType": "Binary", "binaryValue": "AAE="}},
        "md5OfBody": "",
        "eventSource": "aws:sqs",
        "eventSourceARN": QUEUE_ARN,
        "awsRegion": "us-east-1",
    }


@pytest.mark.parametrize(
    "answer",
    [
        lambda: failed("Boom", "no table"),
        timed_out,
        lambda: answered("done"),
        lambda: answered({"batchItemFailures": [{"itemIdentifier": ""}]}),
        lambda: answered({"batchItemFailures": [{"itemIdentifier": "a message of nobody"}]}),
        lambda: answered({"batchItemFailures": [{"id": "message-2"}]}),
        lambda: answered({"batchItemFailures": [{"itemIdentifier": []}]}),
    ],
)
def test_the_messages_stay_when_the_auditor_fails(answer: Any) -> None:
    world = world_with(2)
    world.faults[AUDITOR] = lambda _: answer()
    found = audit(world)
    assert (found.audited, found.failed, len(world.messages)) == (0, 2, 2)
    assert found.error
    del world.faults[AUDITOR]
    world.clock.sleep(61)  # until they are visible again
    assert drain(world) == 2


def test_only_the_message_that_failed_stays() -> None:
    world = world_with(2)
    bad = world.messages[1]["MessageId"]
    auditor = world.invoke

    def fault(records: list[Any]) -> dict[str, Any]:
        del world.faults[AUDITOR]
        auditor(AUDITOR, json.dumps({"Records": records[:1]}).encode())
        return answered({"batchItemFailures": [{"itemIdentifier": bad}]})

    world.faults[AUDITOR] = fault
    found = audit(world)
    assert (found.audited, found.failed) == (1, 1)
    assert [message["MessageId"] for message in world.messages] == [bad]


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_after_a_kill_at_any_call_nothing_is_lost(after: bool) -> None:
    whole = Process(world_with(5))
    drain(whole)
    for call in range(1, len(whole.calls) + 1):
        world = world_with(5)
        with pytest.raises(Killed):
            drain(Process(world, call, after=after))
        assert len(world.audit) + len(world.messages) >= 5
        world.clock.sleep(61)
        drain(world)
        assert (world.messages, world.statuses()) == ([], {"OPEN": 5})
