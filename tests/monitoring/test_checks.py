"""Checks, made of figures: errors and deployments, unresolved failures, and alarms."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta

import pytest

from pipectl.failures.explanation import Explanation, Safety
from pipectl.failures.suspect_deploy import SuspectDeploy
from pipectl.monitoring import checks
from pipectl.monitoring.activity import Deploy, Evidence, activity
from pipectl.monitoring.checks import Check, Finding, Severity
from pipectl.monitoring.unresolved import Unresolved
from tests.monitoring.figures import NOON, ago, deployed, failed, metrics, unresolved


def errors(
    of: Mapping[int, float],
    invocations: Mapping[int, float] | None = None,
    deploy: Deploy | None = None,
    left: int | None = 0,
) -> Check:
    found = activity(metrics(errors=of, invocations=invocations or {}), deploy, Evidence(left))
    return checks.processor_errors(found, NOON, waiting=bool(left))


def test_a_fresh_and_quiet_pipeline_is_healthy() -> None:
    assert errors({}, deploy=deployed(1)).ok
    assert errors({90: 20}, deploy=deployed(1)).ok


def test_errors_degrade() -> None:
    found = errors({5: 3}, deploy=deployed(600))
    assert (found.severity, found.finding, found.value, found.command) == (
        Severity.DEGRADED,
        Finding.ERRORS,
        3,
        "logs processor --errors",
    )


@pytest.mark.parametrize(("left", "command"), [(3, "replay-dlq"), (0, "status --watch"), (None, "status --watch")])
def test_a_deploy_after_errors_is_not_proven_until_something_runs_through_it(left: int | None, command: str) -> None:
    found = errors({12: 30}, {12: 30}, deployed(5), left)
    assert (found.severity, found.finding, found.command) == (Severity.UNKNOWN, Finding.NOT_PROVEN, command)
    assert errors({12: 30}, {12: 30, 3: 1}, deployed(5), left).ok


def test_a_rollback_counts_as_a_deploy() -> None:
    found = errors({12: 30}, {}, deployed(5, rolled_back=True))
    assert found.finding is Finding.NOT_PROVEN
    assert "the rollback at 11:55 UTC (5 min ago)" in found.detail


@pytest.mark.parametrize(
    ("minutes", "left", "severity"),
    [(4, 0, Severity.DEGRADED), (6, 0, Severity.UNKNOWN), (6, 1, Severity.DEGRADED), (6, None, Severity.DEGRADED)],
)
def test_errors_of_which_nothing_is_left_are_unknown_until_an_invocation_succeeds(
    minutes: int, left: int | None, severity: Severity
) -> None:
    assert errors({minutes: 3}, {minutes: 3}, left=left).severity is severity
    assert errors({7: 3}, {7: 3, 6: 1}, left=0).severity is Severity.HEALTHY


def test_after_a_clean_replay_old_errors_are_a_figure_only() -> None:
    assert errors({30: 27}, {30: 27}, left=2).severity is Severity.DEGRADED
    found = errors({30: 27}, {30: 27})
    assert (found.severity, found.value) == (Severity.HEALTHY, 27)


@pytest.mark.parametrize(("depth", "ok"), [(0, True), (1, False), (None, False)])
def test_errors_of_the_auditor_are_over_when_the_queue_is_empty(depth: int | None, ok: bool) -> None:
    assert checks.auditor_errors(metrics(auditor_errors={10: 3}), depth).ok is ok
    assert not checks.auditor_errors(metrics(auditor_errors={3: 3}), depth).ok


def test_errors_of_the_auditor_name_the_failures_that_the_audit_table_does_not_have() -> None:
    found = checks.auditor_errors(metrics(auditor_errors={3: 3}), 2)
    assert "2 failures in the queue" in found.detail
    assert "queue" not in checks.auditor_errors(metrics(auditor_errors={3: 3}), 0).detail


def failures(*explanations: Explanation, deploy: Deploy | None = None, more: bool = False, never: int = 0) -> Check:
    return checks.open_failures(unresolved(*explanations, more=more, never=never), deploy, NOON)


IN_STREAM = failed("s", safety=Safety.STREAM, until=NOON + timedelta(hours=20))
LATE = failed("l", safety=Safety.STREAM, until=NOON + timedelta(hours=2.1))


@pytest.mark.parametrize(
    ("explanations", "detail"),
    [
        ((failed("a"),), "1 order failed and is waiting (safe in quarantine)"),
        ((failed("a"), failed("b")), "2 orders failed and are waiting (safe in quarantine)"),
        ((failed("a"), failed("a")), "1 order failed and is waiting (safe in quarantine)"),
        ((failed("a", at_most=True),), "1 unresolved failure is waiting (safe in quarantine)"),
        ((LATE,), "1 order failed and is waiting (ONLY in the stream until 14:06 UTC (2.1 h))"),
        (
            (failed("a"), IN_STREAM, LATE, failed("g", safety=Safety.GONE), failed("u", safety=Safety.UNKNOWN)),
            (
                "5 orders failed and are waiting (1 safe in quarantine, 2 ONLY in the stream until 14:06 UTC (2.1 h), "
                "1 neither in the stream nor in quarantine, 1 not known to be safe)"
            ),
        ),
    ],
)
def test_the_detail_says_which_records_are_safe_and_until_when(
    explanations: tuple[Explanation, ...], detail: str
) -> None:
    assert failures(*explanations).detail == detail


def test_failures_degrade_and_fail_when_their_records_are_lost_soon() -> None:
    assert failures(failed("a")).severity is Severity.DEGRADED
    assert failures(IN_STREAM).severity is Severity.DEGRADED
    assert failures(IN_STREAM, LATE).severity is Severity.FAILING


def test_a_deploy_after_the_newest_failure_makes_the_replay_the_next_step() -> None:
    assert failures(failed("a", 10)).command == "audit list"
    assert failures(failed("a", 10), deploy=deployed(20)).command == "audit list"
    assert failures(failed("a", 10), deploy=deployed(5)).command == "replay-dlq"
    assert failures(failed("a", 10, version="7"), deploy=deployed(5)).command == "audit list"
    assert failures(failed("a", 10, version="6", replayed="7"), deploy=deployed(5)).command == "audit list"


def test_a_deployment_with_which_all_failures_began_is_named_and_a_rollback_the_next_step() -> None:
    found = checks.open_failures(unresolved(failed("a", 10)), deployed(20), NOON, SuspectDeploy("7", ago(20)))
    assert found.command == "rollback"
    assert found.detail.endswith("(safe in quarantine), all since the deploy of version 7 at 11:40")


@pytest.mark.parametrize(
    ("of", "invocations", "left", "command"),
    [
        ({4: 3}, {4: 3, 60: 5}, 0, "rollback"),
        ({4: 3}, {4: 3, 60: 5}, 3, "logs processor --errors"),
        ({4: 3}, {4: 3}, 0, "logs processor --errors"),
        ({4: 3, 30: 1}, {4: 3, 30: 1, 60: 5}, 0, "logs processor --errors"),
    ],
    ids=["errors only", "failures have reasons", "the version before processed nothing", "it had errors, too"],
)
def test_errors_that_began_with_a_deployment_name_it_before_a_failure_is_recorded(
    of: Mapping[int, float], invocations: Mapping[int, float], left: int, command: str
) -> None:
    deploy = replace(deployed(20), replaced="6")
    found = errors(of, invocations, deploy, left)
    assert (found.severity, found.command) == (Severity.DEGRADED, command)
    assert ("all since the deploy of version 7 at 11:40" in found.detail) == (command == "rollback")
    assert errors(of, invocations, replace(deploy, replaced=None), left).command == "logs processor --errors"


def test_the_count_of_failures_is_a_lower_bound_when_there_are_more() -> None:
    found = failures(failed("a"), failed("b"), more=True, never=1)
    assert found.detail.startswith("more than 2 unresolved failures are waiting (")
    assert found.detail.endswith("; no replay can process 1 of them")


def test_failures_of_which_none_can_be_replayed_are_not_counted_twice() -> None:
    assert failures(failed("a"), never=1).detail.endswith("; no replay can process it")
    assert failures(failed("a"), failed("b"), never=2).detail.endswith("; no replay can process them")


def test_no_failure_and_no_table() -> None:
    assert checks.open_failures(Unresolved(), None, NOON).ok
    incomplete = checks.open_failures(Unresolved(incomplete="older ones may be missing"), None, NOON)
    assert (incomplete.ok, incomplete.detail) == (True, "older ones may be missing")
    assert checks.open_failures(None, None, NOON).finding is Finding.MISSING


def test_alarms_that_are_missing_are_counted() -> None:
    assert checks.alarms([], 0, 6).finding is Finding.MISSING
    assert "5 checked, 1 missing" in checks.alarms([], 5, 6).detail
    assert checks.alarms([], 6, 6).detail == "no alarm is firing (6 checked)"


def test_times_of_failures_that_are_no_times_are_left_out() -> None:
    assert unresolved(failed("a", 10), failed("b", 30)).times == (ago(30), ago(10))
    assert Unresolved().times is None


def test_throttles_say_when_they_are_over() -> None:
    found = checks.throttles("processor", metrics(processor_throttles={4: 7, 9: 1}), {})
    assert found.severity is Severity.DEGRADED
    assert found.detail.endswith("8 times in the last 15 minutes, last at 11:56: over by 12:12 if it is not again")
