"""CloudWatch metrics that MiniStack 1.5.33 does not publish, sent with ``PutMetricData`` in the background."""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections import defaultdict
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from pipectl.local.clients import Clients, Place

logger = logging.getLogger("pipectl.metrics")

COLLECT_SECONDS = 0.1


@dataclass(frozen=True)
class _Point:
    place: Place
    namespace: str
    datum: dict[str, Any]


class Metrics:
    """Collects data points and publishes them, a few at a time."""

    def __init__(self, clients: Clients) -> None:
        self._clients = clients
        self._points: queue.SimpleQueue[_Point] = queue.SimpleQueue()
        threading.Thread(target=self._publish_forever, name="metrics", daemon=True).start()

    def of_function(self, place: Place, name: str, value: float, unit: str, function_name: str) -> None:
        """Record a data point of ``AWS/Lambda``."""
        self._record(place, "AWS/Lambda", name, value, unit, {"FunctionName": function_name})

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
        self._points.put(_Point(place, namespace, datum))

    def _publish_forever(self) -> None:
        while True:
            points = [self._points.get()]
            time.sleep(COLLECT_SECONDS)
            while not self._points.empty():
                points.append(self._points.get())
            grouped: dict[tuple[Place, str], list[dict[str, Any]]] = defaultdict(list)
            for point in points:
                grouped[point.place, point.namespace].append(point.datum)
            for (place, namespace), data in grouped.items():
                try:
                    self._clients.of_root("cloudwatch", place).put_metric_data(Namespace=namespace, MetricData=data)
                except (ClientError, BotoCoreError) as error:
                    logger.warning("Cannot publish metrics of %s: %s", place, error)
