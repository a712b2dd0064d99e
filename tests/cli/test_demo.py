"""`demo` on the command line."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli_support import document, error, pipectl


@pytest.mark.parametrize("options", [("--orders", "1"), ("--orders", "1001"), ("--runtime", "cobol")])
def test_values_out_of_range_are_usage_errors(options: tuple[str, str], file: Path) -> None:
    result = pipectl("-c", file, "-o", "json", "demo", *options)
    assert (result.exit_code, result.stdout, error(result)["code"]) == (2, "", "Usage")


@pytest.mark.emulator
@pytest.mark.timeout(170)
def test_in_an_empty_folder_the_demo_runs_with_the_carried_config(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In Node.js: in Python it runs in tests/e2e/test_wheel_on_emulator.py."""
    monkeypatch.chdir(tmp_path)
    result = pipectl("-o", "json", "demo", "--runtime", "nodejs24.x", "--orders", "4")
    assert result.exit_code == 0, result.stderr
    found = document(result)
    assert {"order-1000000", "order-1000001"} <= set(result.stderr.split())
    assert (found["orders"], found["updates"], found["objects"]) == (4, 2, 6)
    assert (found["invalid"], found["audited"], found["replayed"], found["left"]) == (2, 2, 2, 0)
    assert {"up", "orders", "failures", "alarm", "fix", "replay", "down", "total"} == found["seconds"].keys()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("variable", [True, False])
def test_a_config_that_is_named_is_not_replaced_by_the_carried_one(
    variable: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    if variable:
        monkeypatch.setenv("PIPECTL_CONFIG", "none.yaml")
    result = pipectl(*(() if variable else ("-c", "none.yaml")), "-o", "json", "demo")
    assert (result.exit_code, error(result)["code"]) == (2, "ConfigInvalid")


def test_the_config_of_the_folder_is_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "config").mkdir()
    (tmp_path / "config" / "dev.yaml").write_text("team: [")
    result = pipectl("-o", "json", "demo")
    assert (result.exit_code, error(result)["code"]) == (2, "ConfigInvalid")
