"""`permissions`: the IAM policies of one pipeline."""

from __future__ import annotations

from dataclasses import dataclass

from pipectl.aws.client import Aws
from pipectl.config.models import Config
from pipectl.config.names import Names
from pipectl.config.physical import PhysicalNames
from pipectl.iam.command_actions import CALLERS
from pipectl.iam.policies import LONGEST_MANAGED_POLICY, POLICIES, characters, policy
from pipectl.policy_document import PolicyDocument


@dataclass(frozen=True)
class Published:
    """A policy of a role or of people.

    Args:
        role: The role that `up` attaches it to; ``None`` for a policy of people.
        commands: The commands that it allows; none for the policy of a role.
        document: The policy document.
    """

    role: str | None
    commands: tuple[str, ...]
    document: PolicyDocument

    @property
    def excess(self) -> int:
        """The number of characters that a policy of people has beyond those that IAM accepts in a managed policy."""
        return 0 if self.role else max(0, characters(self.document) - LONGEST_MANAGED_POLICY)


def permissions(config: Config, aws: Aws) -> dict[str, Published]:
    """Return every policy by its name. AWS is asked for the account only where the config has no account_id.

    Raises:
        AwsError: the account is not known, and AWS does not report it.
    """
    account = config.account_id or aws.account_id
    names = Names(config.environment, config.team, config.project, aws.region, account, aws.partition)
    physical = PhysicalNames.of(config, names)
    roles = {"processor": physical.processor_role, "auditor": physical.auditor_role}
    return {name: Published(roles.get(name), CALLERS.get(name, ()), policy(name, config, names)) for name in POLICIES}
