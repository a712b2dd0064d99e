"""Policy documents in one normal form, so that equal policies compare equal however they are written."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, TypedDict

Statement = dict[str, Any]
Condition = Mapping[str, Mapping[str, str | list[str]]]
"""The tests of a statement: ``{"StringEquals": {"aws:SourceAccount": "123456789012"}}``."""

VERSION = "2012-10-17"
_LISTS = ("Action", "NotAction", "Resource", "NotResource")
_INVALID = "InvalidStatement"
"""The key of what stands in the place of a statement, so that it is shown, compared and removed like one."""


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


def read(policy: str) -> object:
    """Return a policy that AWS reports as JSON; the text itself where it is no JSON."""
    try:
        parsed: object = json.loads(policy)
    except (ValueError, RecursionError):
        return policy
    return parsed


def members(policy: object) -> list[Statement]:
    """Return the statements of a policy as they are, in a fixed order. Anybody can have written it."""
    body = policy.get("Statement", []) if isinstance(policy, Mapping) else policy
    listed = body if isinstance(body, list) else [body]
    return sorted((each if isinstance(each, dict) else {_INVALID: each} for each in listed), key=repr)


def statements(policy: object) -> list[Statement]:
    """Return a policy's statements in normal form: lists for single values, sorted where the order has no meaning."""
    return sorted(map(_normal, members(policy)), key=repr)


def _normal(statement: Statement) -> Statement:
    normal: Statement = {}
    for key in sorted(statement):
        value = statement[key]
        if key in _LISTS:
            normal[key] = _sorted(value)
        elif key in ("Principal", "NotPrincipal"):
            normal[key] = _principal(value)
        elif key == "Condition":
            normal[key] = _condition(value)
        else:
            normal[key] = value
    return normal


def _principal(value: object) -> object:
    if value in ("*", {"AWS": "*"}, {"AWS": ["*"]}):
        return "*"
    return {kind: _sorted(names) for kind, names in sorted(value.items())} if isinstance(value, Mapping) else value


def _condition(value: object) -> object:
    if not isinstance(value, Mapping):
        return value
    return {
        operator: {key: _sorted(each) for key, each in test.items()} if isinstance(test, Mapping) else test
        for operator, test in sorted(value.items())
    }


def _sorted(value: object) -> list[str]:
    return sorted(map(_text, value)) if isinstance(value, list | tuple) else [_text(value)]


def _text(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value)
