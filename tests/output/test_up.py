"""The screens of `up`."""

from __future__ import annotations

import pytest
from syrupy.assertion import SnapshotAssertion

from pipectl.commands.up import UpReport
from pipectl.engine.model import Action, Change
from pipectl.errors import IncompleteError, PipectlError
from pipectl.output import up
from pipectl.review.model import Flag, FlagKind, When
from tests.output.samples import samples_of
from tests.output.screens import LOCAL, document, on_terminal, printed

CHANGES = (
    Change("bucket", "bucket", "dev-processed-data-backend", Action.CREATE),
    Change("orders-table", "table", "dev-orders-table-backend", Action.KEEP),
)


def test_a_failure_reports_the_changes_that_were_done(snapshot: SnapshotAssertion) -> None:
    error = PipectlError("denied")
    error.report = UpReport(CHANGES, {})
    assert printed(lambda screen: up.incomplete(screen, error)) == snapshot


def test_a_failure_prints_what_was_done_and_the_error_as_one_document() -> None:
    error = IncompleteError("some resources failed", {"processor": PipectlError("denied")})
    error.report = UpReport(CHANGES[:1], {"ProcessedBucketName": "dev-processed-data-backend"})
    found = document(lambda screen: up.incomplete(screen, error))
    assert [(change["resource"], change["action"]) for change in found["changes"]] == [("bucket", "create")]
    assert found["outputs"] == {"ProcessedBucketName": "dev-processed-data-backend"}
    assert found["error"]["code"] == "Incomplete"


def test_the_document_has_the_flags_of_each_change_as_that_of_plan_does() -> None:
    flag = Flag(FlagKind.DATA_LOSS, When.OPENED, "backups end", "point_in_time_recovery")
    found = document(lambda screen: up.result(screen, UpReport(CHANGES, {}, flags={"bucket": (flag,)})))
    assert [[each["kind"] for each in change["flags"]] for change in found["changes"]] == [["data-loss"], []]


def test_an_error_before_the_first_change_prints_no_document() -> None:
    assert printed(lambda screen: up.incomplete(screen, PipectlError("no"))) == ""


def created(count: int) -> tuple[Change, ...]:
    keys = ["orders-table", "bucket", "processor", "auditor", "errors-alarm"][:count]
    return tuple(Change(key, "kind", f"dev-{key}", Action.CREATE) for key in keys)


ENDINGS = {
    "first": UpReport(created(5), {"OrdersTableName": "dev-orders-table-backend"}, seconds=24.3),
    "updates": UpReport(
        (
            Change("bucket", "bucket", "dev-bucket", Action.CREATE),
            Change("processor", "function", "dev-processor", Action.UPDATE),
            Change("auditor", "function", "dev-auditor", Action.UPDATE),
            Change("orders-table", "table", "dev-orders", Action.KEEP),
        ),
        {},
        seconds=0.2,
    ),
    "many notes": UpReport(
        tuple(Change(f"table-{n}", "table", "name", Action.KEEP, reason="it is paused") for n in range(4)), {}
    ),
}


@pytest.mark.parametrize("name", ENDINGS)
def test_the_ending_is_short_and_names_the_next_command(name: str, snapshot: SnapshotAssertion) -> None:
    assert printed(lambda screen: up.result(screen, ENDINGS[name]), LOCAL) == snapshot
    assert len(on_terminal(lambda screen: up.result(screen, ENDINGS[name]), 80)) <= 5


SAMPLES = samples_of("up")


@pytest.mark.parametrize("name", SAMPLES)
def test_a_screen(name: str, snapshot: SnapshotAssertion) -> None:
    assert printed(SAMPLES[name]) == snapshot
