"""Writes what functions print to CloudWatch Logs, with the credentials of their role, as Lambda does.

Without ``logs:CreateLogStream`` and ``logs:PutLogEvents`` (and ``logs:CreateLogGroup`` where the group is missing) the
text is lost, and the function works all the same.
"""

from __future__ import annotations

import logging
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from pipectl.local.clients import Clients, RoleSession

logger = logging.getLogger("pipectl.logs")

INIT_REPORT = "INIT_REPORT "
MAX_EVENTS = 10_000
"""https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutLogEvents.html"""


executed: ContextVar[list[str]] = ContextVar("executed")
"""The request IDs under which functions ran while a request was served. The server sets a list for each request."""


class FunctionLogs:
    """Writes a log stream for each process of a function."""

    def __init__(self, clients: Clients, role_session: Callable[[Mapping[str, Any]], RoleSession]) -> None:
        self._clients = clients
        self._role_session = role_session

    def write(
        self, function: Mapping[str, Any], stream: str, request_id: str, printed: Sequence[str], milliseconds: int
    ) -> None:
        """Write the events of one invocation; never fail.

        Args:
            function: The function's configuration.
            stream: The log stream of its process.
            request_id: Of the invocation.
            printed: What the function printed, and what Lambda reports of it.
            milliseconds: How long it ran.
        """
        if (requests := executed.get(None)) is not None:
            requests.append(request_id)
        try:
            self._write(function, stream, _events(function, request_id, printed, milliseconds))
        except (ClientError, BotoCoreError) as error:
            logger.info("Logs of %s are lost: %s", function["FunctionName"], error)

    def _write(self, function: Mapping[str, Any], stream: str, lines: Sequence[str]) -> None:
        group = (function.get("LoggingConfig") or {}).get("LogGroup") or f"/aws/lambda/{function['FunctionName']}"
        logs = self._clients.of_role("logs", function["FunctionArn"].split(":")[3], self._role_session(function))
        now = int(time.time() * 1000)
        events = [{"timestamp": now, "message": line} for line in lines]
        for first in range(0, len(events), MAX_EVENTS):
            _put(logs, group, stream, events[first : first + MAX_EVENTS])


def stream_name(function: Mapping[str, Any]) -> str:
    """Return the name of a new log stream of a function."""
    return f"{datetime.now(UTC):%Y/%m/%d}/[{function.get('Version', '$LATEST')}]{uuid.uuid4().hex}"


def _put(logs: Any, group: str, stream: str, events: Sequence[Mapping[str, Any]]) -> None:
    """Write events to a stream, which is created when it is missing: it is new, or its group was deleted."""
    try:
        logs.put_log_events(logGroupName=group, logStreamName=stream, logEvents=events)
    except logs.exceptions.ResourceNotFoundException:
        _create_stream(logs, group, stream)
        logs.put_log_events(logGroupName=group, logStreamName=stream, logEvents=events)


def _create_stream(logs: Any, group: str, stream: str) -> None:
    try:
        logs.create_log_stream(logGroupName=group, logStreamName=stream)
    except logs.exceptions.ResourceNotFoundException:
        logs.create_log_group(logGroupName=group)
        logs.create_log_stream(logGroupName=group, logStreamName=stream)


def _events(function: Mapping[str, Any], request_id: str, printed: Sequence[str], milliseconds: int) -> list[str]:
    duration = f"Duration: {milliseconds} ms\tBilled Duration: {milliseconds} ms"
    of_start = [line for line in printed if line.startswith(INIT_REPORT)]
    return [
        *of_start,  # Lambda writes it before the invocation
        f"START RequestId: {request_id} Version: {function.get('Version', '$LATEST')}",
        *(line or " " for line in printed if line not in of_start),  # an event cannot be empty
        f"END RequestId: {request_id}",
        f"REPORT RequestId: {request_id}\t{duration}\tMemory Size: {function.get('MemorySize', 128)} MB",
    ]
