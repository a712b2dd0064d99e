"""A common interface to the handlers of both languages: it takes events and returns everything observable."""

from __future__ import annotations

import contextlib
import io
import json
import shutil
import subprocess
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from types import MappingProxyType, SimpleNamespace
from typing import Any, Protocol

from pipectl.local import node
from tests.fuzz.strategies import grown, json_of
from tests.lambda_src.fakes import FakeDynamoDB, FakeS3, client_error
from tests.lambda_src.loading import SOURCES, load, parse
from tests.support import PATIENCE

FUNCTION_NAME = "dev-order-processor-lambda-backend"
REQUEST_ID = "request-1"
VERSION = "7"
NOW = datetime(2026, 5, 4, 3, 2, 1, 999_999, tzinfo=UTC)
Failing = Mapping[str, Sequence[str]]
"""Error codes for the next puts of a key, or of the item of a message."""
NONE: Failing = MappingProxyType({})
Rules = Mapping[str, Any] | None
"""A function `enrich`: what it ``returns`` in typed form or as ``native`` JSON, an ``order`` with its ``metadata``, or
what it ``raises``. An empty one stores the order that it gets; without one the handler's own is used."""


@dataclass(frozen=True)
class Raised:
    """An error that a handler raised."""

    error: str
    message: str


@dataclass(frozen=True)
class Ran:
    """The results of a handler's invocations with some events, one after the other.

    ``versions`` has the text of every version of every object, ``lines`` the log lines, ``pauses`` the seconds slept.
    """

    answers: list[Any]
    versions: dict[str, list[str]]
    requests: list[dict[str, Any]]
    items: list[dict[str, Any]]
    lines: list[str]
    pauses: list[float]

    @property
    def answer(self) -> Any:
        """Return the answer to the only event."""
        (answer,) = self.answers
        return answer

    def objects(self) -> dict[str, Any]:
        """Return the objects. Numbers compare by their text."""
        return {key: parse(versions[-1]) for key, versions in self.versions.items()}

    def logged(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.lines]


class Handlers(Protocol):
    """The processor and the auditor. With ``together``, a put waits until that many puts run."""

    def process(
        self,
        *events: object,
        failing: Failing = NONE,
        owner: str | None = None,
        together: int = 1,
        rules: Rules = None,
    ) -> Ran: ...

    def audit(self, *events: object, failing: Failing = NONE) -> Ran: ...


class Python:
    """The handlers in Python, in this process."""

    def __init__(self) -> None:
        self.processor, self.auditor = load("processor"), load("auditor")

    def process(
        self,
        *events: object,
        failing: Failing = NONE,
        owner: str | None = None,
        together: int = 1,
        rules: Rules = None,
    ) -> Ran:
        s3, pauses = FakeS3(), list[float]()
        for key, codes in failing.items():
            s3.fail(key, *map(client_error, codes))
        barrier = threading.Barrier(together, timeout=PATIENCE)

        def put_object(**request: Any) -> dict[str, Any]:
            barrier.wait()
            return s3.put_object(**request)

        options = {} if rules is None else {"rules": partial(_enrich, self.processor, rules)}
        processor = self.processor.Processor(
            SimpleNamespace(put_object=put_object),
            "orders",
            owner=owner,
            now=lambda: NOW,
            sleep=pauses.append,
            **options,
        )
        answers, lines = _give(processor.process, events, self.processor.BatchError)
        texts = {key: [body.decode() for body in versions] for key, versions in s3.versions.items()}
        requests = [request | {"Body": request["Body"].decode()} for request in s3.requests]
        return Ran(answers, texts, requests, [], lines, pauses)

    def audit(self, *events: object, failing: Failing = NONE) -> Ran:
        dynamodb = FakeDynamoDB()
        for message_id, codes in failing.items():
            dynamodb.fail(message_id, *map(client_error, codes))
        auditor = self.auditor.Auditor(dynamodb, "audit")
        answers, lines = _give(auditor.audit, events, self.auditor.BatchError)
        return Ran(answers, {}, [], list(dynamodb.items.values()), lines, [])


def _enrich(module: Any, rules: Mapping[str, Any], given: object) -> Any:
    if kind := rules.get("raises"):
        error: type[Exception] = getattr(module, kind, None) or type(kind, (Exception,), {})
        raise error(rules["message"])
    if "returns" in rules:
        return module.to_plain(rules["returns"])
    if "order" in rules:
        return module.Enriched(**{name: module.to_plain(rules[name]) for name in rules})
    return rules.get("native", module.Enriched(order=given))


def _give(handler: Any, events: Sequence[object], error: type[Exception]) -> tuple[list[Any], list[str]]:
    context = SimpleNamespace(function_name=FUNCTION_NAME, aws_request_id=REQUEST_ID, function_version=VERSION)
    answers, output = list[Any](), io.StringIO()
    with contextlib.redirect_stdout(output):
        for event in events:
            try:
                answers.append(handler(grown(event), context))
            except error as raised:
                answers.append(Raised(type(raised).__name__, str(raised)))
    return answers, output.getvalue().splitlines()


class Node:
    """The handlers in Node.js, in one process for all tests, with the SDK outside of their folders, as on Lambda."""

    def __init__(self, folder: Path) -> None:
        found = node.find()
        (folder / "node_modules").symlink_to(found.sdk)
        sources = shutil.copytree(SOURCES.parent / "nodejs", folder / "nodejs")
        self._node = subprocess.Popen(
            [found.binary, Path(__file__).with_name("driver.mjs"), sources],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def process(
        self,
        *events: object,
        failing: Failing = NONE,
        owner: str | None = None,
        together: int = 1,
        rules: Rules = None,
    ) -> Ran:
        described = {"owner": owner, "together": together, "rules": rules}
        return self._run(handler="processor", events=events, failing=dict(failing), **described)

    def audit(self, *events: object, failing: Failing = NONE) -> Ran:
        return self._run(handler="auditor", events=events, failing=dict(failing))

    def _run(self, **scenario: Any) -> Ran:
        assert self._node.stdin
        assert self._node.stdout
        known = {"functionName": FUNCTION_NAME, "requestId": REQUEST_ID, "functionVersion": VERSION}
        known["now"] = NOW.isoformat()
        self._node.stdin.write(json_of(known | scenario, allow_nan=False) + "\n")
        self._node.stdin.flush()
        ran = json.loads(self._node.stdout.readline())
        answers = [Raised(**answer) if "error" in answer else answer["response"] for answer in ran.pop("answers")]
        return Ran(answers, **ran)

    def close(self) -> None:
        self._node.communicate()
        assert self._node.returncode == 0
