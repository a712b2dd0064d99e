"""Fakes of S3 and DynamoDB for the handlers. They record requests and fail on request."""

import re
import threading
from typing import Any

from botocore.exceptions import ClientError

from tests.lambda_src.loading import parse


def client_error(code: str, status: int = 400) -> ClientError:
    response = {"Error": {"Code": code, "Message": f"{code} it is"}, "ResponseMetadata": {"HTTPStatusCode": status}}
    return ClientError(response, "PutSomething")  # type: ignore[arg-type]


class FakeS3:
    """A versioned bucket with conditional puts. `fail(key, ...)` makes the next puts of a key raise."""

    def __init__(self) -> None:
        self.versions: dict[str, list[bytes]] = {}
        self.requests: list[dict[str, Any]] = []
        self.failures: dict[str, list[Exception]] = {}
        self.lock = threading.Lock()

    def fail(self, key: str, *errors: Exception) -> None:
        self.failures[key] = list(errors)

    def put_object(self, **request: Any) -> dict[str, Any]:
        with self.lock:
            key = request["Key"]
            self.requests.append(request)
            if self.failures.get(key):
                raise self.failures[key].pop(0)
            if request.get("IfNoneMatch") == "*" and key in self.versions:
                raise client_error("PreconditionFailed", 412)
            self.versions.setdefault(key, []).append(request["Body"])
            return {}

    def objects(self) -> dict[str, Any]:
        return {key: parse(versions[-1]) for key, versions in self.versions.items()}


def refuse_what_dynamodb_refuses(value: dict[str, Any], depth: int = 0) -> None:
    """Raise on a typed value that DynamoDB refuses: invalid Unicode, too deep, no name, more than 38 digits."""
    ((kind, content),) = value.items()
    assert depth <= 32
    match kind:
        case "S":
            content.encode()
        case "N":
            assert re.fullmatch(r"-?[0-9]{1,38}", content)
        case "L":
            for member in content:
                refuse_what_dynamodb_refuses(member, depth + 1)
        case "M":
            for name, member in content.items():
                assert name.encode()
                refuse_what_dynamodb_refuses(member, depth + 1)
        case _:
            raise AssertionError(kind)


class FakeDynamoDB:
    """A table that evaluates the auditor's condition.

    `fail(message id, *errors)` refuses the item of that message as many times.
    """

    def __init__(self) -> None:
        self.items: dict[tuple[str, str], dict[str, Any]] = {}
        self.requests: list[dict[str, Any]] = []
        self.failures: dict[str, list[Exception]] = {}
        self.lock = threading.Lock()

    def fail(self, message_id: str, *errors: Exception) -> None:
        self.failures[message_id] = list(errors)

    def put_item(self, **request: Any) -> dict[str, Any]:
        with self.lock:
            self.requests.append(request)
            item = request["Item"]
            refuse_what_dynamodb_refuses({"M": item})
            if errors := self.failures.get(item["message"]["M"].get("messageId", {}).get("S", "")):
                raise errors.pop(0)
            key = (item["auditId"]["S"], item["timestamp"]["S"])
            if key in self.items:
                assert request["ConditionExpression"] == "attribute_not_exists(auditId)"
                raise client_error("ConditionalCheckFailedException")
            self.items[key] = item
            return {}
