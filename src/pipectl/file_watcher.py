"""Changes of files, as the operating system reports them."""

from __future__ import annotations

import importlib.util
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pipectl.errors import LocalError
from pipectl.packaging.tree import is_left_out

if TYPE_CHECKING:
    from collections.abc import Generator

    from watchfiles import Change

    Changes = Generator[set[tuple[Change, str]], None, None]

_STEP = 50
"""Milliseconds without another change after which changes are reported, so that files saved together are one."""
_TURN = 50
"""Milliseconds for which each of the two watchers is asked in turn. Neither misses a change meanwhile."""
_LONGEST = 3_000
"""Milliseconds after which changes are reported although more follow."""


@dataclass(frozen=True)
class WatchedPaths:
    """The paths whose changes are reported. They need not exist.

    Args:
        files: Single files.
        folders: Folders with everything below them, without caches and files of editors.
    """

    files: frozenset[Path] = frozenset()
    folders: frozenset[Path] = frozenset()

    def concerns(self, path: Path) -> bool:
        """Return whether a change of this path is a change of a watched file or folder."""
        for folder in self.folders:
            if path.is_relative_to(folder):
                return not any(map(is_left_out, path.relative_to(folder).parts))
        return path in self.files or self.contains(path)

    def contains(self, path: Path) -> bool:
        """Return whether a watched file or folder is this path or below it, and goes and comes with it."""
        return any(each.is_relative_to(path) for each in (*self.files, *self.folders))

    def folders_above(self) -> set[Path]:
        """Return the folders above the watched paths, up to the first one that all have in common."""
        above = [path.parents for path in (*self.files, *self.folders)]
        common = set.intersection(*map(set, above)) if above else set()
        first = max(common, key=lambda folder: len(folder.parts), default=None)
        return {folder for folders in above for folder in folders if folder == first or folder not in common}


class FileWatcher:
    """Reports the files that change.

    `aim` begins to watch at once; iterating over the watcher then waits for changes. No change is missed: those between
    two iterations, or during `aim`, are reported by the next one. A file that is replaced, as many editors do, and a
    folder that is deleted, moved or created again, stay watched: each is watched from the folders above it.
    """

    def __init__(self) -> None:
        self._paths = WatchedPaths()
        self._watchers: tuple[Changes, ...] = ()
        self._found: set[Path] = set()

    def aim(self, paths: WatchedPaths) -> None:
        """Watch these paths from now on.

        Raises:
            LocalError: watchfiles is not installed, or the system cannot watch so many files.
        """
        if paths != self._paths:
            self._paths = paths
            self._start()

    def __iter__(self) -> Iterator[Collection[Path]]:
        while True:
            found = self._next()
            if any(self._paths.contains(path) and path not in self._paths.files for path in found):
                self._start()  # a watched folder was created, deleted or moved, which ends its watch
            if shown := sorted(filter(self._paths.concerns, found)):
                yield shown

    def close(self) -> None:
        for watcher in self._watchers:
            watcher.close()
        self._watchers = ()

    def _next(self) -> set[Path]:
        """Wait for changes, and then until all watchers report none for a moment."""
        while True:
            new = set(filter(self._paths.concerns, (path for each in self._watchers for path in _reported(each))))
            if self._found and not new:
                found, self._found = self._found, set()
                return found
            self._found |= new

    def _start(self) -> None:
        """Start new watchers before the old ones end."""
        if importlib.util.find_spec("watchfiles") is None:
            raise LocalError(
                "--watch needs watchfiles, which is not installed", hint="pip install 'pipectl-aws[local]'"
            )
        deep = {folder for folder in self._paths.folders if folder.is_dir()}
        above = {_existing(folder) for folder in self._paths.folders_above()}
        started = [_watcher(folders, recursive=folders is deep) for folders in (deep, above) if folders]
        try:
            for watcher in (*started, *self._watchers):  # the first step of a watcher starts it
                self._found |= _reported(watcher)
        except OSError as error:
            hint = "on Linux, raise the limit fs.inotify.max_user_watches, or set WATCHFILES_FORCE_POLLING=1"
            raise LocalError(f"the files cannot be watched: {error}", hint=hint) from error
        self.close()
        self._watchers = tuple(started)


def _watcher(folders: Collection[Path], *, recursive: bool) -> Changes:
    from watchfiles import watch

    return watch(
        *folders,
        watch_filter=None,
        debounce=_LONGEST,
        step=_STEP,
        rust_timeout=_TURN,
        yield_on_timeout=True,
        recursive=recursive,
        ignore_permission_denied=True,
    )


def _reported(watcher: Changes) -> set[Path]:
    return {Path(path) for _, path in next(watcher)}


def _existing(folder: Path) -> Path:
    """Return the nearest folder that exists: this one or one above it."""
    return next((each for each in (folder, *folder.parents) if each.is_dir()), Path("/"))
