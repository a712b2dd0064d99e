"""The quarantine, read for many failures at once: bounded listings, and objects in parallel.

Nothing in it is trusted: an object can be garbage, belong to another record, or be gone. None of this is an error.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from itertools import chain
from typing import TYPE_CHECKING

from pipectl.aws.client import Aws
from pipectl.aws.stream_records import EventRecord, Kept, kept_record
from pipectl.engine.parallel import parallel_map
from pipectl.errors import AwsError, CancelledError
from pipectl.failures.model import LONGEST_NUMBER

if TYPE_CHECKING:
    from mypy_boto3_s3.type_defs import GetObjectOutputTypeDef

MOST_PAGES = 20
"""Pages of 1,000 keys that are listed for one folder."""
LARGEST_OBJECT = 8_000_000
"""Bytes. A record has two images of at most 400 KB each; a larger object holds no record, and is not read."""

_END = "\U0010ffff"
"""A text behind every key."""


def object_at(aws: Aws, bucket: str, key: str) -> GetObjectOutputTypeDef | None:
    """Return an object of the pipeline's bucket; ``None`` when no object has this key."""
    try:
        return aws.s3.get_object(Bucket=bucket, Key=key, ExpectedBucketOwner=aws.account_id)
    except AwsError as error:
        if error.aws_code == "NoSuchKey":
            return None
        raise


def object_name(folder: str, number: int) -> str:
    """Return the key of a record's object in a folder of the quarantine."""
    return f"{folder}/{number:0{LONGEST_NUMBER}}.json"


def number_of(key: str) -> int | None:
    """Return the sequence number in an object's name; ``None`` when the name is not one."""
    name = key.rpartition("/")[2].removesuffix(".json")
    return int(name) if name.isascii() and name.isdigit() and len(name) <= LONGEST_NUMBER else None


@dataclass(frozen=True)
class Listing:
    """Objects of the quarantine that are listed.

    Attributes:
        etags: Their keys, each with the hash of its content.
        known: For each folder, the key up to which the listing is complete, for the numbers that were asked for.
        problem: The reason why it is not complete, if an error is the reason.
    """

    etags: Mapping[str, str]
    known: Mapping[str, str]
    problem: str | None = None

    def has(self, folder: str, number: int) -> bool | None:
        """Return whether a record has an object; ``None`` where the listing does not say."""
        key = object_name(folder, number)
        if key in self.etags:
            return True
        return False if key <= self.known.get(folder, "") else None


@dataclass(frozen=True)
class Contents:
    """The contents of objects by their keys.

    Attributes:
        read: The record of each object, without its images; ``None`` for an object that does not exist, or that does
            not hold its record.
        problem: The first error of those that could not be read.
    """

    read: Mapping[str, Kept | None]
    problem: str | None = None


class Quarantine:
    """Reads many objects of the quarantine with few calls.

    Args:
        aws: The bucket's account and region.
        bucket: The bucket.
        cancel: Called on Ctrl-C, see `walk`.
    """

    def __init__(self, aws: Aws, bucket: str, cancel: Callable[[], None]) -> None:
        self._aws = aws
        self._bucket = bucket
        self._cancel = cancel
        self._last: Mapping[tuple[str, str], Kept | None] = {}

    def listing(self, wanted: Mapping[str, Collection[tuple[int, int]]]) -> Listing:
        """List the objects of ranges of sequence numbers, by folder. An error ends the listing of its folder."""
        results = parallel_map(lambda folder: self._listed(folder, wanted[folder]), wanted, cancel=self._cancel)
        if results.interrupted:
            raise CancelledError("interrupted while listing the quarantine")
        etags = dict(chain.from_iterable(etags.items() for etags, _ in results.done.values()))
        known = {folder: known for folder, (_, known) in results.done.items()}
        return Listing(etags, known, next((error.message for error in results.failed.values()), None))

    def contents(self, keys: Iterable[str], listing: Listing) -> Contents:
        """Read objects in parallel, but for those of the last call whose content is the same in this listing."""
        wanted = tuple(keys)
        places = {key: (key, listing.etags[key]) for key in wanted if listing.etags.get(key)}
        read = {key: self._last[place] for key, place in places.items() if place in self._last}
        results = parallel_map(self._content, [key for key in wanted if key not in read], cancel=self._cancel)
        if results.interrupted:
            raise CancelledError("interrupted while reading the quarantine")
        read |= results.done
        self._last = {place: read[key] for key, place in places.items() if key in read}
        return Contents(read, next((error.message for error in results.failed.values()), None))

    def _listed(self, folder: str, ranges: Collection[tuple[int, int]]) -> tuple[dict[str, str], str]:
        """Return the keys with their hashes, and the key up to which they are complete.

        Numbers between the ranges are jumped over.
        """
        found: dict[str, str] = {}
        known, pages = "", 0
        for first, last in sorted(ranges):
            end = object_name(folder, last)
            if known >= end:
                continue
            if pages >= MOST_PAGES:
                break
            start = max(known, object_name(folder, max(first - 1, 0)))
            for page in self._aws.s3.get_paginator("list_objects_v2").paginate(
                Bucket=self._bucket, Prefix=f"{folder}/", StartAfter=start, ExpectedBucketOwner=self._aws.account_id
            ):
                pages += 1
                entries = page.get("Contents", [])
                found |= {e["Key"]: e.get("ETag", "") for e in entries if e.get("Size", 0) <= LARGEST_OBJECT}
                known = entries[-1]["Key"] if entries else known
                if known >= end:
                    break
                if pages >= MOST_PAGES:
                    return found, known
            else:
                return found, _END
        return found, known

    def _content(self, key: str) -> Kept | None:
        answer = object_at(self._aws, self._bucket, key)
        if answer is None:
            return None
        if answer["ContentLength"] > LARGEST_OBJECT:  # one that is not listed
            return None
        kept = kept_record(answer["Body"].read())
        if kept is None or int(kept.event["dynamodb"]["SequenceNumber"]) != number_of(key):
            return None
        return replace(kept, event=_without_images(kept.event))


def _without_images(event: EventRecord) -> EventRecord:
    """Return a record without its images: 200 records of 800 KB each would not fit into memory."""
    content = event["dynamodb"].copy()
    content.pop("NewImage", None)
    content.pop("OldImage", None)
    slim = event.copy()
    slim["dynamodb"] = content
    return slim
