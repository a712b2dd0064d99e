"""The interpreters of functions."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipectl.errors import LocalError
from pipectl.local.function_programs import program_of


def test_an_emulator_whose_python_was_removed_names_it(tmp_path: Path) -> None:
    with pytest.raises(LocalError, match="was removed"):
        program_of("python3.14", tmp_path, tmp_path / "removed" / "python")
