"""The screens of `status`."""

from __future__ import annotations

import io
from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from rich.console import Console
from syrupy.assertion import SnapshotAssertion

from pipectl.commands.status import ResourceStatus, State
from pipectl.engine.model import Delta
from pipectl.monitoring.activity import Evidence, activity
from pipectl.monitoring.checks import Check, Finding, Severity, unreadable
from pipectl.monitoring.health import Flow, Health
from pipectl.monitoring.unresolved import Unresolved
from pipectl.monitoring.waiting import Waiting
from pipectl.output import status
from pipectl.output.console import Screen
from pipectl.output.sparkline import sparkline
from pipectl.output.status_picture import picture
from pipectl.output.status_problems import fine_subjects
from tests.monitoring.figures import ago, failed, metrics, unresolved
from tests.output.samples import samples_of
from tests.output.screens import LOCAL, document, on_terminal, printed
from tests.output.status_samples import (
    IN_SYNC,
    alarm,
    check_of_errors,
    errors,
    healthy,
    incident,
    not_proven,
    replayed,
    report,
)

SAMPLES = samples_of("status")


@pytest.mark.parametrize("name", SAMPLES)
def test_a_screen(name: str, snapshot: SnapshotAssertion) -> None:
    assert printed(SAMPLES[name]) == snapshot


@pytest.mark.parametrize("width", [80, 160])
def test_a_screen_on_a_terminal(width: int, snapshot: SnapshotAssertion) -> None:
    lines = on_terminal(lambda screen: status.result(screen, incident("DATA")), width)
    assert max(map(len, lines)) <= width
    assert "\n".join(lines) == snapshot


def test_every_screen_can_be_written_in_ascii() -> None:
    for show in (incident("DATA"), healthy(), replayed(), not_proven()):
        text = "\n".join(on_terminal(partial(status.result, report=show), 160, "ascii"))
        assert text.isascii()
        assert "resources" in text or "resource in sync" in text


def test_the_first_line_is_the_verdict() -> None:
    local = printed(lambda screen: status.result(screen, incident("x"), local=True)).splitlines()[0]
    assert local == "FAILING  dev · LOCAL · 1 of 4 resources in sync"
    found = printed(lambda screen: status.result(screen, healthy())).splitlines()[0]
    assert found == "HEALTHY  dev · account 123456789012 · us-east-1 · 1 of 1 resource in sync"


def test_the_verdict_has_a_background_and_only_words_have_colours() -> None:
    screen = Screen()
    screen.out = Console(file=io.StringIO(), force_terminal=True, color_system="256", width=80, soft_wrap=True)
    status.result(screen, incident("DATA"))
    assert isinstance(screen.out.file, io.StringIO)
    text = screen.out.file.getvalue()
    assert text.startswith("\x1b[1;38;5;231;48;5;124mFAILING\x1b[0m  ")
    assert "\x1b[2m" not in text, "dim is hard to read on a light terminal"


def problems(*checks: Check, **parts: Any) -> list[str]:
    """Return the lines about problems, with their commands."""
    shown = printed(lambda screen: status.result(screen, report(*checks, **parts)), LOCAL)
    return [line for line in shown.splitlines() if line.startswith((" ✗", " !", " ?"))]


@pytest.mark.parametrize("severity", [Severity.UNKNOWN, Severity.DEGRADED, Severity.FAILING])
@pytest.mark.parametrize(
    ("name", "finding"),
    [
        ("stream-mapping", Finding.STOPPED),
        ("queue-mapping", Finding.MISSING),
        ("iterator-age", Finding.LAGGING),
        ("processor-errors", Finding.ERRORS),
        ("processor-throttles", Finding.THROTTLED),
        ("auditor-errors", Finding.ERRORS),
        ("auditor-throttles", Finding.THROTTLED),
        ("queue", Finding.WAITING),
        ("alarms", Finding.MISSING),
        ("open-failures", Finding.OPEN_FAILURES),
    ],
)
def test_each_finding_alone_is_one_line_with_the_command_that_helps(
    name: str, finding: Finding, severity: Severity
) -> None:
    (line,) = problems(Check(name, severity, finding, 1, "something is wrong", "logs auditor"))
    assert line.split(maxsplit=1)[1] == "something is wrong   -> pipectl --local logs auditor"


def test_a_pipeline_of_which_nothing_exists_is_one_line_beside_what_else_is_wrong() -> None:
    absent = [ResourceStatus(key, "table", key, State.MISSING, {}) for key in ("orders-table", "audit-table")]
    checks = [
        Check("queue", Severity.FAILING, Finding.MISSING, None, "the queue is missing", "plan"),
        Check("orphans", Severity.DEGRADED, Finding.PROBLEM, 1, "orders are processed twice", "down --orphans"),
        unreadable("alarms", "access denied"),
    ]
    assert [
        line.split(maxsplit=1)[1].partition("   -> ")[0] for line in problems(*checks, resources=tuple(absent))
    ] == [
        "nothing is deployed: all 2 resources are missing",
        "orders are processed twice",
        "alarms cannot be read: access denied",
    ]


def test_nothing_is_called_healthy_where_nothing_is_deployed() -> None:
    absent = (ResourceStatus("orders-table", "table", "dev-orders-table", State.MISSING, {}),)
    assert "✓" not in printed(lambda screen: status.result(screen, report(resources=absent)))


def test_the_most_severe_problem_is_the_first_one_and_failed_orders_are_before_their_errors() -> None:
    lines = printed(lambda screen: status.result(screen, incident("DATA"))).splitlines()
    marks = [line[1] for line in lines if line.startswith((" ✗", " !", " ?"))]
    assert marks == sorted(marks, key="✗!?".index)
    assert lines[1].startswith(" ✗ 30 failures are waiting")


def test_an_alarm_is_beside_the_check_on_its_subject_and_explained_where_that_is_healthy() -> None:
    firing = Check("alarms", Severity.FAILING, Finding.ALARM, ["dev-alarm"], "firing: dev-alarm", "verify")
    alarms = (alarm("errors-alarm"), alarm("lost-failures-alarm"))
    lines = problems(check_of_errors(), firing, alarms=alarms, activity=errors(), flow=Flow(undelivered=2))
    assert [line.rpartition("   -> ")[2] for line in lines] == [
        "pipectl --local verify",
        "pipectl --local logs processor",
    ]
    assert "2 failures did not reach the dead-letter queue" in lines[0]
    assert lines[0].count("(lost failures alarm, 11:49)") == 1
    assert lines[1].count("(errors alarm, 11:49)") == 1


def test_an_alarm_before_its_metric_is_a_problem_in_words() -> None:
    firing = Check("alarms", Severity.DEGRADED, Finding.ALARM, ["dev-alarm"], "firing: dev-alarm", "doctor")
    (line,) = problems(firing, alarms=(alarm("throttles-alarm"),))
    assert "the processor was throttled, and orders waited (throttles alarm, 11:49)" in line


def test_checks_that_the_same_error_prevents_are_one_line() -> None:
    lines = problems(*(unreadable(name, "denied") for name in ("queue", "iterator-age")), unreadable("alarms", "no"))
    assert [line.split(maxsplit=1)[1] for line in lines] == [
        "iterator-age, queue cannot be read: denied   -> pipectl --local doctor",
        "alarms cannot be read: no   -> pipectl --local doctor",
    ]


def test_a_stopped_mapping_is_said_once() -> None:
    stopped = Check("stream-mapping", Severity.FAILING, Finding.STOPPED, "Disabled", "the mapping is Disabled", "up")
    waits = Check("iterator-age", Severity.UNKNOWN, Finding.UNKNOWN, None, "records wait")
    assert len(problems(stopped, waits)) == 1
    assert len(problems(waits)) == 1


HELD = Check("processor-throttles", Severity.FAILING, Finding.STOPPED, 0, "the processor is held", "up")
STANDS = Check("iterator-age", Severity.DEGRADED, Finding.STANDSTILL, None, "none was processed", "logs processor")
PAUSED = Check("stream-mapping", Severity.DEGRADED, Finding.PAUSED, "Disabled", "processing is paused", "resume")


@pytest.mark.parametrize("cause", [HELD, PAUSED, STANDS])
def test_the_orders_that_wait_are_named_once_below_the_cause(cause: Check) -> None:
    waits = Waiting(20, "about", ago(30), None, ago(30) + timedelta(hours=24))
    shown = report(*{each.name: each for each in (STANDS, cause)}.values(), waiting=waits)
    lines = printed(lambda screen: status.result(screen, shown)).splitlines()
    assert cause.detail in lines[1]
    assert lines[2].strip() == waits.describe(shown.now)
    assert "20 orders" not in "".join(lines[3:])
    assert (cause is STANDS) == ("none was processed" in "".join(lines))


@pytest.mark.parametrize("left", [0, 1])
def test_records_that_wait_for_retries_are_a_line_only_while_no_failure_explains_them(left: int) -> None:
    waits = Check("iterator-age", Severity.UNKNOWN, Finding.RETRYING, None, "the processor failed 2 min ago")
    found = unresolved(*(failed("a") for _ in range(left)))
    assert len(problems(waits, check_of_errors(), activity=errors(), unresolved=found)) == 2 - left


def test_a_denied_call_of_a_role_that_differs_leads_to_the_plan() -> None:
    denied = failed("a", reason="AccessDenied: User: x is not authorized to perform: s3:PutObject on y")
    check = Check("open-failures", Severity.DEGRADED, Finding.OPEN_FAILURES, 1, "1 order failed", "audit list")
    role = ResourceStatus("processor-role", "role", "dev-role", State.DRIFTED, {"policies": Delta("a" * 200, "b")})
    shown = report(check, unresolved=unresolved(denied), resources=(role,))
    lines = printed(lambda screen: status.result(screen, shown)).splitlines()
    assert lines[1].endswith("1 order failed   -> pipectl plan")
    assert lines[3].strip() == "processor-role differs from the config: `pipectl up` restores it"
    restored = printed(lambda screen: status.result(screen, replace(shown, resources=())))
    assert "-> pipectl replay-dlq --limit 1" in restored
    found, wanted = (line.strip() for line in lines[-2:])
    assert (found, wanted) == (f"found, not wanted: {'a' * 200}", "wanted, not found: b")


@pytest.mark.parametrize(
    ("failed_at", "later", "words"),
    [
        ({1: 3}, {}, "last one at 11:59; new since 11:59"),
        ({1: 3, 30: 1}, {}, "last one at 11:59; STILL FAILING, GETTING WORSE (0.2 a minute, 0.0 before)"),
        ({3: 3, 30: 1}, {}, "last one at 11:57"),
        ({9: 3}, {}, "last one at 11:51; no invocation since"),
        ({9: 3}, {5: 40}, "last one at 11:51; since then 40 invocations without an error"),
    ],
)
def test_errors_are_said_to_go_on_only_while_they_do(
    failed_at: dict[int, float], later: dict[int, float], words: str
) -> None:
    found = activity(metrics(errors=failed_at, invocations=failed_at | later), None, Evidence(1))
    (line,) = problems(check_of_errors(), activity=found)
    assert line.rpartition("   -> ")[0].endswith(words)


def test_causes_are_bounded() -> None:
    found = unresolved(*(failed(f"o-{n}", reason=f"{chr(65 + n)}Error: no") for n in range(5)))
    check = Check("open-failures", Severity.DEGRADED, Finding.OPEN_FAILURES, 5, "5 orders failed", "audit list")
    lines = printed(lambda screen: status.result(screen, report(check, unresolved=found))).splitlines()
    assert [line.strip() for line in lines if line.startswith("     ")] == [
        *(f"1 x {letter}Error: no  o-{n}" for n, letter in enumerate("ABC")),
        "and 2 other causes",
    ]


def test_drift_names_what_was_found_and_what_is_wanted() -> None:
    drifted = ResourceStatus("dead-letter-queue", "queue", "dev-queue", State.DRIFTED, {"retention_days": Delta(7, 14)})
    in_sync = ResourceStatus("bucket", "bucket", "dev-bucket", State.IN_SYNC, {})
    shown = report(resources=(drifted, in_sync))
    text = printed(lambda screen: status.result(screen, shown))
    assert "retention_days: found 7 days, wanted 14 days" in text
    assert "1 resource differs from the config: dead-letter-queue   -> pipectl plan" in text
    assert "dev-bucket" not in text
    assert "dev-bucket" in printed(lambda screen: status.result(screen, shown, every=True))


def test_failures_that_the_index_may_not_have_are_a_note_where_there_are_no_others() -> None:
    found = Unresolved(incomplete="older ones may be missing; `pipectl up` adds them")
    shown = report(unresolved=found)
    text = printed(lambda screen: status.result(screen, shown), LOCAL)
    assert "older ones may be missing; `pipectl --local up` adds them" in text
    answer = document(lambda screen: status.result(screen, shown), LOCAL)
    assert answer["failures"]["incomplete"] == "older ones may be missing; `pipectl --local up` adds them"


def test_brief_is_one_line() -> None:
    assert printed(lambda screen: status.brief(screen, incident("DATA"))).count("\n") == 1
    text = printed(lambda screen: status.brief(screen, replayed()))
    assert text == "HEALTHY  dev · account 123456789012 · us-east-1 · 1 of 1 resource in sync\n"


def test_the_document_holds_what_the_screen_shows() -> None:
    found = document(lambda screen: status.result(screen, incident("DATA")), LOCAL)
    assert found["health"]["checks"][0]["command"] == "pipectl --local up"
    assert found["errors"]["fiveMinutes"] == [0, 0, 0, 0, 0, 0, 0, 0, 27, 180, 2, 0]
    assert found["failures"]["safety"] == {"quarantined": 27, "stream": 1, "gone": 1, "unknown": 1}
    assert found["failures"]["causes"][0]["count"] == 27
    assert {each["resource"] for each in found["alarms"]} >= {"errors-alarm", "lost-failures-alarm"}
    assert found["flow"]["queued"] == 3


def test_a_document_without_metrics_says_so_with_null() -> None:
    found = document(lambda screen: status.result(screen, report()))
    assert (found["errors"], found["failures"], found["flow"]["invocations"]) == (None, None, None)


def test_the_picture_fits_120_columns_whatever_the_figures() -> None:
    for figures in (Flow(), Flow(10**9, None, 10**9, 10**9, 0, 10**6, 10**4)):
        lines = list(picture(Health((), flow=figures), ascii_only=False))
        assert max(sum(len(p if isinstance(p, str) else p[0]) for p in line) for line in lines) <= 120


def test_bars_show_the_smallest_count_beside_the_largest() -> None:
    assert sparkline([0, 1, 50, 100]) == "▁▂▅█"
    assert sparkline([0, 1, 50, 100], ascii_only=True) == "_.=#"
    assert sparkline([0, 0]) == "▁▁"
    assert sparkline([]) == ""


@pytest.mark.parametrize("state", [State.MISSING, State.FOREIGN])
@pytest.mark.parametrize("function", ["processor", "auditor"])
def test_a_function_that_is_missing_is_not_called_healthy(function: str, state: State) -> None:
    lacking = (ResourceStatus(function, "function", f"dev-{function}", state, {}), IN_SYNC)
    assert function in fine_subjects(report())
    assert function not in fine_subjects(report(resources=lacking))
