"""Results as JSON: one serializer for the document of every command.

Fields of dataclasses become camelCase. Keys of mappings are data (output names, statuses, attribute paths, AWS's own
documents) and keep their spelling.
"""

from __future__ import annotations

import dataclasses
import json
import re
from base64 import b64encode
from collections.abc import Mapping, Set
from datetime import date, datetime, timedelta
from decimal import Decimal
from enum import Enum
from pathlib import PurePath

from pipectl.engine.model import UNKNOWN
from pipectl.failures.model import SequenceNumber
from pipectl.json_types import JsonObject, JsonValue
from pipectl.output.printable import is_harmless
from pipectl.timestamps import rfc3339, rfc3339_milliseconds

SCHEMA_VERSION = 1
"""Version of the documents that pipectl defines. It grows when a key is renamed, removed or changes its meaning."""

_UNUSUAL = re.compile(r"[^\x20-\x7e\n]")


def versioned(value: object) -> JsonObject:
    """Return a dataclass or a mapping as a document that begins with ``schemaVersion``."""
    document = serialize(value)
    if not isinstance(document, dict):
        raise TypeError(f"{type(value).__name__} is not a document")
    return {"schemaVersion": SCHEMA_VERSION, **document}


def serialize(value: object) -> JsonValue:
    """Return a value as plain JSON data.

    Dataclasses become objects with camelCase keys, times RFC 3339 in UTC, spans of time seconds, enums their values,
    paths text, bytes base64. Numbers keep every digit that JSON readers keep; others become text.
    """
    if isinstance(value, SequenceNumber):
        return value.text
    if isinstance(value, Enum):
        return serialize(value.value)
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {camel_case(f.name): serialize(getattr(value, f.name)) for f in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {_key(key): serialize(member) for key, member in value.items()}
    if isinstance(value, Set):
        return [serialize(member) for member in sorted(value, key=str)]
    if isinstance(value, list | tuple):
        return [serialize(member) for member in value]
    return _scalar(value)


def dumps(value: object, *, indent: int | None = 2) -> str:
    """Return a value as the text of a JSON document; what a terminal could act on is written as ``\\uXXXX``."""
    text = json.dumps(serialize(value), indent=indent, ensure_ascii=False)
    return _UNUSUAL.sub(lambda found: found[0] if is_harmless(found[0]) else json.dumps(found[0])[1:-1], text)


def parsed(value: object) -> object:
    """Return the JSON in a text, where it has an object or a list."""
    if not isinstance(value, str) or value[:1] not in ("{", "["):
        return value
    try:
        return json.loads(value)
    except (ValueError, RecursionError):
        return value


def camel_case(name: str) -> str:
    """``at_risk`` -> ``atRisk``."""
    first, *others = name.strip("_").split("_")
    return first + "".join(word.capitalize() for word in others)


def _key(key: object) -> str:
    return str(serialize(key))


def _scalar(value: object) -> JsonValue:
    if isinstance(value, datetime):
        return rfc3339_milliseconds(value) if value.microsecond else rfc3339(value)
    if isinstance(value, date | PurePath):
        return str(value)
    if isinstance(value, timedelta):
        return value.total_seconds()
    if isinstance(value, Decimal):
        return _number(value)
    if isinstance(value, bytes | bytearray):
        return b64encode(value).decode("ascii")
    if value is UNKNOWN:
        return str(value)
    raise TypeError(f"{type(value).__name__} cannot be written as JSON")


def _number(value: Decimal) -> JsonValue:
    """Return an int or a float of the same digits; text where a reader's float would lose some."""
    if not value.is_finite() or abs(value.adjusted()) > 300:
        return str(value)
    if value == value.to_integral_value():
        return int(value)
    written = float(value)
    return written if Decimal(repr(written)) == value else str(value)
