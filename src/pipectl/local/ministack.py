"""The only module that uses MiniStack's internals; each name is listed here with the reason.

========================================  ============================================================================
``app.app``                               The ASGI application that is served.
``lambda_svc._poll_dynamodb_streams``     Switched off: MiniStack 1.5.33 ignores retries, bisecting and partial batch
                                          responses. ``stream_mapping`` polls instead.
``lambda_svc._poll_sqs``                  Switched off: it reads queues without asking IAM and publishes no metrics.
                                          ``queue_mapping`` polls instead.
``cloudwatch._evaluate_alarm``            Switched off: it ignores dimensions and missing data. ``alarms`` evaluates.
``cloudwatch._evict_old_metrics``         Called each minute: at each call of CloudWatch it looks at all data points.
``lambda_svc._emit_lambda_logs``          Replaced: it writes logs without asking IAM. ``function_logs`` writes them.
``lambda_runtime.execution_credentials``  The session of a function's role, which no public API gives out. Extended: its
                                          secrets follow from the names of function and role.
``iam_actions.extract_iam_action``        Extended by ``request_permissions``.
``iam_actions.extract_resource_arn``      Extended by ``request_permissions``.
``iam_actions.request_tag_context``       Extended by ``request_permissions``.
``iam_evaluator.enforce``                 Asked for ``iam:PassRole``, and for ``lambda:ListTags`` of ``GetFunction``:
                                          MiniStack checks neither.
``lambda_svc._emit_lambda_metrics``,      Extended: MiniStack 1.5.33 counts a throttle twice, and as an invocation; and
``responses.get_account_id``,             metrics can be late. It passes no account and no region.
``.get_region``
``lambda_svc._reserved_concurrency``,     Extended: MiniStack 1.5.33 ignores the reserved concurrency of a function when
``._functions``                           an alias or a version of it is invoked.
``._LAMBDA_STATE_TRANSITION_DELAY``       Shortened: a new function, and each update of one, is ready after this time.
``lambda_svc._functions.get_scoped``      Read for the code of a version: MiniStack serves that of ``$LATEST`` alone.
``lambda_runtime.subprocess``             Replaced: functions run on their own interpreter and in their own environment,
                                          in the programs of ``workers``, which report errors as Lambda does.
``lambda_runtime.Worker``, ``.invoke``,   Extended: the programs answer each invocation, also one that failed, so that
``.ensure_spawned``                       MiniStack keeps their process.
``._drain_stderr_bounded``                Replaced: it waits 5 ms for further lines. ``function_process`` knows the end.
``lambda_svc._execute_function_warm``      Extended: MiniStack starts a process for each of several invocations at once,
                                          which takes longer than most invocations.
========================================  ============================================================================
"""

from __future__ import annotations

import secrets
import subprocess
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from contextvars import ContextVar, copy_context
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from weakref import WeakKeyDictionary

from ministack import app
from ministack.core import iam_actions, iam_evaluator, lambda_runtime, responses
from ministack.services import cloudwatch, lambda_svc

from pipectl.local import faults
from pipectl.local.clients import Place, RoleSession
from pipectl.local.function_logs import INIT_REPORT, stream_name
from pipectl.local.function_process import INIT_SECONDS, FunctionProcess
from pipectl.local.request_permissions import Naming

PATIENCE_SECONDS = 4.0
"""Time for which an invocation waits for the process of another one, before it gets its own. A busy machine needs that
long to start one."""
EVICTION_SECONDS = 60.0
_UPDATE_SECONDS = 0.2
INIT_TIMED_OUT = f"{INIT_REPORT}Init Duration: {INIT_SECONDS * 1000:.2f} ms\tPhase: init\tStatus: timeout"
_NONCE = secrets.token_hex(32)


@dataclass(frozen=True)
class _Failure:
    """An error of an invocation: the events of the log, the last of which reports it, and the ``answer``."""

    lines: Sequence[str]
    answer: Mapping[str, Any]


_failure: ContextVar[_Failure | None] = ContextVar("_failure", default=None)
_starting: ContextVar[Mapping[str, Any]] = ContextVar("_starting")
"""The configuration of the function that this thread invokes."""
_started: ContextVar[FunctionProcess | None] = ContextVar("_started", default=None)
"""The process that this thread started for it."""
_process: ContextVar[FunctionProcess | None] = ContextVar("_process", default=None)
"""The process that this thread invoked."""
_execution_credentials: Callable[[dict[str, Any]], dict[str, str]] = lambda_runtime.execution_credentials


def application() -> Any:
    """Return MiniStack's ASGI application."""
    return app.app


def switch_off_pollers() -> None:
    """Leave stream and queue mappings, and alarms, to pipectl. Call before serving."""
    lambda_svc._poll_dynamodb_streams = _nothing_to_do
    lambda_svc._poll_sqs = _nothing_to_do
    cloudwatch._evaluate_alarm = _leave_alarm


def evict_metrics_each_minute() -> None:
    """Look for metrics that expire each minute. Call before serving."""
    evict, evicted = cloudwatch._evict_old_metrics, [time.monotonic()]

    def evict_seldom() -> None:
        if time.monotonic() - evicted[0] > EVICTION_SECONDS:
            evicted[0] = time.monotonic()
            evict()

    cloudwatch._evict_old_metrics = evict_seldom


def _nothing_to_do() -> bool:
    return False


def _leave_alarm(_alarm: object) -> None:
    pass


def role_session(function: Mapping[str, Any]) -> RoleSession:
    """Return the session of a function's role.

    Args:
        function: Its configuration, as ``GetFunctionConfiguration`` returns it.
    """
    session = _unguessable_credentials(function)
    return RoleSession(session["AWS_ACCESS_KEY_ID"], session["AWS_SECRET_ACCESS_KEY"], session["AWS_SESSION_TOKEN"])


def _unguessable_credentials(function: Mapping[str, Any]) -> dict[str, str]:
    """MiniStack derives a session from the ARN of the function: here, from one with a random qualifier."""
    return _execution_credentials({**function, "FunctionArn": f"{function['FunctionArn']}:{_NONCE}"})


def shorten_updates() -> None:
    """Let functions be ready after less than the first pause of `pipectl.clock.poll`. Call before serving.

    MiniStack lets an update take half a second, which is most of the time of `up --watch`.
    """
    lambda_svc._LAMBDA_STATE_TRANSITION_DELAY = _UPDATE_SECONDS


def use_unguessable_sessions() -> None:
    """Give functions the sessions of `role_session`. Call before serving."""
    lambda_runtime.execution_credentials = _unguessable_credentials


def write_logs_with(write: Callable[[Mapping[str, Any], str, str, Sequence[str], int], None]) -> None:
    """Replace the writer of function logs. Call before serving.

    Args:
        write: Gets the function's configuration, the log stream of its process, the request ID, the events, and the
            duration in milliseconds.
    """

    def emit(function: Mapping[str, Any], request_id: str, text: str, *more: Any, **_: Any) -> None:
        _, milliseconds = more
        failure, process = _failure.get(), _process.get()
        lines = failure.lines if failure else text.splitlines()
        configuration = function.get("config") or function
        stream = process.log_stream if process else stream_name(configuration)
        write(configuration, stream, request_id, lines, milliseconds)

    lambda_svc._emit_lambda_logs = emit


def share_reserved_concurrency() -> None:
    """Limit all versions of a function together by its reserved concurrency. Call before serving."""
    reserved_concurrency = lambda_svc._reserved_concurrency
    functions: Mapping[str, Any] = lambda_svc._functions

    def of_whole_function(function: Mapping[str, Any], configuration: Mapping[str, Any]) -> int | None:
        whole = functions.get(configuration["FunctionName"], function)
        found: int | None = reserved_concurrency(whole, configuration)
        return found

    lambda_svc._reserved_concurrency = of_whole_function


def publish_metrics_with(publish: Callable[[Place, str, str, float, str], None], *, late: bool) -> None:
    """Count throttles as AWS does, and publish late metrics. Call before serving.

    Args:
        publish: Gets place and name of the function, and name, value and unit of the metric.
        late: ``publish`` gets all metrics of functions.
    """
    emit_at_once = lambda_svc._emit_lambda_metrics

    def emit(function: str, duration_ms: float, error: bool, throttle: bool) -> None:
        place = Place(responses.get_account_id(), responses.get_region())
        if throttle:
            if not duration_ms:  # MiniStack's second count has a duration
                publish(place, function, "Throttles", 1, "Count")
        elif late:
            for name, value in (("Invocations", 1), ("Errors", int(error)), ("Throttles", 0)):
                publish(place, function, name, value, "Count")
            publish(place, function, "Duration", duration_ms, "Milliseconds")
        else:
            emit_at_once(function, duration_ms, error, throttle)

    lambda_svc._emit_lambda_metrics = emit


def name_requests_with(naming: Naming) -> None:
    """Let IAM see the action, the resource and the condition keys that ``naming`` finds. Call before serving."""
    iam_actions.extract_iam_action = naming.actions(iam_actions.extract_iam_action)
    iam_actions.extract_resource_arn = naming.resources(iam_actions.extract_resource_arn)
    iam_actions.request_tag_context = naming.contexts(iam_actions.request_tag_context)


def function_code(place: Place, name: str, version: str) -> bytes | None:
    """Return the zip of a version of a function; ``None`` when there is none."""
    function = lambda_svc._functions.get_scoped(place.account_id, place.region, name) or {}
    versioned = function if version == "$LATEST" else function.get("versions", {}).get(version, {})
    code: bytes | None = versioned.get("code_zip")
    return code


def may_pass_role(access_key: str, role_arn: str) -> bool:
    """Return whether the caller may pass a role to Lambda. Call while a request of that caller is served."""
    return _may(access_key, "iam:PassRole", role_arn, {"iam:PassedToService": "lambda.amazonaws.com"})


def may_list_tags(access_key: str, function_arn: str) -> bool:
    """Return whether the caller may list the tags of a function. Call while a request of that caller is served."""
    return _may(access_key, "lambda:ListTags", function_arn, {})


def _may(access_key: str, action: str, resource: str, context: Mapping[str, str]) -> bool:
    def ask() -> bool:
        return iam_evaluator.enforce(access_key, action, action.split(":")[0], "", resource, context) is None

    return copy_context().run(ask)  # the check must not use up the signature check of the request itself


def start_functions_with(
    program: Callable[[str], tuple[Path, str]],
    environment: Callable[[Mapping[str, Any], Mapping[str, str]], dict[str, str]],
) -> None:
    """Replace interpreters, programs and environments of functions. Call before serving.

    Args:
        program: Gets a runtime and returns the interpreter and the source of the program.
        environment: Gets the configuration of a function and MiniStack's environment, and returns the function's.
    """

    def start(command: Sequence[str], *, env: Mapping[str, str], **options: Any) -> FunctionProcess:
        function = _starting.get()
        interpreter, source = program(function["Runtime"])
        Path(command[-1]).write_text(source, encoding="utf-8")
        given = {**env, "AWS_LAMBDA_LOG_STREAM_NAME": stream_name(function)}
        process = FunctionProcess(
            [str(interpreter), command[-1]], environment(function, given), _seconds_of(function), options
        )
        _started.set(process)
        return process

    constants = {"PIPE": subprocess.PIPE, "STDOUT": subprocess.STDOUT, "DEVNULL": subprocess.DEVNULL}
    lambda_runtime.subprocess = SimpleNamespace(Popen=start, **constants)
    _report_errors()


def _report_errors() -> None:
    """Log and answer errors of functions as Lambda does.

    Not modelled: Lambda starts a function that cannot be imported again at each invocation, with the same error.
    """
    invoke = lambda_runtime.Worker.invoke
    processes: WeakKeyDictionary[Any, FunctionProcess] = WeakKeyDictionary()

    def note_start(worker: Any) -> None:
        if process := _started.get():
            process.has_started()
            processes[worker] = process

    def invoke_and_report(worker: Any, event: object, request_id: str, **named: Any) -> dict[str, Any]:
        _begin(worker)
        try:
            lambda_runtime.ensure_spawned(worker)
            note_start(worker)
            answer = dict(invoke(worker, event, request_id, **named))
            note_start(worker)  # the process had ended between the two calls
        except RuntimeError as error:
            if process := _started.get():
                _process.set(process)
                printed = [*process.ended_at_start(), *([INIT_TIMED_OUT] if process.is_late else [])]
                _failure.set(_failed(worker.config, request_id, _fault_at_start(worker, process, error), printed))
            raise
        process = processes[worker]
        _process.set(process)
        printed = process.output()
        if "fault" in answer or answer.get("status") == "error":
            if answer.get("ends"):
                process.await_end()
            fault = faults.of_answer(answer, process.returncode)
            _failure.set(_failed(worker.config, request_id, fault, printed))
            return {"status": "error", "error": fault.message}
        return answer | {"log": "\n".join(printed)}

    lambda_runtime.Worker.invoke = invoke_and_report
    lambda_runtime.Worker._drain_stderr_bounded = _nothing_printed


def _begin(worker: Any) -> None:
    """Begin an invocation in this thread."""
    _failure.set(None)
    _starting.set(worker.config)
    _started.set(None)
    _process.set(None)


def _nothing_printed(*_: object, **__: object) -> str:
    return ""


def _fault_at_start(worker: Any, process: FunctionProcess, error: RuntimeError) -> faults.Fault:
    if process.is_late:
        return faults.timeout(_seconds_of(worker.config))
    return faults.at_start(str(error), process.returncode)


def _seconds_of(function: Mapping[str, Any]) -> float:
    return float(function.get("Timeout", 3))


def _failed(function: Mapping[str, Any], request_id: str, fault: faults.Fault, printed: Sequence[str]) -> _Failure:
    event = faults.event_of(fault, function["Runtime"], request_id)
    return _Failure([*printed, event], faults.answer_of(fault, function["Runtime"], request_id))


def share_processes() -> None:
    """Let an invocation wait a while for the process of another one. Call before serving.

    On Lambda each of several invocations at once gets an execution environment of its own. Here those of the four
    shards would start four processes. An invocation that waits counts as running, as for reserved concurrency.
    """
    execute = lambda_svc._execute_function_warm
    turns: defaultdict[str, threading.Semaphore] = defaultdict(threading.Semaphore)

    def execute_in_turn(function: Mapping[str, Any], event: object, request_id: str) -> Any:
        configuration = function.get("config") or function
        turn = turns[f"{configuration['FunctionArn']} {configuration.get('Version')}"]
        has_turn = turn.acquire(timeout=PATIENCE_SECONDS)
        _failure.set(None)
        try:
            result = execute(function, event, request_id)
            failure = _failure.get()
            return result | ({"body": failure.answer, "log": "\n".join(failure.lines)} if failure else {})
        finally:
            if has_turn:
                turn.release()

    lambda_svc._execute_function_warm = execute_in_turn
