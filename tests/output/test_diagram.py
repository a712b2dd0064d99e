"""The picture of the pipeline as data: its parts, and their health."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from pipectl.commands.status import ResourceStatus, State, StatusReport
from pipectl.monitoring.alarms import MEANINGS
from pipectl.monitoring.checks import Check, Finding, Severity
from pipectl.monitoring.health import Flow
from pipectl.output.diagram import Diagram, Part
from pipectl.output.diagram_health import with_health
from pipectl.output.svg import Tone
from pipectl.resource_keys import ResourceKey
from tests.output.diagrams import dev, drawn, physical
from tests.output.status_samples import DEGRADED, FAILING, UNKNOWN, alarm, report


def states(**changed: State) -> tuple[ResourceStatus, ...]:
    """Return all resources in sync, but those that are named, with underscores for hyphens."""
    found = {str(key): State.IN_SYNC for key in ResourceKey}
    found |= {key.replace("_", "-"): state for key, state in changed.items()}
    return tuple(ResourceStatus(key, "kind", f"name-of-{key}", state, {}) for key, state in found.items())


def judged(*checks: Check, flow: Flow | None = None, alarms: Any = (), **changed: State) -> Diagram:
    return with_health(dev(), report(*checks, resources=states(**changed), flow=flow or Flow(), alarms=alarms))


def health(drawn: Diagram, part: Part) -> tuple[Tone, str]:
    return drawn.nodes[part].tone, drawn.nodes[part].state


def test_each_part_has_its_physical_name() -> None:
    _, names = physical()
    found = {node.name for node in dev().nodes.values()} - {None}

    assert found == {
        *(names.orders_table, names.processor, names.bucket, names.queue, names.auditor, names.audit_table)
    }
    assert {alarm.name for alarm in dev().alarms} == set(names.alarms)
    assert set(dev().nodes) == set(Part)


def test_alarms_that_the_config_does_not_want_are_not_drawn() -> None:
    assert [alarm.key for alarm in drawn(extra_alarms=False).alarms] == [ResourceKey.ERRORS_ALARM]


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"retry_attempts": 1, "bisect": False}, ["1 retry"]),
        ({"retry_attempts": -1}, ["retries for 12 hours", "splits failing batches"]),
        (
            {"retry_attempts": -1, "maximum_record_age": -1, "allow_expiry": True},
            ["retries until expiry", "splits failing batches"],
        ),
    ],
)
def test_the_stream_mapping_shows_its_retries(settings: dict[str, Any], words: list[str]) -> None:
    notes = drawn(**{"stream-mapping": settings}).nodes[Part.STREAM_MAPPING].notes

    assert list(notes[1:]) == words


def test_without_health_no_part_has_a_state() -> None:
    assert {(node.tone, node.state) for node in dev().nodes.values()} == {(Tone.PLAIN, "")}


def test_a_healthy_pipeline_is_green_with_words() -> None:
    found = judged()

    assert {node.tone for node in found.nodes.values() if node.key not in (Part.CLIENT, Part.REPLAY)} == {Tone.GOOD}
    assert health(found, Part.PROCESSOR) == (Tone.GOOD, "healthy")
    assert health(found, Part.BUCKET) == (Tone.GOOD, "in sync")
    assert health(found, Part.CLIENT) == (Tone.PLAIN, "")
    assert {(each.tone, each.state) for each in found.alarms} == {(Tone.GOOD, "not firing")}
    assert found.failing is Tone.PLAIN


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        (State.DRIFTED, (Tone.ATTENTION, "drifted")),
        (State.MISSING, (Tone.BAD, "missing")),
        (State.FOREIGN, (Tone.BAD, "not managed")),
        (State.UNREADABLE, (Tone.UNKNOWN, "unreadable")),
    ],
)
def test_each_state_of_a_resource_has_a_colour_and_a_word(state: State, expected: tuple[Tone, str]) -> None:
    node = judged(bucket=state).nodes[Part.BUCKET]

    assert (node.tone, node.state) == expected
    assert node.absent == (state in (State.MISSING, State.UNREADABLE))


def test_a_function_shows_drift_of_its_role_and_log_group() -> None:
    found = judged(processor_role=State.DRIFTED, auditor_log_group=State.MISSING)

    assert health(found, Part.PROCESSOR) == (Tone.ATTENTION, "role drifted")
    assert health(found, Part.AUDITOR) == (Tone.BAD, "log group missing")


@pytest.mark.parametrize(
    ("severity", "tone"), [(UNKNOWN, Tone.UNKNOWN), (DEGRADED, Tone.ATTENTION), (FAILING, Tone.BAD)]
)
def test_a_check_colours_its_part(severity: Severity, tone: Tone) -> None:
    check = Check("iterator-age", severity, Finding.CATCHING_UP, None, "")

    assert health(judged(check), Part.STREAM_MAPPING) == (tone, "catching up")


def test_an_alarm_colours_the_part_that_it_is_about_as_status_judges_it() -> None:
    errors = Check("processor-errors", DEGRADED, Finding.ERRORS, 12, "errors")
    failures = Check("open-failures", DEGRADED, Finding.OPEN_FAILURES, 3, "failures")
    firing = judged(errors, failures, alarms=(alarm(ResourceKey.ERRORS_ALARM),))

    assert health(firing, Part.PROCESSOR) == (Tone.BAD, "errors")
    assert health(firing, Part.AUDIT_TABLE) == (Tone.BAD, "open failures")
    assert health(firing, Part.AUDITOR)[0] is Tone.GOOD
    assert health(judged(alarms=(alarm(ResourceKey.ERRORS_ALARM),)), Part.PROCESSOR) == (Tone.BAD, "alarm fires")


def test_a_problem_of_the_stream_mapping_is_the_last_result() -> None:
    found = judged(Check("stream-mapping", DEGRADED, Finding.PROBLEM, None, ""))

    assert health(found, Part.STREAM_MAPPING) == (Tone.ATTENTION, "last result: problem")


def test_the_worst_finding_comes_first_and_what_is_unknown_is_left_out() -> None:
    found = judged(
        Check("stream-mapping", FAILING, Finding.STOPPED, None, ""),
        Check("iterator-age", UNKNOWN, Finding.UNKNOWN, None, ""),
        stream_mapping=State.DRIFTED,
    )

    assert health(found, Part.STREAM_MAPPING) == (Tone.BAD, "stopped, drifted")


def test_a_queue_that_is_not_managed_is_not_called_missing_too() -> None:
    queue = Check("queue", FAILING, Finding.MISSING, None, "the dead-letter queue is missing or not managed", "plan")
    found = judged(queue, dead_letter_queue=State.FOREIGN).nodes[Part.DEAD_LETTER_QUEUE]

    assert (found.tone, found.state) == (Tone.BAD, "not managed")


def test_a_check_that_cannot_be_made_is_unknown_however_severe() -> None:
    found = judged(Check("queue", DEGRADED, Finding.UNREADABLE, None, ""))

    assert health(found, Part.DEAD_LETTER_QUEUE) == (Tone.UNKNOWN, "unreadable")


def test_figures_stand_at_their_parts() -> None:
    figures = {
        part: node.figures
        for part, node in judged(flow=Flow(1200, timedelta(minutes=2), 243, 209, 0, 3, 30)).nodes.items()
    }

    assert figures[Part.ORDERS_TABLE] == ("1,200 written/h",)
    assert figures[Part.STREAM_MAPPING] == ("lag 2 min",)
    assert figures[Part.PROCESSOR] == ("34 ok/h", "209 errors/h")
    assert figures[Part.DEAD_LETTER_QUEUE] == ("3 waiting",)
    assert figures[Part.AUDIT_TABLE] == ("30 unresolved",)


def test_figures_that_cannot_be_read_are_question_marks() -> None:
    figures = [figure for node in judged().nodes.values() for figure in node.figures]

    assert figures == ["? written/h", "lag ?", "? ok/h", "? errors/h", "? waiting", "? unresolved"]


@pytest.mark.parametrize(
    ("flow", "tone"),
    [(Flow(), Tone.PLAIN), (Flow(queued=3), Tone.ATTENTION), (Flow(queued=3, undelivered=1), Tone.BAD)],
)
def test_the_way_to_the_queue_shows_failures_that_arrive_or_do_not(flow: Flow, tone: Tone) -> None:
    assert judged(flow=flow).failing is tone


def test_each_alarm_has_its_own_state() -> None:
    found = judged(
        alarms=(alarm("errors-alarm"), alarm("failures-alarm", over=True)),
        throttles_alarm=State.MISSING,
        lost_failures_alarm=State.UNREADABLE,
    )

    assert {each.key: (each.tone, each.state) for each in found.alarms} == {
        "errors-alarm": (Tone.BAD, "firing"),
        "failures-alarm": (Tone.ATTENTION, "firing, cause is over"),
        "iterator-age-alarm": (Tone.GOOD, "not firing"),
        "auditor-errors-alarm": (Tone.GOOD, "not firing"),
        "lost-failures-alarm": (Tone.UNKNOWN, "unreadable"),
        "throttles-alarm": (Tone.BAD, "missing"),
    }
    assert {each.key for each in found.alarms} == set(MEANINGS)


def test_alarms_that_cannot_be_read_are_not_called_quiet() -> None:
    found = judged(Check("alarms", DEGRADED, Finding.UNREADABLE, None, ""))

    assert {each.state for each in found.alarms} == {"unreadable"}


def test_a_report_without_resources_leaves_the_picture_plain() -> None:
    bare: StatusReport = report(resources=())
    bare = replace(bare, health=replace(bare.health, checks=()))

    assert {node.tone for node in with_health(dev(), bare).nodes.values()} == {Tone.PLAIN}


def test_the_description_names_every_part_with_its_health() -> None:
    found = judged(flow=Flow(queued=3), bucket=State.MISSING, alarms=(alarm("errors-alarm"),))
    words = found.description()

    assert "bucket dev-processed-data-123456789012-backend (missing)" in words
    assert "dead-letter queue dev-order-processor-dlq-backend (healthy, 3 waiting)" in words
    assert "dev-order-processor-errors-alarm-backend (firing)" in words
    assert all(node.title in words for node in found.nodes.values())
