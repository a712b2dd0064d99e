"""Errors of functions, as Lambda logs them and answers them."""

from __future__ import annotations

import json
import signal
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

EXIT = "Runtime.ExitError"
TIMEOUT = "Sandbox.Timedout"
_AT_START = "Worker init failed: "
_TIMED_OUT = "Task timed out after "


@dataclass(frozen=True)
class Fault:
    """An error of a function.

    Args:
        kind: The error type: the name of an exception, or one of Lambda's own, such as `EXIT`.
        message: Its text.
        stack: The frames in Python, each with its line of code; in Node.js the stack with its first line.
        at_start: The function could not be started.
    """

    kind: str
    message: str
    stack: tuple[str, ...] = ()
    at_start: bool = False


def timeout(seconds: float) -> Fault:
    """Return the error of a function that ran for too long."""
    return Fault(TIMEOUT, f"{_TIMED_OUT}{seconds:.2f} seconds")


def exit_of(code: int | None) -> Fault:
    """Return the error of a function whose process has ended.

    Args:
        code: Its exit code, negative for a signal; ``None`` if it is unknown.
    """
    if code == 0:
        return Fault(EXIT, "Runtime exited without providing a reason")
    if code is None or code > 0:
        return Fault(EXIT, f"Runtime exited with error: exit status {code or 1}")
    return Fault(EXIT, f"Runtime exited with error: signal: {(signal.strsignal(-code) or str(-code)).lower()}")


def at_start(text: str, code: int | None) -> Fault:
    """Return the error of a function that could not be started.

    Args:
        text: MiniStack's message: what the worker answered, else that its process has ended.
        code: The exit code of the process.
    """
    if text.startswith(_AT_START):
        try:
            return _of_members(json.loads(text.removeprefix(_AT_START)), at_start=True)
        except (ValueError, KeyError, TypeError):
            return Fault(EXIT, text.removeprefix(_AT_START), at_start=True)
    return exit_of(code)


def of_answer(answer: Mapping[str, Any], code: int | None) -> Fault:
    """Return the error of an invocation.

    Args:
        answer: MiniStack's answer: with the members of the worker, or a text only.
        code: The exit code of the process if it has ended.
    """
    if "fault" in answer:
        return _of_members(answer["fault"], at_start=answer.get("init") is True)
    text = str(answer.get("error"))
    return Fault(TIMEOUT, text) if text.startswith(_TIMED_OUT) else exit_of(code)


def _of_members(members: Mapping[str, Any], *, at_start: bool) -> Fault:
    return Fault(str(members["type"]), str(members["message"]), tuple(map(str, members["stack"])), at_start)


def event_of(fault: Fault, runtime: str, request_id: str) -> str:
    """Return the one event that Lambda logs about an error.

    Args:
        fault: The error.
        runtime: Of the function, such as ``python3.14``.
        request_id: Of the invocation.
    """
    time = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    if fault.kind == TIMEOUT:
        return f"{time} {request_id} {fault.message}"
    if fault.kind == EXIT:
        return f"RequestId: {request_id} Error: {fault.message}\n{EXIT}"
    if runtime.startswith("nodejs"):
        members = {"errorType": fault.kind, "errorMessage": fault.message, "stack": fault.stack}
        text = json.dumps(members, separators=(",", ":"))
        if fault.at_start:
            return f"{time}\tundefined\tERROR\tUncaught Exception \t{text}"
        return f"{time}\t{request_id}\tERROR\tInvoke Error \t{text}"
    lines = [line for frame in fault.stack for line in frame.splitlines()]
    # A space at the beginning of a line is a no-break space, as on Lambda.
    indented = [line.replace(" ", "\u00a0", len(line) - len(line.lstrip(" "))) for line in lines]
    return "\n".join([f"[ERROR] {fault.kind}: {fault.message}", "Traceback (most recent call last):", *indented])


def answer_of(fault: Fault, runtime: str, request_id: str) -> dict[str, Any]:
    """Return the payload with which Lambda answers the invocation."""
    if fault.kind in (TIMEOUT, EXIT):
        return {"errorType": fault.kind, "errorMessage": f"RequestId: {request_id} Error: {fault.message}"}
    named = {"errorType": fault.kind, "errorMessage": fault.message}
    if runtime.startswith("nodejs"):
        return named | {"trace": list(fault.stack)}
    return named | {"requestId": request_id, "stackTrace": list(fault.stack)}
