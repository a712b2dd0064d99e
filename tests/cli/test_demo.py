"""`demo` on the command line."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli_support import document, error, pipectl


@pytest.mark.parametrize("options", [("--orders", "1"), ("--orders", "1001"), ("--runtime", "cobol")])
def test_values_out_of_range_are_usage_errors(options: tuple[str, str], file: Path) -> None:
    result = pipectl("-c", file, "-o", "json", "demo", *options)
    assert (result.exit_code, result.stdout, error(result)["code"]) == (2, "", "Usage")


def test_an_invalid_config_is_reported_before_an_emulator_starts(tmp_path: Path) -> None:
    result = pipectl("-c", tmp_path / "none.yaml", "-o", "json", "demo")
    assert (result.exit_code, error(result)["code"]) == (2, "ConfigInvalid")


@pytest.mark.emulator
@pytest.mark.timeout(170)
def test_the_number_of_orders_reaches_the_demo(file: Path) -> None:
    result = pipectl("-c", file, "-o", "json", "demo", "--orders", "4")
    assert result.exit_code == 0, result.stderr
    found = document(result)
    assert (found["orders"], found["updates"], found["objects"]) == (4, 2, 6)
    assert (found["invalid"], found["audited"], found["replayed"], found["left"]) == (2, 2, 2, 0)
    assert {"up", "orders", "failures", "alarm", "fix", "replay", "down", "total"} == found["seconds"].keys()
