"""Orders written to a pipeline, and checks of every place in which they can be."""

from __future__ import annotations

import json
import random
from dataclasses import dataclass, field
from typing import Any

from pipectl.aws.stream_records import EventRecord, event_record
from pipectl.config.physical import PhysicalNames
from pipectl.failures.model import SequenceNumber
from tests.lambda_src.loading import parse
from tests.support import World

Version = tuple[str, int]
EMPTY_PAGES = 3
"""The largest number of empty pages before records on the harsh emulator."""
SEED = 20261122


@dataclass
class Orders:
    """Orders written to the table: the amount of each version, exactly as it was sent."""

    world: World
    names: PhysicalNames
    good: dict[Version, str] = field(default_factory=dict)
    poison: set[Version] = field(default_factory=set)

    def write(self, count: int, poison: int, *, first: int = 0) -> None:
        """Write ``count`` versions; every third is an update, and ``poison`` of them, at random places, are invalid.

        Orders are numbered from ``first`` on.
        """
        chance = random.Random(SEED + first)
        poison_at = set(chance.sample(range(count), poison))
        versions = dict[str, int]()
        for number in range(count):
            order = chance.choice(list(versions)) if versions and number % 3 == 2 else f"order-{first + number:03}"
            version = versions[order] = versions.get(order, 0) + 1
            if number in poison_at:
                self.poison.add((order, version))
                self._put(order, version, {"S": "twelve"})
            else:
                self.good[order, version] = _digits(chance)
                self._put(order, version, {"N": self.good[order, version]})

    def records(self) -> dict[Version, EventRecord]:
        """Return the stream's records in the form of Lambda events."""
        stream, streams = self._stream_arn(), self.world.aws.streams
        records: list[EventRecord] = []
        for shard in streams.describe_stream(StreamArn=stream)["StreamDescription"]["Shards"]:
            answer = streams.get_shard_iterator(
                StreamArn=stream, ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON"
            )
            iterator: str | None = answer.get("ShardIterator")
            empty = 0
            while iterator and empty <= EMPTY_PAGES:
                page = streams.get_records(ShardIterator=iterator)
                records += [event_record(record, stream) for record in page["Records"]]
                empty = 0 if page["Records"] else empty + 1
                iterator = page.get("NextShardIterator")
        return {_version(record): record for record in records}

    def keys(self, prefix: str) -> list[str]:
        pages = self.world.aws.s3.get_paginator("list_objects_v2").paginate(
            Bucket=self.names.bucket, Prefix=f"{prefix}/"
        )
        return [entry["Key"] for page in pages for entry in page.get("Contents", [])]

    def bodies(self, prefix: str) -> dict[str, Any]:
        """Return the objects under a prefix. Numbers keep their text."""
        s3, bucket = self.world.aws.s3, self.names.bucket
        return {key: parse(s3.get_object(Bucket=bucket, Key=key)["Body"].read()) for key in self.keys(prefix)}

    def stored(self) -> dict[Version, str]:
        """Return the amount of each stored version. Check that each object is named by the id of its record."""
        records, stored = self.records(), dict[Version, str]()
        for key, body in self.bodies("processed-data").items():
            image = body["newImage"]
            version = (image["orderId"], int(image["version"]))
            assert key.endswith(f"/{records[version]['eventID']}.json")
            stored[version] = str(image["amount"])
        return stored

    def object_versions(self) -> list[str]:
        """Return the key of every version of every object."""
        pages = self.world.aws.s3.get_paginator("list_object_versions").paginate(Bucket=self.names.bucket)
        return [entry["Key"] for page in pages for entry in page["Versions"]]

    def audit_items(self) -> list[dict[str, Any]]:
        pages = self.world.aws.dynamodb.get_paginator("scan").paginate(TableName=self.names.audit_table)
        return [item for page in pages for item in page["Items"]]

    def audited(self) -> set[int]:
        """Return the sequence numbers of the stream's records that are in an audited range."""
        return self._audited_of({int(record["dynamodb"]["SequenceNumber"]) for record in self.records().values()})

    def _audited_of(self, numbers: set[int]) -> set[int]:
        streams = [item["stream"]["M"] for item in self.audit_items()]
        ranges = [(int(s["startSequenceNumber"]["S"]), int(s["endSequenceNumber"]["S"])) for s in streams]
        return {number for number in numbers if any(low <= number <= high for low, high in ranges)}

    def poison_numbers(self) -> set[int]:
        records = self.records()
        return {SequenceNumber.of(records[version]).value for version in self.poison}

    def poison_ids(self) -> set[str]:
        """Return the ids of the stream records, which name the objects."""
        records = self.records()
        return {records[version]["eventID"] for version in self.poison}

    def quarantine(self) -> dict[str, Any]:
        """Return the records of the expected quarantine: each poison record, raw, under its stream and number."""
        records = self.records()
        label = self._stream_arn().split("/stream/")[1]
        return {
            f"failed-data/{label}/{SequenceNumber.of(records[version]).padded}.json": parse(
                json.dumps(records[version])
            )
            for version in self.poison
        }

    def wait_until_settled(self) -> None:
        """Wait until every valid version is stored and every invalid one is audited."""
        poison = self.poison_numbers()
        self.world.aws.wait(
            lambda: self._audited_of(poison) == poison and len(self.keys("processed-data")) >= len(self.good),
            "every order to be stored or audited",
            150,
        )

    def _stream_arn(self) -> str:
        return self.world.aws.dynamodb.describe_table(TableName=self.names.orders_table)["Table"]["LatestStreamArn"]

    def _put(self, order: str, version: int, amount: Any) -> None:
        self.world.aws.dynamodb.update_item(
            TableName=self.names.orders_table,
            Key={"orderId": {"S": order}},
            UpdateExpression="SET amount = :amount, version = :version",
            ExpressionAttributeValues={":amount": amount, ":version": {"N": str(version)}},
        )


def _version(record: EventRecord) -> Version:
    image = record["dynamodb"]["NewImage"]
    return str(image["orderId"]["S"]), int(str(image["version"]["N"]))


def _digits(chance: random.Random) -> str:
    """Return a number with 38 significant digits and a random decimal point."""
    middle = "".join(str(chance.randint(0, 9)) for _ in range(36))
    digits = f"{chance.randint(1, 9)}{middle}{chance.randint(1, 9)}"
    point = chance.randint(1, 38)
    return digits if point == 38 else f"{digits[:point]}.{digits[point:]}"
