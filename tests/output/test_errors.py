"""The errors that every command can print."""

from __future__ import annotations

import pytest
from syrupy.assertion import SnapshotAssertion

from pipectl.errors import RefusedError, RequirementError
from pipectl.output.console import Screen
from tests.output.samples import samples_of
from tests.output.screens import printed

SAMPLES = samples_of("error", "AWS")


@pytest.mark.parametrize("name", SAMPLES)
def test_a_screen(name: str, snapshot: SnapshotAssertion) -> None:
    assert printed(SAMPLES[name]) == snapshot


def test_the_document_of_an_error_names_the_resources_that_are_missing_or_not_managed() -> None:
    error = RequirementError("missing: bucket", missing=["bucket"], unmanaged=["auditor"])
    found = Screen().error_document(error)
    assert (found["missing"], found["unmanaged"]) == (("bucket",), ("auditor",))


def test_the_document_of_a_refusal_names_the_refused_resources_if_there_are_any() -> None:
    refused = Screen().error_document(RefusedError("not managed", resources=["bucket", "auditor"]))
    assert refused["resources"] == ("bucket", "auditor")
    assert "resources" not in Screen().error_document(RefusedError("cancelled"))
