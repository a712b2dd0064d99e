"""AWS without a network: what a call meets is answered before it is sent."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from botocore.awsrequest import AWSResponse
from botocore.compat import HTTPHeaders
from botocore.exceptions import ClientError

from pipectl.aws.calls import Call
from pipectl.aws.client import Aws, Credentials
from tests.support import REGION, FakeClock

Answer = Exception | AWSResponse | dict[str, Any]
"""The result of a call: an error that is raised, a response as bytes, or a parsed response."""


class Raw:
    """The body of an answer, as botocore reads it."""

    def __init__(self, body: bytes) -> None:
        self._body = body

    def stream(self, *_: Any, **__: Any) -> Iterable[bytes]:
        yield self._body

    def read(self, *_: Any, **__: Any) -> bytes:
        return self._body


def answer(body: str | bytes, status: int = 200, headers: Mapping[str, str] | None = None) -> AWSResponse:
    raw = Raw(body.encode() if isinstance(body, str) else body)
    return AWSResponse("https://aws.invalid/", status, HTTPHeaders.from_dict(dict(headers or {})), raw)


def xml_error(code: str, message: str, status: int = 400) -> AWSResponse:
    """An error of IAM, STS, CloudWatch."""
    return answer(
        f"<ErrorResponse><Error><Code>{code}</Code><Message>{message}</Message></Error></ErrorResponse>", status
    )


def json_error(code: str, message: str, status: int = 400) -> AWSResponse:
    """An error of DynamoDB, Lambda, SQS, Logs."""
    return answer(json.dumps({"__type": code, "message": message}), status, {"x-amzn-errortype": code})


def s3_error(code: str, message: str, status: int = 400) -> AWSResponse:
    return answer(f"<Error><Code>{code}</Code><Message>{message}</Message></Error>", status)


def caller(account: str = "123456789012") -> AWSResponse:
    """GetCallerIdentity's answer."""
    result = f"<GetCallerIdentityResult><Account>{account}</Account></GetCallerIdentityResult>"
    return answer(f"<GetCallerIdentityResponse>{result}</GetCallerIdentityResponse>")


def client_error(code: str, message: str, status: int = 400) -> ClientError:
    """An error as botocore has it after parsing."""
    return ClientError(
        {"Error": {"Code": code, "Message": message}, "ResponseMetadata": {"HTTPStatusCode": status}},  # type: ignore[typeddict-item]
        "Operation",
    )


class Ok:
    """The little that botocore asks of an answer that was parsed already."""

    status_code = 200


_PROPERTIES = {"lambda": "lambda_", "dynamodbstreams": "streams", "resourcegroupstaggingapi": "tagging"}


@dataclass
class Wire:
    """An `Aws` whose every call gets what ``meets`` gives. `reset` it instead of making another: clients are slow."""

    meets: Callable[[], Answer] = dict
    clock: FakeClock = field(default_factory=FakeClock)
    said: list[str] = field(default_factory=list)
    calls: list[Call] = field(default_factory=list)
    _raw: AWSResponse | None = None
    _hooked: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.aws = Aws(
            REGION,
            credentials=Credentials("AKIATEST", "secret"),
            clock=self.clock,
            say=self.said.append,
            on_call=self.calls.append,
        )

    def reset(self) -> None:
        self.clock.seconds = 0.0
        self.said.clear()
        self.calls.clear()
        self.aws.__dict__.pop("account_id", None)  # what a fresh one would not know

    def call(self, service: str, operation: str) -> Any:
        """Call ``operation`` with the least that its model asks for."""
        client: Any = getattr(self.aws, _PROPERTIES.get(service, service))
        if service not in self._hooked:
            self._hooked.add(service)
            client.meta.events.register_first("provide-client-params", lambda model, **_: minimal(model))
            client.meta.events.register_last("before-call", self._answer)
            client.meta.events.register_last("before-send", lambda **_: self._raw)
        method = next(method for method, name in client.meta.method_to_api_mapping.items() if name == operation)
        return getattr(client, method)()

    def _answer(self, **_: Any) -> tuple[Ok, dict[str, Any]] | None:
        met = self.meets()
        if isinstance(met, Exception):
            raise met
        if isinstance(met, dict):
            return Ok(), met
        self._raw = met
        return None


def first(*answers: Answer) -> Callable[[], Answer]:
    """These answers in order; the last of them again and again."""
    left = list(answers)
    return lambda: left.pop(0) if len(left) > 1 else left[0]


def minimal(model: Any) -> dict[str, Any]:
    """Values of the right type for every parameter that an operation requires."""
    return _of_type(model.input_shape) if model.input_shape else {}


def _of_type(shape: Any) -> Any:
    if shape.type_name == "structure":
        return {name: _of_type(shape.members[name]) for name in shape.required_members}
    if shape.type_name == "string":
        return shape.enum[0] if shape.enum else "value-1".ljust(shape.metadata.get("min", 0), "0")
    if shape.type_name == "list":
        return [_of_type(shape.member) for _ in range(shape.metadata.get("min", 0))]
    return {"map": {}, "integer": 1, "long": 1, "boolean": True, "blob": b"", "timestamp": 0}[shape.type_name]
