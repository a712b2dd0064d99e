"""Deployments with which all failures began."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from pipectl.aws.stream_records import Cause
from pipectl.facts import FunctionFacts
from pipectl.failures.explanation import Explanation, FailedOrder, Safety
from pipectl.failures.model import Failure
from pipectl.failures.suspect_deploy import BEGINS_WITHIN, SuspectDeploy, suspect_deploy
from tests.commands.audit_items import audit_item
from tests.monitoring.figures import NOON, ago, failed

DEPLOYED = ago(20)
LIVE = FunctionFacts("2", replaced="1", live_since=DEPLOYED)
BROKEN = "KeyError: 'shipping'"
DENIED = "AccessDenied: User: arn:aws:sts::1:assumed-role/r/s is not authorized to perform: s3:PutObject on resource: x"


def tried(order: str, minutes: float = 10, *, reason: str = BROKEN, version: str | None = "2") -> Explanation:
    return failed(order, minutes, reason=reason, version=version)


def without_cause(written: datetime, **item: object) -> Explanation:
    """Return a failure that the processor could not report, such as an import error."""
    found = {**Failure.of(audit_item("id", ago(1))).item, "stream": {"firstArrival": written.isoformat()}, **item}
    orders = (FailedOrder(None, None, None, None, quarantined=False),)
    return Explanation(Failure(found), orders, None, at_most=False, safety=Safety.STREAM, until=None)


def test_failures_that_are_all_of_the_live_version_began_with_its_deployment() -> None:
    found = suspect_deploy([tried("a"), tried("b", 5)], LIVE)
    assert found == SuspectDeploy("2", DEPLOYED)
    assert found.describe(NOON) == "all since the deploy of version 2 at 11:40"
    assert found.describe(NOON + timedelta(days=1)) == "all since the deploy of version 2 at 2026-01-31 11:40"


def test_without_a_version_the_time_decides() -> None:
    assert suspect_deploy([without_cause(ago(19))], LIVE)
    assert suspect_deploy([tried("a"), without_cause(ago(19))], LIVE)
    assert suspect_deploy([without_cause(ago(21))], LIVE) is None
    assert suspect_deploy([tried("a"), without_cause(ago(21))], LIVE) is None


@pytest.mark.parametrize(
    "processor",
    [
        None,
        FunctionFacts(None),
        replace(LIVE, replaced=None),
        replace(LIVE, live_since=None),
        replace(LIVE, rollback="rolled back"),
        replace(LIVE, live_version="3"),
        replace(LIVE, live_since=ago(10) - BEGINS_WITHIN - timedelta(seconds=1)),
    ],
    ids=["unknown", "no alias", "first version", "unknown time", "rollback", "a later version", "long ago"],
)
def test_a_deployment_that_explains_nothing(processor: FunctionFacts | None) -> None:
    assert suspect_deploy([tried("a"), tried("b")], processor) is None


@pytest.mark.parametrize(
    "failures",
    [
        [],
        [tried("a"), tried("b", version="1")],
        [tried("a", reason=DENIED), tried("b", reason=DENIED)],
        [tried("a", reason="InvalidOrderError: no amount")],
        [without_cause(ago(19), failureType="RecordAgeExceeded")],
    ],
    ids=["none", "an earlier version, too", "denied calls", "one order that was refused", "never invoked"],
)
def test_failures_that_say_nothing_about_the_code(failures: list[Explanation]) -> None:
    assert suspect_deploy(failures, LIVE) is None


def test_many_refused_orders_can_be_a_wrong_check_of_new_code() -> None:
    refused = [tried(order, reason="InvalidOrderError: no amount") for order in ("a", "b")]
    assert suspect_deploy(refused, LIVE)


def test_a_failure_at_an_unknown_time_proves_nothing() -> None:
    cause = Cause(BROKEN, None, None, "2")
    unknown = replace(tried("a"), orders=(FailedOrder(None, "a", BROKEN, cause, quarantined=True),))
    item = {**unknown.failure.item, "timestamp": "-", "stream": {}}
    assert suspect_deploy([replace(unknown, failure=Failure(item))], LIVE) is None
