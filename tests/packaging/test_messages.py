"""The messages about folders that cannot be packaged."""

from __future__ import annotations

from pathlib import Path

import pytest
from syrupy.assertion import SnapshotAssertion

from tests.packaging.folders import FILES, refused, write

FOLDERS: dict[str, dict[str, str]] = {
    "empty": {},
    "without the function": {"handler.py": "def other(): ..."},
    "async function": {"handler.py": "async def handler(event, context): ..."},
    "secrets": {**FILES, "lib/.env": "KEY=1"},
    "backslash": {**FILES, "a\\b.txt": ""},
}
LINKS = {"broken": "nowhere", "circular": "circular", "loop": "."}


@pytest.mark.parametrize("name", FOLDERS)
def test_a_folder(name: str, tmp_path: Path, snapshot: SnapshotAssertion) -> None:
    assert message(write(tmp_path, FOLDERS[name])) == snapshot


@pytest.mark.parametrize("name", LINKS)
def test_a_link(name: str, tmp_path: Path, snapshot: SnapshotAssertion) -> None:
    (write(tmp_path, FILES) / name).symlink_to(LINKS[name])
    assert message(tmp_path) == snapshot


def test_a_missing_folder(tmp_path: Path, snapshot: SnapshotAssertion) -> None:
    assert message(tmp_path / "nowhere") == snapshot


def test_a_handler_in_nodejs(tmp_path: Path, snapshot: SnapshotAssertion) -> None:
    assert message(write(tmp_path, {"handler.mjs": ""}), "nodejs") == snapshot


def message(folder: Path, language: str = "python") -> str:
    error = refused(folder, language=language)
    return f"{error.message}\nHint: {error.hint}".replace(str(folder), "FOLDER")
