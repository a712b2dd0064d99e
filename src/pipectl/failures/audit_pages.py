"""Pages of the audit table's indexes, merged into one order of time. No page is read that is not taken.

Nearly all unresolved failures have the mark of the sparse index. Those without it are found by type, with a filter that
nearly no item passes, so a query for the next one of them could read the whole table. They are therefore looked for in
windows of time that are a few times as long as what was taken of the sparse index.
"""

from __future__ import annotations

import heapq
import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from pipectl.aws.client import Aws
from pipectl.config.names import UNRESOLVED_INDEX
from pipectl.engine.parallel import at_once, parallel_map
from pipectl.errors import AccessDeniedError, AwsError
from pipectl.failures.audit_queries import ALL_UNRESOLVED, OF_TYPES, Listing, Partition
from pipectl.failures.model import Failure

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.type_defs import AttributeValueTypeDef, QueryInputTypeDef, QueryOutputTypeDef

    Item = Mapping[str, AttributeValueTypeDef]

Placed = tuple[Partition, Failure]
"""A failure with the partition that it was read from."""

_NO_INDEX = re.compile("specified index|Invalid index|backfilling")
"""Errors of a query when the index does not exist, of AWS and of emulators, and while it is being created."""


class AuditPages:
    """Reads the indexes of an audit table.

    Args:
        aws: The table's account and region.
        table: Its physical name.

    Attributes:
        unreadable: The reason why the last reading of unresolved failures did without the sparse index.
    """

    def __init__(self, aws: Aws, table: str) -> None:
        self._aws = aws
        self._table = table
        self.unreadable: str | None = None

    def of_types(self, listing: Listing, types: Collection[str]) -> Iterator[Placed]:
        """Yield the failures of some types in the order of the listing. Their first pages are read at once."""
        requests = {
            OF_TYPES[name]: request for name in types if (request := listing.query(self._table, OF_TYPES[name]))
        }
        self._aws.clock.sleep(0)  # raises after Ctrl-C
        with at_once() as start:
            first = {part: start(partial(self._aws.dynamodb.query, **request)) for part, request in requests.items()}
        parts = (self._of_partition(part, request, first[part]()) for part, request in requests.items())
        yield from _merged(listing, *parts)

    def unresolved(self, listing: Listing, types: Sequence[str], recent: str) -> Iterator[Placed]:
        """Yield the failures of the sparse index, and those without its mark, in the order of the listing.

        Args:
            listing: The choice of failures.
            types: Their types.
            recent: The time since which failures without the mark are looked for.
        """
        request = self._of_index(listing, types)
        answer = self._first_page(request) if request else None
        recent_ones = listing.within(recent, None)
        if request and answer is None:
            yield from self.of_types(recent_ones, types)
            return
        recent_ones = _unmarked(recent_ones)
        marked = _Marked(self.items(request, answer) if request else iter(()))
        begin, edge = None, _last_of(answer)
        oldest = marked.head and marked.head[1].timestamp
        while True:
            unmarked = self.of_types(recent_ones.until(edge, begin), types)
            yield from _merged(listing, marked.until(listing, edge), unmarked)
            if edge is None:
                return
            begin, edge = edge, listing.further(oldest, edge) if oldest and marked.head else None
            if edge and listing.newest_first and edge < recent:
                edge = None

    def count(
        self, listing: Listing, types: Sequence[str], recent: str, cancel: Callable[[], None] = lambda: None
    ) -> int:
        """Count the failures that `unresolved` yields, in parallel; no item is transferred."""
        request = self._of_index(listing, types)
        answer = self._first_page(_counting(request)) if request else None
        recent_ones = listing.within(recent, None)
        recent_ones = recent_ones if request and answer is None else _unmarked(recent_ones)
        requests = {name: found for name in types if (found := recent_ones.query(self._table, OF_TYPES[name]))}

        def count(name: str) -> int:
            return sum(page["Count"] for page in self._pages(_counting(requests[name])))

        marked = sum(page["Count"] for page in self._pages(_counting(request), answer)) if request and answer else 0
        counts = parallel_map(count, requests, cancel=cancel)
        return marked + sum(counts.require_done("interrupted while counting failures").values())

    def items(self, request: QueryInputTypeDef, answer: QueryOutputTypeDef | None = None) -> Iterator[Item]:
        """Yield the items of all pages; ``answer`` is the first one, if it has been read."""
        for page in self._pages(request, answer):
            yield from page["Items"]

    def _pages(
        self, request: QueryInputTypeDef, answer: QueryOutputTypeDef | None = None
    ) -> Iterator[QueryOutputTypeDef]:
        while True:
            self._aws.clock.sleep(0)  # raises after Ctrl-C
            answer = answer or self._aws.dynamodb.query(**request)
            request.pop("Limit", None)  # a filter may have left out nearly all items of the first page
            yield answer
            if "LastEvaluatedKey" not in answer:
                return
            request["ExclusiveStartKey"], answer = answer["LastEvaluatedKey"], None

    def _of_index(self, listing: Listing, types: Sequence[str]) -> QueryInputTypeDef | None:
        found = replace(listing, matching=replace(listing.matching, types=types))
        return found.query(self._table, ALL_UNRESOLVED)

    def _first_page(self, request: QueryInputTypeDef) -> QueryOutputTypeDef | None:
        """Return the first page of the sparse index; ``None`` when it cannot be read."""
        self.unreadable = None
        try:
            return self._aws.dynamodb.query(**request)
        except AccessDeniedError:
            self.unreadable = f"dynamodb:Query on {UNRESOLVED_INDEX} is not allowed"
        except AwsError as error:
            found = _NO_INDEX.search(error.aws_message)
            if not found:
                raise
            state = "is still being created" if found[0] == "backfilling" else "does not exist; `pipectl up` creates it"
            self.unreadable = f"{UNRESOLVED_INDEX} {state}"
        return None

    def _of_partition(
        self, part: Partition, request: QueryInputTypeDef, answer: QueryOutputTypeDef
    ) -> Iterator[Placed]:
        for item in self.items(request, answer):
            yield part, Failure.of(item)


class _Marked:
    """The failures of the sparse index, taken up to a time, then up to the next one.

    Attributes:
        head: The next one; ``None`` at the end.
    """

    def __init__(self, items: Iterator[Item]) -> None:
        self._items = items
        self.head: Placed | None = None
        self._take()

    def until(self, listing: Listing, edge: str | None) -> Iterator[Placed]:
        while self.head and listing.reaches(self.head[1].timestamp, edge):
            yield self.head
            self._take()

    def _take(self) -> None:
        item = next(self._items, None)
        self.head = None if item is None else (ALL_UNRESOLVED, Failure.of(item))


def projected(request: QueryInputTypeDef, attributes: Collection[str]) -> QueryInputTypeDef:
    """Return a query whose answers have these attributes alone."""
    names = {f"#p{number}": name for number, name in enumerate(attributes)}
    known = request.get("ExpressionAttributeNames", {})
    return {**request, "ProjectionExpression": ", ".join(names), "ExpressionAttributeNames": {**known, **names}}


def _counting(request: QueryInputTypeDef) -> QueryInputTypeDef:
    return {**request, "Select": "COUNT"}


def _unmarked(listing: Listing) -> Listing:
    return replace(listing, matching=replace(listing.matching, unmarked=True))


def _merged(listing: Listing, *parts: Iterator[Placed]) -> Iterator[Placed]:
    return heapq.merge(*parts, key=lambda each: each[1].timestamp, reverse=listing.newest_first)


def _last_of(answer: QueryOutputTypeDef | None) -> str | None:
    """Return the time of the last item that a page was read from; ``None`` on the last page."""
    last = answer.get("LastEvaluatedKey") if answer else None
    return last["timestamp"]["S"] if last else None
