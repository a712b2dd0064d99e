"""Queries of the audit table's indexes, and positions in their results. Pure."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from pipectl.config.names import FAILURE_TYPE_INDEX, UNRESOLVED_INDEX
from pipectl.errors import UsageError
from pipectl.failures.model import Failure
from pipectl.failures.status import FAILURE_TYPES, ReplayStatus
from pipectl.timestamps import parse_timestamp, rfc3339_milliseconds

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.type_defs import QueryInputTypeDef

UNRESOLVED_KEY = "unresolved"
"""The attribute that an item has while its failure is unresolved."""
MARK = "yes"
"""The value of that attribute: all unresolved failures are in one partition of the index."""
_LONGEST_KEY = 1024
"""Bytes of a sort key; a partition key can have 2048."""
_LARGEST_PAGE = 5000
"""Items; a page of a megabyte rarely has more."""
_SHORTEST = timedelta(minutes=1)
"""Shortest part of a listing's time that is read by itself."""
_NO_LAST: Mapping[str, str] = {}


@dataclass(frozen=True)
class Partition:
    """A partition of an index, whose items are sorted by time: the index, its partition key, and the key's value."""

    index: str
    key: str
    value: str


ALL_UNRESOLVED = Partition(UNRESOLVED_INDEX, UNRESOLVED_KEY, MARK)
OF_TYPES = {name: Partition(FAILURE_TYPE_INDEX, "failureType", name) for name in FAILURE_TYPES}


@dataclass(frozen=True)
class Position:
    """A place in a list that is sorted newest first.

    Attributes:
        timestamp: Time of the last failure shown.
        last: For each partition, by the value of its key, the id of the last failure shown of that time.
    """

    timestamp: str
    last: Mapping[str, str] = field(default_factory=dict)

    def after(self, partition: Partition, failure: Failure) -> Position:
        """Return the position behind a failure that was read from a partition."""
        last = self.last if failure.timestamp == self.timestamp else _NO_LAST
        return Position(failure.timestamp, {**last, partition.value: failure.audit_id})

    def token(self) -> str:
        """Return the position as text for a command line."""
        return base64.urlsafe_b64encode(json.dumps([self.timestamp, self.last]).encode()).decode().rstrip("=")

    @classmethod
    def of_token(cls, token: str) -> Position:
        """Return the position of a token.

        Raises:
            UsageError: it is not a token.
        """
        try:
            timestamp, last = json.loads(base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)))
            if all(map(is_key, (timestamp, *last.values()))) and set(last) <= {MARK, *FAILURE_TYPES}:
                return cls(timestamp, last)
        except (ValueError, TypeError, AttributeError, RecursionError):
            pass
        raise UsageError(f"not a page token: {token}", hint="use the `next` value of the previous page unchanged")


@dataclass(frozen=True)
class Filter:
    """Conditions on the items of a partition; an empty one holds for all.

    Attributes:
        statuses: Replay statuses.
        types: Failure types.
        prefix: The beginning of their ids.
        unmarked: Only items without the mark of unresolved failures.
    """

    statuses: Sequence[ReplayStatus] = ()
    types: Sequence[str] = FAILURE_TYPES
    prefix: str = ""
    unmarked: bool = False

    def expression(self) -> tuple[str, dict[str, str]]:
        """Return the expression, empty when there are no conditions, and its values."""
        conditions, values = list[str](), dict[str, str]()
        if self.statuses and set(self.statuses) != set(ReplayStatus):
            condition, values = _of_statuses(self.statuses)
            conditions.append(condition)
        if set(self.types) != set(FAILURE_TYPES):
            types = {f":type{number}": name for number, name in enumerate(self.types)}
            conditions.append(f"failureType IN ({', '.join(types)})")
            values |= types
        if self.prefix:
            conditions.append("begins_with(auditId, :prefix)")
            values[":prefix"] = self.prefix
        if self.unmarked:
            conditions.append(f"NOT {UNRESOLVED_KEY} = :mark")
            values[":mark"] = MARK
        return " AND ".join(conditions), values


@dataclass(frozen=True)
class Listing:
    """A choice of items that is the same for several partitions, and their order.

    Attributes:
        earliest: Time of the earliest item, as items have it.
        latest: Time of the latest one.
        matching: Conditions on the items.
        newest_first: The order.
        position: Continue behind it, newest first.
        first: Maximum number of items that the first page of a partition is read from; more only if all are taken.
    """

    earliest: str | None
    latest: str | None
    matching: Filter = field(default_factory=Filter)
    newest_first: bool = False
    position: Position | None = None
    first: int | None = None

    @classmethod
    def between(cls, since: datetime | None, until: datetime | None, matching: Filter) -> Listing:
        """Return the listing of a period, the oldest first."""
        earliest, latest = (rfc3339_milliseconds(time) if time else None for time in (since, until))
        return cls(earliest, latest, matching)

    def within(self, earliest: str | None, latest: str | None) -> Listing:
        """Return the part of it between two times, both included."""
        earliest = max(filter(None, (self.earliest, earliest)), default=None)
        latest = min(filter(None, (self.latest, latest)), default=None)
        behind = self.position is None or latest is None or latest >= self.position.timestamp
        return replace(self, earliest=earliest, latest=latest, position=self.position if behind else None)

    def until(self, edge: str | None, begin: str | None) -> Listing:
        """Return the part from one time to another one, in its order; ``None`` is the beginning, or the end."""
        return self.within(edge, begin) if self.newest_first else self.within(begin, edge)

    def reaches(self, time: str, edge: str | None) -> bool:
        """Return whether a time comes before another one in its order, or is the same."""
        return edge is None or (time >= edge if self.newest_first else time <= edge)

    def further(self, begin: str, edge: str) -> str | None:
        """Return a time behind ``edge`` that is four times as far from ``begin``; ``None`` where it is not known."""
        first, last = parse_timestamp(begin), parse_timestamp(edge)
        if not (first and last):
            return None
        span = 3 * max(abs(last - first), _SHORTEST)
        return rfc3339_milliseconds(last - span if self.newest_first else last + span)

    def query(self, table: str, partition: Partition) -> QueryInputTypeDef | None:
        """Return the query of one partition; ``None`` when there is no time to choose from."""
        earliest, latest = self.earliest, self.latest
        if self.position:
            latest = min(filter(None, (latest, self.position.timestamp)))
        if earliest and latest and latest < earliest:
            return None
        condition, values = self.matching.expression()
        times, bounds = _times(earliest, latest)
        values |= {":partition": partition.value, **bounds}
        names = {"#timestamp": "timestamp"} if times else {}
        request: QueryInputTypeDef = {
            "TableName": table,
            "IndexName": partition.index,
            "KeyConditionExpression": f"{partition.key} = :partition{times}",
            "ExpressionAttributeValues": {name: {"S": value} for name, value in values.items()},
            "ScanIndexForward": not self.newest_first,
        }
        if self.first and self.first < _LARGEST_PAGE:
            request["Limit"] = self.first
        if condition:
            request["FilterExpression"] = condition
            names |= {"#status": "replayStatus"} if "#status" in condition else {}
        if names:
            request["ExpressionAttributeNames"] = names
        if self.position and (last := self.position.last.get(partition.value)):
            key = {partition.key: partition.value, "timestamp": self.position.timestamp, "auditId": last}
            request["ExclusiveStartKey"] = {name: {"S": value} for name, value in key.items()}
        return request


def is_key(value: object) -> bool:
    """Return whether a value is a text that DynamoDB takes as a key: not empty, valid Unicode, and short enough."""
    try:
        return isinstance(value, str) and 0 < len(value.encode()) <= _LONGEST_KEY
    except UnicodeEncodeError:
        return False


def _times(earliest: str | None, latest: str | None) -> tuple[str, dict[str, str]]:
    """Return the rest of a key condition, and its values. A key condition can have one condition on the sort key."""
    bounds = {name: value for name, value in ((":since", earliest), (":until", latest)) if value}
    if earliest and latest:
        return " AND #timestamp BETWEEN :since AND :until", bounds
    if earliest:
        return " AND #timestamp >= :since", bounds
    return (" AND #timestamp <= :until" if latest else ""), bounds


def _of_statuses(statuses: Sequence[ReplayStatus]) -> tuple[str, dict[str, str]]:
    """Return a filter and its values. An item without a valid status is open: ``OPEN`` means none of the others."""
    is_open = ReplayStatus.OPEN in statuses
    listed = [status for status in ReplayStatus if (status in statuses) != is_open]
    values = {f":status{number}": str(status) for number, status in enumerate(listed)}
    return f"{'NOT ' if is_open else ''}#status IN ({', '.join(values)})", values
