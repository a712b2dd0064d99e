"""The installed packages of a function's package, and their files."""

from __future__ import annotations

import csv
import io
import json
import posixpath
import re
from collections.abc import Mapping
from dataclasses import dataclass

_RECORD = re.compile(r"(?P<name>[^/]+?)-(?P<version>[^/-]+)\.dist-info/RECORD")
_MODULE = re.compile(r"(?P<folder>(?:.*/)?node_modules/(?P<name>@[^/]+/[^/]+|[^/]+))/")
_LONGEST = 100
"""Characters of a name or version."""


@dataclass(frozen=True)
class Owner:
    """An installed package.

    ``place`` is equal for all its versions: its name, or its folder in Node.js, where one package can be installed
    several times. ``version`` is empty when it is unknown.
    """

    place: str
    name: str
    version: str

    def __str__(self) -> str:
        return f"{self.name} {self.version}".strip()


def describes(name: str) -> bool:
    """Return whether `owners_of` reads the content of a file of this name."""
    return name.endswith((".dist-info/RECORD", "/package.json"))


def owners_of(contents: Mapping[str, bytes]) -> dict[str, Owner]:
    """Return the installed package of each file that belongs to one. Only contents that `describes` names are read."""
    owners: dict[str, Owner] = {}
    modules: dict[str, Owner] = {}
    for name, content in contents.items():
        if record := _RECORD.fullmatch(name):
            owner = Owner(record["name"][:_LONGEST], record["name"][:_LONGEST], record["version"][:_LONGEST])
            owners |= {file: owner for file in _listed(content) if file in contents}
        elif module := _MODULE.match(name):
            folder = module["folder"]
            if folder not in modules:
                version = _version(contents.get(f"{folder}/package.json", b""))
                modules[folder] = Owner(folder, module["name"][:_LONGEST], version)
            owners[name] = modules[folder]
    return owners


def _listed(record: bytes) -> list[str]:
    """Return the files that a list of installed files names."""
    try:
        rows = list(csv.reader(io.StringIO(record.decode("utf-8", errors="replace"), newline="")))
    except csv.Error:
        return []
    return [posixpath.normpath(row[0]) for row in rows if row]


def _version(package: bytes) -> str:
    try:
        found = json.loads(package)["version"]
    except (ValueError, LookupError, TypeError, RecursionError):
        return ""
    return found[:_LONGEST] if isinstance(found, str) else ""
