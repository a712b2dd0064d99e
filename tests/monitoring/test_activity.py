"""The errors of the last hour: their trend, and whether they count against the live version."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from pipectl.monitoring.activity import Activity, Deploy, Evidence, Trend, activity
from tests.monitoring.figures import ago, deployed, failed, metrics, unresolved

NOTHING_LEFT = Evidence(0)


def of(
    errors: Mapping[int, float],
    invocations: Mapping[int, float] | None = None,
    deploy: Deploy | None = None,
    evidence: Evidence = NOTHING_LEFT,
) -> Activity:
    return activity(metrics(errors=errors, invocations=invocations or {}), deploy, evidence)


def test_errors_are_counted_in_bins_of_five_minutes() -> None:
    found = of({1: 3, 7: 2, 59: 4, 60: 5, 61: 9})
    assert found.bins == (9, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 3)
    assert (found.errors, found.first_error, found.last_error) == (14, ago(60), ago(1))


@pytest.mark.parametrize(
    ("errors", "trend"),
    [
        ({}, Trend.NONE),
        ({70: 5}, Trend.NONE),
        ({5: 3}, Trend.NEW),
        ({5: 3, 14: 1}, Trend.NEW),
        ({9: 3}, Trend.BETTER),
        ({5: 3, 30: 3}, Trend.WORSE),
        ({5: 3, 30: 9}, Trend.STEADY),
        ({5: 1, 30: 9}, Trend.BETTER),
        ({30: 1}, Trend.BETTER),
        ({9: 90, 30: 1}, Trend.BETTER),
        ({8: 90, 30: 1}, Trend.WORSE),
    ],
)
def test_the_last_15_minutes_are_compared_with_the_45_before(errors: Mapping[int, float], trend: Trend) -> None:
    assert of(errors).trend is trend


def test_errors_before_the_deploy_do_not_count() -> None:
    found = of({30: 9, 5: 2}, deploy=deployed(20))
    assert (found.errors, found.since_deploy) == (11, 2)


def test_errors_in_the_minute_of_the_deploy_count_when_a_failure_of_that_version_is_known() -> None:
    deploy = deployed(9.5)
    assert of({10: 9}, deploy=deploy).since_deploy == 0
    assert of({10: 9, 11: 1}, deploy=deploy).beside_deploy == 9
    assert of({10: 9}, deploy=deploy, evidence=Evidence(1, of_live_version=True)).beside_deploy == 0
    assert of({10: 9}, deploy=deploy, evidence=Evidence(1, of_live_version=True)).since_deploy == 9
    assert of({11: 9}, deploy=deploy, evidence=Evidence(1, of_live_version=True)).since_deploy == 0


@pytest.mark.parametrize(
    ("minutes", "left", "proven"),
    [(5, 0, True), (5, 3, True), (10, 0, True), (10, 3, False), (10, None, False), (11, 0, False)],
)
def test_a_success_after_the_deploy_proves_it(minutes: int, left: int | None, proven: bool) -> None:
    """In the minute of the deploy it does so only when no failure is left."""
    found = of({30: 9, minutes: 1}, {minutes: 2}, deployed(9.5), Evidence(left))
    assert found.proven is proven


def test_an_invocation_that_failed_proves_nothing() -> None:
    assert not of({5: 4}, {5: 4}, deployed(20)).proven


@pytest.mark.parametrize(
    ("errors", "successes", "left", "over"),
    [
        ({20: 3}, {}, 0, True),
        ({20: 3}, {5: 1}, 1, False),
        ({20: 3}, {}, None, False),
        ({8: 3}, {}, 0, False),
        ({8: 3}, {6: 1}, 0, True),
        ({8: 3}, {9: 1}, 0, False),
        ({4: 3}, {2: 1}, 0, False),
    ],
)
def test_errors_are_over_when_nothing_is_left_of_them(
    errors: Mapping[int, float], successes: Mapping[int, float], left: int | None, over: bool
) -> None:
    assert of(errors, successes, evidence=Evidence(left)).over is over


def test_failures_of_the_live_version_are_known_by_its_number_else_by_their_time() -> None:
    deploy = deployed(20)
    assert unresolved(failed("a", 10, version="6")).since(deploy) == 0
    assert unresolved(failed("a", 30, version="7"), failed("b", 30)).since(deploy) == 1
    assert unresolved(failed("a", 10), failed("b", 30)).since(deploy) == 1
    assert unresolved(failed("a", 10)).since(None) == 0


@pytest.mark.parametrize(("minutes", "left", "by"), [(4, 0, -12), (3, 0, None), (4, 1, None), (4, None, None)])
def test_errors_of_which_no_failure_is_left_are_over_after_some_time(
    minutes: int, left: int | None, by: int | None
) -> None:
    assert of({minutes: 3}, evidence=Evidence(left)).over_by == (None if by is None else ago(by))
