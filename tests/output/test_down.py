"""The screens of `down`."""

from __future__ import annotations

import pytest
from syrupy.assertion import SnapshotAssertion

from pipectl.commands.down import DownPreview, DownReport
from pipectl.engine.model import Action, Change, Contents, RefusalKind
from pipectl.errors import PipectlError
from pipectl.monitoring.pending_data import Loss
from pipectl.orphans import Orphan
from pipectl.output import down
from tests.output.samples import samples_of
from tests.output.screens import document, printed

CHANGES = (
    Change("stream-mapping", "mapping", "prod-orders-table-backend -> prod-processor", Action.DELETE),
    Change("orders-table", "table", "prod-orders-table-backend", Action.DELETE),
    Change(
        "bucket",
        "bucket",
        "prod-processed-data-backend",
        Action.KEEP,
        reason="exists and is not managed by pipectl: no tag ManagedBy",
        refusal=RefusalKind.NOT_MANAGED,
    ),
)
LOSSES = (
    Loss("orders-table", Contents(1000, more=True, protected=True)),
    Loss("audit-table", Contents(31), not_replayed=30),
    Loss("bucket", Contents(67)),
    Loss("dead-letter-queue", Contents(2)),
)


def test_the_question_counts_the_data(snapshot: SnapshotAssertion) -> None:
    preview = DownPreview("prod", CHANGES, LOSSES, protected=False)
    assert printed(lambda screen: down.preview(screen, "123456789012", "us-east-1", preview)) == snapshot


def test_the_question_without_data_lists_the_resources(snapshot: SnapshotAssertion) -> None:
    preview = DownPreview("prod", CHANGES, (), protected=False)
    assert printed(lambda screen: down.preview(screen, "123456789012", "us-east-1", preview)) == snapshot


def test_the_question_about_orphans_does_not_name_the_whole_pipeline() -> None:
    preview = DownPreview("prod", CHANGES, LOSSES, protected=True, orphans=True)
    text = printed(lambda screen: down.preview(screen, "123456789012", "us-east-1", preview))
    count = sum(change.action is Action.DELETE for change in CHANGES)
    assert f"You are about to DELETE {count} orphan{'' if count == 1 else 's'} of prod (account 123456789012" in text


def test_the_result_names_what_was_left_alone(snapshot: SnapshotAssertion) -> None:
    assert printed(lambda screen: down.result(screen, DownReport(CHANGES))) == snapshot


def test_orphans_that_hold_data_are_named_first() -> None:
    kinds = [*["alarm"] * 6, "function", "bucket", "table"]
    found = tuple(Orphan(kind, f"{kind}-{number}", "arn") for number, kind in enumerate(kinds))
    text = printed(lambda screen: down.result(screen, DownReport(CHANGES, orphans=found)))
    assert "table table-8, bucket bucket-7, function function-6, alarm alarm-0" in text
    assert "and 3 more" in text


def test_a_failure_reports_the_deleted_resources(snapshot: SnapshotAssertion) -> None:
    error = PipectlError("dynamodb DeleteTable: denied", resource="orders-table")
    error.report = DownReport(CHANGES[:1])
    assert printed(lambda screen: down.incomplete(screen, error)) == snapshot


def test_a_failure_prints_what_was_deleted_and_the_error_as_one_document() -> None:
    error = PipectlError("dynamodb DeleteTable: denied", resource="orders-table")
    error.report = DownReport(CHANGES[:1], LOSSES[:1])
    found = document(lambda screen: down.incomplete(screen, error))
    assert [change["resource"] for change in found["changes"]] == ["stream-mapping"]
    assert found["error"]["resource"] == "orders-table"
    assert found["deletedData"][0]["count"] == 1000


SAMPLES = samples_of("down")


@pytest.mark.parametrize("name", SAMPLES)
def test_a_screen(name: str, snapshot: SnapshotAssertion) -> None:
    assert printed(SAMPLES[name]) == snapshot
