"""The times of `up` and `down` with `-v`."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping

from rich.console import Console
from syrupy.assertion import SnapshotAssertion

from pipectl.clock import Wait
from pipectl.commands.up import UpReport
from pipectl.engine.model import Action, Change
from pipectl.engine.timeline import Outcome, Span, Timeline
from pipectl.errors import PipectlError
from pipectl.output import timeline, up
from pipectl.output.console import Screen
from tests.output.screens import Terminal

KINDS: Mapping[str, str] = {"processor-role": "role", "orders-table": "table", "processor": "function"}


def span(
    key: str, start: float, end: float, after: str | None = None, *waits: Wait, outcome: Outcome = Outcome.DONE
) -> Span:
    change = Change(key, KINDS.get(key, "mapping"), f"dev-{key}-backend", Action.CREATE)
    return Span(change, start, end, after=after, waits=waits, outcome=outcome)


ROLE = Wait("the new role has not reached Lambda yet", 10.4)
RUN = Timeline(
    (
        span("orders-table", 0.0, 12.3, None, Wait("table dev-orders-table-backend to become ACTIVE", 6.1)),
        span("processor-role", 0.0, 2.9, None, Wait("the new role is not visible everywhere yet", 2.1)),
        span("processor", 2.9, 13.6, "processor-role", ROLE, Wait("throttled by AWS", 0.04)),
        span("stream-mapping", 13.6, 17.3, "processor", Wait("mapping 0b2e to finish its update", 1.7)),
    )
)
HALF = Timeline(
    (
        span("orders-table", 0.0, 5.0, outcome=Outcome.INTERRUPTED),
        span("processor-role", 0.0, 2.9),
        span("processor", 2.9, 4.0, "processor-role", outcome=Outcome.FAILED),
    ),
    {"errors-alarm": ("processor",), "stream-mapping": ()},
)


def shown(found: Timeline, width: int, *, verbose: bool = True, json_output: bool = False) -> str:
    written = io.BytesIO()
    screen = Screen(verbose=verbose, json_output=json_output)
    file = Terminal(written, encoding="utf-8")
    screen.err = Console(file=file, force_terminal=True, color_system=None, width=width, soft_wrap=True)
    timeline.show(screen, found)
    file.flush()
    return written.getvalue().decode()


def test_the_times_of_a_run(snapshot: SnapshotAssertion) -> None:
    assert shown(RUN, 80) == snapshot
    assert shown(RUN, 160) == snapshot


def test_the_times_of_a_run_that_ended_halfway(snapshot: SnapshotAssertion) -> None:
    assert shown(HALF, 80) == snapshot


def test_without_details_or_changes_nothing_is_printed() -> None:
    assert shown(RUN, 80, verbose=False) == shown(RUN, 80, json_output=True) == shown(Timeline(), 80) == ""


def test_the_document_has_the_times_with_details_only() -> None:
    for verbose in (True, False):
        screen = Screen(json_output=True, verbose=verbose)
        screen.out.file = io.StringIO()
        error = PipectlError("no")
        error.report = UpReport((), {}, timeline=HALF)
        up.incomplete(screen, error)
        found = json.loads(screen.out.file.getvalue()).get("timeline")
        if not verbose:
            assert found is None
            continue
        assert found["criticalPath"] == ["orders-table"]
        assert found["notStarted"][0] == {"resource": "errors-alarm", "needs": ["processor"]}
        assert [each["outcome"] for each in found["changes"]] == ["interrupted", "done", "failed"]
        assert found["changes"][2]["after"] == "processor-role"
