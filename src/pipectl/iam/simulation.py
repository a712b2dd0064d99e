"""Ask IAM which of the published actions it denies a caller."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from pipectl.aws.client import Aws
from pipectl.engine.parallel import parallel_map
from pipectl.errors import AccessDeniedError, AwsError
from pipectl.iam.command_actions import CALLERS, COMMANDS, merged
from pipectl.iam.places import Place

if TYPE_CHECKING:
    from mypy_boto3_iam.type_defs import ContextEntryTypeDef

ROOT_USER = ":root"


def denied_by_group(
    aws: Aws, caller_arn: str, places: Mapping[str, Place], cancel: Callable[[], None]
) -> dict[str, set[str]]:
    """Return for each group of `CALLERS` the actions that IAM would deny. One call for each place, in parallel.

    Policies of the resources are not taken into account.

    Raises:
        AwsError: the caller may not ask, or IAM does not know the caller.
        CancelledError: the user pressed Ctrl-C.
    """
    if caller_arn.endswith(ROOT_USER):
        return {group: set() for group in CALLERS}
    principal = _principal(aws, caller_arn)
    grants = {group: merged(*(COMMANDS[command] for command in commands)) for group, commands in CALLERS.items()}
    asked = merged(*grants.values())

    def ask(place: str) -> set[str]:
        return _denied(aws, principal, sorted(set(asked[place].split())), places[place])

    denied = parallel_map(ask, asked, cancel=cancel).require_done("interrupted")
    return {
        group: {action for place, actions in grant.items() for action in actions.split() if action in denied[place]}
        for group, grant in grants.items()
    }


def _principal(aws: Aws, caller_arn: str) -> str:
    """Return the user or the role whose policies count; the ARN of a session does not have the role's path."""
    if ":assumed-role/" not in caller_arn:
        return caller_arn
    prefix, _, session = caller_arn.partition(":assumed-role/")
    role, _, _ = session.partition("/")
    try:
        return aws.iam.get_role(RoleName=role)["Role"]["Arn"]
    except AccessDeniedError:
        return f"{prefix.replace(':sts:', ':iam:')}:role/{role}"


def _denied(aws: Aws, principal: str, actions: list[str], place: Place) -> set[str]:
    context: list[ContextEntryTypeDef] = [
        {
            "ContextKeyName": key,
            "ContextKeyType": "string",
            "ContextKeyValues": [value] if isinstance(value, str) else [value[0]],
        }
        for values in (place.condition or {}).values()
        for key, value in values.items()
    ]
    pages = aws.iam.get_paginator("simulate_principal_policy").paginate(
        PolicySourceArn=principal, ActionNames=actions, ResourceArns=list(place.arns), ContextEntries=context
    )
    results = [result for page in pages for result in page["EvaluationResults"]]
    if not results:
        raise AwsError("iam SimulatePrincipalPolicy: no result", service="iam", operation="SimulatePrincipalPolicy")
    return {result["EvalActionName"] for result in results if result["EvalDecision"] != "allowed"}
