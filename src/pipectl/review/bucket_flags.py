"""Risks of buckets."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from pipectl.review import encryption
from pipectl.review.case import Case, Risk
from pipectl.review.commands import command
from pipectl.review.model import Flag, FlagKind, When
from pipectl.review.policy_flags import policy_flags
from pipectl.review.words import text

_BLOCKS = {
    "BlockPublicAcls": "ACLs may open new objects to everybody",
    "IgnorePublicAcls": "ACLs that open objects to everybody count",
    "BlockPublicPolicy": "a bucket policy may open it to everybody",
    "RestrictPublicBuckets": "a policy that opens it to everybody counts",
}
_ENFORCED = "BucketOwnerEnforced"


def risks(values: Mapping[str, Any], case: Case) -> Iterator[Risk]:
    """Yield the risks of one state of a bucket, without those of its policy."""
    what = f"bucket {case.name}"
    blocks = values.get("public_access_block")
    for block, risk in _BLOCKS.items():
        if not isinstance(blocks, Mapping) or blocks.get(block) is not True:
            reason = f"{block} of {what} is off: {risk}"
            yield Risk(FlagKind.UNPROTECTED, reason, "public_access_block")
    if values.get("ownership") != _ENFORCED:
        owner = text(values.get("ownership") or "not set")
        reason = f"ACLs of {what} are in force (ownership {owner}): an ACL can open an object to another account"
        yield Risk(FlagKind.UNPROTECTED, reason, "ownership", "ownership")
    if values.get("versioning") != "Enabled":
        reason = f"{what} keeps no versions: an object that is overwritten or deleted is lost"
        yield Risk(FlagKind.DATA_LOSS, reason, "versioning")
    yield from encryption.risks(values.get("encryption"), what, case.account_id)


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
