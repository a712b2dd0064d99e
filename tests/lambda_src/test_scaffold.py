"""The tests that `pipectl init` writes pass, as users run them, against the handlers that it writes."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from pipectl.local import node
from tests.support import ROOT

pytestmark = pytest.mark.slow


@pytest.fixture
def project(tmp_path: Path) -> Path:
    shutil.copytree(ROOT / "scaffold", tmp_path, dirs_exist_ok=True)
    shutil.copytree(ROOT / "lambda_src", tmp_path / "lambda_src")
    return tmp_path


def _run(project: Path, *command: str | Path) -> str:
    """Run tests in a project, without this project on the path. Return what they print."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    ran = subprocess.run(command, cwd=project, env=environment, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return ran.stdout


@pytest.mark.parametrize("break_it", [False, True])
def test_the_tests_of_the_python_handler_pass_and_can_fail(project: Path, break_it: bool) -> None:
    if break_it:
        handler = project / "lambda_src" / "python" / "processor" / "handler.py"
        handler.write_text(handler.read_text().replace('{"batchItemFailures": [{', '{"batchItemFailures": [{} and {'))
        with pytest.raises(AssertionError, match="1 failed, 4 passed"):
            _run(project, sys.executable, "-m", "pytest", "-q")
    else:
        assert "5 passed" in _run(project, sys.executable, "-m", "pytest", "-q")


def test_the_tests_of_the_nodejs_handler_pass(project: Path) -> None:
    printed = _run(project, node.find().binary, "--test", "--test-reporter=tap")
    assert "# pass 5" in printed
    assert "# fail 0" in printed
