"""Writes what functions print to CloudWatch Logs, with the credentials of their role, as Lambda does.

Without ``logs:CreateLogStream`` and ``logs:PutLogEvents`` (and ``logs:CreateLogGroup`` where the group is missing) the
text is lost, and the function works all the same.
"""

from __future__ import annotations

import json
import logging
import re
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
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
_FRAME = re.compile(r'  File "(.+)", line \d+')
_TASK = re.compile(r".*/code/")
_MODULES = re.compile(r"\A(?:\w+\.)+(?=\w)")
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


def error_event(runtime: str, request_id: str, error: str, trace: str) -> str:
    """Return the one event that Lambda logs about an invocation that failed.

    Args:
        runtime: Of the function, such as ``python3.14``.
        request_id: Of the invocation.
        error: The message: of the exception, of the time limit, or of MiniStack.
        trace: The stack of the exception; empty where there was none.
    """
    time = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    if not trace:
        if error.startswith("Task timed out"):
            return f"{time} {request_id} {error}"
        return f"RequestId: {request_id} Error: Runtime exited with error: exit status 1\nRuntime.ExitError"
    if runtime.startswith("nodejs"):
        stack = trace.split("\n")
        kind, _, message = trace.partition("\n    at ")[0].partition(": ")
        members = {"errorType": kind, "errorMessage": message, "stack": stack}
        return f"{time}\t{request_id}\tERROR\tInvoke Error \t{json.dumps(members, separators=(',', ':'))}"
    return _python_event(trace)


def _python_event(trace: str) -> str:
    """Return a traceback as Lambda logs it: the exception first, and the frames of the function alone.

    Not modelled: the exceptions before, in a chain of them.
    """
    lines = trace.rpartition("Traceback (most recent call last):\n")[2].rstrip().split("\n")
    at = next((at for at, line in enumerate(lines) if not line.startswith("  ")), len(lines))
    frames: list[str] = []
    for line in lines[:at]:
        if found := _FRAME.match(line):
            is_own = found[1].endswith("_worker.py")
            frames += [] if is_own else [line.replace(found[1], _TASK.sub("/var/task/", found[1]))]
        elif not (is_own or set(line) <= set(" ^~")):
            frames.append(line)
    indented = [line.replace(" ", "\u00a0", len(line) - len(line.lstrip(" "))) for line in frames]
    exception = _MODULES.sub("", "\n".join(lines[at:]))
    return "\n".join([f"[ERROR] {exception}", "Traceback (most recent call last):", *indented])


class FunctionLogs:
    """Writes one log stream per invocation, as MiniStack does."""

    def __init__(self, clients: Clients, role_session: Callable[[Mapping[str, Any]], RoleSession]) -> None:
        self._clients = clients
        self._role_session = role_session

    def write(self, function: Mapping[str, Any], request_id: str, printed: Sequence[str], milliseconds: int) -> None:
        """Write the events of one invocation; never fail.

        Args:
            function: The function's configuration.
            request_id: Of the invocation.
            printed: What the function printed, and what Lambda reports of it.
            milliseconds: How long it ran.
        """
        if (requests := executed.get(None)) is not None:
            requests.append(request_id)
        try:
            self._write(function, _events(function, request_id, printed, milliseconds))
        except (ClientError, BotoCoreError) as error:
            logger.info("Logs of %s are lost: %s", function["FunctionName"], error)

    def _write(self, function: Mapping[str, Any], lines: Sequence[str]) -> None:
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


def _events(function: Mapping[str, Any], request_id: str, printed: Sequence[str], milliseconds: int) -> list[str]:
    duration = f"Duration: {milliseconds} ms\tBilled Duration: {milliseconds} ms"
    return [
        f"START RequestId: {request_id} Version: {function.get('Version', '$LATEST')}",
        *(line or " " for line in printed),  # an event cannot be empty
        f"END RequestId: {request_id}",
        f"REPORT RequestId: {request_id}\t{duration}\tMemory Size: {function.get('MemorySize', 128)} MB",
    ]
