"""Kinds of errors in the reasons of failures, and those of the AWS SDKs in short. Pure.

Both SDKs put a sentence of more than 200 characters around the few words that matter. Python: ``ClientError: An error
occurred (AccessDenied) when calling the PutObject operation: User: ...``; Node.js: ``AccessDenied: User: ...``.
"""

from __future__ import annotations

import re

REFUSAL = "InvalidOrderError: "
_IN_PYTHON = re.compile(
    r"(?:[\w.]{1,100}: )?An error occurred \(([\w.]{1,100})\) when calling the (\w{1,100}) operation"
    r"(?: \(reached max retries: \d{1,9}\))?: (.*)",
    re.DOTALL,
)
_BEGINS = re.compile(
    r"(?:\b[\w.]{1,100}: )?An error occurred \([\w.]{1,100}\) when calling"
    r"|\b[\w.]{1,100}: User: \S{1,400} is not authorized to"
)
_LONGEST_READ = 4000
_TYPED = re.compile(r"([A-Za-z][\w.]{0,100}): (.*)", re.DOTALL)
_NOT_AUTHORIZED = re.compile(r"(?:User: )?(\S{1,400}) is not authorized to perform: ([\w*-]{1,60}:[\w*-]{1,100})")
_EXPLICIT = re.compile(r"with an explicit deny(?: in (an? [A-Za-z][\w -]{0,40}\w))?")
_ARN = re.compile(r"arn:[\w-]+:(?:sts|iam)::\d*:(?:assumed-role|role|user)/(\S+)")
_DENIALS = re.compile(r"(?:[\w.]*\.)?AccessDenied(?:Exception)?\b")


def brief_reason(reason: str) -> str:
    """Return a reason without the sentences of an SDK; any other reason as it is, and so what is before them.

    ``AccessDenied: s3:PutObject is denied to dev-role``, and for other errors ``SlowDown in PutObject: please wait``.
    """
    begins = _BEGINS.search(reason[:_LONGEST_READ])
    return f"{reason[: begins.start()]}{_brief(reason[begins.start() :])}" if begins else _brief(reason)


def _brief(reason: str) -> str:
    if found := _IN_PYTHON.match(reason):
        code, operation, message = found.groups()
        title = f"{code} in {operation}"
    elif found := _TYPED.match(reason):
        code, message = found.groups()
        title = code
    else:
        return reason
    if denied := _NOT_AUTHORIZED.match(message):
        explicit = _EXPLICIT.search(message)
        by = f" by an explicit deny{f' in {explicit[1]}' if explicit[1] else ''}" if explicit else ""
        return f"{code}: {denied[2]} is denied to {_name(denied[1])}{by}"
    if title == code:
        return reason
    # S3 repeats its code as a message: "Access Denied".
    return title if message.replace(" ", "").rstrip(".") in (code, "") else f"{title}: {message}"


def is_denial(reason: str) -> bool:
    """Return whether AWS denied a call of the processor."""
    return _DENIALS.match(brief_reason(reason)) is not None


def is_refusal(reason: str) -> bool:
    """Return whether the processor refused the order, with the error that is there for this."""
    return reason.startswith(REFUSAL)


def _name(principal: str) -> str:
    """Return the name of a role or a user in its ARN."""
    found = _ARN.match(principal)
    if found is None:
        return principal
    kind = principal.partition("/")[0].rpartition(":")[2]
    parts = found[1].split("/")
    # A session is the last part of an assumed role; roles and users can have a path.
    return parts[0] if kind == "assumed-role" else parts[-1]
