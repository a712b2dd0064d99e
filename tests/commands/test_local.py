"""`local` while no emulator runs."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipectl.commands import local
from pipectl.errors import LocalError


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("PIPECTL_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


def test_there_is_no_status_and_nothing_to_stop(home: Path) -> None:
    assert local.status() is None
    assert local.stop() is False
    assert not home.exists()


def test_there_are_no_variables() -> None:
    with pytest.raises(LocalError) as raised:
        local.environment()
    assert raised.value.code == "LocalEmulator"
