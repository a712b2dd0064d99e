"""Resources that are not managed by the pipeline, and snapshots of everything AWS reports about a resource."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from pipectl.commands.audit import audit_list, audit_show
from pipectl.commands.audit_resolve import audit_resolve
from pipectl.commands.audit_stats import audit_stats
from pipectl.commands.logs import Search, logs, logs_of_failure
from pipectl.commands.outputs import outputs
from pipectl.commands.pause import pause
from pipectl.commands.replay_dlq import NEEDS as REPLAY_NEEDS
from pipectl.commands.replay_dlq import preview, replay, save
from pipectl.commands.resume import resume
from pipectl.commands.trace import trace
from pipectl.commands.verify import NEEDS as VERIFY_NEEDS
from pipectl.commands.verify import verify
from pipectl.config.loading import load
from pipectl.context import Context
from pipectl.engine.model import Resource
from pipectl.failures.audit_table import Selection
from pipectl.pipeline import Pipeline
from tests.commands.existing_pipeline import existing as pipeline_without_triggers
from tests.resources.direct_access import DirectAccess
from tests.resources.standard import MANAGED_TAGS, OTHER_TAGS
from tests.support import ACCOUNT, DEV_CONFIG, REGION, FakeClock, yes

SINCE, UNTIL = datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 2, tzinfo=UTC)
SEARCH = Search(("processor", "auditor"), SINCE)
OTHERS: dict[str, tuple[dict[str, str], str]] = {
    # the tags of the resource, and the words of the refusal
    "untagged": ({}, "no tag ManagedBy"),
    "tags of somebody": (OTHER_TAGS, "no tag ManagedBy"),
    "another environment": (MANAGED_TAGS | {"Environment": "prod"}, "Environment is 'prod', not 'dev'"),
    "another project": (MANAGED_TAGS | {"Project": "shop"}, "Project is 'shop', not 'order-pipeline'"),
    "another tool": (MANAGED_TAGS | {"ManagedBy": "terraform"}, "ManagedBy is 'terraform', not 'pipectl'"),
}


def _pipeline() -> dict[str, Resource]:
    where: Any = SimpleNamespace(account_id=ACCOUNT, region=REGION, partition="aws")
    return Pipeline(load(DEV_CONFIG), DEV_CONFIG, where).resources()


RESOURCES = _pipeline()
KEYS = list(RESOURCES)
"""The keys of all resources of the config."""

COMMANDS: dict[str, tuple[Callable[[Context], object], tuple[str, ...]]] = {
    # a command, and the resources that it requires
    "audit list": (lambda context: audit_list(context, Selection(SINCE, UNTIL)), ("audit-table",)),
    "audit resolve": (lambda context: audit_resolve(context, "1", "ada", "test", yes), ("audit-table",)),
    "audit show": (lambda context: audit_show(context, "1"), ("audit-table", "bucket", "orders-table")),
    "audit stats": (lambda context: audit_stats(context, SINCE, UNTIL), ("audit-table",)),
    "logs": (lambda context: logs(context, SEARCH), ("processor-log-group", "auditor-log-group")),
    "logs --failure": (
        lambda context: logs_of_failure(context, "1", SEARCH),
        ("processor-log-group", "auditor-log-group", "audit-table", "bucket"),
    ),
    "outputs": (outputs, ("orders-table", "audit-table", "bucket", "dead-letter-queue", "processor", "auditor")),
    "pause": (lambda context: pause(context, "ada"), ("stream-mapping",)),
    "resume": (resume, ("stream-mapping",)),
    "replay-dlq": (lambda context: replay(context, Selection(SINCE, UNTIL), yes), REPLAY_NEEDS),
    "replay-dlq --dry-run": (lambda context: preview(context, Selection(SINCE, UNTIL)), REPLAY_NEEDS),
    "replay-dlq --save": (lambda context: save(context, Selection(SINCE, UNTIL), Path("/nowhere")), REPLAY_NEEDS),
    "trace": (lambda context: trace(context, "1"), ("orders-table", "audit-table", "bucket")),
    "verify --repair": (lambda context: verify(context, SINCE, repair=True, grace=timedelta(0)), VERIFY_NEEDS),
}


def replace_tags(direct: DirectAccess, resource: Resource, tags: Mapping[str, str]) -> None:
    """Replace all tags of a resource."""
    there = direct.tags(resource)
    if tags:
        direct.tag(resource, tags)
    if too_many := there.keys() - tags.keys():
        direct.untag(resource, sorted(too_many))
    assert direct.tags(resource) == tags


def snapshot(direct: DirectAccess, resource: Resource) -> dict[str, Any]:
    """Return everything that AWS reports about a resource, with its data."""
    of = {"role": _role, "table": _table, "bucket": _bucket, "queue": _queue, "function": _function}
    of |= {"mapping": _mapping, "alarm": _alarm, "log-group": _log_group}
    answers = of[resource.kind](direct, resource)
    found = {name: {k: v for k, v in answer.items() if k != "ResponseMetadata"} for name, answer in answers.items()}
    return {**found, "tags": direct.tags(resource)}


def _role(direct: DirectAccess, role: Resource) -> dict[str, Any]:
    listed = direct.iam.list_role_policies(RoleName=role.name)
    policies = {
        name: direct.iam.get_role_policy(RoleName=role.name, PolicyName=name)["PolicyDocument"]
        for name in listed["PolicyNames"]
    }
    attached = direct.iam.list_attached_role_policies(RoleName=role.name)
    return {"role": direct.iam.get_role(RoleName=role.name), "policies": policies, "attached": attached}


def _table(direct: DirectAccess, table: Resource) -> dict[str, Any]:
    return {
        "table": direct.dynamodb.describe_table(TableName=table.name),
        "backups": direct.dynamodb.describe_continuous_backups(TableName=table.name),
        "items": direct.dynamodb.scan(TableName=table.name),
    }


def _bucket(direct: DirectAccess, bucket: Resource) -> dict[str, Any]:
    s3, of = direct.s3, {"Bucket": bucket.name}
    return {
        "versions": s3.list_object_versions(**of),
        "block": s3.get_public_access_block(**of),
        "encryption": s3.get_bucket_encryption(**of),
        "versioning": s3.get_bucket_versioning(**of),
        "ownership": s3.get_bucket_ownership_controls(**of),
    }


def _queue(direct: DirectAccess, queue: Resource) -> dict[str, Any]:
    return {"attributes": direct.sqs.get_queue_attributes(QueueUrl=direct.queue_url(), AttributeNames=["All"])}


def _function(direct: DirectAccess, function: Resource) -> dict[str, Any]:
    return {"function": direct.lambda_.get_function(FunctionName=function.name)}


def _mapping(direct: DirectAccess, mapping: Resource) -> dict[str, Any]:
    return {"mappings": {each["UUID"]: each for each in direct.mappings(mapping)}}


def _alarm(direct: DirectAccess, alarm: Resource) -> dict[str, Any]:
    return {"alarm": direct.cloudwatch.describe_alarms(AlarmNames=[alarm.name])}


def _log_group(direct: DirectAccess, group: Resource) -> dict[str, Any]:
    return {
        "group": direct.logs.describe_log_groups(logGroupNamePrefix=group.name),
        "streams": direct.logs.describe_log_streams(logGroupName=group.name),
    }


@contextmanager
def with_data(folder: Path) -> Iterator[DirectAccess]:
    """Create a pipeline with an item in each table, an object, a message and a log stream in each log group."""
    with pipeline_without_triggers(folder, FakeClock()) as world:
        direct = DirectAccess(world)
        names = direct.names
        direct.dynamodb.put_item(TableName=names.orders_table, Item={"orderId": {"S": "1"}})
        direct.dynamodb.put_item(TableName=names.audit_table, Item={"auditId": {"S": "1"}, "timestamp": {"S": "2026"}})
        direct.s3.put_object(Bucket=names.bucket, Key="processed-data/1.json", Body=b"{}")
        direct.sqs.send_message(QueueUrl=direct.queue_url(), MessageBody="?")
        for resource in direct.resources.values():
            if resource.kind == "log-group":
                direct.logs.create_log_stream(logGroupName=resource.name, logStreamName="s")
        yield direct


def named_in(text: str, direct: DirectAccess) -> set[str]:
    return {key for key, resource in direct.resources.items() if f"{key} ({resource.name})" in text}
