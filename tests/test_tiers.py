"""The order in which pytest collects the files of a command line."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.support import ROOT


@pytest.mark.slow
def test_files_of_a_folder_find_its_fixtures_in_any_order() -> None:
    """Run three tests; the first and the last use a fixture of their folder's conftest."""
    tests = (
        "tests/packaging/dependencies/test_cache.py::test_a_second_build_installs_nothing",
        "tests/test_text.py",
        "tests/packaging/dependencies/test_python.py::test_the_files_of_the_folder_win",
    )
    command = [sys.executable, "-m", "pytest", "-q", "-n", "0", "-p", "no:cacheprovider", *tests]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
