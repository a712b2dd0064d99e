"""The audit table: every failure, found by type and time."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from pipectl.aws.client import Aws
from pipectl.errors import AwsError
from pipectl.failures.invoking import Failing
from pipectl.failures.model import FAILURE_TYPES, Failure, ReplayStatus
from pipectl.timestamps import rfc3339_milliseconds

INDEX = "failure-type-index"
MOST_NAMED = 100
"""Records named on an audit item; an item holds 400 KB."""
_NAMED_TEXT = 20_000
"""Characters of all their errors together."""
_LONGEST_ERROR = 2000


def failures_of_type(
    aws: Aws,
    table: str,
    failure_type: str,
    *,
    since: datetime,
    until: datetime,
    statuses: Collection[ReplayStatus] = (),
    newest_first: bool = True,
) -> Iterator[Failure]:
    """The failures of one type, page by page.

    Args:
        aws: Where the table is.
        table: Its physical name.
        failure_type: One of `FAILURE_TYPES`.
        since: The earliest.
        until: The latest.
        statuses: Only these; all when empty.
        newest_first: Else oldest first.
    """
    values: dict[str, Any] = {
        ":type": {"S": failure_type},
        ":since": {"S": rfc3339_milliseconds(since)},
        ":until": {"S": rfc3339_milliseconds(until)},
    }
    names = {"#timestamp": "timestamp"}
    request: dict[str, Any] = {}
    if statuses:
        values |= {f":status{number}": {"S": str(status)} for number, status in enumerate(statuses)}
        names["#status"] = "replayStatus"
        request["FilterExpression"] = f"#status IN ({', '.join(f':status{n}' for n in range(len(statuses)))})"
    pages = aws.dynamodb.get_paginator("query").paginate(
        TableName=table,
        IndexName=INDEX,
        KeyConditionExpression="failureType = :type AND #timestamp BETWEEN :since AND :until",
        ExpressionAttributeNames=names,
        ExpressionAttributeValues=values,
        ScanIndexForward=not newest_first,
        **request,
    )
    for page in pages:
        for item in page["Items"]:
            yield Failure.of(item)


def failures_by_id(aws: Aws, table: str, audit_ids: Collection[str]) -> Iterator[Failure]:
    """The failures of these ids; one id can stand for several, when the same range failed at several times."""
    for audit_id in audit_ids:
        pages = aws.dynamodb.get_paginator("query").paginate(
            TableName=table,
            KeyConditionExpression="auditId = :id",
            ExpressionAttributeValues={":id": {"S": audit_id}},
        )
        for page in pages:
            for item in page["Items"]:
                yield Failure.of(item)


def failures(
    aws: Aws, table: str, *, since: datetime, until: datetime, statuses: Collection[ReplayStatus] = ()
) -> Iterator[Failure]:
    """The failures of every type, type by type."""
    for failure_type in FAILURE_TYPES:
        yield from failures_of_type(aws, table, failure_type, since=since, until=until, statuses=statuses)


@dataclass(frozen=True)
class Outcome:
    """What a replay made of one failure.

    Args:
        status: What the audit item says from now on.
        replayed: Records that are through.
        failing: Those that still fail.
        expired: Sequence numbers, as DynamoDB writes them, that neither the stream nor the quarantine has any more.
        error: Why, where no single record is to blame.
    """

    status: ReplayStatus
    replayed: int = 0
    failing: tuple[Failing, ...] = ()
    expired: tuple[str, ...] = ()
    error: str | None = None

    def without_names(self) -> Outcome:
        """The same with no record named, for an item that has no room for names."""
        return Outcome(self.status, self.replayed, error=self.error[:100] if self.error else None)


class Trail:
    """Writes to the audit table: a replay's claim on a failure, and its outcome.

    Two replays share the work by a claim that runs out by itself, so that what a killed one had claimed is free again.
    """

    def __init__(self, aws: Aws, table: str, owner: str, seconds: float) -> None:
        self._aws = aws
        self._table = table
        self._owner = owner
        self._seconds = seconds

    def claim(self, failure: Failure, *, again: bool = False) -> bool:
        """Take a failure. False when it is somebody else's for now, or is done.

        ``again`` takes one that is done, too.
        """
        done = "" if again else " AND NOT replayStatus IN (:replayed, :expired)"
        values = {} if again else {":replayed": ReplayStatus.REPLAYED, ":expired": ReplayStatus.EXPIRED}
        free = "attribute_not_exists(claimedUntil) OR claimedUntil < :now OR claimedBy = :me"
        return self._claim(
            failure,
            f"attribute_exists(auditId) AND ({free}){done}",
            values | {":now": rfc3339_milliseconds(self._aws.clock.now())},
        )

    def renew(self, failure: Failure) -> bool:
        """Keep a claim for longer. False when it ran out and somebody else took the failure, be it done or not."""
        return self._claim(failure, "claimedBy = :me", {})

    def _claim(self, failure: Failure, condition: str, values: Mapping[str, str]) -> bool:
        until = rfc3339_milliseconds(self._aws.clock.now() + timedelta(seconds=self._seconds))
        return self._update(
            failure,
            UpdateExpression="SET claimedBy = :me, claimedUntil = :until",
            ConditionExpression=condition,
            ExpressionAttributeValues={
                name: {"S": str(value)} for name, value in {**values, ":me": self._owner, ":until": until}.items()
            },
        )

    def release(self, failure: Failure) -> bool:
        """Give a claim back, with nothing said of the failure."""
        return self._update(
            failure,
            UpdateExpression="REMOVE claimedBy, claimedUntil",
            ConditionExpression="claimedBy = :me",
            ExpressionAttributeValues={":me": {"S": self._owner}},
        )

    def settle(self, failure: Failure, outcome: Outcome) -> bool:
        """Write what came of it, and give the claim back. False when the claim ran out and somebody else has it."""
        try:
            settled = self._settle(failure, outcome)
        except AwsError as error:
            if error.aws_code != "ValidationException":
                raise
            settled = self._settle(failure, outcome.without_names())  # the item is at DynamoDB's limit of 400 KB
        if settled:
            return True
        # An answer can be lost on the way, and then the call that is made again finds its own work.
        found = self.look(failure)
        return found is not None and found.item.get("replayedBy") == self._owner

    def look(self, failure: Failure) -> Failure | None:
        """The failure as it is now; ``None`` when it has been deleted."""
        answer = self._aws.dynamodb.get_item(TableName=self._table, Key=_key(failure), ConsistentRead=True)
        return Failure.of(answer["Item"]) if "Item" in answer else None

    def _settle(self, failure: Failure, outcome: Outcome) -> bool:
        values: dict[str, Any] = {
            ":me": {"S": self._owner},
            ":status": {"S": str(outcome.status)},
            ":now": {"S": rfc3339_milliseconds(self._aws.clock.now())},
            ":one": {"N": "1"},
            ":zero": {"N": "0"},
            ":replayed": {"N": str(outcome.replayed)},
            ":failing": {"L": [_named(each, outcome) for each in outcome.failing[:MOST_NAMED]]},
            ":expired": {"L": [{"S": number} for number in outcome.expired[:MOST_NAMED]]},
        }
        sets = [
            "replayStatus = :status",
            "replayedAt = :now",
            "replayedBy = :me",
            "replayAttempts = if_not_exists(replayAttempts, :zero) + :one",
            "replayedRecords = :replayed",
            "failingRecords = :failing",
            "expiredRecords = :expired",
        ]
        removes = ["claimedBy", "claimedUntil"]
        if outcome.error:
            values[":error"] = {"S": outcome.error[:_LONGEST_ERROR]}
            sets.append("replayError = :error")
        else:
            removes.append("replayError")
        return self._update(
            failure,
            UpdateExpression=f"SET {', '.join(sets)} REMOVE {', '.join(removes)}",
            ConditionExpression="claimedBy = :me",
            ExpressionAttributeValues=values,
        )

    def _update(self, failure: Failure, **request: Any) -> bool:
        try:
            self._aws.dynamodb.update_item(TableName=self._table, Key=_key(failure), **request)
        except AwsError as error:
            if error.aws_code == "ConditionalCheckFailedException":
                return False
            raise
        return True


def _key(failure: Failure) -> dict[str, Any]:
    return {"auditId": {"S": failure.audit_id}, "timestamp": {"S": failure.timestamp}}


def _named(failing: Failing, outcome: Outcome) -> dict[str, Any]:
    """A failing record as the item names it: the more there are, the less is said of each."""
    error = failing.error[: max(100, _NAMED_TEXT // min(len(outcome.failing), MOST_NAMED))]
    return {"M": {"sequenceNumber": {"S": failing.written}, "error": {"S": error}}}
