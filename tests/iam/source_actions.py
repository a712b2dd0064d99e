"""The IAM actions of every AWS call in the source.

Every call goes through a client attribute of `Aws` (``aws.lambda_.create_function(...)``), so the syntax tree shows
all of them.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from functools import cache

from botocore import xform_name

from pipectl.aws.errors import iam_actions
from pipectl.aws.settings import profileless_session
from pipectl.iam.command_actions import COMMANDS
from tests.support import ROOT

SOURCE = ROOT / "src" / "pipectl"
CLIENTS = {
    "cloudwatch": "cloudwatch",
    "dynamodb": "dynamodb",
    "streams": "dynamodbstreams",
    "iam": "iam",
    "invoker": "lambda",
    "lambda_": "lambda",
    "logs": "logs",
    "s3": "s3",
    "sqs": "sqs",
    "sts": "sts",
    "tagging": "resourcegroupstaggingapi",
}


def source_actions() -> set[str]:
    """Return the IAM actions of every call that pipectl can make, and ``iam:PassRole``, which shows in no call."""
    return {"iam:PassRole"}.union(*(iam_actions(service, operation) for service, operation in source_calls()))


def actions_of(commands: Iterable[str]) -> set[str]:
    """Return all actions that are granted for some commands."""
    return {action for command in commands for actions in COMMANDS[command].values() for action in actions.split()}


@cache
def source_calls() -> frozenset[tuple[str, str]]:
    """Return service and operation of every call that pipectl can make."""
    return frozenset((service, _operations(service)[method]) for service, method in _calls())


def _calls() -> Iterator[tuple[str, str]]:
    for path in sorted(SOURCE.rglob("*.py")):
        if "local" in path.relative_to(SOURCE).parts or path.name == "demo.py":
            continue  # they call the local emulator, as its administrator
        text = path.read_text(encoding="utf-8")
        if not any(f".{client}" in text for client in CLIENTS):
            continue  # parsing takes longest
        aliases: dict[str, str] = {}
        nodes = [*ast.walk(ast.parse(text))]
        for node in nodes:
            if isinstance(node, ast.Assign):
                aliases.update(_aliases(node))
        for node in nodes:
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
                service = _service(node.func.value, aliases)
                if service and (method := _method(node)) in _operations(service):
                    yield service, str(method)


def _aliases(node: ast.Assign) -> Iterator[tuple[str, str]]:
    """``client = self._aws.lambda_`` and ``s3, ours = self._aws.s3, self._ours``."""
    target = node.targets[-1]
    pairs = (
        zip(target.elts, node.value.elts, strict=True)
        if isinstance(target, ast.Tuple) and isinstance(node.value, ast.Tuple)
        else [(target, node.value)]
    )
    for name, value in pairs:
        if isinstance(name, ast.Name) and isinstance(value, ast.Attribute) and value.attr in CLIENTS:
            yield name.id, CLIENTS[value.attr]


def _service(value: ast.expr, aliases: dict[str, str]) -> str | None:
    if isinstance(value, ast.Attribute):
        return CLIENTS.get(value.attr)
    return aliases.get(value.id) if isinstance(value, ast.Name) else None


def _method(node: ast.Call) -> str | None:
    assert isinstance(node.func, ast.Attribute)
    if node.func.attr == "get_paginator" and isinstance(node.args[0], ast.Constant):
        return str(node.args[0].value)
    return node.func.attr


@cache
def _operations(service: str) -> dict[str, str]:
    names = profileless_session().get_service_model(service).operation_names
    return {xform_name(name): name for name in names}
