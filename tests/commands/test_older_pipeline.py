"""Commands on a pipeline of before the index of unresolved failures, and the `up` that completes the index."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from moto import mock_aws

from pipectl.aws.calls import Call
from pipectl.commands.audit import audit_list
from pipectl.commands.audit_resolve import audit_resolve
from pipectl.commands.plan import plan
from pipectl.commands.up import up
from pipectl.config.names import UNRESOLVED_INDEX, UNRESOLVED_INDEX_TAG
from pipectl.engine.model import Action
from pipectl.failures.audit_table import UNRESOLVED_ONES
from pipectl.failures.errors import NoSuchFailureError
from tests.commands.audit_items import audit_item
from tests.commands.existing_pipeline import put_audit_items
from tests.resources.direct_access import narrow
from tests.support import FakeClock, World, make_world, yes

NOW = datetime(2026, 1, 1, tzinfo=UTC)
OLD = "0a1b2c3d" * 4


class Killed(BaseException):
    """The end of a process."""


@pytest.fixture
def older(tmp_path: Path) -> Iterator[World]:
    """Create an audit table without the index, with a failure of each age."""
    with mock_aws():
        world = make_world(tmp_path, clock=FakeClock())
        up(narrow(world, "audit-table"), yes)
        dynamodb, name = world.aws.dynamodb, world.context().pipeline.physical.audit_table
        arn = dynamodb.describe_table(TableName=name)["Table"]["TableArn"]
        delete: Any = {"Delete": {"IndexName": UNRESOLVED_INDEX}}
        dynamodb.update_table(TableName=name, GlobalSecondaryIndexUpdates=[delete])
        dynamodb.untag_resource(ResourceArn=arn, TagKeys=[UNRESOLVED_INDEX_TAG])
        for audit_id, hours, status in (("new", 47, "OPEN"), (OLD, 72, "FAILED"), ("done", 72, "REPLAYED")):
            put_audit_items(world, audit_item(audit_id, NOW - timedelta(hours=hours), status=status, marked=False))
        yield world


def listed(world: World) -> tuple[list[str], bool]:
    """Return the ids that `audit list` prints, and whether it reports that some can be missing."""
    page = audit_list(world.context(), UNRESOLVED_ONES)
    return [entry.failure.audit_id for entry in page.entries], page.incomplete is not None


def calls_of(world: World, *operations: str) -> list[str]:
    return [call.operation for call in world.calls if call.operation in operations]


def test_commands_work_before_the_up_and_report_what_can_be_missing(older: World) -> None:
    assert listed(older) == (["new"], True)
    context = narrow(older, "audit-table")
    assert context.audit_table.with_prefix(OLD)[0].audit_id == OLD
    with pytest.raises(NoSuchFailureError):
        context.audit_table.with_prefix("ffff")
    assert audit_resolve(narrow(older, "audit-table"), OLD, "ada", "test", yes)
    assert listed(older) == (["new"], True)


def test_up_creates_the_index_adds_older_failures_and_then_sets_the_tag(older: World) -> None:
    (change,) = plan(narrow(older, "audit-table")).pending
    assert (list(change.attributes), "older items" in str(change.reason)) == ([f"indexes.{UNRESOLVED_INDEX}"], True)
    up(narrow(older, "audit-table"), yes)
    written = calls_of(older, "UpdateTable", "Scan", "TransactWriteItems", "TagResource")
    assert written == ["UpdateTable", "Scan", "TransactWriteItems", "TagResource"]
    assert listed(older) == (["new", OLD], False)


def test_the_next_up_does_not_read_the_items_again(older: World) -> None:
    up(narrow(older, "audit-table"), yes)
    older.calls.clear()
    report = up(narrow(older, "audit-table"), yes)
    assert [change.action for change in report.changes] == [Action.KEEP]
    assert calls_of(older, "Scan", "Query", "UpdateItem", "TransactWriteItems", "TagResource", "UpdateTable") == []


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("kill_at", range(4))
def test_a_killed_up_is_completed_by_the_next(older: World, kill_at: int, after: bool) -> None:
    calls: list[str] = []

    def attempt(call: Call, _: Mapping[str, Any], send: Any) -> Any:
        if call.operation not in ("UpdateTable", "Scan", "TransactWriteItems", "TagResource"):
            return send()
        calls.append(call.operation)
        if len(calls) <= kill_at or after:
            answer = send()
        if len(calls) > kill_at:
            raise Killed
        return answer

    older.aws.attempt = attempt
    with pytest.raises(Killed):
        up(narrow(older, "audit-table"), yes)
    older.aws.attempt = lambda _, __, send: send()
    assert listed(older)[0] in (["new"], ["new", OLD])
    up(narrow(older, "audit-table"), yes)
    assert listed(older) == (["new", OLD], False)
    older.calls.clear()
    up(narrow(older, "audit-table"), yes)
    assert calls_of(older, "Scan") == []


def test_an_index_that_was_deleted_is_created_again_and_is_complete(older: World) -> None:
    up(narrow(older, "audit-table"), yes)
    name = older.context().pipeline.physical.audit_table
    delete: Any = {"Delete": {"IndexName": UNRESOLVED_INDEX}}
    older.aws.dynamodb.update_table(TableName=name, GlobalSecondaryIndexUpdates=[delete])
    assert listed(older) == (["new"], True)
    up(narrow(older, "audit-table"), yes)
    assert listed(older) == (["new", OLD], False)
