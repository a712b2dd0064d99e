"""`audit`: failures listed by type, time and status, page by page, shown, and counted."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from moto import mock_aws

from pipectl.aws.client import Aws, Credentials
from pipectl.commands.audit import (
    AuditPage,
    ExpiryClock,
    Origin,
    audit_list,
    audit_show,
)
from pipectl.commands.audit_resolve import audit_resolve, audit_undo
from pipectl.commands.audit_stats import audit_stats
from pipectl.commands.up import up
from pipectl.errors import AbsentError, DeclinedError, PipectlError, RequirementError, UsageError
from pipectl.failures.audit_table import Selection
from pipectl.failures.errors import ClaimedFailureError, FailureStatusError, NoSuchFailureError
from pipectl.failures.status import FAILURE_TYPES, UNRESOLVED, ReplayStatus
from pipectl.output import audit as output
from pipectl.output import audit_show as output_of_show
from pipectl.output import audit_stats as output_of_stats
from pipectl.timestamps import rfc3339_milliseconds
from tests.commands.audit_items import audit_item, paging_table
from tests.commands.existing_pipeline import existing, fail, put_audit_items, write
from tests.output.screens import document
from tests.resources.direct_access import narrow
from tests.support import ACCOUNT, REGION, ROOT, THOROUGH, FakeClock, World, make_world, write_config, yes

NOW = datetime(2026, 1, 1, tzinfo=UTC)
ALL = Selection(since=NOW - timedelta(days=30), until=NOW)


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """Create an audit table only."""
    with mock_aws():
        world = make_world(tmp_path, clock=FakeClock())
        up(narrow(world, "audit-table"), yes)
        world.calls.clear()
        yield world


def _ids(page: AuditPage) -> list[str]:
    return [entry.failure.audit_id for entry in page.entries]


def _ago(minutes: float) -> datetime:
    return NOW - timedelta(minutes=minutes)


def test_show_needs_the_bucket_but_no_orders_table(world: World) -> None:
    put_audit_items(world, audit_item("f", _ago(1)))
    with pytest.raises(RequirementError) as lacking:
        audit_show(world.context(), "f")
    assert (lacking.value.missing, lacking.value.unmanaged) == (("bucket",), ())
    up(narrow(world, "bucket"), yes)
    assert [detail.entry.failure.audit_id for detail in audit_show(world.context(), "f")] == ["f"]


def test_failures_of_all_types_are_listed_by_time(world: World) -> None:
    put_audit_items(world, *(audit_item(f"f{n}", _ago(n), FAILURE_TYPES[n * 7 % 4]) for n in range(12)))
    page = audit_list(world.context(), ALL)
    assert (_ids(page), page.next) == ([f"f{n}" for n in range(12)], None)


def test_one_page_of_each_type_is_read(world: World) -> None:
    put_audit_items(world, *(audit_item(f"f{n:02}", _ago(n), FAILURE_TYPES[n % 2]) for n in range(30)))
    page = audit_list(world.context(), ALL, limit=5)
    assert _ids(page) == [f"f{n:02}" for n in range(5)]
    assert page.next
    assert [call.operation for call in world.calls].count("Query") == len(FAILURE_TYPES)


@pytest.mark.parametrize("statuses", [(), (ReplayStatus.OPEN, ReplayStatus.PARTIAL)])
@pytest.mark.parametrize("limit", [7, 40] if not THOROUGH else [1, 2, 3, 7, 40])
def test_the_pages_together_are_the_whole_list(world: World, limit: int, statuses: tuple[ReplayStatus, ...]) -> None:
    """Several failures have the same millisecond, with equal and different types."""
    moments = [_ago(n // 6) for n in range(24)]
    put_audit_items(world, *(audit_item(f"f{n:02}", at, FAILURE_TYPES[n % 3]) for n, at in enumerate(moments)))
    wanted = Selection(ALL.since, ALL.until, statuses=statuses)
    pages = [audit_list(world.context(), wanted, limit=limit)]
    while token := pages[-1].next:
        pages.append(audit_list(world.context(), wanted, limit=limit, page=token))
    entries = [entry for page in pages for entry in page.entries]
    assert sorted(entry.failure.audit_id for entry in entries) == [f"f{n:02}" for n in range(24)]
    assert [entry.failure.timestamp for entry in entries] == sorted(
        (e.failure.timestamp for e in entries), reverse=True
    )
    assert [len(page.entries) for page in pages[:-1]] == [limit] * (len(pages) - 1)


def test_a_new_failure_does_not_move_a_page(world: World) -> None:
    put_audit_items(world, *(audit_item(f"f{n}", _ago(n + 1)) for n in range(4)))
    first = audit_list(world.context(), ALL, limit=2)
    put_audit_items(world, audit_item("new", _ago(0), "Other"))
    assert _ids(audit_list(world.context(), ALL, limit=2, page=first.next)) == ["f2", "f3"]


def test_failures_are_selected_by_type_time_and_status(world: World) -> None:
    put_audit_items(
        world,
        audit_item("open", _ago(10)),
        audit_item("done", _ago(10), status="REPLAYED"),
        audit_item("late", _ago(1)),
        audit_item("early", _ago(100)),
        audit_item("aged", _ago(10), "RecordAgeExceeded"),
    )
    wanted = Selection(_ago(60), _ago(5), ("RetryAttemptsExhausted",), (ReplayStatus.OPEN,))
    assert _ids(audit_list(world.context(), wanted)) == ["open"]
    assert _ids(audit_list(world.context(), Selection(_ago(60), _ago(5), ("RecordAgeExceeded",)))) == ["aged"]


@pytest.mark.parametrize("page", ["nonsense", "", "e30", "WyJhIiwgMV0"])
def test_an_invalid_page_token_is_a_usage_error(world: World, page: str) -> None:
    if not page:
        assert audit_list(world.context(), ALL, page=page).entries == ()
        return
    with pytest.raises(UsageError, match=f"not a page token: {page}"):
        audit_list(world.context(), ALL, page=page)


@pytest.mark.parametrize(
    ("hours", "status", "clock"),
    [
        (23, "OPEN", (False, False)),
        (24, "OPEN", (True, True)),
        (25, "FAILED", (True, True)),
        (25, "REPLAYED", (False, False)),
    ],
)
def test_every_failure_shows_its_expiry_clock(
    world: World, hours: float, status: str, clock: tuple[bool, bool]
) -> None:
    arrival = NOW - timedelta(hours=hours)
    put_audit_items(world, audit_item("f", _ago(1), status=status, arrival=arrival))
    (entry,) = audit_list(world.context(), ALL).entries
    assert (entry.expiry_clock.expiring, entry.expiry_clock.expired) == clock
    assert entry.expiry_clock.starts_to_expire == entry.expiry_clock.at_risk == arrival + timedelta(hours=24)


def test_a_failure_without_arrival_times_has_no_expiry_clock(world: World) -> None:
    put_audit_items(world, audit_item("f", _ago(1), first=None))
    (entry,) = audit_list(world.context(), ALL).entries
    assert entry.expiry_clock == ExpiryClock(None, None, expiring=False, expired=False)


def test_the_document_is_json_with_the_audit_item_in_it(world: World) -> None:
    put_audit_items(world, audit_item("f", _ago(1), arrival=_ago(60)))
    found = document(partial(output.page, found=audit_list(world.context(), ALL), selection=ALL, limit=20))
    (failure,) = found["failures"]
    assert found["next"] is None
    assert (failure["auditId"], failure["approximateInvokeCount"]) == ("f", 4)
    assert failure["expiryClock"]["startsToExpire"] == "2026-01-01T23:00:00Z"


def test_stats_count_by_type_day_and_status(world: World) -> None:
    day = 24 * 60
    put_audit_items(
        world,
        audit_item("a", _ago(1)),
        audit_item("b", _ago(2), status="REPLAYED"),
        audit_item("c", _ago(day + 1), "RecordAgeExceeded"),
        audit_item("d", _ago(40 * day)),
    )
    stats = audit_stats(world.context(), NOW - timedelta(days=30), NOW)
    assert stats.total == 3
    assert stats.by_type == {"RetryAttemptsExhausted": 2, "RecordAgeExceeded": 1}
    assert stats.by_status == {"OPEN": 2, "REPLAYED": 1}
    assert list(stats.by_day.items()) == [
        ("2025-12-31", {"RetryAttemptsExhausted": 2}),
        ("2025-12-30", {"RecordAgeExceeded": 1}),
    ]
    assert document(partial(output_of_stats.result, found=stats))["byDay"]["2025-12-30"] == {"RecordAgeExceeded": 1}


def test_stats_of_two_days_count_by_hour_and_unresolved_ones_of_any_age_by_themselves(world: World) -> None:
    put_audit_items(
        world,
        audit_item("a", _ago(1)),
        audit_item("b", _ago(2), "Other"),
        audit_item("c", _ago(47 * 60), status="EXPIRED"),
        audit_item("d", _ago(40 * 24 * 60), status="FAILED"),
        audit_item("e", _ago(41 * 24 * 60), status="RESOLVED"),
    )
    stats = audit_stats(world.context(), NOW - timedelta(hours=48))
    assert list(stats.by_hour.items()) == [
        ("2025-12-31T23:00:00Z", {"RetryAttemptsExhausted": 1, "Other": 1}),
        ("2025-12-30T01:00:00Z", {"RetryAttemptsExhausted": 1}),
    ]
    assert list(stats.by_day) == ["2025-12-31", "2025-12-30"]
    assert (stats.total, stats.unresolved) == (3, 3)
    assert stats.oldest_unresolved == rfc3339_milliseconds(_ago(40 * 24 * 60))
    assert document(partial(output_of_stats.result, found=stats))["byHour"]["2025-12-30T01:00:00Z"]
    assert audit_stats(world.context(), NOW - timedelta(hours=49)).by_hour == {}


def test_stats_count_causes_of_the_newest_failures(pipeline: World) -> None:
    for record in write(pipeline, "order-1", "order-2"):
        fail(pipeline, record, record)
    stats = audit_stats(pipeline.context(), pipeline.aws.clock.now() - timedelta(hours=1))
    assert stats.explained == stats.total == sum(each.count for each in stats.by_cause) == 2


def test_a_missing_audit_table_is_an_error(tmp_path: Path) -> None:
    with mock_aws():
        world = make_world(tmp_path, clock=FakeClock())
        for ask in (
            lambda: audit_list(world.context(), ALL),
            lambda: audit_stats(world.context(), NOW - timedelta(days=30), NOW),
        ):
            with pytest.raises(PipectlError, match="audit-table"):
                ask()


# show


@pytest.fixture
def pipeline(tmp_path: Path) -> Iterator[World]:
    with existing(tmp_path, FakeClock()) as world:
        yield world


def test_show_reads_the_records(pipeline: World) -> None:
    first, second, _ = write(pipeline, "order-1", "order-2", "order-3")
    (detail,) = audit_show(pipeline.context(), fail(pipeline, first, second))
    for record in (first, second):
        del record["shard"]
    assert [(found.origin, found.record) for found in detail.records] == [
        (Origin.STREAM, first),
        (Origin.STREAM, second),
    ]
    assert not detail.more_records
    (shown,) = document(partial(output_of_show.details, found=[detail]))["failures"]
    assert shown["records"][0]["record"]["dynamodb"]["NewImage"]["orderId"] == {"S": "order-1"}


class Forgetful(Aws):
    """Return AWS clients whose clock makes all streams older than 24 hours."""

    @property
    def streams(self) -> Any:
        return self

    def get_shard_iterator(self, **_: str) -> None:
        raise AbsentError("no such stream", service="dynamodbstreams", aws_code="ResourceNotFoundException")


def test_show_finds_expired_records_in_the_quarantine_and_reports_missing_ones(pipeline: World) -> None:
    """Only the first of the two failed records is in the quarantine."""
    names = pipeline.context().pipeline.physical
    old = f"{pipeline.context().pipeline.names.table_arn(names.orders_table)}/stream/2025-12-01T00:00:00.000"
    first, last = "100000000000000000001", "100000000000000000005"
    kept = {"eventID": "1", "eventName": "INSERT", "dynamodb": {"SequenceNumber": last, "Keys": {}}}
    pipeline.aws.s3.put_object(
        Bucket=names.bucket, Key=f"failed-data/2025-12-01T00:00:00.000/{int(last):040}.json", Body=json.dumps(kept)
    )
    put_audit_items(pipeline, audit_item("f", _ago(1), first=first, last=last, stream=old))
    forgetful = Forgetful(REGION, credentials=Credentials(ACCOUNT, "test"), clock=FakeClock())
    (detail,) = audit_show(replace(pipeline.context(), aws=forgetful), "f")
    assert [(found.sequence_number.text, found.origin) for found in detail.records] == [
        (first, Origin.GONE),
        (last, Origin.QUARANTINE),
    ]
    assert detail.records[1].record == kept


@pytest.mark.parametrize(
    ("item", "why"),
    [
        (audit_item("f", NOW, first=None), "names no stream range"),
        (audit_item("f", NOW, stream=f"arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/other/stream/x"), "another stream"),
        (audit_item("f", NOW, shard="by hand"), "shard id that DynamoDB refuses"),
    ],
)
def test_show_reports_why_there_are_no_records(pipeline: World, item: dict[str, Any], why: str) -> None:
    put_audit_items(pipeline, item)
    (detail,) = audit_show(pipeline.context(), "f")
    assert detail.records == ()
    assert why in str(detail.unreadable)


def test_show_of_an_unknown_id_is_an_error(pipeline: World) -> None:
    with pytest.raises(NoSuchFailureError):
        audit_show(pipeline.context(), "nobody")


# resolve


def _stored(world: World, audit_id: str) -> dict[str, Any]:
    (found,) = world.context().audit_table.with_id(audit_id)
    return dict(found.item)


@pytest.mark.parametrize("before", ["OPEN", "PARTIAL", "FAILED"])
def test_a_failure_is_resolved_and_unresolved_again(world: World, before: str) -> None:
    put_audit_items(world, audit_item("f", _ago(1), status=before))
    as_before = _stored(world, "f")
    (resolved,) = audit_resolve(world.context(), "f", "ada", "test data", yes)
    assert (resolved.audit_id, resolved.status) == ("f", ReplayStatus.RESOLVED)
    assert resolved.resolution
    added = {name: value for name, value in _stored(world, "f").items() if as_before.get(name) != value}
    assert added == {
        "replayStatus": "RESOLVED",
        "statusBefore": before,
        "resolvedAt": rfc3339_milliseconds(resolved.resolution.at),
        "resolvedBy": "ada",
        "resolvedReason": "test data",
    }
    assert list(world.context().audit_table.find(Selection(ALL.since, statuses=UNRESOLVED))) == []
    (again,) = audit_undo(world.context(), "f", yes)
    assert (again.status, again.resolution) == (before, None)
    assert _stored(world, "f") == as_before


def test_each_unresolved_failure_of_the_id_is_resolved_and_no_other(world: World) -> None:
    statuses = ["OPEN", "REPLAYED", "FAILED"]
    put_audit_items(world, *(audit_item("f", _ago(n), status=status) for n, status in enumerate(statuses)))
    put_audit_items(world, audit_item("other", _ago(1)))
    assert len(audit_resolve(world.context(), "f", "ada", "test data", yes)) == 2
    assert [failure.status for failure in world.context().audit_table.with_id("f")] == [
        "RESOLVED",
        "REPLAYED",
        "RESOLVED",
    ]
    assert _stored(world, "other")["replayStatus"] == "OPEN"


@pytest.mark.parametrize("status", ["REPLAYED", "EXPIRED", "RESOLVED"])
def test_only_unresolved_failures_can_be_resolved(world: World, status: str) -> None:
    put_audit_items(world, audit_item("f", _ago(1), status=status))
    with pytest.raises(FailureStatusError) as refused:
        audit_resolve(world.context(), "f", "ada", "test data", yes)
    assert (refused.value.audit_id, refused.value.status) == ("f", status)
    assert world.writes() == []


@pytest.mark.parametrize("status", ["OPEN", "REPLAYED"])
def test_only_a_resolved_failure_can_be_unresolved_again(world: World, status: str) -> None:
    put_audit_items(world, audit_item("f", _ago(1), status=status))
    with pytest.raises(FailureStatusError) as refused:
        audit_undo(world.context(), "f", yes)
    assert (refused.value.audit_id, refused.value.status) == ("f", status)


def test_a_failure_that_a_running_replay_has_claimed_is_not_resolved(world: World) -> None:
    put_audit_items(world, audit_item("f", _ago(1)))
    table = world.context().audit_table
    table.claim(list(table.with_id("f")), "a replay", 100)
    with pytest.raises(ClaimedFailureError):
        audit_resolve(world.context(), "f", "ada", "test data", yes)
    assert _stored(world, "f")["replayStatus"] == "OPEN"


def test_a_failure_that_is_replayed_during_the_question_is_not_resolved(world: World) -> None:
    put_audit_items(world, audit_item("f", _ago(1)))
    with pytest.raises(FailureStatusError) as refused:
        audit_resolve(
            world.context(),
            "f",
            "ada",
            "test data",
            lambda _: put_audit_items(world, audit_item("f", _ago(1), status="REPLAYED")),
        )
    assert refused.value.status == "REPLAYED"
    assert _stored(world, "f")["replayStatus"] == "REPLAYED"


def test_nothing_is_written_when_the_user_declines(world: World) -> None:
    def decline(_: object) -> None:
        raise DeclinedError("no")

    put_audit_items(world, audit_item("f", _ago(1)))
    with pytest.raises(DeclinedError):
        audit_resolve(world.context(), "f", "ada", "test data", decline)
    assert world.writes() == []


def test_an_unknown_id_cannot_be_resolved(world: World) -> None:
    with pytest.raises(NoSuchFailureError):
        audit_resolve(world.context(), "nobody", "ada", "test data", yes)
    with pytest.raises(NoSuchFailureError):
        audit_undo(world.context(), "nobody", yes)


# a great many


MEASURED = """
import json, resource, sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from pipectl.aws.client import Aws, Credentials
from pipectl.aws.client import Aws, Credentials
from pipectl.commands.audit import audit_list
from pipectl.commands.audit_stats import audit_stats
from pipectl.context import Context
from pipectl.config.loading import load
from pipectl.failures.audit_table import Selection

class Silent:
    def __getattr__(self, name):
        return lambda *args: None

calls = []
file = Path(sys.argv[1])
aws = Aws("us-east-1", endpoint_url=sys.argv[2], credentials=Credentials("123456789012", "test"), on_call=calls.append)
context = Context(load(file), file, aws, Silent())
now = datetime(2026, 1, 1, tzinfo=UTC)
wanted = Selection(now - timedelta(days=365), now)
if sys.argv[3] == "list":
    page = audit_list(context, wanted, limit=20)
    found = [entry.failure.audit_id for entry in page.entries]
else:
    found = audit_stats(context, now - timedelta(days=365), now).total
queries = sum(call.operation == "Query" for call in calls)
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
print(json.dumps({"found": found, "queries": queries, "peak": peak}))
"""


LAUNCHER = "import subprocess, sys; sys.exit(subprocess.run([sys.executable, *sys.argv[1:]]).returncode)"
"""A process starts with the peak of its parent, so it is started by a small process."""


def _measured(tmp_path: Path, what: str) -> dict[str, Any]:
    """Run in a separate process over a table of 100,000 failures. Return the result and the peak in MB."""
    with paging_table() as address:
        run = subprocess.run(
            [sys.executable, "-c", LAUNCHER, "-c", MEASURED, str(write_config(tmp_path)), address, what],
            capture_output=True,
            text=True,
            timeout=120,
            cwd=ROOT,
            check=False,
        )
    assert run.returncode == 0, run.stderr
    result: dict[str, Any] = json.loads(run.stdout)
    return result


@pytest.mark.slow
def test_twenty_of_a_hundred_thousand_take_four_queries_and_little_memory(tmp_path: Path) -> None:
    measured = _measured(tmp_path, "list")
    assert measured["found"] == [str(n) for n in range(20)]
    assert measured["queries"] == len(FAILURE_TYPES)
    assert measured["peak"] < 150


@pytest.mark.slow
def test_a_hundred_thousand_are_counted_in_little_memory(tmp_path: Path) -> None:
    measured = _measured(tmp_path, "stats")
    assert measured["found"] == 100_000
    assert measured["peak"] < 150
