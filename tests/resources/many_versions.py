"""A bucket in memory with many versions, whose calls take time, and that can refuse to delete some of them."""

from __future__ import annotations

import threading
from bisect import bisect_right, insort
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any, cast

from pipectl.aws.client import Aws
from pipectl.aws.waits import Portion
from pipectl.clock import Clock
from pipectl.errors import AwsError
from pipectl.resources.emptying import Owned
from tests.support import ACCOUNT

OWNED: Owned = {"Bucket": "many-versions", "ExpectedBucketOwner": ACCOUNT}
LIST_SECONDS, DELETE_SECONDS = 0.15, 0.75
LARGEST_PAGE = 1000
Entry = tuple[str, int, str]
"""A key, the place of a version among those of the key, the newest first, and the version's id."""


class ManyVersions:
    """An S3 with one bucket, and what else of an `Aws` its emptying uses.

    Args:
        clock: The time.
        keys: The keys, in any order, each as often as it has versions. Every second version is a delete marker.
        page: Versions of a page.
        latency: Calls take time.
    """

    def __init__(self, clock: Clock, keys: Iterable[str], *, page: int = LARGEST_PAGE, latency: bool = True) -> None:
        self.clock = clock
        self.page = page
        self.latency = latency
        self.refusal: Callable[[str, int], str | None] = lambda _key, _tries: None
        """Returns the code with which the deletion of a key is refused, given the number of tries."""
        self.before: Callable[[str], None] = lambda _operation: None
        """Called before each call."""
        self.calls: Counter[str] = Counter()
        self.most: Counter[str] = Counter()
        """The greatest number of calls of each operation at the same time."""
        self.sizes: list[int] = []
        """The number of versions of each DeleteObjects."""
        self.listed: set[tuple[str, str]] = set()
        self.waiting = 0
        """The greatest number of versions that were listed and not deleted yet."""
        self.tries: Counter[tuple[str, str]] = Counter()
        self.remembers = True
        """False to keep no memory of single versions in `listed` and `tries`."""
        self.shown: list[Portion] = []
        self.has_shown = threading.Event()
        self.said: list[str] = []
        self._running: Counter[str] = Counter()
        self._lock = threading.Lock()
        seen = Counter[str]()
        self.entries: list[Entry] = []
        for key in keys:
            self.entries.append((key, seen[key], f"v{seen[key]}"))
            seen[key] += 1
        self.entries.sort()
        self._places = {(key, version): place for key, place, version in self.entries}
        self._versions = set(self._places)

    @property
    def aws(self) -> Aws:
        return cast(Aws, self)

    @property
    def s3(self) -> Any:
        return self

    @property
    def left(self) -> list[tuple[str, str]]:
        return sorted(self._versions)

    def awaits(self, what: str | Portion | None) -> None:
        if isinstance(what, Portion):
            self.shown.append(what)
            self.has_shown.set()

    def say(self, text: str) -> None:
        self.said.append(text)

    def put(self, key: str) -> None:
        """Write an object while the bucket is emptied."""
        with self._lock:
            number = -len(self.tries) - len(self.entries)
            insort(self.entries, (key, number, f"v{number}"))
            self._places[key, f"v{number}"] = number
            self._versions.add((key, f"v{number}"))

    def drop(self, key: str) -> bool:
        """Delete the versions of a key as another process would."""
        self._versions = {each for each in self._versions if each[0] != key}
        return True

    def list_object_versions(
        self,
        *,
        KeyMarker: str = "",  # noqa: N803
        VersionIdMarker: str | None = None,  # noqa: N803
        MaxKeys: int,  # noqa: N803
        **owned: str,
    ) -> dict[str, Any]:
        assert owned == OWNED
        assert VersionIdMarker != "", "S3 refuses an empty marker"
        with self._call("ListObjectVersions", LIST_SECONDS), self._lock:
            found = self._page_behind(KeyMarker, VersionIdMarker, min(MaxKeys, self.page) + 1)
            page, more = found[: min(MaxKeys, self.page)], len(found) > self.page
            self.listed.update((key, version) for key, _, version in page if self.remembers)
            self.waiting = max(self.waiting, len(self.listed) - len(self.tries))
            named = [{"Key": key, "VersionId": version, "Size": 1} for key, _, version in page]
            answer: dict[str, Any] = {"IsTruncated": more}
            answer |= {"Versions": named[::2]} if named else {}
            answer |= {"DeleteMarkers": named[1::2]} if named[1:] else {}
            last = {"NextKeyMarker": page[-1][0], "NextVersionIdMarker": page[-1][2]} if more else {}
            return answer | last

    def _page_behind(self, key: str, version: str | None, most: int) -> list[Entry]:
        """Return versions behind a marker. Without a version those of the key are left out, as S3 does."""
        behind = (key, self._places[key, version], "~") if version else (f"{key}\0", -(10**9), "")
        found: list[Entry] = []
        for place in range(bisect_right(self.entries, behind) if key else 0, len(self.entries)):
            entry = self.entries[place]
            if (entry[0], entry[2]) in self._versions:
                found.append(entry)
                if len(found) == most:
                    break
        return found

    def delete_objects(self, *, Delete: Any, **owned: str) -> dict[str, Any]:  # noqa: N803
        assert owned == OWNED
        assert Delete["Quiet"]
        objects = [(each["Key"], each["VersionId"]) for each in Delete["Objects"]]
        assert 0 < len(objects) <= LARGEST_PAGE
        assert all(each >= " " or each in "\t\n\r" for key, _ in objects for each in key), "not XML"
        with self._call("DeleteObjects", DELETE_SECONDS * (0.5 + len(objects) / LARGEST_PAGE / 2)), self._lock:
            self.sizes.append(len(objects))
            return {"Errors": [error for key, version in objects if (error := self._delete(key, version))]}

    def delete_object(self, *, Key: str, VersionId: str, **owned: str) -> None:  # noqa: N803
        assert owned == OWNED
        with self._call("DeleteObject", 0.05), self._lock:
            assert self._delete(Key, VersionId) is None

    def _delete(self, key: str, version: str) -> dict[str, str] | None:
        if self.remembers:
            self.tries[key, version] += 1
        if code := self.refusal(key, self.tries[key, version]):
            return {"Key": key, "VersionId": version, "Code": code, "Message": "Because of the test."}
        if (key, version) not in self._versions:
            return {"Key": key, "VersionId": version, "Code": "NoSuchVersion", "Message": "It does not exist."}
        self._versions.remove((key, version))
        return None

    @contextmanager
    def _call(self, operation: str, seconds: float) -> Iterator[None]:
        self.before(operation)
        with self._lock:
            self.calls[operation] += 1
            self._running[operation] += 1
            self.most[operation] = max(self.most[operation], self._running[operation])
        try:
            self.clock.sleep(seconds if self.latency else 0)
            yield
        finally:
            with self._lock:
                self._running[operation] -= 1


def refused(code: str, operation: str) -> AwsError:
    return AwsError(f"s3 {operation}: {code}", service="s3", operation=operation, aws_code=code, aws_message=code)
