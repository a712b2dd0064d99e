"""`demo`: run the pipeline through success, failure, alarm, fix and replay on a temporary local emulator."""

from __future__ import annotations

import json
import random
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

from pipectl.aws.client import Aws
from pipectl.commands.down import down
from pipectl.commands.local import provide_runtimes
from pipectl.commands.replay_dlq import replay
from pipectl.commands.up import up
from pipectl.config.models import Config
from pipectl.context import Context, Reporter
from pipectl.engine.model import Action
from pipectl.errors import PipectlError
from pipectl.failures.audit_table import FAILURE_TYPE_INDEX, Selection
from pipectl.local import lifecycle
from pipectl.local.home import LocalEmulator
from pipectl.packaging.build import handler_file

POISON = 2
"""Number of invalid orders. Each causes four errors, at the first try and at three retries; the alarm needs five."""
_BOUND_SECONDS = 120
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
"""The code that the demo appends to the processor, by language."""


@dataclass
class DemoReport:
    """Results of the demo. ``seconds`` has the duration of each step, and ``total``."""

    resources: int = 0
    orders: int = 0
    updates: int = 0
    objects: int = 0
    poison: int = 0
    audited: int = 0
    quarantined: int = 0
    errors_alarm: str = ""
    replayed: int = 0
    objects_after_replay: int = 0
    left: int = 0
    seconds: dict[str, float] = field(default_factory=dict)


def demo(
    config: Config,
    file: Path,
    make_aws: Callable[[LocalEmulator], Aws],
    reporter: Reporter,
    *,
    orders: int,
    cancel: Callable[[], None] = lambda: None,
) -> DemoReport:
    """Run all steps.

    Args:
        config: The config; its account id is ignored.
        file: The config file.
        make_aws: Makes the AWS clients for the temporary local emulator.
        reporter: Receives every step.
        orders: Number of valid orders to send; every third is then updated.
        cancel: Ends waits early.

    Raises:
        PipectlError: A step did not have the expected result.
    """
    with lifecycle.temporary() as running:
        provide_runtimes(running, config)
        aws = make_aws(running)
        unbound = config.model_copy(update={"account_id": None})
        return _Steps(Context(unbound, file, aws, reporter, cancel), orders, running.home / "demo").run()


class _Steps:
    def __init__(self, context: Context, orders: int, folder: Path) -> None:
        self._folder = folder
        self._context = context
        self._aws = context.aws
        self._names = context.pipeline.physical
        self._report = DemoReport(orders=orders, updates=(orders + 2) // 3, poison=POISON)

    def run(self) -> DemoReport:
        start = self._aws.clock.monotonic()
        self._step("1. `pipectl up` creates the pipeline on a local emulator, with IAM enforced", "up", self._up)
        self._step(
            f"2. {self._report.orders} orders are written, {self._report.updates} are updated; every version is stored",
            "orders",
            self._orders,
        )
        self._step(
            f"3. {POISON} invalid orders fail: they are retried, quarantined and audited",
            "failures",
            self._poison,
        )
        self._step("4. The errors alarm fires", "alarm", self._alarm)
        self._step("5. `pipectl up` deploys a fixed processor", "fix", self._fix)
        self._step("6. `pipectl replay-dlq` replays the failed orders", "replay", self._replay)
        self._step("7. `pipectl down` deletes everything and checks that nothing remains", "down", self._down)
        self._report.seconds["total"] = self._aws.clock.monotonic() - start
        return self._report

    def _step(self, title: str, name: str, act: Callable[[], None]) -> None:
        self._context.reporter.note(title)
        start = self._aws.clock.monotonic()
        act()
        self._report.seconds[name] = self._aws.clock.monotonic() - start

    def _up(self) -> None:
        report = up(self._context, lambda _: None)
        self._report.resources = len(report.changes)
        again = up(self._context, lambda _: None)
        if any(change.action is not Action.KEEP for change in again.changes):
            raise PipectlError("a second `up` changed the pipeline")

    def _orders(self) -> None:
        chance = random.Random(2026)  # noqa: S311 - amounts of test orders
        for number in range(self._report.orders):
            self._put(number, {"N": f"{chance.randint(1, 99_999)}.{chance.randint(10, 99)}"})
            if number % 3 == 0:
                self._put(number, {"N": f"{chance.randint(100_000, 999_999)}.{chance.randint(10, 99)}"})
        wanted = self._report.orders + self._report.updates
        prefix = self._context.config.bucket.prefix
        self._aws.wait(lambda: len(self._keys(prefix)) >= wanted, f"{wanted} objects in the bucket", _BOUND_SECONDS)
        keys = self._keys(prefix)
        self._report.objects = len(keys)
        sample = json.loads(self._aws.s3.get_object(Bucket=self._names.bucket, Key=keys[0])["Body"].read())
        self._context.reporter.note(f"   for example {keys[0]}")
        self._context.reporter.note(f"   {json.dumps(sample)}")

    def _poison(self) -> None:
        for number in range(POISON):
            self._put(1_000_000 + number, {"S": "twelve"})
        self._aws.wait(lambda: len(self._failures()) >= POISON, f"{POISON} audited failures", _BOUND_SECONDS)
        self._report.audited = len(self._failures())
        self._report.quarantined = len(self._keys(self._context.config.bucket.failed_prefix))
        kept = len(self._keys(self._context.config.bucket.prefix))
        if kept != self._report.objects:
            raise PipectlError(f"the bucket had {self._report.objects} records and now has {kept}")

    def _alarm(self) -> None:
        def state() -> str:
            answer = self._aws.cloudwatch.describe_alarms(AlarmNames=[self._names.errors_alarm])
            return answer["MetricAlarms"][0]["StateValue"]

        self._aws.wait(lambda: state() == "ALARM", f"alarm {self._names.errors_alarm} to fire", _BOUND_SECONDS)
        self._report.errors_alarm = state()

    def _fix(self) -> None:
        """Deploy the handler with one more rule: an invalid order is stored unchanged."""
        config, file = self._context.config, self._context.file
        source = config.source_of(config.processor, file)
        fixed = Path(shutil.copytree(source, self._folder / "processor"))
        names = [path.relative_to(fixed).as_posix() for path in fixed.rglob("*")]
        language = config.processor.language
        handler = handler_file(fixed, config.processor.handler, language, names)
        handler.write_text(handler.read_text() + FIXES[language])
        processor = config.processor.model_copy(update={"source": str(fixed)})
        fixed_config = config.model_copy(update={"processor": processor})
        self._context = replace(self._context, config=fixed_config)
        report = up(self._context, lambda _: None)
        changed = [change.resource for change in report.changes if change.action is not Action.KEEP]
        if changed != ["processor"]:
            raise PipectlError(f"the fix changed {changed}, not only the processor")

    def _replay(self) -> None:
        now = self._aws.clock.now()
        report = replay(self._context, Selection(since=now - timedelta(hours=1), until=now), lambda _: None)
        self._report.replayed = report.replayed
        if report.left:
            raise PipectlError(f"{report.left} failures remain after the replay: {report.errors or report.failing}")
        self._report.objects_after_replay = len(self._keys(self._context.config.bucket.prefix))

    def _down(self) -> None:
        down(self._context, lambda _: None, delete_data=True)
        self._report.left = sum(resource.observe() is not None for resource in self._context.resources.values())

    def _put(self, number: int, amount: Any) -> None:
        key = self._context.config.orders_table.partition_key
        item = {key: {"S": f"order-{number:07}"}, "amount": amount, "customer": {"S": "Ada"}}
        self._aws.dynamodb.put_item(TableName=self._names.orders_table, Item=item)

    def _keys(self, prefix: str) -> list[str]:
        pages = self._aws.s3.get_paginator("list_objects_v2").paginate(Bucket=self._names.bucket, Prefix=f"{prefix}/")
        return [found["Key"] for page in pages for found in page.get("Contents", [])]

    def _failures(self) -> list[Any]:
        pages = self._aws.dynamodb.get_paginator("query").paginate(
            TableName=self._names.audit_table,
            IndexName=FAILURE_TYPE_INDEX,
            KeyConditionExpression="failureType = :type",
            ExpressionAttributeValues={":type": {"S": "RetryAttemptsExhausted"}},
        )
        return [item for page in pages for item in page["Items"]]
