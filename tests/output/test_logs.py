"""The screens of `logs`, and what a followed log prints."""

from __future__ import annotations

import io
import json
from datetime import timedelta
from typing import Any

import pytest
from syrupy.assertion import SnapshotAssertion

from pipectl.commands.logs import Search
from pipectl.monitoring.log_reader import LogLine
from pipectl.output.console import Screen
from pipectl.output.logs import REPEATS_AFTER, SAME_WITHIN, Follower
from tests.output.samples import NOON, samples_of
from tests.output.screens import printed

SAMPLES = samples_of("logs")
SECOND = timedelta(seconds=1)


@pytest.mark.parametrize("name", SAMPLES)
def test_a_screen(name: str, snapshot: SnapshotAssertion) -> None:
    assert printed(SAMPLES[name]) == snapshot


class Following:
    """A followed log, and what is printed of it."""

    def __init__(self, *, json_output: bool = False, raw: bool = False) -> None:
        self.screen = Screen(json_output=json_output)
        self.screen.out.file = io.StringIO()
        self.follower = Follower(self.screen, Search(("processor",), NOON, routine=raw))

    def poll(self, second: float, *messages: str) -> list[str]:
        """Return what is printed for a poll that finds these lines, one after the other in a tenth of a second."""
        now = NOON + second * SECOND
        lines = [
            LogLine(now + at * SECOND / 10, "processor", message, f"{second} {at}")
            for at, message in enumerate(messages)
        ]
        self.follower.show(lines, now)
        return self.printed()

    def printed(self) -> list[str]:
        file: Any = self.screen.out.file
        lines = [line.replace(" processor       ", " ") for line in file.getvalue().splitlines()]
        file.truncate(0)
        file.seek(0)
        return lines


def test_repeats_are_counted_and_reported_before_the_next_other_line() -> None:
    log = Following()
    assert log.poll(0, "a", "b", "a") == ["12:00:00 a  (2 x, last 12:00:00)", "12:00:00 b"]
    assert log.poll(2, "a", "b") == []
    assert log.poll(4, "a", "c") == [
        "12:00:02 1 more x, last 12:00:02: b",
        "12:00:04 2 more x, last 12:00:04: a",
        "12:00:04 c",
    ]
    assert log.poll(6, "c") == []


def test_repeats_are_reported_after_some_seconds_and_at_the_end() -> None:
    log = Following()
    log.poll(0, "a")
    assert log.poll(2, "a") == []
    assert log.poll(2 + REPEATS_AFTER.total_seconds()) == ["12:00:02 1 more x, last 12:00:02: a"]
    assert log.poll(30) == []
    log.poll(40, "a", "a")
    log.follower.end(NOON + 41 * SECOND)
    assert log.printed() == ["12:00:40 2 more x, last 12:00:40: a"]
    log.follower.end(NOON + 42 * SECOND)
    assert log.printed() == []


def test_an_equal_line_is_a_new_one_after_some_minutes() -> None:
    log = Following()
    log.poll(0, "a")
    assert log.poll(SAME_WITHIN.total_seconds(), "a") == ["12:05:00 a"]


def test_lines_of_two_requests_are_equal_and_of_two_orders_are_not() -> None:
    line = {"level": "ERROR", "message": "record failed", "keys": {"orderId": {"S": "5"}}, "reason": "E: 5"}
    lines = [json.dumps(line | more) for more in ({}, {"requestId": "2"}, {"keys": {"orderId": {"S": "6"}}})]
    first, second = Following().poll(0, *lines)
    assert first.endswith("order 5: E: 5  (2 x, last 12:00:00)")
    assert second.endswith("order 6: E: 5")


def test_an_exception_that_only_repeats_the_record_that_failed_is_left_out() -> None:
    keys = '{"orderId": {"S": "5"}}'
    line = json.dumps({"message": "record failed", "keys": json.loads(keys), "reason": "E: x"})
    raised = f"[ERROR] BatchError: record with keys {keys} and sequence number 1 failed: E: x"
    assert len(Following().poll(0, line, f"{raised}\nTraceback", f"{raised} (2 more of the batch failed)")) == 1
    assert len(Following().poll(0, line, f"{raised}, too")) == 2
    assert len(Following().poll(0, raised)) == 1


def test_an_equal_traceback_is_printed_once() -> None:
    log = Following()
    assert len(log.poll(0, "[ERROR] E: 1\nTraceback\n  File", "[ERROR] E: 2\nTraceback\n  File")) == 4
    [line] = log.poll(2, "[ERROR] E: 3\nTraceback\n  File")
    assert line.endswith("E: 3  (same details as above)")


def test_raw_prints_every_line_as_it_is() -> None:
    log = Following(raw=True)
    assert (
        log.poll(0, "END RequestId: r", "END RequestId: r") == ["2026-01-31T12:00:00Z processor END RequestId: r"] * 2
    )


def test_json_is_a_document_on_each_line() -> None:
    log = Following(json_output=True)
    found = [json.loads(line) for line in log.poll(0, "a\nb", "[ERROR] E: \x1b", "a\nb")]
    assert [each["message"] for each in found] == ["a\nb", "[ERROR] E: \x1b", "a\nb"]
    assert [each["isError"] for each in found] == [False, True, False]
    log.follower.end(NOON)
    assert log.printed() == []


def test_a_long_line_wraps_beside_its_time_and_breaks_no_id() -> None:
    screen = Screen(color=False)
    number = "000000017956825071140000000001"

    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    screen.out.file = terminal = Terminal()
    screen.out.width = 80
    Follower(screen, Search(("processor",), NOON)).show(
        [LogLine(NOON, "processor", f"{'word ' * 10}{number}", "1")], NOON
    )
    first, second = terminal.getvalue().splitlines()
    assert first.startswith("12:00:00 processor")
    assert second == " " * 25 + number
