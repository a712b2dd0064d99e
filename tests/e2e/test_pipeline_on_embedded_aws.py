"""The whole pipeline on the embedded AWS: IAM enforced, functions executed, failures retried, bisected and audited."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from pipectl.commands.down import down
from pipectl.commands.status import State, outputs, status
from pipectl.commands.up import up
from pipectl.engine.model import Action
from pipectl.local import lifecycle
from pipectl.local.lifecycle import LocalAws
from pipectl.local.role_calls import event_record
from pipectl.pipeline import Physical
from tests.lambda_src.loading import parse
from tests.support import World, make_world, yes

pytestmark = [pytest.mark.embedded, pytest.mark.timeout(170)]

ORDERS = 300
POISON = 5
ACCOUNT = "300000000005"
SEED = 20261122


@dataclass
class Written:
    """What was written to the orders table, by order and version: the number exactly as it was sent."""

    good: dict[tuple[str, int], str] = field(default_factory=dict)
    poison: set[tuple[str, int]] = field(default_factory=set)


@pytest.fixture(scope="module", params=[False, True], ids=["one message a failure", "consolidated"])
def server(request: pytest.FixtureRequest) -> Iterator[tuple[LocalAws, bool]]:
    with lifecycle.temporary(consolidate=request.param) as running:
        yield running, request.param


def _digits(chance: random.Random) -> str:
    """A number of 38 significant digits, with a point somewhere."""
    digits = (
        str(chance.randint(1, 9)) + "".join(str(chance.randint(0, 9)) for _ in range(36)) + str(chance.randint(1, 9))
    )
    point = chance.randint(1, 38)
    return digits if point == 38 else f"{digits[:point]}.{digits[point:]}"


def _write(world: World, table: str) -> Written:
    """300 writes, every third an update of an order that is there, five of them poison at random places."""
    chance = random.Random(SEED)
    poison_at = set(chance.sample(range(ORDERS), POISON))
    written, versions = Written(), dict[str, int]()
    for number in range(ORDERS):
        order = chance.choice(list(versions)) if versions and number % 3 == 2 else f"order-{number:03}"
        version = versions[order] = versions.get(order, 0) + 1
        amount = {"S": "twelve"} if number in poison_at else {"N": _digits(chance)}
        if number in poison_at:
            written.poison.add((order, version))
        else:
            written.good[order, version] = amount["N"]
        world.aws.dynamodb.update_item(
            TableName=table,
            Key={"orderId": {"S": order}},
            UpdateExpression="SET amount = :amount, version = :version",
            ExpressionAttributeValues={":amount": amount, ":version": {"N": str(version)}},  # type: ignore[dict-item]
        )
    return written


def _records(world: World) -> dict[tuple[str, int], dict[str, Any]]:
    """The stream's records as Lambda events hold them, by order and version."""
    stream = outputs(world.context())["OrdersTableStreamArn"]
    shard = world.aws.streams.describe_stream(StreamArn=stream)["StreamDescription"]["Shards"][0]["ShardId"]
    answer = world.aws.streams.get_shard_iterator(StreamArn=stream, ShardId=shard, ShardIteratorType="TRIM_HORIZON")
    iterator, records = answer.get("ShardIterator"), list[dict[str, Any]]()
    while iterator:
        page = world.aws.streams.get_records(ShardIterator=iterator)
        records += [event_record(record, stream) for record in page["Records"]]
        iterator = page.get("NextShardIterator") if page["Records"] else None
    return {(r["dynamodb"]["Keys"]["orderId"]["S"], int(r["dynamodb"]["NewImage"]["version"]["N"])): r for r in records}


def _keys(world: World, names: Physical, prefix: str) -> list[str]:
    pages = world.aws.s3.get_paginator("list_objects_v2").paginate(Bucket=names.bucket, Prefix=f"{prefix}/")
    return [entry["Key"] for page in pages for entry in page.get("Contents", [])]


def _bodies(world: World, names: Physical, prefix: str) -> dict[str, Any]:
    return {
        key: parse(world.aws.s3.get_object(Bucket=names.bucket, Key=key)["Body"].read())
        for key in _keys(world, names, prefix)
    }


def _ranges(world: World, names: Physical) -> list[tuple[int, int]]:
    """The audited ranges of sequence numbers."""
    items = world.aws.dynamodb.scan(TableName=names.audit_table)["Items"]
    streams: list[Any] = [item["stream"]["M"] for item in items]
    return [(int(s["startSequenceNumber"]["S"]), int(s["endSequenceNumber"]["S"])) for s in streams]


def _sequence(record: dict[str, Any]) -> int:
    return int(record["dynamodb"]["SequenceNumber"])


def test_three_hundred_orders_five_of_them_poison(server: tuple[LocalAws, bool], tmp_path: Path) -> None:
    running, consolidated = server
    world = make_world(tmp_path, endpoint_url=running.endpoint_url, account=ACCOUNT)
    assert {change.action for change in up(world.context(), yes).changes} == {Action.CREATE}
    names = world.context().pipeline.physical

    written = _write(world, names.orders_table)
    assert len(written.poison) == POISON
    records = _records(world)
    assert records.keys() == written.good.keys() | written.poison
    poison = {_sequence(records[version]) for version in written.poison}

    def settled() -> bool:
        covered = {number for number in poison if any(low <= number <= high for low, high in _ranges(world, names))}
        return covered == poison and len(_keys(world, names, "processed-data")) >= len(written.good)

    world.aws.wait(settled, "every order to be stored or audited", 150)

    _assert_stored(world, names, written, records)
    _assert_audited(world, names, records, poison, consolidated)
    quarantined = _bodies(world, names, "failed-data")
    stream_label = outputs(world.context())["OrdersTableStreamArn"].split("/stream/")[1]
    assert quarantined == {
        f"failed-data/{stream_label}/{_sequence(records[version]):040}.json": parse(json.dumps(records[version]))
        for version in written.poison
    }
    world.aws.wait(lambda: _alarm_state(world, names) == "ALARM", "the errors alarm", 30)

    assert {each.state for each in status(world.context())} == {State.IN_SYNC}
    down(world.context(), yes, delete_data=True)
    assert {each.state for each in status(world.context())} == {State.MISSING}


def _assert_stored(
    world: World, names: Physical, written: Written, records: dict[tuple[str, int], dict[str, Any]]
) -> None:
    """Exactly the good records' objects are there, in one version each, equal to what was sent to the last digit."""
    stored = {}
    for key, body in _bodies(world, names, "processed-data").items():
        image = body["newImage"]
        version = (image["orderId"], int(image["version"]))
        assert key.endswith(f"/{records[version]['eventID']}.json")
        stored[version] = str(image["amount"])
    assert stored == written.good
    pages = world.aws.s3.get_paginator("list_object_versions").paginate(Bucket=names.bucket)
    versions = [entry["Key"] for page in pages for entry in page["Versions"]]
    assert len(versions) == len(set(versions)) == len(written.good) + POISON


def _assert_audited(
    world: World, names: Physical, records: dict[tuple[str, int], dict[str, Any]], poison: set[int], consolidated: bool
) -> None:
    everything = {_sequence(record) for record in records.values()}
    covered = {n for n in everything for low, high in _ranges(world, names) if low <= n <= high}
    if consolidated:
        assert covered >= poison
    else:
        assert covered == poison


def _alarm_state(world: World, names: Physical) -> str:
    return world.aws.cloudwatch.describe_alarms(AlarmNames=[names.errors_alarm])["MetricAlarms"][0]["StateValue"]
