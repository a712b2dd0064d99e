"""The code of a function in a plan: by file with numbers of lines, and with the lines themselves."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator

from pipectl.output import looks
from pipectl.output.console import Line
from pipectl.output.serializer import dumps
from pipectl.review.model import CodeChange, FileAction, FileChange, FileMode, PackageChange
from pipectl.text import pluralize

REPACKED = "the same files, packed differently"
_MOST_NEW = 12
"""Files of a new package that are named; of a larger package only their number."""
_MOST_NAMED = 20
"""Files that differ and are all named. Of more, those that are added to, or removed from, a folder are counted."""
_IN_FOLDER = 5
_MOST_PACKAGES = 20
"""Installed packages that are named."""
_OMITTED = "too many lines to show"
SIDE_BY_SIDE = 6
"""Entries that one line shows."""
_PLAIN = re.compile(r"[\w@+~./!\[\]-]+", re.ASCII)
_LOOKS = {"+": looks.NEW, "-": looks.OLD, "@": looks.LESS}


def summary(code: CodeChange) -> str:
    """Return the files that differ in one line."""
    return ", ".join(entries(code))


def entries(code: CodeChange) -> list[str]:
    """Return the files that differ in words: ``handler.py +2 -1``, ``lib/x.py added (+40 lines)``.

    Of many files, those that are added to, or removed from, a folder are one entry; each changed file is named.
    """
    if code.problem:
        return [f"cannot be compared: {code.problem}"]
    if not code.files and not code.packages:
        return [REPACKED]
    if code.new and len(code.files) > _MOST_NEW:
        lines = pluralize(sum(file.added for file in code.files), "line")
        return [f"{pluralize(len(code.files), 'file')} ({lines})", *_packages(code)]
    folders = Counter(map(_folder, code.files)) if len(code.files) > _MOST_NAMED else Counter()
    found: dict[object, list[FileChange]] = {}
    for file in code.files:
        folder = _folder(file)
        found.setdefault(folder if folder and folders[folder] > _IN_FOLDER else file, []).append(file)
    return [*(_entry(files, code.new) for files in found.values()), *_packages(code)]


def _packages(code: CodeChange) -> Iterator[str]:
    """Yield the installed packages that differ: ``pydantic 2.12.3 -> 2.12.4``, ``six 1.16.0 added``."""
    for package in code.packages[:_MOST_PACKAGES]:
        yield _package(package, code.new)
    if len(code.packages) > _MOST_PACKAGES:
        yield pluralize(len(code.packages) - _MOST_PACKAGES, "more package")


def _package(package: PackageChange, new: bool) -> str:
    name = _quoted(package.name)
    before, after = (
        version if version is None else _quoted(version or "unknown") for version in (package.before, package.after)
    )
    if before is None or after is None:
        words = f"{name} {after if before is None else before}"
        return words if new else f"{words} {'added' if before is None else 'removed'}"
    if before == after:
        return f"{name} {after} (the same version, {pluralize(package.files, 'file')} changed)"
    return f"{name} {before} -> {after}"


def count(code: CodeChange) -> str:
    """Return the numbers of files and of installed packages that differ."""
    files = [pluralize(len(code.files), "file")] if code.files else []
    return ", ".join([*files, *([pluralize(len(code.packages), "package")] if code.packages else [])])


def named(file: FileChange) -> str:
    """Return the name of a file; in quotes where it could be read as more than a name."""
    return _quoted(file.name)


def _quoted(text: str) -> str:
    return text if _PLAIN.fullmatch(text) else dumps(text, indent=None)


def _folder(file: FileChange) -> tuple[str, FileAction] | None:
    """Return the folder in the package in which a file is added or removed."""
    folder, slash, _ = file.name.partition("/")
    return (folder + slash, file.action) if slash and file.action is not FileAction.CHANGED else None


def _entry(files: list[FileChange], new: bool) -> str:
    first, *others = files
    if not others:
        return f"{named(first)} {_difference(first, new)}"
    folder = named(first).partition("/")[0]
    sign, lines = ("+" if first.action is FileAction.ADDED else "-"), sum(file.added + file.removed for file in files)
    words = [f"{sign}{pluralize(lines, 'line')}", *([_OMITTED] if any(file.omitted for file in files) else [])]
    return f"{folder}/: {pluralize(len(files), 'file')} {first.action} ({', '.join(words)})"


def file_lines(code: CodeChange) -> Iterator[tuple[FileChange, list[tuple[str, Line]]]]:
    """Yield each file that has lines, with them: the sign, and the line with its colours.

    Where there are too many lines, one line reports that.
    """
    for file in code.files:
        if file.lines:
            yield file, [_line(line) for line in file.lines]
        elif file.omitted and not code.new:
            yield file, [(" ", ((f"({_OMITTED})", looks.LESS),))]


def document(code: CodeChange) -> dict[str, object]:
    """Return the JSON document of the code of a function."""
    if code.problem:
        return {"problem": code.problem}
    return {
        "files": [_file(file, code.new) for file in code.files],
        "repacked": not (code.files or code.packages),
        "packages": [
            {"name": each.name, "from": each.before, "to": each.after, "files": each.files} for each in code.packages
        ],
    }


def _difference(file: FileChange, new: bool) -> str:
    details = _details(file) if file.action is FileAction.CHANGED else _one_sided(file, new)
    words = [f"({', '.join(details)})"] if details else []
    if file.action is not FileAction.CHANGED:
        return " ".join(words if new else [file.action, *words])
    counts = [f"{sign}{count:,}" for sign, count in (("+", file.added), ("-", file.removed)) if count]
    return " ".join([*(counts or ["changed"]), *words])


def _details(file: FileChange) -> list[str]:
    """Return what else is known about a file that is changed."""
    before, after = file.sizes
    words = ["binary"] if file.binary else []
    words += [f"{before:,} -> {after:,} bytes"] if file.binary or file.omitted else []
    words += [f"now {file.mode}"] if file.mode else []
    return words + ([_OMITTED] if file.omitted else [])


def _one_sided(file: FileChange, new: bool) -> list[str]:
    """Return the size of a file that is added or removed, in lines where they are known."""
    size, lines = next(each for each in file.sizes if each is not None), file.added or file.removed
    sign = "" if new else "-" if file.removed else "+"
    words = ["binary"] if file.binary else []
    words.append(f"{sign}{pluralize(lines, 'line')}" if lines else f"{size:,} bytes" if size else "empty")
    words += [file.mode] if file.mode in (FileMode.EXECUTABLE, FileMode.LINK) else []
    return words + ([_OMITTED] if file.omitted and not new else [])


def _line(line: str) -> tuple[str, Line]:
    sign = line[:1]
    if sign in ("+", "-"):
        return sign, ((line[1:], _LOOKS[sign]),)
    return " ", ((line, looks.LESS),) if sign in ("@", "\\") else (line[1:],)


def _file(file: FileChange, new: bool) -> dict[str, object]:
    before, after = file.sizes
    found: dict[str, object] = {
        "name": file.name,
        "action": file.action,
        "binary": file.binary,
        "added": file.added,
        "removed": file.removed,
        "bytes": {"from": before, "to": after},
        "mode": file.mode,
    }
    return found if new else found | {"lines": file.lines, "linesOmitted": file.omitted}
