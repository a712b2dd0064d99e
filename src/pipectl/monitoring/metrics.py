"""CloudWatch metrics of the pipeline."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Literal

from pipectl.aws.stream_records import STREAM_RETENTION
from pipectl.context import Context

if TYPE_CHECKING:
    from mypy_boto3_cloudwatch.type_defs import MetricStatTypeDef


class Metrics:
    """CloudWatch metrics of the pipeline, each read when it is asked for."""

    def __init__(self, context: Context, now: datetime) -> None:
        self._context = context
        self._names = context.pipeline.physical
        self._now = now

    def errors_of_last_hour(self, function: Literal["processor", "auditor"]) -> float | None:
        name = self._names.processor if function == "processor" else self._names.auditor
        return self._read("AWS/Lambda", "Errors", {"FunctionName": name}, "Sum", timedelta(hours=1), sum)

    def iterator_age(self) -> float | None:
        """Return the greatest age of a record when it was read, in seconds, in the last 15 minutes."""
        dimensions = {"FunctionName": self._names.processor}
        milliseconds = self._read("AWS/Lambda", "IteratorAge", dimensions, "Maximum", timedelta(minutes=15), max)
        return None if milliseconds is None else milliseconds / 1000

    def read_until(self) -> datetime | None:
        """Return the time before which all records had certainly been read when the function was last invoked.

        Computed from the start of the latest period that has a data point, less the greatest age in it. ``None`` when
        CloudWatch has no data points for the 24 hours that a record lasts.
        """
        dimensions = {"FunctionName": self._names.processor}
        points = self._points("AWS/Lambda", "IteratorAge", dimensions, "Maximum", STREAM_RETENTION)
        return points[0][0] - timedelta(milliseconds=points[0][1]) if points else None

    def age_of_oldest_message(self) -> float | None:
        """Return the latest age of the oldest message in the queue, in seconds."""
        dimensions = {"QueueName": self._names.queue}
        name = "ApproximateAgeOfOldestMessage"
        return self._read("AWS/SQS", name, dimensions, "Maximum", timedelta(minutes=15), lambda values: values[0])

    def _read(
        self,
        namespace: str,
        name: str,
        dimensions: Mapping[str, str],
        statistic: str,
        back: timedelta,
        fold: Callable[[list[float]], float],
    ) -> float | None:
        """Return the data points of one metric, newest first, folded into one; ``None`` where there are none."""
        values = [value for _, value in self._points(namespace, name, dimensions, statistic, back)]
        return fold(values) if values else None

    def _points(
        self, namespace: str, name: str, dimensions: Mapping[str, str], statistic: str, back: timedelta
    ) -> list[tuple[datetime, float]]:
        """Return the start and the value of each period of a metric, newest first."""
        metric: MetricStatTypeDef = {
            "Metric": {
                "Namespace": namespace,
                "MetricName": name,
                "Dimensions": [{"Name": key, "Value": value} for key, value in dimensions.items()],
            },
            "Period": 300,
            "Stat": statistic,
        }
        pages = self._context.aws.cloudwatch.get_paginator("get_metric_data").paginate(
            MetricDataQueries=[{"Id": "m", "MetricStat": metric}],
            StartTime=self._now - back,
            EndTime=self._now + timedelta(minutes=1),
            ScanBy="TimestampDescending",
        )
        results = [result for page in pages for result in page["MetricDataResults"]]
        return [point for result in results for point in zip(result["Timestamps"], result["Values"], strict=True)]
