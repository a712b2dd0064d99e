"""The lines of `up --watch`. Their snapshots are those of `up`."""

from __future__ import annotations

import pytest

from pipectl.commands.up import UpReport
from pipectl.engine.model import Action, Change
from pipectl.errors import CancelledError
from pipectl.output import up_watch
from tests.output.samples import samples_of
from tests.output.screens import document, on_terminal, printed

SAMPLES = {name: show for name, show in samples_of("up").items() if name.startswith("up watch")}


@pytest.mark.parametrize("name", SAMPLES)
def test_a_deployment_is_one_line_of_json(name: str) -> None:
    found = document(SAMPLES[name])
    assert {"time", "seconds", "files", "changes", "code", "warnings", "error"} <= found.keys()
    assert (found["error"] is None) == (name in ("up watch code", "up watch nothing"))


def test_a_plan_that_needs_a_question_is_in_the_document() -> None:
    found = document(SAMPLES["up watch question"])
    assert [change["action"] for change in found["plan"]["changes"]] == ["update"]
    assert found["changes"] == []


@pytest.mark.parametrize("name", sorted(SAMPLES.keys() - {"up watch question"}))
def test_lines_stand_beside_the_time(name: str) -> None:
    first, *others = on_terminal(SAMPLES[name], 80)
    assert first.startswith("12:00:00  ")
    assert all(line.startswith(" " * 10) for line in others)


def test_the_first_result_is_one_line_of_json_too() -> None:
    report = UpReport((Change("bucket", "bucket", "dev-bucket", Action.KEEP),), {"ProcessedBucketName": "dev-bucket"})
    assert document(lambda screen: up_watch.first(screen, report))["outputs"] == report.outputs
    assert printed(lambda screen: up_watch.first(screen, report)).startswith("Nothing to do")


def test_what_an_interrupted_deployment_has_done_is_one_line_of_json_too() -> None:
    error = CancelledError("interrupted")
    assert printed(lambda screen: up_watch.interrupted(screen, error)) == ""
    error.report = UpReport((Change("bucket", "bucket", "dev-bucket", Action.UPDATE),), {})
    found = document(lambda screen: up_watch.interrupted(screen, error))
    assert (found["changes"][0]["resource"], found["error"]["code"]) == ("bucket", "Interrupted")
    assert printed(lambda screen: up_watch.interrupted(screen, error)).startswith("Done before the error")
