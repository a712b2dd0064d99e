"""Failures put together where their ranges overlap or touch, so that every record is read once. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import groupby

from pipectl.failures.model import Failure, StreamRange


@dataclass
class Span:
    """One stretch of one shard, and the failures that lie in it. ``digits`` as `StreamRange` has it."""

    stream_arn: str
    shard_id: str
    first: int
    last: int
    digits: int
    failures: list[tuple[StreamRange, Failure]] = field(default_factory=list)


def spans(failures: Iterable[tuple[StreamRange, Failure]]) -> Iterator[Span]:
    """Merge ranges of the same shard that overlap or touch."""
    ordered = sorted(failures, key=lambda pair: (pair[0].stream_arn, pair[0].shard_id, pair[0].first, pair[0].last))
    for (stream_arn, shard_id), of_shard in groupby(ordered, key=lambda pair: (pair[0].stream_arn, pair[0].shard_id)):
        span: Span | None = None
        for where, failure in of_shard:
            if span is None or where.first > span.last + 1:
                if span:
                    yield span
                span = Span(stream_arn, shard_id, where.first, where.last, where.digits)
            span.last = max(span.last, where.last)
            span.failures.append((where, failure))
        if span:
            yield span
