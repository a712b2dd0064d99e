"""Installed packages, without what differs between machines and what no function needs."""

from __future__ import annotations

import csv
import io
import os
import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from pipectl.errors import PackageError, PackageProblem
from pipectl.packaging.tree import is_left_out

_NOT_NEEDED = {"bin", ".lock", ".DS_Store"}
"""Entries of the folder itself: scripts for a shell, and the lock of the program that installs."""
_DIFFERS = {"INSTALLER", "REQUESTED", "direct_url.json", "uv_cache.json", "uv_build.json"}
"""Files of a ``.dist-info`` that depend on the program, the machine or the way of the installation."""
_NODE_NOT_NEEDED = {".bin", ".package-lock.json", ".cache"}


@dataclass(frozen=True)
class Content:
    """A file in memory."""

    data: bytes
    executable: bool = False


def python_files(folder: Path) -> dict[str, Content]:
    """Return the files of a folder that packages were installed into, by their names in a function's package."""
    found = dict(_files(folder, _NOT_NEEDED))
    kept = {
        name: content
        for name, content in found.items()
        if not (_dist_info(name) and PurePosixPath(name).name in _DIFFERS)
    }
    for name in [name for name in kept if _dist_info(name) and name.endswith("/RECORD")]:
        kept[name] = Content(_record(kept[name].data, kept, name))
    return dict(sorted(kept.items()))


def node_files(folder: Path) -> dict[str, Content]:
    """Return the files of ``node_modules`` in a folder, by their names in a function's package."""
    modules = folder / "node_modules"
    if not modules.is_dir():
        return {}
    found = _files(modules, _NODE_NOT_NEEDED)
    return {
        f"node_modules/{name}": content
        for name, content in sorted(found)
        if not _NODE_NOT_NEEDED & set(PurePosixPath(name).parts[:-1]) and not name.endswith("/.package-lock.json")
    }


def _files(folder: Path, not_needed: set[str]) -> Iterator[tuple[str, Content]]:
    """Yield the regular files. Links are not followed: they could lead anywhere on this machine."""
    folders = [("", folder)]
    while folders:
        prefix, current = folders.pop()
        with os.scandir(current) as entries:
            for entry in sorted(entries, key=lambda each: each.name):
                if is_left_out(entry.name) or (not prefix and entry.name in not_needed):
                    continue
                if entry.is_dir(follow_symlinks=False):
                    folders.append((f"{prefix}{entry.name}/", Path(entry.path)))
                elif entry.is_file(follow_symlinks=False):
                    _check_name(f"{prefix}{entry.name}")
                    mode = entry.stat(follow_symlinks=False).st_mode
                    yield f"{prefix}{entry.name}", Content(Path(entry.path).read_bytes(), bool(mode & stat.S_IXUSR))


def _check_name(name: str) -> None:
    shown = os.fsencode(name).decode(errors="backslashreplace")
    if shown != name:
        raise PackageError(
            f"an installed package has the file {shown}, whose name is not valid UTF-8",
            problem=PackageProblem.FILE_NAME,
            path=shown,
            hint="name another version of the package",
        )


def _dist_info(name: str) -> bool:
    return PurePosixPath(name).parts[0].endswith(".dist-info")


def _record(data: bytes, kept: Mapping[str, Content], own: str) -> bytes:
    """Return the list of a package's files with those that are kept, in a fixed order; unchanged when it is damaged."""
    rows = csv.reader(io.StringIO(data.decode("utf-8", errors="surrogateescape"), newline=""))
    lines = io.StringIO(newline="")
    try:
        kept_rows = sorted(row for row in rows if row and row[0] in kept and row[0] != own)
    except csv.Error:
        return data
    csv.writer(lines, lineterminator="\n").writerows([*kept_rows, [own, "", ""]])
    return lines.getvalue().encode("utf-8", errors="surrogateescape")
