"""CloudWatch metrics that MiniStack 1.5.33 does not publish, sent with ``PutMetricData`` in the background."""

from __future__ import annotations

import logging
import threading
import time
from collections import defaultdict, deque
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from pipectl.local.clients import Clients, Place
from pipectl.local.signal_counter import SignalCounter

logger = logging.getLogger("pipectl.metrics")

COLLECT_SECONDS = 0.1


@dataclass(frozen=True)
class _Point:
    place: Place
    namespace: str
    datum: dict[str, Any]


class Metrics:
    """Collects data points and publishes them, a few at a time, with the time at which they were recorded."""

    def __init__(self, clients: Clients, delay: float = 0.0) -> None:
        """Start with none.

        Args:
            clients: For ``PutMetricData``.
            delay: Seconds until a point is published.
        """
        self._clients = clients
        self._delay = max(delay, COLLECT_SECONDS)
        self._points: deque[_Point] = deque()
        self._changed = SignalCounter()
        threading.Thread(target=self._publish_forever, name="metrics", daemon=True).start()

    def of_function(self, place: Place, function_name: str, name: str, value: float, unit: str) -> None:
        """Record a data point of ``AWS/Lambda``."""
        self._record(place, "AWS/Lambda", name, value, unit, {"FunctionName": function_name})

    def of_table(self, place: Place, table: str, operation: str) -> None:
        """Record a request of ``AWS/DynamoDB`` that succeeded, with an invented latency. Not modelled: PartiQL."""
        dimensions = {"TableName": table, "Operation": operation}
        self._record(place, "AWS/DynamoDB", "SuccessfulRequestLatency", 1, "Milliseconds", dimensions)

    def of_queue(self, place: Place, name: str, value: float, queue_name: str) -> None:
        """Record a data point of ``AWS/SQS``."""
        self._record(place, "AWS/SQS", name, value, "Count", {"QueueName": queue_name})

    def _record(
        self, place: Place, namespace: str, name: str, value: float, unit: str, dimensions: dict[str, str]
    ) -> None:
        datum = {
            "MetricName": name,
            "Value": value,
            "Unit": unit,
            "Timestamp": time.time(),
            "Dimensions": [{"Name": key, "Value": text} for key, text in dimensions.items()],
        }
        self._points.append(_Point(place, namespace, datum))
        self._changed.set()

    def _publish_forever(self) -> None:
        while True:
            seen = self._changed.count
            if not self._points:
                self._changed.wait(seen)
                continue
            time.sleep(max(0.0, self._points[0].datum["Timestamp"] + self._delay - time.time()))
            due = time.time() - self._delay + COLLECT_SECONDS
            grouped: dict[tuple[Place, str], list[dict[str, Any]]] = defaultdict(list)
            while self._points and self._points[0].datum["Timestamp"] <= due:
                point = self._points.popleft()
                grouped[point.place, point.namespace].append(point.datum)
            for (place, namespace), data in grouped.items():
                self._publish(place, namespace, data)

    def _publish(self, place: Place, namespace: str, data: list[dict[str, Any]]) -> None:
        try:
            self._clients.of_root("cloudwatch", place).put_metric_data(Namespace=namespace, MetricData=data)
        except (ClientError, BotoCoreError) as error:
            logger.warning("Cannot publish metrics of %s: %s", place, error)
