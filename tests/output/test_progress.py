"""Progress of changes: lines that change on a terminal, a line for each event elsewhere."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest

from pipectl.aws.waits import Portion
from pipectl.engine.model import Action, Change
from pipectl.engine.parallel import current
from pipectl.errors import CancelledError, PipectlError
from pipectl.output.console import Screen
from pipectl.output.live import LiveArea
from pipectl.output.progress import Progress
from tests.output.terminal import Terminal, console_of
from tests.support import FakeClock


def change(key: str, action: Action = Action.CREATE) -> Change:
    return Change(key, "table", f"dev-{key}", action)


TABLE, ROLE, FUNCTION, MAPPING = map(change, ("table", "role", "function", "mapping"))
CHANGES = [TABLE, ROLE, FUNCTION, MAPPING]
NEEDS = {"table": (), "role": (), "function": ("role", "bucket"), "mapping": ("table", "function", "role", "queue")}


class Scene:
    """Progress on a terminal whose time only the test moves."""

    def __init__(self, width: int = 80, height: int = 24, encoding: str = "utf-8") -> None:
        self.clock = FakeClock()
        self.terminal = Terminal(width, encoding)
        console = console_of(self.terminal, height)
        area = LiveArea(console)
        self.screen = Screen()
        self.screen.err = console
        self.progress = Progress(self.screen, area, quiet=False, monotonic=self.clock.monotonic, ticking=False)
        self.screen.progress = self.progress

    def after(self, seconds: float) -> list[str]:
        """Let the time pass, and return the lines of the terminal."""
        self.clock.sleep(seconds)
        self.progress.tick()
        return self.terminal.shown()


@contextmanager
def working_on(key: str) -> Iterator[None]:
    token = current.set(key)
    yield
    current.reset(token)


def test_running_changes_have_their_seconds_and_the_others_are_counted() -> None:
    scene = Scene()
    with scene.progress.changing(CHANGES, NEEDS):
        scene.progress.started(TABLE)
        assert scene.after(1) == [
            "  + table    creating     1 s",
            "  0 of 4 done, 3 wait: role, function (role), mapping (table, function, ...)",
        ]
        scene.progress.started(ROLE)
        assert scene.after(2) == [
            "  + table    creating     3 s",
            "  + role     creating     2 s",
            "  0 of 4 done, 2 wait: function (role), mapping (table, function, ...)",
        ]
        scene.progress.finished(ROLE, 2.5)
        assert scene.terminal.shown() == [
            "+ role created  2.5 s",
            "  + table    creating     3 s",
            "  1 of 4 done, 2 wait: function, mapping (table, function)",
        ]
        scene.progress.started(FUNCTION)
        scene.progress.finished(TABLE, 4.0)
        assert scene.after(1) == [
            "+ role created  2.5 s",
            "+ table created  4.0 s",
            "  + function creating     1 s",
            "  2 of 4 done, 1 wait: mapping (function)",
        ]
    assert scene.terminal.shown() == ["+ role created  2.5 s", "+ table created  4.0 s"]
    assert not scene.terminal.hides_cursor()


def test_a_change_shows_what_it_waits_for_until_the_wait_ends() -> None:
    scene = Scene(width=60)
    with scene.progress.changing([TABLE], {}), working_on("table"):
        scene.progress.started(TABLE)
        scene.progress.awaits("table dev-table to become ACTIVE")
        assert scene.after(1)[0] == "  + table creating     1 s  to become ACTIVE"
        scene.progress.awaits("throttled by AWS")
        assert scene.after(1)[0].endswith("2 s  throttled by AWS")
        scene.progress.awaits(None)
        assert "to become" in scene.after(1)[0]
        scene.progress.awaits(None)
        assert scene.after(1)[0] == "  + table creating     4 s"
        scene.progress.waiting("waiting for the table")
        assert len(scene.after(1)) == 2


@pytest.mark.parametrize(("encoding", "bar"), [("utf-8", "██░░░░░░"), ("ascii", "[##......]")])
def test_a_portion_of_long_work_is_a_bar_that_is_never_full(encoding: str, bar: str) -> None:
    scene = Scene(encoding=encoding, width=120)
    with scene.progress.changing([TABLE], {}), working_on("table"):
        scene.progress.started(TABLE)
        portion = Portion(30_000, 100_000, "object version", "deleted", more=True, seconds=10)
        scene.progress.awaits(portion)
        start = "  + table creating     1 s  "
        assert scene.after(1)[0].startswith(f"{start}{bar} 30,000 of at least 100,000 object ")
        scene.progress.awaits(None)
        scene.progress.awaits(replace(portion, done=99_999, more=False))
        assert "99,999 of 100,000 object" in scene.after(1)[0]
        scene.progress.awaits(replace(portion, done=100_000, more=False))
        assert "█" * 8 not in scene.after(1)[0]
        assert "#" * 8 not in scene.after(1)[0]


def test_on_a_narrow_terminal_a_portion_has_counts_and_the_time_left() -> None:
    portion = Portion(30_000, 100_000, "object version", "deleted", more=True, seconds=10)
    scene = Scene(width=60)
    with scene.progress.changing([TABLE], {}), working_on("table"):
        scene.progress.started(TABLE)
        scene.progress.awaits(portion)
        assert scene.after(1)[0] == "  + table creating     1 s  ██░░░░░░ 30,000 of 100,000+"
    scene = Scene(width=70)
    with scene.progress.changing([TABLE], {}), working_on("table"):
        scene.progress.started(TABLE)
        scene.progress.awaits(replace(portion, more=False))
        assert scene.after(1)[0] == "  + table creating     1 s  ██░░░░░░ 30,000 of 100,000, 23 s left"


def test_a_failure_is_shown_with_its_error_until_the_end() -> None:
    scene = Scene()
    with scene.progress.changing(CHANGES, NEEDS):
        scene.progress.started(ROLE)
        scene.progress.started(TABLE)
        scene.clock.sleep(3)
        scene.progress.failed(ROLE, PipectlError("access denied: iam:CreateRole\nmore"))
        assert scene.after(0) == [
            "! role failed after 3.0 s",
            "  ! role     failed            access denied: iam:CreateRole",
            "  + table    creating     3 s",
            "  0 of 4 done, 2 wait: function, mapping (table, function)",
        ]
        scene.progress.failed(TABLE, CancelledError("interrupted"))
        assert scene.after(0)[-1] == "  0 of 4 done, 2 wait: function, mapping (function)"
    assert scene.terminal.shown() == ["! role failed after 3.0 s", "! table interrupted  3.0 s"]


def test_notices_are_printed_above() -> None:
    scene = Scene()
    with scene.progress.changing([TABLE], {}):
        scene.progress.started(TABLE)
        scene.progress.note("Interrupted: waiting for calls in progress.")
        scene.screen.notice([("Warning: the clock differs",)])
        assert scene.after(1) == [
            "Interrupted: waiting for calls in progress.",
            "Warning: the clock differs",
            "  + table creating     1 s",
            "  0 of 1 done",
        ]


def test_few_drawings_a_second_however_much_happens() -> None:
    scene = Scene()
    with scene.progress.changing([TABLE], {}), working_on("table"):
        scene.progress.started(TABLE)
        before = len(scene.terminal.writes)
        for number in range(1000):
            scene.clock.sleep(0.001)
            scene.progress.awaits(f"attempt {number}")
        assert len(scene.terminal.writes) - before <= 4


def test_nothing_is_written_while_nothing_changes() -> None:
    scene = Scene()
    scene.progress.step("reading 18 resources")
    before = len(scene.terminal.writes)
    for _ in range(3):
        scene.after(0.25)
    assert len(scene.terminal.writes) == before
    assert scene.after(0.25) == ["reading 18 resources  1 s"]


def test_the_result_removes_a_step() -> None:
    scene = Scene()
    scene.progress.step("reading 18 resources")
    assert scene.terminal.shown() == ["reading 18 resources"]
    scene.screen.out.file = io.StringIO()
    scene.screen.line("in sync")
    assert scene.terminal.shown() == []


@pytest.mark.parametrize(("width", "height"), [(80, 24), (40, 10), (12, 3), (1, 1)])
def test_no_size_of_a_terminal_breaks_the_lines(width: int, height: int) -> None:
    scene = Scene(width, height, "ascii")
    keys = [change(f"resource-{number}", Action.REPLACE) for number in range(30)]
    with scene.progress.changing(keys, {}):
        for each in keys[:20]:
            scene.progress.started(each)
        assert len(scene.after(1)) <= max(height - 1, 1)
        assert max(map(len, scene.after(1))) < max(width, 12)
    assert scene.terminal.shown() == []


def test_without_a_terminal_each_event_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    clock = FakeClock()
    progress = Screen(monotonic=clock.monotonic).progress
    with progress.changing(CHANGES, NEEDS):
        progress.started(TABLE)
        clock.sleep(3)
        with working_on("table"):
            progress.waiting("waiting for table dev-table to become ACTIVE")
        progress.finished(TABLE, 3.0)
        progress.started(ROLE)
        progress.failed(ROLE, PipectlError("denied"))
    progress.step("checking")
    assert capsys.readouterr().err.splitlines() == [
        "+ table creating",
        "  table: waiting for table dev-table to become ACTIVE",
        "+ table created  3.0 s",
        "+ role creating",
        "! role failed after 0.0 s: denied",
    ]


def test_long_work_is_a_step_on_a_terminal_and_two_lines_elsewhere(capsys: pytest.CaptureFixture[str]) -> None:
    scene = Scene()
    with scene.progress.work("installing"):
        assert scene.after(4) == ["installing  4 s"]
    clock = FakeClock()
    for json_output in (False, True):
        with Screen(monotonic=clock.monotonic, json_output=json_output).progress.work("installing"):
            clock.sleep(4)
    done = "installing: done in 4.0 s"
    assert capsys.readouterr().err.splitlines() == ["installing", done, done]


def test_with_json_only_ends_and_waits_are_printed(capsys: pytest.CaptureFixture[str]) -> None:
    progress = Screen(json_output=True).progress
    with progress.changing([TABLE], {}):
        progress.started(TABLE)
        progress.finished(TABLE, 3.0)
    assert capsys.readouterr() == ("", "+ table created  3.0 s\n")


def test_quiet_prints_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    progress = Screen(quiet=True).progress
    with progress.changing([TABLE], {}):
        progress.started(TABLE)
        progress.waiting("waiting")
        progress.failed(TABLE, PipectlError("denied"))
    assert capsys.readouterr() == ("", "")
