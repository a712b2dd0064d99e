"""Writes what functions print to CloudWatch Logs, with the credentials of their role, as Lambda does.

Without ``logs:CreateLogStream`` and ``logs:PutLogEvents`` (and ``logs:CreateLogGroup`` where the group is missing) the
text is lost, and the function works all the same.
"""

from __future__ import annotations

import logging
import re
import time
import uuid
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from pipectl.local.clients import Clients, RoleSession

logger = logging.getLogger("pipectl.logs")

MAX_EVENTS = 10_000
"""https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutLogEvents.html"""


executed: ContextVar[list[str]] = ContextVar("executed")
"""The request IDs under which functions ran while a request was served. The server sets a list for each request."""
_NO_HANDLER = re.compile(r"module '.*' has no attribute|Handler \S+ is not a function")
_NO_SYNTAX = re.compile(r"\([^()]+\.py, line [0-9]+\)$|SyntaxError")


def init_error(handler: str, text: str) -> tuple[str, str]:
    """Return the error type and the message with which Lambda reports a function that cannot be started.

    Not modelled: another exception that the module raises while it is imported has its own type on Lambda.

    Args:
        handler: Of the function, such as ``index.handler``.
        text: MiniStack's message.
    """
    module, _, name = handler.rpartition(".")
    reason = text.removeprefix("Worker init failed: ")
    if reason.startswith("Worker process exited"):
        return "Runtime.ExitError", "Runtime exited with error"
    if _NO_HANDLER.match(reason):
        return "Runtime.HandlerNotFound", f"Handler '{name}' missing on module '{module}'"
    if _NO_SYNTAX.search(reason):
        return "Runtime.UserCodeSyntaxError", f"Syntax error in module '{module}': {reason}"
    return "Runtime.ImportModuleError", f"Unable to import module '{module}': {reason}"


class FunctionLogs:
    """Writes one log stream per invocation, as MiniStack does."""

    def __init__(self, clients: Clients, role_session: Callable[[Mapping[str, Any]], RoleSession]) -> None:
        self._clients = clients
        self._role_session = role_session

    def write(self, function: Mapping[str, Any], request_id: str, text: str, milliseconds: int) -> None:
        """Write the lines of one invocation; never fail.

        Args:
            function: The function's configuration.
            request_id: Of the invocation.
            text: What the function printed.
            milliseconds: How long it ran.
        """
        if (requests := executed.get(None)) is not None:
            requests.append(request_id)
        try:
            self._write(function, _lines(function, request_id, text, milliseconds))
        except (ClientError, BotoCoreError) as error:
            logger.info("Logs of %s are lost: %s", function["FunctionName"], error)

    def _write(self, function: Mapping[str, Any], lines: list[str]) -> None:
        group = (function.get("LoggingConfig") or {}).get("LogGroup") or f"/aws/lambda/{function['FunctionName']}"
        region, version = function["FunctionArn"].split(":")[3], function.get("Version", "$LATEST")
        logs = self._clients.of_role("logs", region, self._role_session(function))
        now = int(time.time() * 1000)
        stream = _create_stream(logs, group, version)
        events = [{"timestamp": now, "message": line} for line in lines]
        for first in range(0, len(events), MAX_EVENTS):
            logs.put_log_events(logGroupName=group, logStreamName=stream, logEvents=events[first : first + MAX_EVENTS])


def _create_stream(logs: Any, group: str, version: str) -> str:
    stream = f"{datetime.now(UTC):%Y/%m/%d}/[{version}]{uuid.uuid4().hex}"
    try:
        logs.create_log_stream(logGroupName=group, logStreamName=stream)
    except logs.exceptions.ResourceNotFoundException:
        logs.create_log_group(logGroupName=group)
        logs.create_log_stream(logGroupName=group, logStreamName=stream)
    return stream


def _lines(function: Mapping[str, Any], request_id: str, text: str, milliseconds: int) -> list[str]:
    duration = f"Duration: {milliseconds} ms\tBilled Duration: {milliseconds} ms"
    return [
        f"START RequestId: {request_id} Version: {function.get('Version', '$LATEST')}",
        *(line or " " for line in text.splitlines()),  # an event cannot be empty
        f"END RequestId: {request_id}",
        f"REPORT RequestId: {request_id}\t{duration}\tMemory Size: {function.get('MemorySize', 128)} MB",
    ]
