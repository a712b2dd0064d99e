"""The audit table: find failures by type, time or id, claim them, and write their outcomes.

The index has a partition for each failure type, so a list in order of time is a merge of several queries.
"""

from __future__ import annotations

import base64
import heapq
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import islice
from typing import TYPE_CHECKING

from pipectl.aws.client import Aws
from pipectl.config.names import FAILURE_TYPE_INDEX
from pipectl.errors import AmbiguousIdError, AwsError, NoSuchFailureError, UsageError
from pipectl.failures.model import (
    DONE,
    FAILURE_TYPES,
    LONGEST_CLAIM,
    MOST_RECORDED,
    UNRESOLVED,
    FailedRecord,
    Failure,
    ReplayStatus,
    is_prefix,
    replay_status,
)
from pipectl.failures.outcomes import Outcome
from pipectl.failures.resolution import ATTRIBUTES, RESOLVE, UNDO, Resolution
from pipectl.timestamps import rfc3339_milliseconds

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.type_defs import AttributeValueTypeDef, QueryInputTypeDef, UpdateItemInputTypeDef

    Item = Mapping[str, AttributeValueTypeDef]

CLOCKS_DIFFER = timedelta(hours=1)
"""A failure that is recorded this long before its records were written is still theirs."""
PREFIXES_OF = timedelta(days=30)
"""Age of the oldest failure that is found by the beginning of its id when it is resolved or replayed."""
_LARGEST_LIMIT = 2**31
_LONGEST_KEY = 1024
"""Bytes of a sort key; a partition key can have 2048."""
_ERROR_CHARACTERS = 20_000
"""Characters of all errors of an item's failing records together."""
_LONGEST_ERROR = 2000
_EARLIEST = datetime(1970, 1, 1, tzinfo=UTC)
_NO_LAST: Mapping[str, str] = {}
_IS_CLAIMED = "(attribute_type(claimedUntil, :text) AND claimedUntil BETWEEN :now AND :latest)"
"""A claim is free when it expired, and when its end is not a time or too far away to be one of a replay."""
_DONE_VALUES = {f":{status.lower()}": str(status) for status in DONE}
_IS_DONE = f"replayStatus IN ({', '.join(_DONE_VALUES)})"


@dataclass(frozen=True)
class Selection:
    """A choice of failures; an empty tuple chooses all.

    Attributes:
        since: Time of the earliest one. ``None`` chooses failures of any age; then `statuses` are some of `UNRESOLVED`.
        until: Time of the latest one.
        types: Some of `FAILURE_TYPES`.
        statuses: Replay statuses.
        ids: Audit ids; they choose failures of any time.
        limit: Maximum number of failures.
    """

    since: datetime | None = None
    until: datetime | None = None
    types: tuple[str, ...] = FAILURE_TYPES
    statuses: tuple[ReplayStatus, ...] = ()
    ids: tuple[str, ...] = ()
    limit: int | None = None


UNRESOLVED_ONES = Selection(statuses=UNRESOLVED)
"""All unresolved failures of any age."""


@dataclass(frozen=True)
class Position:
    """A place in a list that is sorted newest first.

    Attributes:
        timestamp: Time of the last failure shown.
        last: For each failure type, the id of the last failure shown of that time.
    """

    timestamp: str
    last: Mapping[str, str] = field(default_factory=dict)

    def after(self, failure: Failure) -> Position:
        """Return the position behind a failure."""
        last = self.last if failure.timestamp == self.timestamp else _NO_LAST
        return Position(failure.timestamp, {**last, failure.failure_type: failure.audit_id})

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
            if all(map(_is_key, (timestamp, *last.values()))) and set(last) <= set(FAILURE_TYPES):
                return cls(timestamp, last)
        except (ValueError, TypeError, AttributeError, RecursionError):
            pass
        raise UsageError(f"not a page token: {token}", hint="use the `next` value of the previous page unchanged")


class AuditTable:
    """Reads and writes audit items.

    Two replays share the work by claims: an item that one of them has claimed is left alone by the other until it is
    settled, released, or the claim has expired. Calls that write take several items and return an answer for each.

    Args:
        aws: The table's account and region.
        name: Its physical name.
    """

    def __init__(self, aws: Aws, name: str) -> None:
        self._aws = aws
        self._name = name

    # reading

    def find(self, selection: Selection) -> Iterator[Failure]:
        """Yield failures: of each type the oldest first, because they expire first."""
        found = self._by_ids(selection) if selection.ids else self._by_types(selection)
        return found if selection.limit is None else islice(found, min(selection.limit, _LARGEST_LIMIT))

    def newest_first(self, selection: Selection, position: Position | None = None) -> Iterator[Failure]:
        """Yield failures of all types in one order of time; of each type, no more is read than is taken.

        Args:
            selection: The choice of failures; its ids and its limit are not used.
            position: Continue behind it.
        """
        of_types = [self._newest_of_type(failure_type, selection, position) for failure_type in selection.types]
        return heapq.merge(*of_types, key=lambda failure: failure.timestamp, reverse=True)

    def statuses(self, selection: Selection) -> Iterator[tuple[str, str, ReplayStatus]]:
        """Yield type, time and status of each failure, and nothing else."""
        for failure_type in selection.types:
            request = self._query(failure_type, selection)
            request["ExpressionAttributeNames"] = {"#timestamp": "timestamp", "#status": "replayStatus"}
            request["ProjectionExpression"] = "#timestamp, #status"
            for item in self._items(request):
                yield failure_type, item["timestamp"]["S"], replay_status(item.get("replayStatus", {}).get("S"))

    def with_id(self, audit_id: str) -> Iterator[Failure]:
        """Yield the failures of an id; there are several when the same range failed at several times."""
        if not _is_key(audit_id):
            return iter(())  # DynamoDB refuses to look for it
        request: QueryInputTypeDef = {
            "TableName": self._name,
            "KeyConditionExpression": "auditId = :id",
            "ExpressionAttributeValues": {":id": {"S": audit_id}},
        }
        return map(Failure.of, self._items(request))

    def with_prefix(self, prefix: str) -> list[Failure]:
        """Return the failures of an id, or of the one id that begins with ``prefix``.

        A whole id is found at any age, a beginning of at least 4 characters among the unresolved failures of any age
        and all failures of the last 30 days.

        Raises:
            NoSuchFailureError: there is none.
            AmbiguousIdError: several ids begin with ``prefix``.
        """
        if found := list(self.with_id(prefix)):
            return found
        if not is_prefix(prefix):
            raise NoSuchFailureError([prefix])
        recent = Selection(self._aws.now() - PREFIXES_OF)
        known = (failure.audit_id for selection in (UNRESOLVED_ONES, recent) for failure in self.find(selection))
        candidates = sorted({audit_id for audit_id in known if audit_id.startswith(prefix)})
        if not candidates:
            raise NoSuchFailureError([prefix])
        if len(candidates) > 1:
            raise AmbiguousIdError(prefix, candidates)
        return list(self.with_id(candidates[0]))

    def current(self, failure: Failure) -> Failure | None:
        """Return a failure as it is now; ``None`` when it has been deleted."""
        answer = self._aws.dynamodb.get_item(TableName=self._name, Key=_key(failure), ConsistentRead=True)
        return Failure.of(answer["Item"]) if "Item" in answer else None

    # claims

    def claim(
        self, failures: Sequence[Failure], owner: str, seconds: float, *, again: bool = False
    ) -> list[bool | None]:
        """Claim failures for a while; false for one that another owner has claimed, or that is done.

        ``None`` is for an item that DynamoDB refuses to change, because it is at the limit of 400 KB.

        Args:
            failures: The failures.
            owner: The run that claims them.
            seconds: Duration of the claim.
            again: Claim failures that are done, too.
        """
        condition = f"attribute_exists(auditId) AND (NOT {_IS_CLAIMED} OR claimedBy = :me)"
        values = _claim_values(self._aws.now())
        if not again:
            condition += f" AND NOT {_IS_DONE}"
            values |= _DONE_VALUES
        return [self._claim(failure, owner, seconds, condition, values) for failure in failures]

    def renew(self, failures: Sequence[Failure], owner: str, seconds: float) -> list[bool]:
        """Extend claims; false for a claim that expired and that another owner took."""
        return [self._write_claim(failure, owner, seconds, "claimedBy = :me", {}) for failure in failures]

    def release(self, failures: Sequence[Failure], owner: str) -> list[bool]:
        """End claims and leave the failures unchanged."""
        return [
            self._update(failure, "REMOVE claimedBy, claimedUntil", "claimedBy = :me", {":me": {"S": owner}})
            for failure in failures
        ]

    def settle(self, outcomes: Sequence[tuple[Failure, Outcome]], owner: str) -> list[bool]:
        """Write outcomes and end the claims; false for a claim that expired and that another owner took."""
        return [self._settle(failure, outcome, owner) for failure, outcome in outcomes]

    # resolutions

    def resolve(self, failure: Failure, resolution: Resolution) -> bool:
        """Set a failure to ``RESOLVED``; false when it is not unresolved now, or a running replay has claimed it."""
        values = {**_claim_values(resolution.at), **_DONE_VALUES, **resolution.values}
        condition = f"attribute_exists(auditId) AND NOT {_IS_DONE} AND NOT {_IS_CLAIMED}"
        return self._update(failure, RESOLVE, condition, _typed(values))

    def undo_resolution(self, failure: Failure) -> bool:
        """Restore the status that a failure had before it was resolved; false when it is not resolved now."""
        values = _typed({":resolved": ReplayStatus.RESOLVED, ":before": failure.status_before})
        return self._update(failure, UNDO, "replayStatus = :resolved", values)

    # details

    def _by_ids(self, selection: Selection) -> Iterator[Failure]:
        for audit_id in dict.fromkeys(selection.ids):
            for failure in self.with_id(audit_id):
                chosen = not selection.statuses or failure.status in selection.statuses
                if chosen and failure.failure_type in selection.types:
                    yield failure

    def _by_types(self, selection: Selection) -> Iterator[Failure]:
        for failure_type in selection.types:
            yield from map(Failure.of, self._items(self._query(failure_type, selection)))

    def _newest_of_type(self, failure_type: str, selection: Selection, position: Position | None) -> Iterator[Failure]:
        request = self._query(failure_type, selection, position)
        request["ScanIndexForward"] = False
        return map(Failure.of, self._items(request))

    def _query(self, failure_type: str, selection: Selection, position: Position | None = None) -> QueryInputTypeDef:
        """Return the query of the index for one type; it is the only one."""
        if selection.since is None and not (selection.statuses and set(selection.statuses) <= set(UNRESOLVED)):
            raise ValueError("only unresolved failures can be chosen at any age")
        values = {":type": failure_type, ":since": rfc3339_milliseconds(selection.since or _EARLIEST)}
        limits = [rfc3339_milliseconds(selection.until)] if selection.until else []
        limits += [position.timestamp] if position else []
        times = "#timestamp >= :since"
        if limits:
            times, values[":until"] = "#timestamp BETWEEN :since AND :until", min(limits)
        request: QueryInputTypeDef = {
            "TableName": self._name,
            "IndexName": FAILURE_TYPE_INDEX,
            "KeyConditionExpression": f"failureType = :type AND {times}",
            "ExpressionAttributeNames": {"#timestamp": "timestamp"},
        }
        if selection.statuses and set(selection.statuses) != set(ReplayStatus):
            condition, statuses = _status_filter(selection.statuses)
            values |= statuses
            request["ExpressionAttributeNames"] = {"#timestamp": "timestamp", "#status": "replayStatus"}
            request["FilterExpression"] = condition
        if position and (last := position.last.get(failure_type)):
            key = {"failureType": failure_type, "timestamp": position.timestamp, "auditId": last}
            request["ExclusiveStartKey"] = {name: {"S": value} for name, value in key.items()}
        request["ExpressionAttributeValues"] = {name: {"S": value} for name, value in values.items()}
        return request

    def _items(self, request: QueryInputTypeDef) -> Iterator[Item]:
        while True:
            answer = self._aws.dynamodb.query(**request)
            yield from answer["Items"]
            if "LastEvaluatedKey" not in answer:
                return
            request["ExclusiveStartKey"] = answer["LastEvaluatedKey"]

    def _claim(
        self, failure: Failure, owner: str, seconds: float, condition: str, values: Mapping[str, str]
    ) -> bool | None:
        try:
            return self._write_claim(failure, owner, seconds, condition, values)
        except AwsError as error:
            if error.aws_code != "ValidationException":
                raise
            return None

    def _write_claim(
        self, failure: Failure, owner: str, seconds: float, condition: str, values: Mapping[str, str]
    ) -> bool:
        self._aws.clock.sleep(0)  # raises after Ctrl-C
        until = rfc3339_milliseconds(self._aws.now() + timedelta(seconds=seconds))
        typed = _typed({**values, ":me": owner, ":until": until})
        return self._update(failure, "SET claimedBy = :me, claimedUntil = :until", condition, typed)

    def _settle(self, failure: Failure, outcome: Outcome, owner: str) -> bool:
        try:
            settled = self._write_outcome(failure, outcome, owner)
        except AwsError as error:
            if error.aws_code != "ValidationException":
                raise
            # The item is at DynamoDB's limit of 400 KB, or has an attempt count that is not a number.
            short = Outcome(
                outcome.status, outcome.replayed, error=(outcome.error or "")[:100] or None, version=outcome.version
            )
            settled = self._write_outcome(failure, short, owner, count=_attempts(failure) + 1)
        if settled:
            return True
        # An answer can be lost on the way. The call is then repeated and finds what it has written itself.
        found = self.current(failure)
        return found is not None and found.item.get("replayedBy") == owner

    def _write_outcome(self, failure: Failure, outcome: Outcome, owner: str, count: int | None = None) -> bool:
        """Write an outcome; without ``count`` the item's own count of attempts is increased."""
        values: dict[str, AttributeValueTypeDef] = {
            ":me": {"S": owner},
            ":status": {"S": str(outcome.status)},
            ":now": {"S": rfc3339_milliseconds(self._aws.now())},
            ":replayed": {"N": str(outcome.replayed)},
            ":failing": {"L": [_named(each, outcome) for each in outcome.failing[:MOST_RECORDED]]},
            ":expired": {"L": [{"S": str(number)} for number in outcome.expired[:MOST_RECORDED]]},
        }
        if count is None:
            attempts = "if_not_exists(replayAttempts, :zero) + :one"
            values |= {":one": {"N": "1"}, ":zero": {"N": "0"}}
        else:
            attempts, values[":count"] = ":count", {"N": str(count)}
        sets = [
            "replayStatus = :status",
            "replayedAt = :now",
            "replayedBy = :me",
            f"replayAttempts = {attempts}",
            "replayedRecords = :replayed",
            "failingRecords = :failing",
            "expiredRecords = :expired",
        ]
        if outcome.version:
            values[":version"] = {"S": outcome.version}
            sets.append("replayedVersion = :version")
        removes = ["claimedBy", "claimedUntil", *ATTRIBUTES]
        if outcome.error:
            values[":error"] = {"S": _unicode(outcome.error[:_LONGEST_ERROR])}
            sets.append("replayError = :error")
        else:
            removes.append("replayError")
        update = f"SET {', '.join(sets)} REMOVE {', '.join(removes)}"
        return self._update(failure, update, "claimedBy = :me", values)

    def _update(self, failure: Failure, update: str, condition: str, values: Item) -> bool:
        request: UpdateItemInputTypeDef = {
            "TableName": self._name,
            "Key": _key(failure),
            "UpdateExpression": update,
            "ConditionExpression": condition,
            "ExpressionAttributeValues": values,
        }
        try:
            self._aws.dynamodb.update_item(**request)
        except AwsError as error:
            if error.aws_code == "ConditionalCheckFailedException":
                return False
            raise
        return True


def _claim_values(now: datetime) -> dict[str, str]:
    latest = rfc3339_milliseconds(now + LONGEST_CLAIM)
    return {":now": rfc3339_milliseconds(now), ":latest": latest, ":text": "S"}


def _typed(texts: Mapping[str, str]) -> Item:
    return {name: {"S": _unicode(str(text))} for name, text in texts.items()}


def _status_filter(statuses: Sequence[ReplayStatus]) -> tuple[str, dict[str, str]]:
    """Return a filter and its values. An item without a valid status is open: ``OPEN`` means none of the others."""
    is_open = ReplayStatus.OPEN in statuses
    listed = [status for status in ReplayStatus if (status in statuses) != is_open]
    values = {f":status{number}": str(status) for number, status in enumerate(listed)}
    return f"{'NOT ' if is_open else ''}#status IN ({', '.join(values)})", values


def _is_key(value: object) -> bool:
    """Return whether a value is a text that DynamoDB takes as a key: not empty, valid Unicode, and short enough."""
    try:
        return isinstance(value, str) and 0 < len(value.encode()) <= _LONGEST_KEY
    except UnicodeEncodeError:
        return False


def _key(failure: Failure) -> Item:
    return {"auditId": {"S": failure.audit_id}, "timestamp": {"S": failure.timestamp}}


def _named(failed: FailedRecord, outcome: Outcome) -> AttributeValueTypeDef:
    """Return a failing record for the item; the more there are, the shorter are their errors."""
    error = failed.error[: max(100, _ERROR_CHARACTERS // min(len(outcome.failing), MOST_RECORDED))]
    return {"M": {"sequenceNumber": {"S": str(failed.sequence_number)}, "error": {"S": _unicode(error)}}}


def _attempts(failure: Failure) -> int:
    """Return the number of attempts before; 0 when the item does not hold a number of them."""
    attempts = failure.item.get("replayAttempts")
    return int(attempts) if isinstance(attempts, Decimal) and 0 <= attempts < 10**9 else 0


def _unicode(text: str) -> str:
    """Replace halves of surrogate pairs, which JSON can spell and DynamoDB refuses."""
    return text.encode(errors="replace").decode()
