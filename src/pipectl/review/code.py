"""The files and lines in which two packages of a function differ."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from difflib import SequenceMatcher

from pipectl.review.archive import Archive, ArchiveError, File
from pipectl.review.installed import Owners
from pipectl.review.model import CodeChange, FileAction, FileChange

CONTEXT = 3
"""Equal lines that are shown before and after those that differ."""
MOST_COMPARED = 3_000
"""Lines of one file, from the first that differs to the last. More are counted and not shown."""
MOST_SHOWN = 20_000
"""Lines of one package. The time that `difflib` takes grows with the square of the number of lines."""
MOST_BYTES = 2 * 1024 * 1024
"""Bytes of these lines, of one package."""
MOST_COUNTED = 8 * 1024 * 1024
"""Bytes of a text whose lines are counted. A larger one has only its sizes; so has one of a tenth as many lines."""
NO_NEWLINE = "\\ No newline at end of file"


def compare(deployed: bytes, wanted: bytes) -> CodeChange:
    """Return the files in which a deployed package, which anybody can have made, and a wanted one differ."""
    try:
        before, after = Archive(deployed), Archive(wanted)
        owners = Owners.of(before, after)
        changes = _Comparison(owners).changes(before, after)
        files = tuple(sorted(changes, key=lambda change: change.name))
        return CodeChange(files, owners.changes())
    except ArchiveError as error:
        return CodeChange(problem=str(error))


def created(wanted: bytes) -> CodeChange:
    """Return the files of a package that is deployed first, with their numbers of lines."""
    try:
        archive = Archive(wanted)
        owners = Owners.of(None, archive)
        own = [name for name in sorted(archive.names) if not owners.take(name)]
        files = [(name, archive.read(name)) for name in own]
    except ArchiveError as error:
        return CodeChange(problem=str(error))
    return CodeChange(tuple(_new(name, file) for name, file in files if file), owners.changes(), new=True)


def _new(name: str, file: File) -> FileChange:
    binary = _text(file.content) is None
    change = FileChange(name, FileAction.ADDED, binary=binary, sizes=(None, len(file.content)), mode=file.mode)
    return change if binary else replace(change, added=_number_of_lines(file.content), omitted=True)


@dataclass
class _Comparison:
    """A comparison with the numbers of lines and bytes that may still be shown."""

    owners: Owners
    lines: int = MOST_SHOWN
    bytes: int = MOST_BYTES

    def changes(self, before: Archive, after: Archive) -> Iterator[FileChange]:
        """Yield the files that differ: those that both packages have first, so that their lines are shown first."""
        for name in [*sorted(before.names & after.names), *sorted(before.names ^ after.names)]:
            old, new = before.read(name), after.read(name)
            if old != new and not self.owners.take(name):
                yield self._change(name, old, new)

    def _change(self, name: str, old: File | None, new: File | None) -> FileChange:
        action = FileAction.CHANGED if old and new else FileAction.ADDED if new else FileAction.REMOVED
        sizes = (len(old.content) if old else None, len(new.content) if new else None)
        mode = new.mode if new and (old is None or old.mode != new.mode) else None
        change = FileChange(name, action, sizes=sizes, mode=mode)
        if old and new and old.content == new.content:
            return change
        contents = [file.content if file else b"" for file in (old, new)]
        found, wanted = map(_text, contents)
        if found is None or wanted is None:
            return replace(change, binary=True)
        if any(len(each) > MOST_COUNTED or _number_of_lines(each) > MOST_COUNTED // 10 for each in contents):
            return replace(change, omitted=True)
        return self._with_lines(change, _Window.between(_lines(found), _lines(wanted)))

    def _with_lines(self, change: FileChange, window: _Window) -> FileChange:
        lines, size = len(window.old) + len(window.new), sum(map(len, window.old)) + sum(map(len, window.new))
        if max(len(window.old), len(window.new)) > MOST_COMPARED or lines > self.lines or size > self.bytes:
            old, new = Counter(window.old), Counter(window.new)
            return replace(change, added=(new - old).total(), removed=(old - new).total(), omitted=True)
        self.lines -= lines
        self.bytes -= size
        shown = tuple(window.diff())
        added, removed = (sum(line.startswith(sign) for line in shown) for sign in "+-")
        return replace(change, added=added, removed=removed, lines=shown)


@dataclass(frozen=True)
class _Window:
    """The lines of two texts from shortly before the first difference to shortly after the last.

    ``start`` is the number of equal lines before.
    """

    old: Sequence[str]
    new: Sequence[str]
    start: int = field(default=0)

    @classmethod
    def between(cls, old: Sequence[str], new: Sequence[str]) -> _Window:
        shortest = min(len(old), len(new))
        head = next((index for index in range(shortest) if old[index] != new[index]), shortest)
        most = shortest - head
        tail = next((index for index in range(most) if old[-1 - index] != new[-1 - index]), most)
        start, end = max(0, head - CONTEXT), max(0, tail - CONTEXT)
        return cls(old[start : len(old) - end], new[start : len(new) - end], start)

    def diff(self) -> Iterator[str]:
        """Yield the lines of the unified diff."""
        for group in SequenceMatcher(None, self.old, self.new).get_grouped_opcodes(CONTEXT):
            (_, first, _, start, _), (_, _, last, _, end) = group[0], group[-1]
            yield f"@@ -{self._range(first, last)} +{self._range(start, end)} @@"
            for kind, low, high, begin, stop in group:
                if kind == "equal":
                    yield from _signed(" ", self.old[low:high])
                    continue
                yield from _signed("-", self.old[low:high])
                yield from _signed("+", self.new[begin:stop])

    def _range(self, first: int, end: int) -> str:
        """Return the number of the first line and of all lines; of no lines, the number of the line before."""
        length, number = end - first, self.start + first
        if length == 1:
            return str(number + 1)
        return f"{number + 1 if length else number},{length}"


def _signed(sign: str, lines: Sequence[str]) -> Iterator[str]:
    for line in lines:
        yield f"{sign}{line.removesuffix(chr(10))}"
        if not line.endswith("\n"):
            yield NO_NEWLINE


def _text(content: bytes) -> str | None:
    """Return a text in UTF-8; ``None`` for a binary file."""
    if b"\0" in content:
        return None
    try:
        return content.decode()
    except UnicodeDecodeError:
        return None


def _number_of_lines(content: bytes) -> int:
    return content.count(b"\n") + (not content.endswith(b"\n") and bool(content))


def _lines(text: str) -> list[str]:
    """Return the lines with their ends; no other characters than ``\\n`` end a line."""
    lines = text.split("\n")
    return [f"{line}\n" for line in lines[:-1]] + ([lines[-1]] if lines[-1] else [])
