"""Key schemas of tables and indexes."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pipectl.engine.model import Attributes

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.type_defs import (
        AttributeDefinitionTypeDef,
        KeySchemaElementTypeDef,
        TableDescriptionTypeDef,
    )


@dataclass(frozen=True)
class Keys:
    """A key schema of strings: the partition key, and the sort key if there is one."""

    partition: str
    sort: str | None = None

    def schema(self) -> list[KeySchemaElementTypeDef]:
        partition: KeySchemaElementTypeDef = {"AttributeName": self.partition, "KeyType": "HASH"}
        return [partition, {"AttributeName": self.sort, "KeyType": "RANGE"}] if self.sort else [partition]

    def definitions(self) -> list[AttributeDefinitionTypeDef]:
        return [{"AttributeName": name, "AttributeType": "S"} for name in (self.partition, self.sort) if name]


def described(
    schema: Collection[KeySchemaElementTypeDef], definitions: Collection[AttributeDefinitionTypeDef]
) -> list[str]:
    """Return a key schema as ``["auditId S", "timestamp S"]``: partition key first."""
    types = {definition["AttributeName"]: definition["AttributeType"] for definition in definitions}
    ordered = sorted(schema, key=lambda element: element["KeyType"])
    return [f"{element['AttributeName']} {types.get(element['AttributeName'], '?')}" for element in ordered]


def key_attributes(
    schema: Collection[KeySchemaElementTypeDef], definitions: Collection[AttributeDefinitionTypeDef]
) -> Attributes:
    """Return the names of the keys; a key that is no string as a mapping, which never equals a name."""
    types = {definition["AttributeName"]: definition["AttributeType"] for definition in definitions}
    found = {element["KeyType"]: element["AttributeName"] for element in schema}

    def shown(name: str | None) -> str | Mapping[str, str] | None:
        return name if name is None or types.get(name) == "S" else {"name": name, "type": types.get(name, "?")}

    return {"partition_key": shown(found.get("HASH")), "sort_key": shown(found.get("RANGE"))}


def definitions_with(table: TableDescriptionTypeDef, keys: Keys) -> list[AttributeDefinitionTypeDef]:
    """Return the attributes of the keys of a table, of its indexes, and of one more index.

    DynamoDB refuses an attribute that no key uses.
    """
    schemas = [index["KeySchema"] for index in table.get("GlobalSecondaryIndexes", [])]
    schemas += [index["KeySchema"] for index in table.get("LocalSecondaryIndexes", [])]
    used = {element["AttributeName"] for schema in (table["KeySchema"], keys.schema(), *schemas) for element in schema}
    found = {each["AttributeName"]: each for each in [*keys.definitions(), *table["AttributeDefinitions"]]}
    return [definition for name, definition in found.items() if name in used]
