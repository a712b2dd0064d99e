"""Risks of the encryption of a bucket or a queue."""

from __future__ import annotations

import re
from collections.abc import Iterator

from pipectl.review.case import Risk
from pipectl.review.model import Flag, FlagKind, When

_OWNER = re.compile(r"arn:[^:]+:kms:[^:]*:(\d{12}):")


def risks(found: object, what: str, account_id: str) -> Iterator[Risk]:
    """Yield the risks of one setting; see `flags` for its form."""
    if not found:
        yield Risk(FlagKind.UNPROTECTED, f"{what} does not encrypt new data at rest", "encryption")
    elif (owner := _owner(found)) not in (None, account_id):
        reason = f"data in {what} is encrypted with a key of account {owner}, which can make them unreadable"
        yield Risk(FlagKind.OTHER_ACCOUNT, reason, "encryption")


def flags(before: object, after: object, what: str, account_id: str) -> Iterator[Flag]:
    """Yield a flag for a KMS key that is no longer used.

    Args:
        before: The setting, ``aws:kms:<key>`` or ``SSE-KMS:<key>`` for a KMS key.
        after: The setting after the change.
        what: The resource in words.
        account_id: The account of the pipeline.
    """
    if before != after and _has_key(before) and not _has_key(after) and _owner(before) in (None, account_id):
        reason = f"new data in {what} is no longer encrypted with a KMS key, whose policy limits who reads it: {before}"
        yield Flag(FlagKind.UNPROTECTED, When.OPENED, reason, "encryption")


def _owner(setting: object) -> str | None:
    found = _OWNER.search(str(setting))
    return found[1] if found else None


def _has_key(setting: object) -> bool:
    """Return whether a setting names a KMS key of a customer, not the key that AWS manages."""
    _, _, key = str(setting).lower().partition("kms:")
    return bool(key) and "alias/aws/" not in key
