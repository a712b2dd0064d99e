"""Buckets with many versions, emptied: whatever the keys are, whatever fails, and with little memory."""

from __future__ import annotations

import hashlib
import random
import threading
from collections.abc import Callable, Iterable
from itertools import count

import pytest

from pipectl.errors import AwsError, CancelledError
from pipectl.resources.emptying import empty
from tests.failures.fakes import Clock
from tests.faults.clock import VirtualClock
from tests.resources.many_versions import DELETE_SECONDS, LARGEST_PAGE, OWNED, ManyVersions, refused
from tests.support import PATIENCE

DAY = "processed-data/2026/01/31"


def hashed(number: int) -> str:
    return hashlib.md5(str(number).encode(), usedforsecurity=False).hexdigest()


LAYOUTS: dict[str, Callable[[int], str]] = {
    "objects of one day": lambda n: f"{DAY}/{hashed(n)}.json",
    "objects of many days": lambda n: f"processed-data/2025/{n % 12 + 1:02}/{n % 28 + 1:02}/{hashed(n)}.json",
    "quarantined records": lambda n: f"failed-data/2026-01-01T00:00:00.000/{10**20 + n * 1009:040}.json",
    "both": lambda n: f"failed-data/label/{n:040}.json" if n % 10 == 0 else f"{DAY}/{hashed(n)}.json",
    "versions of few keys": lambda n: f"key-{n % 3}",
    "numbers": str,
    "folders in folders": lambda n: "/".join(hashed(n)[:20]),
    "characters of all planes": lambda n: "".join(
        chr(ord("\ud7ff\ue000\U0010ffff/az"[int(c, 16) % 6])) for c in hashed(n)
    ),
}


def bucket(keys: Iterable[str], page: int = LARGEST_PAGE) -> ManyVersions:
    return ManyVersions(Clock(), keys, page=page, latency=False)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_version_is_deleted_once_whatever_the_keys_are(layout: str) -> None:
    found = bucket(LAYOUTS[layout](number) for number in range(12_345))
    empty(found.aws, OWNED)
    assert found.left == []
    assert set(found.tries.values()) == {1}
    assert len(found.sizes) == 13  # full calls, and one for the rest
    assert found.calls["ListObjectVersions"] <= 13 + 60
    assert found.most["DeleteObjects"] <= 8
    assert found.most["ListObjectVersions"] <= 4


@pytest.mark.parametrize("seed", range(20))
def test_small_pages_of_random_keys_leave_no_version_out(seed: int) -> None:
    chosen = random.Random(seed)
    alphabet = chosen.choice(["ab", "a/", "01/.-", "\ud7ff\ue000\U0010ffff/"])
    found = bucket(("".join(chosen.choices(alphabet, k=chosen.randint(1, 9))) for _ in range(400)), page=7)
    empty(found.aws, OWNED)
    assert found.left == []


def test_listing_takes_no_time_beside_deleting() -> None:
    found = ManyVersions(VirtualClock(), map(LAYOUTS["both"], range(56_000)))
    empty(found.aws, OWNED)
    assert found.clock.monotonic() <= 1.3 * 56 / 8 * DELETE_SECONDS


def test_no_more_is_listed_than_fits_into_memory() -> None:
    found = bucket(map(LAYOUTS["numbers"], range(130_000)))
    enough = threading.Event()

    def wait_for_listing(operation: str) -> None:
        if found.waiting >= 100_000:
            enough.set()
        if operation == "DeleteObjects":
            assert enough.wait(PATIENCE)

    found.before = wait_for_listing
    empty(found.aws, OWNED)
    assert 100_000 <= found.waiting <= 113_000
    assert found.left == []


def test_an_empty_bucket_is_listed_once() -> None:
    found = bucket([])
    empty(found.aws, OWNED)
    assert found.calls == {"ListObjectVersions": 1}
    assert found.shown == []


def test_versions_that_s3_cannot_delete_just_now_are_tried_again_and_no_others() -> None:
    found = bucket(map(str, range(3000)))
    codes = {"17": ["SlowDown", "InternalError"], "2000": ["ServiceUnavailable"], "2001": ["OperationAborted"]}
    found.refusal = lambda key, tries: dict(enumerate(codes.get(key, []), 1)).get(tries)
    empty(found.aws, OWNED)
    assert found.left == []
    assert {key: tries for (key, _), tries in found.tries.items() if tries > 1} == {"17": 3, "2000": 2, "2001": 2}
    assert found.clock.monotonic() > 0


def test_an_error_that_does_not_pass_is_reported_with_its_key_after_a_while() -> None:
    found = bucket(map(str, range(1500)))
    found.refusal = lambda key, _tries: "InternalError" if key == "17" else None
    with pytest.raises(AwsError) as caught:
        empty(found.aws, OWNED)
    assert (caught.value.aws_code, found.left) == ("InternalError", [("17", "v0")])
    assert 30 <= found.clock.monotonic() <= 60


def test_locked_objects_are_counted_and_named_and_all_others_deleted() -> None:
    found = bucket(map(LAYOUTS["objects of one day"], range(5000)))
    locked = {hashed(number) for number in range(0, 5000, 500)}
    found.refusal = lambda key, _tries: "AccessDenied" if key[len(DAY) + 1 : -5] in locked else None
    with pytest.raises(AwsError) as caught:
        empty(found.aws, OWNED)
    assert {key[len(DAY) + 1 : -5] for key, _ in found.left} == locked
    assert caught.value.aws_code == "AccessDenied"
    first, *named, others = caught.value.message.split("\n")
    assert first == f"10 object versions of {OWNED['Bucket']} cannot be deleted"
    assert len(named) == 5
    assert all(f"{found.left[0][0][:16]}" in line and "version v0" in line for line in named)
    assert others == "and 5 others"


def test_without_the_permission_to_delete_few_calls_are_made() -> None:
    found = bucket(map(str, range(50_000)))
    found.refusal = lambda _key, _tries: "AccessDenied"
    with pytest.raises(AwsError):
        empty(found.aws, OWNED)
    assert found.calls["DeleteObjects"] <= 16
    assert len(found.left) == 50_000


def test_pages_that_arrive_after_the_refusal_start_no_more_calls() -> None:
    found = bucket(map(str, range(50_000)))
    found.refusal = lambda _key, _tries: "AccessDenied"

    def answer_late(operation: str) -> None:
        if operation == "ListObjectVersions" and found.calls[operation]:
            assert found.has_shown.wait(PATIENCE)

    found.before = answer_late
    with pytest.raises(AwsError):
        empty(found.aws, OWNED)
    assert found.calls["DeleteObjects"] == 1
    assert found.calls["ListObjectVersions"] <= 1 + 4


@pytest.mark.parametrize("operation", ["ListObjectVersions", "DeleteObjects"])
def test_a_refused_call_ends_it_and_a_repetition_continues(operation: str) -> None:
    found = bucket(map(str, range(20_000)))
    calls = count(1)  # several threads share it

    def refuse(called: str) -> None:
        if called == operation and next(calls) == 5:
            raise refused("AccessDenied", operation)

    found.before = refuse
    with pytest.raises(AwsError):
        empty(found.aws, OWNED)
    left = len(found.left)
    assert 0 < left < 20_000
    found.before = lambda _: None
    done = found.calls["DeleteObjects"]
    empty(found.aws, OWNED)
    assert found.left == []
    assert found.calls["DeleteObjects"] - done == -(-left // 1000)


def test_ctrl_c_ends_it_after_the_calls_that_were_sent() -> None:
    clock = Clock()
    found = ManyVersions(clock, map(str, range(50_000)), latency=False)
    sent = []

    def press(operation: str) -> None:
        sent.append(operation)
        if len(sent) == 20:
            clock.cancel()

    found.before = press
    with pytest.raises(CancelledError):
        empty(found.aws, OWNED)
    assert len(sent) <= 20 + 12


def test_objects_that_are_written_meanwhile_are_deleted() -> None:
    found = bucket(map(str, range(3000)))
    written = iter(["0", "aaa", "zzz"])

    def write(operation: str) -> None:
        if operation == "DeleteObjects" and (key := next(written, None)):
            found.put(key)

    found.before = write
    empty(found.aws, OWNED)
    assert found.left == []


def test_a_writer_that_does_not_stop_is_not_chased_forever() -> None:
    found = bucket(["0"])
    found.before = lambda operation: found.put("0") if operation == "DeleteObjects" else None
    empty(found.aws, OWNED)
    assert len(found.left) == 1
    assert found.calls["DeleteObjects"] == 5


def test_versions_that_are_deleted_meanwhile_count_as_deleted() -> None:
    found = bucket(map(str, range(10)))
    found.refusal = lambda key, _tries: "NoSuchKey" if key == "3" and found.drop(key) else None
    empty(found.aws, OWNED)
    assert found.left == []
    assert found.shown[-1].done == 10


def test_a_key_that_xml_cannot_hold_is_deleted_by_a_call_of_its_own() -> None:
    found = bucket(["plain", "bell \a", "tab\t", "null \0"])
    empty(found.aws, OWNED)
    assert found.left == []
    assert found.calls["DeleteObject"] == 2


@pytest.mark.parametrize("code", ["NoSuchKey", "NoSuchVersion"])
def test_a_version_that_is_gone_stops_no_other_whatever_call_deletes_it(code: str) -> None:
    found = bucket(["plain", "bell \a"])

    def drop(operation: str) -> None:
        if operation == "DeleteObject":
            found.drop("bell \a")
            raise refused(code, operation)

    found.before = drop
    empty(found.aws, OWNED)
    assert found.left == []


def test_progress_is_true() -> None:
    found = ManyVersions(VirtualClock(), map(LAYOUTS["both"], range(25_500)))
    empty(found.aws, OWNED)
    done = [portion.done for portion in found.shown]
    assert done == sorted(done)
    assert done[-1] == 25_500
    assert all(portion.done <= portion.total <= 25_500 for portion in found.shown)
    assert all(portion.more or portion.total == 25_500 for portion in found.shown)
    assert any(portion.more for portion in found.shown)
    assert not found.shown[-1].more
