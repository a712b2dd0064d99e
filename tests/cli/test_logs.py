"""`logs` on the command line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.cli.lines import check_line
from tests.cli_support import document, error, pipectl
from tests.support import World

LINES = {
    "logs": 0,
    "logs processor --since 1h --filter ERROR": 0,
    "logs --errors": 0,
    "logs --order o-1 --raw": 0,
    "logs --failure FAILURE": 0,
    "logs --failure 0000000": 1,
}
"""Command lines, with their exit codes."""
EVENT = {"time", "function", "message", "level", "text", "requestId", "orders", "isError"}


@pytest.mark.parametrize("line", LINES)
def test_the_exit_code_the_text_and_the_document(line: str, failed: tuple[World, str], tmp_path: Path) -> None:
    check_line(line, LINES[line], failed, tmp_path)


def test_the_function_and_the_start_select_lines(failed: tuple[World, str]) -> None:
    world = failed[0]
    now = int(world.aws.clock.now().timestamp() * 1000)
    names = world.context().pipeline.physical
    for group in (names.processor_log_group, names.auditor_log_group):
        world.aws.logs.create_log_stream(logGroupName=group, logStreamName="stream")
        events: Any = [{"timestamp": now - age * 1000, "message": f"{age} s old"} for age in (1800, 30)]
        world.aws.logs.put_log_events(logGroupName=group, logStreamName="stream", logEvents=events)
    for options, count in (((), 2), (("processor",), 1), (("--since", "1h"), 4)):
        found = document(pipectl("-c", world.file, "-o", "json", "logs", *options))
        assert len(found["events"]) == count
        assert found["events"][0].keys() == EVENT


def test_the_default_start_is_earlier_for_errors_and_orders(failed: tuple[World, str]) -> None:
    world = failed[0]
    now = int(world.aws.clock.now().timestamp() * 1000)
    group = world.context().pipeline.physical.processor_log_group
    world.aws.logs.create_log_stream(logGroupName=group, logStreamName="earlier")
    line = json.dumps(
        {"level": "ERROR", "message": "record failed", "keys": {"orderId": {"S": "o-77"}}, "reason": "E: x"}
    )
    events: Any = [{"timestamp": now - minutes * 60_000, "message": line} for minutes in (120, 40)]
    world.aws.logs.put_log_events(logGroupName=group, logStreamName="earlier", logEvents=events)
    for options, count in (("processor",), 0), (("processor", "--errors"), 1), (("--order", "o-77"), 2):
        found = document(pipectl("-c", world.file, "-o", "json", "logs", *options))
        assert sum(event["orders"] == ["o-77"] for event in found["events"]) == count
    text = pipectl("-c", world.file, "logs", "--order", "o-77")
    assert "order o-77: E: x  (2 x, last " in text.stdout


def test_no_match_is_reported_on_stderr_with_the_period_and_the_next_command(failed: tuple[World, str]) -> None:
    result = pipectl("-c", failed[0].file, "logs", "--order", "o-404")
    assert (result.exit_code, result.stdout) == (0, "")
    assert "order o-404 in the log of the processor" in result.stderr
    assert "trace o-404`" in result.stderr


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ("--follow --until 1m", ("--follow", "--until")),
        ("--follow --failure abcd", ("--follow", "--failure")),
        ("--failure abcd --since 1h", ("--failure", "--since")),
        ("--failure abcd --until 1h", ("--failure", "--until")),
        ("--order a --filter b", ("--order", "--filter")),
        ("--order a --failure abcd", ("--order", "--failure")),
        ("--failure abcd --filter b", ("--failure", "--filter")),
        ("auditor --order a", ("--order", "auditor")),
        ("--order ''", ("--order",)),
        ("--failure ''", ("--failure",)),
    ],
)
def test_options_that_contradict_each_other_are_named(options: str, named: tuple[str, ...], file: Path) -> None:
    words = [word.strip("'") for word in options.split(" ")]
    result = pipectl("-c", file, "logs", *words)
    assert result.exit_code == 2
    assert all(name in result.stderr for name in named)


def test_an_unknown_function_is_a_usage_error(file: Path) -> None:
    assert pipectl("-c", file, "logs", "replayer").exit_code == 2


def test_following_begins_with_words_but_not_in_json(moto: Path) -> None:
    elsewhere = ("--region", "eu-west-3")  # there is no log to follow, so the command ends
    text = pipectl("-c", moto, *elsewhere, "logs", "processor", "--follow")
    assert (text.exit_code, text.stdout) == (1, "")
    assert text.stderr.startswith("Following the log of the processor. Ctrl-C ends.\n")
    assert error(pipectl("-c", moto, *elsewhere, "-o", "json", "logs", "processor", "--follow"))["code"]
