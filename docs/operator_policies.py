"""What the people who run pipectl need, command by command, as IAM policies with the names of a config.

`docs/permissions.md` shows it. `tests/e2e/test_operator_permissions.py` proves it, on the local emulator: it gives a
command one action after the other, each only once the command has failed for the want of it, and compares what that
comes to with what is written here.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from pipectl.pipeline import Pipeline
from pipectl.policy_document import document

Grants = Mapping[str, str]
"""Where (a key of `places`), and which actions there, with spaces between."""


def _all(*grants: Grants) -> dict[str, str]:
    merged: dict[str, str] = {}
    for each in grants:
        for where, actions in each.items():
            merged[where] = f"{merged.get(where, '')} {actions}".strip()
    return merged


_TABLE = "dynamodb:DescribeTable dynamodb:DescribeContinuousBackups dynamodb:ListTagsOfResource"
_TABLES = {"orders-table": _TABLE, "audit-table": _TABLE}
_ROLES = {"roles": "iam:GetRole iam:ListRolePolicies iam:GetRolePolicy iam:ListAttachedRolePolicies"}
_BUCKET = {
    "bucket": "s3:ListBucket s3:GetBucketVersioning s3:GetBucketPublicAccessBlock s3:GetEncryptionConfiguration "
    "s3:GetBucketOwnershipControls s3:GetBucketPolicy s3:GetBucketTagging"
}
_QUEUE = {"queue": "sqs:GetQueueUrl sqs:GetQueueAttributes sqs:ListQueueTags"}
_FUNCTIONS = {"processor": "lambda:GetFunction", "auditor": "lambda:GetFunction"}
_LOG_GROUPS = {"anything": "logs:DescribeLogGroups", "log-groups": "logs:ListTagsForResource", **_FUNCTIONS}
_MAPPINGS = {
    "anything": "lambda:ListEventSourceMappings",
    "mappings": "lambda:GetEventSourceMapping lambda:ListTags",
    "orders-streams": "dynamodb:DescribeStream",
}
_ALARMS = {"all-alarms": "cloudwatch:DescribeAlarms", "alarms": "cloudwatch:ListTagsForResource"}

LOOK = _all(_ROLES, _TABLES, _BUCKET, _QUEUE, _LOG_GROUPS, _MAPPINGS, _ALARMS)
"""What is asked of every resource, to see what is there and how it differs."""

_FAILURES = {"audit-index": "dynamodb:Query"}
_METRICS = {"anything": "cloudwatch:GetMetricData"}
_RANGES = {"orders-streams": "dynamodb:GetShardIterator dynamodb:GetRecords", "quarantined": "s3:GetObject"}
_WHOLE_STREAM = {
    "anything": "dynamodb:ListStreams",
    "orders-streams": "dynamodb:DescribeStream dynamodb:GetShardIterator dynamodb:GetRecords",
}
_REPLAYED = _all(_TABLES, _BUCKET, _QUEUE, _FUNCTIONS, _FAILURES, {"audit-table": "dynamodb:Query"})
_MADE_TABLE = "dynamodb:CreateTable dynamodb:UpdateTable dynamodb:UpdateContinuousBackups dynamodb:TagResource"
_MADE_FUNCTION = (
    "lambda:CreateFunction lambda:UpdateFunctionCode lambda:UpdateFunctionConfiguration "
    "lambda:GetFunctionConfiguration lambda:PutFunctionConcurrency lambda:DeleteFunctionConcurrency lambda:TagResource"
)
_MADE = {
    "roles": "iam:CreateRole iam:UpdateAssumeRolePolicy iam:PutRolePolicy iam:DeleteRolePolicy iam:DetachRolePolicy "
    "iam:DeleteRolePermissionsBoundary iam:TagRole",
    "passed-roles": "iam:PassRole",
    "orders-table": _MADE_TABLE,
    "audit-table": _MADE_TABLE,
    "bucket": "s3:CreateBucket s3:PutBucketPublicAccessBlock s3:PutBucketOwnershipControls "
    "s3:PutEncryptionConfiguration s3:PutBucketVersioning s3:PutBucketPolicy s3:PutBucketTagging s3:TagResource",
    "queue": "sqs:CreateQueue sqs:SetQueueAttributes sqs:TagQueue",
    "log-groups": "logs:CreateLogGroup logs:PutRetentionPolicy logs:TagResource",
    "processor": _MADE_FUNCTION,
    "auditor": _MADE_FUNCTION,
    "new-mappings": "lambda:CreateEventSourceMapping",
    "our-mappings": "lambda:UpdateEventSourceMapping lambda:DeleteEventSourceMapping",
    "mappings": "lambda:TagResource",
    "alarms": "cloudwatch:PutMetricAlarm cloudwatch:DeleteAlarms cloudwatch:TagResource",
}
_REMOVED = {
    "roles": "iam:DetachRolePolicy iam:DeleteRolePolicy iam:DeleteRole",
    "orders-table": "dynamodb:Scan dynamodb:DeleteTable",
    "audit-table": "dynamodb:Scan dynamodb:DeleteTable",
    "bucket": "s3:ListBucketVersions s3:ListBucketMultipartUploads s3:DeleteBucket",
    "objects": "s3:DeleteObject s3:DeleteObjectVersion s3:AbortMultipartUpload",
    "queue": "sqs:DeleteQueue",
    "log-groups": "logs:DeleteLogGroup",
    "processor": "lambda:DeleteFunction",
    "auditor": "lambda:DeleteFunction",
    "our-mappings": "lambda:DeleteEventSourceMapping",
    "alarms": "cloudwatch:DeleteAlarms",
}
_VERIFIED = _all(
    _TABLES, _BUCKET, _QUEUE, {"processor": "lambda:GetFunction"}, _MAPPINGS, _WHOLE_STREAM, _FAILURES, _METRICS
)

COMMANDS: Mapping[str, Grants] = {
    "plan": LOOK,
    "outputs": LOOK,
    "status": _all(LOOK, _FAILURES, _METRICS),
    "up": _all(LOOK, _MADE),
    "down": _all(LOOK, _FAILURES, _METRICS, _REMOVED),
    "logs": _all(_LOG_GROUPS, {"log-groups": "logs:FilterLogEvents"}),
    "audit": _all(_TABLES, _BUCKET, _FAILURES, {"audit-table": "dynamodb:Query"}, _RANGES),
    "trace": _all(
        _TABLES,
        _BUCKET,
        _MAPPINGS,
        _WHOLE_STREAM,
        _FAILURES,
        _METRICS,
        {"orders-table": "dynamodb:GetItem", "stored": "s3:GetObject", "quarantined": "s3:GetObject"},
    ),
    "verify": _VERIFIED,
    "verify --repair": _all(_VERIFIED, {"processor": "lambda:InvokeFunction", "quarantined": "s3:GetObject"}),
    "replay-dlq --dry-run": _REPLAYED,
    "replay-dlq --save": _all(_REPLAYED, _RANGES),
    "replay-dlq": _all(
        _REPLAYED,
        _RANGES,
        {
            "audit-table": "dynamodb:GetItem dynamodb:UpdateItem",
            "queue": "sqs:ReceiveMessage sqs:DeleteMessage",
            "processor": "lambda:InvokeFunction",
            "auditor": "lambda:InvokeFunction",
        },
    ),
    "pause": _all(_MAPPINGS, {"mappings": "lambda:TagResource", "our-mappings": "lambda:UpdateEventSourceMapping"}),
    "resume": _all(_MAPPINGS, {"mappings": "lambda:UntagResource", "our-mappings": "lambda:UpdateEventSourceMapping"}),
}

READER = ("plan", "outputs", "status", "logs", "audit", "trace", "verify", "replay-dlq --dry-run", "replay-dlq --save")
PEOPLE: Mapping[str, tuple[str, ...]] = {
    "reader": READER,
    "on-call": (*READER, "verify --repair", "replay-dlq", "pause", "resume"),
    "deployer": ("plan", "outputs", "status", "up", "down"),
}
"""Who runs which commands."""


@dataclass(frozen=True)
class NotSeen:
    """Why a test sees these commands work without the action, although they can come to need it."""

    because: str
    commands: tuple[str, ...]


_LOOKING = ("plan", "outputs", "status")
NOT_SEEN: Mapping[str, NotSeen] = {
    "dynamodb:DescribeStream": NotSeen(
        "asked when the stream was replaced and its old mapping is still there",
        (*_LOOKING, "up", "down", "pause", "resume"),
    ),
    "lambda:GetEventSourceMapping": NotSeen(
        "asked while AWS still changes a mapping", (*_LOOKING, "trace", "verify", "verify --repair")
    ),
    "lambda:GetFunction": NotSeen("asked when a log group bears no tags, to know whose it is", ("logs",)),
    "dynamodb:GetItem": NotSeen("asked when an answer of DynamoDB was lost on the way", ("replay-dlq",)),
    "s3:GetObject": NotSeen(
        "asked for what the stream has forgotten, from the quarantine",
        ("audit", "replay-dlq --save", "replay-dlq", "verify --repair"),
    ),
    "s3:TagResource": NotSeen("asked by AWS, not by the local emulator, for a bucket made with tags", ("up",)),
}


def places(pipeline: Pipeline) -> dict[str, tuple[list[str], dict[str, Any] | None]]:
    """Where actions are granted: the ARNs, and a condition where the ARN alone says too little."""
    names, of, config = pipeline.names, pipeline.physical, pipeline.config.bucket
    resources = pipeline.resources().values()
    roles = [names.role_arn(of.processor_role), names.role_arn(of.auditor_role)]
    functions = [names.function_arn(of.processor), names.function_arn(of.auditor)]
    audit_table, bucket = names.table_arn(of.audit_table), names.bucket_arn(of.bucket)
    lambda_arn = functions[0].split(":function:")[0]
    groups = [names.log_group_arn(each.name) for each in resources if each.kind == "log-group"]
    ours = {"ArnLike": {"lambda:FunctionArn": functions}}
    return {
        "roles": (roles, None),
        "passed-roles": (roles, {"StringEquals": {"iam:PassedToService": "lambda.amazonaws.com"}}),
        "orders-table": ([names.table_arn(of.orders_table)], None),
        "orders-streams": ([f"{names.table_arn(of.orders_table)}/stream/*"], None),
        "audit-table": ([audit_table], None),
        "audit-index": ([f"{audit_table}/index/failure-type-index"], None),
        "bucket": ([bucket], None),
        "objects": ([f"{bucket}/*"], None),
        "stored": ([f"{bucket}/{config.prefix}/*"], None),
        "quarantined": ([f"{bucket}/{config.failed_prefix}/*"], None),
        "queue": ([names.queue_arn(of.queue)], None),
        "processor": (functions[:1], None),
        "auditor": (functions[1:], None),
        "mappings": ([f"{lambda_arn}:event-source-mapping:*"], None),
        "our-mappings": ([f"{lambda_arn}:event-source-mapping:*"], ours),
        "new-mappings": (["*"], ours),
        "log-groups": ([arn + tail for arn in groups for tail in ("", ":*")], None),
        "alarms": ([names.alarm_arn(each.name) for each in resources if each.kind == "alarm"], None),
        "all-alarms": ([names.alarm_arn("*")], None),
        "anything": (["*"], None),
    }


def actions_of(commands: Iterable[str]) -> set[str]:
    """All actions of some commands."""
    return {action for command in commands for actions in COMMANDS[command].values() for action in actions.split()}


def policy(commands: Iterable[str], pipeline: Pipeline, only: Collection[str] | None = None) -> dict[str, Any]:
    """The policy document for some commands; with ``only``, of its actions no others."""
    at: dict[str, set[str]] = {}
    for where, actions in _all(*(COMMANDS[command] for command in commands)).items():
        for action in actions.split():
            if only is None or action in only:
                at.setdefault(action, set()).add(where)
    where_to = places(pipeline)

    statements = []
    for wheres, together in groupby(
        sorted(at, key=lambda action: (sorted(at[action]), action)), key=lambda a: sorted(at[a])
    ):
        arns = [arn for where in wheres for arn in where_to[where][0]]
        conditions = [where_to[where][1] for where in wheres if where_to[where][1]]
        statement: dict[str, Any] = {"Effect": "Allow", "Action": list(together), "Resource": arns}
        if conditions:
            (statement["Condition"],) = conditions
        statements.append(statement)
    return document(statements)
