"""Policies by statement: which statements differ, in which parts, and each statement in words.

Statements come from AWS: others may have written them. A statement that is not of the usual form is shown as JSON.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeGuard

from pipectl.policy_document import Statement

_PLAIN = re.compile(r"[\w:/.*?+=@${}-]+", re.ASCII)
"""A word of a statement that needs no quotes."""
_ROOT = re.compile(r"arn:aws[a-z-]*:iam::(\d{12}):root")
_TLS = {"Bool": {"aws:SecureTransport": ["false"]}}
_WITH_TLS = {"Bool": {"aws:SecureTransport": ["true"]}}
_FIELDS = {
    "Sid",
    "Effect",
    "Principal",
    "NotPrincipal",
    "Action",
    "NotAction",
    "Resource",
    "NotResource",
    "Condition",
}
_KINDS = {"Service": "service ", "Federated": "federated ", "CanonicalUser": "canonical user ", "AWS": ""}
_MOST_DIFFERENT = 2
"""Fields in which a statement and its successor may differ, beside their ``Sid``."""


@dataclass(frozen=True)
class Here:
    """The resource that a policy belongs to, whose ARN is shortened.

    Args:
        arn: Its ARN; ``None`` where it is not known.
        noun: Its kind in words.
        others: The names of other resources that are shortened, by ARN.
    """

    arn: str | None = None
    noun: str = "resource"
    others: Mapping[str, str] = field(default_factory=dict)

    def shown(self, resource: str) -> str:
        """``.../*`` for what is in the resource, ``this bucket`` for itself, all others in full or by their names."""
        for arn, name in self.others.items():
            if resource == arn or resource.startswith((f"{arn}/", f"{arn}:")):
                return _word(f"{name}{resource.removeprefix(arn)}")
        if self.arn and resource == self.arn:
            return f"this {self.noun}"
        if self.arn and resource.startswith((f"{self.arn}/", f"{self.arn}:")):
            rest = f"...{resource.removeprefix(self.arn)}"
            return rest if _PLAIN.fullmatch(rest) else _quoted(resource)
        return _word(resource) if resource == "*" or resource.startswith("arn:") else _quoted(resource)


@dataclass(frozen=True)
class Compared:
    """A statement that was found, or is wanted, or both.

    Args:
        before: The statement as it was found; ``None`` when it is added.
        after: The statement as it is wanted; ``None`` when it is removed.
        parts: For a changed statement what is removed (``-``) and what is added (``+``).
    """

    before: object = None
    after: object = None
    parts: tuple[tuple[str, str], ...] = ()

    @property
    def sign(self) -> str:
        """``-`` removed, ``+`` added, ``~`` changed, a space for unchanged."""
        if self.after is None:
            return "-"
        if self.before is None:
            return "+"
        return "~" if self.parts else " "


def compare(before: Sequence[object], after: Sequence[object], here: Here) -> list[Compared]:
    """Return all statements of two policies: removed, changed, added and unchanged ones, in this order."""
    gone, new, equal = split(before, after)
    changed = []
    for old in list(gone):
        follower = min((each for each in new if _alike(old, each)), key=lambda each: _distance(old, each), default=None)
        parts = _parts(old, follower, here) if follower is not None else ()
        if parts:
            gone.remove(old)
            new.remove(follower)
            changed.append(Compared(old, follower, parts))
    return [
        *(Compared(before=each) for each in gone),
        *changed,
        *(Compared(after=each) for each in new),
        *(Compared(each, each) for each in equal),
    ]


def split(before: Sequence[object], after: Sequence[object]) -> tuple[list[object], list[object], list[object]]:
    """Return the entries of two lists that only the first has, that only the second has, and that both have."""
    gone, new, equal = [], list(after), []
    for each in before:
        if each in new:
            new.remove(each)
            equal.append(each)
        else:
            gone.append(each)
    return gone, new, equal


def is_policy(value: object) -> bool:
    """Return whether a value is a list of statements."""
    return isinstance(value, list) and any(is_statement(each) for each in value)


@dataclass(frozen=True)
class Spoken:
    """The parts of a statement in words; empty where it has no such part.

    Args:
        effect: ``Allow`` or ``Deny``.
        who: The principals.
        actions: The actions.
        on: The resources, such as ``on .../*``.
        condition: The conditions, such as ``unless TLS``.
        sid: The id of the statement.
    """

    effect: str
    who: str
    actions: tuple[str, ...]
    on: str
    condition: str
    sid: str

    @classmethod
    def of(cls, statement: Statement, here: Here) -> Spoken:
        return cls(
            statement["Effect"],
            " ".join(_who(statement)),
            tuple(_actions(statement)),
            " ".join(_on(statement, here)),
            " ".join(_if(statement)),
            _quoted(statement["Sid"]) if "Sid" in statement else "",
        )


def sentence(statement: object, here: Here) -> str:
    """Return a statement in words: ``Allow 111122223333 s3:GetObject on .../*``; as JSON where it has another form."""
    if not is_statement(statement):
        return json.dumps(statement, default=str)
    spoken = Spoken.of(statement, here)
    words = [spoken.effect, spoken.who, ", ".join(spoken.actions), spoken.on, spoken.condition]
    sid = f" (Sid {spoken.sid})" if spoken.sid else ""
    return " ".join(filter(None, words)) + sid


def _who(statement: Statement) -> Iterator[str]:
    if "Principal" in statement:
        yield ", ".join(_principals(statement["Principal"]))
    if "NotPrincipal" in statement:
        yield f"everybody except {', '.join(_principals(statement['NotPrincipal']))}"


def _principals(value: object) -> Iterator[str]:
    if not isinstance(value, dict):
        yield _word(str(value))
        return
    for kind, names in value.items():
        for name in names:
            root = _ROOT.fullmatch(name) if kind == "AWS" else None
            yield root[1] if root else f"{_KINDS[kind]}{_word(name)}"


def _actions(statement: Statement) -> Iterator[str]:
    yield from map(_word, statement.get("Action", ()))
    for number, name in enumerate(statement.get("NotAction", ())):
        yield _word(name) if number else f"every action except {_word(name)}"


def _on(statement: Statement, here: Here) -> Iterator[str]:
    for key, words in (("Resource", "on"), ("NotResource", "on everything except")):
        if key in statement:
            yield f"{words} {', '.join(map(here.shown, statement[key]))}"


def _if(statement: Statement) -> Iterator[str]:
    condition = statement.get("Condition")
    if condition is None:
        return
    if condition == _TLS and statement["Effect"] == "Deny":
        yield "unless TLS"
    elif condition == _WITH_TLS and statement["Effect"] == "Allow":
        yield "if TLS"
    else:
        yield f"if {' and '.join(_tests(statement))}"


def _tests(statement: Statement) -> Iterator[str]:
    for operator, test in statement.get("Condition", {}).items():
        for key, values in test.items():
            yield f"{_word(operator)} {_word(key)} = {', '.join(map(_word, values))}"


def _facets(statement: Statement, here: Here) -> Iterator[str]:
    """Yield the parts of a statement, each by itself."""
    for key in ("Principal", "NotPrincipal"):
        if key in statement:
            yield from (f"{key} {each}" for each in _principals(statement[key]))
    for key in ("Action", "NotAction"):
        yield from (f"{key} {_word(each)}" for each in statement.get(key, ()))
    for key in ("Resource", "NotResource"):
        yield from (f"{key} {here.shown(each)}" for each in statement.get(key, ()))
    yield from (f"Condition {each}" for each in _tests(statement))
    if "Sid" in statement:
        yield f"Sid {_quoted(statement['Sid'])}"


def _parts(before: object, after: object, here: Here) -> tuple[tuple[str, str], ...]:
    """Return the parts that only one of two statements has; none where these cannot show the difference."""
    if not is_statement(before) or not is_statement(after):
        return ()
    gone, new, _ = split(list(_facets(before, here)), list(_facets(after, here)))
    return (*(("-", str(each)) for each in gone), *(("+", str(each)) for each in new))


def _alike(before: object, after: object) -> bool:
    """Return whether one statement is the other one, changed."""
    if not is_statement(before) or not is_statement(after) or before["Effect"] != after["Effect"]:
        return False
    if _distance(before, after) > _MOST_DIFFERENT:
        return False
    if before.get("Sid") and before.get("Sid") == after.get("Sid"):
        return True
    if any(before.get(key) != after.get(key) for key in ("Principal", "NotPrincipal")):
        return False
    return any(set(before.get(key, ())) & set(after.get(key, ())) for key in ("Action", "Resource"))


def _distance(before: object, after: object) -> int:
    if not isinstance(before, dict) or not isinstance(after, dict):
        return len(_FIELDS)
    return sum(before.get(key) != after.get(key) for key in _FIELDS - {"Sid"})


def is_statement(value: object) -> TypeGuard[Statement]:
    """Return whether a value is a statement in the normal form of `policy_document.statements`."""
    if not isinstance(value, dict) or not value.keys() <= _FIELDS or value.get("Effect") not in ("Allow", "Deny"):
        return False
    lists = [value[key] for key in ("Action", "NotAction", "Resource", "NotResource") if key in value]
    whos = [value[key] for key in ("Principal", "NotPrincipal") if key in value]
    return (
        all(map(_are_words, lists))
        and all(map(_are_principals, whos))
        and ("Action" in value) != ("NotAction" in value)
        and not {"Resource", "NotResource"} <= value.keys()
        and len(whos) <= 1
        and isinstance(value.get("Sid", ""), str)
        and _are_conditions(value.get("Condition", {"": {"": [""]}}))
    )


def _are_words(value: object) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(each, str) for each in value)


def _are_principals(value: object) -> bool:
    if isinstance(value, dict):
        return bool(value) and value.keys() <= _KINDS.keys() and all(map(_are_words, value.values()))
    return isinstance(value, str) and value == "*"


def _are_conditions(value: object) -> bool:
    if not isinstance(value, dict) or not value:
        return False
    tests: Iterable[object] = value.values()
    return all(isinstance(test, dict) and bool(test) and all(map(_are_words, test.values())) for test in tests)


def _word(text: str) -> str:
    return text if _PLAIN.fullmatch(text) else _quoted(text)


def _quoted(text: str) -> str:
    return json.dumps(text)
