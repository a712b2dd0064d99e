"""The results of `permissions`."""

from __future__ import annotations

from collections.abc import Mapping

from pipectl.commands.permissions import Published
from pipectl.output.console import Screen
from pipectl.text import pluralize


def document(screen: Screen, policies: Mapping[str, Published], name: str) -> None:
    """Print one policy document, as IAM takes it."""
    policy = policies[name]
    screen.json(policy.document)
    if policy.excess:
        more = f"The policy has {pluralize(policy.excess, 'character')} more than IAM accepts in a managed policy"
        screen.note(f"{more}: shorten the names in the config, or write it into a role as an inline policy.")


def listing(screen: Screen, policies: Mapping[str, Published]) -> None:
    """Print the policies' names with their use; as JSON, all documents by name."""
    if screen.json_output:
        screen.json({name: policy.document for name, policy in policies.items()})
        return
    screen.line(screen.completed("Roles of the functions; `pipectl up` writes these policies:"))
    for name, policy in policies.items():
        if policy.role:
            screen.line(f"  {name:<10} role {policy.role}")
    screen.line("People who run pipectl; attach these policies yourself:")
    for name, policy in policies.items():
        if policy.commands:
            screen.line(f"  {name:<10} for {', '.join(policy.commands)}")
    screen.line(screen.completed("`pipectl permissions NAME` prints a policy as JSON."))
