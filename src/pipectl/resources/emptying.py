"""A bucket emptied: its versions are listed in several ranges and deleted in several calls at the same time.

The calls that delete take longest, so listing runs beside them and ahead of them, within a limit of memory. What is
listed is only a hint: the bucket is empty when a listing from its beginning finds nothing.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypedDict

from pipectl.aws.calls import Request
from pipectl.aws.client import Aws
from pipectl.aws.retry_rules import rule_for
from pipectl.aws.waits import Portion, counted
from pipectl.errors import AccessDeniedError, AwsError
from pipectl.resources.key_ranges import KeyRange
from pipectl.text import pluralize

if TYPE_CHECKING:
    from mypy_boto3_s3.type_defs import (
        ErrorTypeDef,
        ListObjectVersionsOutputTypeDef,
        MultipartUploadTypeDef,
        ObjectIdentifierTypeDef,
    )

    Page = ListObjectVersionsOutputTypeDef

_DELETING = 8
"""Calls that delete, at the same time."""
_LISTING = 4
"""Calls that list, at the same time. Two of them keep up with those that delete."""
_BATCH = 1000
"""Versions that one call deletes at most, and lists at most."""
_WAITING = 100_000
"""Versions that are listed and not deleted yet, at most: about 30 MB."""
_PASSES = 5
"""Listings from the beginning. Each one after the first finds only what was written meanwhile."""
_GONE = ("NoSuchKey", "NoSuchVersion")
"""Codes of versions that were deleted meanwhile."""
_NOT_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")
"""Characters that a key can have, and the XML of DeleteObjects cannot."""
_NAMED = 5
"""Objects that an error names."""

Version = tuple[str, str]
"""A key and the id of a version of it, which can be a delete marker."""


class Owned(TypedDict):
    """The parameters that name a bucket and its owner."""

    Bucket: str
    ExpectedBucketOwner: str


@dataclass
class _Refused:
    """Errors that do not pass, of single versions: their number, and the first ones."""

    count: int = 0
    first: list[ErrorTypeDef] = field(default_factory=list)

    def add(self, errors: Sequence[ErrorTypeDef]) -> None:
        self.count += len(errors)
        self.first += errors[: _NAMED - len(self.first)]


def empty(aws: Aws, owned: Owned) -> None:
    """Delete versions and delete markers until none is listed.

    An invocation that ends late may write to a range that was listed, so they are listed again. A writer that does not
    stop is left to the caller, which cannot delete the bucket.

    Raises:
        CancelledError: the user pressed Ctrl-C. Calls that were sent have been waited for.
        AwsError: objects cannot be deleted. All the others were deleted, unless a whole call was refused.
    """
    with counted(aws.awaits, aws.say, aws.clock) as show:
        done = 0
        for _ in range(_PASSES):
            found = _Pass(aws, owned, done, show)
            found.run()
            if not found.done:
                return
            done += found.done


def abort_uploads(aws: Aws, owned: Owned) -> None:
    """Abort multipart uploads that were not completed, several at the same time."""

    def abort(upload: MultipartUploadTypeDef) -> None:
        aws.clock.sleep(0)  # raises after Ctrl-C
        try:
            aws.s3.abort_multipart_upload(**owned, Key=upload["Key"], UploadId=upload["UploadId"])
        except AwsError as error:
            if error.aws_code != "NoSuchUpload":  # completed or aborted since it was listed
                raise

    with ThreadPoolExecutor(_DELETING) as pool:
        for page in aws.s3.get_paginator("list_multipart_uploads").paginate(**owned):
            for _ in pool.map(abort, page.get("Uploads", [])):
                pass


class _Pass:
    """A listing from the beginning, and the deletion of what it finds."""

    def __init__(self, aws: Aws, owned: Owned, done_before: int, show: Callable[[Portion], None]) -> None:
        self._aws = aws
        self._owned = owned
        self._done_before = done_before
        self._show = show
        self._ranges = deque([KeyRange()])
        self._versions: deque[Version] = deque()
        self._listing: dict[Future[Page], KeyRange] = {}
        self._deleting: dict[Future[list[ErrorTypeDef]], int] = {}
        self._refused = _Refused()
        self._is_given_up = False
        self.done = 0

    def run(self) -> None:
        with ThreadPoolExecutor(_LISTING + _DELETING) as pool:
            while running := self._start(pool):
                finished = wait(running, return_when=FIRST_COMPLETED).done
                for future in [each for each in self._listing if each in finished]:
                    self._take(self._listing.pop(future), future.result())
                for deletion in [each for each in self._deleting if each in finished]:
                    self._count(self._deleting.pop(deletion), deletion.result())
        if self._refused.count:
            raise _refusal(self._owned["Bucket"], self._refused)

    def _start(self, pool: ThreadPoolExecutor) -> list[Future[Any]]:
        """Start calls; return those that run."""
        while self._ranges and len(self._listing) < _LISTING and len(self._versions) < _WAITING:
            part = self._ranges.popleft()
            self._listing[pool.submit(self._list, part)] = part
        while len(self._deleting) < _DELETING and self._has_batch():
            batch = [self._versions.popleft() for _ in range(min(_BATCH, len(self._versions)))]
            self._deleting[pool.submit(self._delete, batch)] = len(batch)
        return [*self._listing, *self._deleting]

    def _has_batch(self) -> bool:
        """Return whether a call would delete as many versions as it can, or all that are left."""
        is_last = not (self._ranges or self._listing)
        return len(self._versions) >= (1 if is_last else _BATCH)

    def _take(self, part: KeyRange, page: Page) -> None:
        """Take a page of a range, and split the rest of the range while fewer ranges are listed than can be."""
        if self._is_given_up:
            return
        entries = [*page.get("Versions", []), *page.get("DeleteMarkers", [])]
        versions = [(each["Key"], each["VersionId"]) for each in entries if part.holds(each["Key"])]
        self._versions.extend(versions)
        rest = (
            part.behind(page["NextKeyMarker"], page.get("NextVersionIdMarker", "")) if page.get("IsTruncated") else None
        )
        if rest is None:
            return
        is_idle = len(self._ranges) + len(self._listing) + 1 < _LISTING
        self._ranges.extend(rest.split(min(versions)[0]) if is_idle and versions else [rest])

    def _count(self, number: int, refused: Sequence[ErrorTypeDef]) -> None:
        """Count what a call deleted. Where the first one deleted nothing, the others would not either."""
        self._refused.add(refused)
        self.done += number - len(refused)
        if refused and not self.done:
            self._is_given_up = True
            self._ranges.clear()
            self._versions.clear()
        done = self._done_before + self.done
        more = bool(self._ranges or self._listing)
        total = done + self._refused.count + len(self._versions) + sum(self._deleting.values())
        self._show(Portion(done, total, "object version", "deleted", more=more))

    def _list(self, part: KeyRange) -> Page:
        self._aws.clock.sleep(0)  # raises after Ctrl-C
        markers: Request = {"KeyMarker": part.after, "VersionIdMarker": part.version}  # S3 refuses an empty one
        given: Request = {name: value for name, value in markers.items() if value}
        return self._aws.s3.list_object_versions(**self._owned, **given, MaxKeys=_BATCH)

    def _delete(self, batch: Sequence[Version]) -> list[ErrorTypeDef]:
        """Delete versions, again those whose error passes; return the errors of those that cannot be deleted."""
        refused: list[ErrorTypeDef] = []
        started, tries = self._aws.clock.monotonic(), 0
        while True:
            self._aws.clock.sleep(0)  # raises after Ctrl-C
            tries += 1
            errors = self._delete_once(batch)
            waited, pauses, failed = self._aws.clock.monotonic() - started, [], set[Version]()
            for error in errors:
                rule = rule_for(_as_error(error))
                if rule is None or waited >= rule.bound:
                    refused.append(error)
                else:
                    pauses.append(rule.pause(tries, waited))
                    failed.add((error.get("Key", ""), error.get("VersionId", "")))
            batch = [(key, version) for key, version in batch if {(key, version), (key, "")} & failed]
            if not batch:
                return refused
            self._aws.clock.sleep(max(pauses))

    def _delete_once(self, batch: Sequence[Version]) -> list[ErrorTypeDef]:
        """Delete versions in one call; those whose key XML cannot hold, in a call each."""
        objects: list[ObjectIdentifierTypeDef] = []
        errors: list[ErrorTypeDef] = []
        for key, version in batch:
            if _NOT_XML.search(key):
                errors += self._delete_alone(key, version)
            else:
                objects.append({"Key": key, "VersionId": version})
        if objects:
            answer = self._aws.s3.delete_objects(**self._owned, Delete={"Objects": objects, "Quiet": True})
            errors += answer.get("Errors", [])
        return [each for each in errors if each.get("Code") not in _GONE]

    def _delete_alone(self, key: str, version: str) -> list[ErrorTypeDef]:
        try:
            self._aws.s3.delete_object(**self._owned, Key=key, VersionId=version)
        except AwsError as error:
            if not isinstance(error, AccessDeniedError) and error.aws_code not in _GONE:
                raise
            return [{"Key": key, "VersionId": version, "Code": error.aws_code, "Message": error.aws_message}]
        return []


def _as_error(error: ErrorTypeDef) -> AwsError:
    """Return the error of one version like that of a call."""
    code, message = error.get("Code", ""), error.get("Message", "")
    return AwsError(message, service="s3", operation="DeleteObjects", aws_code=code, aws_message=message)


def _refusal(bucket: str, refused: _Refused) -> AwsError:
    lines = [
        f"{each.get('Key')!r}, version {each.get('VersionId')}: {each.get('Code')}: {each.get('Message')}"
        for each in refused.first
    ]
    if refused.count > len(lines):
        lines.append(f"and {pluralize(refused.count - len(lines), 'other')}")
    return AwsError(
        "\n".join([f"{pluralize(refused.count, 'object version')} of {bucket} cannot be deleted", *lines]),
        hint="end legal holds and retention, allow s3:DeleteObjectVersion, then run the same command again",
        service="s3",
        operation="DeleteObjects",
        aws_code=str(refused.first[0].get("Code")),
    )
