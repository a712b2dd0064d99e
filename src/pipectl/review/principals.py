"""Principals of policy statements: who is let in."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import Enum, auto

from pipectl.review.words import listed, text, texts

_ACCOUNT = re.compile(r"\d{12}")
_DELETED = re.compile(r"A[A-Z]{3}[A-Z0-9]{12,}")
_ARN = re.compile(r"arn:[^:]+:(iam|sts)::([^:]*):(.+)", re.DOTALL)


class Kind(Enum):
    """A place of principals."""

    EVERYBODY = auto()
    OUTSIDE = auto()
    """In another account, or in one that is unknown."""
    SERVICE = auto()
    """An AWS service, which acts for any account unless a condition limits it."""
    OWN = auto()


@dataclass(frozen=True)
class Party:
    """A principal: where it is, and its name in words."""

    kind: Kind
    name: str


def parties(statement: Mapping[str, object], account_id: str) -> Iterator[Party]:
    """Yield the principals of a statement of a resource policy; an unknown form counts as outside."""
    if "NotPrincipal" in statement:
        excepted = statement["NotPrincipal"]
        names = [n for each in excepted.values() for n in texts(each)] if isinstance(excepted, Mapping) else []
        yield Party(Kind.EVERYBODY, f"everybody except {listed(names) or text(excepted)}")
        return
    principal = statement.get("Principal")
    if principal == "*":
        yield Party(Kind.EVERYBODY, "everybody")
    elif isinstance(principal, Mapping) and principal:
        for kind, names_of_kind in principal.items():
            for name in texts(names_of_kind):
                yield _party(str(kind), name, account_id)
    else:
        yield Party(Kind.OUTSIDE, f"an unknown principal ({text(principal)})")


def _party(kind: str, name: str, account_id: str) -> Party:
    if kind == "AWS":
        return _identity(name, account_id)
    if kind == "Service":
        return Party(Kind.EVERYBODY, "every AWS service") if "*" in name else Party(Kind.SERVICE, name)
    if kind == "Federated":
        return Party(Kind.OUTSIDE, f"users of the identity provider {name}")
    if kind == "CanonicalUser":
        return Party(Kind.OUTSIDE, f"the account with the canonical id {name}")
    return Party(Kind.OUTSIDE, f"an unknown principal ({kind} {name})")


def _identity(name: str, account_id: str) -> Party:
    if name == "*":
        return Party(Kind.EVERYBODY, "everybody")
    if _ACCOUNT.fullmatch(name):
        return _of_account(name, "root", account_id)
    if found := _ARN.fullmatch(name):
        return _of_account(found[2], found[3], account_id)
    if _DELETED.fullmatch(name):
        return Party(Kind.OUTSIDE, f"a principal that was deleted ({name})")
    return Party(Kind.OUTSIDE, f"an unknown principal ({name})")


def _of_account(account: str, identity: str, account_id: str) -> Party:
    """Return the account itself for its root, else one of its identities."""
    kind = Kind.OWN if account == account_id else Kind.OUTSIDE
    name = "this account" if account == account_id else f"account {account}"
    return Party(kind, name if identity == "root" else f"{identity} of {name}")
