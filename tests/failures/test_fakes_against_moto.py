"""The contract of the fake: moto gives the same answers to the same calls.

Replays on the fake are recorded call by call. Each call is then made to moto in the same order, on the audit table and
the bucket as `up` creates them, and the answers are compared. Queries differ only in the size of their pages.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from moto import mock_aws

from pipectl.errors import AwsError
from tests.failures.fakes import AUDIT_TABLE, BUCKET, Process, World
from tests.failures.running import audited_failures, new_replay, replay
from tests.moto_snapshot import create_pipeline
from tests.support import REGION, FakeClock, make_world


@dataclass
class Recording:
    """Forwards calls to a service of the fake, one at a time, and keeps the writes, reads and answers."""

    process: Process
    service: Any
    kept: list[tuple[str, dict[str, Any], Any]] = field(default_factory=list)

    def __getattr__(self, operation: str) -> Callable[..., Any]:
        def call(**params: Any) -> Any:
            with self.process.world.lock:
                try:
                    answer = getattr(self.service, operation)(**params)
                except AwsError as error:
                    self.kept.append((operation, params, (error.aws_code, answered_with(error.response))))
                    raise
                self.kept.append((operation, params, answer))
                return answer

        return call


def scene(world: World) -> None:
    """Arrange failures that end in each way: replayed, partial, failed, expired, from the quarantine."""
    good, poison, last = world.order(), world.order(poison=True), world.order()
    lost, kept = world.orders(2)
    world.give_up(good, last)
    world.give_up(poison)
    world.give_up(lost)
    world.quarantine(kept)
    world.give_up(kept)
    world.trim(kept)


@pytest.fixture
def recorded() -> tuple[World, dict[tuple[str, str], Any], list[tuple[str, dict[str, Any], Any]]]:
    world = World()
    scene(world)
    before = {key: dict(item) for key, item in world.audit.items()}
    process = Process(world)
    recording = Recording(process, process.dynamodb)
    process.dynamodb = recording  # type: ignore[assignment]
    read_before = audited_failures(world, *(key for key, _ in world.audit))
    replay(process)
    new_replay(process).from_stream(iter(read_before))  # its conditions fail: the items have changed meanwhile
    new_replay(process).from_stream(iter(read_before[:1]))
    return world, before, recording.kept


@pytest.fixture
def pipeline(tmp_path: Path) -> Iterator[None]:
    with mock_aws():
        create_pipeline(make_world(tmp_path, clock=FakeClock()))
        yield


def on_moto(client: Any, operation: str, params: dict[str, Any]) -> Any:
    try:
        return getattr(client, operation)(**params)
    except ClientError as error:
        return error.response["Error"]["Code"], answered_with(error.response)


def answered_with(response: Mapping[str, Any]) -> list[Any]:
    """Return the code and the item of each reason, and the item of a failed condition."""
    reasons = [(each["Code"], each.get("Item")) for each in response.get("CancellationReasons", ())]
    return [*reasons, response.get("Item")]


def test_moto_answers_the_calls_to_the_audit_table_alike(recorded: Any, pipeline: None) -> None:
    world, before, calls = recorded
    client: Any = boto3.client("dynamodb", region_name=REGION)
    for item in before.values():
        client.put_item(TableName=AUDIT_TABLE, Item=item)
    pages: dict[str, list[Any]] = {}
    for operation, params, answer in calls:
        if operation == "query":  # the pages of several queries alternate
            whole = {name: value for name, value in params.items() if name != "ExclusiveStartKey"}
            pages.setdefault(str(whole), []).extend(answer["Items"])
            if "LastEvaluatedKey" not in answer:
                assert on_moto(client, operation, whole)["Items"] == pages.pop(str(whole))
        else:
            found = on_moto(client, operation, params)
            assert (found if isinstance(found, tuple) else None) == (answer or None), (operation, params)
    assert {"query", "update_item", "transact_write_items"} <= {operation for operation, _, _ in calls}
    codes = {answer[0] for _, _, answer in calls if isinstance(answer, tuple)}
    assert codes == {"ConditionalCheckFailedException", "TransactionCanceledException"}
    table = {
        (item["auditId"]["S"], item["timestamp"]["S"]): item for item in client.scan(TableName=AUDIT_TABLE)["Items"]
    }
    assert table == world.audit


def test_moto_answers_the_calls_to_the_bucket_alike(pipeline: None) -> None:
    world = World()
    client: Any = boto3.client("s3", region_name=REGION)
    client.delete_bucket_policy(Bucket=BUCKET)  # moto denies every put for its plain HTTP condition
    for number in world.orders(5):
        key = world.quarantine(number)
        client.put_object(Bucket=BUCKET, Key=key, Body=world.s3.versions[key][-1])
    process = Process(world)
    keys = sorted(world.s3.versions)
    for start in ("", keys[0], keys[2][:-6], keys[-1]):
        params = {
            "Bucket": BUCKET,
            "Prefix": "failed-data/",
            "StartAfter": start,
            "ExpectedBucketOwner": "123456789012",
        }
        fake, moto = (
            [
                each["Key"]
                for page in service.get_paginator("list_objects_v2").paginate(**params)
                for each in page.get("Contents", [])
            ]
            for service in (process.s3, client)
        )
        assert fake == moto
    owned: dict[str, Any] = {"Bucket": BUCKET, "ExpectedBucketOwner": "123456789012"}
    for key in keys:
        fake, moto = (service.get_object(Key=key, **owned)["Body"].read() for service in (process.s3, client))
        assert fake == moto
    with pytest.raises(AwsError) as absent:
        process.s3.get_object(Key="failed-data/nothing", **owned)
    assert absent.value.aws_code == on_moto(client, "get_object", {"Key": "failed-data/nothing", **owned})[0]
