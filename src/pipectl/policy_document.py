"""Policy documents in one normal form, so that equal policies compare equal however they are written."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypedDict

Statement = dict[str, Any]
Condition = Mapping[str, Mapping[str, str | list[str]]]
"""The tests of a statement: ``{"StringEquals": {"aws:SourceAccount": "123456789012"}}``."""

VERSION = "2012-10-17"
_LISTS = ("Action", "NotAction", "Resource", "NotResource")


class PolicyDocument(TypedDict):
    """An IAM policy or a resource policy."""

    Version: str
    Statement: list[Statement]


def allow(actions: list[str], resources: list[str], *, sid: str | None = None) -> Statement:
    """Return a statement that allows ``actions`` on ``resources``."""
    named: Statement = {"Sid": sid} if sid else {}
    return {**named, "Effect": "Allow", "Action": actions, "Resource": resources}


def deny_plain_http(actions: list[str], resources: list[str]) -> Statement:
    """Return a statement of a resource policy that denies every request without TLS."""
    return {
        "Sid": "DenyInsecureTransport",
        "Effect": "Deny",
        "Principal": "*",
        "Action": actions,
        "Resource": resources,
        "Condition": {"Bool": {"aws:SecureTransport": ["false"]}},
    }


def document(body: list[Statement]) -> PolicyDocument:
    """Return a policy document with these statements."""
    return {"Version": VERSION, "Statement": body}


def statements(policy: Mapping[str, object]) -> list[Statement]:
    """Return a policy's statements in normal form: lists for single values, sorted where the order has no meaning."""
    body = policy.get("Statement", [])
    members = [body] if isinstance(body, dict) else body if isinstance(body, list) else []
    return sorted(map(_normal, members), key=repr)


def _normal(statement: Statement) -> Statement:
    normal: Statement = {}
    for key in sorted(statement):
        value = statement[key]
        if key in _LISTS:
            normal[key] = _sorted(value)
        elif key in ("Principal", "NotPrincipal"):
            normal[key] = _principal(value)
        elif key == "Condition":
            normal[key] = {op: {k: _sorted(v) for k, v in test.items()} for op, test in sorted(value.items())}
        else:
            normal[key] = value
    return normal


def _principal(value: object) -> object:
    if value in ("*", {"AWS": "*"}, {"AWS": ["*"]}):
        return "*"
    return {kind: _sorted(names) for kind, names in sorted(value.items())} if isinstance(value, Mapping) else value


def _sorted(value: object) -> list[str]:
    return sorted(map(_text, value)) if isinstance(value, list | tuple) else [_text(value)]


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
