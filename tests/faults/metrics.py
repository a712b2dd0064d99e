"""CloudWatch metrics as AWS has them: they come minutes late, and a metric without an event has no data point."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

LATEST_BY = (60.0, 180.0)
"""Seconds after which a data point is visible."""
_STATISTICS: dict[str, Callable[[Sequence[float]], float]] = {
    "Sum": sum,
    "Maximum": max,
    "Minimum": min,
    "Average": lambda values: sum(values) / len(values),
    "SampleCount": len,
}


@dataclass(frozen=True)
class _Point:
    name: str
    subjects: frozenset[str]
    at: datetime
    value: float
    visible: datetime


class LateMetrics:
    """Data points of metrics, each visible one to three minutes after its time."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)
        self._points: list[_Point] = []

    def add(self, name: str, subjects: Sequence[str], at: datetime, value: float) -> None:
        """Record a data point; the subjects are the values of its dimensions."""
        late = timedelta(seconds=self._random.uniform(*LATEST_BY))
        self._points.append(_Point(name, frozenset(subjects), at, value, at + late))

    def answer(self, params: Mapping[str, Any], now: datetime) -> dict[str, Any]:
        """Return what GetMetricData answers."""
        newest_first = params.get("ScanBy", "TimestampDescending") == "TimestampDescending"
        results = []
        for query in params["MetricDataQueries"]:
            found = self._periods(query["MetricStat"], params["StartTime"], params["EndTime"], now)
            ordered = sorted(found, reverse=newest_first)
            results.append(
                {
                    "Id": query["Id"],
                    "Label": query["MetricStat"]["Metric"]["MetricName"],
                    "Timestamps": ordered,
                    "Values": [found[start] for start in ordered],
                    "StatusCode": "Complete",
                }
            )
        return {"MetricDataResults": results, "Messages": []}

    def _periods(self, stat: Mapping[str, Any], start: datetime, end: datetime, now: datetime) -> dict[datetime, float]:
        metric, period = stat["Metric"], stat["Period"]
        subjects = {dimension["Value"] for dimension in metric["Dimensions"]}
        periods: dict[datetime, list[float]] = {}
        for point in self._points:
            if point.name == metric["MetricName"] and point.subjects == subjects and point.visible <= now:
                begin = datetime.fromtimestamp(point.at.timestamp() // period * period, point.at.tzinfo)
                if start - timedelta(seconds=period) < begin < end:
                    periods.setdefault(begin, []).append(point.value)
        return {begin: _STATISTICS[stat["Stat"]](values) for begin, values in periods.items()}
