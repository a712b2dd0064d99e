"""Updates of audit items: claims, outcomes and resolutions. Pure.

Each update that can change whether a failure is unresolved also sets or removes the mark of the sparse index, so that
both are always the same.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING

from pipectl.failures.audit_queries import MARK, UNRESOLVED_KEY
from pipectl.failures.model import LONGEST_CLAIM, MOST_RECORDED, FailedRecord, Failure
from pipectl.failures.outcomes import Outcome
from pipectl.failures.resolution import ATTRIBUTES, Resolution
from pipectl.failures.status import DONE, UNRESOLVED, ReplayStatus
from pipectl.timestamps import rfc3339_milliseconds

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.type_defs import AttributeValueTypeDef

_ERROR_CHARACTERS = 20_000
"""Characters of all errors of an item's failing records together."""
_LONGEST_ERROR = 2000
_EXISTS = "attribute_exists(auditId)"
_IS_CLAIMED = "(attribute_type(claimedUntil, :text) AND claimedUntil BETWEEN :now AND :latest)"
"""A claim is free when it expired, and when its end is not a time or too far away to be one of a replay."""
_DONE_VALUES = {f":{status.lower()}": str(status) for status in DONE}
_IS_DONE = f"replayStatus IN ({', '.join(_DONE_VALUES)})"
_SET_MARK = f"{UNRESOLVED_KEY} = :mark"
_IS_MINE = "claimedBy = :me"


@dataclass(frozen=True)
class Update:
    """An update expression, the condition on which it is done, and the values of both in DynamoDB's typed form."""

    expression: str
    condition: str
    values: Mapping[str, AttributeValueTypeDef]


def claim(now: datetime, owner: str, until: datetime, *, again: bool) -> Update:
    """Claim a failure until a time; with ``again`` one that is done, too."""
    sets = "SET claimedBy = :me, claimedUntil = :until"
    condition = f"{_EXISTS} AND (NOT {_IS_CLAIMED} OR {_IS_MINE})"
    values = {**_claim_values(now), ":me": owner, ":until": rfc3339_milliseconds(until)}
    if not again:
        sets += f", {_SET_MARK}"  # an item that was written by hand lacks it
        condition += f" AND NOT {_IS_DONE}"
        values |= {**_DONE_VALUES, ":mark": MARK}
    return Update(sets, condition, _typed(values))


def renew(owner: str, until: datetime) -> Update:
    """Extend a claim."""
    values = {":me": owner, ":until": rfc3339_milliseconds(until)}
    return Update("SET claimedBy = :me, claimedUntil = :until", _IS_MINE, _typed(values))


def release(owner: str) -> Update:
    """End a claim."""
    return Update("REMOVE claimedBy, claimedUntil", _IS_MINE, _typed({":me": owner}))


def settle(outcome: Outcome, owner: str, now: datetime, attempts: int | None = None) -> Update:
    """Write an outcome and end the claim; without ``attempts`` the item's own count of attempts is increased."""
    values: dict[str, AttributeValueTypeDef] = {
        ":me": {"S": owner},
        ":status": {"S": str(outcome.status)},
        ":now": {"S": rfc3339_milliseconds(now)},
        ":replayed": {"N": str(outcome.replayed)},
        ":failing": {"L": [_named(each, outcome) for each in outcome.failing[:MOST_RECORDED]]},
        ":expired": {"L": [{"S": str(number)} for number in outcome.expired[:MOST_RECORDED]]},
    }
    count = "if_not_exists(replayAttempts, :zero) + :one" if attempts is None else ":count"
    values |= {":one": {"N": "1"}, ":zero": {"N": "0"}} if attempts is None else {":count": {"N": str(attempts)}}
    sets = [
        "replayStatus = :status",
        "replayedAt = :now",
        "replayedBy = :me",
        f"replayAttempts = {count}",
        "replayedRecords = :replayed",
        "failingRecords = :failing",
        "expiredRecords = :expired",
    ]
    removes = ["claimedBy", "claimedUntil", *ATTRIBUTES]
    if outcome.version:
        values[":version"] = {"S": outcome.version}
        sets.append("replayedVersion = :version")
    if outcome.status in UNRESOLVED:
        values[":mark"] = {"S": MARK}
        sets.append(_SET_MARK)
    else:
        removes.append(UNRESOLVED_KEY)
    if outcome.error:
        values[":error"] = {"S": _unicode(outcome.error[:_LONGEST_ERROR])}
        sets.append("replayError = :error")
    else:
        removes.append("replayError")
    return Update(f"SET {', '.join(sets)} REMOVE {', '.join(removes)}", _IS_MINE, values)


def resolve(resolution: Resolution) -> Update:
    """Set an unresolved failure that no running replay has claimed to ``RESOLVED``."""
    expression = (
        "SET statusBefore = if_not_exists(replayStatus, :open), replayStatus = :resolved, resolvedAt = :at, "
        f"resolvedBy = :by, resolvedReason = :reason REMOVE {UNRESOLVED_KEY}"
    )
    values = {
        **_claim_values(resolution.at),
        **_DONE_VALUES,
        ":at": rfc3339_milliseconds(resolution.at),
        ":by": resolution.by,
        ":reason": resolution.reason,
        ":open": ReplayStatus.OPEN,
    }
    return Update(expression, f"{_EXISTS} AND NOT {_IS_DONE} AND NOT {_IS_CLAIMED}", _typed(values))


def undo_resolution(before: ReplayStatus) -> Update:
    """Give a resolved failure the status that it had before."""
    expression = f"SET replayStatus = :before, {_SET_MARK} REMOVE {', '.join(ATTRIBUTES)}"
    values = {":resolved": ReplayStatus.RESOLVED, ":before": before, ":mark": MARK}
    return Update(expression, "replayStatus = :resolved", _typed(values))


def mark() -> Update:
    """Add an unresolved failure to the sparse index."""
    return Update(f"SET {_SET_MARK}", f"{_EXISTS} AND NOT {_IS_DONE}", _typed({**_DONE_VALUES, ":mark": MARK}))


def unmarked() -> tuple[str, Mapping[str, AttributeValueTypeDef]]:
    """Return the filter of the unresolved failures without the mark, and its values."""
    return f"NOT {UNRESOLVED_KEY} = :mark AND NOT {_IS_DONE}", _typed({**_DONE_VALUES, ":mark": MARK})


def size_of(failure: Failure, update: Update) -> int:
    """Return about how many bytes an item has after an update, rather more than less.

    An item of which only the key was read counts as small.
    """
    return size_of_item(failure) + _size(update.values)


def size_of_item(failure: Failure) -> int:
    """Return about how many bytes an item has."""
    return _size(failure.item)


def attempts_of(failure: Failure) -> int:
    """Return the number of attempts before; 0 when the item does not hold a number of them."""
    attempts = failure.item.get("replayAttempts")
    return int(attempts) if isinstance(attempts, Decimal) and 0 <= attempts < 10**9 else 0


def _claim_values(now: datetime) -> dict[str, str]:
    latest = rfc3339_milliseconds(now + LONGEST_CLAIM)
    return {":now": rfc3339_milliseconds(now), ":latest": latest, ":text": "S"}


def _typed(texts: Mapping[str, str]) -> Mapping[str, AttributeValueTypeDef]:
    return {name: {"S": _unicode(str(text))} for name, text in texts.items()}


def _size(value: object) -> int:
    match value:
        case str():
            return len(value.encode(errors="replace")) + 1
        case bytes():
            return len(value) + 1
        case Mapping():
            return 4 + sum(_size(name) + _size(member) for name, member in value.items())
        case list():
            return 4 + sum(map(_size, value))
    return 22


def _named(failed: FailedRecord, outcome: Outcome) -> AttributeValueTypeDef:
    """Return a failing record for the item; the more there are, the shorter are their errors."""
    error = failed.error[: max(100, _ERROR_CHARACTERS // min(len(outcome.failing), MOST_RECORDED))]
    return {"M": {"sequenceNumber": {"S": str(failed.sequence_number)}, "error": {"S": _unicode(error)}}}


def _unicode(text: str) -> str:
    """Replace halves of surrogate pairs, which JSON can spell and DynamoDB refuses."""
    return text.encode(errors="replace").decode()
