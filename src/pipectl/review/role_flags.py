"""Risks of roles: who may take a role, and what it may do beyond the config."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from pipectl.policy_document import Statement
from pipectl.review.allowed import beyond
from pipectl.review.case import Case
from pipectl.review.model import Flag, FlagKind, When
from pipectl.review.policy_flags import policy_flags, removed_denials, statements_in, used
from pipectl.review.words import texts

_ADMINISTRATOR = ("AdministratorAccess", "PowerUserAccess", "IAMFullAccess")
"""Managed policies of AWS with which a role can do, or give itself, almost everything."""


def flags(case: Case) -> Iterator[Flag]:
    """Yield the flags of a role that changes."""
    before, after, what = case.before or {}, case.after or {}, f"role {case.name}"
    yield from policy_flags(before.get("trust"), after.get("trust"), "trust", case.account_id, what)
    yield from _inline(before.get("policies"), after.get("policies"), case, what)
    attached, kept = set(texts(before.get("attached_policies") or [])), set(texts(after.get("attached_policies") or []))
    for arn in sorted(kept - attached):
        yield Flag(FlagKind.PERMISSIONS, When.OPENED, _attached(arn, what), "attached_policies")
    for arn in sorted(attached - kept):
        yield Flag(FlagKind.PERMISSIONS, When.CLOSED, _attached(arn, what), "attached_policies")
    yield from _boundary(before.get("permissions_boundary"), after.get("permissions_boundary"), what)


def _attached(arn: str, what: str) -> str:
    name = arn.rsplit("/", 1)[-1]
    if arn.split(":")[4:5] == ["aws"] and name in _ADMINISTRATOR:
        may = "may do everything in this account" if name == "AdministratorAccess" else "may do almost everything"
        return f"{what} {may}: {name} is attached to it"
    return f"{what} may do what the managed policy {arn} allows, which the config does not have"


def _inline(before: object, after: object, case: Case, what: str) -> Iterator[Flag]:
    found, wanted = _policies(before), _policies(after)
    all_found = [each for body in found.values() for each in body]
    all_wanted = [each for body in wanted.values() for each in body]
    for name, body in wanted.items():
        for statement in filter(_is_broad, beyond(body, all_found)):
            yield Flag(FlagKind.PERMISSIONS, When.OPENED, _allowed(statement, name, what), "policies")
    for name, body in found.items():
        for statement in beyond(body, all_wanted):
            yield Flag(FlagKind.PERMISSIONS, When.CLOSED, _allowed(statement, name, what), "policies")
    yield from removed_denials(all_found, all_wanted, "policies", case.account_id, what)


def _policies(value: object) -> dict[str, list[Statement]]:
    return {str(name): statements_in(body) for name, body in value.items()} if isinstance(value, Mapping) else {}


def _allowed(statement: Statement, policy: str, what: str) -> str:
    limited = ", with a condition," if statement.get("Condition") else ""
    return f"{what} may use {used(statement, 'an unknown resource')}{limited} by its policy {policy}"


def _is_broad(statement: Mapping[str, Any]) -> bool:
    """Return whether a statement names actions by a wildcard or exceptions, or resources of more than one name.

    The statements of the config never do; the exact ones are what the pipeline needs.
    """
    actions, resources = texts(statement.get("Action", [])), texts(statement.get("Resource", []))
    if not actions or not resources or any("*" in action or "?" in action for action in actions):
        return True
    return any(_is_of_any_name(resource) for resource in resources)


def _is_of_any_name(arn: str) -> bool:
    parts = arn.split(":", 5)
    return len(parts) < 6 or "*" in "".join(parts[:5]) or parts[5].split("/")[0].startswith("*") or arn.endswith(":*:*")


def _boundary(before: object, after: object, what: str) -> Iterator[Flag]:
    if before == after:
        return
    if before:
        now = f"limits it to {after}" if after else "sets no limit"
        reason = f"the permissions boundary of {what} is no longer {before}: the change {now}"
        yield Flag(FlagKind.PERMISSIONS, When.OPENED, reason, "permissions_boundary")
    else:
        reason = f"{what} has no permissions boundary, so only its policies limit it"
        yield Flag(FlagKind.PERMISSIONS, When.CLOSED, reason, "permissions_boundary")
