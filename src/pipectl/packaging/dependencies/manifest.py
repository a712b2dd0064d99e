"""The packages that a handler needs, as a file of its folder names them."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Manifest:
    """A file that names packages.

    Args:
        name: Its name in the handler's folder.
        texts: The contents of the file, of those that it includes, and of its lock file, by name.
        required: The names of the packages that it names, by their normal forms.
        always: The normal forms of those that every machine needs: those without a marker, and not optional.
        pinned: The normal forms of those whose version is fixed.
        locked: The version of each package is fixed, also of those that packages need.
    """

    name: str
    texts: Mapping[str, bytes]
    required: Mapping[str, str]
    always: Collection[str] = ()
    pinned: Collection[str] = ()
    locked: bool = False
