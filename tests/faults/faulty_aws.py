"""AWS with faults: apply the delays and errors of `aws_delays` to each call on its way to moto and back."""

from __future__ import annotations

import copy
import json
import threading
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from botocore.exceptions import ClientError, ConnectionClosedError, ConnectTimeoutError

from pipectl.aws.calls import Call
from tests import constraints
from tests.faults.aws_delays import (
    CHANGING,
    LINGERS,
    REFUSED,
    STALE,
    THROTTLES,
    WITHOUT_TAGS,
    Changing,
    Refused,
    latency_of,
)
from tests.faults.clock import VirtualClock
from tests.support import reads

Params = Mapping[str, Any]
Send = Callable[[], Any]
Fault = Callable[["FaultyAws", Call, Send], Any]
"""A fault injected into the first attempt of a call."""


@dataclass
class _Ghost:
    """An answer that AWS still gives for something deleted."""

    until: float
    answer: Any


@dataclass
class FaultyAws:
    """Faults of one account. They last longer than the processes that use it.

    Args:
        clock: The virtual clock.
        fault: Happens to the first attempt of each call on each resource; ``None`` for no fault.
        refused: The entries of `REFUSED` that apply, by name; all by default.
        slow: Apply the other delays: latency, states that take time, reads that lag.
        changing: The states that take time, by name; all by default.
        lags: Apply the reads that lag, and those that omit new tags.
        every: Distinguish calls by all their parameters, not only by their resource.
    """

    clock: VirtualClock
    fault: Fault | None = None
    refused: Mapping[str, Refused] = field(default_factory=lambda: REFUSED)
    slow: bool = True
    changing: Mapping[str, Changing] = field(default_factory=lambda: CHANGING)
    lags: bool = True
    every: bool = False
    seen: Counter[str] = field(default_factory=Counter)
    """Number of times that each delay had an effect, by name."""

    def __post_init__(self) -> None:
        self._emulator = threading.Lock()  # moto is not thread-safe
        self._last: dict[tuple[str, str], float] = {}
        self._roles: dict[str, str] = {}
        self._mappings: dict[str, tuple[str, str]] = {}
        self._timeouts: dict[str, int] = {}
        self._visibility: dict[str, int] = {}
        self._answers: dict[str, Any] = {}
        self._ghosts: dict[tuple[str, str], _Ghost] = {}
        self._writing: Counter[str] = Counter()
        self._faulted: set[str] = set()

    def memory(self) -> tuple[Any, ...]:
        """Return a copy of what decides later refusals, for `recall`."""
        return copy.deepcopy((self._last, self._roles, self._mappings, self._timeouts, self._visibility))

    def recall(self, memory: tuple[Any, ...]) -> None:
        """Continue where the account was when its memory was copied."""
        self._last, self._roles, self._mappings, self._timeouts, self._visibility = copy.deepcopy(memory)

    def attempt(self, call: Call, params: Params, send: Send) -> Any:
        """Carry out one attempt of a call, whose parameters are checked; passed to `pipectl.aws.client.Aws`."""
        constraints.check(call, params)
        return self.respond(call, params, send)

    def respond(self, call: Call, params: Params, send: Send) -> Any:
        """Carry out one attempt of a call that may lack what a fault does not depend on."""
        operation = f"{call.service}:{call.operation}"
        if self.slow:
            self._one_change_of_a_bucket_at_a_time(operation, params)
        try:
            if self.fault and self._first(operation, params):
                return self.fault(self, call, lambda: self._fair(operation, params, send))
            return self._fair(operation, params, send)
        finally:
            self._writing[_lane(operation, params)] -= 1

    def _fair(self, operation: str, params: Params, send: Send) -> Any:
        if self.slow:
            self.clock.sleep(latency_of(operation))
        with self._emulator:
            self._refuse_early(operation, params)
            self._refuse_wrong(operation, params)
            if ghost := self._ghost(operation, params):
                return ghost
            if (untagged := self._untagged(operation, params)) is not None:
                return untagged
            stale = self._stale(operation, params)
            if stale is not None:
                return stale
            before = self._before_deleting(operation, params)
            with self.clock.working():
                answer = send()
            self._remember(operation, params, answer, before)
            return self._as_it_looks(operation, params, answer)

    # refusals

    def _refuse_early(self, operation: str, params: Params) -> None:
        for name, fact in self.refused.items():
            source = self._source(operation, params)
            if operation not in fact.operations or fact.only not in source:
                continue
            subject = self._role(operation, params) if fact.of_role else subject_of(params)
            if any(self._since(after, subject) < fact.seconds for after in fact.after):
                self.seen[name] += 1
                raise error(fact.code, fact.text.format(subject=subject, source=source), fact.status)

    def _refuse_wrong(self, operation: str, params: Params) -> None:
        """Refuse what AWS checks and moto does not."""
        service, name = operation.split(":")
        if service == "s3" and name != "CreateBucket" and params.get("ExpectedBucketOwner") != ACCOUNT:
            raise error("AccessDenied", "Access Denied", 403)
        if name == "CreateEventSourceMapping":
            pair = (params["EventSourceArn"], tail(params["FunctionName"]))
            for uuid, other in self._mappings.items():
                if other == pair:
                    self.seen["one mapping of a source and a function"] += 1
                    raise error("ResourceConflictException", _DUPLICATE.format(*pair, uuid), 409)
            self._check_visibility(pair[0], self._timeouts.get(pair[1], 3))
        if name == "UpdateFunctionConfiguration" and "Timeout" in params:
            for source, function in self._mappings.values():
                if function == tail(params["FunctionName"]):
                    self._check_visibility(source, params["Timeout"])

    def _check_visibility(self, source: str, timeout: int) -> None:
        visibility = self._visibility.get(tail(source))
        if ":sqs:" in source and visibility is not None and visibility < timeout:
            text = f"Queue visibility timeout: {visibility} seconds is less than Function timeout: {timeout} seconds"
            raise error("InvalidParameterValueException", text, 400)

    def _one_change_of_a_bucket_at_a_time(self, operation: str, params: Params) -> None:
        lane = _lane(operation, params)
        self._writing[lane] += 1
        if lane and self._writing[lane] > 1:
            self._writing[lane] -= 1
            self.seen["two changes of a bucket at once"] += 1
            raise error("OperationAborted", REFUSED["a bucket's name is kept"].text, 409)

    # answers

    def _stale(self, operation: str, params: Params) -> Any:
        lag = STALE.get(operation) if self.slow and self.lags else None
        if lag is None or self._since("write", _group(operation, params)) >= lag:
            return None
        old = self._answers.get(_key(operation, params))
        if old is not None:
            self.seen["reads that lag"] += 1
        return copy.deepcopy(old)

    def _untagged(self, operation: str, params: Params) -> Any:
        made, seconds, answer = WITHOUT_TAGS.get(operation, ("", 0.0, None))
        if not (self.slow and self.lags) or self._since(made, subject_of(params)) >= seconds:
            return None
        self.seen["a new resource shows no tags"] += 1
        return copy.deepcopy(answer)

    def _ghost(self, operation: str, params: Params) -> Any:
        ghost = self._ghosts.get((operation, subject_of(params)))
        if ghost is None or self.clock.monotonic() >= ghost.until:
            return None
        self.seen["a deleted resource is still shown"] += 1
        return copy.deepcopy(ghost.answer)

    def _as_it_looks(self, operation: str, params: Params, answer: Any) -> Any:
        if operation == "lambda:ListEventSourceMappings":
            shown = [self._in_its_state(each["UUID"], each) for each in answer["EventSourceMappings"]]
            ghosts = [
                g.answer for g in self._ghosts.values() if self.clock.monotonic() < g.until and "UUID" in g.answer
            ]
            return {**answer, "EventSourceMappings": [*shown, *copy.deepcopy(ghosts)]}
        if operation in _SHOW_STATES:
            return self._in_its_state(subject_of(params), answer)
        return answer

    def _in_its_state(self, subject: str, answer: Any) -> Any:
        if not self.slow:
            return answer
        answer = copy.deepcopy(answer)
        for name, fact in reversed(list(self.changing.items())):
            if any(self._since(after, subject) < fact.seconds for after in fact.after):
                for path, state in fact.state.items():
                    self.seen[name] += lay(answer, path.split("."), state)
        return answer

    # memory

    def _before_deleting(self, operation: str, params: Params) -> Any:
        """Return the last answer of the read that keeps showing a deleted resource."""
        if operation not in LINGERS or not self.slow:
            return None
        return self._answers.get(f"{LINGERS[operation][0]} {subject_of(params)}")

    def _remember(self, operation: str, params: Params, answer: Any, before: Any) -> None:
        now, subject = self.clock.monotonic(), subject_of(params)
        if reads(Call(*operation.split(":"))):
            if self.slow:
                self._answers[_key(operation, params)] = copy.deepcopy(answer)
                self._answers[f"{operation} {subject}"] = copy.deepcopy(answer)
            return
        self._last["write", _group(operation, params)] = self._last["write", _TAGGED] = now
        if operation == "lambda:CreateEventSourceMapping":
            subject = answer["UUID"]
            self._mappings[subject] = (params["EventSourceArn"], tail(params["FunctionName"]))
        self._last[operation, subject] = now
        if operation == "lambda:DeleteEventSourceMapping":
            self._mappings.pop(subject, None)
        if "Role" in params:
            self._roles[subject] = tail(params["Role"])
        if "Timeout" in params:
            self._timeouts[subject] = params["Timeout"]
        if visibility := params.get("Attributes", {}).get("VisibilityTimeout"):
            self._visibility[subject] = int(visibility)
        if before is not None:
            read, seconds, state = LINGERS[operation]
            for path, value in state.items():
                lay(before, path.split("."), value)
            self._ghosts[read, subject] = _Ghost(now + seconds, before)

    def _since(self, operation: str, subject: str) -> float:
        return self.clock.monotonic() - self._last.get((operation, subject), float("-inf"))

    def _first(self, operation: str, params: Params) -> bool:
        key = _key(operation, params) if self.every else f"{operation} {subject_of(params)}"
        first = key not in self._faulted
        self._faulted.add(key)
        return first

    def _role(self, operation: str, params: Params) -> str:
        if "Role" in params:
            return tail(params["Role"])
        function = params.get("FunctionName") or self._mappings.get(params.get("UUID", ""), ("", ""))[1]
        return self._roles.get(tail(function), "")

    def _source(self, operation: str, params: Params) -> str:
        return str(params.get("EventSourceArn") or self._mappings.get(params.get("UUID", ""), ("", ""))[0])


ACCOUNT = "123456789012"
_TAGGED = "tagged"
_SHOW_STATES = (
    "dynamodb:DescribeTable",
    "dynamodbstreams:DescribeStream",
    "lambda:GetFunction",
    "lambda:GetFunctionConfiguration",
    "lambda:GetEventSourceMapping",
)
_DUPLICATE = (
    'The event source arn ("{}") and function ("{}") provided mapping already exists. Please update or delete the '
    "existing mapping with UUID {}"
)


def error(code: str, text: str, status: int = 400) -> ClientError:
    return ClientError(
        {"Error": {"Code": code, "Message": text}, "ResponseMetadata": {"HTTPStatusCode": status}},  # type: ignore[typeddict-item]
        "Operation",
    )


def tail(arn: str) -> str:
    """Return the name at the end of an ARN, a URL or a name; of a function without its alias or version."""
    if ":function:" in arn:
        return arn.partition(":function:")[2].partition(":")[0]
    return arn.replace(":", "/").rpartition("/")[2]


def subject_of(params: Params) -> str:
    """Return the name of the resource that a call is about."""
    for name in ("UUID", "RoleName", "FunctionName", "TableName", "QueueName", "QueueUrl", "Bucket", "logGroupName"):
        if name in params:
            return tail(str(params[name])) if name != "logGroupName" else str(params[name])
    if "StreamArn" in params:
        return str(params["StreamArn"]).split("/")[1]
    for name in ("ResourceArn", "Resource", "AlarmName", "logGroupNamePrefix", "resourceArn", "ResourceARN"):
        if name in params:
            return tail(str(params[name])) if "rn" in name else str(params[name])
    return " ".join(params.get("AlarmNames", []))


def lay(answer: Any, path: list[str], state: str) -> int:
    """Set a state at a path of an answer, where it exists; return the number of places."""
    if isinstance(answer, list):
        return sum(lay(each, path, state) for each in answer)
    if len(path) == 1:
        if path[0] in answer or path[0] == "LastUpdateStatus":
            answer[path[0]] = state
            return 1
        return 0
    return lay(answer[path[0]], path[1:], state) if path[0] in answer else 0


def _key(operation: str, params: Params) -> str:
    return f"{operation} {json.dumps(params, sort_keys=True, default=str)}"


def _group(operation: str, params: Params) -> str:
    """Return the group of a call: all mappings together, all tagged resources together, else service and resource."""
    if operation.endswith(":GetResources"):
        return _TAGGED
    return "mappings" if "EventSourceMapping" in operation else f"{operation.split(':')[0]} {subject_of(params)}"


def _lane(operation: str, params: Params) -> str:
    return str(params["Bucket"]) if operation.startswith("s3:Put") and operation != "s3:PutObject" else ""


# storms


def throttled(_: FaultyAws, call: Call, __: Send) -> Any:
    raise error(*THROTTLES.get(call.service, THROTTLES["lambda"]))


def internal_error(_: FaultyAws, call: Call, __: Send) -> Any:
    """Answer with an internal error: with a body for some services, an empty 500 for others."""
    raise error("500", "", 500) if call.service in ("sqs", "s3") else error("InternalFailure", "Internal failure", 500)


def unavailable(_: FaultyAws, __: Call, ___: Send) -> Any:
    raise error("ServiceUnavailable", "Service Unavailable", 503)


def never_arrives(_: FaultyAws, __: Call, ___: Send) -> Any:
    raise ConnectTimeoutError(endpoint_url="https://aws.invalid")


def answer_lost(_: FaultyAws, __: Call, send: Send) -> Any:
    """Carry the call out and lose its answer."""
    send()
    raise ConnectionClosedError(endpoint_url="https://aws.invalid")
