"""Ranges of keys of a bucket, which are listed at the same time. Pure.

S3 lists keys in one order, a page after the other, and nobody knows which keys there are. A range that has more pages
is split at the ends of the folders that all keys of a page are in, and near the character in which these keys differ.
Where that is a bad guess, a range is empty and costs one call; no key is in two ranges or in none.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

_BEFORE_SURROGATES, _BEHIND_SURROGATES, _LAST = "\ud7ff", "\ue000", "\U0010ffff"
_DEEPEST = 8
"""Bounds of one split. Those of outer folders are left out first: the range behind them is split again."""


@dataclass(frozen=True)
class KeyRange:
    """The versions of keys between two keys, in the order of S3.

    Attributes:
        after: The last key that is listed already; empty at the beginning of the bucket.
        version: The last version of it that is listed; empty when all are.
        end: The last key of the range; ``None`` at the end of the bucket.
    """

    after: str = ""
    version: str = ""
    end: str | None = None

    def holds(self, key: str) -> bool:
        """Return whether a key that is listed behind `after` is in this range."""
        return self.end is None or key <= self.end

    def behind(self, key: str, version: str) -> KeyRange | None:
        """Return the rest of the range behind a version; ``None`` when there is none."""
        if not self.holds(key) or (key == self.end and not version):
            return None
        return replace(self, after=key, version=version)

    def split(self, first: str) -> list[KeyRange]:
        """Return the parts of the range, at least one.

        Args:
            first: The first key of the page that ends with `after`.
        """
        bounds = [bound for bound in _bounds(first, self.after) if bound > self.after and self.end != bound]
        ends = sorted(bound for bound in set(bounds) if self.holds(bound))[:_DEEPEST]
        starts = [self, *(KeyRange(bound) for bound in ends)]
        return [replace(start, end=end) for start, end in zip(starts, [*ends, self.end], strict=True)]


def _bounds(first: str, last: str) -> Iterator[str]:
    """Yield keys behind all those that begin like the last key of a page."""
    differs = next((at for at, pair in enumerate(zip(first, last, strict=False)) if len(set(pair)) > 1), len(first))
    folders = [place for place, character in enumerate(last[:differs]) if character == "/"]
    for place in (*folders, *range(max(0, differs - 2), min(len(last), differs + 1))):
        if following := _next(last[place]):
            yield last[:place] + following


def _next(character: str) -> str | None:
    """Return the character behind one; ``None`` behind the last one."""
    if character == _BEFORE_SURROGATES:
        return _BEHIND_SURROGATES
    return None if character == _LAST else chr(ord(character) + 1)
