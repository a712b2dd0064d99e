"""Zips as other tools, and attackers, make them."""

from __future__ import annotations

import io
import stat
import warnings
import zipfile
from collections.abc import Iterable, Mapping


def zipped(
    files: Mapping[str, bytes] | Iterable[tuple[str, bytes]],
    *,
    modes: Mapping[str, int] | None = None,
    method: int = zipfile.ZIP_STORED,
) -> bytes:
    """Return a zip; names can occur twice. Modes are 0o644, unless given with the type of the file."""
    buffer = io.BytesIO()
    with warnings.catch_warnings(), zipfile.ZipFile(buffer, "w", method) as archive:
        warnings.simplefilter("ignore")  # of names that occur twice
        for name, content in files.items() if isinstance(files, Mapping) else files:
            entry = zipfile.ZipInfo(name)
            entry.create_system = 3
            entry.external_attr = (modes or {}).get(name, stat.S_IFREG | 0o644) << 16
            entry.compress_type = method
            archive.writestr(entry, content)
    return buffer.getvalue()


def with_field(body: bytes, offset: int, value: bytes) -> bytes:
    """Return a zip of one file with bytes of its entry in the directory replaced."""
    at = body.rindex(b"PK\x01\x02") + offset
    return body[:at] + value + body[at + len(value) :]
