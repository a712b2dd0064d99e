"""Files that change, with the real watchfiles."""

from __future__ import annotations

import shutil
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipectl.file_watcher import FileWatcher, WatchedPaths


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A config, and a handler's folder beside it."""
    folder = tmp_path.resolve()
    (folder / "config").mkdir()
    (folder / "config" / "dev.yaml").write_text("old")
    (folder / "code" / "processor").mkdir(parents=True)
    (folder / "code" / "processor" / "handler.py").write_text("old")
    return folder


@pytest.fixture
def watcher(folder: Path) -> Iterator[FileWatcher]:
    watcher = FileWatcher()
    watcher.aim(WatchedPaths(frozenset({folder / "config" / "dev.yaml"}), frozenset({folder / "code" / "processor"})))
    yield watcher
    watcher.close()


def changed(watcher: FileWatcher, folder: Path) -> list[str]:
    """Return the next files that are reported, relative to the folder. Those before this call count, too."""
    return [path.relative_to(folder).as_posix() for path in next(iter(watcher))]


def replace(file: Path) -> None:
    """Save a file as many editors do: write another one, then rename it."""
    written = file.with_name(f"{file.name}.tmp")
    written.write_text("new")
    written.replace(file)


def test_files_saved_together_are_reported_together(watcher: FileWatcher, folder: Path) -> None:
    (folder / "code" / "processor" / "handler.py").write_text("new")
    (folder / "config" / "dev.yaml").write_text("new")
    assert changed(watcher, folder) == ["code/processor/handler.py", "config/dev.yaml"]


def test_a_file_that_is_replaced_stays_watched(watcher: FileWatcher, folder: Path) -> None:
    for _ in range(2):
        replace(folder / "config" / "dev.yaml")
        assert changed(watcher, folder) == ["config/dev.yaml"]
        replace(folder / "code" / "processor" / "handler.py")
        assert "code/processor/handler.py" in changed(watcher, folder)


def test_a_folder_that_is_added_is_watched(watcher: FileWatcher, folder: Path) -> None:
    package = folder / "code" / "processor" / "package"
    package.mkdir()
    assert changed(watcher, folder) == ["code/processor/package"]
    (package / "module.py").touch()
    assert changed(watcher, folder) == ["code/processor/package/module.py"]


@pytest.mark.parametrize("deleted", ["code/processor", "code", "config"])
def test_what_is_deleted_and_created_again_stays_watched(deleted: str, watcher: FileWatcher, folder: Path) -> None:
    aside = folder.parent / "aside"
    shutil.copytree(folder / deleted, aside)
    shutil.rmtree(folder / deleted)
    assert changed(watcher, folder)
    aside.rename(folder / deleted)
    assert changed(watcher, folder)
    for file in ("code/processor/handler.py", "config/dev.yaml"):
        (folder / file).write_text("newer")
        assert file in changed(watcher, folder)


@pytest.mark.parametrize("replaced", ["code", "config", "."])
def test_a_folder_far_above_that_is_replaced_stays_watched(replaced: str, folder: Path) -> None:
    (folder / "code").rename(folder / "python")
    (folder / "code").mkdir()
    (folder / "python").rename(folder / "code" / "python")
    code = "code/python/processor"
    watcher = FileWatcher()
    watcher.aim(WatchedPaths(frozenset({folder / "config" / "dev.yaml"}), frozenset({folder / code})))
    top = folder / replaced
    aside = Path(tempfile.mkdtemp(dir=folder.parent))
    shutil.copytree(top, aside / "copy")
    top.rename(aside / "old")
    assert changed(watcher, folder)
    (aside / "copy").rename(top)
    assert changed(watcher, folder)
    for file in (f"{code}/handler.py", "config/dev.yaml"):
        (folder / file).write_text("newer")
        assert file in changed(watcher, folder)
    watcher.close()


def test_files_of_others_that_change_all_the_time_hold_up_nothing(watcher: FileWatcher, folder: Path) -> None:
    done = threading.Event()

    def write() -> None:
        while not done.is_set():
            (folder / "config" / "log.txt").write_text("a line")

    thread = threading.Thread(target=write)
    thread.start()
    try:
        (folder / "config" / "dev.yaml").write_text("new")
        assert changed(watcher, folder) == ["config/dev.yaml"]
    finally:
        done.set()
        thread.join()


def test_caches_files_of_editors_and_other_files_are_not_reported(watcher: FileWatcher, folder: Path) -> None:
    for name in ("__pycache__/handler.pyc", ".handler.py.swp", "handler.py~", ".git/index", ".pytest_cache/x/y"):
        path = folder / "code" / "processor" / name
        path.parent.mkdir(exist_ok=True, parents=True)
        path.touch()
    (folder / "config" / "prod.yaml").touch()
    (folder / "code" / "README.md").touch()
    (folder / "config" / "dev.yaml").write_text("new")
    assert changed(watcher, folder) == ["config/dev.yaml"]


def test_a_change_while_the_watcher_is_aimed_anew_is_reported(watcher: FileWatcher, folder: Path) -> None:
    (folder / "config" / "dev.yaml").write_text("new")
    auditor = folder / "code" / "auditor"
    watcher.aim(WatchedPaths(frozenset({folder / "config" / "dev.yaml"}), frozenset({auditor})))
    assert changed(watcher, folder) == ["config/dev.yaml"]
    auditor.mkdir()
    assert changed(watcher, folder) == ["code/auditor"]
    (auditor / "handler.py").touch()
    assert changed(watcher, folder) == ["code/auditor/handler.py"]


def test_folders_that_do_not_exist_are_awaited(folder: Path) -> None:
    watcher = FileWatcher()
    watcher.aim(WatchedPaths(frozenset({folder / "new" / "config" / "dev.yaml"})))
    (folder / "new" / "config").mkdir(parents=True)
    assert changed(watcher, folder) == ["new"]
    (folder / "new" / "config" / "dev.yaml").touch()
    assert changed(watcher, folder) == ["new/config/dev.yaml"]
    watcher.close()
