"""The only module that uses MiniStack's internals; each name is listed here with the reason.

========================================  ============================================================================
``app.app``                               The ASGI application that is served.
``lambda_svc._poll_dynamodb_streams``     Switched off: MiniStack 1.5.33 ignores retries, bisecting and partial batch
                                          responses. ``stream_mapping`` polls instead.
``lambda_svc._poll_sqs``                  Switched off: it reads queues without asking IAM and publishes no metrics.
                                          ``queue_mapping`` polls instead.
``cloudwatch._evaluate_alarm``            Switched off: it ignores dimensions and missing data. ``alarms`` evaluates.
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
``lambda_svc._functions.get_scoped``      Read for the code of a version: MiniStack serves that of ``$LATEST`` alone.
``lambda_runtime.Worker``, ``.invoke``,   Kept alive after an exception: on Lambda an execution environment is used
``._proc``, ``.ensure_spawned``           again after its function raised; MiniStack starts a new process.
``lambda_svc._execute_function_warm``      Extended: MiniStack starts a process for each of several invocations at once,
                                          which takes longer than most invocations.
========================================  ============================================================================
"""

from __future__ import annotations

import secrets
import subprocess
import threading
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar, copy_context
from typing import Any

from ministack import app
from ministack.core import iam_actions, iam_evaluator, lambda_runtime, responses
from ministack.services import cloudwatch, lambda_svc

from pipectl.local.clients import Place, RoleSession
from pipectl.local.function_logs import error_event, init_error
from pipectl.local.request_permissions import Naming

PATIENCE_SECONDS = 4.0
"""Time for which an invocation waits for the process of another one, before it gets its own. A busy machine needs that
long to start one."""
_NONCE = secrets.token_hex(32)
_error: ContextVar[str] = ContextVar("_error", default="")
"""The log event about the error of an invocation."""
_execution_credentials: Callable[[dict[str, Any]], dict[str, str]] = lambda_runtime.execution_credentials


def application() -> Any:
    """Return MiniStack's ASGI application."""
    return app.app


def switch_off_pollers() -> None:
    """Leave stream and queue mappings, and alarms, to pipectl. Call before serving."""
    lambda_svc._poll_dynamodb_streams = _nothing_to_do
    lambda_svc._poll_sqs = _nothing_to_do
    cloudwatch._evaluate_alarm = _leave_alarm


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


def use_unguessable_sessions() -> None:
    """Give functions the sessions of `role_session`. Call before serving."""
    lambda_runtime.execution_credentials = _unguessable_credentials


def write_logs_with(write: Callable[[Mapping[str, Any], str, Sequence[str], int], None]) -> None:
    """Replace the writer of function logs. Call before serving.

    Args:
        write: Gets the function's configuration, the request ID, the events, and the duration in milliseconds.
    """

    def emit(function: Mapping[str, Any], request_id: str, text: str, *more: Any, **_: Any) -> None:
        _, milliseconds = more
        reported = [error] if (error := _error.get()) else []
        write(function.get("config") or function, request_id, [*text.splitlines(), *reported], milliseconds)

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


def keep_processes_after_exceptions() -> None:
    """Use the process of a function again after the function raised. Call before serving.

    Not modelled: Lambda runs the initialisation again after some kinds of errors of the runtime itself.
    """
    invoke = lambda_runtime.Worker.invoke

    def invoke_and_keep(worker: Any, event: object, request_id: str, **named: Any) -> dict[str, Any]:
        _error.set("")
        try:
            lambda_runtime.ensure_spawned(worker)
        except RuntimeError as error:
            kind, message = init_error(worker.config["Handler"], str(error))
            _error.set(f"[ERROR] {kind}: {message}")
            raise type(kind, (RuntimeError,), {})(message) from error  # MiniStack answers the name of the class
        process: subprocess.Popen[str] = worker._proc
        with _postponed_end(process) as ended:
            answer = dict(invoke(worker, event, request_id, **named))
        if ended.is_set():
            # Only an exception of the function itself comes with a trace.
            if "trace" in answer and process.poll() is None:
                worker._proc = process
            else:
                process.terminate()
        if answer.get("status") == "error":
            trace = str(answer.get("trace", ""))
            _error.set(error_event(worker.config["Runtime"], request_id, str(answer.get("error")), trace))
            answer["trace"] = ""  # MiniStack would log it line by line
        return answer

    lambda_runtime.Worker.invoke = invoke_and_keep


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
        try:
            return execute(function, event, request_id)
        finally:
            if has_turn:
                turn.release()

    lambda_svc._execute_function_warm = execute_in_turn


@contextmanager
def _postponed_end(process: subprocess.Popen[str]) -> Iterator[threading.Event]:
    """Let this thread's calls that end a process only set the event; other threads can end it."""
    ended, invoking = threading.Event(), threading.get_ident()
    methods: Any = process
    terminate, wait = process.terminate, process.wait

    def postpone() -> None:
        if threading.get_ident() == invoking:
            ended.set()
        else:
            terminate()

    def wait_unless_postponed(timeout: float | None = None) -> int:
        return 0 if ended.is_set() and threading.get_ident() == invoking else wait(timeout)

    methods.terminate, methods.wait = postpone, wait_unless_postponed
    try:
        yield ended
    finally:
        del methods.terminate, methods.wait
