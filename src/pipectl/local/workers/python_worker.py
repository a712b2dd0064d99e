"""Run a function in Python: read invocations from standard input and answer them on standard output.

MiniStack sends them and reads the answers, one JSON document a line. What the function prints goes to standard error,
which is its log. A function that cannot be imported fails each invocation with its error.
"""

from __future__ import annotations

import importlib
import json
import logging
import os
import sys
import time
import traceback
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any, TextIO

_TASK_ROOT = "/var/task"
_LOG_LINE = "[%(levelname)s]\t%(asctime)s.%(msecs)03dZ\t%(aws_request_id)s\t%(message)s"


class FaultError(Exception):
    """An error that Lambda's runtime reports by itself."""

    def __init__(self, kind: str, message: str, stack: list[str] | None = None) -> None:
        super().__init__(message)
        self.kind, self.message, self.stack = f"Runtime.{kind}", message, stack or []


class Context:
    """The second argument of a handler."""

    identity = None
    client_context = None

    def __init__(self, invocation: Mapping[str, Any]) -> None:
        environment = os.environ
        self.aws_request_id = invocation["request_id"]
        self.invoked_function_arn = invocation["invoked_function_arn"]
        self.function_name = environment["AWS_LAMBDA_FUNCTION_NAME"]
        self.function_version = environment["AWS_LAMBDA_FUNCTION_VERSION"]
        self.memory_limit_in_mb = environment["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"]
        self.log_group_name = environment["AWS_LAMBDA_LOG_GROUP_NAME"]
        self.log_stream_name = environment["AWS_LAMBDA_LOG_STREAM_NAME"]
        self._ends_at = time.time() + invocation["timeout_ms"] / 1000

    def get_remaining_time_in_millis(self) -> int:
        """Return the milliseconds until the invocation times out."""
        return max(0, int((self._ends_at - time.time()) * 1000))


def main() -> None:
    """Load the function, then serve one invocation after the other until standard input ends."""
    requests, answers = _take_streams()
    start = json.loads(requests.readline())
    root = start["code_dir"]
    sys.path[0] = root  # it was the folder of this program
    request_ids = _set_up_logging()
    handler: Callable[[Any, Context], Any]
    try:
        handler = _load(start["module"], start["handler"], root)
    except FaultError as fault:
        handler = _failing(fault)
    except Exception as error:  # noqa: BLE001 - any exception of the function's module
        _send(answers, {"status": "error", "error": json.dumps(_error(error, root))})
        return
    _send(answers, {"status": "ready"})
    for line in requests:
        invocation = json.loads(line)
        request_ids[0] = invocation["ctx"]["request_id"]
        _send(answers, _invoke(handler, invocation, root))


def _take_streams() -> tuple[TextIO, TextIO]:
    """Return standard input and output; what the function and its programs print goes to standard error instead."""
    requests = os.fdopen(os.dup(0), encoding="utf-8")
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup(1)  # stays open until this process has ended, so that its exit code is known when the answers end
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(2, 1)
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(encoding="utf-8", errors="backslashreplace", line_buffering=True)  # type: ignore[union-attr]
    return requests, answers


def _set_up_logging() -> list[str]:
    """Let loggers write as Lambda does. Return a list whose only entry is the request ID that they write."""
    request_ids = [""]

    def add_request_id(record: logging.LogRecord) -> bool:
        record.aws_request_id = request_ids[0]
        return True

    handler = logging.StreamHandler(sys.stderr)
    formatter = logging.Formatter(_LOG_LINE, "%Y-%m-%dT%H:%M:%S")
    formatter.converter = time.gmtime
    handler.setFormatter(formatter)
    handler.addFilter(add_request_id)
    logging.getLogger().addHandler(handler)
    return request_ids


def _load(module: str, name: str, root: str) -> Callable[[Any, Context], Any]:
    try:
        loaded = importlib.import_module(module.replace("/", "."))
    except ImportError as error:
        raise FaultError(
            "ImportModuleError", f"Unable to import module '{module}': {error}", _stack(error, root)
        ) from error
    except SyntaxError as error:
        place = f'  File "{_shown(error.filename or "", root)}" Line {error.lineno}\n    {(error.text or "").strip()}'
        raise FaultError("UserCodeSyntaxError", f"Syntax error in module '{module}': {error}", [place]) from error
    try:
        handler: Callable[[Any, Context], Any] = getattr(loaded, name)
    except AttributeError as error:
        raise FaultError("HandlerNotFound", f"Handler '{name}' missing on module '{module}'") from error
    return handler


def _failing(fault: FaultError) -> Callable[[Any, Context], Any]:
    def fail(_event: Any, _context: Context) -> Any:
        raise fault

    return fail


def _invoke(handler: Callable[[Any, Context], Any], invocation: Mapping[str, Any], root: str) -> dict[str, Any]:
    """Return the answer of the handler, or its error: type, message, stack and lines of the log."""
    try:
        result = handler(invocation["event"], Context(invocation["ctx"]))
        try:
            json.dumps(result, default=_number)
        except (TypeError, ValueError) as error:
            raise FaultError("MarshalError", f"Unable to marshal response: {error}") from error
    except FaultError as fault:
        found = {"type": fault.kind, "message": fault.message, "stack": fault.stack}
    except Exception as error:  # noqa: BLE001 - any exception of the function
        found = _error(error, root)
    else:
        return {"status": "ok", "result": result}
    finally:
        print("\0", file=sys.stderr, flush=True)  # `END_OF_OUTPUT`
    return {"status": "ok", "fault": found}  # with "error" MiniStack would end this process


def _error(error: Exception, root: str) -> dict[str, Any]:
    return {"type": type(error).__name__, "message": str(error), "stack": _stack(error, root)}


def _stack(error: BaseException, root: str) -> list[str]:
    """Return the frames of the function, without those of this program and of Python's import."""
    frames = traceback.extract_tb(error.__traceback__)
    own = next((at for at, frame in enumerate(frames) if frame.filename.startswith(root)), len(frames))
    # Without columns, as on Lambda: no marks below the lines.
    shown = [
        (frame.filename, frame.lineno or 0, frame.name, frame.line)
        for frame in frames[own:]
        if not frame.filename.startswith("<frozen importlib")
    ]
    return [_shown(text, root) for text in traceback.format_list(shown)]


def _shown(text: str, root: str) -> str:
    """Return a text with the path of the function's folder as on Lambda."""
    return text.replace(root, _TASK_ROOT, 1)


def _number(value: object) -> float:
    if isinstance(value, Decimal):
        return float(value)
    raise TypeError(f"Object of type {type(value).__name__} is not JSON serializable")


def _send(answers: TextIO, answer: Mapping[str, Any]) -> None:
    answers.write(json.dumps(answer, default=_number) + "\n")
    answers.flush()


if __name__ == "__main__":
    main()
