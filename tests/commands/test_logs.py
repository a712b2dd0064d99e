"""Log lines of both functions: in order, each once, with and without ids."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from pipectl.commands.logs import follow, lines
from tests.support import FakeClock

START = datetime(2026, 1, 1, tzinfo=UTC)


class FakeLogs:
    """A fake of CloudWatch Logs, by group."""

    def __init__(self) -> None:
        self.events: dict[str, list[dict[str, Any]]] = {"processor": [], "auditor": []}
        self.starts: list[float] = []

    def write(self, group: str, second: float, message: str, event_id: str | None = None) -> None:
        event = {"timestamp": int((START.timestamp() + second) * 1000), "message": message, "logStreamName": "s"}
        self.events[group].append(event | ({"eventId": event_id} if event_id else {}))

    def get_paginator(self, _: str) -> FakeLogs:
        return self

    def paginate(self, logGroupName: str, startTime: int) -> Iterator[dict[str, Any]]:  # noqa: N803 - AWS's names
        self.starts.append(startTime / 1000 - START.timestamp())
        for event in self.events[logGroupName]:
            if event["timestamp"] >= startTime:
                yield {"events": [event]}


@pytest.fixture
def logs() -> FakeLogs:
    return FakeLogs()


@pytest.fixture
def context(logs: FakeLogs) -> Any:
    processor, auditor = logs.events
    names = SimpleNamespace(processor_log_group=processor, auditor_log_group=auditor)
    clock = FakeClock()
    return SimpleNamespace(
        pipeline=SimpleNamespace(physical=names),
        aws=SimpleNamespace(logs=logs, clock=clock, now=clock.now),
        require=lambda keys: {key: {} for key in keys},
    )


def test_lines_of_the_same_time_keep_their_order(logs: FakeLogs, context: Any) -> None:
    for event_id, message in (("9", "START"), ("5", "first"), ("7", "second"), ("1", "END")):
        logs.write("processor", 1, message, event_id)
    logs.write("auditor", 0, "before", "3")
    found = lines(context, ["processor", "auditor"], START, None, None)
    assert [line.message for line in found] == ["before", "START", "first", "second", "END"]


@pytest.mark.parametrize("ids", [("1", "2", "3", "4"), (None, None, None, None)], ids=["with ids", "without"])
def test_follow_yields_each_line_once_and_equal_lines_as_often_as_they_were_written(
    ids: tuple[str | None, ...], logs: FakeLogs, context: Any
) -> None:
    logs.write("processor", 1, "same", ids[0])
    logs.write("processor", 1, "same", ids[1])
    following = follow(context, ["processor"], START + timedelta(microseconds=7), None)
    assert [next(following).message for _ in range(2)] == ["same", "same"]
    logs.write("processor", 1, "same", ids[2])
    logs.write("processor", 90.001, "last", ids[3])
    context.aws.clock.sleep(90)
    assert [next(following).message for _ in range(2)] == ["same", "last"]
    logs.write("processor", 60.0005, "too late")
    logs.write("processor", 90.002, "end")
    assert next(following).message == "end"


def test_follow_does_not_read_everything_again_while_nothing_matches(logs: FakeLogs, context: Any) -> None:
    following = follow(context, ["processor"], START - timedelta(hours=1), None)
    clock = context.aws.clock

    def write(seconds: float) -> None:
        FakeClock.sleep(clock, seconds)
        if clock.seconds > 120 and not logs.events["processor"]:
            logs.write("processor", clock.seconds - 20, "late", "1")

    clock.sleep = write
    assert next(following).message == "late"
    assert logs.starts[:2] == [-3600, -30]
    assert logs.starts[-1] == pytest.approx(clock.seconds - 30, abs=4)


def test_at_most_five_pages_are_read_in_a_second(logs: FakeLogs, context: Any) -> None:
    for number in range(50):
        logs.write("processor", number, f"{number}", f"{number}")
    assert len(lines(context, ["processor"], START, None, None)) == 50
    assert context.aws.clock.seconds >= 9.8
