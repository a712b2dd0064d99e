"""Creation, deletion, crashes and lost races of every kind of resource."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from pipectl.aws.calls import Call
from pipectl.aws.client import Aws, Credentials
from pipectl.aws.errors import translate
from pipectl.commands.plan import Confirm
from pipectl.commands.up import up
from pipectl.engine.model import Action
from pipectl.errors import ForeignError
from tests.resources.direct_access import DirectAccess, narrow
from tests.resources.standard import NAMED, ONE_OF_EACH, managed_tags, planned
from tests.support import ACCOUNT, REGION, FakeClock, World, make_world, reads, write_config, yes

each = pytest.mark.parametrize("key", ONE_OF_EACH)


@each
def test_a_resource_is_created_with_all_attributes_and_tags(direct: DirectAccess, key: str) -> None:
    change = planned(direct, key)
    resource = direct.resources[key]
    assert change.action is Action.CREATE
    assert {path.partition(".")[0] for path in change.attributes} <= resource.desired({}).keys()
    up(narrow(direct.world, key), yes)
    assert direct.tags(resource) == managed_tags(key)
    assert planned(direct, key).action is Action.KEEP


@each
def test_deleting_an_absent_resource_succeeds(direct: DirectAccess, key: str) -> None:
    up(narrow(direct.world, key), yes)
    resource = direct.resources[key]
    observed = resource.observe()
    assert observed is not None
    resource.delete(observed, delete_data=True)
    assert resource.observe() is None
    resource.delete(observed, delete_data=True)


class CrashError(BaseException):
    """A simulated end of the process."""


def dying_world(folder: Path, writes: int, endpoint_url: str | None, account: str) -> World:
    """Return a world in which a run ends before its writing call number ``writes`` + 1."""
    made: list[Call] = []

    def on_call(call: Call) -> None:
        if not reads(call):
            made.append(call)
            if len(made) > writes:
                raise CrashError

    aws = Aws(
        REGION,
        endpoint_url=endpoint_url,
        credentials=Credentials(account, "test"),
        clock=FakeClock(),
        on_call=on_call,
    )
    return World(write_config(folder), aws, made)


def assert_converges_after_every_crash(direct: DirectAccess, folder: Path, key: str) -> None:
    """Die before the first write, after it, after the second, and so on; the next run always ends what was begun."""
    with_needs(direct, key)  # which have cases of their own
    resource = direct.resources[key]
    for writes in range(30):
        dying = dying_world(folder, writes, direct.world.aws.endpoint_url, direct.account)
        try:
            up(narrow(dying, key), yes)
        except CrashError:
            up(narrow(direct.world, key), yes)
            assert planned(direct, key).action is Action.KEEP
            observed = resource.observe()
            assert observed is not None
            resource.delete(observed, delete_data=True)
        else:
            assert writes > 0
            return
    raise AssertionError("the run did not finish")


@pytest.mark.parametrize("key", [key for key in NAMED if key not in ("bucket", "errors-alarm")])
def test_a_run_after_a_crash_at_any_write_converges(direct: DirectAccess, tmp_path: Path, key: str) -> None:
    assert_converges_after_every_crash(direct, tmp_path, key)


@pytest.mark.emulator
def test_a_bucket_is_managed_from_its_creating_call_on(emulator_direct: DirectAccess, tmp_path: Path) -> None:
    """Run on the local emulator, because moto drops the tags of CreateBucket."""
    assert_converges_after_every_crash(emulator_direct, tmp_path, "bucket")


def competitor(direct: DirectAccess, folder: Path, key: str, changes: dict[str, Any]) -> Confirm:
    """Return a confirmation that creates the same resource between the reads and the writes of `up`."""
    (folder / "other").mkdir()
    other = make_world(folder / "other", changes, endpoint_url=direct.world.aws.endpoint_url, account=direct.account)

    def confirm(_: object) -> None:
        resource = other.context().resources[key]
        resource.create(resource.desired({}))

    return confirm


def with_needs(direct: DirectAccess, key: str) -> None:
    for need in direct.resources[key].needs:
        up(narrow(direct.world, need), yes)


@pytest.mark.parametrize("key", NAMED)
def test_a_race_lost_to_another_up_converges(direct: DirectAccess, tmp_path: Path, key: str) -> None:
    with_needs(direct, key)
    report = up(narrow(direct.world, key), competitor(direct, tmp_path, key, {}))
    assert [change.resource for change in report.changes if change.action is Action.CREATE] == [key]
    assert planned(direct, key).action is Action.KEEP


@pytest.mark.parametrize("key", NAMED)
def test_a_race_lost_to_an_unmanaged_resource_is_refused(direct: DirectAccess, tmp_path: Path, key: str) -> None:
    with_needs(direct, key)
    # unlike AWS, moto tags an existing queue if its attributes are equal
    other_config = {"project": "another", "dead-letter-queue": {"retention_days": 7}}
    with pytest.raises(ForeignError, match=direct.resources[key].name):
        up(narrow(direct.world, key), competitor(direct, tmp_path, key, other_config))
    assert direct.tags(direct.resources[key])["Project"] == "another"


@pytest.mark.emulator
def test_a_race_lost_for_a_queue_with_equal_settings_is_refused(emulator_direct: DirectAccess, tmp_path: Path) -> None:
    """CreateQueue succeeds for an existing queue with equal attributes; only the tags differ."""
    key = "dead-letter-queue"
    with pytest.raises(ForeignError, match="Project is 'another'"):
        up(narrow(emulator_direct.world, key), competitor(emulator_direct, tmp_path, key, {"project": "another"}))
    assert emulator_direct.tags(emulator_direct.resources[key])["Project"] == "another"


MAPPING_EXISTS = (
    'The event source arn (" arn ") and function (" name:live ") provided mapping already exists. '
    "Please update or delete the existing mapping with UUID 00000000-0000-4000-8000-000000000000"
)


@pytest.mark.parametrize("key", ["stream-mapping", "queue-mapping"])
def test_a_race_lost_for_a_mapping_ends_with_one_mapping(direct: DirectAccess, tmp_path: Path, key: str) -> None:
    """moto allows two mappings of one function and source. Lambda refuses the second with this error."""
    up(narrow(direct.world, key), yes)
    resource = direct.resources[key]
    observed = resource.observe()
    assert observed is not None
    conflict = ClientError(
        {"Error": {"Code": "ResourceConflictException", "Message": MAPPING_EXISTS}}, "CreateEventSourceMapping"
    )

    def refuse(call: Call) -> None:
        if call.operation == "CreateEventSourceMapping":
            raise translate(conflict, "lambda", call.operation)

    aws = Aws(REGION, credentials=Credentials(ACCOUNT, "test"), clock=FakeClock(), on_call=refuse)
    first, tags = direct.mapping(resource), direct.tags(resource)

    def created_by_another_process(_: object) -> None:
        start = {"StartingPosition": first["StartingPosition"]} if "StartingPosition" in first else {}
        direct.lambda_.create_event_source_mapping(
            EventSourceArn=first["EventSourceArn"], FunctionName=first["FunctionArn"], Tags=tags, **start
        )

    direct.lambda_.delete_event_source_mapping(UUID=first["UUID"])
    up(narrow(replace(direct.world, aws=aws), key), created_by_another_process)
    assert planned(direct, key).action is Action.KEEP
