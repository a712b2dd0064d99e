"""The screens of `permissions`."""

from __future__ import annotations

import json

import pytest
from syrupy.assertion import SnapshotAssertion

from pipectl.commands.permissions import Published
from pipectl.iam.policies import LONGEST_MANAGED_POLICY
from pipectl.output import permissions
from pipectl.output.console import Screen
from pipectl.policy_document import allow, document
from tests.output.samples import samples_of
from tests.output.screens import printed

SAMPLES = samples_of("permissions")


@pytest.mark.parametrize("name", SAMPLES)
def test_a_screen(name: str, snapshot: SnapshotAssertion) -> None:
    assert printed(SAMPLES[name]) == snapshot


@pytest.mark.parametrize(("role", "reported"), [(None, True), ("a role", False)])
def test_a_policy_of_people_that_is_too_long_for_a_managed_policy_is_reported(
    role: str | None, reported: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    policy = document([allow(["s3:GetObject"], ["a" * LONGEST_MANAGED_POLICY])])
    permissions.document(Screen(), {"deployer": Published(role, (), policy)}, "deployer")
    shown = capsys.readouterr()
    assert json.loads(shown.out) == policy
    assert ("more than IAM accepts" in shown.err) is reported
