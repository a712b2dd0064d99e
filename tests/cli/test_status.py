"""`status` on the command line: exit codes and states."""

from __future__ import annotations

from pathlib import Path

from tests.cli_support import document, pipectl
from tests.support import World


def test_exit_code_is_3_when_resources_differ(moto: Path) -> None:
    assert pipectl("-c", moto, "status").exit_code == 0
    assert pipectl("-c", moto, "status", "--exit-code").exit_code == 3


def test_an_unmanaged_resource_is_foreign(foreign: Path) -> None:
    result = pipectl("-c", foreign, "-o", "json", "status", "--exit-code")
    assert result.exit_code == 3
    states = {found["resource"]: found["state"] for found in document(result)["resources"]}
    assert states["dead-letter-queue"] == "foreign"


def test_plan_and_status_exit_with_0_when_in_sync_and_healthy(pipeline: World) -> None:
    assert pipectl("-c", pipeline.file, "plan", "--exit-code").exit_code == 0
    assert pipectl("-c", pipeline.file, "status", "--exit-code").exit_code == 0
