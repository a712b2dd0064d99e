"""Writes of many audit items, in transactions that DynamoDB cancels, throttles, refuses or answers twice."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import pytest
from botocore.exceptions import ReadTimeoutError
from hypothesis import given
from hypothesis import strategies as st

from pipectl.aws.calls import Call, Parameters
from pipectl.aws.client import Aws, Credentials
from pipectl.errors import AccessDeniedError, CancelledError
from pipectl.failures.audit_table import AuditTable
from pipectl.failures.audit_updates import Update
from pipectl.failures.audit_writer import TRIES, AuditWriter, Written
from pipectl.failures.model import Failure
from pipectl.failures.outcomes import ClaimState
from pipectl.failures.replay import concerns_all
from tests.failures.fakes import AUDIT_TABLE, Process, World, aws_error
from tests.support import ACCOUNT, REGION, FakeClock

MARK = Update("SET claimedBy = :me", "claimedBy = :me OR attribute_not_exists(claimedBy)", {":me": {"S": "me"}})
CONFLICT, THROTTLED = "TransactionConflict", "ThrottlingError"


def items(world: World, count: int, size: int = 10, **more: Any) -> list[Failure]:
    """Write items into the audit table. Return them as they are read."""
    found = []
    for number in range(len(world.audit), len(world.audit) + count):
        name = f"item-{number}"
        item = {"auditId": {"S": name}, "timestamp": {"S": "2026"}, "body": {"S": "x" * size}, **more}
        world.audit[name, "2026"] = item
        found.append(Failure.of(item))
    return found


def write(process: Process, failures: list[Failure], update: Update = MARK) -> list[Written]:
    return AuditWriter(process.aws, AUDIT_TABLE).write([(failure, update) for failure in failures])


def marked(world: World) -> list[str]:
    return [name for (name, _), item in world.audit.items() if item.get("claimedBy") == {"S": "me"}]


@pytest.mark.parametrize(("count", "calls"), [(1, 1), (2, 1), (100, 1), (101, 2), (500, 5)])
def test_a_hundred_items_are_one_call(count: int, calls: int) -> None:
    world = World()
    process = Process(world)
    assert [each.done for each in write(process, items(world, count))] == [True] * count
    assert len(process.calls) == calls
    assert len(marked(world)) == count


def test_nothing_is_written_with_no_call() -> None:
    process = Process(World())
    assert (write(process, []), process.calls) == ([], [])


def test_large_items_are_in_smaller_transactions() -> None:
    world = World()
    process = Process(world)
    assert all(each.done for each in write(process, items(world, 12, size=390_000)))
    assert (process.count("TransactWriteItems"), process.count("UpdateItem")) == (3, 0)


def test_items_of_which_only_the_key_was_read_are_halved_until_they_fit() -> None:
    world = World()
    process = Process(world)
    keys = [Failure({"auditId": each.audit_id, "timestamp": "2026"}) for each in items(world, 40, size=390_000)]
    assert all(each.done for each in write(process, keys))
    assert len(marked(world)) == 40


def test_an_item_that_is_written_twice_is_in_two_transactions() -> None:
    world = World()
    one, other = items(world, 2)
    process = Process(world)
    assert [each.done for each in write(process, [one, other, one, other])] == [True] * 4
    assert process.count("TransactWriteItems") == 2


def test_a_failed_condition_comes_with_the_item_and_stops_no_other() -> None:
    world = World()
    mine, theirs, absent = items(world, 3)
    world.audit["item-1", "2026"]["claimedBy"] = {"S": "another"}
    del world.audit["item-2", "2026"]
    exists = Update(MARK.expression, f"attribute_exists(auditId) AND ({MARK.condition})", MARK.values)
    process = Process(world)
    written = write(process, [mine, theirs, absent], exists)
    assert [each.done for each in written] == [True, False, False]
    assert written[1].found
    assert written[1].found.item["claimedBy"] == "another"
    assert written[2].found is None
    assert process.calls == ["TransactWriteItems", "UpdateItem"]  # one of them is left


def test_an_item_that_dynamodb_refuses_has_its_own_error_and_stops_no_other() -> None:
    world = World()
    items(world, 50)
    full = items(world, 1, size=399_900)[0]
    failures = [*map(Failure.of, world.audit.values())]
    process = Process(world)
    long = Update("SET claimedBy = :me, note = :note", MARK.condition, {**MARK.values, ":note": {"S": "x" * 200}})
    written = write(process, failures, long)
    assert [failure.key for failure, each in zip(failures, written, strict=True) if each.error] == [full.key]
    assert sorted(process.calls) == ["TransactWriteItems", "TransactWriteItems", "UpdateItem"]


@pytest.mark.parametrize("code", [CONFLICT, THROTTLED, "ProvisionedThroughputExceeded"])
def test_items_that_are_refused_for_a_while_are_written_after_the_others(code: str) -> None:
    world = World()
    failures = items(world, 10)
    process = Process(world)
    world.refuses = lambda name: code if name in ("item-3", "item-4") and world.clock.seconds < 0.4 else None
    order: list[list[str]] = []
    process.on_call = lambda *_: order.append(marked(world))
    assert all(each.done for each in write(process, failures))
    assert order[2] == [f"item-{number}" for number in range(10) if number not in (3, 4)]
    assert world.clock.seconds < 2


def test_items_that_are_refused_for_long_are_written_alone_at_last() -> None:
    """DynamoDB cancels transactions with one item again and again; single updates of it are done."""
    world = World()
    failures = items(world, 100)
    world.refuses = lambda _: CONFLICT
    process = Process(world)
    assert all(each.done for each in write(process, failures))
    assert process.count("UpdateItem") == 100
    assert process.count("TransactWriteItems") <= 99 * (TRIES + 1)
    world, one = World(), Process(world)
    failures = items(world, 100)
    one = Process(world)
    world.refuses = lambda name: CONFLICT if name == "item-50" else None
    assert all(each.done for each in write(one, failures))
    assert len(one.calls) <= TRIES


@pytest.mark.parametrize(
    ("code", "reason"), [(CONFLICT, "a transaction is changing the same item"), (THROTTLED, "throttled by AWS")]
)
def test_a_wait_of_more_than_two_seconds_is_reported_once(code: str, reason: str) -> None:
    world = World()
    failures = items(world, 100)
    process = Process(world)
    world.refuses = lambda _: code if world.clock.seconds < 4 else None
    assert all(each.done for each in write(process, failures))
    assert process.said == [f"waiting: {reason} (dynamodb TransactWriteItems)"]
    assert process.awaited == [reason, None]


def test_a_short_wait_is_not_reported() -> None:
    world = World()
    failures = items(world, 100)
    process = Process(world)
    world.refuses = lambda _: CONFLICT if world.clock.seconds < 0.5 else None
    assert all(each.done for each in write(process, failures))
    assert (process.said, process.awaited) == ([], [])


@pytest.mark.parametrize(
    "response",
    [
        {},
        {"CancellationReasons": "none"},
        {"CancellationReasons": [{"Code": "None"}]},
        {"CancellationReasons": [{"Code": "None"}] * 5},
        {"CancellationReasons": [{"Code": None}] * 5},
        {"CancellationReasons": [None] * 5},
        {"CancellationReasons": [{"Message": "no"}] * 5},
    ],
    ids=str,
)
def test_without_a_readable_reason_smaller_transactions_are_sent(response: dict[str, Any]) -> None:
    world = World()
    failures = items(world, 5)
    process = Process(world)
    process.failures["TransactWriteItems"] = [aws_error("TransactionCanceledException", "dynamodb", **response)] * 9
    assert all(each.done for each in write(process, failures))
    assert len(marked(world)) == 5


@pytest.mark.parametrize("item", [None, "text", {}, {"auditId": {"S": "a"}}], ids=str)
def test_an_item_that_cannot_be_read_from_a_reason_counts_as_absent(item: Any) -> None:
    world = World()
    failures = items(world, 2)
    process = Process(world)
    reasons = [{"Code": "ConditionalCheckFailed", "Item": item}, {"Code": "SomethingNew"}]
    error = aws_error("TransactionCanceledException", "dynamodb", CancellationReasons=reasons)
    process.failures["TransactWriteItems"] = [error]
    refused, written = write(process, failures)
    assert (refused.done, refused.found, written.done) == (False, None, True)


def test_an_error_about_all_items_is_raised() -> None:
    world = World()
    process = Process(world)
    process.failures["TransactWriteItems"] = [aws_error("AccessDeniedException", kind=AccessDeniedError)]
    with pytest.raises(AccessDeniedError):
        write(process, items(world, 5))
    assert len(process.calls) == 1


def test_ctrl_c_ends_a_pause() -> None:
    world = World()
    world.refuses = lambda _: CONFLICT
    process = Process(world)
    failures = items(world, 5)
    process.on_call = lambda *_: world.clock.cancel()
    with pytest.raises(CancelledError):
        write(process, failures)
    assert len(process.calls) == 1


def test_the_same_transaction_is_sent_when_its_answer_is_lost() -> None:
    world = World()
    failures = items(world, 5)
    process = Process(world)
    once = Update("SET count = if_not_exists(count, :zero) + :one", "attribute_exists(auditId)", NUMBERS)
    process.lost_answers["TransactWriteItems"] = 3
    assert all(each.done for each in write(process, failures, once))
    assert {item["count"]["N"] for item in world.audit.values()} == {"1"}


def test_a_transaction_is_sent_again_with_its_token() -> None:
    tokens: list[object] = []

    def lose_the_first(_: Call, parameters: Parameters, __: Callable[[], object]) -> object:
        tokens.append(parameters["ClientRequestToken"])
        if len(tokens) == 1:
            raise ReadTimeoutError(endpoint_url="https://dynamodb")
        return {}

    keys = Credentials(ACCOUNT, "test")
    writer = AuditWriter(Aws(REGION, credentials=keys, clock=FakeClock(), attempt=lose_the_first), AUDIT_TABLE)
    changes = [(failure, MARK) for failure in items(World(), 2)]
    for _ in range(2):
        assert writer.write(changes) == [Written(done=True)] * 2
    first, again, other = tokens
    assert first == again != other


NUMBERS: Any = {":zero": {"N": "0"}, ":one": {"N": "1"}}
ONCE = Update(
    "SET total = if_not_exists(total, :zero) + :one",
    "attribute_exists(auditId) AND attribute_not_exists(taken)",
    NUMBERS,
)


@dataclass
class Troubles:
    """Random faults: codes of reasons for some items for some calls, lost answers, and sizes."""

    sizes: list[int]
    absent: set[int] = field(default_factory=set)
    taken: set[int] = field(default_factory=set)
    texts: set[int] = field(default_factory=set)
    codes: list[dict[int, str]] = field(default_factory=list)
    lost: int = 0


PLACES = st.sets(st.integers(0, 129), max_size=20)
CODES = st.sampled_from([CONFLICT, THROTTLED, "ProvisionedThroughputExceeded", "DuplicateItem", "SomethingNew"])
TROUBLES = st.builds(
    Troubles,
    st.lists(st.sampled_from([10, 10, 10, 3000, 390_000]), min_size=1, max_size=130),
    PLACES,
    PLACES,
    PLACES,
    st.lists(st.dictionaries(st.integers(0, 129), CODES, max_size=10), max_size=12),
    st.integers(0, 2),
)


@given(TROUBLES)
def test_each_item_is_written_once_if_it_can_be(troubles: Troubles) -> None:
    """The model: an update is done exactly once, unless the item does not exist, is taken, or is refused."""
    world = World()
    failures = [failure for size in troubles.sizes for failure in items(world, 1, size)]
    numbers = range(len(failures))
    for number in numbers:
        item = world.audit[f"item-{number}", "2026"]
        item |= {"taken": {"S": "yes"}} if number in troubles.taken else {}
        item |= {"total": {"S": "text"}} if number in troubles.texts else {}
    for number in troubles.absent & set(numbers):
        del world.audit[f"item-{number}", "2026"]
    process, codes = Process(world), list(troubles.codes)
    now = {"codes": dict[int, str]()}

    def next_codes(operation: str, _: int) -> None:
        now["codes"] = codes.pop(0) if codes and operation == "TransactWriteItems" else {}

    process.on_call = next_codes
    world.refuses = lambda name: now["codes"].get(int(name.removeprefix("item-")))
    process.lost_answers["TransactWriteItems"] = troubles.lost
    written = write(process, failures, ONCE)
    for number, each in zip(numbers, written, strict=True):
        item = world.audit.get((f"item-{number}", "2026"), {})
        if number in troubles.absent:
            assert each == Written(done=False)
            assert not item
        elif number in troubles.taken:
            assert each.found
            assert (each.done, each.found.item["taken"]) == (False, "yes")
            assert item.get("total") != {"N": "1"}
        elif number in troubles.texts:
            assert each.error
            assert not concerns_all(each.error)
        else:
            assert (each.done, item["total"]) == (True, {"N": "1"})


def test_two_writers_with_the_same_items_finish() -> None:
    """Each sees the other's transaction as a conflict while it is in progress."""
    world = World()
    failures = items(world, 250)
    busy: dict[str, int] = {}
    guard = threading.Lock()
    start = threading.Barrier(2)

    def run(owner: str) -> list[ClaimState]:
        process = Process(world)
        table = AuditTable(process.aws, AUDIT_TABLE)
        start.wait()
        return table.claim(failures, owner, 100)

    def conflicts(name: str) -> str | None:
        with guard:
            busy[name] = busy.get(name, 0) + 1
            return CONFLICT if busy[name] % 3 == 1 else None

    world.refuses = conflicts
    with ThreadPoolExecutor(2) as pool:
        one, other = pool.map(run, ["one", "other"])
    for mine, theirs in zip(one, other, strict=True):
        assert {mine, theirs} == {ClaimState.HELD, ClaimState.CLAIMED_ELSEWHERE}
