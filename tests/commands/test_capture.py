"""`doctor --capture`: what it refuses, what it deletes, and what it writes."""

from __future__ import annotations

import json
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipectl.commands.capture import CapturePreview, CaptureReport, capture
from pipectl.commands.trace import Stage
from pipectl.errors import DeclinedError, RequirementError, UsageError
from tests.commands.existing_pipeline import existing
from tests.recorded.cases import all_cases
from tests.support import ACCOUNT, FakeClock, World, make_world, yes


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """Create a pipeline that does not process: moto has no triggers."""
    with existing(tmp_path_factory.mktemp("pipeline"), FakeClock()) as world:
        yield world


@pytest.fixture(scope="module")
def captured(world: World, tmp_path_factory: pytest.TempPathFactory) -> CaptureReport:
    return capture(world.context(), tmp_path_factory.mktemp("record") / "answers.json", yes, bound=1)


def test_the_record_is_private_and_has_neither_account_nor_names(captured: CaptureReport) -> None:
    text = captured.file.read_text()
    assert stat.S_IMODE(captured.file.stat().st_mode) == 0o600
    assert [word for word in (ACCOUNT, "backend", captured.key) if word in text] == []


def test_the_record_has_the_cases_of_each_call(captured: CaptureReport) -> None:
    calls = json.loads(captured.file.read_text())["calls"]
    cases = [case for operations in calls.values() for found in operations.values() for case in found]
    assert len(cases) == captured.recorded < captured.calls
    assert calls["dynamodb"]["PutItem"][0]["case"] == calls["dynamodbstreams"]["GetRecords"][0]["case"] == "success"
    assert {"GetMetricData", "GetQueueAttributes", "FilterLogEvents"} <= {
        name for each in calls.values() for name in each
    }
    failed = [case["error"] for case in cases if case["case"] != "success"]
    assert all(error.keys() == {"status", "code", "text"} for error in failed)


def test_each_call_is_one_with_recorded_or_assumed_answers(captured: CaptureReport) -> None:
    calls = json.loads(captured.file.read_text())["calls"]
    known = {(case.service, case.operation) for case in all_cases()}
    assert {(service, name) for service, operations in calls.items() for name in operations} <= known


def test_an_order_that_is_not_stored_is_deleted_and_reported(world: World, captured: CaptureReport) -> None:
    assert captured.stage is not Stage.STORED
    assert not captured.complete
    table = world.context().pipeline.physical.orders_table
    assert world.aws.dynamodb.scan(TableName=table)["Items"] == []


def test_no_call_is_recorded_afterwards(world: World, captured: CaptureReport) -> None:
    assert world.aws.sts.get_caller_identity()["Account"] == ACCOUNT
    assert captured.calls > 0


def test_a_file_that_exists_is_not_replaced(world: World, tmp_path: Path) -> None:
    file = tmp_path / "answers.json"
    file.write_text("mine")
    world.calls.clear()
    with pytest.raises(UsageError):
        capture(world.context(), file, yes)
    assert (file.read_text(), world.writes()) == ("mine", [])


def test_a_pipeline_that_does_not_exist_is_refused(world: World, tmp_path: Path) -> None:
    other = make_world(tmp_path, {"environment": "other"}, clock=FakeClock())
    with pytest.raises(RequirementError):
        capture(other.context(), tmp_path / "answers.json", yes)
    assert other.writes() == []


def test_no_order_is_sent_without_consent(world: World, tmp_path: Path) -> None:
    def no(_preview: CapturePreview) -> None:
        raise DeclinedError("Cancelled. Nothing was changed.")

    world.calls.clear()
    with pytest.raises(DeclinedError):
        capture(world.context(), tmp_path / "answers.json", no)
    assert (world.writes(), list(tmp_path.iterdir())) == ([], [])
