"""DynamoDB tables with their stream, indexes and backups."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from pipectl.aws.calls import Request
from pipectl.aws.client import Aws
from pipectl.engine.model import Action, Attributes, Change, Contents, Delta, Facts, Observation, Resource
from pipectl.engine.parallel import at_once
from pipectl.errors import AbsentError, AwsError, PipectlError
from pipectl.facts import Capacity, TableFacts
from pipectl.resources.table_keys import Keys, definitions_with, described, key_attributes
from pipectl.resources.tagging import differing, from_list, to_list
from pipectl.resources.unmanaged import note

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.type_defs import (
        AttributeDefinitionTypeDef,
        GlobalSecondaryIndexTypeDef,
        TableDescriptionTypeDef,
    )

_BOUND = 1800
_DONE_ALREADY = re.compile("already has an enabled stream|no stream to disable|index which already exists")
ON_DEMAND = "on-demand"
PROVISIONED = "provisioned"
_BILLING_MODES = {ON_DEMAND: "PAY_PER_REQUEST"}
FILLED = "complete"
NEW_AND_OLD_IMAGES = "NEW_AND_OLD_IMAGES"


class Table(Resource):
    """A table; a new one is on-demand.

    Args:
        key: Its section in the config.
        name: Its physical name.
        aws: Where it is.
        keys: The table's own keys.
        stream: The view type of its stream, ``None`` for no stream.
        keep_billing: True to leave the billing of a table that exists, and its throughput: whatever it is counts as
            desired, and a note reports it.
        indexes: Its global secondary indexes, by name, each with all attributes. Other indexes are left alone.
        point_in_time_recovery: True to keep continuous backups.
        deletion_protection: True to let AWS refuse DeleteTable.
        filled_tag: The tag of a table in which each item of a sparse index has the attribute of that index. A new
            table gets it at once, an older one when that is true.
        tags: Tags of the resource.
    """

    kind = "table"
    fixed = ("partition_key", "sort_key")
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
        keep_billing: bool,
        point_in_time_recovery: bool,
        deletion_protection: bool,
        filled_tag: str | None = None,
        tags: Mapping[str, str],
    ) -> None:
        super().__init__(key, name)
        self._aws = aws
        self._keys = keys
        self._indexes = indexes
        self._keep_billing = keep_billing
        self._filled = {filled_tag: FILLED} if filled_tag else {}
        self._desired: Attributes = {
            "partition_key": keys.partition,
            "sort_key": keys.sort,
            "billing": ON_DEMAND,
            "stream": stream,
            "indexes": {
                index: {"keys": described(k.schema(), k.definitions()), "projection": "ALL"}
                for index, k in indexes.items()
            },
            "point_in_time_recovery": point_in_time_recovery,
            "deletion_protection": deletion_protection,
            "tags": dict(tags),
        }

    def desired(self, facts: Mapping[str, Facts]) -> Attributes:
        del facts
        return self._desired

    def identify(self) -> Observation | None:
        try:
            table = self._settled()
        except AbsentError:
            return None
        return self._identified(table)

    def observe(self) -> Observation | None:
        try:
            table = self._settled()
        except AbsentError:
            return None
        with at_once() as start:
            identity = start(lambda: self._identified(table))
            recovery, expiring = start(self._has_recovery), start(self._expiring_by)
        found, expiring_by = identity(), expiring()
        provisioned = _provisioned(table)
        attributes: Attributes = {
            **found.attributes,
            **key_attributes(table["KeySchema"], table["AttributeDefinitions"]),
            "billing": PROVISIONED if provisioned and not self._keep_billing else ON_DEMAND,
            "stream": _stream(table),
            "indexes": self._indexes_of(table),
            "point_in_time_recovery": recovery(),
        }
        filled = found.facts_as(TableFacts).filled
        notes = [
            f"billing is {PROVISIONED}, with {provisioned.describe()}, and is kept"
            if provisioned and self._keep_billing
            else None,
            None if filled else "older items are not in its sparse index yet: `pipectl up` adds them",
            note({"data loss: time to live deletes items by": expiring_by}),
        ]
        return replace(
            found,
            attributes=attributes,
            note="; ".join(filter(None, notes)) or None,
            unmanaged={"time_to_live": expiring_by} if expiring_by else {},
        )

    def _identified(self, table: TableDescriptionTypeDef) -> Observation:
        tags = self._tags_of(table["TableArn"])
        filled = self._filled.items() <= tags.items()
        facts = replace(_facts(table), filled=filled, provisioned=_provisioned(table))
        return Observation({"deletion_protection": bool(table.get("DeletionProtectionEnabled"))}, tags, facts)

    def _has_recovery(self) -> bool:
        """Return whether point-in-time recovery is on."""
        found = self._aws.dynamodb.describe_continuous_backups(TableName=self.name)["ContinuousBackupsDescription"]
        return found.get("PointInTimeRecoveryDescription", {}).get("PointInTimeRecoveryStatus") == "ENABLED"

    def _expiring_by(self) -> str | None:
        """Return the attribute by which a time to live deletes items."""
        found = self._aws.dynamodb.describe_time_to_live(TableName=self.name)["TimeToLiveDescription"]
        return found.get("AttributeName") if found.get("TimeToLiveStatus") in ("ENABLED", "ENABLING") else None

    def create(self, desired: Attributes) -> Facts:
        indexes = [self._index(index, self._indexes[index]) for index in desired["indexes"]]
        request: Request = {
            "TableName": self.name,
            "KeySchema": self._keys.schema(),
            "AttributeDefinitions": self._definitions(),
            "BillingMode": _BILLING_MODES[desired["billing"]],
            "StreamSpecification": _stream_specification(desired["stream"]),
            "DeletionProtectionEnabled": desired["deletion_protection"],
            "Tags": to_list({**desired["tags"], **self._filled}),
        }
        if indexes:
            request["GlobalSecondaryIndexes"] = indexes
        self._aws.dynamodb.create_table(**request)
        return _facts(self._wait_until_active())

    def complete(self, desired: Attributes) -> None:
        """Set the backups, which a new table can have only later."""
        self._set_recovery(desired)

    def update(self, desired: Attributes, observed: Observation, differs: Collection[str]) -> Facts:
        steps: dict[str, Callable[[], None]] = {
            "deletion_protection": lambda: self._change({"DeletionProtectionEnabled": desired["deletion_protection"]}),
            "billing": lambda: self._set_billing(desired),
            "stream": lambda: self._set_stream(desired, observed),
            "indexes": lambda: self._rebuild_indexes(desired, observed),
            "point_in_time_recovery": lambda: self._set_recovery(desired),
            "tags": lambda: self._tag(desired, observed),
        }
        for attribute, step in steps.items():
            if attribute in differs:
                step()
        return _facts(self._describe())

    def delete(self, observed: Observation, *, delete_data: bool = False) -> None:
        lift = delete_data and bool(observed.attributes["deletion_protection"])
        try:
            if lift:
                self._change({"DeletionProtectionEnabled": False})
            self._aws.dynamodb.delete_table(TableName=self.name)
        except AbsentError:
            return
        except PipectlError as error:
            if lift:
                self._protect_again(error)
            raise
        self._aws.wait(self._is_gone, f"table {self.name} to be deleted", _BOUND)

    def _protect_again(self, cause: PipectlError) -> None:
        """Restore the protection against deletion after a failed deletion.

        Raises:
            PipectlError: that failed, too; it reports both.
        """
        try:
            self._change({"DeletionProtectionEnabled": True})
        except PipectlError as error:
            raise PipectlError(
                f"{cause.message}; table {self.name} is no longer protected against deletion: {error.message}",
                hint="; ".join(filter(None, [cause.hint, "`pipectl up` restores the protection"])),
            ) from cause

    def data_loss_reason(self, deltas: Mapping[str, Delta]) -> str | None:
        """Return a reason for a stream with another view type: it has to be disabled first."""
        stream = deltas.get("stream")
        if stream is None or not (stream.before and stream.after):
            return None
        return (
            f"the view type {stream.before} of the stream cannot be changed: the stream must be disabled and enabled "
            "again, and records that are written in between are lost; use --allow-stream-replacement"
        )

    def remark(self, deltas: Mapping[str, Delta], observed: Observation | None) -> str | None:
        """Return the meaning of another billing: it can change the cost, and ends the reservation of capacity."""
        provisioned = observed.facts_as(TableFacts).provisioned if observed else None
        if "billing" not in deltas or provisioned is None:
            return None
        return (
            f"with {ON_DEMAND} billing AWS charges for each read and write instead of {provisioned.describe()}; "
            "`billing: keep` in the config keeps the capacity"
        )

    def facts_after(self, change: Change, observed: Observation | None) -> Facts:
        if change.action is not Action.REFUSE and "stream" in change.attributes:
            return Facts()  # a stream that is enabled again gets another ARN
        return super().facts_after(change, observed)

    def contents(self, observed: Observation) -> Contents | None:
        """Count the items of a first page, because the table's own ItemCount lags by up to six hours."""
        page = self._aws.dynamodb.scan(TableName=self.name, Select="COUNT", Limit=1000, ConsistentRead=True)
        protected = bool(observed.attributes["deletion_protection"])
        if not page["Count"] and not protected:
            return None
        return Contents(page["Count"], more="LastEvaluatedKey" in page, protected=protected)

    def _indexes_of(self, table: TableDescriptionTypeDef) -> dict[str, object]:
        """Return the managed indexes; one that is being deleted counts as absent."""
        return {
            index["IndexName"]: {
                "keys": described(index["KeySchema"], table["AttributeDefinitions"]),
                "projection": index["Projection"]["ProjectionType"],
            }
            for index in table.get("GlobalSecondaryIndexes", [])
            if index["IndexName"] in self._indexes and index.get("IndexStatus") != "DELETING"
        }

    def _describe(self) -> TableDescriptionTypeDef:
        return self._aws.dynamodb.describe_table(TableName=self.name)["Table"]

    def _settled(self) -> TableDescriptionTypeDef:
        """Return the table once it is created; while it is being deleted it counts as absent.

        A table that is changing reports its new settings at once, and can change for hours while an index is filled.
        """
        table = self._describe()
        if table["TableStatus"] == "DELETING":
            self._aws.wait(self._is_gone, f"table {self.name} to be deleted", _BOUND)
            raise AbsentError(f"table {self.name} has just been deleted")
        return self._wait_until_active() if table["TableStatus"] == "CREATING" else table

    def _is_gone(self) -> bool:
        try:
            self._describe()
        except AbsentError:
            return True
        return False

    def _wait_until_active(self) -> TableDescriptionTypeDef:
        """Return the table once it and its indexes are ACTIVE."""
        found: list[TableDescriptionTypeDef] = []

        def active() -> bool:
            found.append(self._describe())
            return _is_active(found[-1])

        self._aws.wait(active, f"table {self.name} to become ACTIVE", _BOUND)
        return found[-1]

    def _change(self, change: Request) -> None:
        """Call UpdateTable once. A change that another process made, or whose answer was lost, is a success."""
        try:
            self._aws.dynamodb.update_table(TableName=self.name, **change)
        except AwsError as error:
            if not _DONE_ALREADY.search(error.aws_message):
                raise
        self._wait_until_active()

    def _set_billing(self, desired: Attributes) -> None:
        try:
            self._change({"BillingMode": _BILLING_MODES[desired["billing"]]})
        except AwsError as error:
            if error.aws_code == "LimitExceededException":
                error.hint = "run the command again later, or leave the billing with `billing: keep` in the config"
            raise

    def _set_stream(self, desired: Attributes, observed: Observation) -> None:
        """Disable and enable the stream: its view type cannot be changed in place. It gets another ARN."""
        del observed  # another process may have changed it since: each step reads it again
        self._wait_until_active()
        if _stream(self._describe()) not in (None, desired["stream"]):
            self._change({"StreamSpecification": {"StreamEnabled": False}})
        if desired["stream"] and _stream(self._describe()) != desired["stream"]:
            self._change({"StreamSpecification": _stream_specification(desired["stream"])})

    def _rebuild_indexes(self, desired: Attributes, observed: Observation) -> None:
        """Create or delete one index per call: DynamoDB allows no more."""
        del observed  # another process may have changed them since
        self._wait_until_active()
        for index, wanted in desired["indexes"].items():
            found = self._indexes_of(self._describe()).get(index)
            if found == wanted:
                continue
            if found:
                self._change({"GlobalSecondaryIndexUpdates": [{"Delete": {"IndexName": index}}]})
            table = self._describe()
            create = {"Create": {**self._index(index, self._indexes[index]), **_throughput(table)}}
            definitions = definitions_with(table, self._indexes[index])
            self._change({"AttributeDefinitions": definitions, "GlobalSecondaryIndexUpdates": [create]})

    def _set_recovery(self, desired: Attributes) -> None:
        self._aws.dynamodb.update_continuous_backups(
            TableName=self.name,
            PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": desired["point_in_time_recovery"]},
        )

    def _tag(self, desired: Attributes, observed: Observation) -> None:
        arn = self._describe()["TableArn"]
        self._aws.dynamodb.tag_resource(ResourceArn=arn, Tags=to_list(differing(desired["tags"], observed.tags)))

        def tagged() -> bool:  # TagResource is asynchronous
            tags = self._tags_of(arn)
            return all(tags.get(key) == value for key, value in desired["tags"].items())

        self._aws.wait(tagged, f"the tags of table {self.name}", 60)

    def _tags_of(self, arn: str) -> dict[str, str]:
        pages = self._aws.dynamodb.get_paginator("list_tags_of_resource").paginate(ResourceArn=arn)
        return from_list(tag for page in pages for tag in page["Tags"])

    def _definitions(self) -> list[AttributeDefinitionTypeDef]:
        """Return the attributes of all keys."""
        own = [d for keys in (self._keys, *self._indexes.values()) for d in keys.definitions()]
        return list({definition["AttributeName"]: definition for definition in own}.values())

    def _index(self, name: str, keys: Keys) -> GlobalSecondaryIndexTypeDef:
        return {"IndexName": name, "KeySchema": keys.schema(), "Projection": {"ProjectionType": "ALL"}}


def _provisioned(table: TableDescriptionTypeDef) -> Capacity | None:
    """Return the capacity of a table; ``None`` for an on-demand table. DynamoDB may not name the mode of another."""
    if table.get("BillingModeSummary", {}).get("BillingMode") == _BILLING_MODES[ON_DEMAND]:
        return None
    found = table.get("ProvisionedThroughput")
    return Capacity(found["ReadCapacityUnits"], found["WriteCapacityUnits"]) if found else None


def _throughput(table: TableDescriptionTypeDef) -> Request:
    """Return the capacity of a new index: DynamoDB requires one in a provisioned table, and refuses one in another.

    It is the table's own: a smaller one would throttle the writes of the table.
    """
    capacity = _provisioned(table)
    if capacity is None:
        return {}
    return {"ProvisionedThroughput": {"ReadCapacityUnits": capacity.read, "WriteCapacityUnits": capacity.write}}


def _stream_specification(view: str | None) -> Request:
    return {"StreamEnabled": True, "StreamViewType": view} if view else {"StreamEnabled": False}


def _stream(table: TableDescriptionTypeDef) -> str | None:
    """Return the view type of a table's stream, ``None`` when it is disabled."""
    stream = table.get("StreamSpecification")
    return stream.get("StreamViewType") if stream and stream.get("StreamEnabled") else None


def _is_active(table: TableDescriptionTypeDef) -> bool:
    """Return whether the table and its indexes are ACTIVE: the table can be so while an index is not."""
    indexes = table.get("GlobalSecondaryIndexes", [])
    states = [table["TableStatus"], *(index.get("IndexStatus", "ACTIVE") for index in indexes)]
    return all(state == "ACTIVE" for state in states)


def _facts(table: TableDescriptionTypeDef) -> TableFacts:
    enabled = table.get("StreamSpecification", {}).get("StreamEnabled")
    return TableFacts(table["TableArn"], table["LatestStreamArn"] if enabled else None, table.get("CreationDateTime"))
