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
    """Yield each file with its lines: the sign, and the line with its colours."""
    for file in code.files:
        if not code.new:
            yield file, [_line(line) for line in file.lines]


def document(code: CodeChange) -> dict[str, object]:
    """Return the JSON document of the code of a function."""
    if code.problem:
        return {"problem": code.problem}
    return {"files": [_file(file, code.new) for file in code.files], "repacked": not code.files}


def _difference(file: FileChange, new: bool) -> str:
    counts = [f"+{file.added}"] if file.added or not file.removed else []
    counts += [f"-{file.removed}"] if file.removed or file.action is FileAction.CHANGED else []
    words = _details(file, new)
    if file.action is FileAction.CHANGED:
        counted = file.lines or file.added or file.removed
        return " ".join([*(counts if counted else ["changed"]), *([f"({', '.join(words)})"] if words else [])])
    return f"({', '.join(words)})" if new else f"{file.action} ({', '.join(words)})"


def _details(file: FileChange, new: bool) -> list[str]:
    """Return what else is known about a file, in words."""
    words = []
    before, after = file.sizes
    if file.binary:
        words.append("binary")
    if file.action is FileAction.CHANGED:
        if (file.binary or file.omitted) and None not in file.sizes:
            words.append(f"{before:,} -> {after:,} bytes")
        words += [f"now {file.mode}"] if file.mode else []
    else:
        lines = f"{'' if new else '+' if file.added else '-'}{file.added or file.removed:,}"
        size = after if after is not None else before
        unit = "line" if file.added + file.removed == 1 else "lines"
        words.append(f"{size:,} bytes" if file.binary or not size else f"{lines} {unit}")
        words += [f"{file.mode}"] if file.mode in (FileMode.EXECUTABLE, FileMode.LINK) else []
    return words + (["lines not shown"] if file.omitted and not new else [])


def _line(line: str) -> tuple[str, Line]:
    sign = line[:1]
    if sign in "+-":
        return sign, ((line[1:], _LOOKS[sign]),)
    return " ", ((line, looks.LESS),) if sign in "@\\" else (line[1:],)


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
