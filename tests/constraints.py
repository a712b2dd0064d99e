"""Requests against the constraints of botocore's service models, which the client itself mostly skips.

The client checks types, required members and some minimums. AWS checks patterns, maximums and enumerations, too.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

from botocore.model import OperationModel, ServiceModel, Shape

from pipectl.aws.calls import Call, Parameters
from pipectl.aws.service_models import models

_OF_JAVA = {
    r"\p{L}": "A-Za-z\u00aa-\U0003134a",
    r"\p{Z}": r"\s",
    r"\p{N}": "0-9",
    r"\p{Print}": "[ -~]",
    r"[\w-_]": r"[\w_-]",
}
"""Parts of patterns that `re` does not read, each with one that it reads."""


def check_request(call: Call, parameters: Parameters, send: Any) -> object:
    """Send a call whose parameters keep all constraints; `Aws` takes this as its ``attempt``."""
    check(call, parameters)
    return send()


def check(call: Call, parameters: Parameters) -> None:
    """Fail when the parameters of a call break a constraint."""
    found = list(violations(call, parameters))
    assert not found, f"{call.service} {call.operation}: {'; '.join(found)}"


def violations(call: Call, parameters: Parameters) -> Iterator[str]:
    """Yield each constraint that the parameters of a call break."""
    shape = operation(call.service, call.operation).input_shape
    if shape is not None:
        yield from _broken(shape, parameters, "")


@cache
def operation(service: str, name: str) -> OperationModel:
    return service_model(service).operation_model(name)


@cache
def service_model(service: str) -> ServiceModel:
    return ServiceModel(models().load_service_model(service, "service-2"), service)


def _broken(shape: Shape, value: Any, where: str) -> Iterator[str]:
    kind = shape.type_name
    if kind == "structure":
        for name, member in value.items():
            yield from _broken(shape.members[name], member, f"{where}.{name}")  # type: ignore[attr-defined]
        return
    if kind == "list":
        for index, member in enumerate(value):
            yield from _broken(shape.member, member, f"{where}[{index}]")  # type: ignore[attr-defined]
    if kind == "map":
        for key, member in value.items():
            yield from _broken(shape.key, key, f"{where} key")  # type: ignore[attr-defined]
            yield from _broken(shape.value, member, f"{where}[{key}]")  # type: ignore[attr-defined]
    yield from _outside(shape.metadata, value, where)


def _outside(metadata: Mapping[str, Any], value: Any, where: str) -> Iterator[str]:
    size = value if isinstance(value, int | float) else len(value) if hasattr(value, "__len__") else None
    low, high = metadata.get("min"), metadata.get("max")
    if size is not None and not isinstance(value, bool):
        if low is not None and size < low:
            yield f"{where}: {size} is below {low}"
        if high is not None and size > high:
            yield f"{where}: {size} is above {high}"
    if not isinstance(value, str):
        return
    if (allowed := metadata.get("enum")) and value not in allowed:
        yield f"{where}: {value!r} is none of {', '.join(allowed)}"
    if (pattern := metadata.get("pattern")) and not _compiled(pattern).fullmatch(value):
        yield f"{where}: {value!r} does not match {pattern}"


@cache
def _compiled(pattern: str) -> re.Pattern[str]:
    for java, python in _OF_JAVA.items():
        pattern = pattern.replace(java, python)
    return re.compile(pattern, re.ASCII)


def unreadable_patterns() -> set[str]:
    """Return the patterns of the services in use that `re` does not compile."""
    services = "cloudwatch dynamodb dynamodbstreams iam lambda logs resourcegroupstaggingapi s3 sqs sts"
    models = [service_model(service) for service in services.split()]
    patterns = {model.shape_for(name).metadata.get("pattern") for model in models for name in model.shape_names}
    return {pattern for pattern in patterns if pattern and not _compiles(pattern)}


def _compiles(pattern: str) -> bool:
    try:
        _compiled(pattern)
    except re.error:
        return False
    return True
