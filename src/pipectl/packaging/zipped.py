"""Zip files with the same bytes for the same contents: in the given order, with fixed times and modes."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping

from pipectl.packaging.dependencies.installed import Content

_EPOCH = (1980, 1, 1, 0, 0, 0)  # the earliest time that a zip can hold
_MODES = {False: 0o100644 << 16, True: 0o100755 << 16}
"""Modes of a file, by whether it is executable: every user of the function's machine can read it."""


def zipped(contents: Mapping[str, Content], compression: int = zipfile.ZIP_STORED, comment: bytes = b"") -> bytes:
    """Return a zip of files by their names. The bytes of a deflated one differ between versions of zlib."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compression) as archive:
        archive.comment = comment
        for name, content in contents.items():
            info = zipfile.ZipInfo(name, _EPOCH)
            info.create_system = 3  # Unix, also when made on Windows
            info.external_attr = _MODES[content.executable]
            info.compress_type = compression
            archive.writestr(info, content.data)
    return buffer.getvalue()
