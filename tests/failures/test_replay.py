"""Replays of every form of message, with records in the stream, in the quarantine, or expired."""

from __future__ import annotations

import json
import threading
from datetime import datetime, timedelta
from typing import Any

import pytest

from pipectl.aws.errors import RESERVED_LIMIT
from pipectl.errors import AccessDeniedError, AwsError
from pipectl.failures.outcomes import ReplayReport
from tests.failures.fakes import OTHER_STREAM_ARN, PROCESSOR, SHARD, Process, World, aws_error, failed, timed_out
from tests.failures.running import CLAIM_SECONDS, audited_failures, new_replay, replay
from tests.support import PATIENCE

SHARD_2 = "shardId-00000001573689847184-00000002"


def expired(report: ReplayReport) -> list[str]:
    return [str(number) for number in report.expired]


@pytest.fixture(
    params=[(137, 1009, 21), (999_999_999_999_999_990_000, 5003, 21), (10**38, 7, 40)],
    ids=["leading zeros", "growing by a digit", "40 digits"],
)
def world(request: pytest.FixtureRequest) -> World:
    first, step, digits = request.param
    return World(first, step, digits)


class TestPoison:
    def test_other_records_are_replayed_and_the_failing_one_has_the_functions_error(self, world: World) -> None:
        good, poison, last = world.order(), world.order(poison=True), world.order()
        audit_id = world.give_up(good, last)
        report = replay(world)
        assert world.stored() == {good, last}
        assert world.status(audit_id) == "PARTIAL"
        assert list(world.failing_of(audit_id)) == [poison]
        assert 'amount must be a number, got "twelve"' in world.failing_of(audit_id)[poison]
        (failing,) = report.failing
        assert (str(failing.sequence_number), failing.keys) == (poison, {"orderId": {"S": "order-1"}})
        assert (report.replayed, report.still_failing, report.left) == (2, 1, 1)
        assert world.claimed() == []

    def test_a_failure_without_a_replayed_record_is_failed(self, world: World) -> None:
        audit_id = world.give_up(world.order(poison=True))
        assert replay(world).statuses == {"FAILED": 1}
        assert world.status(audit_id) == "FAILED"
        assert world.item(audit_id)["replayAttempts"] == {"N": "1"}

    @pytest.mark.parametrize("poison_at", [{0}, {4}, {9}, {0, 1}, {3, 7}, {0, 5, 9}, set(range(10))])
    def test_a_record_that_fails_again_is_invoked_once_alone(self, poison_at: set[int]) -> None:
        world = World()
        numbers = [world.order(poison=place in poison_at) for place in range(10)]
        world.give_up(numbers[0], numbers[-1])
        replay(world)
        alone = [chunk[0] for chunk in world.invoked if len(chunk) == 1]
        assert all(alone.count(numbers[place]) == 1 for place in poison_at)
        assert world.stored() == {number for place, number in enumerate(numbers) if place not in poison_at}

    def test_after_the_fix_every_failure_is_replayed_and_a_second_replay_does_nothing(self, world: World) -> None:
        for number in [world.order(poison=count % 3 == 0) for count in range(9)]:
            world.give_up(number)
        assert replay(world).statuses == {"REPLAYED": 6, "FAILED": 3}
        world.fix()
        assert replay(world).statuses == {"REPLAYED": 3}
        assert len(world.stored()) == 9
        assert "replayError" not in next(iter(world.audit.values()))
        process = Process(world)
        again = replay(process)
        assert (again.total, again.left, set(process.calls)) == (0, 0, {"Query"})

    def test_removals_are_read_and_not_replayed(self, world: World) -> None:
        first, _, last = world.order(event="REMOVE"), world.order(), world.order(event="REMOVE")
        audit_id = world.give_up(first, last)
        report = replay(world)
        assert (report.replayed, world.status(audit_id)) == (1, "REPLAYED")


class TestTrimmed:
    def test_at_the_start_records_of_the_quarantine_are_replayed_and_the_others_reported(self, world: World) -> None:
        lost, kept, there = world.orders(3)
        failures = {number: world.give_up(number) for number in (lost, kept, there)}
        world.quarantine(kept)
        world.trim(kept)
        report = replay(world)
        assert {number: world.status(audit_id) for number, audit_id in failures.items()} == {
            lost: "EXPIRED",
            kept: "REPLAYED",
            there: "REPLAYED",
        }
        assert world.stored() == {kept, there}
        assert expired(report) == [lost]
        assert lost in world.item(failures[lost])["replayError"]["S"]
        assert world.item(failures[lost])["expiredRecords"] == {"L": [{"S": lost}]}

    def test_in_the_middle_of_a_range(self, world: World) -> None:
        numbers = world.orders(6)
        audit_id = world.give_up(numbers[0], numbers[-1])
        world.quarantine(numbers[1])
        world.trim(numbers[2])
        replay(world)
        assert world.stored() == {numbers[1], *numbers[3:]}
        assert world.status(audit_id) == "EXPIRED"
        assert world.item(audit_id)["expiredRecords"] == {"L": [{"S": numbers[0]}]}

    @pytest.mark.parametrize("closed", [True, False], ids=["closed shard", "open shard"])
    @pytest.mark.parametrize("later", [True, False], ids=["later records", "nothing after it"])
    def test_completely(self, world: World, closed: bool, later: bool) -> None:
        numbers = world.orders(3)
        audit_id = world.give_up(numbers[0], numbers[-1])
        for number in numbers[:2]:
            world.quarantine(number)
        world.trim()
        if later:
            world.order()
        world.shards[SHARD].closed = closed
        report = replay(world)
        assert world.stored() == set(numbers[:2])
        assert (world.status(audit_id), expired(report)) == ("EXPIRED", [numbers[2]])
        assert len(world.invoked) == 1  # what quarantine has is taken once

    def test_with_all_records_in_the_quarantine(self, world: World) -> None:
        numbers = world.orders(5)
        for number in numbers:
            world.quarantine(number)
        audit_id = world.give_up(numbers[0], numbers[-1])
        world.trim()
        replay(world)
        assert (world.stored(), world.status(audit_id)) == (set(numbers), "REPLAYED")

    def test_with_a_deleted_stream(self, world: World) -> None:
        kept, lost = world.orders(2)
        world.quarantine(kept)
        failures = [world.give_up(kept), world.give_up(lost)]
        world.stream_exists = False
        replay(world)
        assert [world.status(audit_id) for audit_id in failures] == ["REPLAYED", "EXPIRED"]

    def test_during_the_reading(self, world: World) -> None:
        numbers = world.orders(8)
        audit_id = world.give_up(numbers[0], numbers[-1])
        world.quarantine(numbers[4])
        world.shards[SHARD].page = 2
        process = Process(world)

        def trim(operation: str, number: int) -> None:
            if operation == "GetRecords" and process.count(operation) == 3:
                world.trim(numbers[5])

        process.on_call = trim
        replay(process)
        assert world.stored() == {*numbers[:5], *numbers[6:]}
        assert world.status(audit_id) == "REPLAYED"  # both ends came; numbers[5] may well have been a good one

    def test_between_the_iterator_and_the_first_page(self, world: World) -> None:
        numbers = world.orders(4)
        audit_id = world.give_up(numbers[0], numbers[-1])
        process = Process(world)
        process.on_call = lambda operation, _: world.trim(numbers[1]) if operation == "GetRecords" else None
        replay(process)
        assert world.stored() == set(numbers[2:])
        assert world.item(audit_id)["expiredRecords"] == {"L": [{"S": numbers[0]}]}

    def test_a_silent_open_shard_proves_no_expiry(self, world: World) -> None:
        numbers = world.orders(2)
        audit_id = world.give_up(numbers[0], numbers[-1])
        world.quarantine(numbers[0])
        world.shards[SHARD].silent = True
        report = replay(world)
        assert (world.status(audit_id), expired(report)) == ("PARTIAL", [])
        assert f"did not return record {numbers[1]}: try again" in world.item(audit_id)["replayError"]["S"]
        world.shards[SHARD].silent = False
        replay(world)
        assert (world.status(audit_id), world.stored()) == ("REPLAYED", set(numbers))

    def test_at_the_start_of_a_silent_shard(self, world: World) -> None:
        numbers = world.orders(3)
        audit_id = world.give_up(numbers[0], numbers[-1])
        world.trim(numbers[0])
        world.shards[SHARD].silent = True
        replay(world)
        assert world.status(audit_id) == "FAILED"
        assert world.item(audit_id)["expiredRecords"] == {"L": [{"S": numbers[0]}]}
        world.shards[SHARD].silent = False
        replay(world)
        assert (world.status(audit_id), world.stored()) == ("EXPIRED", set(numbers[1:]))

    @pytest.mark.parametrize("lenient", [True, False])
    def test_a_number_that_never_existed_is_not_reported_as_expired(self, lenient: bool) -> None:
        world = World()
        world.lenient = lenient
        _, before, after, last = world.orders(4)
        never = f"{int(before) + 1:021}"
        audit_id = world.give_up(never, last)
        report = replay(world)
        assert (world.status(audit_id), expired(report)) == ("PARTIAL", [])
        assert f"record {never} does not exist" in world.item(audit_id)["replayError"]["S"]
        assert world.stored() == {after, last}

    @pytest.mark.parametrize(
        "change",
        [
            {"eventName": None},
            {"eventName": ["INSERT"]},
            {"eventName": "REMOVE"},
            {"dynamodb": {"SequenceNumber": "7"}},
        ],
        ids=str,
    )
    def test_a_damaged_quarantine_object_settles_nothing_as_replayed(self, change: dict[str, Any]) -> None:
        world = World()
        good, damaged, later = world.orders(3)
        for number in (good, damaged, later):
            key = world.quarantine(number)
            if number == damaged:
                record = json.loads(world.s3.versions[key][0])
                world.s3.versions[key] = [json.dumps({**record, **change}).encode()]
        alone = world.give_up(damaged)
        world.trim()
        report = replay(world)
        assert (world.status(alone), report.replayed) == ("FAILED", 0)
        assert "does not hold the record of its name" in world.item(alone)["replayError"]["S"]

    def test_a_damaged_quarantine_object_concerns_only_failures_that_cover_it(self) -> None:
        world = World()
        numbers = world.orders(4)
        for number in numbers:
            key = world.quarantine(number)
            if number == numbers[2]:
                world.s3.versions[key] = [b"[]"]
        before = world.give_up(numbers[0], numbers[1])
        over = world.give_up(numbers[1], numbers[3])
        after = world.give_up(numbers[3])
        world.trim()
        replay(world)
        assert [world.status(each) for each in (before, over, after)] == ["REPLAYED", "PARTIAL", "REPLAYED"]

    def test_a_quarantine_object_that_cannot_be_read_stops_no_other_failure(self) -> None:
        world = World()
        archived, kept = world.orders(2)
        world.quarantine(archived)
        world.quarantine(kept)
        failures = [world.give_up(archived), world.give_up(kept)]
        world.trim()
        process = Process(world)
        process.failures["GetObject"] = [aws_error("InvalidObjectState", "s3")]
        replay(process)
        assert sorted(world.status(audit_id) for audit_id in failures) == ["FAILED", "REPLAYED"]

    def test_a_damaged_quarantine_object_is_named_and_is_not_gone(self, world: World) -> None:
        good, damaged = world.orders(2)
        key = world.quarantine(damaged)
        world.quarantine(good)
        audit_id = world.give_up(good, damaged)
        world.s3.versions[key] = [b'{"dynamodb": ']
        world.trim()
        replay(world)
        assert (world.status(audit_id), world.stored()) == ("PARTIAL", {good})
        assert key in world.item(audit_id)["replayError"]["S"]


class TestMessages:
    @pytest.mark.parametrize(
        "changes",
        [
            {"responseContext": None},
            {"responseContext": {"functionError": None}},
            {"requestContext": {"condition": "RecordAgeExceeded"}},
            {"requestContext": {"condition": "MaximumRecordAgeExceeded"}},
            {"requestContext": {"condition": "SomethingNew"}},
            {"requestContext": None},
            {"approximateArrivalOfFirstRecord": None, "approximateArrivalOfLastRecord": "yesterday"},
            {"batchSize": None},
        ],
        ids=str,
    )
    def test_forms_that_aws_sends(self, changes: dict[str, Any]) -> None:
        world = World()
        audit_id = world.give_up(world.order(), **changes)
        assert replay(world).statuses == {"REPLAYED": 1}
        assert world.status(audit_id) == "REPLAYED"

    @pytest.mark.parametrize(
        ("changes", "why"),
        [
            ({"startSequenceNumber": None, "endSequenceNumber": None}, "names no stream range"),  # a tumbling window's
            ({"DDBStreamBatchInfo": None}, "names no stream range"),
            ({"streamArn": OTHER_STREAM_ARN}, "in another stream"),
            ({"streamArn": "arn:aws:sqs:us-east-1:123456789012:queue"}, "names no stream range"),
            ({"endSequenceNumber": "000000000000000000001"}, "names no stream range"),  # before the start
            ({"startSequenceNumber": "twelve"}, "names no stream range"),
            ({"startSequenceNumber": "+00000000000000000000137"}, "names no stream range"),
            ({"startSequenceNumber": "\u0661" * 21}, "names no stream range"),
            ({"startSequenceNumber": "1" * 41, "endSequenceNumber": "1" * 41}, "names no stream range"),
            ({"shardId": "shard"}, "a shard id that DynamoDB refuses: shard"),
            ({"shardId": "x" * 66}, "a shard id that DynamoDB refuses"),
            ({"startSequenceNumber": "0" * 19 + "99"}, "record 000000000000000000099 does not exist"),
            ({"endSequenceNumber": "9" * 21}, "did not return record 999999999999999999999: try again"),
        ],
        ids=str,
    )
    def test_a_message_without_a_usable_range_is_failed_and_the_others_are_replayed(
        self, changes: dict[str, Any], why: str
    ) -> None:
        world = World()
        numbers = world.orders(3)
        odd = world.give_up(numbers[0], **changes)
        fine = [world.give_up(number) for number in numbers[1:]]
        report = replay(world)
        assert world.status(odd) in ("FAILED", "PARTIAL")
        assert why in world.item(odd)["replayError"]["S"]
        assert any(why in error for error in report.errors)
        assert {world.status(audit_id) for audit_id in fine} == {"REPLAYED"}
        assert world.stored() >= set(numbers[1:])
        assert report.left == 1

    def test_a_message_that_is_not_json(self) -> None:
        world = World()
        audit_id = world.audit_body("no JSON")
        replay(world)
        assert world.status(audit_id) == "FAILED"

    def test_a_message_that_is_delivered_twice_is_one_failure(self) -> None:
        world = World()
        number = world.order()
        first, second = world.give_up(number), world.give_up(number)
        assert second == ""
        assert replay(world).statuses == {"REPLAYED": 1}
        assert world.status(first) == "REPLAYED"

    def test_a_range_that_fails_twice_is_two_failures_with_one_id(self) -> None:
        world = World()
        number = world.order()
        world.give_up(number)
        world.clock.sleep(3600)
        world.give_up(number)
        assert replay(world).statuses == {"REPLAYED": 2}
        assert world.invoked == [[number]]

    def test_messages_out_of_order(self) -> None:
        world = World()
        numbers = world.orders(6)
        for place in (4, 0, 5, 2, 1, 3):
            world.give_up(numbers[place])
        assert replay(world).statuses == {"REPLAYED": 6}
        assert world.invoked == [numbers]

    def test_an_item_at_the_limit_of_dynamodb_gets_its_outcome(self) -> None:
        world = World()
        poison = world.orders(20, poison=True)
        audit_id = world.give_up(poison[0], poison[-1])
        item = world.item(audit_id)
        item["message"]["M"]["body"] = {"S": "x" * (400_000 - len(json.dumps(item)) - 1500)}
        replay(world)
        assert (world.status(audit_id), world.failing_of(audit_id)) == ("FAILED", {})

    @pytest.mark.parametrize(
        "attributes",
        [{"replayAttempts": {"S": "three"}}, {"claimedUntil": {"S": "9999"}}, {"claimedUntil": {"N": "1"}}],
        ids=str,
    )
    def test_an_unusual_item_is_replayed(self, attributes: dict[str, Any]) -> None:
        world = World()
        failures = [world.give_up(number) for number in world.orders(3)]
        world.item(failures[1]).update(attributes)
        assert replay(world).statuses == {"REPLAYED": 3}

    def test_a_function_error_with_a_lone_surrogate_is_written(self) -> None:
        world = World()
        good, bad = world.orders(2)
        failures = [world.give_up(good), world.give_up(bad)]
        world.faults[PROCESSOR] = lambda records: (
            failed("Odd", "half \ud800") if bad in sequence_numbers(records) else None
        )
        replay(world)
        assert [world.status(audit_id) for audit_id in failures] == ["REPLAYED", "FAILED"]
        assert world.failing_of(failures[1]) == {bad: "Odd: half ?"}

    def test_an_item_that_cannot_be_claimed_is_named_and_stops_no_other(self) -> None:
        world = World()
        full, *others = [world.give_up(number) for number in world.orders(3)]
        item = world.item(full)
        item["message"]["M"]["body"] = {"S": ""}
        item["message"]["M"]["body"] = {"S": "x" * (400_000 - len(json.dumps(item)))}
        report = replay(world)
        assert (world.status(full), report.statuses) == ("OPEN", {"REPLAYED": 2, "OPEN": 1})
        assert [error.startswith(f"{full}: its audit item is full") for error in report.errors] == [True]
        assert {world.status(audit_id) for audit_id in others} == {"REPLAYED"}

    def test_an_outcome_that_cannot_be_written_is_reported_and_stops_no_other(self) -> None:
        world = World()
        full, *others = [world.give_up(number) for number in world.orders(3)]
        item = world.item(full)
        item["message"]["M"]["body"] = {"S": ""}
        item["message"]["M"]["body"] = {"S": "x" * (400_000 - len(json.dumps(item)) - 150)}
        report = replay(world)
        assert (world.status(full), report.statuses) == ("OPEN", {"REPLAYED": 2, "OPEN": 1})
        assert [error.startswith(f"{full}: its outcome is not written") for error in report.errors] == [True]
        assert {world.status(audit_id) for audit_id in others} == {"REPLAYED"}
        assert world.claimed() == []


class TestReading:
    def test_overlapping_ranges_are_read_once(self) -> None:
        world = World()
        numbers = world.orders(10)
        for first, last in [(0, 5), (3, 7), (3, 3), (7, 9), (0, 9)]:
            world.give_up(numbers[first], numbers[last])
        process = Process(world)
        assert replay(process).statuses == {"REPLAYED": 5}
        assert (process.count("GetShardIterator"), process.count("GetRecords")) == (1, 1)
        assert world.invoked == [numbers]

    def test_adjacent_ranges_are_read_from_one_page_and_processed_together(self) -> None:
        world = World()
        numbers = world.orders(300)
        for number in numbers[::3]:
            world.give_up(number)
        process = Process(world)
        assert replay(process).statuses == {"REPLAYED": 100}
        assert (process.count("GetShardIterator"), process.count("GetRecords")) == (1, 1)
        assert world.invoked == [numbers[::3]]

    def test_records_between_distant_ranges_are_not_read(self) -> None:
        world = World()
        numbers = world.orders(3000)
        for place in (0, 2999):
            world.give_up(numbers[place])
        process = Process(world)
        replay(process)
        assert (process.count("GetShardIterator"), process.count("GetRecords")) == (2, 2)

    def test_empty_pages_between_records(self, world: World) -> None:
        numbers = world.orders(25)
        world.shards[SHARD].page, world.shards[SHARD].empties = 4, 7
        audit_id = world.give_up(numbers[1], numbers[-2])
        replay(world)
        assert (world.stored(), world.status(audit_id)) == (set(numbers[1:-1]), "REPLAYED")

    @pytest.mark.parametrize("page", [1, 4, 9])
    def test_a_shard_that_rolls_while_it_is_read(self, page: int) -> None:
        world = World()
        numbers = world.orders(10)
        shard = world.shards[SHARD]
        shard.page, shard.empties = 2, 1
        audit_id = world.give_up(numbers[1], numbers[-1])
        process = Process(world)

        def roll(operation: str, _: int) -> None:
            if operation == "GetRecords" and process.count(operation) == page:
                shard.closed = True
                child = world.order(shard=SHARD_2)
                world.give_up(child, shardId=SHARD_2)

        process.on_call = roll
        replay(process)
        assert world.status(audit_id) == "REPLAYED"
        assert world.stored() == set(numbers[1:])
        assert replay(world).statuses == {"REPLAYED": 1}
        assert len(world.stored()) == 10

    def test_an_iterator_expires_while_records_are_processed(self, world: World) -> None:
        numbers = world.orders(9)
        world.shards[SHARD].page = 3
        audit_id = world.give_up(numbers[0], numbers[-1])
        process = Process(world)
        process.on_call = lambda operation, _: world.clock.sleep(1000) if operation == "Invoke" else None
        replay(process, batch_size=2)
        assert (world.stored(), world.status(audit_id)) == (set(numbers), "REPLAYED")
        assert process.count("GetShardIterator") > 1
        processed = [number for chunk in world.invoked for number in chunk]
        assert sorted(processed) == sorted(numbers)

    def test_an_iterator_that_always_expires_ends_the_run(self) -> None:
        world = World()
        world.give_up(world.order())
        process = Process(world)
        process.failures["GetRecords"] = [aws_error("ExpiredIteratorException") for _ in range(50)]
        with pytest.raises(Exception, match="ExpiredIteratorException"):
            replay(process)
        assert world.claimed() == []

    def test_several_shards(self) -> None:
        world = World()
        failures = [world.give_up(world.order(shard=shard), shard=shard) for shard in [SHARD, SHARD_2] * 5]
        assert replay(world).statuses == {"REPLAYED": 10}
        assert {world.status(audit_id) for audit_id in failures} == {"REPLAYED"}

    def test_more_than_six_megabytes(self) -> None:
        world = World()
        numbers = world.orders(40, size=390_000)
        world.give_up(numbers[0], numbers[-1])
        assert replay(world).statuses == {"REPLAYED": 1}
        assert len(world.invoked) == 3  # 40 of 390 KB are 16 MB
        assert world.stored() == set(numbers)

    def test_an_error_about_all_failures_ends_the_run_and_its_claims(self) -> None:
        world = World()
        failures = [world.give_up(number) for number in world.orders(5)]
        process = Process(world)
        process.failures["GetShardIterator"] = [aws_error("AccessDeniedException", kind=AccessDeniedError)]
        with pytest.raises(AccessDeniedError) as raised:
            replay(process)
        assert "continues from here" in (raised.value.hint or "")
        assert world.claimed() == []
        assert {world.status(audit_id) for audit_id in failures} == {"OPEN"}

    def test_outcomes_that_are_ready_are_written_before_the_run_ends_with_an_error(self) -> None:
        world = World()
        numbers = world.orders(300)
        for number in numbers:
            world.give_up(number)

        def denied_at_last(records: list[Any]) -> None:
            if numbers[-1] in sequence_numbers(records):
                raise aws_error("AccessDeniedException", "lambda", kind=AccessDeniedError)

        world.faults[PROCESSOR] = denied_at_last
        with pytest.raises(AccessDeniedError):
            replay(world)
        assert (world.statuses(), world.claimed()) == ({"REPLAYED": 200, "OPEN": 100}, [])

    @pytest.mark.parametrize("operation", ["GetRecords", "GetShardIterator", "Invoke", "TransactWriteItems"])
    def test_throttling_longer_than_the_retries(self, operation: str) -> None:
        world = World()
        failures = [world.give_up(number) for number in world.orders(5)]
        process = Process(world)
        process.failures[operation] = [aws_error("ThrottlingException")] * (1000 if operation == "Invoke" else 1)
        with pytest.raises(Exception, match="ThrottlingException"):
            replay(process)
        assert world.claimed() == []
        assert replay(world).total > 0
        assert {world.status(audit_id) for audit_id in failures} == {"REPLAYED"}

    def test_claims_last_while_an_invocation_is_throttled(self) -> None:
        world = World()
        audit_id = world.give_up(world.order())
        process = Process(world)
        process.failures["Invoke"] = [aws_error("TooManyRequestsException", "lambda") for _ in range(120)]
        left: list[timedelta] = []

        def measure(operation: str, _number: int) -> None:
            if operation == "Invoke":
                until = datetime.fromisoformat(world.item(audit_id)["claimedUntil"]["S"])
                left.append(until - world.clock.now())

        process.on_call = measure
        replay(process)
        assert world.status(audit_id) == "REPLAYED"
        assert world.clock.seconds > CLAIM_SECONDS
        assert min(left) >= timedelta(seconds=CLAIM_SECONDS / 2)

    def test_a_function_with_a_reserved_concurrency_of_0_ends_the_replay_at_once(self) -> None:
        world = World()
        failures = [world.give_up(number) for number in world.orders(5)]
        process = Process(world)
        held = AwsError(
            "held", service="lambda", aws_code="TooManyRequestsException", aws_message=f"({RESERVED_LIMIT})"
        )
        process.failures["Invoke"] = [held] * 1000
        with pytest.raises(AwsError) as raised:
            replay(process)
        assert raised.value.aws_code == "TooManyRequestsException"
        assert world.clock.seconds < 1
        assert {world.status(audit_id) for audit_id in failures} == {"OPEN"}
        assert world.claimed() == []

    def test_four_invocations_run_at_once_at_most(self) -> None:
        world = World()
        for number in world.orders(40):
            world.give_up(number)
        running, most, lock = 0, 0, threading.Lock()
        together = threading.Barrier(4, timeout=PATIENCE)

        def count(_: list[Any]) -> None:
            nonlocal running, most
            with lock:
                running += 1
                most = max(most, running)
            together.wait()
            with lock:
                running -= 1

        world.faults[PROCESSOR] = count
        assert replay(world, batch_size=1).replayed == 40
        assert most == 4


class TestProcessor:
    def test_a_batch_that_times_out_is_halved_until_the_cause_is_found(self) -> None:
        world = World()
        numbers = world.orders(33)
        hangs = numbers[20]
        audit_id = world.give_up(numbers[0], numbers[-1])

        world.faults[PROCESSOR] = lambda records: timed_out() if hangs in sequence_numbers(records) else None
        replay(world)
        assert world.stored() == set(numbers) - {hangs}
        assert list(world.failing_of(audit_id)) == [hangs]
        assert "Sandbox.Timedout: RequestId: 1 Error: Task timed out" in world.failing_of(audit_id)[hangs]

    def test_a_batch_that_is_too_large_for_the_function_is_halved(self) -> None:
        world = World()
        numbers = world.orders(33)
        audit_id = world.give_up(numbers[0], numbers[-1])

        def killed(records: list[Any]) -> dict[str, Any] | None:
            return failed("Runtime.ExitError", "signal: killed") if len(records) > 5 else None

        world.faults[PROCESSOR] = killed
        assert replay(world).still_failing == 0
        assert (world.stored(), world.status(audit_id)) == (set(numbers), "REPLAYED")

    def test_a_function_that_does_not_start(self) -> None:
        world = World()
        numbers = world.orders(7)
        audit_id = world.give_up(numbers[0], numbers[-1])
        world.faults[PROCESSOR] = lambda _: failed("Runtime.ImportModuleError", "No module named 'handler'")
        report = replay(world)
        assert (report.still_failing, world.status(audit_id)) == (7, "FAILED")
        assert {each.error for each in report.failing} == {"Runtime.ImportModuleError: No module named 'handler'"}

    def test_a_record_that_is_too_large_for_an_event_is_reported(self) -> None:
        world = World()
        good, large = world.order(), world.order(size=6_300_000)
        audit_id = world.give_up(good, large)
        replay(world)
        assert (world.stored(), world.status(audit_id)) == ({good}, "PARTIAL")
        assert "RequestEntityTooLarge" in world.failing_of(audit_id)[large]


def sequence_numbers(records: list[Any]) -> list[str]:
    return [record["dynamodb"]["SequenceNumber"] for record in records]


def test_a_finished_failure_is_replayed_only_with_again() -> None:
    world = World()
    audit_id = world.give_up(world.order())
    replay(world)
    found = audited_failures(world, audit_id)
    report = new_replay(Process(world)).from_stream(iter(found))
    assert (report.total, report.left) == (0, 0)
    report = new_replay(Process(world), again=True).from_stream(iter(found))
    assert report.statuses == {"REPLAYED": 1}
    assert world.item(audit_id)["replayAttempts"] == {"N": "2"}


def test_progress_is_reported_after_each_batch() -> None:
    world = World()
    numbers = world.orders(30)
    for number in numbers:
        world.give_up(number)
    reported = list[int]()
    replay(world, batch_size=10, progress=reported.append)
    assert reported == [10, 10, 10]
