"""Writes of audit items: many updates in few transactions.

DynamoDB does a transaction of up to 100 updates as a whole or not at all. When it cancels one, it gives a reason for
each item: a failed condition comes with the item as it is, so that no read is needed. An item with a reason of its own
is left out, and the others are written. So one item never stops the others.
"""

from __future__ import annotations

import random
import uuid
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pipectl.aws.client import Aws
from pipectl.aws.retry_rules import CONFLICT, THROTTLING
from pipectl.aws.waits import Portion, shown
from pipectl.errors import AwsError
from pipectl.failures.audit_updates import Update, size_of
from pipectl.failures.model import Failure

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.type_defs import UpdateTypeDef

MOST_ITEMS = 100
"""Items of one transaction at most. Source: "TransactWriteItems" in the Amazon DynamoDB API Reference."""
LARGEST = 2_000_000
"""Bytes of the items of one transaction. DynamoDB takes 4 MB and does not define whether an item counts once or twice:
as it was and as it will be."""
TRIES = 4
"""Transactions that are refused for a passing reason before their items are written in two halves."""
_FIRST_PAUSE = 0.1
_NO_REASON = "None"
_FAILED_CONDITION = "ConditionalCheckFailed"
_PASSING = {
    "TransactionConflict": CONFLICT,
    "ThrottlingError": THROTTLING,
    "ProvisionedThroughputExceeded": THROTTLING,
}
"""Codes of reasons that pass -> the text of the wait."""
_SILENT_SECONDS = 2.0
"""Seconds for which refused items are tried again before the wait is reported."""
_ABOUT_ONE_ITEM = ("ValidationException", "ParamValidationError")
"""Error codes of an update that DynamoDB refuses: the item would be larger than 400 KB, or a value is invalid."""
_ABOUT_THE_TRANSACTION = (
    *_ABOUT_ONE_ITEM,
    "TransactionCanceledException",
    "TransactionInProgressException",
    "SerializationException",
)
"""Error codes of a transaction whose updates DynamoDB may take in smaller ones: it is too large, or one is invalid."""

Change = tuple[Failure, Update]


@dataclass(frozen=True)
class Written:
    """Result of one update.

    Attributes:
        done: The item was changed.
        found: The item of a failed condition, as it is; ``None`` when it does not exist.
        error: DynamoDB's error about this item alone.
    """

    done: bool
    found: Failure | None = None
    error: AwsError | None = None


@dataclass
class _Part:
    """Updates that are sent together, by their positions, the number of times that they were refused, and why."""

    places: list[int]
    tries: int = 0
    cause: str = ""

    def halves(self, tries: int = 0) -> list[_Part]:
        middle = len(self.places) // 2
        return [_Part(places, tries, self.cause) for places in (self.places[:middle], self.places[middle:])]


class _Wait:
    """Pauses before refused items are sent again. A long wait is reported once for each cause."""

    def __init__(self, aws: Aws, show: Callable[[str | Portion], None]) -> None:
        self._aws = aws
        self._show = show
        self._since: float | None = None
        self._reported = set[str]()

    def pause(self, part: _Part) -> None:
        """Wait; at random, because the other side waits, too."""
        now = self._aws.clock.monotonic()
        self._since = now if self._since is None else self._since
        if now - self._since >= _SILENT_SECONDS and part.cause not in self._reported:
            self._reported.add(part.cause)
            self._show(part.cause)
            self._aws.say(f"waiting: {part.cause} (dynamodb TransactWriteItems)")
        self._aws.clock.sleep(_FIRST_PAUSE * 2 ** (part.tries - 1) * random.uniform(0.5, 1.0))  # noqa: S311 - not a secret


class AuditWriter:
    """Writes updates. Safe to be used by several threads.

    Args:
        aws: The table's account and region.
        table: Its physical name.
    """

    def __init__(self, aws: Aws, table: str) -> None:
        self._aws = aws
        self._table = table

    def write(self, changes: Sequence[Change]) -> list[Written]:
        """Write updates, each on its own condition. Return a result for each.

        Raises:
            AwsError: an error that is not about one item alone. Some updates may be written.
            CancelledError: the user pressed Ctrl-C during a pause.
        """
        with shown(self._aws.awaits, self._aws.clock) as show:
            return self._write(changes, _Wait(self._aws, show))

    def _write(self, changes: Sequence[Change], wait: _Wait) -> list[Written]:
        results: dict[int, Written] = {}
        waiting = deque(_parts(changes))
        while waiting:
            part = waiting.popleft()
            if len(part.places) == 1:
                results[part.places[0]] = self.write_one(*changes[part.places[0]])
                continue
            if part.tries:
                wait.pause(part)
            error = self._send([changes[place] for place in part.places])
            if error is None:
                results |= dict.fromkeys(part.places, Written(done=True))
            elif (reasons := _reasons(error, len(part.places))) is None:
                waiting += part.halves()
            else:
                results |= _refused(part, reasons)
                waiting += _again(part, reasons)
        return [results[place] for place in range(len(changes))]

    def write_one(self, failure: Failure, update: Update) -> Written:
        """Write one update.

        Raises:
            AwsError: an error that is not about this item alone.
        """
        try:
            self._aws.dynamodb.update_item(**self._update(failure, update))
        except AwsError as error:
            if error.aws_code == "ConditionalCheckFailedException":
                return Written(done=False, found=_item(error.response.get("Item")))
            if error.aws_code in _ABOUT_ONE_ITEM:
                return Written(done=False, error=error)
            raise
        return Written(done=True)

    def _send(self, changes: Sequence[Change]) -> AwsError | None:
        """Send one transaction. Return the error of one that is not done and that can be sent in parts."""
        token = str(uuid.uuid4())  # when an answer is lost, the client sends the same token, and nothing is done twice
        try:
            self._aws.dynamodb.transact_write_items(
                TransactItems=[{"Update": self._update(failure, update)} for failure, update in changes],
                ClientRequestToken=token,
            )
        except AwsError as error:
            if error.aws_code in _ABOUT_THE_TRANSACTION:
                return error
            raise
        return None

    def _update(self, failure: Failure, update: Update) -> UpdateTypeDef:
        return {
            "TableName": self._table,
            "Key": {"auditId": {"S": failure.audit_id}, "timestamp": {"S": failure.timestamp}},
            "UpdateExpression": update.expression,
            "ConditionExpression": update.condition,
            "ExpressionAttributeValues": update.values,
            "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
        }


def transactions(failures: Sequence[Failure]) -> list[Sequence[Failure]]:
    """Cut failures into parts, each for one transaction, that can be written at the same time."""
    return [failures[start : start + MOST_ITEMS] for start in range(0, len(failures), MOST_ITEMS)]


def _parts(changes: Sequence[Change]) -> Iterator[_Part]:
    """Cut updates into parts that fit into one transaction. An item is in a transaction once."""
    part, keys, size = _Part([]), set[tuple[str, str]](), 0
    for place, (failure, update) in enumerate(changes):
        added = size_of(failure, update)
        if part.places and (len(part.places) == MOST_ITEMS or failure.key in keys or size + added > LARGEST):
            yield part
            part, keys, size = _Part([]), set(), 0
        part.places.append(place)
        keys.add(failure.key)
        size += added
    if part.places:
        yield part


def _reasons(error: AwsError, items: int) -> list[Mapping[str, object]] | None:
    """Return why each item was refused; ``None`` when the error does not say it."""
    reasons = error.response.get("CancellationReasons")
    if not isinstance(reasons, list) or len(reasons) != items:
        return None
    readable = all(isinstance(each, Mapping) and isinstance(each.get("Code"), str) for each in reasons)
    return reasons if readable and any(each["Code"] != _NO_REASON for each in reasons) else None


def _refused(part: _Part, reasons: Sequence[Mapping[str, object]]) -> dict[int, Written]:
    """Return the results of the items whose condition failed."""
    answered = zip(part.places, reasons, strict=True)
    failed = {place: reason for place, reason in answered if reason["Code"] == _FAILED_CONDITION}
    return {place: Written(done=False, found=_item(reason.get("Item"))) for place, reason in failed.items()}


def _again(part: _Part, reasons: Sequence[Mapping[str, object]]) -> list[_Part]:
    """Return the parts to send: the innocent items at once, each invalid one alone, and the others after a pause."""
    innocent, passing, alone = _Part([]), _Part([], part.tries + 1), list[_Part]()
    for place, reason in zip(part.places, reasons, strict=True):
        if reason["Code"] == _NO_REASON:
            innocent.places.append(place)
        elif reason["Code"] in _PASSING:
            passing.places.append(place)
            passing.cause = _PASSING[str(reason["Code"])]
        elif reason["Code"] != _FAILED_CONDITION:
            alone.append(_Part([place]))
    later = passing.halves(1) if passing.tries > TRIES else [passing]
    return [each for each in (innocent, *alone, *later) if each.places]


def _item(typed: object) -> Failure | None:
    """Return the item of an answer; ``None`` when it has none."""
    if isinstance(typed, Mapping) and {"auditId", "timestamp"} <= typed.keys():
        return Failure.of(typed)
    return None
