"""Unusual arguments give a documented exit code and a message instead of a traceback."""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import click
import pytest
from click.testing import CliRunner
from hypothesis import example, given, settings
from hypothesis import strategies as st
from moto import mock_aws

from pipectl.cli.main import main
from pipectl.cli.options import MOMENT
from pipectl.commands.up import up
from tests.fuzz.strategies import TEXTS
from tests.support import FakeClock, make_world, yes

EXIT_CODES = {0, 1, 2, 3, 4, 130}
SPANS = st.builds(lambda number, unit: f"{number}{unit}", st.integers(0, 10**7), st.sampled_from("smhdwy"))
TIMES = st.datetimes(timezones=st.none() | st.timezones()).map(datetime.isoformat) | SPANS | TEXTS
COUNTS = st.integers().map(str) | st.just("9" * 30) | TEXTS
COMMANDS = (
    st.builds(lambda word: ["audit", "list", f"--since={word}"], TIMES)
    | st.builds(lambda since, until: ["audit", "list", f"--since={since}", f"--until={until}"], TIMES, TIMES)
    | st.builds(lambda word: ["audit", "list", f"--page={word}"], TEXTS)
    | st.builds(lambda word: ["audit", "list", f"--limit={word}"], COUNTS)
    | st.builds(lambda word: ["audit", "list", f"--type={word}", f"--status={word}"], TEXTS)
    | st.builds(lambda word: ["audit", "stats", f"--since={word}"], TIMES)
    | st.builds(lambda word: ["audit", "show", "--", word], TEXTS)
    | st.builds(lambda word: ["logs", f"--since={word}"], TIMES)
    | st.builds(lambda word: ["logs", f"--until={word}"], TIMES)
    | st.builds(lambda word: ["trace", "--", word], TEXTS)
    | st.builds(lambda word: ["verify", f"--since={word}"], TIMES)
    | st.builds(lambda word: ["replay-dlq", "--dry-run", f"--since={word}"], TIMES)
    | st.builds(lambda word: ["replay-dlq", "--yes", f"--until={word}"], TIMES)
    | st.builds(lambda word: ["replay-dlq", "--dry-run", f"--limit={word}"], COUNTS)
    | st.builds(lambda word: ["replay-dlq", "--yes", f"--id={word}"], TEXTS)
    | st.builds(lambda word: ["replay-dlq", "--dry-run", f"--type={word}"], TEXTS)
    | st.builds(lambda word: ["replay-dlq", "--yes", f"--from={word}"], TEXTS)
    | st.lists(TEXTS, max_size=3)
)


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Create a pipeline on moto and return its config file."""
    with pytest.MonkeyPatch.context() as patch, mock_aws():
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            patch.setenv(name, "testing")
        patch.setenv("AWS_ACCOUNT_ID_ENDPOINT_MODE", "disabled")
        world = make_world(tmp_path_factory.mktemp("command-line"), clock=FakeClock())
        up(world.context(), yes)
        yield world.file


def check(*args: str, config: str) -> None:
    done = CliRunner().invoke(main, args, env={"PIPECTL_CONFIG": config})
    assert done.exit_code in EXIT_CODES
    assert isinstance(done.exception, SystemExit | None), done.exception
    assert "Traceback" not in done.output
    assert "a bug in pipectl" not in done.output
    assert done.exit_code == 0 or done.stderr


@settings(max_examples=settings().max_examples // 25)
@given(COMMANDS, st.booleans())
@example(["replay-dlq", "--dry-run", "--limit=" + "9" * 30], False)
@example(["audit", "list", "--since=999999d"], False)
@example(["verify", "--since=0001-01-01T00:00:00+01:00"], False)
@example(["logs", "--since=1969-01-01"], False)
@example(["audit", "show", "\ud800"], False)
def test_a_command_with_unusual_arguments(file: Path, args: list[str], as_json: bool) -> None:
    check(*(["-o", "json"] if as_json else []), *args, config=str(file))


@settings(max_examples=settings().max_examples // 4)
@given(
    st.binary(max_size=300).map(lambda raw: os.fsdecode(raw.replace(b"\0", b""))) | st.sampled_from(["/", "x" * 300])
)
def test_an_unusual_config_path(name: str) -> None:
    check("config", "check", config=name)


@given(TIMES)
def test_a_time_is_in_utc_and_in_range(text: str) -> None:
    try:
        moment = MOMENT.convert(text, None, None)
    except click.UsageError:
        return
    assert datetime(1970, 1, 1, tzinfo=UTC) <= moment
    assert moment - timedelta(days=1)
    assert moment.tzinfo is UTC
