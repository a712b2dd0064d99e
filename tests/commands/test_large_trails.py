"""Commands over many failures and records: what they read does not grow with what they do not show."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest

from pipectl.commands.audit import audit_list
from pipectl.commands.audit_stats import audit_stats
from pipectl.commands.trace import Stage, trace
from pipectl.commands.verify import verify
from pipectl.failures.audit_table import UNRESOLVED_ONES, Selection
from pipectl.failures.explanation import MOST_EXPLAINED
from tests.failures.large_pipeline import PERIOD, LargeContext, LargePipeline, Read

FEW, MANY = 2500, 20_000
DAY = timedelta(days=1)


def of_list(pipeline: LargePipeline) -> None:
    page = audit_list(LargeContext.of(pipeline), UNRESOLVED_ONES, limit=20)
    assert len(page.entries) == 20


def of_next_page(pipeline: LargePipeline) -> None:
    context = LargeContext.of(pipeline)
    first = audit_list(context, UNRESOLVED_ONES, limit=20)
    pipeline.read = Read()
    second = audit_list(context, UNRESOLVED_ONES, limit=20, page=first.next)
    assert len(second.entries) == 20


def of_period(pipeline: LargePipeline) -> None:
    page = audit_list(LargeContext.of(pipeline), Selection(pipeline.present - DAY), limit=20)
    assert len(page.entries) == 20


def of_stored_order(pipeline: LargePipeline) -> None:
    assert trace(LargeContext.of(pipeline), f"order-{pipeline.records - 1}").stage is Stage.STORED


def of_failed_order(pipeline: LargePipeline) -> None:
    traced = trace(LargeContext.of(pipeline), f"order-{pipeline.failed[-1]}")
    assert traced.stage is Stage.FAILED
    assert [event.kind for event in traced.events] == ["inserted", "quarantined", "failed"]


LIMITS: dict[str, tuple[Callable[[LargePipeline], None], int, int, int]] = {
    # the most calls of the audit table, items that they go through, and objects that are read
    "audit list": (of_list, 6, 2 * MOST_EXPLAINED + 10, MOST_EXPLAINED),
    "audit list --page": (of_next_page, 8, 100, 20),
    "audit list --since": (of_period, 6, 2 * MOST_EXPLAINED + 10, MOST_EXPLAINED),
    "trace of a stored order": (of_stored_order, 14, 2600, 2),
    "trace of a failed order": (of_failed_order, 14, 2600, 2),
}


@pytest.mark.parametrize("name", LIMITS)
def test_no_more_is_read_where_there_are_more_failures(name: str) -> None:
    act, *limits = LIMITS[name]
    read = []
    for failures in (FEW, MANY):
        pipeline = LargePipeline(failures + 7, failures)
        act(pipeline)
        assert pipeline.read.keys <= 1000
        read.append((pipeline.read.calls["Query"], pipeline.read.items, pipeline.read.objects))
    for found in read:
        assert all(one <= limit for one, limit in zip(found, limits, strict=True)), found
    assert read[1][2] == read[0][2]
    assert read[1][0] <= read[0][0] + 2


def test_counting_transfers_no_failure_and_reads_few_causes() -> None:
    pipeline = LargePipeline(MANY, MANY)
    found = audit_stats(LargeContext.of(pipeline), pipeline.present - timedelta(days=7))
    assert (found.total, found.unresolved, sum(found.by_type.values())) == (MANY, MANY, MANY)
    assert found.oldest_unresolved == pipeline.failed_at(0)
    assert pipeline.read.objects == MOST_EXPLAINED
    assert pipeline.read.items <= MANY + 1000
    assert pipeline.read.whole_items <= 2 * MOST_EXPLAINED + 10


def test_unresolved_failures_before_and_after_the_period_are_counted_once() -> None:
    pipeline = LargePipeline(FEW, FEW)
    since, until = (datetime.fromisoformat(pipeline.failed_at(number)) for number in (500, 1499))
    found = audit_stats(LargeContext.of(pipeline), since, until)
    assert (found.total, found.unresolved) == (1000, FEW)


def test_a_failure_is_found_by_the_beginning_of_its_id_with_one_reading_of_the_trail() -> None:
    pipeline = LargePipeline(MANY, MANY)
    whole = next(iter(pipeline.by_key))
    (found,) = LargeContext.of(pipeline).audit_table.with_prefix(whole[:10])
    assert found.audit_id == whole
    assert pipeline.read.items <= MANY + 10
    assert pipeline.read.whole_items <= 2


def test_records_that_are_all_stored_need_no_failure() -> None:
    pipeline = LargePipeline(3000, 0)
    assert verify(LargeContext.of(pipeline), pipeline.present - DAY).stored == 3000
    assert pipeline.read.calls["Query"] == 0


def test_failures_are_read_once_without_their_messages_since_the_first_record_without_an_object() -> None:
    pipeline = LargePipeline(3000, 1500)
    found = verify(LargeContext.of(pipeline), pipeline.present - DAY)
    assert (found.stored, found.failed, found.lost) == (1500, 1500, 0)
    assert (pipeline.read.items, pipeline.read.whole_items) == (1500, 0)
    assert pipeline.read.keys <= 1500
    late = LargePipeline(3000, 1500)
    report = verify(LargeContext.of(late), late.present - timedelta(hours=3))
    assert report.failed < 200
    assert late.read.items <= report.failed + 1500 * timedelta(minutes=70) / PERIOD
