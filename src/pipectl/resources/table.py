"""DynamoDB tables with their stream, indexes and backups."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any

from pipectl.aws.client import Aws
from pipectl.engine.model import Action, Attributes, Change, Delta, Facts, Observation, Resource
from pipectl.errors import AbsentError, AwsError
from pipectl.facts import TableFacts
from pipectl.resources.tagging import differing, from_list, to_list
from pipectl.text import pluralize

_BOUND = 1800
_DONE_ALREADY = re.compile("already has an enabled stream|index which already exists|does not have an enabled stream")
ON_DEMAND = "PAY_PER_REQUEST"
NEW_AND_OLD_IMAGES = "NEW_AND_OLD_IMAGES"


@dataclass(frozen=True)
class Keys:
    """A key schema of strings: the partition key and, if there is one, the sort key."""

    partition: str
    sort: str | None = None

    def schema(self) -> list[Any]:
        pairs = [("HASH", self.partition), ("RANGE", self.sort)]
        return [{"AttributeName": name, "KeyType": kind} for kind, name in pairs if name]

    def definitions(self) -> list[Any]:
        return [{"AttributeName": name, "AttributeType": "S"} for name in (self.partition, self.sort) if name]


class Table(Resource):
    """An on-demand table.

    Args:
        key: Its section in the config.
        name: Its physical name.
        aws: Where it is.
        keys: The table's own keys.
        stream: The view type of its stream, ``None`` for no stream.
        indexes: Its global secondary indexes, by name; all attributes are projected. Others' indexes are left alone.
        point_in_time_recovery: Whether continuous backups are on.
        deletion_protection: Whether deleting is forbidden.
        tags: The tags it bears.
    """

    kind = "table"
    fixed = ("keys",)
    holds_data = True

    def __init__(
        self,
        key: str,
        name: str,
        aws: Aws,
        *,
        keys: Keys,
        stream: str | None,
        indexes: Mapping[str, Keys],
        point_in_time_recovery: bool,
        deletion_protection: bool,
        tags: Mapping[str, str],
    ) -> None:
        super().__init__(key, name)
        self._aws = aws
        self._keys = keys
        self._indexes = indexes
        self._desired: Attributes = {
            "keys": _described(keys.schema(), keys.definitions()),
            "billing_mode": ON_DEMAND,
            "stream": stream,
            "indexes": {
                index: {"keys": _described(k.schema(), k.definitions()), "projection": "ALL"}
                for index, k in indexes.items()
            },
            "point_in_time_recovery": point_in_time_recovery,
            "deletion_protection": deletion_protection,
            "tags": dict(tags),
        }

    def desired(self, facts: Mapping[str, Facts]) -> Attributes:
        del facts
        return self._desired

    def observe(self) -> Observation | None:
        try:
            table = self._settled()
        except AbsentError:
            return None
        backups = self._aws.dynamodb.describe_continuous_backups(TableName=self.name)["ContinuousBackupsDescription"]
        tags = self._tags_of(table["TableArn"])
        definitions = table["AttributeDefinitions"]
        recovery = backups.get("PointInTimeRecoveryDescription", {})
        attributes: Attributes = {
            "keys": _described(table["KeySchema"], definitions),
            "billing_mode": table.get("BillingModeSummary", {}).get("BillingMode", "PROVISIONED"),
            "stream": _stream(table),
            "indexes": self._indexes_of(table),
            "point_in_time_recovery": recovery.get("PointInTimeRecoveryStatus") == "ENABLED",
            "deletion_protection": bool(table.get("DeletionProtectionEnabled")),
        }
        return Observation(attributes, tags, _facts(table))

    def create(self, desired: Attributes) -> Facts:
        indexes = [self._index(index, self._indexes[index]) for index in desired["indexes"]]
        request: dict[str, Any] = {
            "TableName": self.name,
            "KeySchema": self._keys.schema(),
            "AttributeDefinitions": self._definitions(),
            "BillingMode": desired["billing_mode"],
            "StreamSpecification": _stream_specification(desired["stream"]),
            "DeletionProtectionEnabled": desired["deletion_protection"],
            "Tags": to_list(desired["tags"]),
        }
        if indexes:
            request["GlobalSecondaryIndexes"] = indexes
        self._aws.dynamodb.create_table(**request)
        self._wait_until_active()
        self._set_recovery(desired)
        return _facts(self._describe())

    def update(self, desired: Attributes, observed: Observation, differs: Collection[str]) -> Facts:
        steps: dict[str, Callable[[], None]] = {
            "deletion_protection": lambda: self._change(DeletionProtectionEnabled=desired["deletion_protection"]),
            "billing_mode": lambda: self._change(BillingMode=desired["billing_mode"]),
            "stream": lambda: self._set_stream(desired, observed),
            "indexes": lambda: self._rebuild_indexes(desired, observed),
            "point_in_time_recovery": lambda: self._set_recovery(desired),
            "tags": lambda: self._tag(desired, observed),
        }
        for attribute, step in steps.items():
            if attribute in differs:
                step()
        return _facts(self._describe())

    def delete(self, observed: Observation) -> None:
        try:
            if observed.attributes["deletion_protection"]:
                self._change(DeletionProtectionEnabled=False)
            self._aws.dynamodb.delete_table(TableName=self.name)
        except AbsentError:
            return
        self._aws.wait(self._is_gone, f"table {self.name} to be deleted", _BOUND)

    def data_loss_reason(self, deltas: Mapping[str, Delta]) -> str | None:
        """A stream that is off is switched on; one with another view type has first to be switched off."""
        stream = deltas.get("stream")
        if stream is None or not (stream.before and stream.after):
            return None
        return (
            f"its stream has the view type {stream.before}, which no call changes: it would be switched off and on "
            "again, and what is written in between is in neither stream; --allow-stream-replacement does it"
        )

    def facts_after(self, change: Change, observed: Observation | None) -> Facts:
        if change.action is not Action.REFUSE and "stream" in change.attributes:
            return Facts()  # a stream that is enabled again gets another ARN
        return super().facts_after(change, observed)

    def contents(self, observed: Observation) -> str | None:
        """A first page is read, for the table's own ItemCount lags by up to six hours."""
        page = self._aws.dynamodb.scan(TableName=self.name, Select="COUNT", Limit=1000)
        count = f"{'more than ' if 'LastEvaluatedKey' in page else ''}{pluralize(page['Count'], 'item')}"
        if observed.attributes["deletion_protection"]:
            return f"{count}, protected against deletion"
        return count if page["Count"] else None

    def _indexes_of(self, table: Any) -> dict[str, Any]:
        """Those of ours; one that is being deleted is as good as gone."""
        return {
            index["IndexName"]: {
                "keys": _described(index["KeySchema"], table["AttributeDefinitions"]),
                "projection": index["Projection"]["ProjectionType"],
            }
            for index in table.get("GlobalSecondaryIndexes", [])
            if index["IndexName"] in self._indexes and index.get("IndexStatus") != "DELETING"
        }

    def _describe(self) -> Any:
        return self._aws.dynamodb.describe_table(TableName=self.name)["Table"]

    def _settled(self) -> Any:
        """The table once it is made; one that is being deleted counts as absent.

        One that is being changed shows what it will be, and can go on for hours: an index is filled from all items.
        """
        table = self._describe()
        if table["TableStatus"] == "DELETING":
            self._aws.wait(self._is_gone, f"table {self.name} to be deleted", _BOUND)
            raise AbsentError(f"table {self.name} has just been deleted")
        if table["TableStatus"] == "CREATING":
            self._wait_until_active()
            table = self._describe()
        return table

    def _is_gone(self) -> bool:
        try:
            self._describe()
        except AbsentError:
            return True
        return False

    def _wait_until_active(self) -> None:
        self._aws.wait(lambda: _is_active(self._describe()), f"table {self.name} to become ACTIVE", _BOUND)

    def _change(self, **change: Any) -> None:
        """One UpdateTable. That it was done already, by another or when an answer was lost, is success."""
        try:
            self._aws.dynamodb.update_table(TableName=self.name, **change)
        except AwsError as error:
            if not _DONE_ALREADY.search(error.aws_message):
                raise
        self._wait_until_active()

    def _set_stream(self, desired: Attributes, observed: Observation) -> None:
        """A view type cannot be changed in place: the stream is switched off and on, and gets another ARN."""
        del observed  # another may have changed it since: each step asks what is there now
        self._wait_until_active()
        if _stream(self._describe()) not in (None, desired["stream"]):
            self._change(StreamSpecification={"StreamEnabled": False})
        if desired["stream"] and _stream(self._describe()) != desired["stream"]:
            self._change(StreamSpecification=_stream_specification(desired["stream"]))

    def _rebuild_indexes(self, desired: Attributes, observed: Observation) -> None:
        """One index is made or removed per call, says DynamoDB."""
        del observed  # another may have changed them since
        self._wait_until_active()
        for index, wanted in desired["indexes"].items():
            found = self._indexes_of(self._describe()).get(index)
            if found == wanted:
                continue
            if found:
                self._change(GlobalSecondaryIndexUpdates=[{"Delete": {"IndexName": index}}])
            create = {"Create": self._index(index, self._indexes[index])}
            definitions = self._definitions(self._describe()["AttributeDefinitions"])
            self._change(AttributeDefinitions=definitions, GlobalSecondaryIndexUpdates=[create])

    def _set_recovery(self, desired: Attributes) -> None:
        self._aws.dynamodb.update_continuous_backups(
            TableName=self.name,
            PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": desired["point_in_time_recovery"]},
        )

    def _tag(self, desired: Attributes, observed: Observation) -> None:
        arn = self._describe()["TableArn"]
        self._aws.dynamodb.tag_resource(ResourceArn=arn, Tags=to_list(differing(desired["tags"], observed.tags)))

        def tagged() -> bool:  # TagResource answers before it is done
            tags = self._tags_of(arn)
            return all(tags.get(key) == value for key, value in desired["tags"].items())

        self._aws.wait(tagged, f"the tags of table {self.name}", 60)

    def _tags_of(self, arn: str) -> dict[str, str]:
        pages = self._aws.dynamodb.get_paginator("list_tags_of_resource").paginate(ResourceArn=arn)
        return from_list(tag for page in pages for tag in page["Tags"])

    def _definitions(self, present: Collection[Any] = ()) -> list[Any]:
        """The attributes that keys are made of; ``present`` are the table's now, with those of others' indexes."""
        ours = [d for keys in (self._keys, *self._indexes.values()) for d in keys.definitions()]
        return list({definition["AttributeName"]: definition for definition in [*present, *ours]}.values())

    def _index(self, name: str, keys: Keys) -> Any:
        return {"IndexName": name, "KeySchema": keys.schema(), "Projection": {"ProjectionType": "ALL"}}


def _described(schema: Collection[Any], definitions: Collection[Any]) -> list[str]:
    """``["auditId S", "timestamp S"]``: partition key first."""
    types = {definition["AttributeName"]: definition["AttributeType"] for definition in definitions}
    ordered = sorted(schema, key=lambda element: element["KeyType"])
    return [f"{element['AttributeName']} {types.get(element['AttributeName'], '?')}" for element in ordered]


def _stream_specification(view: str | None) -> Any:
    return {"StreamEnabled": True, "StreamViewType": view} if view else {"StreamEnabled": False}


def _stream(table: Mapping[str, Any]) -> str | None:
    """The view type of a table's stream, ``None`` when it is off."""
    stream = table.get("StreamSpecification", {})
    return stream.get("StreamViewType") if stream.get("StreamEnabled") else None


def _is_active(table: Mapping[str, Any]) -> bool:
    """A table can be ACTIVE while one of its indexes is not."""
    indexes = table.get("GlobalSecondaryIndexes", [])
    states = [table["TableStatus"], *(index.get("IndexStatus", "ACTIVE") for index in indexes)]
    return all(state == "ACTIVE" for state in states)


def _facts(table: Any) -> TableFacts:
    enabled = table.get("StreamSpecification", {}).get("StreamEnabled")
    return TableFacts(table["TableArn"], table["LatestStreamArn"] if enabled else None)
