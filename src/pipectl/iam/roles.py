"""The permissions of the two functions: exactly what they need, on exactly their resources.

Nothing else in the project grants anything to a function. Each role has one inline policy, with one statement for each
purpose.
"""

from __future__ import annotations

from pipectl.config.models import Config
from pipectl.config.names import Names
from pipectl.config.physical import PhysicalNames
from pipectl.policy_document import Statement, allow

POLICY_NAMES = {"processor": "processor-permissions", "auditor": "auditor-permissions"}
"""The name of each function's inline policy."""


def trust_lambda(account_id: str) -> Statement:
    """Return the trust statement: only Lambda assumes the role, and only for functions of this account."""
    return {
        "Effect": "Allow",
        "Principal": {"Service": "lambda.amazonaws.com"},
        "Action": "sts:AssumeRole",
        "Condition": {"StringEquals": {"aws:SourceAccount": account_id}},
    }


def processor_statements(config: Config, names: Names) -> list[Statement]:
    """Return the processor's permissions: read the stream, write objects, send failures to the queue, log.

    Lambda reads the stream and sends the failures with the function's role. `dynamodb:ListStreams`, which the
    documentation of Lambda asks for, is not needed: a mapping is created and works without it.
    """
    physical, prefixes = PhysicalNames.of(config, names), (config.bucket.prefix, config.bucket.failed_prefix)
    stream = f"{names.stream_prefix(physical.orders_table)}*"
    objects = [f"{names.bucket_arn(physical.bucket)}/{prefix}/*" for prefix in prefixes]
    read = ["dynamodb:GetRecords", "dynamodb:GetShardIterator", "dynamodb:DescribeStream"]
    return [
        allow(read, [stream], sid="ReadOrdersStream"),
        allow(["s3:PutObject", "s3:PutObjectAcl"], objects, sid="WriteObjects"),
        allow(["sqs:SendMessage"], [names.queue_arn(physical.queue)], sid="SendFailures"),
        _write_logs(names, physical.processor_log_group),
    ]


def auditor_statements(config: Config, names: Names) -> list[Statement]:
    """Return the auditor's permissions: write audit items, read the queue, log."""
    physical = PhysicalNames.of(config, names)
    items = ["dynamodb:PutItem", "dynamodb:UpdateItem", "dynamodb:GetItem"]
    messages = ["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"]
    return [
        allow(items, [names.table_arn(physical.audit_table)], sid="WriteAuditItems"),
        allow(messages, [names.queue_arn(physical.queue)], sid="ReadFailures"),
        _write_logs(names, physical.auditor_log_group),
    ]


def _write_logs(names: Names, log_group: str) -> Statement:
    group = names.log_group_arn(log_group)
    actions = ["logs:CreateLogGroup", "logs:CreateLogStream", "logs:PutLogEvents"]
    return allow(actions, [group, f"{group}:*"], sid="WriteLogs")
