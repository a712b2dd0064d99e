"""The orders that wait while nothing is processed."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from pipectl.engine.model import Facts
from pipectl.facts import FunctionFacts, MappingFacts
from pipectl.monitoring.metrics import Metrics, Point
from pipectl.monitoring.stream_progress import judge
from pipectl.monitoring.waiting import Waiting, waiting
from pipectl.resource_keys import ResourceKey
from tests.failures.commanding import config
from tests.monitoring.figures import NOON, ago

READING = MappingFacts("uuid", "arn", "Enabled", record_age=12 * 3600, last_modified=ago(600))
DISABLED = replace(READING, state="Disabled")
DAY = timedelta(hours=24)


def waits(mapping: MappingFacts = READING, *, held: bool = False, **series: dict[float, float]) -> Waiting | None:
    """Return what waits at noon. Each series has values by minutes ago."""
    points = {
        name: sorted((Point(ago(minutes), value) for minutes, value in values.items()), reverse=True)
        for name, values in series.items()
    }
    metrics = Metrics(NOON, lambda: points)
    facts: dict[str, Facts] = {
        ResourceKey.STREAM_MAPPING: mapping,
        ResourceKey.PROCESSOR: FunctionFacts("1", held=held),
    }
    return waiting(judge(config(), facts, metrics), metrics, mapping)


def test_orders_written_since_the_last_one_that_was_processed_wait_for_a_held_processor() -> None:
    found = waits(held=True, iterator_age={30: 0}, writes={30: 6, 20: 15, 10: 5})
    assert found == Waiting(20, "about", ago(20), ago(20) + DAY / 2, ago(20) + DAY)
    assert found.describe(NOON) == (
        "about 20 orders written since 11:40 wait; the first fails at 23:40 and is lost at 2026-02-01 11:40 (in 23.7 h)"
    )


def test_a_stopped_mapping_gives_up_no_order_before_the_stream_loses_it() -> None:
    found = waits(DISABLED, iterator_age={30: 0}, writes={20: 1})
    assert found == Waiting(1, "about", ago(20), None, ago(20) + DAY)
    assert found.describe(NOON) == (
        "about 1 order written since 11:40 waits; the first is lost at 2026-02-01 11:40 (in 23.7 h)"
    )
    assert found.describe(NOON + DAY).endswith("; the first ones are lost since 11:40")


def test_while_metrics_can_be_late_the_number_is_a_lower_bound() -> None:
    found = waits(held=True, writes={20: 1, 4: 1})
    assert found
    assert (found.orders, found.bound) == (2, "at least")


def test_the_minute_of_the_last_one_that_was_processed_counts_only_when_the_processor_was_throttled_since() -> None:
    assert waits(iterator_age={10: 0}, writes={10: 26}) is None
    found = waits(iterator_age={10: 0}, writes={10: 26}, processor_throttles={9: 3})
    assert found
    assert (found.orders, found.bound, found.since) == (26, "up to", ago(10))


@pytest.mark.parametrize("mapping", [READING, DISABLED])
def test_nothing_waits_where_nothing_was_written(mapping: MappingFacts) -> None:
    assert waits(mapping, held=True) is None
    assert waits(mapping, iterator_age={10: 0}, writes={20: 3}) is None


def test_a_standstill_without_a_known_reason_counts_too() -> None:
    found = waits(iterator_age={60: 0}, writes={30: 4})
    assert found
    assert (found.orders, found.since) == (4, ago(30))
