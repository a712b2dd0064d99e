"""Conditions of policy statements: the accounts that they let in."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from pipectl.review.words import listed, texts

_ACCOUNT_KEYS = ("aws:sourceaccount", "aws:principalaccount", "aws:sourceowner")
_ARN_KEYS = ("aws:sourcearn", "aws:principalarn")
_ORGANIZATION_KEYS = ("aws:principalorgid", "aws:sourceorgid")
_EXACT = ("stringequals", "stringequalsignorecase")
_BY_PARTS = ("arnequals", "arnlike")
"""Operators that compare each of the six parts of an ARN by itself."""
_ACCOUNT = re.compile(r"\d{12}")
_WILDCARD = re.compile(r"[*?$]")
"""Also the beginning of a policy variable, whose value nobody knows here."""


@dataclass(frozen=True)
class Limit:
    """The accounts or organizations outside of which a condition lets nobody in; ``None`` without such a limit."""

    accounts: frozenset[str] | None = None
    organizations: frozenset[str] | None = None


def limit_of(condition: object) -> Limit:
    """Return the limit of a condition. A test that passes when its key is missing, or that negates, limits nothing."""
    accounts: frozenset[str] | None = None
    organizations: frozenset[str] | None = None
    for operator, key, values in _tests(condition):
        if found := _accounts(operator, key, values):
            accounts = found if accounts is None else (accounts & found or accounts | found)
        if key in _ORGANIZATION_KEYS and values and (_is_exact(operator, values)):
            organizations = frozenset(values)
    return Limit(accounts, organizations)


def described(condition: object) -> str:
    """Return a condition in words: ``StringEquals aws:SourceAccount 123456789012``."""
    if not isinstance(condition, Mapping):
        return str(condition)
    parts = []
    for operator, tests in condition.items():
        pairs = tests.items() if isinstance(tests, Mapping) else [(tests, ())]
        parts += [
            " ".join(filter(None, (f"{operator}", f"{key}", listed(texts(values), "or")))) for key, values in pairs
        ]
    return " and ".join(parts)


def _tests(condition: object) -> Iterator[tuple[str, str, list[str]]]:
    """Yield operator, key and values of each test that fails when its key is missing; both in lower case."""
    if not isinstance(condition, Mapping):
        return
    for name, tests in condition.items():
        operator = str(name).lower().removeprefix("foranyvalue:")
        if operator.startswith("forallvalues:") or operator.endswith("ifexists") or not isinstance(tests, Mapping):
            continue
        for key, values in tests.items():
            yield operator, str(key).lower(), texts(values)


def _accounts(operator: str, key: str, values: list[str]) -> frozenset[str] | None:
    found: list[str | None] = []
    if key in _ACCOUNT_KEYS and operator in (*_EXACT, "stringlike"):
        found = [value if _ACCOUNT.fullmatch(value) else None for value in values]
    elif key in _ARN_KEYS and operator in (*_EXACT, "stringlike", *_BY_PARTS):
        found = [_account_of(value, by_parts=operator in _BY_PARTS) for value in values]
    known = [account for account in found if account]
    return frozenset(known) if known and len(known) == len(found) else None


def _account_of(arn: str, *, by_parts: bool) -> str | None:
    """Return the account of an ARN; ``None`` where a wildcard may stand for another one."""
    parts = arn.split(":", 5)
    if len(parts) < 6 or not _ACCOUNT.fullmatch(parts[4]):
        return None
    return parts[4] if by_parts or not _WILDCARD.search(":".join(parts[:4])) else None


def _is_exact(operator: str, values: list[str]) -> bool:
    return operator in _EXACT or (operator == "stringlike" and not any(map(_WILDCARD.search, values)))
