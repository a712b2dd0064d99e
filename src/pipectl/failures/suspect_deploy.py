"""A deployment with which all unresolved failures began, so that a rollback is the first thing to think of. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from pipectl.facts import FunctionFacts
from pipectl.failures.explanation import Explanation
from pipectl.failures.sdk_errors import is_denial, is_refusal
from pipectl.timestamps import short_time

BEGINS_WITHIN = timedelta(hours=6)
"""A first failure later than this after a deployment is more likely one of its order."""
_NEVER_INVOKED = ("RecordAgeExceeded", "UnparseableMessage")


@dataclass(frozen=True)
class SuspectDeploy:
    """The live version of the processor, with which the failures began.

    Attributes:
        version: Its number.
        at: The time of its deployment.
    """

    version: str
    at: datetime

    def describe(self, now: datetime) -> str:
        """``all since the deploy of version 2 at 09:22``."""
        return f"all since the deploy of version {self.version} at {short_time(self.at, now, seconds=False)}"


def suspect_deploy(explanations: Sequence[Explanation], processor: FunctionFacts | None) -> SuspectDeploy | None:
    """Return the live version when all failures are of it, began soon after its deployment, and it replaced another.

    Calls that AWS denied and orders that were not tried say nothing about the code. A single order that the processor
    refused is more likely wrong itself.

    Args:
        explanations: The unresolved failures.
        processor: The facts of the processor, where they are known.
    """
    deploy = deploy_of(explanations, processor)
    tried = [each for each in explanations if _is_of_code(each)]
    times = [_failed_at(each) for each in explanations]
    first = min((time for time in times if time), default=None)
    if deploy is None or not tried or None in times or first is None or first - deploy.at > BEGINS_WITHIN:
        return None
    orders = {key for each in tried for key in each.order_keys}
    if len(orders) <= 1 and all(is_refusal(each.reason or "") for each in tried):
        return None
    return deploy


def deploy_of(explanations: Sequence[Explanation], processor: FunctionFacts | None) -> SuspectDeploy | None:
    """Return the live version when it replaced another, not by a rollback, and all failures are of it."""
    if processor is None or processor.rolled_back or processor.replaced is None:
        return None
    live, since = processor.live_version, processor.live_since
    if live is None or since is None or not all(_is_of(each, live, since) for each in explanations):
        return None
    return SuspectDeploy(live, since)


def _is_of_code(explanation: Explanation) -> bool:
    return explanation.failure.failure_type not in _NEVER_INVOKED and not is_denial(explanation.reason or "")


def _is_of(explanation: Explanation, live: str, since: datetime) -> bool:
    """Return whether a failure is one of the live version: by the version that it names, else by the time."""
    versions = {order.cause.function_version for order in explanation.orders if order.cause} - {None}
    if versions:
        return versions == {live}
    time = _failed_at(explanation)
    return time is not None and time >= since


def _failed_at(explanation: Explanation) -> datetime | None:
    """Return when a failure began: the time of the first error, else the earliest at which its records were written."""
    times = [order.cause.failed_at for order in explanation.orders if order.cause and order.cause.failed_at]
    arrival = explanation.failure.arrival
    return min(times, default=arrival[0] if arrival else None)
