"""Claims and outcomes of audit items, on the fake table and on moto, so that the two are compared."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import timedelta
from itertools import islice, product
from typing import Any

import pytest
from moto import mock_aws

from pipectl.aws.client import Aws, Credentials
from pipectl.errors import UsageError
from pipectl.facts import TableFacts
from pipectl.failures.audit_queries import Position
from pipectl.failures.audit_table import UNRESOLVED_ONES, AuditTable, Selection
from pipectl.failures.errors import AmbiguousIdError, NoSuchFailureError
from pipectl.failures.model import FailedRecord, Failure, SequenceNumber, short_ids
from pipectl.failures.outcomes import ClaimState, Outcome
from pipectl.failures.resolution import Resolution
from pipectl.failures.status import FAILURE_TYPES, UNRESOLVED, ReplayStatus
from pipectl.failures.unresolved import fill, gap
from pipectl.timestamps import rfc3339_milliseconds
from tests import moto_snapshot
from tests.commands.audit_items import audit_item
from tests.failures.fakes import AUDIT_TABLE, Clock, Process, World
from tests.support import ACCOUNT, PATIENCE, REGION, THOROUGH

FILLED = TableFacts("arn", filled=True)
DONE = Outcome(ReplayStatus.REPLAYED, 3)
POISON = Outcome(
    ReplayStatus.PARTIAL, 2, (FailedRecord(SequenceNumber(7, "007"), {}, "no"),), (SequenceNumber(5, "005"),), "why"
)


_empty: list[moto_snapshot.State] = []


def _make_table(aws: Aws) -> None:
    """Make an empty table in an empty account of moto: once, and copied for each test."""
    if _empty:
        moto_snapshot.restore(_empty[0])
        return
    aws.dynamodb.create_table(
        TableName=AUDIT_TABLE,
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[
            {"AttributeName": name, "AttributeType": "S"}
            for name in ("auditId", "timestamp", "failureType", "unresolved")
        ],
        KeySchema=[
            {"AttributeName": "auditId", "KeyType": "HASH"},
            {"AttributeName": "timestamp", "KeyType": "RANGE"},
        ],
        GlobalSecondaryIndexes=[
            {
                "IndexName": index,
                "KeySchema": [
                    {"AttributeName": key, "KeyType": "HASH"},
                    {"AttributeName": "timestamp", "KeyType": "RANGE"},
                ],
                "Projection": {"ProjectionType": "ALL"},
            }
            for index, key in World().indexes.items()
        ],
    )
    _empty.append(moto_snapshot.saved())


class Run:
    """A run that claims failures, one at a time."""

    def __init__(self, table: AuditTable, name: str) -> None:
        self._table, self._name = table, name

    def claim(self, failure: Failure, *, again: bool = False) -> bool:
        (state,) = self._table.claim([failure], self._name, 100, again=again)
        return state is ClaimState.HELD

    def renew(self, failure: Failure) -> bool:
        (state,) = self._table.renew([failure], self._name, 100)
        return state is ClaimState.HELD

    def release(self, failure: Failure) -> bool:
        (released,) = self._table.release([failure], self._name)
        return released

    def settle(self, failure: Failure, outcome: Outcome) -> bool:
        (state,) = self._table.settle([(failure, outcome)], self._name)
        return state is ClaimState.HELD


class Table:
    """An audit table with some failures of one type, and runs that claim them."""

    def __init__(self, aws: Aws, clock: Clock, world: World) -> None:
        self.aws, self.clock, self._world = aws, clock, world

    @property
    def table(self) -> AuditTable:
        return AuditTable(self.aws, AUDIT_TABLE)

    def add(self, item: dict[str, Any]) -> None:
        self._world.audit[item["auditId"]["S"], item["timestamp"]["S"]] = item
        if hasattr(self.aws.dynamodb, "put_item"):  # moto
            self.aws.dynamodb.put_item(TableName=AUDIT_TABLE, Item=item)

    def run(self, name: str) -> Run:
        return Run(self.table, name)

    def failure(self) -> Failure:
        return next(iter(self.failures()))

    def failures(self) -> list[Failure]:
        now = self.clock.now()
        return list(self.table.find(Selection(now - timedelta(hours=1), now, ("RetryAttemptsExhausted",))))


@pytest.fixture(params=["fake", "moto"])
def table(request: pytest.FixtureRequest) -> Iterator[Table]:
    world = World()
    for number in world.orders(4):
        world.give_up(number)
    if request.param == "fake":
        yield Table(Process(world).aws, world.clock, world)
        return
    with mock_aws():
        aws = Aws(REGION, credentials=Credentials(ACCOUNT, "test"), clock=world.clock)
        _make_table(aws)
        for item in world.audit.values():
            aws.dynamodb.put_item(TableName=AUDIT_TABLE, Item=item)
        yield Table(aws, world.clock, world)


def now(table: Table, failure: Failure) -> Failure:
    (found,) = table.table.with_id(failure.audit_id)
    return found


def resolve(table: Table, failure: Failure, resolution: Resolution) -> bool:
    (written,) = table.table.resolve([failure], resolution)
    return written.done


def undone(table: Table, failure: Failure) -> bool:
    (written,) = table.table.undo_resolution([failure])
    return written.done


def test_one_of_several_runs_claims_a_failure(table: Table) -> None:
    failure, one, other = table.failure(), table.run("one"), table.run("other")
    assert one.claim(failure)
    assert one.claim(failure)  # its answer was lost, and the call was made again
    assert not other.claim(failure)
    assert not other.renew(failure)
    assert not other.release(failure)
    assert not other.settle(failure, DONE)
    assert now(table, failure).status is ReplayStatus.OPEN


def test_a_claim_expires(table: Table) -> None:
    failure, one, other = table.failure(), table.run("one"), table.run("other")
    assert one.claim(failure)
    table.clock.sleep(99)
    assert not other.claim(failure)
    table.clock.sleep(2)
    assert other.claim(failure)
    assert not one.renew(failure)
    assert not one.settle(failure, POISON)
    assert other.settle(failure, DONE)
    assert not one.renew(failure)
    assert now(table, failure).status is ReplayStatus.REPLAYED


@pytest.mark.parametrize("outcome", [DONE, POISON], ids=["done", "left"])
def test_a_failure_that_another_run_settled_is_not_claimed_back(table: Table, outcome: Outcome) -> None:
    failure, one, other = table.failure(), table.run("one"), table.run("other")
    one.claim(failure)
    table.clock.sleep(101)
    other.claim(failure)
    other.settle(failure, outcome)
    assert not one.renew(failure)
    assert not one.settle(failure, POISON)
    assert now(table, failure).item["replayedBy"] == "other"


def test_an_expired_claim_that_no_other_run_took_is_still_valid(table: Table) -> None:
    failure, one = table.failure(), table.run("one")
    one.claim(failure)
    table.clock.sleep(1000)
    assert one.renew(failure)
    assert one.settle(failure, DONE)


def test_a_released_failure_can_be_claimed_at_once(table: Table) -> None:
    failure, one, other = table.failure(), table.run("one"), table.run("other")
    one.claim(failure)
    assert one.release(failure)
    assert now(table, failure).item.keys() == failure.item.keys()
    assert other.claim(failure)


@pytest.mark.parametrize("status", [ReplayStatus.REPLAYED, ReplayStatus.EXPIRED])
def test_a_finished_failure_is_claimed_only_with_again(table: Table, status: ReplayStatus) -> None:
    failure, one, other = table.failure(), table.run("one"), table.run("other")
    one.claim(failure)
    one.settle(failure, Outcome(status))
    assert not other.claim(failure)
    assert other.claim(failure, again=True)


@pytest.mark.parametrize("status", [ReplayStatus.PARTIAL, ReplayStatus.FAILED])
def test_an_unfinished_failure_is_claimed_by_the_next_run(table: Table, status: ReplayStatus) -> None:
    failure, one, other = table.failure(), table.run("one"), table.run("other")
    one.claim(failure)
    one.settle(failure, Outcome(status))
    assert other.claim(failure)


def test_settling_writes_the_outcome_and_ends_the_claim(table: Table) -> None:
    failure, one = table.failure(), table.run("one")
    one.claim(failure)
    one.settle(failure, POISON)
    item = dict(now(table, failure).item)
    assert item == {
        **failure.item,
        "replayStatus": "PARTIAL",
        "replayedAt": rfc3339_milliseconds(table.clock.now()),
        "replayedBy": "one",
        "replayAttempts": 1,
        "replayedRecords": 2,
        "failingRecords": [{"sequenceNumber": "007", "error": "no"}],
        "expiredRecords": ["005"],
        "replayError": "why",
    }
    one.claim(failure)
    one.settle(failure, DONE)
    after = now(table, failure).item
    assert (after["replayAttempts"], after["failingRecords"], "replayError" in after) == (2, [], False)


def test_settling_again_after_a_lost_answer_counts_one_attempt(table: Table) -> None:
    failure, one = table.failure(), table.run("one")
    one.claim(failure)
    assert one.settle(failure, DONE)
    assert one.settle(failure, DONE)
    assert now(table, failure).item["replayAttempts"] == 1


def test_a_deleted_item_is_not_recreated(table: Table) -> None:
    failure = Failure({**table.failure().item, "auditId": "deleted"})
    one = table.run("one")
    acts: list[Callable[[], bool]] = [
        lambda: one.claim(failure),
        lambda: one.claim(failure, again=True),
        lambda: one.renew(failure),
        lambda: one.release(failure),
        lambda: one.settle(failure, DONE),
    ]
    assert [act() for act in acts] == [False] * 5
    assert list(table.table.with_id(failure.audit_id)) == []
    assert len(table.failures()) == 4


def test_many_failing_records_have_shorter_errors(table: Table) -> None:
    failure, one = table.failure(), table.run("one")
    one.claim(failure)
    failing = tuple(FailedRecord(SequenceNumber(number, f"{number:040}"), {}, "x" * 1000) for number in range(500))
    one.settle(failure, Outcome(ReplayStatus.FAILED, 0, failing))
    named: Any = now(table, failure).item["failingRecords"]
    assert len(named) == 100
    assert sum(len(each["error"]) for each in named) <= 20_000


def put(table: Table, failure: Failure, **attributes: Any) -> None:
    """Replace attributes of an item, in DynamoDB's typed form."""
    key: Any = {"auditId": {"S": failure.audit_id}, "timestamp": {"S": failure.timestamp}}
    for name, value in attributes.items():
        values: Any = {"ExpressionAttributeValues": {":value": value}} if value else {}
        table.aws.dynamodb.update_item(
            TableName=AUDIT_TABLE,
            Key=key,
            UpdateExpression=f"SET {name} = :value" if value else f"REMOVE {name}",
            ConditionExpression="attribute_exists(auditId)",
            **values,
        )


@pytest.mark.parametrize(
    "until",
    [
        {"S": "9999-12-31T23:59:59.999Z"},
        {"S": "9999"},
        {"S": "soon"},
        {"N": "9999"},
        {"NULL": True},
        {"S": "2026-01-02"},
    ],
    ids=str,
)
def test_an_invalid_claim_does_not_block_an_item(table: Table, until: Any) -> None:
    failure, one, other = table.failure(), table.run("one"), table.run("other")
    put(table, failure, claimedBy={"S": "nobody"}, claimedUntil=until)
    assert one.claim(failure)
    assert not other.claim(failure)


@pytest.mark.parametrize("attempts", [{"S": "three"}, {"NULL": True}, {"L": []}, {"N": "-1"}], ids=str)
def test_an_item_with_an_invalid_attempt_count_is_settled(table: Table, attempts: Any) -> None:
    put(table, table.failure(), replayAttempts=attempts)
    failure, one = table.failure(), table.run("one")
    one.claim(failure)
    assert one.settle(failure, POISON)
    assert now(table, failure).status is ReplayStatus.PARTIAL


def test_an_error_with_a_lone_surrogate_is_written(table: Table) -> None:
    failure, one = table.failure(), table.run("one")
    one.claim(failure)
    failed = FailedRecord(SequenceNumber(7, "007"), {}, "bad \ud800 name")
    assert one.settle(failure, Outcome(ReplayStatus.PARTIAL, 1, (failed,), error="half \udfff"))
    item: Any = now(table, failure).item
    assert (item["replayError"], item["failingRecords"][0]["error"]) == ("half ?", "bad ? name")


@pytest.mark.parametrize("status", [None, {"S": "WEIRD"}, {"N": "7"}, {"NULL": True}], ids=str)
def test_an_item_without_a_valid_status_is_unresolved(table: Table, status: Any) -> None:
    put(table, table.failure(), replayStatus=status)
    since = table.clock.now() - timedelta(hours=1)
    assert len(list(table.table.find(Selection(since, statuses=UNRESOLVED)))) == 4
    assert len(list(table.table.find(Selection(since, statuses=(ReplayStatus.OPEN,))))) == 4
    assert list(table.table.find(Selection(since, statuses=(ReplayStatus.FAILED, ReplayStatus.PARTIAL)))) == []
    assert len(list(table.table.find(Selection(since, statuses=tuple(ReplayStatus))))) == 4
    assert Counter(found for _, _, found in table.table.statuses(Selection(since))) == {ReplayStatus.OPEN: 4}
    assert table.run("one").claim(table.failure())


def test_without_an_upper_bound_a_failure_of_the_future_is_found(table: Table) -> None:
    since = table.clock.now() - timedelta(hours=1)
    table.clock.started -= timedelta(minutes=4)  # the local clock is slow
    assert len(list(table.table.find(Selection(since)))) == 4
    assert len(list(table.table.newest_first(Selection(since)))) == 4
    assert list(table.table.find(Selection(since, until=table.clock.now()))) == []


@pytest.mark.parametrize("value", [None, {"N": "1"}, {"S": "DONE"}], ids=str)
def test_a_failure_without_a_valid_status_is_resolved_and_open_again(table: Table, value: Any) -> None:
    failure = table.failure()
    key = {"auditId": {"S": failure.audit_id}, "timestamp": {"S": failure.timestamp}}
    change: Any = {"UpdateExpression": "REMOVE replayStatus"}
    if value:
        change = {"UpdateExpression": "SET replayStatus = :v", "ExpressionAttributeValues": {":v": value}}
    change |= {"TableName": AUDIT_TABLE, "Key": key, "ConditionExpression": "attribute_exists(auditId)"}
    table.aws.dynamodb.update_item(**change)
    assert resolve(table, failure, Resolution(table.clock.now(), "ada", "half \udfff"))
    resolved = now(table, failure)
    assert (resolved.status, resolved.item["resolvedReason"]) == (ReplayStatus.RESOLVED, "half ?")
    assert undone(table, resolved)
    assert now(table, failure).status is ReplayStatus.OPEN
    assert not {"resolvedAt", "resolvedBy", "resolvedReason", "statusBefore"} & now(table, failure).item.keys()


def test_a_claimed_failure_is_resolved_only_after_its_claim(table: Table) -> None:
    failure, resolution = table.failure(), Resolution(table.clock.now(), "ada", "test data")
    table.run("one").claim(failure)
    assert not resolve(table, failure, resolution)
    table.run("one").release(failure)
    assert resolve(table, failure, resolution)
    assert not resolve(table, failure, resolution)
    assert not table.run("one").claim(failure)
    assert table.run("one").claim(failure, again=True)
    assert table.run("one").settle(failure, DONE)
    assert (now(table, failure).status, now(table, failure).item.get("resolvedBy")) == (ReplayStatus.REPLAYED, None)


def test_a_deleted_failure_is_not_resolved(table: Table) -> None:
    failure = Failure({**table.failure().item, "auditId": "deleted"})
    assert not resolve(table, failure, Resolution(table.clock.now(), "ada", "test data"))
    assert not undone(table, failure)


@pytest.mark.parametrize("audit_id", ["", "half \ud800", "x" * 2000])
def test_an_id_that_dynamodb_refuses_has_no_failures(table: Table, audit_id: str) -> None:
    assert list(table.table.with_id(audit_id)) == []


@pytest.mark.parametrize("last", [{"Other": ""}, {"Other": "\udfff"}, {"Unknown": "id"}, {"Other": 7}], ids=str)
def test_a_token_that_dynamodb_would_refuse_is_a_usage_error(last: Any) -> None:
    with pytest.raises(UsageError):
        Position.of_token(Position("2026-01-01T00:00:00.000Z", last).token())


HASH = "e7671820a1b2c3d4e5f60718293a4b5c"
NEIGHBOR = "e7671829" + HASH[8:]


def test_short_ids_are_unique_and_seven_characters_long_where_that_is_enough() -> None:
    other = "0" * 32
    assert short_ids([HASH, other]) == {HASH: HASH[:7], other: "0000000"}
    assert short_ids([HASH, NEIGHBOR, HASH]) == {HASH: HASH[:8], NEIGHBOR: NEIGHBOR[:8]}
    assert short_ids(["written by hand", HASH]) == {"written by hand": "written by hand", HASH: HASH[:7]}
    assert short_ids([]) == {}


def test_a_failure_is_found_by_the_beginning_of_its_id(table: Table) -> None:
    """Failures that are done are found for 30 days, unresolved ones at any age; a whole id is found at any age."""
    now = table.clock.now()
    table.add(audit_item(HASH, now - timedelta(days=29), status="REPLAYED"))
    table.add(audit_item(NEIGHBOR, now - timedelta(days=31), status="OPEN"))
    table.add(audit_item("a" * 32, now - timedelta(days=31), status="FAILED"))
    table.add(audit_item("b" * 32, now - timedelta(days=31), status="REPLAYED"))
    for text, audit_id in {"aaaa": "a" * 32, HASH[:8]: HASH, NEIGHBOR: NEIGHBOR, "b" * 32: "b" * 32}.items():
        assert [failure.audit_id for failure in table.table.with_prefix(text)] == [audit_id]
    with pytest.raises(AmbiguousIdError) as ambiguous:
        table.table.with_prefix(HASH[:7])
    assert (ambiguous.value.prefix, ambiguous.value.candidates) == (HASH[:7], (HASH, NEIGHBOR))


def test_no_failure_is_found_by_the_beginning_of_another_id(table: Table) -> None:
    old = table.clock.now() - timedelta(days=31)
    table.add(audit_item("a" * 32, old, status="OPEN"))
    table.add(audit_item("b" * 32, old, status="REPLAYED"))
    for prefix in ("bbbb", "aaa", "", "AAAA", "aaaa*", "\ud800aaa", "a" * 33, "0000000"):
        with pytest.raises(NoSuchFailureError) as unknown:
            table.table.with_prefix(prefix)
        assert ("at least 4 characters" in (unknown.value.hint or "")) == (len(prefix) < 4)


def test_all_failures_of_an_id_are_found_by_its_beginning(table: Table) -> None:
    """A range can fail at several times."""
    now = table.clock.now()
    for days in (40, 2):
        table.add(audit_item(HASH, now - timedelta(days=days), status="REPLAYED"))
    assert len(table.table.with_prefix(HASH[:4])) == 2


# the sparse index

MARKED = {"S": "yes"}


def ids(table: Table, *statuses: ReplayStatus) -> list[str]:
    """Return the ids of the unresolved failures of any age, oldest first."""
    found = table.table.find(Selection(until=table.clock.now(), statuses=statuses or UNRESOLVED))
    return [failure.audit_id for failure in found if len(failure.audit_id) < 10]


def add(table: Table, audit_id: str, hours: float, status: str = "OPEN", **more: Any) -> None:
    """Add an item; an attribute that is ``None`` is left out."""
    item = audit_item(audit_id, table.clock.now() - timedelta(hours=hours), status=status) | more
    table.add({name: value for name, value in item.items() if value is not None})


def test_unresolved_failures_of_any_age_are_found_in_one_order(table: Table) -> None:
    add(table, "monday", 1)
    add(table, "old", 24 * 300, "FAILED")
    add(table, "done", 24 * 299, "REPLAYED")
    add(table, "friday", 72, "PARTIAL", failureType={"S": "Other"})
    assert ids(table) == ["old", "friday", "monday"]
    assert ids(table, ReplayStatus.FAILED, ReplayStatus.PARTIAL) == ["old", "friday"]
    of_type = Selection(types=("Other",), statuses=UNRESOLVED)
    assert [failure.audit_id for failure in table.table.find(of_type)] == ["friday"]
    newest = list(table.table.newest_first(Selection(statuses=UNRESOLVED)))
    assert [failure.audit_id for failure, _ in newest][-3:] == ["monday", "friday", "old"]


def test_an_unresolved_failure_without_the_mark_is_found_within_48_hours(table: Table) -> None:
    statuses: tuple[Any, ...] = ({"S": "OPEN"}, {"S": "WEIRD"}, {"N": "7"}, None)
    for number, (status, mark) in enumerate(product(statuses, (None, {"S": "no"}))):
        add(table, f"new{number}", 40 - number, replayStatus=status, unresolved=mark)
        add(table, f"old{number}", 49, replayStatus=status, unresolved=mark)
        add(table, f"marked{number}", 60 - number, replayStatus=status)
    assert ids(table) == [f"marked{number}" for number in range(8)] + [f"new{number}" for number in range(8)]


def test_the_types_are_asked_at_the_same_time() -> None:
    process, together = Process(World()), threading.Barrier(len(FAILURE_TYPES), timeout=PATIENCE)
    process.on_call = lambda _, number: together.wait() if number > 1 else None  # the first asks the sparse index
    assert list(AuditTable(process.aws, AUDIT_TABLE).find(UNRESOLVED_ONES)) == []
    assert process.calls == ["Query"] * (1 + len(FAILURE_TYPES))


def test_a_failure_that_is_done_is_not_found_although_it_has_the_mark(table: Table) -> None:
    for status in set(ReplayStatus) - set(UNRESOLVED):
        add(table, status, 1, status, unresolved=MARKED)
    assert ids(table) == []


def test_a_claim_repairs_the_mark(table: Table) -> None:
    for audit_id, mark in {"none": None, "wrong": {"S": "no"}}.items():
        add(table, audit_id, 1, unresolved=mark)
        (failure,) = table.table.with_id(audit_id)
        assert table.run("one").claim(failure)
        assert now(table, failure).item["unresolved"] == "yes"
        assert table.run("one").release(failure)
        assert audit_id in ids(table)


def test_the_mark_follows_the_outcome(table: Table) -> None:
    failure, one = table.failure(), table.run("one")
    for status in (*ReplayStatus, *reversed(ReplayStatus)):
        assert one.claim(failure, again=True)
        assert one.settle(failure, Outcome(status, 1))
        assert now(table, failure).item.get("unresolved") == ("yes" if status in UNRESOLVED else None)


def test_the_mark_follows_a_resolution(table: Table) -> None:
    add(table, "f", 72, "FAILED")
    (failure,) = table.table.with_id("f")
    assert resolve(table, failure, Resolution(table.clock.now(), "ada", "test data"))
    assert ("unresolved" in now(table, failure).item, ids(table)) == (False, [])
    assert not any(table.table.mark([failure]))
    assert undone(table, now(table, failure))
    assert (now(table, failure).status, ids(table)) == (ReplayStatus.FAILED, ["f"])


def test_a_forced_claim_of_a_failure_that_is_done_does_not_set_the_mark(table: Table) -> None:
    add(table, "done", 1, "REPLAYED")
    (failure,) = table.table.with_id("done")
    assert table.run("one").claim(failure, again=True)
    assert "unresolved" not in now(table, failure).item


@pytest.mark.parametrize("limit", [1, 3] if not THOROUGH else range(1, 18))
def test_the_pages_of_both_indexes_together_are_the_whole_list(table: Table, limit: int) -> None:
    """Check items of one time, with and without the mark, and on both sides of the 48 hours."""
    for number in range(8):
        at = {"S": rfc3339_milliseconds(table.clock.now() - timedelta(hours=10))}
        mark, kind = MARKED if number % 2 else None, {"S": ("Other", "RecordAgeExceeded")[number // 2 % 2]}
        add(table, f"f{number}", 10, timestamp=at, unresolved=mark, failureType=kind)
        add(table, f"o{number}", 100 + number // 3)
    chosen, listed, position = Selection(until=table.clock.now(), statuses=UNRESOLVED), list[str](), None
    while page := list(islice(table.table.newest_first(chosen, position), limit)):
        listed += [failure.audit_id for failure, _ in page]
        position = Position.of_token(page[-1][1].token())
    assert len(listed) == len(set(listed))
    assert {audit_id for audit_id in listed if len(audit_id) == 2} == {f"{c}{n}" for c in "fo" for n in range(8)}


@pytest.mark.parametrize("state", ["missing", "backfilling"])
def test_without_the_index_the_last_48_hours_are_read_and_the_reason_is_known(state: str) -> None:
    world = World()
    table = Table(Process(world).aws, world.clock, world)
    add(table, "new", 47)
    add(table, "old", 49)
    assert (ids(table), gap(table.table, FILLED)) == (["old", "new"], None)
    if state == "missing":
        del world.indexes["unresolved-index"]
    else:
        world.backfilling.add("unresolved-index")
    audit_table = table.table
    found = [failure.audit_id for failure in audit_table.find(Selection(statuses=UNRESOLVED))]
    assert found == ["new"]
    assert {"missing": "does not exist", "backfilling": "being created"}[state] in str(gap(audit_table, FILLED))


def test_a_denied_query_of_the_index_is_reported_and_the_last_48_hours_are_read() -> None:
    world = World()
    table = Table(Process(world).aws, world.clock, world)
    add(table, "new", 47)
    world.denied_indexes.add("unresolved-index")
    audit_table = table.table
    assert [failure.audit_id for failure in audit_table.find(Selection(statuses=UNRESOLVED))] == ["new"]
    assert "not allowed" in str(gap(audit_table, FILLED))


def test_an_index_that_is_not_filled_yet_is_reported() -> None:
    world = World()
    audit_table = Table(Process(world).aws, world.clock, world).table
    assert list(audit_table.find(Selection(statuses=UNRESOLVED))) == []
    assert "`pipectl up` adds them" in str(gap(audit_table, TableFacts("arn")))


@pytest.mark.parametrize("killed_after", [None, 0])
def test_older_failures_are_added_to_the_index_once(table: Table, killed_after: int | None) -> None:
    for number in range(7):
        add(table, f"old{number}", 72 + number, ["OPEN", "WEIRD", "FAILED"][number % 3], unresolved=None)
    add(table, "done", 72, "RESOLVED", unresolved=None)
    marked: list[str] = []

    def note(text: str) -> None:
        marked.append(text)
        if killed_after is not None and len(marked) > killed_after:
            raise KeyboardInterrupt

    if killed_after is not None:
        with suppress(KeyboardInterrupt):
            fill(table.table, table.clock, note)
    fill(table.table, table.clock, lambda _: None)
    assert ids(table) == [f"old{number}" for number in reversed(range(7))]
    assert [failure for page in table.table.unmarked() for failure in page] == []
    (failure,) = table.table.with_id("done")
    assert "unresolved" not in failure.item
