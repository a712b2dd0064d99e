"""A processor fixed through `up`, the replay after it, and the expected state."""

from __future__ import annotations

import shutil
from datetime import timedelta
from pathlib import Path
from typing import Any

from pipectl.commands.replay_dlq import replay
from pipectl.commands.up import up
from pipectl.engine.model import Action
from pipectl.failures.audit_table import Selection
from pipectl.failures.outcomes import ReplayReport
from pipectl.failures.status import ReplayStatus
from tests.e2e.orders import Orders
from tests.support import ROOT, World, yes

QUICK: dict[str, Any] = {"stream-mapping": {"batch_size": 10, "retry_attempts": 1}}
"""Small batches and one retry keep the failing invocations few."""
MENDED_AMOUNT = "twelve"
"""Amount of every poison order; the fixed processor accepts it."""


RULES = {
    "python": ('if "amount" in order and not isinstance(order["amount"], Decimal):', "if False:"),
    "nodejs": ('if ("amount" in order && !(order.amount instanceof NumberValue)) {', "if (false) {"),
}
"""By language, the line that refuses an amount in words, and what takes its place."""


def mended_processor(folder: Path, language: str = "python") -> dict[str, Any]:
    """Create a processor in a new folder that accepts an amount in words; return the config changes."""
    (handler,) = Path(shutil.copytree(ROOT / "lambda_src" / language / "processor", folder)).glob("handler.*")
    strict, lenient = RULES[language]
    source = handler.read_text()
    assert strict in source
    handler.write_text(source.replace(strict, lenient))
    return {"processor": {"source": str(folder)}, **QUICK}


def fix(world: World, folder: Path, mapping: dict[str, Any] = QUICK) -> None:
    """Deploy the fixed processor with `up`; ``mapping`` are the changes that the config has already."""
    config = world.config
    changes = mended_processor(folder, config.processor.language) | {"stream-mapping": {}} | mapping
    changes["processor"]["runtime"], changes["auditor"] = config.processor.runtime, {"runtime": config.auditor.runtime}
    report = up(world.context(**changes), yes)
    assert {change.resource for change in report.changes if change.action is Action.UPDATE} == {"processor"}


def replay_all(world: World) -> ReplayReport:
    now = world.aws.clock.now()
    return replay(world.context(), Selection(since=now - timedelta(hours=48), until=now), yes)


def reopen(orders: Orders) -> None:
    """Restore the state before the replay: the poison orders have no objects, and every failure is open."""
    aws, names, poison = orders.world.aws, orders.names, orders.poison_ids()
    for page in aws.s3.get_paginator("list_object_versions").paginate(Bucket=names.bucket, Prefix="processed-data/"):
        for version in page.get("Versions", []):
            if version["Key"].rpartition("/")[2].removesuffix(".json") in poison:
                aws.s3.delete_object(Bucket=names.bucket, Key=version["Key"], VersionId=version["VersionId"])
    for item in orders.audit_items():
        aws.dynamodb.update_item(
            TableName=names.audit_table,
            Key={name: item[name] for name in ("auditId", "timestamp")},
            UpdateExpression="SET replayStatus = :open REMOVE replayAttempts, claimedBy, claimedUntil",
            ExpressionAttributeValues={":open": {"S": ReplayStatus.OPEN}},
        )


def statuses(orders: Orders) -> set[str]:
    return {item["replayStatus"]["S"] for item in orders.audit_items()}


def claimed(orders: Orders) -> list[str]:
    return [item["auditId"]["S"] for item in orders.audit_items() if "claimedBy" in item]


def check_all_replayed(orders: Orders) -> None:
    """Check that no failure is open or claimed, and that every order has its object, written once."""
    assert orders.stored() == orders.good | dict.fromkeys(orders.poison, MENDED_AMOUNT)
    versions = [key for key in orders.object_versions() if key.startswith("processed-data/")]
    assert len(versions) == len(set(versions)) == len(orders.good) + len(orders.poison)
    assert (statuses(orders), claimed(orders)) == ({ReplayStatus.REPLAYED}, [])
