"""CloudWatch metrics of the pipeline, all read in one call."""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Literal, NamedTuple

from pipectl.aws.stream_records import STREAM_RETENTION
from pipectl.config.physical import PhysicalNames
from pipectl.context import Context
from pipectl.errors import AwsError

if TYPE_CHECKING:
    from mypy_boto3_cloudwatch.type_defs import MetricDataQueryTypeDef

METRICS_LATE = timedelta(minutes=3)
"""Time after which CloudWatch certainly has a metric: 1 to 3 minutes pass."""
RECENTLY = timedelta(minutes=15)
PERIOD = timedelta(minutes=1)

Series = Literal[
    "iterator_age",
    "writes",
    "processor_invocations",
    "processor_errors",
    "processor_throttles",
    "undelivered",
    "auditor_errors",
    "auditor_throttles",
    "visible_messages",
    "hidden_messages",
    "oldest_message",
]
"""Names of the metrics. ``undelivered`` counts failures that the mapping could not send to the queue.

``writes`` counts requests that can write orders. Write units would include deletions and failed conditional writes.
Counted, though they make no record to process, are batches, transactions and PartiQL statements that only delete,
PartiQL statements that read, and writes that change nothing.
"""
WRITES = (
    *("PutItem", "UpdateItem", "BatchWriteItem", "TransactWriteItems"),
    *("ExecuteStatement", "BatchExecuteStatement", "ExecuteTransaction"),
)
"""The requests of DynamoDB that can write orders."""


class Point(NamedTuple):
    """The start of a period, and the value of the metric in it."""

    start: datetime
    value: float


class _Query(NamedTuple):
    series: Series
    namespace: str
    metric: str
    dimensions: Mapping[str, str]
    statistic: str


def _queries(names: PhysicalNames) -> list[_Query]:
    """Return the metrics to read. A series has the sums of all its metrics."""
    processor, auditor = {"FunctionName": names.processor}, {"FunctionName": names.auditor}
    queue, table = {"QueueName": names.queue}, {"TableName": names.orders_table}
    requests = ("AWS/DynamoDB", "SuccessfulRequestLatency")
    return [
        _Query("iterator_age", "AWS/Lambda", "IteratorAge", processor, "Maximum"),
        *(_Query("writes", *requests, {**table, "Operation": operation}, "SampleCount") for operation in WRITES),
        _Query("processor_invocations", "AWS/Lambda", "Invocations", processor, "Sum"),
        _Query("processor_errors", "AWS/Lambda", "Errors", processor, "Sum"),
        _Query("processor_throttles", "AWS/Lambda", "Throttles", processor, "Sum"),
        _Query("undelivered", "AWS/Lambda", "DestinationDeliveryFailures", processor, "Sum"),
        _Query("auditor_errors", "AWS/Lambda", "Errors", auditor, "Sum"),
        _Query("auditor_throttles", "AWS/Lambda", "Throttles", auditor, "Sum"),
        _Query("visible_messages", "AWS/SQS", "ApproximateNumberOfMessagesVisible", queue, "Maximum"),
        _Query("hidden_messages", "AWS/SQS", "ApproximateNumberOfMessagesNotVisible", queue, "Maximum"),
        _Query("oldest_message", "AWS/SQS", "ApproximateAgeOfOldestMessage", queue, "Maximum"),
    ]


class Metrics:
    """The metrics of the last 24 hours, read once, when the first is asked for. Safe for several threads.

    An error is kept, too, and raised again: a denied call is made once.

    Args:
        now: The time at which they are read.
        read: Returns the points of each metric, the newest first.
    """

    def __init__(self, now: datetime, read: Callable[[], Mapping[str, Sequence[Point]]]) -> None:
        self.now = now
        self._read_all = read
        self._lock = threading.Lock()
        self._read: Mapping[str, Sequence[Point]] | AwsError | None = None

    @classmethod
    def of(cls, context: Context, now: datetime, names: PhysicalNames | None = None) -> Metrics:
        """Return the metrics of a pipeline, or of resources with other names."""
        return cls(now, lambda: _read_all(context, now, names or context.pipeline.physical))

    def points(self, series: Series) -> Sequence[Point]:
        """Return all points of a metric, the newest first."""
        with self._lock:
            if self._read is None:
                try:
                    self._read = self._read_all()
                except AwsError as error:
                    self._read = error
            if isinstance(self._read, AwsError):
                raise self._read
            return self._read.get(series, ())

    def recent(self, series: Series, back: timedelta = RECENTLY) -> list[Point]:
        """Return the points whose periods end after ``now - back``."""
        return [point for point in self.points(series) if point.start + PERIOD > self.now - back]

    def total(self, series: Series, back: timedelta = RECENTLY) -> int:
        """Return the sum of the recent points."""
        return int(sum(point.value for point in self.recent(series, back)))

    def last_nonzero(self, series: Series) -> datetime | None:
        """Return the start of the latest period in which a count was not zero."""
        return next((point.start for point in self.points(series) if point.value), None)

    def first_nonzero_after(self, series: Series, time: datetime | None) -> datetime | None:
        """Return the start of the first period after ``time`` in which a count was not zero."""
        starts = [point.start for point in self.points(series) if point.value]
        return min((start for start in starts if time is None or start > time), default=None)


def _read_all(context: Context, now: datetime, names: PhysicalNames) -> Mapping[str, Sequence[Point]]:
    """Read all metrics in one call. Periods begin at whole minutes, as CloudWatch aligns them."""
    queries = {f"m{number}": query for number, query in enumerate(_queries(names))}
    pages = context.aws.cloudwatch.get_paginator("get_metric_data").paginate(
        MetricDataQueries=[_request(name, query) for name, query in queries.items()],
        StartTime=(now - STREAM_RETENTION).replace(second=0, microsecond=0),
        EndTime=now + PERIOD,
    )
    found: defaultdict[str, defaultdict[datetime, float]] = defaultdict(lambda: defaultdict(float))
    for result in (result for page in pages for result in page["MetricDataResults"]):
        points = found[queries[result["Id"]].series]
        for start, value in zip(result["Timestamps"], result["Values"], strict=True):
            points[start] += value
    # The local emulator ignores ScanBy: it answers the oldest first.
    return {series: [Point(*each) for each in sorted(points.items(), reverse=True)] for series, points in found.items()}


def _request(name: str, query: _Query) -> MetricDataQueryTypeDef:
    return {
        "Id": name,
        "MetricStat": {
            "Metric": {
                "Namespace": query.namespace,
                "MetricName": query.metric,
                "Dimensions": [{"Name": key, "Value": value} for key, value in query.dimensions.items()],
            },
            "Period": int(PERIOD.total_seconds()),
            "Stat": query.statistic,
        },
    }
