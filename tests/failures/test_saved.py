"""Saved records: a file is complete or absent, and damage is reported by file and line."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import pytest

from pipectl.aws.stream_records import Cause, EventRecord
from pipectl.errors import PipectlError, SavedFilesError
from pipectl.failures import saved
from pipectl.failures.model import Failure, Record
from tests.failures.fakes import Process, World
from tests.failures.running import audited_failures, new_replay, reader

FAILURE = Failure({"auditId": "abc", "timestamp": "2026-01-01T00:00:00.000Z"})


def record(number: int, cause: Cause | None = None) -> Record:
    keys = {"orderId": {"S": "käse \ud800"}}  # half a surrogate pair: JSON can spell it, UTF-8 cannot
    event: EventRecord = {"eventName": "INSERT", "dynamodb": {"SequenceNumber": f"{number:021}", "Keys": keys}}
    return Record.of(event, cause=cause)


def read(folder: Path, failure: Failure) -> list[Record]:
    return [reading for reading in saved.read(folder, failure) if isinstance(reading, Record)]


def records_of(process: Process, failure: Failure) -> list[Record]:
    assert failure.range
    return [reading for reading in reader(process).read(failure.range) if isinstance(reading, Record)]


def test_saved_records_are_read_back(tmp_path: Path) -> None:
    records = [record(number) for number in range(5)]
    assert saved.write(tmp_path / "new" / "folder", FAILURE, records) == 5
    assert read(tmp_path / "new" / "folder", FAILURE) == records
    assert saved.audit_ids(tmp_path / "new" / "folder") == ["abc"]


def test_the_cause_of_a_quarantined_record_is_saved_beside_it(tmp_path: Path) -> None:
    cause = Cause("InvalidOrderError: no \ud800", datetime(2026, 1, 2, 3, 4, 5, 678_000, tzinfo=UTC), "r-1", "7")
    records = [record(1), record(2, cause), record(3, Cause("only a reason"))]
    saved.write(tmp_path, FAILURE, records)
    assert read(tmp_path, FAILURE) == records
    lines = [json.loads(line) for line in (tmp_path / "abc.jsonl").read_text().splitlines()]
    assert [sorted(line) for line in lines] == [["dynamodb", "eventName"], *[["failure", "record"]] * 2]


def test_a_file_is_complete_or_absent(tmp_path: Path) -> None:
    def breaks(after: int) -> Iterator[Record]:
        yield from map(record, range(after))
        raise PipectlError("the network is gone")

    with pytest.raises(PipectlError):
        saved.write(tmp_path, FAILURE, breaks(3))
    assert list(tmp_path.iterdir()) == []
    saved.write(tmp_path, FAILURE, [record(1)])
    with pytest.raises(PipectlError):
        saved.write(tmp_path, FAILURE, breaks(3))
    assert read(tmp_path, FAILURE) == [record(1)]


@pytest.mark.parametrize("audit_id", ["../outside", "/etc/passwd", "a/b", "..", "a%2Fb", ".hidden"])
def test_every_id_stays_in_the_folder(tmp_path: Path, audit_id: str) -> None:
    folder = tmp_path / "folder"
    failure = Failure({**FAILURE.item, "auditId": audit_id})
    saved.write(folder, failure, [record(1)])
    assert [path.name for path in tmp_path.iterdir()] == ["folder"]
    assert len(list(folder.iterdir())) == 1
    assert saved.audit_ids(folder) == [audit_id]
    assert read(folder, failure) == [record(1)]


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(SavedFilesError):
        saved.write(tmp_path / "file" / "folder", FAILURE, [])


@pytest.mark.parametrize("name", ["nothing", "empty"])
def test_a_folder_without_saved_failures(tmp_path: Path, name: str) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty" / "notes.txt").write_text("")
    with pytest.raises(SavedFilesError):
        saved.audit_ids(tmp_path / name)


@pytest.mark.parametrize(
    "damage",
    [
        '{"eventName": "INS',
        "",
        "null",
        "7",
        "[]",
        '{"dynamodb": {}}',
        '{"dynamodb": {"SequenceNumber": 7}}',
        "\0\0",
        "[" * 5000,
    ],
)
def test_a_damaged_line_is_named_and_the_others_are_replayed(tmp_path: Path, damage: str) -> None:
    world = World()
    numbers = world.orders(4)
    audit_id = world.give_up(numbers[0], numbers[-1])
    (failure,) = audited_failures(world, audit_id)
    process = Process(world)
    saved.write(tmp_path, failure, records_of(process, failure))
    (file,) = tmp_path.iterdir()
    lines = file.read_text().splitlines()
    lines[2] = damage
    file.write_text("\n".join(lines))
    report = new_replay(process).from_saved(iter([failure]), partial(saved.read, tmp_path))
    assert world.stored() == {numbers[0], numbers[1], numbers[3]}
    assert world.status(audit_id) == "PARTIAL"
    assert report.errors == (f"{audit_id}: {file}:3: not a stream record",)


def test_a_truncated_file_is_not_taken_as_complete(tmp_path: Path) -> None:
    world = World()
    numbers = world.orders(4)
    audit_id = world.give_up(numbers[0], numbers[-1])
    (failure,) = audited_failures(world, audit_id)
    process = Process(world)
    saved.write(tmp_path, failure, records_of(process, failure)[:2])
    new_replay(process).from_saved(iter([failure]), partial(saved.read, tmp_path))
    assert world.status(audit_id) == "PARTIAL"
    assert f"record {numbers[-1]} does not exist" in world.item(audit_id)["replayError"]["S"]


def test_saved_records_are_replayed_when_the_stream_is_gone(tmp_path: Path) -> None:
    world = World()
    failures = [world.give_up(number) for number in world.orders(5)]
    process = Process(world)
    for failure in audited_failures(world, *failures):
        saved.write(tmp_path, failure, records_of(process, failure))
    world.stream_exists = False
    world.clock.sleep(30 * 24 * 3600)
    process = Process(world)
    found = iter(audited_failures(world, *saved.audit_ids(tmp_path)))
    report = new_replay(process).from_saved(found, partial(saved.read, tmp_path))
    assert (report.statuses, len(world.stored())) == ({"REPLAYED": 5}, 5)
    assert "GetShardIterator" not in process.calls


def test_records_of_the_quarantine_are_saved_with_their_causes_and_replayed(tmp_path: Path) -> None:
    world = World()
    bare, known = world.orders(2)
    cause = Cause("InvalidOrderError: no", datetime(2026, 1, 2, tzinfo=UTC), "r-1", "7")
    world.quarantine(bare)
    world.quarantine(known, cause=cause)
    audit_id = world.give_up(bare, known)
    world.trim()
    (failure,) = audited_failures(world, audit_id)
    process = Process(world)
    records = records_of(process, failure)
    assert [(each.from_quarantine, each.cause) for each in records] == [(True, None), (True, cause)]
    saved.write(tmp_path, failure, records)
    assert [each.cause for each in read(tmp_path, failure)] == [None, cause]
    new_replay(process).from_saved(iter([failure]), partial(saved.read, tmp_path))
    assert (world.status(audit_id), world.stored()) == ("REPLAYED", {bare, known})


def test_a_missing_file_fails_only_its_own_failure(tmp_path: Path) -> None:
    world = World()
    failures = [world.give_up(number) for number in world.orders(2)]
    process = Process(world)
    for failure in audited_failures(world, *failures):
        saved.write(tmp_path, failure, records_of(process, failure))
    (tmp_path / f"{failures[0]}.jsonl").unlink()
    found = iter(audited_failures(world, *failures))
    report = new_replay(process).from_saved(found, partial(saved.read, tmp_path))
    assert [world.status(audit_id) for audit_id in failures] == ["FAILED", "REPLAYED"]
    assert "cannot read" in report.errors[0]


def test_lines_are_plain_json_for_other_tools(tmp_path: Path) -> None:
    saved.write(tmp_path, FAILURE, [record(1), record(2)])
    lines = (tmp_path / "abc.jsonl").read_bytes().splitlines()
    assert [json.loads(line)["dynamodb"]["SequenceNumber"] for line in lines] == [f"{1:021}", f"{2:021}"]
