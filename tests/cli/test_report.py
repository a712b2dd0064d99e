"""`report` on the command line: the file, stdout, and what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from pipectl.cli.main import main
from tests.cli_support import document, error, pipectl
from tests.support import World, write_config


def test_the_page_is_written(failed: tuple[World, str], tmp_path: Path) -> None:
    world, _ = failed
    file = tmp_path / "report.html"
    result = pipectl("-c", world.file, "report", "--html", file)
    assert result.exit_code == 0, result.stderr
    assert file.read_text().startswith("<!doctype html>")
    assert str(file) in result.stdout


def test_stdout_has_the_page_alone(failed: tuple[World, str]) -> None:
    world, _ = failed
    result = pipectl("-c", world.file, "report", "--html", "-")
    assert result.exit_code == 0, result.stderr
    assert result.stdout.startswith("<!doctype html>")
    assert result.stdout.endswith("</html>\n")
    assert result.stdout.isascii()


def test_a_file_that_is_no_report_is_left_before_anything_is_read(file: Path) -> None:
    before = file.read_text()
    result = pipectl("-c", file, "-o", "json", "report", "--html", file)
    assert (result.exit_code, error(result)["code"]) == (1, "SavedFiles")
    assert file.read_text() == before


def test_a_period_is_counted_by_day(failed: tuple[World, str], tmp_path: Path) -> None:
    world, _ = failed
    words = ("-o", "json", "report", "--html", tmp_path / "report.html", "--since", "7d")
    found = document(pipectl("-c", world.file, *words))
    assert (found["period"]["total"], found["period"]["byHour"]) == (1, {})
    assert found["file"] == str(tmp_path / "report.html")
    assert {"status", "permissions", "problems", "project", "local"} <= found.keys()


def test_a_period_of_the_default_length_is_counted_by_hour(failed: tuple[World, str], tmp_path: Path) -> None:
    world, _ = failed
    found = document(pipectl("-c", world.file, "-o", "json", "report", "--html", tmp_path / "report.html"))
    assert len(found["period"]["byHour"]) == 1


@pytest.mark.parametrize("words", [(), ("--html", "-", "-o", "json")], ids=["no file", "two results on stdout"])
def test_a_wrong_command_line_is_refused(words: tuple[str, ...], moto: Path) -> None:
    result = pipectl("-c", moto, "-o", "json", "report", *words)
    assert (result.exit_code, error(result)["code"]) == (2, "Usage")


def test_the_picture_for_a_readme_needs_only_the_account(failed: tuple[World, str]) -> None:
    world, _ = failed
    text = pipectl("-c", world.file, "report", "--mermaid")
    assert text.exit_code == 0, text.stderr
    assert text.stdout.startswith("flowchart TB\n")
    assert text.stdout.endswith("alarms\n")
    assert document(pipectl("-c", world.file, "-o", "json", "report", "--mermaid"))["mermaid"] == text.stdout


def test_the_picture_of_the_local_pipeline_starts_no_emulator(file: Path, tmp_path: Path) -> None:
    home = tmp_path / "home"
    command = ["-c", str(file), "--local", "report", "--mermaid"]
    result = CliRunner().invoke(main, command, env={"PIPECTL_HOME": str(home)})
    assert result.exit_code == 0, result.stderr
    assert "-000000000000-" in result.stdout
    assert not home.exists()


def test_the_picture_needs_no_credentials_when_the_config_names_the_account(tmp_path: Path) -> None:
    file = write_config(tmp_path, {"account_id": "210987654321"})
    without = dict.fromkeys(("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE"))
    result = CliRunner().invoke(main, ["-c", str(file), "report", "--mermaid"], env=without)
    assert result.exit_code == 0, result.stderr
    assert "-210987654321-" in result.stdout


@pytest.mark.parametrize("words", [("--html", "page.html"), ("--since", "2h")])
def test_the_picture_has_neither_file_nor_period(words: tuple[str, ...], file: Path) -> None:
    result = pipectl("-c", file, "-o", "json", "report", "--mermaid", *words)
    assert (result.exit_code, error(result)["code"]) == (2, "Usage")
    assert words[0] in error(result)["message"]
