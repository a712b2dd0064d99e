"""The commit of a folder, for the description of what is deployed from it."""

from __future__ import annotations

import os
import subprocess
from datetime import datetime
from pathlib import Path

from pipectl.timestamps import rfc3339

_SECONDS = 5.0
_LENGTH = 12


def describe(folder: Path, now: datetime) -> str:
    """Return ``commit 0123456789ab, 2026-01-01T00:00:00Z``; only the time where git knows no commit."""
    commit = commit_of(folder)
    return f"commit {commit}, {rfc3339(now)}" if commit else rfc3339(now)


def commit_of(folder: Path) -> str | None:
    """Return the commit that a folder is checked out at, with `` with changes`` where it differs; else ``None``."""
    commit = _git(folder, "rev-parse", "--verify", "HEAD")
    if not commit:
        return None
    changed = _git(folder, "status", "--porcelain", "--untracked-files=normal", "--", ".")
    return commit[:_LENGTH] + (" with changes" if changed else "")


def _git(folder: Path, *arguments: str) -> str | None:
    try:
        answer = subprocess.run(  # noqa: S603 - fixed arguments
            ["git", "-C", str(folder), *arguments],  # noqa: S607 - the user's own git
            capture_output=True,
            check=True,
            env={**os.environ, "GIT_OPTIONAL_LOCKS": "0"},
            stdin=subprocess.DEVNULL,
            text=True,
            timeout=_SECONDS,
        )
    except (OSError, subprocess.SubprocessError, UnicodeDecodeError):
        return None
    return answer.stdout.strip()
