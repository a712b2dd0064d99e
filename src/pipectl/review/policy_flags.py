"""Risks of resource policies: who gets access, requests without TLS, and Deny statements that are removed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pipectl.policy_document import Statement
from pipectl.review.allowed import beyond, covered, is_allow, without_id
from pipectl.review.conditions import described, limit_of
from pipectl.review.model import Flag, FlagKind, When
from pipectl.review.principals import Kind, Party, parties
from pipectl.review.words import listed, texts

_LAMBDA = "lambda.amazonaws.com"
_TAKE = ["sts:AssumeRole"]


def policy_flags(before: object, after: object, attribute: str, account_id: str, what: str) -> Iterator[Flag]:
    """Yield the flags of a resource policy that changes.

    Args:
        before: Its statements.
        after: Its statements after the change.
        attribute: The attribute that holds it.
        account_id: The account of the pipeline.
        what: The resource in words, ``bucket orders``.
    """
    found, wanted = statements_in(before), statements_in(after)
    for statement in beyond(wanted, found):
        for kind, reason in granted(statement, account_id, what):
            yield Flag(kind, When.OPENED, reason, attribute)
    for statement in beyond(found, wanted):
        for kind, reason in granted(statement, account_id, what):
            yield Flag(kind, When.CLOSED, reason, attribute)
    yield from _plain_http(found, wanted, attribute, what)
    yield from removed_denials(found, wanted, attribute, account_id, what)


def statements_in(value: object) -> list[Statement]:
    """Return the statements of an attribute; none for a policy that does not exist."""
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list | tuple) else []


def granted(statement: Statement, account_id: str, what: str) -> Iterator[tuple[FlagKind, str]]:
    """Yield a risk and its sentence for each kind of principal that an Allow statement lets in."""
    condition = statement.get("Condition")
    limit = limit_of(condition)
    who: dict[FlagKind, list[str]] = {}
    for party in parties(statement, account_id):
        if _is_lambda_taking_a_role(statement, party) and limit.accounts == frozenset({account_id}):
            continue
        kind, name = _reach(party, limit.accounts, limit.organizations, account_id)
        who.setdefault(kind, []).append(name)
    for kind, names in who.items():
        yield kind, f"{listed(names)} may use {used(statement, what)}{_remark(condition, kind)}"


def used(statement: Mapping[str, Any], what: str) -> str:
    """Return the actions and resources of a statement in words: ``s3:GetObject on arn:aws:s3:::orders/*``."""
    actions, resources = texts(statement.get("Action", [])), texts(statement.get("Resource", []))
    if "NotAction" in statement:
        action = f"every action except {listed(texts(statement['NotAction']))}"
    else:
        action = "every action" if "*" in actions else listed(actions) or "an unknown action"
    if "NotResource" in statement:
        resource = f"everything except {listed(texts(statement['NotResource']))}"
    else:
        resource = "every resource" if "*" in resources else listed(resources) or what
    return f"{action} on {resource}"


def _reach(
    party: Party, accounts: frozenset[str] | None, organizations: frozenset[str] | None, own: str
) -> tuple[FlagKind, str]:
    """Return the risk of a principal within the limit of a condition, and its name with that limit."""
    if party.kind is Kind.OWN:
        return FlagKind.PERMISSIONS, party.name
    if party.kind is Kind.OUTSIDE:
        return FlagKind.OTHER_ACCOUNT, party.name
    if accounts == frozenset({own}):
        return FlagKind.PERMISSIONS, f"{party.name} of this account" if party.kind is Kind.EVERYBODY else party.name
    if accounts:
        others = sorted(accounts - {own})
        return (
            FlagKind.OTHER_ACCOUNT,
            f"{party.name} of {'account' if len(others) == 1 else 'accounts'} {listed(others)}",
        )
    if organizations:
        return FlagKind.OTHER_ACCOUNT, f"{party.name} in organization {listed(sorted(organizations))}"
    if party.kind is Kind.SERVICE:
        return FlagKind.OTHER_ACCOUNT, f"the AWS service {party.name}, for any account,"
    return FlagKind.EVERYBODY, party.name


def _remark(condition: object, kind: FlagKind) -> str:
    if not condition:
        return ""
    words = described(condition)
    if kind is FlagKind.EVERYBODY:
        return f"; the condition {words} does not limit it to this account"
    return f", with the condition {words}"


def _is_lambda_taking_a_role(statement: Statement, party: Party) -> bool:
    return party == Party(Kind.SERVICE, _LAMBDA) and texts(statement.get("Action", [])) == _TAKE


def _plain_http(found: Sequence[Statement], wanted: Sequence[Statement], attribute: str, what: str) -> Iterator[Flag]:
    reason = f"{what} accepts requests without TLS, so data can be read on the way"
    if any(_denies_plain_http(each) and not _is_denied(each, found) for each in wanted):
        yield Flag(FlagKind.UNPROTECTED, When.CLOSED, reason, attribute)
    elif any(_denies_plain_http(each) and not _is_denied(each, wanted) for each in found):
        yield Flag(FlagKind.UNPROTECTED, When.OPENED, reason, attribute)


def _denies_plain_http(statement: Statement) -> bool:
    condition = statement.get("Condition")
    if is_allow(statement) or not isinstance(condition, Mapping) or len(condition) != 1:
        return False
    ((operator, test),) = condition.items()
    keys = {str(key).lower(): texts(value) for key, value in test.items()} if isinstance(test, Mapping) else {}
    return operator in ("Bool", "BoolIfExists") and keys == {"aws:securetransport": ["false"]}


def _is_denied(statement: Statement, others: Sequence[Statement]) -> bool:
    """Return whether one of the others denies the same requests without TLS, or more."""
    if "Action" not in statement or "Resource" not in statement:
        return without_id(statement) in [without_id(each) for each in others]
    return any(
        _denies_plain_http(each)
        and each.get("Principal") in ("*", statement.get("Principal"))
        and covered(texts(statement["Action"]), texts(each.get("Action", [])))
        and covered(texts(statement["Resource"]), texts(each.get("Resource", [])))
        for each in others
    )


def removed_denials(
    found: Sequence[Statement], wanted: Sequence[Statement], attribute: str, account_id: str, what: str
) -> Iterator[Flag]:
    """Yield a flag for each Deny statement that the change removes, other than those about TLS."""
    kept = [without_id(each) for each in wanted]
    for statement in found:
        if is_allow(statement) or without_id(statement) in kept or _denies_plain_http(statement):
            continue
        named = "Principal" in statement or "NotPrincipal" in statement
        who = listed([party.name for party in parties(statement, account_id)]) if named else what
        condition = statement.get("Condition")
        remark = f", with the condition {described(condition)}" if condition else ""
        reason = f"a Deny statement is removed: it keeps {who} from {used(statement, what)}{remark}"
        yield Flag(FlagKind.PERMISSIONS, When.OPENED, reason, attribute)
