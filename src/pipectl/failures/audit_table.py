"""The audit table: find failures by time, type or id, claim them, and write their outcomes.

Two indexes find failures. One has a partition for each failure type, so a list in order of time is a merge of several
queries. The other holds only the unresolved failures, in one partition, so these are found at any age. It is sparse: an
item is in it while it has the attribute `UNRESOLVED_KEY`. Items that lack the attribute, because somebody wrote them by
hand or because they are older than the index, are found by type among those of the last 48 hours.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import islice
from typing import TYPE_CHECKING

from pipectl.aws.client import Aws
from pipectl.engine.parallel import parallel_map
from pipectl.errors import AwsError
from pipectl.failures import audit_updates
from pipectl.failures.audit_pages import AuditPages, projected
from pipectl.failures.audit_queries import (
    OF_TYPES,
    Filter,
    Listing,
    Partition,
    Position,
    is_key,
)
from pipectl.failures.audit_updates import Update
from pipectl.failures.audit_writer import AuditWriter, Written
from pipectl.failures.errors import AmbiguousIdError, NoSuchFailureError
from pipectl.failures.model import Failure, is_prefix
from pipectl.failures.outcomes import ClaimState, Outcome
from pipectl.failures.resolution import Resolution
from pipectl.failures.status import FAILURE_TYPES, UNRESOLVED, ReplayStatus, replay_status
from pipectl.timestamps import rfc3339_milliseconds

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.type_defs import (
        AttributeValueTypeDef,
        QueryInputTypeDef,
        ScanInputTypeDef,
    )

    Item = Mapping[str, AttributeValueTypeDef]

CLOCKS_DIFFER = timedelta(hours=1)
"""A failure that is recorded this long before its records were written is still theirs."""
PREFIXES_OF = timedelta(days=30)
"""Age of the oldest failure that is found by the beginning of its id when it is resolved or replayed."""
UNMARKED_OF = timedelta(hours=48)
"""Age of the oldest unresolved failure that is found when it is not in the sparse index."""
_MOMENT = timedelta(milliseconds=1)
"""Smallest difference of the times of two failures."""
_LARGEST_LIMIT = 2**31
_OF_RECORDS = ("auditId", "timestamp", "failureType", "replayStatus", "stream", "failingRecords", "replayError")
"""Attributes that say which records a failure covers."""


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


class AuditTable:
    """Reads and writes audit items.

    Two replays share the work by claims: an item that one of them has claimed is left alone by the other until it is
    settled, released, or the claim has expired. Calls that write take several items and return an answer for each.

    Args:
        aws: The table's account and region.
        name: Its physical name.

    Attributes:
        writer: Writes the updates.
    """

    def __init__(self, aws: Aws, name: str) -> None:
        self._aws = aws
        self._name = name
        self.writer = AuditWriter(aws, name)
        self._pages = AuditPages(aws, name)

    @property
    def unreadable(self) -> str | None:
        """The reason why the last reading of unresolved failures did without the sparse index."""
        return self._pages.unreadable

    # reading

    def find(self, selection: Selection) -> Iterator[Failure]:
        """Yield failures, the oldest first, because they expire first; those of ids in the order of the ids."""
        by_ids = self._by_ids(selection) if selection.ids else None
        limit = None if selection.limit is None else min(selection.limit, _LARGEST_LIMIT)
        return islice(by_ids or (failure for _, failure in self._in_order(selection, first=limit)), limit)

    def newest_first(
        self, selection: Selection, position: Position | None = None, *, about: int | None = None
    ) -> Iterator[tuple[Failure, Position]]:
        """Yield failures of all types in one order of time, each with the position behind it.

        No more is read of a partition than is taken.

        Args:
            selection: The choice of failures; its ids and its limit are not used.
            position: Continue behind it.
            about: Number of failures that will probably be taken.
        """
        behind = position or Position("")
        for part, failure in self._in_order(selection, position, newest_first=True, first=about):
            behind = behind.after(part, failure)
            yield failure, behind

    def statuses(self, selection: Selection) -> Iterator[tuple[str, str, ReplayStatus]]:
        """Yield type, time and status of each failure, and nothing else."""
        for failure_type in selection.types:
            for item in self._of_type(selection, failure_type, ("timestamp", "replayStatus")):
                yield failure_type, item["timestamp"]["S"], replay_status(item.get("replayStatus", {}).get("S"))

    def count_unresolved_outside(
        self, since: datetime, until: datetime | None, cancel: Callable[[], None] = lambda: None
    ) -> int:
        """Count the unresolved failures before a period and after it. None is transferred."""
        outside = [Selection(until=since - _MOMENT), *([Selection(until + _MOMENT)] if until else [])]
        listings = (Listing.between(each.since, each.until, Filter(UNRESOLVED)) for each in outside)
        return sum(self._pages.count(each, FAILURE_TYPES, self._recent, cancel) for each in listings)

    def for_each(
        self, selection: Selection, take: Callable[[Failure], None], cancel: Callable[[], None] = lambda: None
    ) -> None:
        """Call ``take`` with the failures of a period, from several threads and in no order.

        They have their key, type, status, stream range and failing records, and nothing else.

        Raises:
            CancelledError: the user pressed Ctrl-C.
        """

        def read(failure_type: str) -> None:
            for item in self._of_type(selection, failure_type, _OF_RECORDS):
                take(Failure.of(item))

        parallel_map(read, selection.types, cancel=cancel).require_done("interrupted while reading the audit table")

    def with_id(self, audit_id: str) -> Iterator[Failure]:
        """Yield the failures of an id; there are several when the same range failed at several times."""
        if not is_key(audit_id):
            return iter(())  # DynamoDB refuses to look for it
        request: QueryInputTypeDef = {
            "TableName": self._name,
            "KeyConditionExpression": "auditId = :id",
            "ExpressionAttributeValues": {":id": {"S": audit_id}},
        }
        return map(Failure.of, self._pages.items(request))

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
        since = self._aws.now() - PREFIXES_OF
        older, recent = replace(UNRESOLVED_ONES, until=since), Selection(since)
        parts = (self._in_order(selection, prefix=prefix) for selection in (older, recent))
        candidates = sorted({failure.audit_id for part in parts for _, failure in part})
        if not candidates:
            raise NoSuchFailureError([prefix])
        if len(candidates) > 1:
            raise AmbiguousIdError(prefix, candidates)
        return list(self.with_id(candidates[0]))

    def unmarked(self) -> Iterator[list[Failure]]:
        """Yield the unresolved failures that are not in the sparse index, by page. Reads the whole table."""
        condition, values = audit_updates.unmarked()
        request: ScanInputTypeDef = {
            "TableName": self._name,
            "ConsistentRead": True,
            "FilterExpression": condition,
            "ExpressionAttributeNames": {"#timestamp": "timestamp"},
            "ExpressionAttributeValues": values,
            "ProjectionExpression": "auditId, #timestamp",
        }
        while True:
            answer = self._aws.dynamodb.scan(**request)
            yield [Failure.of(item) for item in answer["Items"]]
            if "LastEvaluatedKey" not in answer:
                return
            request["ExclusiveStartKey"] = answer["LastEvaluatedKey"]

    # claims

    def claim(
        self, failures: Sequence[Failure], owner: str, seconds: float, *, again: bool = False
    ) -> list[ClaimState]:
        """Claim failures for a while.

        Args:
            failures: The failures.
            owner: The run that claims them.
            seconds: Duration of the claim.
            again: Claim failures that are done, too.
        """
        update = audit_updates.claim(self._aws.now(), owner, self._claimed_until(seconds), again=again)
        return [
            ClaimState.REFUSED if written.error else _state(written)
            for written in self.writer.write([(failure, update) for failure in failures])
        ]

    def renew(self, failures: Sequence[Failure], owner: str, seconds: float) -> list[ClaimState]:
        """Extend claims. Another owner can have taken one that expired."""
        update = audit_updates.renew(owner, self._claimed_until(seconds))
        return [_state(written) for written in self._write(failures, update)]

    def release(self, failures: Sequence[Failure], owner: str) -> list[bool]:
        """End claims and leave the failures unchanged; false for a claim that another owner took."""
        return [written.done for written in self._write(failures, audit_updates.release(owner))]

    def settle(self, outcomes: Sequence[tuple[Failure, Outcome]], owner: str) -> list[ClaimState | AwsError]:
        """Write outcomes and end the claims. Another owner can have taken a claim that expired.

        An error is about one item alone.
        """
        now = self._aws.now()
        updates = [(failure, audit_updates.settle(outcome, owner, now)) for failure, outcome in outcomes]
        settled = list[ClaimState | AwsError]()
        for (failure, outcome), written in zip(outcomes, self.writer.write(updates), strict=True):
            result = self._settle_short(failure, outcome, owner, now) if written.error else written
            found = result.found
            # An answer can be lost on the way. The call is then repeated and finds what it has written itself.
            own = found is not None and found.item.get("replayedBy") == owner
            settled.append(ClaimState.HELD if own else result.error or _state(result))
        return settled

    # other updates

    def resolve(self, failures: Sequence[Failure], resolution: Resolution) -> list[Written]:
        """Set failures to ``RESOLVED`` that are unresolved now, and that no running replay has claimed."""
        return self._write(failures, audit_updates.resolve(resolution))

    def undo_resolution(self, failures: Sequence[Failure]) -> list[Written]:
        """Restore the statuses that failures had before they were resolved, if they are resolved now."""
        changes = [(failure, audit_updates.undo_resolution(failure.status_before)) for failure in failures]
        return [_required(written) for written in self.writer.write(changes)]

    def mark(self, failures: Sequence[Failure]) -> list[bool]:
        """Add failures to the sparse index; false for one that is not unresolved now."""
        return [written.done for written in self._write(failures, audit_updates.mark())]

    # details

    def _by_ids(self, selection: Selection) -> Iterator[Failure]:
        for audit_id in dict.fromkeys(selection.ids):
            for failure in self.with_id(audit_id):
                chosen = not selection.statuses or failure.status in selection.statuses
                if chosen and failure.failure_type in selection.types:
                    yield failure

    @property
    def _recent(self) -> str:
        return rfc3339_milliseconds(self._aws.now() - UNMARKED_OF)

    def _of_type(self, selection: Selection, failure_type: str, attributes: Sequence[str]) -> Iterator[Item]:
        listing = Listing.between(selection.since, selection.until, Filter(selection.statuses))
        if request := listing.query(self._name, OF_TYPES[failure_type]):
            yield from self._pages.items(projected(request, attributes))

    def _in_order(
        self,
        selection: Selection,
        position: Position | None = None,
        *,
        newest_first: bool = False,
        prefix: str = "",
        first: int | None = None,
    ) -> Iterator[tuple[Partition, Failure]]:
        """Yield the failures of all partitions in one order of time, each with its partition."""
        matching = Filter(selection.statuses, prefix=prefix)
        period = Listing.between(selection.since, selection.until, matching)
        listing = replace(period, newest_first=newest_first, position=position, first=first)
        if selection.since is None:
            if not (selection.statuses and set(selection.statuses) <= set(UNRESOLVED)):
                raise ValueError("only unresolved failures can be chosen at any age")
            found = self._pages.unresolved(listing, selection.types, self._recent)
        else:
            found = self._pages.of_types(listing, selection.types)
        seen, time = set[str](), ""
        for part, failure in found:
            seen = seen if failure.timestamp == time else set()
            time = failure.timestamp
            if failure.audit_id not in seen:  # an item that was just marked can be in two partitions for a moment
                seen.add(failure.audit_id)
                yield part, failure

    def _claimed_until(self, seconds: float) -> datetime:
        self._aws.clock.sleep(0)  # raises after Ctrl-C
        return self._aws.now() + timedelta(seconds=seconds)

    def _settle_short(self, failure: Failure, outcome: Outcome, owner: str, now: datetime) -> Written:
        """Settle an item that is at DynamoDB's limit of 400 KB, or has an attempt count that is not a number."""
        error = (outcome.error or "")[:100] or None
        short = Outcome(outcome.status, outcome.replayed, error=error, version=outcome.version)
        attempts = audit_updates.attempts_of(failure) + 1
        return self.writer.write_one(failure, audit_updates.settle(short, owner, now, attempts))

    def _write(self, failures: Sequence[Failure], update: Update) -> list[Written]:
        return [_required(written) for written in self.writer.write([(failure, update) for failure in failures])]


def _required(written: Written) -> Written:
    """Raise an error about one item where no other is to be written after it."""
    if written.error:
        raise written.error
    return written


def _state(written: Written) -> ClaimState:
    """Return the state of a claim after a write on its condition."""
    if written.done:
        return ClaimState.HELD
    unresolved = written.found is not None and written.found.status in UNRESOLVED
    return ClaimState.CLAIMED_ELSEWHERE if unresolved else ClaimState.DONE_ELSEWHERE
