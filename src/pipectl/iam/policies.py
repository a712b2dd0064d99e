"""The policy documents that pipectl publishes: one for each function's role and for each group of callers."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping

from pipectl.config.models import Config
from pipectl.config.names import Names
from pipectl.iam.command_actions import CALLERS, COMMANDS, merged
from pipectl.iam.places import Place, places_of
from pipectl.iam.roles import auditor_statements, processor_statements
from pipectl.policy_document import PolicyDocument, Statement, allow, document

FUNCTIONS = {"processor": processor_statements, "auditor": auditor_statements}
POLICIES = (*FUNCTIONS, *CALLERS)
"""The names that `pipectl permissions` takes."""

LONGEST_MANAGED_POLICY = 6144
"""Characters. Source: "IAM and AWS STS quotas" in the IAM User Guide."""


def policy(name: str, config: Config, names: Names) -> PolicyDocument:
    """Return one of `POLICIES` for a pipeline."""
    if statements := FUNCTIONS.get(name):
        return document(statements(config, names))
    return caller_policy(CALLERS[name], places_of(config, names))


def characters(policy: PolicyDocument) -> int:
    """Return the length of a policy as IAM counts it: blanks outside of texts do not count."""
    return len(json.dumps(policy, separators=(",", ":")))


def caller_policy(
    commands: Iterable[str], places: Mapping[str, Place], only: Collection[str] | None = None
) -> PolicyDocument:
    """Return the policy document that lets a caller run some commands.

    Args:
        commands: Keys of `COMMANDS`.
        places: The resources of one pipeline, see `pipectl.iam.places`.
        only: The actions to keep; all of the commands' where it is ``None``.
    """
    where: dict[str, set[str]] = {}
    for place, actions in merged(*(COMMANDS[command] for command in commands)).items():
        for action in actions.split():
            if only is None or action in only:
                where.setdefault(action, set()).add(place)

    groups: dict[tuple[str, ...], set[str]] = {}
    for action, keys in where.items():
        groups.setdefault(tuple(sorted(keys)), set()).add(action)
    merged_groups = _without_unions(groups)
    in_order = sorted(merged_groups)
    return document([_statement(sorted(merged_groups[keys]), [places[key] for key in keys]) for keys in in_order])


def _without_unions(groups: Mapping[tuple[str, ...], set[str]]) -> dict[tuple[str, ...], set[str]]:
    """Move the actions on some places to the groups that have these places together: names of actions are short."""
    left = {keys: set(actions) for keys, actions in groups.items()}
    by_size = sorted(left, key=lambda keys: (-len(keys), keys))
    for number, keys in enumerate(by_size):
        rest, parts = set(keys), list[tuple[str, ...]]()
        for part in by_size[number + 1 :]:
            if rest.issuperset(part):
                parts.append(part)
                rest.difference_update(part)
        if not rest:
            actions = left.pop(keys)
            for part in parts:
                left[part] |= actions
    return left


def _statement(actions: list[str], places: Collection[Place]) -> Statement:
    statement = allow(actions, [arn for place in places for arn in place.arns])
    if conditions := [place.condition for place in places if place.condition]:
        (statement["Condition"],) = conditions
    return statement
