"""`report` on the command line: the file, stdout, and what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli_support import error, pipectl
from tests.support import World


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


@pytest.mark.parametrize("words", [(), ("--html", "-", "-o", "json")], ids=["no file", "two results on stdout"])
def test_a_wrong_command_line_is_refused(words: tuple[str, ...], moto: Path) -> None:
    result = pipectl("-c", moto, "-o", "json", "report", *words)
    assert (result.exit_code, error(result)["code"]) == (2, "Usage")
