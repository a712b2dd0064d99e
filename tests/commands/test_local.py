"""`local` while no emulator runs."""

from __future__ import annotations

import platform
import sys
from pathlib import Path

import pytest

from pipectl.commands import local
from pipectl.commands.local import RuntimeDifference
from pipectl.config.loading import load
from pipectl.config.models import Config
from pipectl.errors import LocalError
from pipectl.local.home import write_record
from tests.support import ROOT


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


def configured(processor: str, auditor: str) -> Config:
    config = load(ROOT / "config" / "dev.yaml")
    sections = {"processor": processor, "auditor": auditor}
    changed = {key: getattr(config, key).model_copy(update={"runtime": sections[key]}) for key in sections}
    return config.model_copy(update=changed)


def test_runtimes_of_another_version_are_named() -> None:
    used = f"{sys.version_info.major}.{sys.version_info.minor}"
    assert local.differing_runtimes(configured(f"python{used}", f"python{used}")) == []
    assert local.differing_runtimes(configured(f"python{used}", "python3.99")) == [
        RuntimeDifference("python3.99", f"Python {used}")
    ]
    assert len(local.differing_runtimes(configured("python3.98", "python3.99"))) == 2
    assert len(local.differing_runtimes(configured("python3.99", "python3.99"))) == 1


def test_the_python_of_the_emulator_that_runs_counts(home: Path) -> None:
    home.mkdir()
    write_record(home, 4566)
    record = home / "local.json"
    record.write_text(record.read_text().replace(platform.python_version(), "3.99.1"))
    assert local.differing_runtimes(configured("python3.99", "python3.99")) == []
