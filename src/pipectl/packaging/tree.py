"""The files of a handler's folder: those that a package contains, leaves out, or refuses."""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

from pipectl.errors import PackageError, PackageProblem

LEFT_OUT = {
    "version control": (".git", ".gitignore", ".gitattributes", ".gitmodules", ".gitkeep", ".hg", ".hgignore", ".svn"),
    "caches": (
        *("__pycache__", "*.pyc", "*.pyo", ".cache", ".mypy_cache", ".ruff_cache", ".pytest_cache", ".hypothesis"),
        *(".coverage", ".nyc_output", ".eslintcache", ".tox", ".venv"),
    ),
    "editors and backups": (
        *("*~", "*.swp", "*.swo", ".#*", "#*#", "*.bak", "*.orig", "*.rej"),
        *(".idea", ".vscode", ".editorconfig"),
    ),
    "settings of package indexes": (".npmrc", ".pypirc", ".netrc", "uv.toml", "pip.conf", "pip.ini"),
    "desktops": (".DS_Store", "._*", "Thumbs.db", "desktop.ini"),
}
"""Names of files and folders that no package contains, by kind. docs/config.md shows this list."""

_PATTERNS = tuple(pattern for patterns in LEFT_OUT.values() for pattern in patterns)
NODE_MODULES = "node_modules"
_EXAMPLES = (".env.example", ".env.sample", ".env.template")
MOST_FILES = 50_000
"""Limit of files and folders, so that links that multiply folders end."""
_LONGEST_NAME = 1024
"""Bytes of a name in the package; Lambda unpacks below /var/task, and Linux allows 4,096 for the whole path."""


@dataclass(frozen=True)
class File:
    """A file of a package. ``path`` is where to read it, ``size`` is in bytes."""

    path: Path
    size: int
    executable: bool


def from_here(folder: Path) -> Path:
    """Return a folder below the current one by its short path, as errors name it."""
    with contextlib.suppress(ValueError, OSError):
        return folder.relative_to(Path.cwd())
    return folder


def files_of(source: Path, skipped: Collection[str] = ()) -> dict[str, File]:
    """Return every file of a folder by its name in the package, in the same order on every machine.

    Linked files and folders are followed. Entries of the folder itself that are ``skipped`` are not read.

    Raises:
        PackageError: a file cannot be packaged; it is named.
        OSError: a file or folder cannot be read.
    """
    found: dict[str, File] = {}
    for name, path, status in _walk(source, skipped):
        if len(found) >= MOST_FILES:
            raise _too_many(source)
        found[name] = File(path, status.st_size, bool(status.st_mode & stat.S_IXUSR))
    return dict(sorted(found.items()))


def is_left_out(name: str) -> bool:
    """Return whether no package contains a file or folder of this name."""
    return any(fnmatchcase(name, pattern) for pattern in _PATTERNS)


def _walk(source: Path, skipped: Collection[str]) -> Iterator[tuple[str, Path, os.stat_result]]:
    """Yield name, path and status of each file."""
    status = source.stat()
    folders = [("", source, {(status.st_dev, status.st_ino)})]
    seen = 0
    while folders:
        prefix, folder, above = folders.pop()
        for last in sorted(os.listdir(folder)):  # noqa: PTH208 - names are enough
            if is_left_out(last) or (not prefix and last in skipped):
                continue
            name, path = f"{prefix}{last}", folder / last
            _check_name(source, name, last)
            status = _status(source, name, path)
            if not stat.S_ISDIR(status.st_mode):
                yield name, path, status
                continue
            seen += 1
            identity = (status.st_dev, status.st_ino)
            if identity in above:
                raise PackageError(
                    f"{source}: {name} is a link to a folder that contains it",
                    hint="remove the link from the folder",
                    problem=PackageProblem.LINK_LOOP,
                    path=f"{source}/{name}",
                )
            if seen > MOST_FILES:
                raise _too_many(source)
            folders.append((f"{name}/", path, above | {identity}))


def _too_many(source: Path) -> PackageError:
    return PackageError(
        f"{source} contains more than {MOST_FILES:,} files or folders",
        hint="remove files that the function does not need, and links between its folders",
        problem=PackageProblem.TOO_MANY_FILES,
        path=str(source),
    )


def _check_name(source: Path, name: str, last: str) -> None:
    if last == ".env" or (last.startswith(".env.") and last not in _EXAMPLES):
        raise PackageError(
            f"{source}: {name} contains settings or secrets, and everyone who may read the function could read it",
            hint="move it out of the folder",
            problem=PackageProblem.SECRETS,
            path=f"{source}/{name}",
        )
    shown = os.fsencode(name).decode(errors="backslashreplace")
    if shown != name:
        problem = "is not valid UTF-8"
    elif "\\" in last:
        problem = "contains a backslash"
    elif not name.isprintable():
        problem, shown = "contains a control or unprintable character", ascii(name)[1:-1]
    elif len(os.fsencode(name)) > _LONGEST_NAME:
        problem, shown = f"is longer than {_LONGEST_NAME:,} bytes", f"{name[:60]}..."
    else:
        return
    message = f"{source}: the file name {shown} {problem}"
    path = f"{source}/{shown}"
    raise PackageError(message, problem=PackageProblem.FILE_NAME, path=path, hint="rename the file")


def _status(source: Path, name: str, path: Path) -> os.stat_result:
    """Return the status of a file or folder, or of the target of a link."""
    try:
        status = path.stat()
    except OSError as error:
        if not path.is_symlink():
            raise
        target = os.fsencode(path.readlink()).decode(errors="backslashreplace")
        raise PackageError(
            f"{source}: the link {name} leads to {target}, which cannot be read: {error.strerror}",
            hint="correct or remove the link",
            problem=PackageProblem.BROKEN_LINK,
            path=f"{source}/{name}",
        ) from None
    if not (stat.S_ISREG(status.st_mode) or stat.S_ISDIR(status.st_mode)):
        message = f"{source}: {name} is neither a file nor a folder"
        hint = "remove it from the folder"
        raise PackageError(message, problem=PackageProblem.SPECIAL_FILE, path=f"{source}/{name}", hint=hint)
    return status
