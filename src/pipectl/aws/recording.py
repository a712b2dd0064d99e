"""Record calls and their answers as they pass through `Aws`: one example of each form of an answer."""

from __future__ import annotations

import io
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

from botocore.exceptions import ClientError
from botocore.response import StreamingBody

from pipectl.aws.calls import Attempt, Call, Parameters
from pipectl.aws.client import Aws

SUCCESS = "success"


@dataclass(frozen=True)
class RecordedCall:
    """A call.

    Args:
        call: Its service and operation.
        case: ``success``, or the code of the error that AWS answered with.
        request: Its parameters.
        answer: The answer, or the members of the error.
    """

    call: Call
    case: str
    request: Parameters
    answer: Mapping[str, object]


@dataclass
class Recording:
    """The calls of one or several commands, without repetitions, and the number of all."""

    calls: list[RecordedCall] = field(default_factory=list)
    made: int = 0
    _forms: set[object] = field(default_factory=set)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @contextmanager
    def of(self, aws: Aws) -> Iterator[None]:
        """Record the calls within the block."""
        before = aws.attempt
        aws.attempt = self._around(before)
        try:
            yield
        finally:
            aws.attempt = before

    def _around(self, attempt: Attempt) -> Attempt:
        def record(call: Call, parameters: Parameters, send: Callable[[], object]) -> object:
            try:
                answer = attempt(call, parameters, send)
            except ClientError as error:
                self._add(call, str(error.response.get("Error", {}).get("Code")), parameters, error.response)
                raise
            if isinstance(answer, dict):
                self._add(call, SUCCESS, parameters, _copied(answer))
            return answer

        return record

    def _add(self, call: Call, case: str, request: Parameters, answer: Mapping[str, object]) -> None:
        form = (call, case, _form(request), _form(answer))
        with self._lock:
            self.made += 1
            if form not in self._forms:
                self._forms.add(form)
                self.calls.append(RecordedCall(call, case, dict(request), answer))


def _copied(answer: dict[str, object]) -> dict[str, object]:
    """Return a copy of an answer whose streamed bodies are read; the answer keeps bodies of its own."""
    copy = dict(answer)
    for name, value in answer.items():
        if isinstance(value, StreamingBody):
            content = value.read()
            copy[name] = content
            answer[name] = StreamingBody(io.BytesIO(content), len(content))
    return copy


def _form(value: object) -> object:
    """Return the names and types of a value, without its contents."""
    if isinstance(value, Mapping):
        return tuple(sorted((str(name), _form(each)) for name, each in value.items() if name != "ResponseMetadata"))
    if isinstance(value, list | tuple):
        return frozenset(map(_form, value))
    return type(value).__name__
