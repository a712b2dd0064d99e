"""`audit list` and `audit show` with orders, reasons, causes and log lines."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from functools import partial

import pytest

from pipectl.aws.stream_records import Cause
from pipectl.commands.audit import MOST_COUNTED, audit_list, audit_show
from pipectl.commands.audit_lookup import MOST_ORDERS
from pipectl.commands.audit_resolve import audit_resolve, audit_undo
from pipectl.errors import AbsentError
from pipectl.facts import FunctionFacts
from pipectl.failures.audit_table import UNRESOLVED_ONES, Selection
from pipectl.failures.errors import AmbiguousIdError, FailureStatusError, NoSuchFailureError, SeveralFailuresError
from pipectl.failures.explanation import MOST_EXPLAINED, Safety
from pipectl.failures.status import UNRESOLVED
from pipectl.output import audit
from pipectl.output import audit_show as show_output
from tests.failures.commanding import context
from tests.failures.fakes import Process, World, aws_error
from tests.output.screens import document, printed
from tests.support import Recorder, yes

TOO_OLD = {"condition": "RecordAgeExceeded", "approximateInvokeCount": 1}


def poison(world: World, reason: str = "InvalidOrderError: bad", version: str = "3") -> str:
    number = world.order(poison=True)
    world.quarantine(number, cause=Cause(reason, world.clock.now(), "request-1", version))
    return world.give_up(number)


def test_all_unresolved_failures_are_summed_up_by_cause_and_a_page_of_them_is_listed() -> None:
    world = World()
    for number in range(5):
        poison(world, f"InvalidOrderError: got {number}" if number else "KeyError: 'price'")
        world.clock.sleep(60)
    page = audit_list(context(Process(world)), UNRESOLVED_ONES, limit=2)
    assert [entry.explanation.order_keys for entry in page.entries] == [("order-8",), ("order-6",)]
    assert page.summary
    assert (page.summary.count, page.summary.more, page.next is None) == (5, False, False)
    assert (page.summary.first, page.summary.newest) == (
        world.clock.started,
        world.clock.started + timedelta(minutes=4),
    )
    assert [(group.cause, group.count) for group in page.summary.causes] == [
        ("InvalidOrderError: got", 4),
        ("KeyError: 'price'", 1),
    ]


def test_a_later_page_reads_and_explains_its_failures_only() -> None:
    world = World()
    for _ in range(6):
        poison(world)
        world.clock.sleep(60)
    first = audit_list(context(Process(world)), UNRESOLVED_ONES, limit=2)
    process = Process(world)
    second = audit_list(context(process), UNRESOLVED_ONES, limit=2, page=first.next)
    assert (second.summary, len(second.entries), process.count("GetObject")) == (None, 2, 2)


def test_a_failure_of_last_week_is_listed_while_it_is_unresolved() -> None:
    world = World()
    failure = poison(world)
    world.clock.sleep(7 * 24 * 3600)
    (entry,) = audit_list(context(Process(world)), UNRESOLVED_ONES).entries
    assert (entry.failure.audit_id, entry.explanation.safety) == (failure, Safety.QUARANTINED)


def test_more_failures_than_are_counted_are_said_to_be_more() -> None:
    world = World()
    first = world.order()
    body = world.message(first)
    world.give_up(first)
    (item,) = world.audit.values()
    for number in range(MOST_COUNTED + 1):
        audit_id = f"{number:032x}"
        world.audit[audit_id, "2026-01-01T00:00:00.000Z"] = {**item, "auditId": {"S": audit_id}}
    assert body
    page = audit_list(context(Process(world)), UNRESOLVED_ONES)
    assert page.summary
    assert (page.summary.count, page.summary.more, page.summary.first) == (MOST_COUNTED, True, None)
    text = printed(partial(audit.page, found=page, selection=UNRESOLVED_ONES, limit=20))
    assert text.startswith(f"more than {MOST_COUNTED} unresolved failures")


def test_more_failures_than_are_explained_are_listed_with_few_calls() -> None:
    world, more = World(), 50
    for _ in range(MOST_EXPLAINED + more):
        poison(world)
    process = Process(world)
    page = audit_list(context(process), UNRESOLVED_ONES, limit=MOST_EXPLAINED + more)
    calls = Counter(process.calls)
    assert (calls["GetObject"], calls["FilterLogEvents"]) == (MOST_EXPLAINED, 0)
    assert page.unexplained == more
    assert all(entry.explanation.reason for entry in page.entries[:MOST_EXPLAINED])


def test_a_bucket_that_is_gone_is_a_problem_and_no_error() -> None:
    process = Process(World())
    poison(process.world)
    gone = [aws_error("NoSuchBucket", "s3", AbsentError) for _ in range(9)]
    process.failures = {"ListObjectsV2": list(gone), "GetObject": list(gone)}
    page = audit_list(context(process), UNRESOLVED_ONES)
    assert (page.problems, page.entries[0].explanation.safety) == (("s3: NoSuchBucket",), Safety.UNKNOWN)


def test_orders_that_the_processor_has_never_seen_are_named_from_the_stream() -> None:
    world = World()
    numbers = world.orders(20)
    world.give_up(numbers[0], numbers[18], requestContext=TOO_OLD, batchSize=19)
    world.give_up(numbers[19], requestContext=TOO_OLD)
    page = audit_list(context(Process(world)), UNRESOLVED_ONES)
    keys = {entry.explanation.order_keys for entry in page.entries}
    assert keys == {tuple(f"order-{number}" for number in range(MOST_ORDERS)), ("order-19",)}
    assert page.summary
    assert [(group.cause, group.count, len(group.orders)) for group in page.summary.causes] == [
        ("waited longer than 12 h; the processor was never invoked", 2, 13)
    ]
    text = printed(partial(audit.page, found=page, selection=UNRESOLVED_ONES, limit=20))
    assert "at most 19  OPEN" in text
    assert "`pipectl replay-dlq` processes them again" in text
    assert "fix the processor" not in text


def test_a_stream_that_must_not_be_read_is_a_problem_and_no_error() -> None:
    process = Process(World())
    process.world.give_up(process.world.order())
    process.failures = {"GetShardIterator": [aws_error("AccessDeniedException")]}
    page = audit_list(context(process), UNRESOLVED_ONES)
    assert (page.problems, len(page.entries)) == (("dynamodbstreams: AccessDeniedException",), 1)


def test_the_document_has_orders_reason_and_place_beside_the_whole_item() -> None:
    world = World()
    poison(world)
    page = audit_list(context(Process(world)), UNRESOLVED_ONES)
    found = document(partial(audit.page, found=page, selection=UNRESOLVED_ONES, limit=20))
    (failure,) = found["failures"]
    assert (failure["orders"], failure["reason"], failure["quarantined"]) == (
        ["order-0"],
        "InvalidOrderError: bad",
        True,
    )
    assert (failure["safety"], failure["until"], failure["atMost"]) == ("quarantined", None, False)
    assert failure["message"]["body"]
    assert found["causes"] == [{"cause": "InvalidOrderError: bad", "count": 1, "orders": ["order-0"]}]


# show


def test_show_finds_a_failure_by_the_beginning_of_its_id() -> None:
    world = World()
    failure = poison(world)
    (detail,) = audit_show(context(Process(world)), failure[:5])
    assert detail.entry.failure.audit_id == failure


def test_show_of_an_order_shows_all_its_failures_the_newest_first() -> None:
    world = World()
    older = poison(world)
    world.item(older)["replayStatus"] = {"S": "REPLAYED"}
    world.clock.sleep(60)
    newer = world.give_up(
        "000000000000000000137", approximateArrivalOfFirstRecord="2026-01-01T00:00:00Z", shardId="x" * 30
    )
    poison(world)
    found = audit_show(context(Process(world)), "order-0")
    assert [detail.entry.failure.audit_id for detail in found] == [newer, older]


def test_show_finds_an_order_that_only_the_stream_names() -> None:
    world = World()
    waited, other = world.orders(2)
    world.give_up(other, requestContext=TOO_OLD)
    failure = world.give_up(waited, requestContext=TOO_OLD)
    (detail,) = audit_show(context(Process(world)), "order-0")
    assert detail.entry.failure.audit_id == failure


def test_show_of_an_unknown_order_is_an_error() -> None:
    world = World()
    poison(world)
    with pytest.raises(NoSuchFailureError) as unknown:
        audit_show(context(Process(world)), "order-99")
    assert (unknown.value.audit_ids, unknown.value.unread) == (("order-99",), 0)


def test_show_of_a_beginning_of_two_ids_is_an_error() -> None:
    world = World()
    poison(world)
    (item,) = list(world.audit.values())
    for audit_id in ("abcd1" + "0" * 27, "abcd2" + "0" * 27):
        world.audit[audit_id, "2026-01-01T00:00:00.000Z"] = {**item, "auditId": {"S": audit_id}}
    with pytest.raises(AmbiguousIdError):
        audit_show(context(Process(world)), "abcd")


def test_show_reads_the_log_lines_of_the_invocation_on_the_failure_and_not_the_stream() -> None:
    world = World()
    failure = poison(world)
    for line in (
        "START RequestId: request-1 Version: 3",
        '{"level": "ERROR", "message": "record failed", "reason": "bad", "requestId": "request-1"}',
        '{"level": "ERROR", "message": "another record failed", "sequenceNumber": "999", "requestId": "request-1"}',
        "[ERROR] BatchError: bad",
        "Traceback (most recent call last):",
        '  File "handler.py", line 1',
        "END RequestId: request-1",
        "REPORT RequestId: request-1\tDuration: 3 ms",
        "START RequestId: request-2 Version: 3",
    ):
        world.log(line)
    world.log("another invocation", stream="stream-2")
    world.log("much later", seconds=60)
    process = Process(world)
    (detail,) = audit_show(context(process), failure)
    assert detail.excerpt
    assert detail.excerpt.lines == (
        '{"level": "ERROR", "message": "record failed", "reason": "bad", "requestId": "request-1"}',
        "[ERROR] BatchError: bad",
        "Traceback (most recent call last):",
        '  File "handler.py", line 1',
    )
    assert detail.excerpt.brief == (
        "ERROR bad",
        "ERROR BatchError: bad",
    )
    assert (process.count("FilterLogEvents"), process.count("GetRecords"), detail.records) == (1, 0, ())


@pytest.mark.parametrize(
    ("raised", "shown"),
    [
        ('record with keys {"orderId": {"S": "o-1"}} failed: bad (2 more of the batch failed)', False),
        ("record of no key failed: bad", False),
        ("record of no key failed: another reason", True),
    ],
)
def test_show_leaves_out_the_exception_of_a_batch_that_only_repeats_the_reason(raised: str, shown: bool) -> None:
    world = World()
    failure = poison(world)
    world.log('{"level": "ERROR", "message": "record failed", "reason": "bad", "requestId": "request-1"}')
    world.log(f"[ERROR] BatchError: {raised}")
    world.log("END RequestId: request-1")
    (detail,) = audit_show(context(Process(world)), failure)
    assert detail.excerpt
    assert detail.excerpt.brief == ("ERROR bad", *([f"ERROR BatchError: {raised}"] if shown else []))


@pytest.mark.parametrize("kind", [AbsentError, None])
def test_a_log_that_cannot_be_read_is_shown_as_the_reason(kind: type[AbsentError] | None) -> None:
    process = Process(World())
    failure = poison(process.world)
    error = aws_error("AccessDeniedException", "logs", kind) if kind else aws_error("AccessDeniedException", "logs")
    process.failures = {"FilterLogEvents": [error]}
    found = audit_show(context(process), failure)
    assert found[0].excerpt
    assert found[0].excerpt.problem == "logs: AccessDeniedException"
    assert "logs: AccessDeniedException" in printed(partial(show_output.details, found=found))


def test_show_reads_the_orders_from_the_stream_when_nothing_else_names_them() -> None:
    world = World()
    numbers = world.orders(3)
    failure = world.give_up(numbers[0], numbers[2], requestContext=TOO_OLD, batchSize=3)
    found = audit_show(context(Process(world)), failure)
    assert found[0].entry.explanation.order_keys == ("order-0", "order-1", "order-2")
    text = printed(partial(show_output.details, found=found))
    assert "at most 3 orders: order-0, order-1, order-2" in text
    assert (found[0].excerpt, "0 by the mapping" in text) == (None, True)
    assert "ONLY in the stream until 2026-01-02 00:00 (24.0 h)" in text


def test_a_denial_is_shown_in_short_and_whole_on_request() -> None:
    world = World()
    user = "arn:aws:sts::1:assumed-role/dev-role/x"
    whole = f"AccessDenied: User: {user} is not authorized to perform: s3:PutObject on resource: arn:aws:s3:::bucket"
    failure, brief = poison(world, whole), "AccessDenied: s3:PutObject is denied to dev-role"
    page = audit_list(context(Process(world)), UNRESOLVED_ONES)
    listed = printed(partial(audit.page, found=page, selection=UNRESOLVED_ONES, limit=20))
    assert (listed.count(brief), whole in listed, "`pipectl plan` compares" in listed) == (2, False, True)
    shown = audit_show(context(Process(world)), failure)
    assert brief in printed(partial(show_output.details, found=shown))
    assert whole in printed(partial(show_output.details, found=shown, full=True))
    assert document(partial(show_output.details, found=shown))["failures"][0]["reason"] == whole


def test_everything_is_shown_on_request_only() -> None:
    world = World()
    failure = poison(world)
    brief = printed(partial(show_output.details, found=audit_show(context(Process(world)), failure)))
    full = printed(
        partial(show_output.details, found=audit_show(context(Process(world)), failure, full=True), full=True)
    )
    assert len(brief.splitlines()) <= 15
    assert "approximateInvokeCount" not in brief
    assert "approximateInvokeCount" in full
    assert "record 000000000000000000137 (stream)" in full


def test_hostile_texts_are_escaped_and_cut_on_every_screen() -> None:
    world = World()
    failure = poison(world, "Error: \x1b[31m\n" + "x" * 400_000)
    page = audit_list(context(Process(world)), Selection(statuses=UNRESOLVED))
    listed = printed(partial(audit.page, found=page, selection=UNRESOLVED_ONES, limit=20))
    shown = printed(partial(show_output.details, found=audit_show(context(Process(world)), failure)))
    for text in (listed, shown):
        assert "\x1b" not in text
        assert max(map(len, text.splitlines())) < 2200


def test_show_offers_the_rollback_that_the_list_offers_while_all_failures_began_with_a_deployment() -> None:
    world = World()
    reading = context(Process(world))
    reading.processor = FunctionFacts("3", replaced="2", live_since=world.clock.now())
    world.clock.sleep(60)
    failure = poison(world, "KeyError: 'price'")
    poison(world, "KeyError: 'price'")
    found = audit_show(reading, failure)
    assert found[0].deploy
    assert found[0].deploy == audit_list(reading, UNRESOLVED_ONES).deploy
    assert "`pipectl rollback`, then `pipectl replay-dlq`" in printed(partial(show_output.details, found=found))
    poison(world, "KeyError: 'price'", version="2")
    assert audit_show(reading, failure)[0].deploy is None


def test_the_list_offers_the_rollback_also_when_it_counts_fewer_failures_than_there_are() -> None:
    world = World()
    older = poison(world, "KeyError: 'price'", version="2")
    world.clock.sleep(3600)
    reading = context(Process(world))
    reading.processor = FunctionFacts("3", replaced="2", live_since=world.clock.now())
    world.clock.sleep(60)
    for _ in range(MOST_COUNTED + 1):
        poison(world, "KeyError: 'price'")
    page = audit_list(reading, UNRESOLVED_ONES)
    assert page.summary
    assert (page.summary.more, page.deploy) == (True, None)  # an older failure is of another version
    world.audit = {key: item for key, item in world.audit.items() if key[0] != older}
    assert audit_list(reading, UNRESOLVED_ONES).deploy


# the failures that a person means


def test_an_order_with_one_unresolved_failure_is_resolved_by_its_key() -> None:
    world = World()
    failure, other = poison(world), poison(world)
    (resolved,) = audit_resolve(context(Process(world)), "order-0", "ada", "test data", yes)
    assert resolved.audit_id == failure
    assert [world.item(each)["replayStatus"]["S"] for each in (failure, other)] == ["RESOLVED", "OPEN"]
    with pytest.raises(FailureStatusError) as refused:
        audit_resolve(context(Process(world)), "order-0", "ada", "test data", yes)
    assert (refused.value.audit_id, refused.value.status) == (failure, "RESOLVED")
    (undone,) = audit_undo(context(Process(world)), "order-0", yes)
    assert (undone.audit_id, undone.status) == (failure, "OPEN")


def twice(world: World, audit_id: str) -> str:
    """Let the order of the only failure fail a second time."""
    (item,) = world.audit.values()
    at = "2026-01-01T00:00:01.000Z"
    world.audit[audit_id, at] = {**item, "auditId": {"S": audit_id}, "timestamp": {"S": at}}
    return audit_id


def test_an_order_with_several_unresolved_failures_is_not_resolved_by_its_key() -> None:
    world = World()
    first = poison(world)
    second = twice(world, "f" * 32)
    with pytest.raises(SeveralFailuresError) as refused:
        audit_resolve(context(Process(world)), "order-0", "ada", "test data", yes)
    assert (set(refused.value.ids), refused.value.other_ids) == ({first, second}, ())
    assert {item["replayStatus"]["S"] for item in world.audit.values()} == {"OPEN"}
    world.item(first)["replayStatus"] = {"S": "REPLAYED"}
    (resolved,) = audit_resolve(context(Process(world)), "order-0", "ada", "test data", yes)
    assert resolved.audit_id == second


@pytest.mark.parametrize("others", [["abcd1"], ["abcd1", "abcd2"]])
def test_a_key_that_is_the_beginning_of_an_id_is_shown_and_not_resolved(others: list[str]) -> None:
    world = World()
    number = world.order(key="abcd")
    world.quarantine(number, cause=Cause("bad", world.clock.now(), "request-1", "3"))
    failure = world.give_up(number)
    (key,) = world.audit
    ids = tuple(each.ljust(32, "0") for each in others)
    other = world.item(poison(world))
    world.audit |= {(audit_id, key[1]): {**other, "auditId": {"S": audit_id}} for audit_id in ids}
    reporting = context(Process(world))
    (detail,) = audit_show(reporting, "abcd")
    assert detail.entry.failure.audit_id == failure
    assert isinstance(reporting.reporter, Recorder)
    assert any(ids[-1] in note for note in reporting.reporter.notes)
    with pytest.raises(SeveralFailuresError) as refused:
        audit_resolve(context(Process(world)), "abcd", "ada", "test data", yes)
    assert (refused.value.ids, refused.value.other_ids) == ((failure,), ids)
    (shown,) = audit_show(context(Process(world)), ids[0])
    assert shown.entry.failure.audit_id == ids[0]
