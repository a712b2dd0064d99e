"""Least privilege, exactly: what the two functions may do, and on what. Nothing else in the project grants anything."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from pipectl.config.names import Names, log_group_of
from pipectl.policy_document import Statement, allow

Policies = Mapping[str, list[Statement]]


def trust_lambda(account_id: str) -> Statement:
    """Lambda alone may assume the role, and only for functions of this account."""
    return {
        "Effect": "Allow",
        "Principal": {"Service": "lambda.amazonaws.com"},
        "Action": "sts:AssumeRole",
        "Condition": {"StringEquals": {"aws:SourceAccount": account_id}},
    }


def of_processor(
    names: Names, function: str, orders_table: str, bucket: str, prefixes: Iterable[str], queue: str
) -> Policies:
    """Read the table's streams, write under the prefixes, tell the queue what failed for good, log.

    `sqs:SendMessage` is what the mapping's on-failure destination needs. `dynamodb:ListStreams`, which the
    documentation asks for, is not needed: a mapping is made and works without it.
    """
    stream = f"{names.table_arn(orders_table)}/stream/*"
    objects = [f"{names.bucket_arn(bucket)}/{prefix}/*" for prefix in prefixes]
    return {
        "read-orders-stream": [
            allow(["dynamodb:GetRecords", "dynamodb:GetShardIterator", "dynamodb:DescribeStream"], [stream])
        ],
        "write-records": [allow(["s3:PutObject", "s3:PutObjectAcl"], objects)],
        "tell-failures": [allow(["sqs:SendMessage"], [names.queue_arn(queue)])],
        "write-logs": [_logs(names, function)],
    }


def of_auditor(names: Names, function: str, audit_table: str, queue: str) -> Policies:
    """Write audit items, read the queue, log."""
    items = ["dynamodb:PutItem", "dynamodb:UpdateItem", "dynamodb:GetItem"]
    messages = ["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"]
    return {
        "write-audit-items": [allow(items, [names.table_arn(audit_table)])],
        "read-failures": [allow(messages, [names.queue_arn(queue)])],
        "write-logs": [_logs(names, function)],
    }


def _logs(names: Names, function: str) -> Statement:
    group = names.log_group_arn(log_group_of(function))
    return allow(["logs:CreateLogGroup", "logs:CreateLogStream", "logs:PutLogEvents"], [group, f"{group}:*"])
