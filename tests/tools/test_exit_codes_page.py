"""The page of the exit codes has every code of the program, and its scripts do as they say."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest
from tools.reference.error_sources import error_classes
from tools.reference.exit_codes import MEANINGS, RESULTS, results

from pipectl.cli import exit_codes
from tests.support import ROOT

PAGE = (ROOT / "docs" / "exit-codes.md").read_text(encoding="utf-8")
STOP, PENDING, REPLAY, CODE = re.findall(r"```bash\n(.*?)```", PAGE, re.DOTALL)


def test_each_exit_code_of_errors_and_results_has_a_meaning() -> None:
    used = {kind.exit_code for kind in error_classes().values()} | {code for _, code in results()}
    declared = {value for value in vars(exit_codes).values() if isinstance(value, int)}
    assert MEANINGS.keys() == {0} | used == {0, 1, 2, 130} | declared


def test_each_result_of_a_command_is_on_the_page() -> None:
    assert RESULTS.keys() == results()


def run(script: str, folder: Path, *codes: int, error: str = "") -> tuple[int, str]:
    """Run a script with a `pipectl` that exits with the codes in turn. Return the exit code and stdout."""
    (folder / "codes").write_text("".join(f"{code}\n" for code in codes))
    program = folder / "pipectl"
    program.write_text(f"#!/bin/sh\ncode=$(head -1 codes); sed -i 1d codes; echo '{error}' >&2; exit $code\n")
    program.chmod(0o755)
    search = f"{folder}:/usr/bin:/bin"
    ended = subprocess.run(
        ["bash", "-e", "-c", script],  # noqa: S607
        cwd=folder,
        env={"PATH": search},
        capture_output=True,
        text=True,
        check=False,
    )
    return ended.returncode, ended.stdout.strip()


@pytest.mark.parametrize(
    ("script", "codes", "ends", "prints"),
    [
        (STOP, [0, 0], 0, ""),
        (STOP, [1, 0], 1, ""),
        (STOP, [0, 3], 3, ""),
        (PENDING, [0], 0, "no changes"),
        (PENDING, [3], 0, "changes are pending"),
        (PENDING, [2], 2, ""),
        (REPLAY, [0], 0, "all failures are replayed"),
        (REPLAY, [4], 0, "failures remain"),
        (REPLAY, [130], 130, ""),
    ],
)
def test_a_script_ends_as_the_page_says(script: str, codes: list[int], ends: int, prints: str, tmp_path: Path) -> None:
    assert run(script, tmp_path, *codes) == (ends, prints)


def test_the_script_with_the_code_of_the_error_prints_it(tmp_path: Path) -> None:
    program = tmp_path / "jq"
    program.write_text("#!/bin/sh\ncat $3\n")  # the name of the file is its third argument
    program.chmod(0o755)
    assert run(CODE, tmp_path, 1, error='{"error": {}}') == (1, '{"error": {}}')
    assert run(CODE, tmp_path, 0) == (0, "")
