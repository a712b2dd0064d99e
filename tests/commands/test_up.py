"""`up`: the report after a failure."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest

from pipectl.aws.calls import Call
from pipectl.commands.plan import plan
from pipectl.commands.up import UpReport, up
from pipectl.config.models import EXTRA_ALARMS
from pipectl.engine.model import Action, Change
from pipectl.errors import AccessDeniedError, CancelledError, IncompleteError, PipectlError
from tests.support import PATIENCE, Recorder, World, yes


def fail(world: World, *operations: str) -> None:
    """Let these operations fail as if permission were denied."""

    def attempt(call: Call, _: Mapping[str, Any], send: Callable[[], Any]) -> Any:
        if call.operation in operations:
            raise AccessDeniedError(f"{call.service} {call.operation}: denied")
        return send()

    world.aws.attempt = attempt


def test_a_failure_reports_the_changes_that_were_done(moto_world: World) -> None:
    fail(moto_world, "CreateFunction")
    with pytest.raises(IncompleteError) as failed:
        up(moto_world.context(), yes)
    report = failed.value.report
    assert isinstance(report, UpReport)
    assert {change.action for change in report.changes} == {Action.CREATE}
    done = {change.resource for change in report.changes}
    assert failed.value.errors.keys() == {"processor", "auditor"}
    assert done.isdisjoint({"processor", "auditor", "stream-mapping", "queue-mapping", "errors-alarm"})
    assert {"processor-role", "orders-table", "bucket", "dead-letter-queue"} <= done
    assert "OrdersTableName" in report.outputs
    assert "ProcessorFunctionName" not in report.outputs


def test_a_single_failure_reports_the_changes_that_were_done(moto_world: World) -> None:
    fail(moto_world, "PutMetricAlarm")
    with pytest.raises(PipectlError) as failed:
        up(moto_world.context(extra_alarms=False), yes)
    report = failed.value.report
    assert isinstance(report, UpReport)
    assert {change.resource for change in report.changes} == moto_world.context().resources.keys() - {
        *("errors-alarm", *EXTRA_ALARMS),
    }


def test_a_failure_while_reading_reports_no_changes(moto_world: World) -> None:
    fail(moto_world, "DescribeTable")
    with pytest.raises(PipectlError) as failed:
        up(moto_world.context(), yes)
    assert failed.value.report is None
    assert moto_world.writes() == []


def test_the_hint_after_a_failure_repeats_the_options(moto_world: World) -> None:
    fail(moto_world, "CreateFunction")
    with pytest.raises(IncompleteError) as failed:
        up(moto_world.context(), yes, adopt=["bucket", "processor"], allow_stream_replacement=True)
    assert "`pipectl up --adopt bucket --adopt processor --allow-stream-replacement` continues" in str(
        failed.value.hint
    )


def test_the_next_up_continues(moto_world: World) -> None:
    fail(moto_world, "CreateFunction")
    with pytest.raises(PipectlError):
        up(moto_world.context(), yes)
    moto_world.aws.attempt = lambda _, __, send: send()
    up(moto_world.context(), yes)
    assert plan(moto_world.context()).pending == []


class InterruptedAfterChanges(Recorder):
    """A reporter at whose end of the changes the user presses Ctrl-C."""

    @contextmanager
    def changing(self, changes: Sequence[Change], needs: Mapping[str, Collection[str]]) -> Iterator[None]:
        del changes, needs
        yield
        raise KeyboardInterrupt


def test_ctrl_c_ends_the_search_for_orphans_too(moto_world: World) -> None:
    cancelled = threading.Event()

    def attempt(call: Call, _: Mapping[str, Any], send: Callable[[], Any]) -> Any:
        if call.operation == "GetResources":
            assert cancelled.wait(PATIENCE)
            raise CancelledError("interrupted")
        return send()

    moto_world.aws.attempt = attempt
    context = replace(moto_world.context(), reporter=InterruptedAfterChanges(), cancel=cancelled.set)
    with pytest.raises(KeyboardInterrupt):
        up(context, yes)
    assert cancelled.is_set()
