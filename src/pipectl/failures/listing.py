"""The audit trail looked through: newest first over all types, page by page, and counted.

The index has a partition for each failure type, so a listing in order of time is a merge of as many queries.
"""

from __future__ import annotations

import base64
import heapq
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from pipectl.aws.client import Aws
from pipectl.errors import UsageError
from pipectl.failures.model import FAILURE_TYPES, Failure, ReplayStatus
from pipectl.failures.trail import INDEX
from pipectl.timestamps import rfc3339_milliseconds


@dataclass(frozen=True)
class Wanted:
    """Which failures: of these times, both included, of these types, and with these statuses; all when empty."""

    since: datetime
    until: datetime
    types: tuple[str, ...] = FAILURE_TYPES
    statuses: tuple[ReplayStatus, ...] = ()


@dataclass(frozen=True)
class Position:
    """How far a listing has come: the time of the last failure shown, and of each type the last one of that time."""

    timestamp: str
    last: Mapping[str, str] = field(default_factory=dict)

    def after(self, failure: Failure) -> Position:
        """Where one is once ``failure`` has been shown."""
        of_that_time = self.last if failure.timestamp == self.timestamp else {}
        return Position(failure.timestamp, {**of_that_time, failure.failure_type: failure.audit_id})

    def token(self) -> str:
        """As text that goes on a command line."""
        return base64.urlsafe_b64encode(json.dumps([self.timestamp, self.last]).encode()).decode().rstrip("=")

    @classmethod
    def of_token(cls, token: str) -> Position:
        """The position of a token.

        Raises:
            UsageError: it is none.
        """
        try:
            timestamp, last = json.loads(base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)))
            if isinstance(timestamp, str) and all(isinstance(value, str) for value in last.values()):
                return cls(timestamp, last)
        except (ValueError, TypeError, AttributeError, RecursionError):
            pass
        raise UsageError(f"not a page: {token}", hint="use the value of `next` of the page before, as it is")


def newest_first(
    aws: Aws, table: str, wanted: Wanted, position: Position | None = None, page: int | None = None
) -> Iterator[Failure]:
    """The failures of all types in one order of time; of each type no more is read than is taken.

    Args:
        aws: Where the table is.
        table: Its physical name.
        wanted: Which failures.
        position: Go on from there.
        page: The most items that one query reads of a type.
    """
    of_types = [_of_type(aws, table, failure_type, wanted, position, page) for failure_type in wanted.types]
    return heapq.merge(*of_types, key=lambda failure: failure.timestamp, reverse=True)


def timestamps_and_statuses(aws: Aws, table: str, failure_type: str, wanted: Wanted) -> Iterator[tuple[str, str]]:
    """Of each failure of one type its time and its status, and nothing else."""
    request = _request(table, failure_type, wanted, rfc3339_milliseconds(wanted.until))
    request["ExpressionAttributeNames"]["#status"] = "replayStatus"
    for page in aws.dynamodb.get_paginator("query").paginate(**request, ProjectionExpression="#timestamp, #status"):
        for item in page["Items"]:
            yield item["timestamp"]["S"], item.get("replayStatus", {}).get("S", ReplayStatus.OPEN)


def _of_type(
    aws: Aws, table: str, failure_type: str, wanted: Wanted, position: Position | None, page: int | None
) -> Iterator[Failure]:
    until = (
        min(rfc3339_milliseconds(wanted.until), position.timestamp) if position else rfc3339_milliseconds(wanted.until)
    )
    request = _request(table, failure_type, wanted, until)
    if page and not wanted.statuses:  # a filter comes after the limit, so small pages would come back empty
        request["Limit"] = page
    if position and (last := position.last.get(failure_type)):
        key = {"failureType": failure_type, "timestamp": position.timestamp, "auditId": last}
        request["ExclusiveStartKey"] = {name: {"S": value} for name, value in key.items()}
    while True:
        answer = aws.dynamodb.query(**request)
        for item in answer["Items"]:
            yield Failure.of(item)
        if "LastEvaluatedKey" not in answer:
            return
        request["ExclusiveStartKey"] = answer["LastEvaluatedKey"]


def _request(table: str, failure_type: str, wanted: Wanted, until: str) -> dict[str, Any]:
    values = {":type": {"S": failure_type}, ":since": {"S": rfc3339_milliseconds(wanted.since)}, ":until": {"S": until}}
    names = {"#timestamp": "timestamp"}
    request: dict[str, Any] = {}
    if wanted.statuses:
        statuses = {f":status{number}": {"S": str(status)} for number, status in enumerate(wanted.statuses)}
        values |= statuses
        names["#status"] = "replayStatus"
        request["FilterExpression"] = f"#status IN ({', '.join(statuses)})"
    return request | {
        "TableName": table,
        "IndexName": INDEX,
        "KeyConditionExpression": "failureType = :type AND #timestamp BETWEEN :since AND :until",
        "ExpressionAttributeNames": names,
        "ExpressionAttributeValues": values,
        "ScanIndexForward": False,
    }
