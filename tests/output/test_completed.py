"""Commands in pipectl's own sentences carry the options that were used, as text and as JSON; data stay as they are."""

from __future__ import annotations

import io
import re
from typing import Any

import pytest

from pipectl.commands.logs import LogReport, Search
from pipectl.commands.plan import PlanReport
from pipectl.commands.status import ResourceStatus, State, StatusReport
from pipectl.commands.trace import Stage, Trace
from pipectl.engine.model import Action, Change, Delta
from pipectl.errors import AwsError, PipectlError
from pipectl.global_options import reason_against
from pipectl.monitoring.checks import Check, Finding, Severity
from pipectl.monitoring.health import Health
from pipectl.monitoring.log_reader import LogLine
from pipectl.output import logs, plan, status, trace
from pipectl.output.console import Screen
from pipectl.review.model import Review
from tests.output.samples import NOON, Sample, samples
from tests.output.screens import document, printed

DATA = "Run `pipectl status`."
OPTIONS = [("-c", "config/prod.yaml"), ("--local", None)]
COMPLETED = "`pipectl -c config/prod.yaml --local "
COMMANDS_IN_DATA = {name: show for name, show in samples(DATA).items() if name in ("logs", "audit show", "AWS error")}
SAMPLES = samples("DATA")


def both(show: Sample) -> tuple[str, Any]:
    return printed(show, OPTIONS), document(show, OPTIONS)


@pytest.mark.parametrize("json_output", [False, True])
@pytest.mark.parametrize("name", SAMPLES)
def test_every_command_on_a_screen_carries_the_options(name: str, json_output: bool) -> None:
    screen = Screen(json_output=json_output, options=OPTIONS[:1])
    screen.out.file = screen.err.file = io.StringIO()
    SAMPLES[name](screen)
    commands = re.findall("`pipectl ([^`]*)`", screen.out.file.getvalue())
    bare = [command for command in commands if not command.startswith("-c config/prod.yaml ")]
    assert [command for command in bare if reason_against(command, "-c") is None] == []


@pytest.mark.parametrize("json_output", [False, True])
@pytest.mark.parametrize("name", COMMANDS_IN_DATA)
def test_a_command_in_data_stays(name: str, json_output: bool) -> None:
    screen = Screen(json_output=json_output, options=OPTIONS)
    screen.out.file = screen.err.file = io.StringIO()
    COMMANDS_IN_DATA[name](screen)
    shown = screen.out.file.getvalue()
    assert DATA in shown
    assert f"{COMPLETED}status" not in shown


def test_a_log_line_stays() -> None:
    line = LogLine(NOON, "processor", DATA, "1")
    text, found = both(lambda screen: logs.result(screen, LogReport((line,), Search(("processor",), NOON), 1, NOON)))
    assert DATA in text
    assert found["events"][0]["message"] == DATA


def test_the_values_of_a_difference_stay_and_its_reason_is_completed() -> None:
    delta = Delta("Run `pipectl status`.", "Run `pipectl -c config/prod.yaml --local status`.")
    change = Change("errors-alarm", "alarm", DATA, Action.UPDATE, {"description": delta}, reason="see `pipectl up`")
    text, found = both(lambda screen: plan.result(screen, PlanReport((Review(change),), {})))
    assert f"{delta.before} -> {delta.after}" in text
    assert f"see {COMPLETED}up`" in text
    assert found["changes"][0]["attributes"]["description"] == {"from": delta.before, "to": delta.after}
    assert found["changes"][0]["reason"] == f"see {COMPLETED}up`"
    assert found["changes"][0]["name"] == DATA


def test_the_details_of_health_are_completed() -> None:
    state = ResourceStatus("stream-mapping", "mapping", DATA, State.DRIFTED, {"by": Delta(DATA, 1)}, "`pipectl up`")
    check = Check("stream-mapping", Severity.FAILING, Finding.STOPPED, DATA, "paused: `pipectl resume` continues")
    shown = StatusReport("dev", "123456789012", "us-east-1", NOON, (state,), Health((check,)))
    text, found = both(lambda screen: status.result(screen, shown))
    assert f"paused: {COMPLETED}resume` continues" in text
    assert found["health"]["checks"][0]["detail"] == f"paused: {COMPLETED}resume` continues"
    assert found["health"]["checks"][0]["value"] == DATA
    assert found["resources"][0]["reason"] == f"{COMPLETED}up`"
    assert found["resources"][0]["drift"]["by"]["from"] == DATA


def test_the_commands_of_a_trace_are_completed() -> None:
    lost = Trace("order-1", NOON, {"note": DATA}, Stage.LOST, 1, 1, error=DATA)
    text, found = both(lambda screen: trace.result(screen, lost, full=True))
    assert f"{COMPLETED}status`" in text
    assert f"{COMPLETED}status`" in found["doubts"][0]["message"]
    assert found["next"] == [f"{COMPLETED}verify --repair`".strip("`")]
    assert found["error"] == DATA
    assert DATA in text
    assert found["item"] == {"note": DATA}


@pytest.mark.parametrize("error", [AwsError(DATA, hint="`pipectl up`"), PipectlError(DATA, hint="`pipectl up`")])
def test_of_an_error_the_hint_alone_is_completed(error: PipectlError) -> None:
    assert printed(lambda screen: screen.error(error), OPTIONS) == f"Error: {DATA}\nHint: {COMPLETED}up`\n"
    found = Screen(options=OPTIONS).error_document(error)
    assert (found["message"], found["hint"]) == (DATA, f"{COMPLETED}up`")
