"""The installed packages of a function's package, and their files."""

from __future__ import annotations

import csv
import io
import json
import posixpath
import re
from collections.abc import Mapping

_RECORD = re.compile(r"(?P<name>[^/]+?)-(?P<version>[^/-]+)\.dist-info/RECORD")
_MODULE = re.compile(r"(?P<folder>(?:.*/)?node_modules/(?P<name>@[^/]+/[^/]+|[^/]+))/")


def owners_of(contents: Mapping[str, bytes]) -> dict[str, str]:
    """Return the package, as ``<name> <version>``, of each file that belongs to one."""
    owners: dict[str, str] = {}
    versions: dict[str, str] = {}
    for name, content in contents.items():
        if record := _RECORD.fullmatch(name):
            owners |= {file: f"{record['name']} {record['version']}" for file in _listed(content) if file in contents}
        elif module := _MODULE.match(name):
            folder = module["folder"]
            if folder not in versions:
                versions[folder] = _version(contents.get(f"{folder}/package.json", b""))
            owners[name] = f"{module['name']} {versions[folder]}".strip()
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
    return found if isinstance(found, str) and len(found) < 100 else ""
