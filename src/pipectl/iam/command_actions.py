"""The IAM actions that each command needs of the person who runs it, and on which of the pipeline's resources.

Tests prove on the local emulator that these actions are enough and that none is superfluous.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

Grants = Mapping[str, str]
"""The actions on each place of `pipectl.iam.places`, separated by spaces."""


def merged(*grants: Grants) -> dict[str, str]:
    """Return the union of several grants."""
    union: dict[str, str] = {}
    for each in grants:
        for place, actions in each.items():
            union[place] = f"{union.get(place, '')} {actions}".strip()
    return union


_TABLE = (
    "dynamodb:DescribeTable dynamodb:DescribeContinuousBackups dynamodb:DescribeTimeToLive dynamodb:ListTagsOfResource"
)
_TABLES = {"orders-table": _TABLE, "audit-table": _TABLE}
_ROLES = {"roles": "iam:GetRole iam:ListRolePolicies iam:GetRolePolicy iam:ListAttachedRolePolicies"}
_BUCKET = {
    "bucket": "s3:ListBucket s3:GetBucketVersioning s3:GetBucketPublicAccessBlock s3:GetEncryptionConfiguration "
    "s3:GetBucketOwnershipControls s3:GetBucketPolicy s3:GetBucketTagging s3:GetLifecycleConfiguration"
}
_QUEUE = {"queue": "sqs:GetQueueUrl sqs:GetQueueAttributes sqs:ListQueueTags"}
# GetFunction reports tags only to callers who may list them.
_OWNERS = {"processor": "lambda:GetFunction lambda:ListTags", "auditor": "lambda:GetFunction lambda:ListTags"}
_PROCESSOR = {
    "processor": "lambda:GetFunction lambda:ListTags lambda:GetPolicy lambda:GetAlias lambda:GetFunctionConfiguration"
}
_FUNCTIONS = {**_PROCESSOR, "auditor": "lambda:GetFunction lambda:ListTags lambda:GetPolicy"}
_LOG_GROUPS = {"anything": "logs:DescribeLogGroups", "log-groups": "logs:ListTagsForResource", **_OWNERS}
_MAPPINGS = {
    "anything": "lambda:ListEventSourceMappings",
    "mappings": "lambda:GetEventSourceMapping lambda:ListTags",
    "orders-streams": "dynamodb:DescribeStream",
    "orders-table": "dynamodb:DescribeTable",
}
_ALARMS = {"all-alarms": "cloudwatch:DescribeAlarms", "alarms": "cloudwatch:ListTagsForResource"}

OBSERVE = merged(_ROLES, _TABLES, _BUCKET, _QUEUE, _FUNCTIONS, _LOG_GROUPS, _MAPPINGS, _ALARMS)
"""The actions that read the actual state of every resource."""

_KNOW_TABLE = "dynamodb:DescribeTable dynamodb:ListTagsOfResource"
_KNOW_TABLES = {"orders-table": _KNOW_TABLE, "audit-table": _KNOW_TABLE}
_KNOW_BUCKET = {"bucket": "s3:ListBucket s3:GetBucketTagging"}
_KNOW_PROCESSOR = {"processor": _OWNERS["processor"]}
_KNOW_OUTPUTS = merged(_KNOW_TABLES, _KNOW_BUCKET, {"queue": "sqs:GetQueueUrl sqs:ListQueueTags"}, _OWNERS, _ALARMS)
"""The actions that show which resources with outputs exist, and who manages them."""
_KNOW_ALL = merged(
    _KNOW_OUTPUTS,
    {"roles": "iam:GetRole iam:ListRolePolicies iam:ListAttachedRolePolicies"},
    _LOG_GROUPS,
    _MAPPINGS,
)
"""The actions that show which resources exist, and who manages them."""

_FAILURES = {"audit-indexes": "dynamodb:Query"}
_METRICS = {"anything": "cloudwatch:GetMetricData"}
_TAGGED = {"anything": "tag:GetResources"}
_RANGES = {"orders-streams": "dynamodb:GetShardIterator dynamodb:GetRecords", "quarantine": "s3:GetObject"}
_WHOLE_STREAM = {
    "anything": "dynamodb:ListStreams",
    "orders-streams": "dynamodb:DescribeStream dynamodb:GetShardIterator dynamodb:GetRecords",
}
_EXPLAIN = {"bucket": "s3:ListBucket", "quarantine": "s3:GetObject", "log-groups": "logs:FilterLogEvents"}
_REPLAY = merged(_KNOW_TABLES, _KNOW_BUCKET, _QUEUE, _PROCESSOR, _OWNERS, _FAILURES, {"audit-table": "dynamodb:Query"})
_WRITE_TABLE = "dynamodb:CreateTable dynamodb:UpdateTable dynamodb:UpdateContinuousBackups dynamodb:TagResource"
_WRITE_FUNCTION = (
    "lambda:CreateFunction lambda:UpdateFunctionCode lambda:UpdateFunctionConfiguration "
    "lambda:GetFunctionConfiguration lambda:DeleteFunctionConcurrency"
)
_PUBLISH = (
    "lambda:PublishVersion lambda:ListVersionsByFunction lambda:DeleteFunction lambda:CreateAlias lambda:UpdateAlias"
)
# A resource that is created with tags also needs the action that tags it.
_WRITE = {
    "roles": "iam:CreateRole iam:UpdateAssumeRolePolicy iam:PutRolePolicy iam:DeleteRolePolicy iam:DetachRolePolicy "
    "iam:PutRolePermissionsBoundary iam:TagRole",
    "passed-roles": "iam:PassRole",
    "orders-table": _WRITE_TABLE,
    "audit-table": _WRITE_TABLE,
    "bucket": "s3:CreateBucket s3:PutBucketPublicAccessBlock s3:PutBucketOwnershipControls "
    "s3:PutEncryptionConfiguration s3:PutBucketVersioning s3:PutBucketPolicy s3:PutBucketTagging s3:TagResource",
    "queue": "sqs:CreateQueue sqs:SetQueueAttributes sqs:TagQueue",
    "log-groups": "logs:CreateLogGroup logs:PutRetentionPolicy logs:TagResource",
    "processor": f"{_WRITE_FUNCTION} {_PUBLISH} lambda:TagResource",
    # The auditor has no versions. With the actions of the processor both share a statement: the policy has to be short.
    "auditor": f"{_WRITE_FUNCTION} {_PUBLISH} lambda:GetAlias lambda:TagResource",
    "new-mappings": "lambda:CreateEventSourceMapping",
    "managed-mappings": "lambda:UpdateEventSourceMapping lambda:DeleteEventSourceMapping",
    "mappings": "lambda:TagResource",
    "alarms": "cloudwatch:PutMetricAlarm cloudwatch:DeleteAlarms cloudwatch:TagResource",
}
_DELETE = {
    "roles": "iam:DetachRolePolicy iam:DeleteRolePolicy iam:DeleteRole",
    "orders-table": "dynamodb:Scan dynamodb:DeleteTable",
    "audit-table": "dynamodb:Scan dynamodb:DeleteTable",
    "bucket": "s3:ListBucketVersions s3:ListBucketMultipartUploads s3:DeleteBucket",
    "objects": "s3:DeleteObject s3:DeleteObjectVersion s3:AbortMultipartUpload",
    "queue": "sqs:DeleteQueue",
    "log-groups": "logs:DeleteLogGroup",
    "processor": "lambda:DeleteFunction",
    "auditor": "lambda:DeleteFunction",
    "managed-mappings": "lambda:DeleteEventSourceMapping",
    "alarms": "cloudwatch:DeleteAlarms",
}
_VERIFY = merged(
    _KNOW_TABLES,
    _KNOW_BUCKET,
    _QUEUE,
    _KNOW_PROCESSOR,
    {"processed-objects": "s3:GetObject"},
    _MAPPINGS,
    _WHOLE_STREAM,
    _FAILURES,
    _METRICS,
)
_END_BACKLOG = {"mappings": "lambda:UntagResource", "managed-mappings": "lambda:UpdateEventSourceMapping"}

_TRACE = merged(
    _KNOW_TABLES,
    _KNOW_BUCKET,
    _KNOW_PROCESSOR,
    _MAPPINGS,
    _WHOLE_STREAM,
    _FAILURES,
    _METRICS,
    {"orders-table": "dynamodb:GetItem", "audit-table": "dynamodb:Query", "processed-objects": "s3:GetObject"},
    _EXPLAIN,
)
_SEND = merged(
    _KNOW_TABLES,
    _KNOW_BUCKET,
    _KNOW_PROCESSOR,
    _MAPPINGS,
    _FAILURES,
    _METRICS,
    {
        "orders-table": "dynamodb:PutItem",
        "orders-streams": "dynamodb:DescribeStream dynamodb:GetShardIterator dynamodb:GetRecords",
        "processed-objects": "s3:GetObject",
    },
    _EXPLAIN,
)
_SEND_DIRECT = merged(
    _KNOW_BUCKET,
    _KNOW_PROCESSOR,
    {"processor": "lambda:InvokeFunction", "processed-objects": "s3:GetObject", "quarantine": "s3:GetObject"},
)
_AUDIT = merged(_KNOW_TABLES, _KNOW_BUCKET, _PROCESSOR, _FAILURES, {"audit-table": "dynamodb:Query"}, _RANGES, _EXPLAIN)
_LOGS = merged(_LOG_GROUPS, {"log-groups": "logs:FilterLogEvents"})
_THROWAWAY_ORDER = {
    "orders-table": "dynamodb:PutItem dynamodb:DeleteItem",
    "bucket": "s3:ListBucketVersions",
    "processed-objects": "s3:DeleteObject s3:DeleteObjectVersion",
}

_STATUS = merged(OBSERVE, _FAILURES, _METRICS, _EXPLAIN, _TAGGED)

COMMANDS: Mapping[str, Grants] = {
    "plan": merged(OBSERVE, _METRICS, _TAGGED),
    "outputs": _KNOW_OUTPUTS,
    "list": _TAGGED,
    "status": _STATUS,
    "report": _STATUS,
    "up": merged(
        OBSERVE, _METRICS, _TAGGED, _WRITE, _END_BACKLOG, {"audit-table": "dynamodb:Scan dynamodb:UpdateItem"}
    ),
    "down": merged(
        _KNOW_ALL,
        _FAILURES,
        _METRICS,
        _TAGGED,
        _DELETE,
        {
            "managed-mappings": "lambda:UpdateEventSourceMapping",
            "queue": "sqs:GetQueueAttributes sqs:ReceiveMessage",
        },
    ),
    "logs": _LOGS,
    "logs --failure": merged(
        _LOGS, _KNOW_BUCKET, _FAILURES, {"audit-table": f"{_KNOW_TABLE} dynamodb:Query", "quarantine": "s3:GetObject"}
    ),
    "audit": _AUDIT,
    "audit resolve": merged(
        _KNOW_TABLES, _FAILURES, _RANGES, _EXPLAIN, {"audit-table": "dynamodb:Query dynamodb:UpdateItem"}
    ),
    "trace": _TRACE,
    "send": _SEND,
    "send --direct": _SEND_DIRECT,
    "verify": _VERIFY,
    "verify --repair": merged(_VERIFY, {"processor": "lambda:InvokeFunction", "quarantine": "s3:GetObject"}),
    "replay-dlq --dry-run": merged(_REPLAY, _EXPLAIN),
    "replay-dlq --save": merged(_REPLAY, _EXPLAIN, _RANGES),
    "replay-dlq": merged(
        _REPLAY,
        _EXPLAIN,
        _RANGES,
        {
            "audit-table": "dynamodb:UpdateItem",
            "queue": "sqs:ReceiveMessage sqs:DeleteMessage",
            "processor": "lambda:InvokeFunction",
            "auditor": "lambda:InvokeFunction",
        },
        _MAPPINGS,
        _METRICS,
        _END_BACKLOG,
    ),
    "pause": merged(
        _MAPPINGS, {"mappings": "lambda:TagResource", "managed-mappings": "lambda:UpdateEventSourceMapping"}
    ),
    "resume": merged(_MAPPINGS, _METRICS, _END_BACKLOG, {"mappings": "lambda:TagResource"}),
    "doctor --capture": merged(OBSERVE, _TAGGED, _LOGS, _AUDIT, _TRACE, _VERIFY, _REPLAY, _EXPLAIN, _THROWAWAY_ORDER),
    "rollback": merged(_PROCESSOR, {"processor": "lambda:ListVersionsByFunction lambda:UpdateAlias"}),
}
"""The grants of each command. `demo` and `local` are not here: they act as the emulator's administrator."""

OPTIONAL = frozenset({"iam:SimulatePrincipalPolicy"})
"""The actions that `doctor` uses if it may. No policy grants them: they show the permissions of others, too."""

_READER = (
    *("plan", "outputs", "list", "status", "report", "logs", "logs --failure", "audit", "trace", "verify"),
    *("replay-dlq --dry-run", "replay-dlq --save"),
)
CALLERS: Mapping[str, tuple[str, ...]] = {
    "reader": _READER,
    "on-call": (*_READER, "verify --repair", "replay-dlq", "audit resolve", "pause", "resume", "rollback"),
    # Writing orders is neither reading nor the work of those on call.
    "developer": (*_READER, "send", "send --direct"),
    # With it `status` works, too, but explains no failures: a deployer need not read orders.
    "deployer": ("plan", "outputs", "list", "up", "down", "rollback"),
    "capture": ("doctor --capture",),  # of its own: with the deployer's actions it does not fit into one policy
}
"""The commands of each group of people who run pipectl."""


def group_for(command: str, actions: Iterable[str]) -> str:
    """Return the smallest group that may run a command and has these actions, else ``deployer``.

    Args:
        command: The words of the command, such as ``audit resolve``, without options.
        actions: The actions that were denied.
    """
    key = command if command in COMMANDS else command.partition(" ")[0]
    for group in ("reader", "on-call", "developer"):
        commands = CALLERS[group]
        allowed = {action for each in commands for some in COMMANDS[each].values() for action in some.split()}
        if key in commands and allowed.issuperset(actions):
            return group
    return "deployer"
