"""A bad item, message or object never stops the others: it is reported with its reason, for any damage."""

from __future__ import annotations

import io
import json
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

from hypothesis import example, given
from hypothesis import strategies as st

from pipectl.commands.audit import audit_list, audit_show
from pipectl.commands.audit_stats import audit_stats
from pipectl.commands.replay_dlq import preview, replay, save
from pipectl.failures.audit_table import Selection
from pipectl.failures.model import Failure
from pipectl.output import audit as audit_output
from pipectl.output import audit_show as audit_show_output
from pipectl.output import audit_stats as audit_stats_output
from pipectl.output import replay_dlq as replay_output
from pipectl.output.console import Screen
from tests.failures.commanding import context, selection, yes
from tests.failures.fakes import PROCESSOR, SHARD, STREAM_ARN, Process, World, answered
from tests.fuzz.strategies import json_of, places_of, replaced, without
from tests.fuzz.test_readers import LINES, VALUES

NUMBER = f"{10**20:021}"
_ITEM: dict[str, Any] = {
    "replayStatus": {"S": "OPEN"},
    "replayAttempts": {"N": "1"},
    "claimedBy": {"S": "another"},
    "claimedUntil": {"S": "2025-12-31T00:00:00.000Z"},
    "replayError": {"S": "no"},
    "failingRecords": {"L": [{"M": {"sequenceNumber": {"S": NUMBER}, "error": {"S": "no"}}}]},
    "message": {"M": {"body": {"S": "?"}}},
    "stream": {
        "M": {
            "arn": {"S": STREAM_ARN},
            "shardId": {"S": SHARD},
            "startSequenceNumber": {"S": NUMBER},
            "endSequenceNumber": {"S": NUMBER},
            "firstArrival": {"S": "2025-12-31T23:00:00Z"},
            "lastArrival": {"S": "2025-12-31T23:00:00Z"},
        }
    },
}
_PLACES = [place for place in places_of(_ITEM) if place[-1] not in ("S", "N", "L", "M")]
ITEMS = st.builds(replaced, st.just(_ITEM), st.sampled_from(_PLACES), VALUES) | st.builds(
    without, st.just(_ITEM), st.sampled_from(_PLACES)
)
IDS = st.text(st.characters(codec="utf-8"), min_size=1, max_size=300)


def scene(item: dict[str, Any], audit_id: str) -> tuple[World, list[str]]:
    """Return a world with three failures and an odd item between them."""
    world = World()
    world.shards[SHARD].closed = True
    failures = [world.give_up(number) for number in world.orders(3)]
    key = {"auditId": {"S": audit_id}, "timestamp": {"S": "2025-12-31T23:59:59.000Z"}}
    world.audit[audit_id, key["timestamp"]["S"]] = {**item, **key, "failureType": {"S": "RetryAttemptsExhausted"}}
    return world, failures


@contextmanager
def screens() -> Iterator[list[Screen]]:
    found = [Screen(json_output=json_output) for json_output in (True, False)]
    for screen in found:
        screen.out.file = screen.err.file = io.StringIO()
    yield found


@given(ITEMS, IDS)
@example({**_ITEM, "claimedUntil": {"S": "9999"}}, "id")
@example({**_ITEM, "replayAttempts": {"S": "three"}}, "id")
@example({**_ITEM, "stream": {"M": {**_ITEM["stream"]["M"], "shardId": {"S": "x"}}}}, "id")
def test_a_replay_finishes_the_good_ones(item: dict[str, Any], audit_id: str) -> None:
    world, failures = scene(item, audit_id)
    process = Process(world)
    replay_output.preview(Screen(json_output=True), preview(context(process), selection(process)))
    report = replay(context(process), selection(process), yes)
    assert {world.status(each) for each in failures} == {"REPLAYED"}
    with screens() as both:
        for screen in both:
            replay_output.result(screen, report)


@given(ITEMS, IDS)
@example(_ITEM, "x" * 300)
def test_the_good_ones_are_saved(item: dict[str, Any], audit_id: str) -> None:
    world, failures = scene(item, audit_id)
    process = Process(world)
    with tempfile.TemporaryDirectory() as folder, screens() as both:
        report = save(context(process), selection(process), Path(folder))
        assert {path.stem for path in Path(folder).glob("*.jsonl")} >= set(failures)
        for screen in both:
            replay_output.saved(screen, report, Path(folder))


@given(ITEMS, IDS)
@example({**_ITEM, "replayAttempts": {"N": "1E+125"}}, "id")
def test_all_are_listed_counted_and_shown(item: dict[str, Any], audit_id: str) -> None:
    world, failures = scene(item, audit_id)
    process = Process(world)
    chosen = Selection(world.clock.now() - timedelta(hours=1))
    page = audit_list(context(process), chosen)
    assert {entry.failure.audit_id for entry in page.entries} == {*failures, audit_id}
    stats = audit_stats(context(process), world.clock.now() - timedelta(hours=1))
    assert stats.total == 4
    details = audit_show(context(process), audit_id)
    with screens() as both:
        for screen in both:
            audit_output.page(screen, page, chosen, limit=20)
            audit_stats_output.result(screen, stats)
            audit_show_output.details(screen, details)
            audit_show_output.details(screen, details, full=True)


@given(st.lists(LINES, min_size=1, max_size=3))
def test_odd_quarantine_objects_stop_no_other_failure(bodies: list[bytes]) -> None:
    world = World()
    odd, *good = world.orders(3)
    for number in (odd, *good):
        key = world.quarantine(number)
        if number == odd:
            world.s3.versions[key] = [bodies[0]]
    for extra, body in enumerate(bodies[1:]):
        world.s3.versions[key.replace(".json", f"-{extra}.json")] = [body]
    failures = [world.give_up(number) for number in good]
    first = world.give_up(odd)
    world.trim()
    replay(context(Process(world)), selection(Process(world)), yes)
    assert {world.status(each) for each in failures} == {"REPLAYED"}
    assert world.status(first) in ("FAILED", "PARTIAL", "REPLAYED", "EXPIRED")


@given(st.text(max_size=50), st.text(max_size=50))
@example("half \ud800", "\udfff")
def test_errors_of_the_function_are_written_whatever_they_hold(kind: str, text: str) -> None:
    world = World()
    bad, good = world.orders(2)
    failures = [world.give_up(bad), world.give_up(good)]
    payload = json_of({"errorType": kind, "errorMessage": text}).encode()
    world.faults[PROCESSOR] = lambda records: (
        {**answered(None), "FunctionError": "Unhandled", "Payload": io.BytesIO(payload)}
        if any(record["dynamodb"]["SequenceNumber"] == bad for record in records)
        else None
    )
    replay(context(Process(world)), selection(Process(world)), yes)
    assert [world.status(each) for each in failures] == ["FAILED", "REPLAYED"]
    json.dumps(world.item(failures[0]), ensure_ascii=False).encode()
    assert Failure.of(world.item(failures[0])).failing_numbers
