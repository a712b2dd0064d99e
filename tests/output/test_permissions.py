"""The text of `permissions`."""

from __future__ import annotations

from syrupy.assertion import SnapshotAssertion

from pipectl.commands.permissions import Published
from pipectl.output.permissions import listing
from pipectl.policy_document import document
from tests.output.screens import printed


def test_the_list_of_policies(snapshot: SnapshotAssertion) -> None:
    empty = document([])
    policies = {
        "processor": Published("dev-order-processor-role-backend", (), empty),
        "auditor": Published("dev-audit-processor-role-backend", (), empty),
        "reader": Published(None, ("plan", "status"), empty),
        "deployer": Published(None, ("plan", "up", "down"), empty),
    }
    assert printed(lambda screen: listing(screen, policies)) == snapshot
