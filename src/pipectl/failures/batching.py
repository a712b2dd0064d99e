"""Ranges merged so that each record is read once, and records cut into batches that fit into one event. Pure."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from itertools import groupby
from typing import TypeVar

from pipectl.failures.model import Failure, StreamRange

T = TypeVar("T")

LARGEST_PAYLOAD = 5_500_000
"""Bytes of one event; Lambda takes 6 MB. Source: "Lambda quotas" in the AWS Lambda Developer Guide."""

Located = tuple[StreamRange, Failure]
"""A failure and the range of its records."""


def merged(failures: Iterable[Located]) -> Iterator[tuple[StreamRange, list[Located]]]:
    """Merge ranges of one shard that overlap or touch; yield each merged range with the failures in it."""
    ordered = sorted(failures, key=lambda pair: (pair[0].stream_arn, pair[0].shard_id, pair[0].first, pair[0].last))
    for _, of_shard in groupby(ordered, key=lambda pair: (pair[0].stream_arn, pair[0].shard_id)):
        inside: list[Located] = []
        whole: StreamRange | None = None
        for where, failure in of_shard:
            if whole is None or where.first.value > whole.last.value + 1:
                if whole:
                    yield whole, inside
                whole, inside = where, []
            whole = replace(whole, last=max(whole.last, where.last))
            inside.append((where, failure))
        if whole:
            yield whole, inside


def batches(items: Iterable[T], most: int, event_of: Callable[[T], Mapping[str, object]]) -> Iterator[list[T]]:
    """Cut items into batches of at most ``most``, small enough for one event.

    Args:
        items: Items with a record each.
        most: The most items of a batch.
        event_of: Returns an item's record.
    """
    batch: list[T] = []
    size = 0
    for item in items:
        length = len(json.dumps(event_of(item))) + 2
        if batch and (len(batch) >= most or size + length > LARGEST_PAYLOAD):
            yield batch
            batch, size = [], 0
        batch.append(item)
        size += length
    if batch:
        yield batch
