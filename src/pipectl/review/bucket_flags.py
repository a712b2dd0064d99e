"""Risks of buckets."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from pipectl.review import encryption
from pipectl.review.case import Case, Risk
from pipectl.review.commands import command
from pipectl.review.model import Flag, FlagKind, When
from pipectl.review.policy_flags import policy_flags
from pipectl.review.words import listed, text

_BLOCKS = {
    "BlockPublicAcls": "an ACL",
    "IgnorePublicAcls": "an ACL",
    "BlockPublicPolicy": "a policy",
    "RestrictPublicBuckets": "a policy",
}
"""Means of opening a bucket to everybody that each public access block prevents."""
_ENFORCED = "BucketOwnerEnforced"


def risks(values: Mapping[str, Any], case: Case) -> Iterator[Risk]:
    """Yield the risks of one state of a bucket, without those of its policy."""
    what = f"bucket {case.name}"
    if reason := _open(values.get("public_access_block"), what):
        yield Risk(FlagKind.UNPROTECTED, reason, "public_access_block")
    if values.get("ownership") != _ENFORCED:
        owner = text(values.get("ownership") or "not set")
        reason = f"ACLs of {what} are in force (ownership {owner}): an ACL can open an object to another account"
        yield Risk(FlagKind.UNPROTECTED, reason, "ownership", "ownership")
    if values.get("versioning") != "Enabled":
        reason = f"{what} keeps no versions: an object that is overwritten or deleted is lost"
        yield Risk(FlagKind.DATA_LOSS, reason, "versioning")
    yield from encryption.risks(values.get("encryption"), what, case.account_id)


def _open(blocks: object, what: str) -> str | None:
    """Return in one sentence which public access blocks are off."""
    off = [name for name in _BLOCKS if not isinstance(blocks, Mapping) or blocks.get(name) is not True]
    if not off:
        return None
    openers = " or ".join(sorted({_BLOCKS[name] for name in off}))
    if len(off) == len(_BLOCKS):
        return f"no public access block of {what} is on: {openers} can open it to everybody"
    return f"{listed(off)} of {what} {'is' if len(off) == 1 else 'are'} off: {openers} can open it to everybody"


def flags(case: Case) -> Iterator[Flag]:
    """Yield the flags of a bucket that changes, without those of one state."""
    before, after, what = case.before or {}, case.after or {}, f"bucket {case.name}"
    yield from policy_flags(before.get("policy"), after.get("policy"), "policy", case.account_id, what)
    yield from encryption.flags(before.get("encryption"), after.get("encryption"), what, case.account_id)


def unmanaged(settings: Mapping[str, Any], case: Case) -> Iterator[Flag]:
    """Yield the flags of lifecycle rules that delete the pipeline's objects."""
    rules = settings.get("lifecycle_rules") or []
    only = settings.get("lifecycle_rules_in_total") == len(rules)
    hint = command("s3api delete-bucket-lifecycle", bucket=case.name) if only else None
    for rule in rules:
        reason = f"lifecycle rule {rule['id']!r} of bucket {case.name} deletes {rule['deletes']}"
        yield Flag(FlagKind.DATA_LOSS, When.STAYS, reason, hint=hint)
