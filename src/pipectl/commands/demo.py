"""`demo`: run the whole pipeline, with failures, on a temporary local emulator, and report the figures."""

from __future__ import annotations

import json
import random
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Protocol, TypeVar

from pipectl.aws.client import Aws
from pipectl.commands.down import down
from pipectl.commands.local import provide_runtimes
from pipectl.commands.replay_dlq import replay
from pipectl.commands.up import up
from pipectl.config.models import Config
from pipectl.config.names import FAILURE_TYPE_INDEX
from pipectl.context import Context, Reporter
from pipectl.engine.model import Action
from pipectl.errors import PipectlError
from pipectl.failures.audit_table import UNRESOLVED_ONES, Selection
from pipectl.json_types import JsonValue
from pipectl.local import lifecycle
from pipectl.local.home import LocalEmulator
from pipectl.packaging.handler import handler_file

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.type_defs import AttributeValueTypeDef

T = TypeVar("T")
Step = Literal["up", "orders", "failures", "alarm", "fix", "replay", "down"]

INVALID_ORDERS = 2
"""Each causes at least four errors: the first attempt and three retries. The alarm fires at five."""
_BOUND = 120
_FIX_PYTHON = """

_strict = enrich


def enrich(order):
    try:
        return _strict(order)
    except InvalidOrderError:
        return {"status": "PROCESSED_AS_IT_IS"}
"""
_FIX_NODEJS = """
const strict = enrich;

enrich = (order) => {
  try {
    return strict(order);
  } catch (error) {
    if (!(error instanceof InvalidOrderError)) throw error;
    return { status: "PROCESSED_AS_IT_IS" };
  }
};
"""
FIXES = {"python": _FIX_PYTHON, "nodejs": _FIX_NODEJS}
"""The code that the demo adds to the processor, by language: it accepts invalid orders."""


@dataclass(frozen=True)
class DemoReport:
    """The figures of a demo. ``seconds`` by step, and in total."""

    resources: int
    orders: int
    updates: int
    objects: int
    invalid: int
    audited: int
    quarantined: int
    errors_alarm: str
    replayed: int
    objects_after_replay: int
    left: int
    seconds: Mapping[str, float] = field(default_factory=dict)


class Audience(Protocol):
    """Shows the course of a demo."""

    def step(self, step: Step) -> None: ...

    def stored(self, key: str, order: JsonValue) -> None: ...

    def failed(self, order: str, reason: str) -> None: ...


def demo(
    config: Config,
    file: Path,
    make_aws: Callable[[LocalEmulator], Aws],
    reporter: Reporter,
    audience: Audience,
    *,
    orders: int,
    cancel: Callable[[], None] = lambda: None,
) -> DemoReport:
    """Run the demo.

    Args:
        config: The pipeline. Its account is ignored.
        file: The config file.
        make_aws: Creates the AWS client for the temporary local emulator.
        reporter: Gets the progress of `up` and `down`.
        audience: Gets each step, the order of one stored object, and each failed order with its reason.
        orders: Number of valid orders to send. Every third one is updated later.
        cancel: Is called at the first Ctrl-C.

    Raises:
        PipectlError: a step has another result than expected.
    """
    with lifecycle.temporary() as running:
        provide_runtimes(running, config)
        aws = make_aws(running)
        unbound = config.model_copy(update={"account_id": None})
        context = Context(unbound, file, aws, reporter, cancel, local=True)
        return _Demo(context, audience, orders, running.home / "demo").run()


class _Demo:
    def __init__(self, context: Context, audience: Audience, orders: int, folder: Path) -> None:
        self._context = context
        self._audience = audience
        self._orders = orders
        self._folder = folder
        self._aws = context.aws
        self._names = context.pipeline.physical
        self._seconds: dict[str, float] = {}

    def run(self) -> DemoReport:
        start = self._aws.clock.monotonic()
        updates = (self._orders + 2) // 3
        resources = self._step("up", self._up)
        objects = self._step("orders", lambda: self._send_orders(self._orders + updates))
        audited, quarantined = self._step("failures", lambda: self._send_invalid_orders(objects))
        alarm = self._step("alarm", self._wait_for_alarm)
        self._step("fix", self._fix)
        replayed, objects_after_replay = self._step("replay", self._replay)
        left = self._step("down", self._down)
        self._seconds["total"] = self._aws.clock.monotonic() - start
        return DemoReport(
            resources=resources,
            orders=self._orders,
            updates=updates,
            objects=objects,
            invalid=INVALID_ORDERS,
            audited=audited,
            quarantined=quarantined,
            errors_alarm=alarm,
            replayed=replayed,
            objects_after_replay=objects_after_replay,
            left=left,
            seconds=self._seconds,
        )

    def _step(self, step: Step, act: Callable[[], T]) -> T:
        self._audience.step(step)
        start = self._aws.clock.monotonic()
        result = act()
        self._seconds[step] = self._aws.clock.monotonic() - start
        return result

    def _up(self) -> int:
        report = up(self._context, lambda _: None)
        again = up(self._context, lambda _: None)
        if any(change.action is not Action.KEEP for change in again.changes):
            raise PipectlError("a second `pipectl up` found something to change")
        return len(report.changes)

    def _send_orders(self, versions: int) -> int:
        chance = random.Random(2026)  # noqa: S311 - amounts of invented orders
        for number in range(self._orders):
            self._put(number, {"N": f"{chance.randint(1, 99_999)}.{chance.randint(10, 99)}"})
            if number % 3 == 0:
                self._put(number, {"N": f"{chance.randint(100_000, 999_999)}.{chance.randint(10, 99)}"})
        prefix = self._context.config.bucket.prefix
        self._aws.wait(lambda: len(self._keys(prefix)) >= versions, f"{versions} objects in the bucket", _BOUND)
        keys = self._keys(prefix)
        stored = self._aws.s3.get_object(Bucket=self._names.bucket, Key=keys[0])["Body"].read()
        self._audience.stored(keys[0], json.loads(stored)["newImage"])
        return len(keys)

    def _send_invalid_orders(self, objects: int) -> tuple[int, int]:
        """Return the number of failures in the audit table, and of records in quarantine."""
        for number in range(INVALID_ORDERS):
            self._put(1_000_000 + number, {"S": "twelve"})
        wanted = f"{INVALID_ORDERS} failures in the audit table"
        self._aws.wait(lambda: self._failures() >= INVALID_ORDERS, wanted, _BOUND)
        kept = len(self._keys(self._context.config.bucket.prefix))
        if kept != objects:
            raise PipectlError(f"the bucket held {objects} objects and now holds {kept}")
        for each in self._context.explainer.explain([*self._context.audit_table.find(UNRESOLVED_ONES)]).explanations:
            self._audience.failed(", ".join(each.order_keys), each.reason or each.without_reason)
        return self._failures(), len(self._keys(self._context.config.bucket.failed_prefix))

    def _wait_for_alarm(self) -> str:
        def state() -> str:
            answer = self._aws.cloudwatch.describe_alarms(AlarmNames=[self._names.errors_alarm])
            return answer["MetricAlarms"][0]["StateValue"]

        self._aws.wait(lambda: state() == "ALARM", f"alarm {self._names.errors_alarm} to fire", _BOUND)
        return state()

    def _fix(self) -> None:
        """Deploy the same handler with one more rule, which accepts invalid orders."""
        config, file = self._context.config, self._context.file
        source = config.source_of(config.processor, file)
        fixed = Path(shutil.copytree(source, self._folder / "processor"))
        names = [path.relative_to(fixed).as_posix() for path in fixed.rglob("*")]
        language = config.processor.language
        handler = handler_file(fixed, config.processor.handler, language, names)
        handler.write_text(handler.read_text(encoding="utf-8") + FIXES[language], encoding="utf-8")
        processor = config.processor.model_copy(update={"source": str(fixed)})
        fixed_config = config.model_copy(update={"processor": processor})
        self._context = replace(self._context, config=fixed_config)
        report = up(self._context, lambda _: None)
        changed = [change.resource for change in report.changes if change.action is not Action.KEEP]
        if changed != ["processor"]:
            raise PipectlError(f"the fix changed {', '.join(changed)} instead of the processor alone")

    def _replay(self) -> tuple[int, int]:
        """Return the number of records that were replayed, and of the objects now."""
        now = self._aws.clock.now()
        report = replay(self._context, Selection(since=now - timedelta(hours=1)), lambda _: None)
        if report.left:
            raise PipectlError(f"{report.left} failures are left after the replay: {report.errors or report.failing}")
        return report.replayed, len(self._keys(self._context.config.bucket.prefix))

    def _down(self) -> int:
        """Return the number of resources that are left."""
        down(self._context, lambda _: None, delete_data=True)
        return sum(found is not None for found in self._context.observe().values())

    def _put(self, number: int, amount: AttributeValueTypeDef) -> None:
        key = self._context.config.orders_table.partition_key
        self._aws.dynamodb.put_item(
            TableName=self._names.orders_table,
            Item={key: {"S": f"order-{number:07}"}, "amount": amount, "customer": {"S": "Ada"}},
        )

    def _keys(self, prefix: str) -> list[str]:
        pages = self._aws.s3.get_paginator("list_objects_v2").paginate(Bucket=self._names.bucket, Prefix=f"{prefix}/")
        return [found["Key"] for page in pages for found in page.get("Contents", [])]

    def _failures(self) -> int:
        pages = self._aws.dynamodb.get_paginator("query").paginate(
            TableName=self._names.audit_table,
            IndexName=FAILURE_TYPE_INDEX,
            KeyConditionExpression="failureType = :type",
            ExpressionAttributeValues={":type": {"S": "RetryAttemptsExhausted"}},
        )
        return sum(len(page["Items"]) for page in pages)
