"""The resources that permissions are granted on: groups of ARNs, with a condition where an ARN alone is too wide."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from pipectl.config.models import BucketConfig, Config
from pipectl.config.names import Names
from pipectl.config.physical import PhysicalNames
from pipectl.policy_document import Condition


@dataclass(frozen=True)
class Place:
    """Some resources of the pipeline, as a policy names them."""

    arns: tuple[str, ...]
    condition: Condition | None = None


def places_of(config: Config, names: Names) -> Mapping[str, Place]:
    """Return every place of one pipeline by its key."""
    physical = PhysicalNames.of(config, names)
    return {
        "anything": Place(("*",)),
        **_iam_and_logs(names, physical),
        **_data(config.bucket, names, physical),
        **_lambda(names, physical),
        "alarms": Place(tuple(map(names.alarm_arn, physical.alarms))),
        # CloudWatch checks DescribeAlarms on all alarms of the region, whichever are named.
        "all-alarms": Place((names.alarm_arn("*"),)),
    }


def _iam_and_logs(names: Names, physical: PhysicalNames) -> dict[str, Place]:
    roles = (names.role_arn(physical.processor_role), names.role_arn(physical.auditor_role))
    groups = (names.log_group_arn(physical.processor_log_group), names.log_group_arn(physical.auditor_log_group))
    return {
        "roles": Place(roles),
        # Lambda checks iam:PassRole when a function is given its role. Only Lambda may be given these two.
        "passed-roles": Place(roles, {"StringEquals": {"iam:PassedToService": "lambda.amazonaws.com"}}),
        "log-groups": Place(tuple(arn + tail for arn in groups for tail in ("", ":*"))),
    }


def _data(config: BucketConfig, names: Names, physical: PhysicalNames) -> dict[str, Place]:
    orders, audit = names.table_arn(physical.orders_table), names.table_arn(physical.audit_table)
    bucket = names.bucket_arn(physical.bucket)
    return {
        "orders-table": Place((orders,)),
        "orders-streams": Place((f"{names.stream_prefix(physical.orders_table)}*",)),
        "audit-table": Place((audit,)),
        "audit-indexes": Place((names.indexes_arn(physical.audit_table),)),
        "bucket": Place((bucket,)),
        "objects": Place((f"{bucket}/*",)),
        "processed-objects": Place((f"{bucket}/{config.prefix}/*",)),
        "quarantine": Place((f"{bucket}/{config.failed_prefix}/*",)),
        "queue": Place((names.queue_arn(physical.queue),)),
    }


def _lambda(names: Names, physical: PhysicalNames) -> dict[str, Place]:
    """Mappings have a UUID for a name, so a condition limits them to those of the pipeline's functions.

    A mapping that was pointed to another function is therefore denied. To let `up` repair that, allow
    `lambda:UpdateEventSourceMapping` without the condition.
    """
    processor, auditor = names.function_arn(physical.processor), names.function_arn(physical.auditor)
    mappings = (names.mapping_arn("*"),)
    versions = f"{processor}:*"  # and aliases
    of_the_functions: Condition = {"ArnLike": {"lambda:FunctionArn": [processor, versions, auditor]}}
    return {
        "processor": Place((processor, versions)),
        "auditor": Place((auditor,)),
        "mappings": Place(mappings),
        "managed-mappings": Place(mappings, of_the_functions),
        "new-mappings": Place(("*",), of_the_functions),
    }
