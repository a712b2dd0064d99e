"""Examples of errors, each made by the code that makes it in the program."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError, EndpointConnectionError
from tests.output.screens import printed
from tests.recorded.cases import all_cases
from tests.support import DEV_CONFIG, FakeClock, Recorder

from pipectl.aws.client import Aws, Credentials
from pipectl.aws.errors import translate
from pipectl.commands.down import refuse_loss
from pipectl.commands.plan import PlanReport
from pipectl.commands.send_order import parse_order
from pipectl.commands.up_watch import require_no_question
from pipectl.config.loading import load
from pipectl.context import Context, error_of
from pipectl.engine.model import Action, Change, Contents, Facts, Observation, RefusalKind
from pipectl.engine.parallel import Results
from pipectl.engine.planner import refusal, unmanaged
from pipectl.errors import CancelledError, ConfigError, PipectlError, ProtectedError
from pipectl.failures.errors import (
    AmbiguousIdError,
    ClaimedFailureError,
    FailureStatusError,
    NoSuchFailureError,
    NoSuchOrderError,
    SeveralFailuresError,
    UnchangedOrderError,
)
from pipectl.failures.saved import audit_ids
from pipectl.monitoring.pending_data import Loss
from pipectl.output.console import Screen
from pipectl.packaging.handler import handler_file
from pipectl.review.model import Review

_ID = "3f9c21d07b4e8a15"
_OWNERSHIP = {"ManagedBy": "pipectl", "Project": "order-pipeline", "Environment": "dev"}
_CONFIG = """\
environment: dev
team: Backend
region: eu-west-1
processor: {memory: 64}
"""


def examples() -> Mapping[str, str]:
    """Return the text that a terminal shows for an error, by its code."""
    shown: dict[str, str] = {}
    for error in _errors():
        shown.setdefault(error.code, printed(partial(Screen.error, error=error)))
    return shown


def _errors() -> Iterator[PipectlError]:
    yield from map(_raised, _RAISING)
    yield _answered("lambda", "CreateFunction", "permanent")
    yield _answered("dynamodb", "DescribeTable", "absent")
    yield _answered("iam", "CreateRole", "exists")
    yield _answered("sqs", "GetQueueAttributes", "denied")
    yield translate(EndpointConnectionError(endpoint_url="https://sqs.eu-west-1.amazonaws.com"), "sqs", "GetQueueUrl")
    expired = _client_error(403, "ExpiredToken", "The security token included in the request is expired")
    yield translate(expired, "sts", "GetCallerIdentity")
    yield _ended(_answered("lambda", "CreateFunction", "permanent"))
    yield _ended(CancelledError("interrupted"))
    yield ProtectedError("prod")
    yield NoSuchFailureError(["9a41"])
    yield NoSuchOrderError("order-1017", "24.0 h")
    yield AmbiguousIdError("3f9c", [_ID, "3f9c80aa41d2c7e0"])
    yield SeveralFailuresError("order-1017", [_ID, "b20e4c19d8f3a657"])
    yield FailureStatusError(_ID, "REPLAYED", "only unresolved failures can be resolved")
    yield ClaimedFailureError(_ID)
    yield UnchangedOrderError("order-1017")


def _config() -> None:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "dev.yaml")
        file.write_text(_CONFIG, encoding="utf-8")
        try:
            load(file)
        except ConfigError as error:
            problems = [replace(problem, file="config/dev.yaml") for problem in error.problems]
            raise ConfigError(problems, hint=error.hint) from error


def _foreign() -> None:
    change = Change("bucket", "bucket", "dev-processed-data-123456789012-backend", Action.REFUSE)
    found = unmanaged(Observation({}, {"Owner": "data"}), _OWNERSHIP)
    assert found
    raise refusal([replace(change, reason=found.reason, refusal=found.kind)])


def _unreconcilable() -> None:
    reason = "partition_key cannot be changed; the table must be recreated"
    change = Change("orders-table", "table", "dev-orders-table-backend", Action.REFUSE, {}, reason)
    raise refusal([replace(change, refusal=RefusalKind.FIXED_ATTRIBUTE)])


def _loss() -> None:
    refuse_loss([Loss("orders-table", Contents(1204)), Loss("audit-table", Contents(31), not_replayed=30)], False)


def _question() -> None:
    change = Change("dead-letter-queue", "queue", "dev-order-processor-dlq-backend", Action.CREATE)
    require_no_question(PlanReport((Review(change),), {}))


def _aws() -> Aws:
    """Return AWS in an account, without a network."""
    credentials, owner = Credentials("AKIAEXAMPLE", "secret"), {"Account": "123456789012"}
    return Aws("eu-west-1", credentials=credentials, clock=FakeClock(), attempt=lambda *_: owner)


def _missing() -> None:
    context = Context(load(DEV_CONFIG), DEV_CONFIG, _aws(), Recorder())
    context.require_managed(["orders-table", "processor"], {"orders-table": None, "processor": None})


def _wait() -> None:
    _aws().wait(lambda: False, "table dev-orders-table-backend to become ACTIVE", 300)


_RAISING: Sequence[Callable[[], object]] = (
    _config,
    _foreign,
    _unreconcilable,
    _loss,
    _question,
    _missing,
    _wait,
    lambda: _aws().require_account("210987654321"),
    lambda: audit_ids(Path("saved")),
    lambda: parse_order('{"order_id": "1017", "amount": 12.5}', "orderId", str),
    lambda: handler_file(Path("lambda_src/python/processor"), "orders.handler", "python", ["handler.py"]),
)


def _raised(function: Callable[[], object]) -> PipectlError:
    try:
        function()
    except PipectlError as error:
        return error
    raise AssertionError("no error")


def _ended(processor: PipectlError) -> PipectlError:
    """Return the error of an `up` in which the processor failed."""
    done = {key: Facts() for key in ("bucket", "dead-letter-queue", "orders-table")}
    error = error_of(Results(done, {"processor": processor}, {"stream-mapping": {"processor"}}), "up")
    assert error
    return error


def _answered(service: str, operation: str, name: str) -> PipectlError:
    """Return the error for an answer of AWS."""
    cases = (each for each in all_cases() if (each.service, each.operation, each.name) == (service, operation, name))
    answer = next(cases).error
    assert answer
    return translate(_client_error(answer.status, answer.code, answer.text), service, operation)


def _client_error(status: int, code: str, text: str) -> ClientError:
    metadata: Any = {"HTTPStatusCode": status}
    return ClientError({"Error": {"Code": code, "Message": text}, "ResponseMetadata": metadata}, "")
