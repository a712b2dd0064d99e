"""A simulated AWS account on moto, as pipectl sees it with faults and as it is."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cache, partial
from pathlib import Path
from typing import Any

from moto import mock_aws

from pipectl.aws.calls import Call
from pipectl.aws.client import Aws, Credentials
from pipectl.engine.model import Observation
from tests.faults.clock import VirtualClock
from tests.faults.faulty_aws import FaultyAws
from tests.faults.moto_fixes import send_fixed
from tests.support import ACCOUNT, REGION, World, write_config


@dataclass
class SimulatedAccount:
    """An account on moto with faults.

    Args:
        world: The account as pipectl sees it, with faults.
        faulty: The faults.
        messages: The messages of pipectl about waits.
        direct: The same account without faults.
    """

    world: World
    faulty: FaultyAws
    messages: list[str]
    direct: World

    def settle(self) -> None:
        """Let the pending state changes finish."""
        self.faulty.clock.sleep(300)

    def state(self) -> dict[str, Any]:
        return state(self.direct)


@contextmanager
def simulated_account(
    folder: Path, faulty: FaultyAws | None = None, changes: dict[str, Any] | None = None
) -> Iterator[SimulatedAccount]:
    """Yield an empty account on moto, without faults by default."""
    faulty = faulty or FaultyAws(VirtualClock(), refused={}, slow=False)
    messages, calls = list[str](), list[Call]()
    with mock_aws():
        aws, direct = _two()
        aws.clock = direct.clock = faulty.clock
        aws.say, aws.on_call, direct.attempt = messages.append, calls.append, send_fixed
        aws.attempt = lambda call, params, send: faulty.attempt(call, params, partial(send_fixed, call, params, send))
        world = World(write_config(folder, changes), aws, calls)
        yield SimulatedAccount(world, faulty, messages, replace(world, aws=direct))


@cache
def _two() -> tuple[Aws, Aws]:
    """Return two connections. Creating clients takes longer than a test, so all tests share them."""
    return tuple(Aws(REGION, credentials=Credentials(ACCOUNT, "test")) for _ in range(2))  # type: ignore[return-value]


def state(world: World) -> dict[str, Any]:
    """Return the state of the account: the attributes of the managed resources, and the names of all resources.

    Values that AWS chooses anew each time are left out.
    """
    context = world.context()
    arn = _stream_arn(world.aws, context.pipeline.physical.orders_table)
    found = {key: _lasting(seen, arn) for key, seen in context.observe().items()}
    return {"resources": found, "names": inventory(world.aws)}


def inventory(aws: Aws) -> dict[str, list[str]]:
    """Return the names of all resources of the account, managed or not."""
    roles = aws.iam.list_roles()["Roles"]
    groups = aws.logs.describe_log_groups()["logGroups"]
    mappings = aws.lambda_.list_event_source_mappings()["EventSourceMappings"]
    names: dict[str, list[str]] = {
        "roles": [role["RoleName"] for role in roles],
        "tables": aws.dynamodb.list_tables()["TableNames"],
        "buckets": [bucket["Name"] for bucket in aws.s3.list_buckets()["Buckets"]],
        "queues": aws.sqs.list_queues().get("QueueUrls", []),
        "functions": [function["FunctionName"] for function in aws.lambda_.list_functions()["Functions"]],
        "mappings": [mapping["FunctionArn"] for mapping in mappings],
        "log groups": [str(group.get("logGroupName")) for group in groups],
        "alarms": [alarm["AlarmName"] for alarm in aws.cloudwatch.describe_alarms()["MetricAlarms"]],
    }
    return {kind: sorted(found) for kind, found in names.items() if found}


def _stream_arn(aws: Aws, table: str) -> str:
    tables = aws.dynamodb.list_tables()["TableNames"]
    return aws.dynamodb.describe_table(TableName=table)["Table"].get("LatestStreamArn", "") if table in tables else ""


def _lasting(seen: Observation | None, stream_arn: str) -> Any:
    if seen is None:
        return None
    lasting = dict(seen.attributes)
    if stream_arn and lasting.get("source") == stream_arn:
        lasting["source"] = "the stream"
    lasting |= {"role_id": bool(lasting["role_id"])} if "role_id" in lasting else {}
    if isinstance(live := lasting.get("live"), dict):
        lasting["live"] = {**live, "role_id": bool(live["role_id"])}
    return {**lasting, "tags": dict(seen.tags)}
