"""CloudWatch metrics of the pipeline, one question at a time."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

from pipectl.aws.stream_records import STREAM_RETENTION
from pipectl.context import Context


class Metrics:
    """CloudWatch metrics of the pipeline; each call asks for what one check needs."""

    def __init__(self, context: Context, now: datetime) -> None:
        self._context = context
        self._now = now

    def of_last_hour(self, function: str) -> float | None:
        name = getattr(self._context.pipeline.physical, function)
        return self._read("AWS/Lambda", "Errors", {"FunctionName": name}, "Sum", timedelta(hours=1), sum)

    def iterator_age(self) -> float | None:
        """Seconds, the greatest of the last quarter of an hour."""
        dimensions = {"FunctionName": self._context.pipeline.physical.processor}
        milliseconds = self._read("AWS/Lambda", "IteratorAge", dimensions, "Maximum", timedelta(minutes=15), max)
        return None if milliseconds is None else milliseconds / 1000

    def read_until(self) -> datetime | None:
        """The time before which all records had certainly been read when the function was last invoked.

        A period tells of its greatest age, and begins with it. ``None`` when CloudWatch knows of no invocation within
        the 24 hours that a record lasts.
        """
        dimensions = {"FunctionName": self._context.pipeline.physical.processor}
        points = self._points("AWS/Lambda", "IteratorAge", dimensions, "Maximum", STREAM_RETENTION)
        return points[0][0] - timedelta(milliseconds=points[0][1]) if points else None

    def age_of_oldest_message(self) -> float | None:
        """Seconds, the last that CloudWatch knows."""
        dimensions = {"QueueName": self._context.pipeline.physical.queue}
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
        """The data points of one metric, newest first, folded into one; ``None`` where there are none."""
        values = [value for _, value in self._points(namespace, name, dimensions, statistic, back)]
        return fold(values) if values else None

    def _points(
        self, namespace: str, name: str, dimensions: Mapping[str, str], statistic: str, back: timedelta
    ) -> list[tuple[datetime, float]]:
        """When each period of a metric begins, and its value, newest first."""
        metric: Any = {
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
