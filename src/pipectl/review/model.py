"""A change with everything that a reviewer needs to approve it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from pipectl.engine.model import Change


class FlagKind(StrEnum):
    """A risk that a reviewer must not overlook."""

    EVERYBODY = "open-to-everybody"
    OTHER_ACCOUNT = "open-to-another-account"
    PERMISSIONS = "wider-permissions"
    UNPROTECTED = "unprotected"
    """Data can be read on the way or at rest: no TLS, no encryption, a public access block that is off."""
    DATA_LOSS = "data-loss"
    SILENT_ALARM = "silent-alarm"
    """An alarm that can never fire, or that notifies nobody any more."""


class When(StrEnum):
    """The time at which a risk exists, seen from the change."""

    OPENED = "opened"
    """The change begins it."""
    CLOSED = "closed"
    """It exists now, and the change ends it."""
    STAYS = "stays"
    """It exists now, and the change does not end it, because pipectl does not manage that setting."""


@dataclass(frozen=True)
class Flag:
    """A risk of one change.

    Args:
        kind: The kind of risk.
        when: Whether the change begins or ends it.
        reason: A sentence without a period at its end: who or what, which actions, on what.
        attribute: The top-level attribute that it is about; ``None`` for a setting that pipectl does not manage.
        hint: Advice, where something has to be done; commands are in backticks.
    """

    kind: FlagKind
    when: When
    reason: str
    attribute: str | None = None
    hint: str | None = None


class FileAction(StrEnum):
    """The difference between two packages that a file makes."""

    ADDED = "added"
    REMOVED = "removed"
    CHANGED = "changed"


class FileMode(StrEnum):
    """The form in which Lambda unzips a file."""

    ORDINARY = "not executable"
    EXECUTABLE = "executable"
    LINK = "symbolic link"


@dataclass(frozen=True)
class FileChange:
    """A file of a function's package that differs.

    Args:
        name: Its name in the package.
        action: The difference.
        added: Number of added lines; 0 for a binary file.
        removed: Number of removed lines; 0 for a binary file.
        binary: True when it is no text in UTF-8.
        lines: The unified diff without its two first lines: each line begins with ``@``, ``+``, ``-``, a space, or
            with a backslash where a file does not end with a newline.
        omitted: True for text whose lines are not in ``lines`` because there are too many. Without them, lines that
            only moved are not counted.
        sizes: Bytes before and after; ``None`` where the file does not exist.
        mode: The mode after the change, where it is another one than before.
    """

    name: str
    action: FileAction
    added: int = 0
    removed: int = 0
    binary: bool = False
    lines: tuple[str, ...] = ()
    omitted: bool = False
    sizes: tuple[int | None, int | None] = (None, None)
    mode: FileMode | None = None


@dataclass(frozen=True)
class PackageChange:
    """An installed package that differs.

    Args:
        name: Its name.
        before: Its version before, empty when it is unknown; ``None`` when it was not installed.
        after: Its version after, as ``before``.
        files: Number of its files that are added, removed or changed.
    """

    name: str
    before: str | None
    after: str | None
    files: int


@dataclass(frozen=True)
class CodeChange:
    """The files in which two packages of a function differ.

    Args:
        files: In the order of their names, without those of installed packages. Neither files nor packages means that
            the same files are packed differently.
        packages: The installed packages that differ.
        problem: Why the deployed package could not be compared.
        new: True when there is no deployed package: every file is added, and its lines are only counted.
    """

    files: tuple[FileChange, ...] = ()
    packages: tuple[PackageChange, ...] = ()
    problem: str | None = None
    new: bool = False


@dataclass(frozen=True)
class Review:
    """A change, its risks, and its code.

    Args:
        change: The change.
        flags: Its risks, those that it begins first.
        code: For a function whose code differs: the files.
    """

    change: Change
    flags: tuple[Flag, ...] = ()
    code: CodeChange | None = None
