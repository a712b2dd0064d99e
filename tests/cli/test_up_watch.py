"""`up --watch` on the command line: options, protected environments, a missing watchfiles."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipectl.cli.options import Globals
from pipectl.cli.session import Session
from pipectl.cli.up_watch import follow
from pipectl.commands.up import up
from pipectl.errors import CancelledError
from pipectl.file_watcher import WatchedPaths
from tests.cli_support import error, pipectl
from tests.moto_snapshot import create_pipeline
from tests.support import make_world, write_config, yes


@pytest.mark.parametrize(
    "options", ["--watch --dry-run", "--confirm dev", "--watch --confirm prod", "--watch -o markdown"]
)
def test_options_that_contradict_each_other_are_refused(options: str, file: Path) -> None:
    assert pipectl("-c", file, "up", "--yes", *options.split()).exit_code == 2


def test_a_protected_environment_needs_its_name(moto: Path) -> None:
    write_config(moto.parent, {"protect": True})
    result = pipectl("-c", moto, "-o", "json", "up", "--watch", "--yes")
    assert (result.exit_code, result.stdout, error(result)["code"]) == (2, "", "Protected")
    assert make_world(moto.parent).aws.dynamodb.list_tables()["TableNames"] == []


def test_without_watchfiles_nothing_is_deployed_and_the_hint_installs_it(file: Path) -> None:
    without = "import sys; sys.modules['watchfiles'] = None\nfrom pipectl.__main__ import main\nmain()"
    command = [sys.executable, "-c", without, "-c", str(file), "-o", "json", "up", "--watch", "--yes"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (1, "")
    assert "pip install 'pipectl-aws[local]'" in done.stderr


@pytest.fixture
def session(moto: Path) -> Session:
    create_pipeline(make_world(moto.parent))
    return Session(Globals(config=str(moto), region="us-east-1"), "up")


def test_ctrl_c_between_two_deployments_exits_with_130(session: Session) -> None:
    aimed: list[WatchedPaths] = []

    def changes() -> Iterator[list[Path]]:
        yield [session.file]
        raise KeyboardInterrupt

    assert follow(session, up(session.context, yes), changes(), aimed.append) == CancelledError.exit_code
    assert set(aimed) == {aimed[0]}
