"""Reports of pipelines: healthy, with everything wrong, not created, and with parts that cannot be read."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import TypeAlias

from pipectl.commands.audit_stats import CauseCount, FailureCounts
from pipectl.commands.report import Permissions, Report
from pipectl.commands.status import ResourceStatus, State, StatusReport
from pipectl.config.loading import load
from pipectl.config.names import Names
from pipectl.monitoring.checks import Check, Finding
from pipectl.monitoring.unresolved import Unresolved
from pipectl.output import report
from pipectl.output.console import Screen
from pipectl.timestamps import rfc3339
from tests.monitoring.figures import NOON
from tests.output import status_samples
from tests.output.status_samples import DEGRADED, FAILING
from tests.support import DEV_CONFIG

Sample: TypeAlias = Callable[[Screen], object]

KINDS = {
    "processor-role": ("role", "dev-order-processor-role-backend"),
    "auditor-role": ("role", "dev-audit-processor-role-backend"),
    "orders-table": ("table", "dev-orders-table-backend"),
    "audit-table": ("table", "dev-audit-logs-table-backend"),
    "bucket": ("bucket", "dev-processed-data-123456789012-backend"),
    "dead-letter-queue": ("queue", "dev-order-processor-dlq-backend"),
    "processor-log-group": ("log-group", "/aws/lambda/dev-order-processor-lambda-backend"),
    "auditor-log-group": ("log-group", "/aws/lambda/dev-audit-processor-lambda-backend"),
    "processor": ("function", "dev-order-processor-lambda-backend"),
    "auditor": ("function", "dev-audit-processor-lambda-backend"),
    "stream-mapping": ("mapping", "stream of dev-orders-table-backend -> dev-order-processor-lambda-backend"),
    "queue-mapping": ("mapping", "dev-order-processor-dlq-backend -> dev-audit-processor-lambda-backend"),
    "errors-alarm": ("alarm", "dev-order-processor-errors-alarm-backend"),
    "failures-alarm": ("alarm", "dev-failures-alarm-backend"),
    "iterator-age-alarm": ("alarm", "dev-iterator-age-alarm-backend"),
    "auditor-errors-alarm": ("alarm", "dev-auditor-errors-alarm-backend"),
    "lost-failures-alarm": ("alarm", "dev-lost-failures-alarm-backend"),
    "throttles-alarm": ("alarm", "dev-throttles-alarm-backend"),
}
CONFIG = load(DEV_CONFIG)
_TABLE = "arn:aws:dynamodb:us-east-1:123456789012:table/dev-orders-table-backend"
_BUCKET = "arn:aws:s3:::dev-processed-data-123456789012-backend"
_QUEUE = "arn:aws:sqs:us-east-1:123456789012:dev-order-processor-dlq-backend"


def resources(*changed: ResourceStatus) -> tuple[ResourceStatus, ...]:
    """Return all resources, in sync but for those that are given."""
    found = {each.resource: each for each in changed}
    return tuple(
        found.get(key, ResourceStatus(key, kind, name, State.IN_SYNC, {})) for key, (kind, name) in KINDS.items()
    )


def permissions(text: str) -> tuple[Permissions, ...]:
    """Return policies with a statement of each form; ``text`` is in what others wrote."""
    trust = {"Effect": "Allow", "Principal": {"Service": ["lambda.amazonaws.com"]}, "Action": ["sts:AssumeRole"]}
    read = {
        "Sid": "ReadOrdersStream",
        "Effect": "Allow",
        "Action": ["dynamodb:GetRecords", "dynamodb:GetShardIterator"],
        "Resource": [f"{_TABLE}/stream/*"],
    }
    tls = {
        "Effect": "Deny",
        "Principal": "*",
        "Action": ["s3:*"],
        "Resource": [_BUCKET, f"{_BUCKET}/*"],
        "Condition": {"Bool": {"aws:SecureTransport": ["false"]}},
    }
    send = {"Sid": text, "Effect": "Allow", "Action": ["sqs:SendMessage"], "Resource": [_QUEUE]}
    invoke = {
        "Effect": "Allow",
        "Principal": {"AWS": ["arn:aws:iam::111122223333:root"]},
        "Action": ["lambda:InvokeFunction"],
        "Resource": [f"arn:aws:lambda:us-east-1:123456789012:function:{text}"],
    }
    return (
        Permissions(
            "processor-role",
            *KINDS["processor-role"],
            {"trust": [trust], "processor-permissions": [read, send], text: [{"Unusual": text}]},
            (f"arn:aws:iam::aws:policy/{text}",),
        ),
        Permissions("auditor-role", *KINDS["auditor-role"], {"trust": [trust], "auditor-permissions": [send]}),
        Permissions("bucket", *KINDS["bucket"], {"policy": [tls]}),
        Permissions("dead-letter-queue", *KINDS["dead-letter-queue"], {"policy": []}),
        Permissions("processor", *KINDS["processor"], {"live": [invoke]}),
        Permissions("auditor", *KINDS["auditor"], {"policy": []}),
    )


def counts(text: str, hours: int = 48) -> FailureCounts:
    """Return the failures of a period, with peaks; the newest hour is that of the report."""
    types = {hour: {"RetryAttemptsExhausted": 3 * hour % 17, "Other": hour % 2} for hour in range(0, hours, 3)}
    by_hour = {f"{rfc3339(NOON - timedelta(hours=hour))[:13]}:00:00Z": counted for hour, counted in types.items()}
    by_day: dict[str, dict[str, int]] = {}
    for time, counted in by_hour.items():
        day = by_day.setdefault(time[:10], {})
        for name, count in counted.items():
            day[name] = day.get(name, 0) + count
    by_type = {name: sum(day.get(name, 0) for day in by_day.values()) for name in ("RetryAttemptsExhausted", "Other")}
    total = sum(by_type.values())
    by_cause = [CauseCount(text, total - 9), CauseCount("InvalidOrderError: amount must be a number, got", 9)]
    since = NOON - timedelta(hours=hours)
    by_status = {"OPEN": total - 5, "REPLAYED": 5}
    return FailureCounts(since, None, NOON, total, by_type, by_status, by_day, by_hour, by_cause, 200)


def _report(status: StatusReport, text: str, found: FailureCounts | None, *problems: str) -> Report:
    names = Names("dev", "backend", "orders", status.region, status.account_id)
    return Report(CONFIG, names, Path("config/dev.yaml"), False, status, found, permissions(text), problems)


def incident(text: str) -> Report:
    """Return the report of a pipeline in which everything is wrong."""
    status = status_samples.incident(text)
    return _report(replace(status, resources=resources(*status.resources)), text, counts(text), text)


def healthy() -> Report:
    status = status_samples.healthy()
    status = replace(status, health=replace(status.health, unresolved=Unresolved()))
    none = FailureCounts(NOON - timedelta(hours=48), None, NOON, 0, {}, {}, {}, {}, (), 0)
    return replace(_report(replace(status, resources=resources()), "WriteObjects", none), local=True)


def not_created() -> Report:
    """Return the report of a pipeline of which nothing exists."""
    missing = [ResourceStatus(key, kind, name, State.MISSING, {}) for key, (kind, name) in KINDS.items()]
    checks = [
        Check(name, FAILING, Finding.MISSING, None, f"{name} is missing", "plan")
        for name in ("stream-mapping", "queue")
    ]
    status = status_samples.report(*checks, resources=tuple(missing))
    return replace(_report(status, "", None), permissions=())


def unreadable(text: str) -> Report:
    """Return the report of a caller who may read almost nothing."""
    status = status_samples.unreadable(text)
    denied = ("processor-role", "audit-table", "bucket", "stream-mapping")
    changed = [ResourceStatus(key, *KINDS[key], State.UNREADABLE, {}, f"needs {text}") for key in denied]
    check = Check(
        "open-failures", DEGRADED, Finding.UNREADABLE, None, f"open-failures cannot be read: {text}", "doctor"
    )
    health = replace(status.health, checks=(*status.health.checks[:-1], check))
    status = replace(status, resources=resources(*changed), health=health)
    return replace(_report(status, text, None, text), permissions=permissions(text)[1:2])


def reports(text: str) -> Mapping[str, Report]:
    """Return each report by name, with ``text`` as the data."""
    return {
        "incident": incident(text),
        "healthy": healthy(),
        "not created": not_created(),
        "unreadable": unreadable(text),
    }


def report_samples(text: str) -> dict[str, Sample]:
    """Return a call for each screen of `report`, with ``text`` as the data."""
    return {
        "report": partial(report.result, report=incident(text), file=Path(f"{text}.html")),
        "report healthy": partial(report.result, report=healthy(), file=Path("report.html")),
    }
