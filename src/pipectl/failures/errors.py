"""The errors about single failures and orders. `pipectl.errors` has the tree of all errors."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum

from pipectl.errors import PipectlError, SavedFilesError
from pipectl.text import first_names, shell_word

SHORTEST_PREFIX = 4
"""Characters of an id that are enough to look for it."""

MOST_CANDIDATES = 10
"""Ids that the message of an ambiguous one names."""


class NoSuchFailureError(PipectlError):
    """No failure has the given id or order.

    ``unread`` is the number of failures whose orders were not read, because there are too many.
    """

    code = "NoSuchFailure"

    def __init__(self, audit_ids: Sequence[str], *, unread: int = 0) -> None:
        newest = f" (the orders of {unread:,} older failures were not read)" if unread else ""
        hint = "`pipectl audit list` shows ids and orders; `pipectl trace KEY` follows an order"
        if any(len(audit_id) < SHORTEST_PREFIX for audit_id in audit_ids):
            hint = f"the beginning of an id has at least {SHORTEST_PREFIX} characters; {hint}"
        super().__init__(f"there is no failure {', '.join(audit_ids)}{newest}", hint=hint)
        self.audit_ids, self.unread = tuple(audit_ids), unread


class NoSuchOrderError(PipectlError):
    """Neither table, stream nor audit table has the order.

    ``unread`` are the shards that could not be read to their end, ``gap`` is the reason why unresolved failures may not
    have been searched: they may have it.
    """

    code = "NoSuchOrder"

    def __init__(self, key: str, period: str, unread: Sequence[str] = (), gap: str | None = None) -> None:
        places = f"neither the table nor the stream of the last {period} has it, and no unresolved failure names it"
        but = f"\nnot certain: these shards could not be read: {', '.join(unread)}" if unread else ""
        audit_show = f"`pipectl audit show {shell_word(key)}`"
        also = f"; {gap}" if gap else ""
        super().__init__(
            f"there is no order {key}: {places}{but}",
            hint=f"check the key; {audit_show} also finds resolved and replayed failures{also}",
        )
        self.key, self.unread, self.gap = key, tuple(unread), gap


class AmbiguousIdError(PipectlError):
    """Several failures have ids that begin with the given characters. ``candidates`` are their whole ids, sorted."""

    code = "AmbiguousId"

    def __init__(self, prefix: str, candidates: Sequence[str]) -> None:
        message = (
            f"{len(candidates)} failures have ids that begin with {prefix}: {first_names(candidates, MOST_CANDIDATES)}"
        )
        super().__init__(message, hint="use more of the id")
        self.prefix, self.candidates = prefix, tuple(candidates)


class SeveralFailuresError(PipectlError):
    """An order has several failures, or its key is also the beginning of other ids."""

    code = "SeveralFailures"

    def __init__(self, key: str, ids: Sequence[str], other_ids: Sequence[str] = ()) -> None:
        also = f"; the id {first_names(other_ids, MOST_CANDIDATES)} begins with {key}, too" if other_ids else ""
        shown = f"`pipectl audit show {shell_word(key)}` shows those of the order"
        super().__init__(
            f"failures of order {key}: {first_names(ids, MOST_CANDIDATES)}{also}", hint=f"use one id; {shown}"
        )
        self.ids, self.other_ids = tuple(ids), tuple(other_ids)


class FailureStatusError(PipectlError):
    """A failure's status does not allow what was asked for. ``status`` is the one that it has."""

    code = "FailureStatus"

    def __init__(self, audit_id: str, status: str, rule: str) -> None:
        super().__init__(
            f"failure {audit_id} is {status}: {rule}", hint=f"see `pipectl audit show {shell_word(audit_id)}`"
        )
        self.audit_id, self.status = audit_id, status


class ClaimedFailureError(PipectlError):
    """A running replay has claimed the failure."""

    code = "FailureClaimed"

    def __init__(self, audit_id: str) -> None:
        super().__init__(
            f"failure {audit_id} is claimed by a running replay",
            hint="try again when the replay has finished; the claim of one that was stopped expires within minutes",
        )
        self.audit_id = audit_id


class UnusableIdError(SavedFilesError):
    """An audit id cannot be the name of a file; the other failures can still be saved."""

    code = "UnusableId"


class OrderProblem(StrEnum):
    """Reasons why a text is not an order."""

    JSON = "json"
    ENCODING = "encoding"
    NOT_AN_OBJECT = "not-an-object"
    STREAM_EVENT = "stream-event"
    DUPLICATE = "duplicate"
    KEY = "key"
    NUMBER = "number"
    TYPED_VALUE = "typed-value"
    TEXT = "text"
    NAME = "name"
    TOO_DEEP = "too-deep"
    TOO_LARGE = "too-large"


class OrderError(PipectlError):
    """The text is not an order that the table can have. ``place`` is the attribute, such as ``items[0].count``."""

    code = "OrderInvalid"
    exit_code = 2

    def __init__(self, message: str, problem: OrderProblem, *, place: str = "", hint: str | None = None) -> None:
        super().__init__(message, hint=hint)
        self.problem, self.place = problem, place


class UnchangedOrderError(PipectlError):
    """The table already has exactly this order, so that DynamoDB writes no stream record. ``key`` is its key."""

    code = "OrderUnchanged"

    def __init__(self, key: str) -> None:
        super().__init__(
            f"the table already has exactly this order {key}, so DynamoDB writes no stream record and nothing is "
            "processed",
            hint=f"change the order, or remove its key to get a new one; `pipectl trace {shell_word(key)}` follows it",
        )
        self.key = key
