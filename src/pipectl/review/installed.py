"""The installed packages in which two packages of a function differ: one line for each instead of all their files."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from pipectl.packaging.owners import Owner, describes, owners_of
from pipectl.review.archive import Archive
from pipectl.review.model import PackageChange


@dataclass
class Owners:
    """The installed packages of the files of two packages, and how many files of each differ.

    A file that the wanted package has belongs to the installed package that this one names: the deployed package, which
    anybody can have made, hides no change of it.
    """

    before: Mapping[str, Owner]
    after: Mapping[str, Owner]
    wanted: frozenset[str]
    _files: Counter[str] = field(default_factory=Counter)

    @classmethod
    def of(cls, before: Archive | None, after: Archive) -> Owners:
        """Read the installed packages of the deployed package, if there is one, and of the wanted one."""
        return cls(_read(before) if before else {}, _read(after), after.names)

    def take(self, name: str) -> bool:
        """Count a file that differs, if it belongs to an installed package; return whether it does."""
        owner = self.after.get(name) if name in self.wanted else self.before.get(name)
        if owner:
            self._files[owner.place] += 1
        return owner is not None

    def changes(self) -> tuple[PackageChange, ...]:
        """Return the packages of the files that were counted, by name."""
        before, after = ({owner.place: owner for owner in owners.values()} for owners in (self.before, self.after))
        found = []
        for place, files in self._files.items():
            old, new = before.get(place), after.get(place)
            name = (new or old or Owner(place, place, "")).name
            versions = (old.version if old else None, new.version if new else None)
            found.append(PackageChange(name, *versions, files))
        return tuple(sorted(found, key=lambda change: (change.name, change.before or "", change.after or "")))


def _read(archive: Archive) -> dict[str, Owner]:
    contents: dict[str, bytes] = {}
    for name in archive.names:
        file = archive.read(name) if describes(name) else None
        contents[name] = file.content if file else b""
    return owners_of(contents)
