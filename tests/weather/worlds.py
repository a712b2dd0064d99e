"""A pipeline under a sky, and an eye that sees what is really there."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cache, partial
from pathlib import Path
from typing import Any

from moto import mock_aws

from pipectl.aws.client import Aws, Call, Credentials
from pipectl.engine.model import Observation
from tests.support import ACCOUNT, REGION, World, write_config
from tests.weather.clock import VirtualClock
from tests.weather.moto import made_right
from tests.weather.sky import Sky


@dataclass
class Land:
    """What lies under the sky.

    Args:
        world: What pipectl works on.
        sky: Its weather.
        said: What pipectl said that it waits for.
        eye: The same account without weather.
    """

    world: World
    sky: Sky
    said: list[str]
    eye: World

    def clear_up(self) -> None:
        """Let all that is under way come to its end."""
        self.sky.clock.sleep(300)

    def state(self) -> dict[str, Any]:
        return state(self.eye)


@contextmanager
def land(folder: Path, sky: Sky | None = None, changes: dict[str, Any] | None = None) -> Iterator[Land]:
    """An empty account on moto under a sky, a clear one unless told."""
    sky = sky or Sky(VirtualClock(), refused={}, slow=False)
    said, calls = list[str](), list[Call]()
    with mock_aws():
        aws, eye = _two()
        aws.clock = eye.clock = sky.clock
        aws.say, aws.on_call, eye.attempt = said.append, calls.append, made_right
        aws.attempt = lambda call, params, send: sky.attempt(call, params, partial(made_right, call, params, send))
        world = World(write_config(folder, changes), aws, calls)
        yield Land(world, sky, said, replace(world, aws=eye))


@cache
def _two() -> tuple[Aws, Aws]:
    """Making clients takes longer than all else, so each land takes over those of the last."""
    return tuple(Aws(REGION, credentials=Credentials(ACCOUNT, "test")) for _ in range(2))  # type: ignore[return-value]


def state(world: World) -> dict[str, Any]:
    """Everything in the account: what is ours attribute by attribute, and the names of all there is.

    Without what AWS chooses anew each time.
    """
    context = world.context()
    arn = _stream_arn(world.aws, context.pipeline.physical.orders_table)
    found = {key: _lasting(seen, arn) for key, seen in context.observe().items()}
    return {"resources": found, "names": inventory(world.aws)}


def inventory(aws: Aws) -> dict[str, list[str]]:
    """The names of all that there is in the account, pipectl's or not."""
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
    source = {"source": "the stream"} if stream_arn and seen.attributes.get("source") == stream_arn else {}
    return {**seen.attributes, **source, "tags": dict(seen.tags)}
