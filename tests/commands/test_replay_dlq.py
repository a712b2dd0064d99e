"""`replay-dlq` on the fake world: selection, confirmation, draining, saving, and replay from files."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from pipectl.aws.stream_records import Cause, kept_record
from pipectl.commands.replay_dlq import Preview, preview, replay, save
from pipectl.errors import CancelledError, DeclinedError, SavedFilesError
from pipectl.failures.errors import AmbiguousIdError, NoSuchFailureError
from pipectl.failures.explanation import MOST_EXPLAINED, grouped
from pipectl.failures.outcomes import DoneFailure
from pipectl.failures.replay import INVOCATIONS_AT_ONCE
from pipectl.failures.replay_preview import ProcessorVersions, RecordPlaces
from pipectl.failures.status import ReplayStatus
from pipectl.output import replay_dlq as output
from tests.failures.commanding import LIVE, context, selection, yes
from tests.failures.fakes import (
    AUDITOR,
    OTHER_STREAM_ARN,
    PROCESSOR,
    SHARD,
    Clock,
    Killed,
    Process,
    World,
    aws_error,
    failed,
)
from tests.output.screens import printed
from tests.support import RecordedBar, Recorder

SHARD_2 = "shardId-00000001573689847184-00000002"


def look(where: World | Process, **changes: Any) -> Preview:
    """Return a preview."""
    process = where if isinstance(where, Process) else Process(where)
    arguments = {name: changes.pop(name) for name in ("again", "source") if name in changes}
    return preview(context(process), selection(process, **changes), **arguments)


def run(where: World | Process, confirm: Callable[[Preview], None] = yes, **changes: Any) -> Any:
    process = where if isinstance(where, Process) else Process(where)
    arguments = {name: changes.pop(name) for name in ("again", "overwrite", "source", "rate") if name in changes}
    return replay(context(process), selection(process, **changes), confirm, **arguments)


TWIN_1, TWIN_2 = f"abcd{'1' * 28}", f"abcd{'2' * 28}"


def _cause(reason: str, version: str | None = None) -> Cause:
    return Cause(reason, None, "request-1", version)


def _twins(world: World) -> None:
    """Audit two failures whose ids begin alike."""
    for number, twin in zip(world.orders(2), (TWIN_1, TWIN_2), strict=True):
        audit_id = world.give_up(number)
        item = world.item(audit_id)
        del world.audit[audit_id, item["timestamp"]["S"]]
        world.audit[twin, item["timestamp"]["S"]] = {**item, "auditId": {"S": twin}}


def keep_nothing(world: World, **changes: Any) -> None:
    """Save into a folder that is never created."""
    keep(world, Path("never"), **changes)


def keep(world: World, folder: Path, **changes: Any) -> Any:
    process = Process(world)
    return save(context(process), selection(process, **changes), folder)


class TestSelection:
    def test_by_type(self) -> None:
        world = World()
        exhausted = world.give_up(world.order())
        aged = world.give_up(world.order(), requestContext={"condition": "RecordAgeExceeded"})
        assert run(world, types=("RecordAgeExceeded",)).statuses == {"REPLAYED": 1}
        assert [world.status(exhausted), world.status(aged)] == ["OPEN", "REPLAYED"]

    def test_by_time(self) -> None:
        world = World()
        failures = []
        for number in world.orders(3):
            world.clock.sleep(3600)
            failures.append(world.give_up(number))
        now = world.clock.now()
        since, until = now - timedelta(minutes=90), now - timedelta(minutes=30)
        assert run(world, since=since, until=until).total == 1
        assert [world.status(audit_id) for audit_id in failures] == ["OPEN", "REPLAYED", "OPEN"]

    def test_by_id_at_any_age(self) -> None:
        world = World()
        failures = [world.give_up(number) for number in world.orders(3)]
        world.clock.sleep(72 * 3600)
        assert run(world, ids=(failures[1], failures[1])).total == 1
        assert [world.status(audit_id) for audit_id in failures] == ["OPEN", "REPLAYED", "OPEN"]

    def test_an_unknown_id_is_refused_before_anything_is_replayed(self) -> None:
        world = World()
        known = world.give_up(world.order())
        with pytest.raises(NoSuchFailureError) as raised:
            run(world, ids=(known, "nonsense"))
        assert raised.value.audit_ids == ("nonsense",)
        assert world.status(known) == "OPEN"

    @pytest.mark.parametrize("act", [look, run, keep_nothing])
    def test_an_unknown_id_is_an_error_in_the_dry_run_and_when_saving_too(self, act: Callable[..., Any]) -> None:
        world = World()
        world.give_up(world.order())
        with pytest.raises(NoSuchFailureError) as raised:
            act(world, ids=("nonsense", "absence"))
        assert raised.value.audit_ids == ("nonsense", "absence")

    def test_the_beginning_of_an_id_is_enough(self) -> None:
        world = World()
        failures = [world.give_up(number) for number in world.orders(3)]
        assert look(world, ids=(failures[1][:7],)).failures == 1
        assert run(world, ids=(failures[1][:7], failures[1])).statuses == {"REPLAYED": 1}
        assert world.status(failures[1]) == "REPLAYED"

    def test_the_beginning_of_several_ids_is_refused(self) -> None:
        world = World()
        _twins(world)
        for act in (look, run):
            with pytest.raises(AmbiguousIdError) as raised:
                act(world, ids=("abcd",))
            assert raised.value.candidates == (TWIN_1, TWIN_2)
        assert world.statuses() == {"OPEN": 2}

    def test_a_replayed_id_is_named_in_the_dry_run_and_in_the_run(self) -> None:
        world = World()
        audit_id, other = (world.give_up(number) for number in world.orders(2))
        run(world, ids=(audit_id,))
        done = (DoneFailure(audit_id, ReplayStatus.REPLAYED, world.clock.now()),)
        world.clock.sleep(60)
        assert (look(world, ids=(audit_id,)).done, look(world, ids=(audit_id,)).failures) == (done, 0)
        report = run(world, ids=(audit_id,), confirm=lambda _: pytest.fail("asked"))
        assert (report.done, report.total, report.left) == (done, 0, 0)
        report = run(world, ids=(audit_id, other))
        assert (report.done, report.statuses) == (done, {"REPLAYED": 1})

    def test_with_force_a_replayed_id_is_counted_with_its_status(self) -> None:
        world = World()
        audit_id = world.give_up(world.order())
        run(world)
        found = look(world, ids=(audit_id,), again=True)
        assert (found.by_status, found.done, found.versions.compared) == ({"REPLAYED": 1}, (), 0)

    def test_unresolved_failures_of_any_age_are_replayed(self) -> None:
        world = World()
        numbers = world.orders(2)
        world.give_up(numbers[0])
        world.clock.sleep(100 * 24 * 3600)
        world.give_up(numbers[1])
        assert look(world, since=None).failures == 2
        assert run(world, since=None).statuses == {"REPLAYED": 2}

    def test_limit_selects_the_oldest_failures(self) -> None:
        world = World()
        failures = []
        for number in world.orders(5):
            world.clock.sleep(60)
            failures.append(world.give_up(number))
        assert run(world, limit=2).total == 2
        assert [world.status(audit_id) for audit_id in failures] == ["REPLAYED"] * 2 + ["OPEN"] * 3

    def test_the_failures_beyond_the_limit_are_counted(self) -> None:
        world = World()
        for number in world.orders(5):
            world.give_up(number)
        found = look(world, limit=2)
        assert (found.failures, found.beyond, found.records) == (2, 3, 2)
        report = run(world, limit=2)
        assert (report.total, report.beyond, report.left) == (2, 3, 0)
        assert look(world, limit=3).beyond == 0

    def test_failures_that_can_never_be_replayed_do_not_count_for_the_limit(self) -> None:
        world = World()
        never = [world.give_up(number, shardId="x") for number in world.orders(2)]
        world.clock.sleep(60)
        failures = [world.give_up(number) for number in world.orders(2)]
        found = look(world, limit=1)
        assert (found.failures, found.unreplayable, found.beyond) == (1, 2, 1)
        for left in (1, 0):
            report = run(world, limit=1)
            assert (report.statuses, report.left_out, report.beyond) == ({"REPLAYED": 1}, 2, left)
        assert {world.status(each) for each in failures} == {"REPLAYED"}
        assert {world.status(each) for each in never} == {"OPEN"}
        nothing = look(world, limit=1)
        assert (nothing.is_any, nothing.unreplayable) == (False, 2)
        assert printed(partial(output.preview, found=nothing)).startswith("2 failures can never be replayed")
        report = run(world, limit=1)
        assert (report.total, report.left_out) == (0, 2)
        assert printed(partial(output.result, report=report)).startswith("2 failures can never be replayed")
        assert look(world).failures == 2

    @pytest.mark.parametrize("any_age", [True, False], ids=["any age", "since"])
    def test_the_limit_takes_the_oldest_of_all_types(self, any_age: bool) -> None:
        world = World()
        begin, failures = world.clock.now(), list[str]()
        conditions = ("RecordAgeExceeded", "RetryAttemptsExhausted", "RecordAgeExceeded")
        for number, condition in zip(world.orders(3), conditions, strict=True):
            world.clock.sleep(30 * 3600)
            world.quarantine(number)
            failures.append(world.give_up(number, requestContext={"condition": condition}))
        for left in (2, 1):
            report = run(world, since=None if any_age else begin, limit=1)
            assert (report.statuses, report.beyond) == ({"REPLAYED": 1}, left)
        assert [world.status(each) for each in failures] == ["REPLAYED", "REPLAYED", "OPEN"]

    def test_a_replay_keeps_the_index_of_the_unresolved_right(self) -> None:
        world = World()
        good, bad = world.give_up(world.order()), world.give_up(world.order(poison=True))
        run(world, since=None)
        world.clock.sleep(72 * 3600)  # others than those of the index are found for two days only
        assert (world.status(good), look(world, since=None).by_status) == ("REPLAYED", {"FAILED": 1})
        world.fix()
        world.quarantine(next(number for number in world.failing_of(bad)))
        assert run(world, since=None).statuses == {"REPLAYED": 1}
        assert look(world, since=None).failures == 0
        world.processor = World().processor
        assert run(world, ids=(bad,), again=True, overwrite=True).statuses == {"FAILED": 1}
        assert look(world, since=None).by_status == {"FAILED": 1}

    @pytest.mark.parametrize("by_id", [True, False], ids=["by id", "by time"])
    def test_a_finished_failure_is_claimed_only_with_again(self, by_id: bool) -> None:
        world = World()
        audit_id = world.give_up(world.order())
        run(world)
        ids = (audit_id,) if by_id else ()
        assert run(world, ids=ids).total == 0
        assert run(world, ids=ids, again=True).statuses == {"REPLAYED": 1}

    def test_force_overwrites_objects(self) -> None:
        world = World()
        audit_id = world.give_up(world.order())
        run(world)
        run(world, ids=(audit_id,), again=True, overwrite=True)
        assert world.overwrites == [None, True]
        (versions,) = (versions for key, versions in world.s3.versions.items() if key.startswith("processed-data/"))
        assert len(versions) == 2


class TestAsking:
    def test_the_confirmation_shows_the_failures(self) -> None:
        world, asked = World(), list[Preview]()
        for number in world.orders(3):
            world.give_up(number)
        world.give_up(world.order(), requestContext={"condition": "RecordAgeExceeded"})
        run(world, asked.append)
        (found,) = asked
        assert (found.failures, found.more) == (4, False)
        assert found.by_type == {"RetryAttemptsExhausted": 3, "RecordAgeExceeded": 1}
        assert found.first_to_expire == world.clock.started + timedelta(hours=24)

    def test_without_failures_there_is_no_confirmation(self) -> None:
        report = run(World(), lambda _: pytest.fail("asked"))
        assert (report.total, report.left) == (0, 0)

    def test_a_cancelled_replay_changes_nothing(self) -> None:
        world = World()
        world.give_up(world.order())

        def no(found: Preview) -> None:
            raise DeclinedError("no")

        process = Process(world)
        with pytest.raises(DeclinedError):
            run(process, no)
        assert (world.statuses(), bool({"UpdateItem", "TransactWriteItems"} & set(process.calls)), world.invoked) == (
            {"OPEN": 1},
            False,
            [],
        )

    def test_a_preview_counts_each_status_and_what_can_never_be_replayed(self) -> None:
        world = World()
        world.give_up(world.order(poison=True))
        first, last = world.order(), world.order(poison=True)
        world.give_up(first, last)
        run(world)
        world.give_up(world.order())
        world.audit_body("no JSON")
        process = Process(world)
        found = preview(context(process), selection(process))
        assert found.by_status == {"FAILED": 1, "PARTIAL": 1, "OPEN": 2}
        assert (found.failures, found.unreplayable) == (4, 1)
        report = run(world)
        assert (report.unreplayable, report.left) == (1, 3)

    def test_a_preview_only_reads(self) -> None:
        world = World()
        for number in world.orders(3):
            world.give_up(number)
        world.send("waits")
        process = Process(world)
        found = preview(context(process), selection(process))
        assert (found.failures, found.waiting_in_queue) == (3, 1)
        assert set(process.calls) == {"GetQueueAttributes", "Query", "ListObjectsV2", "FilterLogEvents"}


class TestPreview:
    def test_failures_are_grouped_by_cause_with_their_orders(self) -> None:
        world = World()
        for number in world.orders(3):
            world.clock.sleep(1)
            world.give_up(number)
            world.quarantine(number, cause=_cause("KeyError: 'sku'"))
        world.give_up(world.order(poison=True))
        run(world, ids=tuple(audit_id for audit_id, _ in list(world.audit)[-1:]))
        causes = [(each.cause, each.count, each.orders) for each in grouped(look(world).explained.explanations)]
        assert causes == [
            ("KeyError: 'sku'", 3, ("order-0", "order-1", "order-2")),
            ('InvalidOrderError: amount must be a number, got "twelve"', 1, ("order-6",)),
        ]

    def test_records_are_counted_by_the_places_that_hold_them(self) -> None:
        world = World()
        both, only_stream = world.orders(2)
        for number in (both, only_stream):
            world.give_up(number)
        world.quarantine(both)
        places = look(world).places
        assert places == RecordPlaces(2, 1, only_stream=1, until=world.clock.started + timedelta(hours=24))
        world.clock.sleep(25 * 3600)
        assert look(world).places == RecordPlaces(0, 1, neither=1)

    def test_a_range_counts_at_most(self) -> None:
        world = World()
        numbers = world.orders(4)
        world.give_up(numbers[0], numbers[3], batchSize=4)
        places = look(world).places
        assert (places.stream, places.quarantine, places.only_stream, places.at_most) == (4, 0, 4, True)

    def test_records_of_a_quarantine_that_cannot_be_read_are_unknown(self) -> None:
        world = World()
        world.give_up(world.order())
        process = Process(world)
        process.failures = {call: [aws_error("AccessDenied", "s3")] for call in ("ListObjectsV2", "GetObject")}
        found = look(process)
        assert (found.failures, found.places.unknown, len(found.explained.problems)) == (1, 1, 1)

    def test_the_version_of_the_last_try_is_compared_with_the_live_one(self) -> None:
        world = World()
        for version in (LIVE, "2", None):
            number = world.order()
            world.give_up(number)
            world.quarantine(number, cause=_cause("KeyError", version))
        assert look(world).versions == ProcessorVersions(LIVE, unchanged=1, changed=1, unknown=1)

    def test_a_replay_that_fails_again_keeps_its_version(self) -> None:
        world = World()
        number = world.order(poison=True)
        audit_id = world.give_up(number)
        world.quarantine(number, cause=_cause("KeyError", "2"))
        assert look(world).versions == ProcessorVersions(LIVE, changed=1)
        run(world)
        assert world.item(audit_id)["replayedVersion"] == {"S": LIVE}
        assert look(world).versions == ProcessorVersions(LIVE, unchanged=1)

    def test_only_so_many_failures_are_explained_and_all_are_counted(self) -> None:
        world = World()
        for number in world.orders(MOST_EXPLAINED + 10):
            world.give_up(number)
        found = look(world)
        assert (found.failures, len(found.explained.explanations)) == (MOST_EXPLAINED + 10, MOST_EXPLAINED)

    def test_a_folder_is_honoured_by_the_dry_run(self, tmp_path: Path) -> None:
        world = World()
        failures = [world.give_up(number) for number in world.orders(3)]
        process = Process(world)
        save(context(process), selection(process, ids=tuple(failures[:2])), tmp_path)
        run(world, ids=(failures[0],))
        for key in [key for key in world.audit if key[0] == failures[1]]:
            del world.audit[key]
        found = look(world, source=tmp_path)
        assert (found.failures, found.missing, found.source) == (0, (failures[1],), tmp_path)
        assert [each.audit_id for each in found.done] == [failures[0]]

    def test_the_beginning_of_an_id_of_a_folder_is_enough(self, tmp_path: Path) -> None:
        world = World()
        failures = [world.give_up(number) for number in world.orders(3)]
        keep(world, tmp_path)
        assert look(world, source=tmp_path, ids=(failures[2][:6],)).failures == 1
        assert run(world, source=tmp_path, ids=(failures[2][:6],)).statuses == {"REPLAYED": 1}
        for twin in (TWIN_1, TWIN_2):
            (tmp_path / f"{twin}.jsonl").touch()
        with pytest.raises(AmbiguousIdError):
            look(world, source=tmp_path, ids=("abcd",))


class TestTwoCommands:
    def test_failures_that_another_replay_has_claimed_are_counted_in_both_screens(self) -> None:
        world = World()
        world.give_up(world.order(poison=True))
        world.give_up(world.order())
        process, inner = Process(world), list[Any]()

        def second(operation: str, _: int) -> None:
            if operation == "Invoke" and not inner:
                inner.append(look(world))
                inner.append(run(world))

        process.on_call = second
        outer = run(process)
        found, other = inner
        assert (found.failures, found.claimed) == (2, 2)
        assert (other.total, other.claimed_elsewhere, other.left) == (0, 2, 2)
        assert (outer.statuses, outer.claimed_elsewhere, outer.done_elsewhere) == ({"REPLAYED": 1, "FAILED": 1}, 0, 0)

    def test_a_failure_that_is_replayed_while_the_user_thinks_is_said_to_be_done(self) -> None:
        world = World()
        for number in world.orders(2):
            world.give_up(number)
        report = run(world, lambda _: None if run(world, limit=1).total else pytest.fail("nothing replayed"))
        assert report.statuses == {"REPLAYED": 1}

    @pytest.mark.parametrize("meanwhile", ["replayed", "resolved", "deleted"])
    def test_a_failure_that_is_done_between_the_list_and_the_claim_is_counted(self, meanwhile: str) -> None:
        world = World()
        audit_id, _ = (world.give_up(number) for number in world.orders(2))
        process = Process(world)

        def act(operation: str, _: int) -> None:
            if operation == "TransactWriteItems" and process.count(operation) == 1:
                if meanwhile == "deleted":
                    del world.audit[next(key for key in world.audit if key[0] == audit_id)]
                else:
                    world.item(audit_id)["replayStatus"] = {"S": meanwhile.upper()}

        process.on_call = act
        report = run(process)
        assert (report.statuses, report.done_elsewhere, report.left) == ({"REPLAYED": 1}, 1, 0)


class TestQueue:
    def test_waiting_messages_are_audited_first_and_replayed_in_the_same_run(self) -> None:
        world = World()
        for number in world.orders(5):
            world.send(json.dumps(world.message(number)))
        report = run(world)
        assert (report.audited, report.statuses) == (5, {"REPLAYED": 5})
        assert world.messages == []

    @pytest.mark.parametrize("known", [0, 1])
    def test_messages_that_the_counts_do_not_show_are_replayed(self, known: int) -> None:
        world = World()
        world.counts_lag = True
        for number in world.orders(known):
            world.give_up(number)
        for number in world.orders(3):
            world.send(json.dumps(world.message(number)))
        asked: list[Preview] = []
        report = run(world, asked.append)
        assert [each.failures for each in asked] == [known or 3]
        assert (report.audited, report.statuses) == (3, {"REPLAYED": 3 + known})
        assert world.messages == []

    @pytest.mark.parametrize("act", ["replay", "preview"])
    def test_messages_in_flight_are_no_all_clear(self, act: str) -> None:
        world = World()
        for _ in range(3):
            world.send("poison")["visible"] = 180.0
        if act == "replay":
            report = run(world, lambda _: pytest.fail("asked"))
            assert (report.total, report.waiting, report.left) == (0, 3, 3)
        else:
            process = Process(world)
            found = preview(context(process), selection(process))
            assert (found.failures, found.waiting_in_queue, found.in_flight) == (0, 0, 3)

    def test_the_auditor_is_given_a_moment_to_finish_messages_in_flight(self) -> None:
        world = World()
        number = world.order()
        world.send("taken by the auditor")["visible"] = 180.0
        process = Process(world)

        def finish(operation: str, call: int) -> None:
            if operation == "GetQueueAttributes" and process.count(operation) == 3:
                world.messages.clear()
                world.give_up(number)

        process.on_call = finish
        report = run(process)
        assert (report.statuses, report.left) == ({"REPLAYED": 1}, 0)

    def test_a_message_that_cannot_be_audited_stays_and_stops_no_replay(self) -> None:
        world = World()
        audit_id = world.give_up(world.order())
        world.send(json.dumps(world.message(world.order())))
        world.faults[AUDITOR] = lambda _: failed("Boom", "no table")
        report = run(world)
        assert (report.audited, report.waiting, report.left) == (0, 1, 1)
        assert "no table" in report.errors[0]
        assert (world.status(audit_id), len(world.messages)) == ("REPLAYED", 1)

    @pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
    def test_after_a_kill_at_any_call_the_next_run_finishes(self, after: bool) -> None:
        whole, _ = self._scene()
        process = Process(whole)
        run(process)
        for call in range(1, len(process.calls) + 1):
            world, numbers = self._scene()
            with pytest.raises(Killed):
                run(Process(world, call, after=after))
            world.clock.sleep(600)
            run(world)
            assert (world.messages, world.statuses(), world.claimed()) == ([], {"REPLAYED": 4}, [])
            assert world.stored() == set(numbers)

    @staticmethod
    def _scene() -> tuple[World, list[str]]:
        """Return four failures: one audited, three in the queue."""
        world = World()
        numbers = world.orders(4)
        world.give_up(numbers[0])
        for number in numbers[1:]:
            world.send(json.dumps(world.message(number)))
        return world, numbers


class TestFiles:
    def test_saved_failures_are_replayed_at_any_later_time(self, tmp_path: Path) -> None:
        world = World()
        numbers = world.orders(6)
        failures = [world.give_up(numbers[0], numbers[2]), world.give_up(numbers[4]), world.give_up(numbers[5])]
        kept = keep(world, tmp_path)
        assert (kept.failures, kept.records, kept.incomplete) == (3, 5, ())
        assert world.statuses() == {"OPEN": 3}
        world.stream_exists = False
        world.clock.sleep(90 * 24 * 3600)
        process = Process(world)
        assert run(process, source=tmp_path).statuses == {"REPLAYED": 3}
        assert {world.status(audit_id) for audit_id in failures} == {"REPLAYED"}
        assert world.stored() == {*numbers[:3], *numbers[4:]}
        assert "GetRecords" not in process.calls
        assert run(world, source=tmp_path).total == 0

    @pytest.mark.parametrize(
        ("changes", "audit_id", "reason"),
        [
            ({"shardId": "x"}, None, "a shard id that DynamoDB refuses: x"),
            ({"startSequenceNumber": "0" * 19 + "99"}, None, "does not exist"),
            ({}, "x" * 300, "too long for a file name"),
            ({}, "/" * 100, "too long for a file name"),
        ],
        ids=["shard", "number", "long id", "long quoted id"],
    )
    def test_one_bad_item_does_not_keep_the_others_from_being_saved(
        self, tmp_path: Path, changes: dict[str, Any], audit_id: str | None, reason: str
    ) -> None:
        world = World()
        bad, *good = world.orders(8)
        odd = world.give_up(bad, **changes)
        if audit_id:
            item = world.item(odd)
            del world.audit[odd, item["timestamp"]["S"]]
            odd = audit_id
            world.audit[odd, item["timestamp"]["S"]] = {**item, "auditId": {"S": odd}}
        for number in good:
            world.give_up(number)
        kept = keep(world, tmp_path)
        (problem,) = kept.incomplete
        assert (problem.audit_id, len(list(tmp_path.glob("*.jsonl"))) >= 7) == (odd, True)
        assert reason in problem.reason

    def test_the_cause_is_saved_with_a_record_of_the_stream(self, tmp_path: Path) -> None:
        world = World()
        known, unknown = world.orders(2)
        failures = [world.give_up(number) for number in (known, unknown)]
        world.quarantine(known, cause=_cause("KeyError: 'sku'", "2"))
        keep(world, tmp_path)
        kept = [kept_record((tmp_path / f"{audit_id}.jsonl").read_text()) for audit_id in failures]
        assert [each and each.cause for each in kept] == [_cause("KeyError: 'sku'", "2"), None]

    def test_a_trimmed_beginning_does_not_hide_records_that_were_read_before(self, tmp_path: Path) -> None:
        world = World()
        numbers = world.orders(4)
        world.shards[next(iter(world.shards))].page = 1
        world.give_up(numbers[0], numbers[3])
        world.clock.sleep(1)
        later = world.give_up(numbers[1], numbers[2])
        world.trim(numbers[0])
        kept = keep(world, tmp_path)
        assert later not in {each.audit_id for each in kept.incomplete}
        assert len((tmp_path / f"{later}.jsonl").read_text().splitlines()) == 2

    def test_messages_in_the_queue_are_not_saved_and_that_is_reported(self, tmp_path: Path) -> None:
        world = World()
        world.give_up(world.order())
        world.send("waits")
        world.send("in flight")["visible"] = 100.0
        assert keep(world, tmp_path).waiting == 2

    def test_one_failure_of_a_folder(self, tmp_path: Path) -> None:
        world = World()
        failures = [world.give_up(number) for number in world.orders(3)]
        keep(world, tmp_path)
        assert run(world, source=tmp_path, ids=(failures[1],)).total == 1
        assert world.status(failures[1]) == "REPLAYED"
        with pytest.raises(SavedFilesError):
            run(world, source=tmp_path, ids=("nonsense",))

    def test_a_failure_that_was_not_saved_is_not_changed(self, tmp_path: Path) -> None:
        world = World()
        world.give_up(world.order())
        keep(world, tmp_path)
        later = world.give_up(world.order())
        assert run(world, source=tmp_path).statuses == {"REPLAYED": 1}
        assert world.status(later) == "OPEN"

    def test_a_deleted_audit_item_is_reported_and_the_others_are_replayed(self, tmp_path: Path) -> None:
        world = World()
        gone, there = (world.give_up(number) for number in world.orders(2))
        keep(world, tmp_path)
        for key in [key for key in world.audit if key[0] == gone]:
            del world.audit[key]
        report = run(world, source=tmp_path)
        assert (world.status(there), report.statuses, report.left) == ("REPLAYED", {"REPLAYED": 1, "OPEN": 1}, 1)
        assert gone in report.errors[0]

    def test_an_incomplete_failure_is_reported_and_not_taken_as_complete_later(self, tmp_path: Path) -> None:
        world = World()
        numbers = world.orders(4)
        half = world.give_up(numbers[0], numbers[1])
        whole = world.give_up(numbers[2])
        foreign = world.give_up(numbers[3], streamArn=OTHER_STREAM_ARN)
        nowhere = world.give_up(numbers[3], startSequenceNumber=None)
        world.trim(numbers[0])
        kept = keep(world, tmp_path)
        assert {each.audit_id for each in kept.incomplete} == {half, foreign, nowhere}
        run(world, source=tmp_path)
        assert [world.status(audit_id) for audit_id in (half, whole)] == ["PARTIAL", "REPLAYED"]

    def test_saving_adjacent_ranges_reads_a_page_once(self, tmp_path: Path) -> None:
        world = World()
        for number in world.orders(30):
            world.clock.sleep(1)
            world.give_up(number)
        process = Process(world)
        save(context(process), selection(process), tmp_path)
        assert (process.count("GetShardIterator"), process.count("GetRecords")) == (1, 1)
        assert not {"UpdateItem", "TransactWriteItems"} & set(process.calls)

    def test_a_kill_while_saving_leaves_only_complete_files(self, tmp_path: Path) -> None:
        world = World()
        numbers = world.orders(9)
        world.shards[next(iter(world.shards))].page = 2
        world.give_up(numbers[0], numbers[3])
        world.give_up(numbers[4], numbers[8])
        whole = Process(world)
        save(context(whole), selection(whole), tmp_path / "whole")
        for call in range(1, len(whole.calls) + 1):
            process, folder = Process(world, call), tmp_path / str(call)
            with pytest.raises(Killed):
                save(context(process), selection(process), folder)
            assert {len(path.read_text().splitlines()) for path in folder.glob("*.jsonl")} <= {4, 5}
            assert keep(world, folder).records == 9

    def test_ctrl_c_ends_saving(self, tmp_path: Path) -> None:
        world, clock = World(), Clock()
        for number in world.orders(50):
            world.give_up(number)
        process = Process(world, clock=clock)
        process.on_call = lambda operation, _: clock.cancel() if operation == "GetRecords" else None
        with pytest.raises(CancelledError):
            save(context(process), selection(process), tmp_path)

    def test_a_folder_without_saved_failures(self, tmp_path: Path) -> None:
        with pytest.raises(SavedFilesError):
            run(World(), source=tmp_path)


class TestProgress:
    def test_the_bar_counts_the_records(self) -> None:
        world = World()
        for number in world.orders(300):
            world.give_up(number)
        assert self._bar(world) == RecordedBar(300, "record", done=300, ended=True)

    def test_a_range_counts_as_the_batch_that_failed(self) -> None:
        world = World()
        numbers = world.orders(3)
        world.give_up(numbers[0], numbers[2], batchSize=3)
        assert self._bar(world) == RecordedBar(3, "record", done=3, ended=True)

    def test_the_length_is_unknown_with_failures_that_do_not_say_it_and_after_new_messages(self) -> None:
        world = World()
        numbers = world.orders(3)
        world.give_up(numbers[0], numbers[2], batchSize=None)
        assert self._bar(world).total is None
        world = World()
        world.counts_lag = True
        known, later = world.orders(2)
        world.give_up(known)
        world.send(json.dumps(world.message(later)))
        assert self._bar(world) == RecordedBar(None, "record", done=2, ended=True)

    @staticmethod
    def _bar(world: World) -> RecordedBar:
        process, recorder = Process(world), Recorder()
        inside = context(process)
        inside.reporter = recorder
        replay(inside, selection(process), yes)
        (bar,) = recorder.bars
        return bar


class TestRate:
    @pytest.mark.parametrize("rate", [1, 7, 50])
    def test_no_more_records_a_second_are_processed(self, rate: int) -> None:
        world, started = World(), list[tuple[float, int]]()
        for shard in (SHARD, SHARD_2):
            for number in world.orders(60, shard=shard):
                world.give_up(number, shard=shard)
        world.faults[PROCESSOR] = lambda records: started.append((world.clock.monotonic(), len(records)))
        began = world.clock.monotonic()
        assert run(world, rate=rate).statuses == {"REPLAYED": 120}
        assert max(count for _, count in started) <= rate
        for at, (begin, _) in enumerate(started):
            done = 0
            for end, count in started[at:]:
                done += count
                # An invocation may start late, after other threads have moved the clock.
                assert done - count <= rate * (end - begin + INVOCATIONS_AT_ONCE) + 0.001
        assert world.clock.monotonic() - began >= (120 - rate) / rate - 0.001

    def test_invocations_of_a_record_that_fails_again_count_too(self) -> None:
        world = World()
        for number in world.orders(4, poison=True):
            world.give_up(number)
        begin = world.clock.monotonic()
        assert run(world, rate=1).statuses == {"FAILED": 4}
        assert world.clock.monotonic() - begin >= 3

    def test_claims_do_not_expire_while_failures_wait_for_their_turn(self) -> None:
        world = World()
        for number in world.orders(400):
            world.give_up(number)
        process, claimed = Process(world), list[int]()
        process.on_call = lambda operation, _: claimed.append(len(world.claimed())) if operation == "Invoke" else None
        assert run(process, rate=1).statuses == {"REPLAYED": 400}
        assert max(claimed) <= 60

    def test_ctrl_c_ends_the_wait(self) -> None:
        world, clock = World(), Clock()
        for number in world.orders(10):
            world.give_up(number)
        process = Process(world, clock=clock)
        process.on_call = lambda operation, _: clock.cancel() if operation == "Invoke" else None
        with pytest.raises(CancelledError):
            run(process, rate=1)
        assert world.claimed() == []
        assert run(world).left == 0
