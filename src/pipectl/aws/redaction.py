"""Replace whatever identifies an account, a person or an order in recorded calls, each value by one placeholder."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Set
from datetime import datetime
from decimal import Decimal
from functools import partial

from pipectl.json_types import JsonObject, JsonValue
from pipectl.timestamps import rfc3339_milliseconds

_ITEMS = frozenset(
    {
        *("Item", "Items", "Key", "Keys", "NewImage", "OldImage", "Attributes", "ExpressionAttributeValues"),
        *("LastEvaluatedKey", "ExclusiveStartKey", "UnprocessedItems", "Responses"),
    }
)
"""Members with items of tables."""
_TYPES = frozenset({"S", "N", "B", "SS", "NS", "BS", "M", "L", "BOOL", "NULL"})
_BODIES = frozenset({"Body", "MessageBody", "Payload", "LogResult", "ZipFile", "message"})
_TOKENS = frozenset(
    {
        *("Location", "NextToken", "nextToken", "Marker", "NextMarker", "ShardIterator", "NextShardIterator"),
        *("ReceiptHandle", "RevisionId", "ETag", "VersionId", "NextVersionIdMarker", "VersionIdMarker", "UserId"),
        *("ContinuationToken", "NextContinuationToken", "PaginationToken"),
        *("ClientRequestToken", "DisplayName", "HostId", "RequestId"),
    }
)
_TAGS = frozenset({"Tags", "tags", "TagSet", "TagList"})
_NAMES = frozenset({"FunctionName", "TableName", "logGroupName", "AlarmName", "RoleName", "Bucket", "QueueName"})
_DROPPED = frozenset({"RequestId", "HostId", "HTTPHeaders", "RetryAttempts", "MaxAttemptsReached"})
_PLATFORM_LINE = re.compile(r"(START|END|REPORT|INIT_START|INIT_REPORT) ")
_PLACEHOLDER = re.compile(r"<[a-z]+(?:-[a-z]+)*-?\d*>")

ACCOUNT = re.compile(r"(?<!\d)\d{12}(?!\d)")
ACCESS_KEY = re.compile(r"(?:A3T[A-Z0-9]|AKIA|ASIA|AROA|AIDA|AGPA|ANPA|ANVA|APKA|ABIA|ACCA|AIPA)[A-Z0-9]{12,}")
_ARN = re.compile(r"(?P<start>arn:aws[a-z-]*:[a-z0-9-]*:[a-z0-9-]*:[^:\s\"']*:)(?P<resource>[^\s\"',\\\]})]+)")
_PATTERNS: tuple[tuple[str, re.Pattern[str]], ...] = (
    ("id", ACCESS_KEY),
    ("uuid", re.compile(r"[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}")),
    ("email", re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+")),
    ("address", re.compile(r"(?<![\d.])\d{1,3}(?:\.\d{1,3}){3}(?![\d.])")),
    ("address", re.compile(r"(?:[0-9a-fA-F]{1,4}:){7}[0-9a-fA-F]{1,4}")),
    ("address", re.compile(r"[0-9a-fA-F]{1,4}(?::[0-9a-fA-F]{1,4})*::(?:[0-9a-fA-F]{1,4}:)*[0-9a-fA-F]{1,4}")),
    ("account", ACCOUNT),
    ("token", re.compile(r"(?<![A-Za-z0-9+/=_-])(?!\d+(?![A-Za-z0-9+/=_-]))[A-Za-z0-9+/=_-]{40,}")),
)


class Redactor:
    """Redacts values. Equal values get equal placeholders, so that a record stays readable.

    Args:
        known: Placeholders of texts to replace wherever they occur, such as the names of resources.
    """

    def __init__(self, known: Mapping[str, str]) -> None:
        self._known = {text: placeholder for text, placeholder in known.items() if text}
        longest_first = sorted(self._known, key=len, reverse=True)
        self._pattern = re.compile("|".join(map(_as_word, longest_first))) if longest_first else None
        self._made: dict[tuple[str, object], str] = {}

    def error(self, response: Mapping[str, object]) -> JsonObject:
        """Return HTTP status, code and text of an error that AWS answered with."""
        error, metadata = response.get("Error"), response.get("ResponseMetadata")
        detail = error if isinstance(error, Mapping) else {}
        status = metadata.get("HTTPStatusCode") if isinstance(metadata, Mapping) else None
        return {
            "status": status if isinstance(status, int) else None,
            "code": self.text(str(detail.get("Code", ""))),
            "text": self.text(str(detail.get("Message", ""))),
        }

    def members(self, values: Mapping[str, object]) -> JsonObject:
        """Return the members of a request or of an answer, redacted."""
        return {
            self.text(str(name)): self._member(str(name), value)
            for name, value in values.items()
            if name not in _DROPPED
        }

    def text(self, text: str) -> str:
        """Return a text in which everything that identifies is replaced."""
        if self._pattern:
            text = self._pattern.sub(lambda found: self._known[found[0]], text)
        text = _ARN.sub(self._arn, text)
        for kind, pattern in _PATTERNS:
            text = pattern.sub(partial(self._replacement, kind), text)
        return text

    def _replacement(self, kind: str, found: re.Match[str]) -> str:
        return self._placeholder(kind, found[0])

    def _arn(self, found: re.Match[str]) -> str:
        """Keep the resource of an ARN if it has a known name, and otherwise its type alone."""
        resource = found["resource"]
        if resource == "*" or _PLACEHOLDER.search(resource):
            return found[0]
        kind = re.match(r"[a-z-]+[/:]", resource)
        start = kind[0] if kind else ""
        return f"{found['start']}{start}{self._placeholder('resource', resource.removeprefix(start))}"

    def _member(self, name: str, value: object) -> JsonValue:
        if name in _ITEMS and isinstance(value, Mapping | list) and not _has_texts(value):
            return self._item(value)
        if name in _TAGS:
            return self._tags(value)
        if name == "Variables" and isinstance(value, Mapping):
            return {self.text(str(key)): self._named("value", str(each)) for key, each in value.items()}
        if isinstance(value, str | bytes) and name in _BODIES:
            return self._body(value)
        if isinstance(value, str) and name in _TOKENS:
            return self._placeholder("token", value)
        if isinstance(value, str) and name in _NAMES:
            return self._named("name", value)
        return self._value(value)

    def _named(self, kind: str, value: str) -> str:
        """Return a text that has a known name; another one becomes a placeholder as a whole."""
        text = self.text(value)
        return text if _PLACEHOLDER.search(text) else self._placeholder(kind, value)

    def _value(self, value: object) -> JsonValue:
        if isinstance(value, Mapping):
            return self.members(value)
        if isinstance(value, list | tuple | Set):
            return [self._value(each) for each in value]
        if value is None or isinstance(value, bool):
            return value
        if isinstance(value, int | float):
            text = self.text(str(value))
            return value if text == str(value) else text
        return self._scalar(value)

    def _scalar(self, value: object) -> JsonValue:
        if isinstance(value, datetime):
            return rfc3339_milliseconds(value)
        if isinstance(value, bytes | bytearray):
            return f"<{len(value)} bytes>"
        if isinstance(value, str | Decimal):
            return self.text(str(value))
        return f"<{type(value).__name__}>"

    def _body(self, body: str | bytes) -> str:
        """Return the size of a body; Lambda's own log lines stay."""
        if isinstance(body, str) and _PLATFORM_LINE.match(body):
            return self.text(body)
        return f"<{len(body)} characters>" if isinstance(body, str) else f"<{len(body)} bytes>"

    def _item(self, value: object) -> JsonValue:
        """Return the shape of an item: placeholders for names and values, and DynamoDB's types."""
        if isinstance(value, Mapping):
            return {
                str(key) if key in _TYPES else self._placeholder("attribute", key): self._item(each)
                for key, each in value.items()
            }
        if isinstance(value, list | tuple | Set):
            return [self._item(each) for each in value]
        return value if value is None or isinstance(value, bool) else self._placeholder("data", str(value))

    def _tags(self, value: object) -> JsonValue:
        if isinstance(value, Mapping):
            return {self._tag(key): self._tag(each) for key, each in value.items()}
        if isinstance(value, list):
            return [self._tags(each) if isinstance(each, Mapping) else self._tag(each) for each in value]
        return self._value(value)

    def _tag(self, value: object) -> str:
        known = str(value) in _OWN_TAGS or self._known.get(str(value))
        return self.text(str(value)) if known else self._placeholder("tag", str(value))

    def _placeholder(self, kind: str, value: object) -> str:
        number = sum(1 for made, _ in self._made if made == kind) + 1
        return self._made.setdefault((kind, value), f"<{kind}-{number}>")


_OWN_TAGS = frozenset(
    {"Key", "Value", "key", "value", "Environment", "Team", "Project", "ManagedBy", "Region", "pipectl"}
)


def leaks(text: str, secrets: Iterable[str]) -> bool:
    """Return whether a text contains a secret, the account of an ARN, or an access key."""
    return (
        any(secret in text for secret in secrets if secret)
        or ACCESS_KEY.search(text) is not None
        or re.search(r"arn:aws[a-z-]*:[a-z0-9-]*:[a-z0-9-]*:\d{12}:", text) is not None
    )


def _has_texts(value: Mapping[str, object] | list[object]) -> bool:
    """Return whether these are attributes of a queue, which are texts, and not those of an item."""
    return isinstance(value, Mapping) and any(
        isinstance(each, str) and key not in _TYPES for key, each in value.items()
    )


def _as_word(text: str) -> str:
    """Return a pattern: digits anywhere, because an account can be part of a name; other texts as whole words."""
    quoted = re.escape(text)
    return quoted if text.isdigit() else rf"(?<![A-Za-z0-9]){quoted}(?![A-Za-z0-9])"
