"""The progress of the stream mapping: it is certain, stopped or unknown."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from pipectl.config.loading import load
from pipectl.config.models import Config
from pipectl.engine.model import Facts
from pipectl.facts import FunctionFacts, MappingFacts
from pipectl.monitoring.metrics import Metrics, Point
from pipectl.monitoring.stream_progress import Progress, judge, keeps_from_working
from pipectl.pause_tags import CatchingUp, Pause
from pipectl.resource_keys import ResourceKey
from tests.support import write_config

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
SETTLED = timedelta(minutes=5)
"""Time that metrics (3 min), their grain (1 min) and an invocation (1 min) take."""
MAPPING = MappingFacts("uuid", "arn", "Enabled", last_modified=NOON - timedelta(hours=3))


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> Config:
    return load(write_config(tmp_path_factory.mktemp("config")))


def minutes(ago: float) -> datetime:
    return NOON - timedelta(minutes=ago)


def metrics(**series: list[tuple[float, float]]) -> Metrics:
    """Return metrics; each point is the number of minutes ago, and the value."""
    points = {name: [Point(minutes(ago), value) for ago, value in found] for name, found in series.items()}
    return Metrics(NOON, lambda: points)


def judged(config: Config, mapping: MappingFacts | None = MAPPING, **series: list[tuple[float, float]]) -> Progress:
    facts: dict[str, Facts] = {ResourceKey.STREAM_MAPPING: mapping} if mapping else {}
    return judge(config, facts, metrics(**series))


def certain(found: Progress) -> bool:
    return not (found.stopped or found.unknown)


def test_a_table_without_writes_has_no_unread_records(config: Config) -> None:
    found = judged(config)
    assert certain(found)
    assert found.until == NOON - SETTLED


def test_a_table_that_was_quiet_since_the_last_invocation_has_no_unread_records(config: Config) -> None:
    found = judged(config, iterator_age=[(600, 0)], writes=[(600, 1)])
    assert certain(found)
    assert found.until == NOON - SETTLED


def test_records_are_read_up_to_the_greatest_age_before_the_last_point(config: Config) -> None:
    found = judged(config, iterator_age=[(2, 0), (4, 600_000), (9, 3_600_000)], writes=[(2, 1)])
    assert certain(found)
    assert found.until == minutes(2 + 10)


def test_a_batching_window_delays_records(config: Config) -> None:
    section = config.stream_mapping.model_copy(update={"batching_window": 120})
    found = judged(config.model_copy(update={"stream_mapping": section}), iterator_age=[(2, 600_000)])
    assert found.until == minutes(2 + 10 + 2)


def test_metrics_that_are_late_are_not_unknown(config: Config) -> None:
    """Orders of the last minutes have no iterator age yet: they are younger than the certain time."""
    found = judged(config, iterator_age=[(4, 0)], writes=[(1, 1), (4, 1)])
    assert certain(found)
    assert found.until == NOON - SETTLED


def test_a_mapping_that_has_processed_nothing_since_it_was_changed_is_unknown(config: Config) -> None:
    mapping = replace(MAPPING, last_modified=minutes(2))
    assert judged(config, mapping, iterator_age=[(9, 0)], writes=[(1, 1)]).unknown
    assert judged(config, mapping, writes=[(1, 1)]).unknown
    assert judged(config, mapping, writes=[(20, 1)]).silent_since == minutes(2)
    assert certain(judged(config, mapping, iterator_age=[(1, 0)], writes=[(1, 1)]))


def test_a_mapping_that_was_changed_while_the_table_is_quiet_is_certain(config: Config) -> None:
    assert certain(judged(config, replace(MAPPING, last_modified=minutes(2)), iterator_age=[(9, 0)], writes=[(9, 1)]))


def test_records_of_the_minute_that_was_processed_last_may_wait_for_a_mapping_that_begins(config: Config) -> None:
    """Written after the last processed record, in its minute: the metrics of that minute show both."""
    resumed = replace(MAPPING, last_modified=minutes(2))
    found = judged(config, resumed, iterator_age=[(30, 0)], writes=[(30, 1)])
    assert certain(found)
    assert found.until == minutes(30)
    assert judged(config, resumed, iterator_age=[(1, 0), (30, 0)], writes=[(30, 1)]).until == NOON - SETTLED
    began = replace(MAPPING, last_modified=minutes(16))
    assert judged(config, began, iterator_age=[(30, 0)], writes=[(30, 1)]).until == NOON - SETTLED


def test_a_processor_without_concurrency_stops_the_mapping(config: Config) -> None:
    facts: dict[str, Facts] = {ResourceKey.STREAM_MAPPING: MAPPING}
    assert judge(config, facts | {ResourceKey.PROCESSOR: FunctionFacts("1", held=True)}, metrics()).stopped
    assert certain(judge(config, facts | {ResourceKey.PROCESSOR: FunctionFacts("1")}, metrics()))


def test_writes_without_processing_are_unknown(config: Config) -> None:
    found = judged(config, iterator_age=[(60, 0)], writes=[(7, 1), (20, 1), (60, 1)])
    assert found.unknown
    assert found.silent_since == minutes(20)


def test_errors_are_processing_and_unknown_until_the_retries_are_over(config: Config) -> None:
    found = judged(config, processor_errors=[(2, 1)], writes=[(3, 1)])
    assert found.unknown
    assert found.silent_since is None
    assert certain(judged(config, processor_errors=[(20, 1)], writes=[(21, 1)]))


def test_a_throttled_processor_stops_the_mapping(config: Config) -> None:
    found = judged(config, processor_throttles=[(2, 9)], iterator_age=[(3, 0)])
    assert found.stopped
    assert found.throttled


def test_a_processor_that_is_throttled_at_times_is_unknown(config: Config) -> None:
    found = judged(config, processor_throttles=[(9, 1)], iterator_age=[(3, 0)])
    assert found.unknown
    assert found.stopped is None
    assert certain(judged(config, processor_throttles=[(20, 1)], iterator_age=[(3, 0)]))


def test_a_mapping_that_catches_up_is_unknown(config: Config) -> None:
    assert judged(config, replace(MAPPING, catching_up=CatchingUp(minutes(9))), iterator_age=[(3, 0)]).unknown


@pytest.mark.parametrize(
    "changes",
    [
        {"state": "Disabled"},
        {"state": "Disabled", "pause": Pause(NOON, "ada")},
        {"last_result": "PROBLEM: Cannot access stream. Please ensure the role can perform GetRecords."},
    ],
)
def test_a_mapping_that_is_disabled_paused_or_denied_is_stopped(config: Config, changes: dict[str, Any]) -> None:
    assert judged(config, replace(MAPPING, **changes)).stopped


def test_a_missing_mapping_is_stopped(config: Config) -> None:
    assert judged(config, None).stopped


@pytest.mark.parametrize("result", ["OK", "No records processed", "PROBLEM: Function call failed", ""])
def test_a_mapping_whose_function_fails_still_reads(result: str) -> None:
    assert not keeps_from_working(result)
