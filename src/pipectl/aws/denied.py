"""Missing permissions: the actions that AWS denied, and the policy statements that would allow them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable

from pipectl.errors import AccessDeniedError

_DENIAL = re.compile(r"perform: (?P<action>[\w-]+:\w+)(?: on resource: \"?(?P<resource>arn:[^\s\"]+))?")
DEPLOYER_POLICY = "`pipectl permissions deployer`"
"""The command that prints the policy which a hint names. `pipectl.cli` names that of a smaller group where it can."""
_EXPLICIT = "explicit deny"


def denied_call(message: str, actions: Iterable[str]) -> tuple[tuple[str, ...], str]:
    """Return the actions that were denied and the resource they need, ``*`` where AWS does not name it.

    Args:
        message: AWS's message; it names one action, which may be another than the one of the call.
        actions: The actions of the call.
    """
    found = _DENIAL.search(message)
    if found is None:
        return tuple(actions), "*"
    return tuple(dict.fromkeys([found["action"], *actions])), found["resource"] or "*"


def hint(errors: Iterable[AccessDeniedError]) -> str:
    """Return the hint for one or several denied calls: the statements to add, with every action once."""
    by_resource: dict[str, set[str]] = {}
    explicit = False
    for error in errors:
        by_resource.setdefault(error.target, set()).update(error.actions)
        explicit = explicit or _EXPLICIT in error.aws_message
    actions = sorted(set().union(*by_resource.values()))
    if not actions:
        return "this call needs no permission: a policy of the organization denies it"
    statements = [
        {"Effect": "Allow", "Action": sorted(denied), "Resource": target}
        for target, denied in sorted(by_resource.items())
    ]
    if explicit:
        return f"the caller needs {', '.join(actions)}, which a policy denies explicitly: remove that denial"
    written = ", ".join(json.dumps(statement) for statement in statements)
    return f"add to the caller's policy: {written}; {DEPLOYER_POLICY} prints the whole policy"
