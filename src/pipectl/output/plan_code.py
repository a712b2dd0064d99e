"""The code of a function in a plan: by file with numbers of lines, and with the lines themselves."""

from __future__ import annotations

from collections.abc import Iterator

from pipectl.output import looks
from pipectl.output.console import Line
from pipectl.review.model import CodeChange, FileAction, FileChange, FileMode
from pipectl.text import pluralize

REPACKED = "the same files, packed differently"
_MOST_NEW = 12
"""Files of a new package that are named; of a larger package only their number."""
_LOOKS = {"+": looks.NEW, "-": looks.OLD, "@": looks.LESS}


def summary(code: CodeChange) -> str:
    """Return every file that differs in one sentence: ``handler.py +2 -1, lib/x.py added (+40 lines)``."""
    if code.problem:
        return f"cannot be compared: {code.problem}"
    if not code.files:
        return REPACKED
    if code.new and len(code.files) > _MOST_NEW:
        lines = pluralize(sum(file.added for file in code.files), "line")
        return f"{pluralize(len(code.files), 'file')} ({lines})"
    return ", ".join(f"{file.name} {_difference(file, code.new)}" for file in code.files)


def file_lines(code: CodeChange) -> Iterator[tuple[FileChange, list[tuple[str, Line]]]]:
    """Yield each file that has lines, with them: the sign, and the line with its colours."""
    for file in code.files:
        if file.lines:
            yield file, [_line(line) for line in file.lines]


def document(code: CodeChange) -> dict[str, object]:
    """Return the JSON document of the code of a function."""
    if code.problem:
        return {"problem": code.problem}
    return {"files": [_file(file, code.new) for file in code.files], "repacked": not code.files}


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
    return words + (["lines not shown"] if file.omitted else [])


def _one_sided(file: FileChange, new: bool) -> list[str]:
    """Return the size of a file that is added or removed, in lines where they are known."""
    size, lines = next(each for each in file.sizes if each is not None), file.added or file.removed
    sign = "" if new else "-" if file.removed else "+"
    words = ["binary"] if file.binary else []
    words.append(f"{sign}{pluralize(lines, 'line')}" if lines else f"{size:,} bytes" if size else "empty")
    words += [file.mode] if file.mode in (FileMode.EXECUTABLE, FileMode.LINK) else []
    return words + (["lines not shown"] if file.omitted and not new else [])


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
