"""Writes what functions print to CloudWatch Logs, with the credentials of their role, as Lambda does.

Without ``logs:CreateLogStream`` and ``logs:PutLogEvents`` (and ``logs:CreateLogGroup`` where the group is missing) the
text is lost, and the function works all the same.
"""

from __future__ import annotations

import logging
import threading
import time
import uuid
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from pipectl.local.clients import Clients, RoleSession

logger = logging.getLogger("pipectl.logs")


class FunctionLogs:
    """Writes one log stream per version of a function, created when it is needed."""

    def __init__(self, clients: Clients, role_session: Callable[[Mapping[str, Any]], RoleSession]) -> None:
        self._clients = clients
        self._role_session = role_session
        self._lock = threading.Lock()
        self._streams: dict[tuple[str, str], str] = {}

    def write(self, function: Mapping[str, Any], request_id: str, text: str, milliseconds: int) -> None:
        """Write the lines of one invocation; never fail.

        Args:
            function: The function's configuration.
            request_id: Of the invocation.
            text: What the function printed.
            milliseconds: How long it ran.
        """
        try:
            self._write(function, _lines(function, request_id, text, milliseconds))
        except (ClientError, BotoCoreError) as error:
            logger.info("Logs of %s are lost: %s", function["FunctionName"], error)

    def _write(self, function: Mapping[str, Any], lines: list[str]) -> None:
        group = (function.get("LoggingConfig") or {}).get("LogGroup") or f"/aws/lambda/{function['FunctionName']}"
        region, version = function["FunctionArn"].split(":")[3], function.get("Version", "$LATEST")
        logs = self._clients.of_role("logs", region, self._role_session(function))
        key = (function["FunctionArn"].split(":function:")[0] + group, version)
        with self._lock:
            stream = self._streams.get(key)
        now = int(time.time() * 1000)
        events = [{"timestamp": now, "message": line} for line in lines]
        if stream is not None:
            try:
                logs.put_log_events(logGroupName=group, logStreamName=stream, logEvents=events)
            except logs.exceptions.ResourceNotFoundException:
                pass  # the group was deleted
            else:
                return
        stream = _create_stream(logs, group, version)
        logs.put_log_events(logGroupName=group, logStreamName=stream, logEvents=events)
        with self._lock:
            self._streams[key] = stream


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
