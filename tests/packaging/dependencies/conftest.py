from __future__ import annotations

from pathlib import Path

import pytest

from tests.packaging.dependencies.fakes import NODE_FILES, Installer, Machine
from tests.packaging.folders import FILES, write


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    """Return a machine with a handler in Python that needs one package."""
    folder = write(tmp_path / "processor", {**FILES, "requirements.txt": "fast==1.2\n"})
    return Machine(folder, tmp_path / "cache")


@pytest.fixture
def node_machine(tmp_path: Path) -> Machine:
    """Return a machine with a handler in Node.js that needs one package."""
    files = {"handler.mjs": "export const handler = 1;", "package.json": '{"dependencies": {"fast": "^1"}}'}
    return Machine(write(tmp_path / "processor", files), tmp_path / "cache", Installer(NODE_FILES))
