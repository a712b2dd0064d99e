"""A config merged over the files that it ``extends``, with the place of every value.

Sections merge key by key. Lists and single values replace those of the base, and ``null`` removes a key of the base.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from pipectl.config.yaml_document import EXTENDS, Document, KeyPath, Value, printable, problem_of, read, short
from pipectl.errors import ConfigError, Problem

MOST_FILES = 5
"""Files of a chain, with the first."""
_SOURCES = (("processor", "source"), ("auditor", "source"))
"""Keys with a path that is relative to the file that has it."""
_ABSENT = object()


@dataclass(frozen=True)
class Place:
    """A line of a file."""

    file: Path
    line: int

    def __str__(self) -> str:
        return f"{printable(str(self.file))}:{self.line}"


@dataclass(frozen=True)
class Layers:
    """The values of a config, merged with those of its bases.

    Attributes:
        files: The file, then its base, the base of that, and so on.
        values: The merged values. A ``source`` is relative to the first file.
        places: The line of each key and entry; a section has that of the file that is merged last.
        removed: The keys of a base that ``null`` removes: the places of the ``null`` and of the removed value.
        top: The lines of the first file.
        problems: The problems of the files themselves.
        hint: The hint of a file that cannot be read.
        unread: The base that could not be read, if there is one.
        complete: True when every file could be read.
    """

    files: tuple[Path, ...]
    values: dict[str, Value]
    places: Mapping[KeyPath, Place]
    removed: Mapping[KeyPath, tuple[Place, Place]]
    top: Mapping[KeyPath, int]
    problems: tuple[Problem, ...] = ()
    hint: str | None = None
    unread: tuple[Path, ...] = ()
    complete: bool = True

    def nearest(self, path: KeyPath) -> Place:
        """Return the place of a key, or of the nearest section above it; the first line when there is none."""
        while path and path not in self.places:
            path = path[:-1]
        return self.places.get(path, Place(self.files[0], 1))

    def nearest_on_top(self, path: KeyPath) -> Place:
        """Return the place of the nearest section in the first file, where a missing key can be added."""
        while path and path not in self.top:
            path = path[:-1]
        return Place(self.files[0], self.top.get(path, 1))


def read_layers(file: Path) -> Layers:
    """Read a config and its bases. A file that cannot be read is a problem in the result."""
    chain = _Chain()
    try:
        chain.follow(file)
    except ConfigError as error:
        return Layers((file,), {}, {}, {}, {}, error.problems, error.hint, complete=False)
    merged = _Merged()
    for document in reversed(chain.documents):
        merged.add(document)
    problems = tuple(problem for document in chain.documents for problem in document.problems)
    return Layers(
        tuple(document.file for document in chain.documents),
        merged.values,
        merged.places,
        merged.removed,
        chain.documents[0].lines,
        (*problems, *chain.problems),
        unread=chain.unread,
        complete=chain.complete,
    )


class _Chain:
    """The documents of a config and its bases.

    Attributes:
        documents: The first file and its bases, as far as they can be read.
        problems: The problems of bases that cannot be read.
        unread: The base that cannot be read, if there is one.
        complete: False when a base could not be read.
    """

    def __init__(self) -> None:
        self.documents: list[Document] = []
        self.problems: list[Problem] = []
        self.unread: tuple[Path, ...] = ()
        self.complete = True

    def follow(self, file: Path) -> None:
        """Read the files of the chain.

        Raises:
            ConfigError: The first file cannot be read.
        """
        folder = Path()
        document = read(file)
        while True:
            self.documents.append(document)
            _move_sources(document.values, folder)
            name = document.values.pop(EXTENDS, _ABSENT)
            if name is _ABSENT:
                return
            base = self._base(document, name)
            found = base and self._read(document, base)
            if not found:
                self.unread = (base,) if base else ()
                self.complete = False
                return
            folder = (folder / str(name)).parent
            document = found

    def _base(self, document: Document, name: object) -> Path | None:
        """Return the file that a document extends; ``None`` after a problem."""
        if not isinstance(name, str) or not name:
            words = "is empty" if name in (None, "") else f"is {short(name)}"
            if all(problem.key != EXTENDS for problem in document.problems):  # else it is not valid YAML
                self._refuse(document, f"{words}; it must be the name of one file")
            return None
        base = _short_path(document.file.parent / name)
        real = os.path.realpath(base)
        for other in self.documents:
            if os.path.realpath(other.file) == real:
                is_own = other is document
                words = "is this file itself" if is_own else f"leads back to {printable(str(other.file))}: a circle"
                self._refuse(document, words)
                return None
        if len(self.documents) == MOST_FILES:
            self._refuse(document, f"makes a chain of more than {MOST_FILES} files")
            return None
        return base

    def _read(self, document: Document, base: Path) -> Document | None:
        """Read a base; ``None`` after a problem."""
        if os.path.exists(base) and not os.path.isfile(base):  # noqa: PTH110, PTH113 - they report no access as False
            self._refuse(document, f"{printable(str(base))} is not a file")
            return None
        try:
            return read(base)
        except ConfigError as error:
            for problem in error.problems:
                if problem.line:
                    self.problems.append(problem)
                else:
                    self._refuse(document, f"{problem.file}: {problem.message}")
            return None

    def _refuse(self, document: Document, words: str) -> None:
        line = document.lines[(EXTENDS,)]
        self.problems.append(problem_of(document.file, line, EXTENDS, words))


def _short_path(path: Path) -> Path:
    """Return a path without ``..``, unless links would make it another one."""
    short_path = Path(os.path.normpath(path))
    same = os.path.realpath(short_path.parent) == os.path.realpath(path.parent)
    return short_path if same else path


def _move_sources(values: dict[str, Value], folder: Path) -> None:
    """Make each ``source`` of a file in ``folder`` relative to the first file. Links are not followed."""
    if folder == Path():
        return
    for section, key in _SOURCES:
        found = values.get(section)
        if isinstance(found, dict) and isinstance(source := found.get(key), str) and source:
            found[key] = str(folder / source)


@dataclass
class _Merged:
    """Values that were merged so far, from the last base on."""

    values: dict[str, Value] = field(default_factory=dict)
    places: dict[KeyPath, Place] = field(default_factory=dict)
    removed: dict[KeyPath, tuple[Place, Place]] = field(default_factory=dict)

    def add(self, document: Document) -> None:
        self._merge(self.values, document.values, (), document)

    def _merge(self, into: dict[str, Value], over: dict[str, Value], path: KeyPath, document: Document) -> None:
        for key, value in over.items():
            here = (*path, key)
            place, earlier = Place(document.file, document.lines[here]), self.places.get(here)
            old = into.get(key)
            if isinstance(old, dict) and isinstance(value, dict):
                self.places[here] = place
                self._merge(old, value, here, document)
                continue
            self._drop(here, old)
            if value is None and earlier:
                del into[key]
                self.removed[here] = place, earlier
            else:
                into[key] = value
                self._place(here, value, document)

    def _drop(self, path: KeyPath, value: Value) -> None:
        """Remove the places of a value and of everything in it."""
        self.places.pop(path, None)
        self.removed.pop(path, None)
        for key, each in _entries(value):
            self._drop((*path, key), each)

    def _place(self, path: KeyPath, value: Value, document: Document) -> None:
        """Store the places of a value and of everything in it."""
        self.places[path] = Place(document.file, document.lines[path])
        for key, each in _entries(value):
            self._place((*path, key), each, document)


def _entries(value: Value) -> Sequence[tuple[str | int, Value]]:
    if isinstance(value, dict):
        return list(value.items())
    return list(enumerate(value)) if isinstance(value, list) else []
