"""The policy documents that pipectl publishes: one for each function's role and for each group of callers."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from itertools import groupby

from pipectl.config.models import Config
from pipectl.config.names import Names
from pipectl.iam.command_actions import CALLERS, COMMANDS, merged
from pipectl.iam.places import Place, places_of
from pipectl.iam.roles import auditor_statements, processor_statements
from pipectl.policy_document import PolicyDocument, Statement, allow, document

FUNCTIONS = {"processor": processor_statements, "auditor": auditor_statements}
POLICIES = (*FUNCTIONS, *CALLERS)
"""The names that `pipectl permissions` takes."""


def policy(name: str, config: Config, names: Names) -> PolicyDocument:
    """Return one of `POLICIES` for a pipeline."""
    if statements := FUNCTIONS.get(name):
        return document(statements(config, names))
    return caller_policy(CALLERS[name], places_of(config, names))


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

    def grouped_by(action: str) -> list[str]:
        return sorted(where[action])

    in_order = sorted(where, key=lambda action: (grouped_by(action), action))
    groups = groupby(in_order, key=grouped_by)
    return document([_statement(list(actions), [places[key] for key in keys]) for keys, actions in groups])


def _statement(actions: list[str], places: Collection[Place]) -> Statement:
    statement = allow(actions, [arn for place in places for arn in place.arns])
    if conditions := [place.condition for place in places if place.condition]:
        (statement["Condition"],) = conditions
    return statement
