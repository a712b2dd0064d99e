"""CloudWatch metrics of the pipeline, all read in one call."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Literal, NamedTuple

from pipectl.aws.stream_records import STREAM_RETENTION
from pipectl.config.physical import PhysicalNames
from pipectl.context import Context

if TYPE_CHECKING:
    from mypy_boto3_cloudwatch.type_defs import MetricDataQueryTypeDef

METRICS_LATE = timedelta(minutes=3)
"""Time after which CloudWatch certainly has a metric: 1 to 3 minutes pass."""
RECENTLY = timedelta(minutes=15)
PERIOD = timedelta(minutes=1)

Series = Literal[
    "iterator_age",
    "writes",
    "processor_errors",
    "processor_throttles",
    "auditor_errors",
    "auditor_throttles",
    "visible_messages",
    "hidden_messages",
    "oldest_message",
]
"""Names of the metrics; also their ids in a request."""


class Point(NamedTuple):
    """The start of a period, and the value of the metric in it."""

    start: datetime
    value: float


class _Query(NamedTuple):
    series: Series
    namespace: str
    metric: str
    dimension: str
    of: str
    statistic: str


def _queries(names: PhysicalNames) -> list[_Query]:
    function, queue, processor, auditor = "FunctionName", "QueueName", names.processor, names.auditor
    return [
        _Query("iterator_age", "AWS/Lambda", "IteratorAge", function, processor, "Maximum"),
        _Query("writes", "AWS/DynamoDB", "ConsumedWriteCapacityUnits", "TableName", names.orders_table, "Sum"),
        _Query("processor_errors", "AWS/Lambda", "Errors", function, processor, "Sum"),
        _Query("processor_throttles", "AWS/Lambda", "Throttles", function, processor, "Sum"),
        _Query("auditor_errors", "AWS/Lambda", "Errors", function, auditor, "Sum"),
        _Query("auditor_throttles", "AWS/Lambda", "Throttles", function, auditor, "Sum"),
        _Query("visible_messages", "AWS/SQS", "ApproximateNumberOfMessagesVisible", queue, names.queue, "Maximum"),
        _Query("hidden_messages", "AWS/SQS", "ApproximateNumberOfMessagesNotVisible", queue, names.queue, "Maximum"),
        _Query("oldest_message", "AWS/SQS", "ApproximateAgeOfOldestMessage", queue, names.queue, "Maximum"),
    ]


class Metrics:
    """The metrics of the last 24 hours, read once, when the first is asked for. Safe for several threads.

    Args:
        now: The time at which they are read.
        read: Returns the points of each metric, the newest first.
    """

    def __init__(self, now: datetime, read: Callable[[], Mapping[str, Sequence[Point]]]) -> None:
        self.now = now
        self._read_all = read
        self._lock = threading.Lock()
        self._read: Mapping[str, Sequence[Point]] | None = None

    @classmethod
    def of(cls, context: Context, now: datetime) -> Metrics:
        """Return the metrics of a pipeline."""
        return cls(now, lambda: _read_all(context, now))

    def points(self, series: Series) -> Sequence[Point]:
        """Return all points of a metric, the newest first."""
        with self._lock:
            if self._read is None:
                self._read = self._read_all()
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


def _read_all(context: Context, now: datetime) -> Mapping[str, Sequence[Point]]:
    """Read all metrics in one call. Periods begin at whole minutes, as CloudWatch aligns them."""
    start = (now - STREAM_RETENTION).replace(second=0, microsecond=0)
    pages = context.aws.cloudwatch.get_paginator("get_metric_data").paginate(
        MetricDataQueries=[_request(query) for query in _queries(context.pipeline.physical)],
        StartTime=start,
        EndTime=now + PERIOD,
        ScanBy="TimestampDescending",
    )
    found: dict[str, list[Point]] = {}
    for result in (result for page in pages for result in page["MetricDataResults"]):
        points = zip(result["Timestamps"], result["Values"], strict=True)
        found.setdefault(result["Id"], []).extend(Point(*point) for point in points)
    return found


def _request(query: _Query) -> MetricDataQueryTypeDef:
    return {
        "Id": query.series,
        "MetricStat": {
            "Metric": {
                "Namespace": query.namespace,
                "MetricName": query.metric,
                "Dimensions": [{"Name": query.dimension, "Value": query.of}],
            },
            "Period": int(PERIOD.total_seconds()),
            "Stat": query.statistic,
        },
    }
