"""The screens of `up`."""

from __future__ import annotations

import pytest
from syrupy.assertion import SnapshotAssertion

from pipectl.commands.up import UpReport
from pipectl.engine.model import Action, Change
from pipectl.errors import IncompleteError, PipectlError
from pipectl.output import up
from tests.output.samples import samples_of
from tests.output.screens import document, printed

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


def test_an_error_before_the_first_change_prints_no_document() -> None:
    assert printed(lambda screen: up.incomplete(screen, PipectlError("no"))) == ""


SAMPLES = samples_of("up")


@pytest.mark.parametrize("name", SAMPLES)
def test_a_screen(name: str, snapshot: SnapshotAssertion) -> None:
    assert printed(SAMPLES[name]) == snapshot
