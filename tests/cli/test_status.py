"""`status` on the command line: exit codes and states."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from rich.console import Console

from pipectl.cli.status import repeat
from pipectl.commands.status import StatusReport
from pipectl.errors import AwsError
from pipectl.output.redraw import Redraw
from tests.cli_support import document, pipectl
from tests.output.status_samples import healthy, incident
from tests.support import FakeClock, World


def test_exit_code_is_3_when_resources_differ(moto: Path) -> None:
    plain = pipectl("-c", moto, "status")
    assert (plain.exit_code, len(plain.stdout.splitlines()) > 1) == (0, True)
    brief = pipectl("-c", moto, "status", "--brief")
    assert (brief.exit_code, len(brief.stdout.splitlines())) == (0, 1)
    assert pipectl("-c", moto, "status", "--exit-code").exit_code == 3


def test_an_unmanaged_resource_is_foreign(foreign: Path) -> None:
    result = pipectl("-c", foreign, "-o", "json", "status", "--exit-code")
    assert result.exit_code == 3
    states = {found["resource"]: found["state"] for found in document(result)["resources"]}
    assert states["dead-letter-queue"] == "foreign"


def test_plan_and_status_exit_with_0_when_in_sync_and_healthy(pipeline: World) -> None:
    assert pipectl("-c", pipeline.file, "plan", "--exit-code").exit_code == 0
    assert pipectl("-c", pipeline.file, "status", "--exit-code").exit_code == 0


@pytest.mark.parametrize("options", [("--all", "--brief"), ("--watch", "--exit-code"), ("--watch", "0")])
def test_options_that_contradict_each_other_are_refused(options: tuple[str, ...], moto: Path) -> None:
    assert pipectl("-c", moto, "status", *options).exit_code == 2


class Interrupted(FakeClock):
    """A clock at which the user presses Ctrl-C after some sleeps."""

    def __init__(self, sleeps: int) -> None:
        super().__init__()
        self.left = sleeps

    def sleep(self, seconds: float) -> None:
        super().sleep(seconds)
        self.left -= 1
        if not self.left:
            raise KeyboardInterrupt


class Reports:
    """Reads that return reports, or raise errors, in turn; and what was shown of them."""

    def __init__(self, *reads: StatusReport | AwsError) -> None:
        self.reads = list(reads)
        self.shown: list[tuple[str, str | None]] = []

    def read(self) -> StatusReport:
        found = self.reads.pop(0)
        if isinstance(found, AwsError):
            raise found
        return found

    def show(self, report: StatusReport, problem: AwsError | None) -> None:
        self.shown.append((report.health.verdict.name, problem.message if problem else None))

    def watch(self, clock: FakeClock) -> int:
        redraw = Redraw(Console(file=io.StringIO()), in_place=False, gap=False)
        return repeat(clock, 5, self.read, self.show, redraw)


def test_watch_repeats_the_report_until_ctrl_c() -> None:
    clock, reports = Interrupted(3), Reports(incident("x"), incident("x"), healthy())
    assert reports.watch(clock) == 130
    assert reports.shown == [("FAILING", None), ("FAILING", None), ("HEALTHY", None)]
    assert clock.seconds == 15


def test_a_later_error_leaves_the_last_report_and_may_pass() -> None:
    reports = Reports(healthy(), AwsError("no answer"), incident("x"))
    assert reports.watch(Interrupted(3)) == 130
    assert reports.shown == [("HEALTHY", None), ("HEALTHY", "no answer"), ("FAILING", None)]


def test_an_error_of_the_first_read_ends_the_command() -> None:
    with pytest.raises(AwsError):
        Reports(AwsError("denied")).watch(Interrupted(1))
