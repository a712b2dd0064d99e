"""`logs` on the command line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.cli.lines import check_line
from tests.cli_support import document, pipectl
from tests.support import World

LINES = {
    "logs": 0,
    "logs processor --since 1h --filter ERROR": 0,
}
"""Command lines, with their exit codes."""


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
        assert found["events"][0].keys() == {"time", "function", "message"}


@pytest.mark.parametrize("options", [("-o", "json"), ("--until", "1m")])
def test_follow_excludes_json_and_an_end(options: tuple[str, ...], file: Path) -> None:
    assert pipectl("-c", file, "logs", "--follow", *options).exit_code == 2


def test_an_unknown_function_is_a_usage_error(file: Path) -> None:
    assert pipectl("-c", file, "logs", "replayer").exit_code == 2
