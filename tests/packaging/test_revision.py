"""The commit in the description of a version."""

from __future__ import annotations

import subprocess
from datetime import UTC, datetime
from pathlib import Path

import pytest

from pipectl.packaging.revision import commit_of, describe

NOW = datetime(2026, 1, 31, 12, tzinfo=UTC)


def git(folder: Path, *arguments: str) -> str:
    identity = ("-c", "user.name=ada", "-c", "user.email=ada@example.com")
    command = ["git", "-C", str(folder), *identity, *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


@pytest.fixture
def handler(tmp_path: Path) -> Path:
    """Return a handler's folder in a repository with one commit."""
    folder = tmp_path / "repository" / "processor"
    folder.mkdir(parents=True)
    (folder / "handler.py").write_text("def handler(*_): ...\n")
    git(folder.parent, "init", "-q")
    git(folder.parent, "add", ".")
    git(folder.parent, "commit", "-q", "-m", "first")
    return folder


def test_the_commit_and_the_time(handler: Path) -> None:
    commit = git(handler, "rev-parse", "HEAD")[:12]
    assert describe(handler, NOW) == f"commit {commit}, 2026-01-31T12:00:00Z"


def test_a_changed_folder(handler: Path) -> None:
    (handler.parent / "README.md").write_text("outside of the folder")
    assert not str(commit_of(handler)).endswith("with changes")
    (handler / "rules.py").write_text("LIMIT = 1\n")
    assert str(commit_of(handler)).endswith(" with changes")


def test_without_a_commit_only_the_time(tmp_path: Path) -> None:
    git(tmp_path, "init", "-q")
    assert describe(tmp_path, NOW) == "2026-01-31T12:00:00Z"


def test_a_folder_that_is_missing_is_no_error(tmp_path: Path) -> None:
    assert commit_of(tmp_path / "missing") is None


def test_without_git_there_is_no_commit(handler: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    assert commit_of(handler) is None
