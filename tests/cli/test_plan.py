"""`plan` on the command line: exit codes, refusals, and values before and after."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.conftest import QUEUE
from tests.cli_support import document, error, pipectl
from tests.packaging.dependencies.wheels import wheel
from tests.packaging.folders import FILES, write
from tests.support import write_config


def test_exit_code_is_3_when_changes_are_pending(moto: Path) -> None:
    assert pipectl("-c", moto, "plan").exit_code == 0
    assert pipectl("-c", moto, "plan", "--exit-code").exit_code == 3
    assert pipectl("-c", moto, "up", "--dry-run").exit_code == 0


@pytest.mark.parametrize("command", [("up", "--yes"), ("plan",), ("up", "--dry-run"), ("plan", "--exit-code")])
def test_an_unmanaged_resource_is_refused_by_name(command: tuple[str, ...], foreign: Path) -> None:
    result = pipectl("-c", foreign, *command)
    assert result.exit_code == 1
    assert QUEUE in result.stderr
    assert "--adopt" in result.stderr


def test_the_reason_of_a_refusal_is_printed_once(foreign: Path) -> None:
    result = pipectl("-c", foreign, "plan")
    assert result.stdout.count("--adopt") <= 1
    reported = result.stderr.splitlines()[-2]
    assert reported == f"Error: This resource is not managed by this pipeline: dead-letter-queue ({QUEUE})"


def test_the_whole_plan_is_printed_before_the_refusal(foreign: Path) -> None:
    result = pipectl("-c", foreign, "-o", "json", "plan")
    assert result.exit_code == 1
    actions = {change["resource"]: change["action"] for change in document(result)["changes"]}
    assert len(actions) == 18
    assert actions["dead-letter-queue"] == "refuse"
    assert actions["orders-table"] == "create"
    assert error(result)["code"] == "ForeignResource"
    assert error(result)["resource"] == "dead-letter-queue"


def test_attributes_have_from_and_to(moto: Path) -> None:
    plan = document(pipectl("-c", moto, "-o", "json", "plan"))
    table = next(change for change in plan["changes"] if change["resource"] == "orders-table")
    assert table["action"] == "create"
    assert table["attributes"]["stream"] == {"from": None, "to": "NEW_AND_OLD_IMAGES"}


def test_markdown_has_the_id_the_exit_code_and_the_notes(moto: Path) -> None:
    (folder := moto.parent / "code").mkdir()
    (folder / "handler.py").write_text("def handler(event, context):\n    pass\n")
    (folder / "broken.py").write_text("def\n")
    write_config(moto.parent, {"auditor": {"source": str(folder)}})
    expected = document(pipectl("-c", moto, "-o", "json", "plan"))["id"]
    for command, code in ((("plan", "--exit-code"), 3), (("plan",), 0), (("up", "--dry-run"), 0)):
        result = pipectl("-c", moto, "-o", "markdown", *command)
        assert result.exit_code == code
        assert result.stdout.startswith(f"<!-- pipectl plan dev -->\n<!-- pipectl plan-id: {expected} -->\n")
        assert f"up --plan {expected}" in result.stdout
        assert "auditor: broken.py:1: does not parse" in result.stderr
        assert "auditor: broken.py:1: does not parse" in result.stdout.partition("### Notes")[2]


def test_markdown_of_a_refused_plan_is_the_whole_plan(foreign: Path) -> None:
    result = pipectl("-c", foreign, "plan", "-o", "markdown", "--exit-code")
    assert result.exit_code == 1
    assert "This plan cannot be applied" in result.stdout
    assert QUEUE in result.stdout
    assert "plan-id" not in result.stdout
    assert "--adopt" in result.stderr


@pytest.mark.parametrize(
    "command", [("up", "--yes"), ("status",), ("audit", "list"), ("config", "show"), ("down",), ("outputs",)]
)
def test_markdown_of_another_command_is_a_usage_error(command: tuple[str, ...], moto: Path) -> None:
    before, after = (
        pipectl("-c", moto, *args) for args in (("-o", "markdown", *command), (*command, "-o", "markdown"))
    )
    assert {(result.exit_code, result.stdout) for result in (before, after)} == {(2, "")}
    assert "`plan` and `up --dry-run`" in before.stderr
    assert ("`plan` and `up --dry-run`" if "up" in command else "'markdown' is not one of") in after.stderr


@pytest.mark.slow
def test_versions_that_are_not_pinned_are_named_where_the_code_changes(
    moto: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (wheels := tmp_path / "wheels").mkdir()
    wheel(wheels, "fast", "1.0", "py3-none-any")
    for name, value in {"PIPECTL_CACHE": tmp_path / "cache", "UV_FIND_LINKS": wheels}.items():
        monkeypatch.setenv(name, str(value))
    folder = write(tmp_path / "own", {**FILES, "requirements.txt": "--no-index\nfast\n"})
    write_config(moto.parent, {"auditor": {"source": str(folder)}})
    unpinned = "requirements.txt does not pin fast"
    assert unpinned in pipectl("-c", moto, "config", "check").stderr
    first, again = pipectl("-c", moto, "plan"), pipectl("-c", moto, "template")
    assert unpinned in first.stdout
    assert [line.partition(" in ")[0] for line in first.stderr.splitlines() if "installing" in line] == [
        "installing the packages of own",
        "installing the packages of own: done",
    ]
    assert (unpinned in again.stdout, unpinned in again.stderr, "installing" in again.stderr) == (False, True, False)
    assert unpinned in pipectl("-c", moto, "up", "--yes").stderr
    assert unpinned not in pipectl("-c", moto, "plan").output
