"""`rollback`: let the processor's alias name an earlier version."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from pipectl.context import Context
from pipectl.errors import NoVersionError
from pipectl.facts import FunctionFacts
from pipectl.resource_keys import ResourceKey
from pipectl.resources.versions import ROLLED_BACK, Version, Versions
from pipectl.timestamps import rfc3339

_LONGEST_DESCRIPTION = 256
"""Characters that Lambda allows."""


@dataclass(frozen=True)
class Rollback:
    """The version that was in use, and the one that replaces it.

    Args:
        function: The processor's name.
        before: The version that the alias named; equal to ``after`` when it is in use already.
        after: The version that the alias names now.
        by: Who rolls back.
    """

    function: str
    before: Version
    after: Version
    by: str

    @property
    def changed(self) -> bool:
        """Return whether the alias was moved."""
        return self.before.number != self.after.number


def rollback(context: Context, confirm: Callable[[Rollback], None], by: str, to: int | None = None) -> Rollback:
    """Roll back the processor in one write call.

    Args:
        context: The pipeline.
        confirm: Asked before the alias is moved.
        by: Who rolls back, for the alias's description.
        to: The number of the version; by default the one that was in use before, else the newest earlier one, of those
            that differ from the one in use.

    Raises:
        NoVersionError: there is no such version.
        RequirementError: the processor is missing, or is not managed by this pipeline.
        DeclinedError: the user said no; nothing was changed.
    """
    key = ResourceKey.PROCESSOR
    processor = context.require([key], whole=[key])[key]
    function, facts = context.pipeline.physical.processor, processor.facts_as(FunctionFacts)
    versions = Versions(context.aws, function)
    published = versions.published()
    before = next((version for version in published if version.number == facts.live_version), None)
    if before is None:
        raise NoVersionError(f"{function} has no published version in use", hint="`pipectl up` publishes one")
    plan = Rollback(function, before, _target(function, published, before, facts.replaced, to), by)
    if plan.changed:
        confirm(plan)
        moved = f"{ROLLED_BACK} from version {before.number} to version {plan.after.number}"
        note = f"{moved} at {rfc3339(context.aws.clock.now())} by {by}"
        versions.point(plan.after.number, note[:_LONGEST_DESCRIPTION])
    return plan


def _target(function: str, published: list[Version], before: Version, replaced: str | None, to: int | None) -> Version:
    """Return the version to use. Versions between the one in use and the one that it replaced were rolled back."""
    if to is None:
        newest = min(int(before.number) - 1, int(replaced or before.number))
        earlier = [version for version in published if int(version.number) <= newest]
        found = next((version for version in earlier if version.is_earlier_release_than(before)), None)
        reason = f"no earlier version of {function} differs from version {before.number}, which is in use"
    else:
        found = next((version for version in published if version.number == str(to)), None)
        reason = f"{function} has no version {to}"
    if found is None:
        numbers = ", ".join(version.number for version in published)
        raise NoVersionError(
            reason, hint=f"published versions: {numbers}; `pipectl up` publishes the config's code and settings"
        )
    return found
