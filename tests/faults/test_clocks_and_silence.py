"""Commands on a pipeline whose metrics are late, whose streams roll and whose counts are old, as on AWS.

A record that is not read yet is never called lost, and what is not known is never called healthy or empty.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from pipectl.commands.down import down
from pipectl.commands.pause import pause
from pipectl.commands.replay_dlq import replay
from pipectl.commands.resume import resume
from pipectl.commands.status import State, status
from pipectl.commands.trace import Stage, trace
from pipectl.commands.up import up
from pipectl.commands.verify import VerifyReport, verify
from pipectl.engine.model import Action
from pipectl.errors import AwsError, DataLossError
from pipectl.failures.audit_table import Selection
from pipectl.failures.errors import NoSuchOrderError
from pipectl.monitoring.checks import Severity
from tests.faults.data_plane import DataPlane, live_pipeline
from tests.support import THOROUGH, World, yes

Live = tuple[World, DataPlane]


@pytest.fixture
def live(tmp_path: Path) -> Iterator[Live]:
    with live_pipeline(tmp_path) as pair:
        yield pair


def check(world: World, **options: Any) -> VerifyReport:
    return verify(world.context(), world.aws.clock.now() - timedelta(hours=24), **options)


def stages(world: World, *orders: str) -> set[Stage]:
    return {trace(world.context(), order).stage for order in orders}


def verdict(world: World) -> Severity:
    return status(world.context()).health.verdict


def refused(world: World) -> tuple[str, ...]:
    """Return the resources whose data keep `down` from deleting anything."""
    with pytest.raises(DataLossError) as caught:
        down(world.context(), yes)
    return tuple(caught.value.resources)


def replayed(world: World) -> Any:
    return replay(world.context(), Selection(world.aws.clock.now() - timedelta(hours=48)), yes)


ORDERS = [f"order-{number}" for number in range(12)]


def test_an_ordinary_day(live: Live) -> None:
    world, plane = live
    plane.order(*ORDERS)
    plane.wait(minutes=10)
    assert plane.objects == set(ORDERS)
    report = check(world)
    assert (report.stored, report.lost, report.pending, report.unread, report.ok) == (12, 0, 0, (), True)
    assert stages(world, *ORDERS[:3]) == {Stage.STORED}
    assert verdict(world) is Severity.HEALTHY


def test_a_lost_record_is_found(live: Live) -> None:
    world, plane = live
    plane.order(*ORDERS)
    plane.wait(minutes=10)
    plane.lose("order-3")
    report = check(world)
    assert (report.stored, report.lost, report.ok) == (11, 1, False)
    assert stages(world, "order-3") == {Stage.LOST}
    report = check(world, repair=True)
    assert (report.repaired, report.ok) == (1, True)
    assert plane.objects == set(ORDERS)


def test_after_up_records_wait_for_a_mapping_that_does_not_read_yet(live: Live) -> None:
    world, plane = live
    down(world.context(), yes, delete_data=True)
    up(world.context(), yes)
    plane.order(*ORDERS[:4])
    plane.wait(seconds=64)
    assert not plane.objects, "the mapping was created less than 150 seconds ago"
    report = check(world)
    assert (report.lost, report.pending) == (0, 4)
    assert Stage.LOST not in stages(world, *ORDERS[:4])
    plane.wait(minutes=6)
    assert check(world).stored == 4


def test_after_a_resume_records_wait_for_a_mapping_that_does_not_read_yet(live: Live) -> None:
    world, plane = live
    pause(world.context(), "ada")
    plane.order(*ORDERS[:4])
    plane.wait(minutes=20)
    assert (check(world).lost, stages(world, "order-0")) == (0, {Stage.WAITING})
    resume(world.context())
    for _ in range(3):
        plane.wait(seconds=30)
        assert check(world).lost == 0
        assert Stage.LOST not in stages(world, *ORDERS[:4])
        assert plane.objects or verdict(world) is not Severity.HEALTHY
    plane.wait(minutes=10)
    assert check(world).stored == 4


def test_after_a_resume_down_sees_records_that_wait(live: Live) -> None:
    world, plane = live
    pause(world.context(), "ada")
    plane.order("order-0")
    plane.wait(minutes=20)
    resume(world.context())
    plane.wait(seconds=40)
    with pytest.raises(DataLossError) as caught:
        down(world.context(), yes)
    (line,) = [line for line in caught.value.message.splitlines() if line.startswith("orders-table")]
    assert "," in line, "the count of orders, and why some are not processed"


@pytest.mark.parametrize("hold", ["reserved concurrency", *(["limit of the account"] if THOROUGH else [])])
def test_records_of_a_throttled_processor_wait(live: Live, hold: str) -> None:
    world, plane = live
    if hold == "reserved concurrency":
        name = world.context().pipeline.physical.processor
        world.aws.lambda_.put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=0)
    else:
        plane.throttled = True
    plane.order(*ORDERS[:4])
    plane.wait(minutes=30)
    assert (check(world).lost, stages(world, *ORDERS[:4])) == (0, {Stage.WAITING})
    assert verdict(world) is not Severity.HEALTHY
    with pytest.raises(DataLossError) as caught:
        down(world.context(), yes)
    (line,) = [line for line in caught.value.message.splitlines() if line.startswith("orders-table")]
    assert "," in line


@pytest.mark.parametrize("seed", range(3 if THOROUGH else 1))
def test_records_behind_empty_pages_are_found(tmp_path: Path, seed: int) -> None:
    with live_pipeline(tmp_path, seed, empty_pages=60) as (world, plane):
        plane.order(*ORDERS)
        plane.wait(minutes=10)
        for order in ORDERS:
            plane.lose(order)
        report = check(world)
        assert report.lost == 12 or report.unread
        assert not report.ok
        for order in ORDERS[:3]:
            found = trace(world.context(), order)
            assert found.stage is Stage.LOST or found.unread


@pytest.mark.parametrize("split", [False, True] if THOROUGH else [True])
def test_shards_that_roll_while_they_are_read(live: Live, split: bool) -> None:
    world, plane = live
    plane.poison = {"order-5"}
    plane.order(*ORDERS[:6])
    plane.stream.roll(split=split)
    plane.order(*ORDERS[6:])
    plane.wait(minutes=10)

    def roll(page: int) -> None:
        if page in (10, 40):
            plane.stream.roll(split=split)

    plane.at_page = roll
    report = check(world)
    assert (report.stored, report.failed, report.lost, report.unread) == (11, 1, 0, ())
    assert stages(world, "order-0", "order-11") == {Stage.STORED}
    assert stages(world, "order-5") == {Stage.FAILED}
    plane.poison.clear()
    report = replayed(world)
    assert report.statuses["REPLAYED"] == 1
    assert plane.objects == set(ORDERS)


def test_records_of_a_deleted_table_are_not_lost(live: Live) -> None:
    world, plane = live
    plane.order(*ORDERS)
    plane.wait(minutes=10)
    down(world.context(), yes, delete_data=True)
    up(world.context(), yes)
    plane.wait(minutes=10)
    plane.order("new")
    plane.wait(minutes=10)
    assert len(plane.streams) == 2
    report = check(world, repair=True)
    assert (report.lost, report.stored) == (0, 1)
    assert plane.objects == {"new"}
    with pytest.raises(NoSuchOrderError):
        trace(world.context(), "order-0")


def test_a_failure_that_the_count_of_the_queue_does_not_show_yet_is_replayed(live: Live) -> None:
    world, plane = live
    plane.auditor_works = False
    plane.poison = {"order-0"}
    plane.order("order-0")
    plane.wait(seconds=31)
    plane.poison.clear()
    report = replayed(world)
    assert report.statuses["REPLAYED"] == 1
    assert plane.objects == {"order-0"}


def test_down_sees_a_failure_that_the_count_of_the_queue_does_not_show_yet(live: Live) -> None:
    world, plane = live
    names = world.context().pipeline.physical
    url = world.aws.sqs.get_queue_url(QueueName=names.queue)["QueueUrl"]
    plane.auditor_works = False
    plane.wait(seconds=60)
    world.aws.sqs.send_message(QueueUrl=url, MessageBody="{}")
    plane.wait(seconds=5)
    assert "dead-letter-queue" in refused(world)


def test_hidden_tags_name_the_missing_permission(live: Live) -> None:
    world, plane = live
    plane.tags_are_hidden = True
    hidden = [each.reason for each in status(world.context()).resources if each.state is State.UNREADABLE]
    assert hidden
    assert set(hidden) == {"needs lambda:ListTags"}
    for command in (lambda context: up(context, yes), lambda context: down(context, yes, delete_data=True)):
        world.calls.clear()
        with pytest.raises(AwsError) as caught:
            command(world.context())
        assert "lambda:ListTags" in f"{caught.value.message} {caught.value.hint}"
        assert world.writes() == []


def test_a_failure_that_was_replayed_leaves_no_bad_verdict(live: Live) -> None:
    """`LastProcessingResult` stays as it was until the next batch."""
    world, plane = live
    plane.poison = {"order-0"}
    plane.order("order-0")
    plane.wait(minutes=5)
    assert verdict(world) is not Severity.HEALTHY
    plane.poison.clear()
    assert replayed(world).statuses["REPLAYED"] == 1
    plane.wait(minutes=70)
    assert verdict(world) is Severity.HEALTHY


def test_a_mapping_over_an_older_stream_discards_nothing(live: Live) -> None:
    world, plane = live
    plane.order(*ORDERS[:4])
    plane.wait(minutes=10)
    down(world.context(), yes, keep_data=True)
    plane.order(*ORDERS[4:8])
    plane.wait(hours=13)
    up(world.context(), yes)
    plane.wait(minutes=30)
    assert plane.audited == []
    assert plane.objects == set(ORDERS[:8])
    assert check(world).lost == 0


def test_a_long_pause_discards_nothing(live: Live) -> None:
    world, plane = live
    pause(world.context(), "ada")
    plane.order(*ORDERS[:4])
    plane.wait(hours=13)
    resume(world.context())
    plane.wait(minutes=30)
    assert plane.audited == []
    assert plane.objects == set(ORDERS[:4])


def test_up_again_changes_nothing(live: Live) -> None:
    world, plane = live
    plane.order(*ORDERS[:4])
    plane.wait(minutes=10)
    assert {change.action for change in up(world.context(), yes).changes} <= {Action.KEEP, Action.UPDATE}
    world.calls.clear()
    up(world.context(), yes)
    assert world.writes() == []
