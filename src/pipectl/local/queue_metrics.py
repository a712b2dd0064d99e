"""Metrics of ``AWS/SQS`` that are measured each minute, for the queues that messages were sent to.

Not modelled: a message that was received three times goes to the back of the queue, and leaves the age of the oldest.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

from botocore.exceptions import BotoCoreError, ClientError

from pipectl.local.clients import Clients, Place
from pipectl.local.metrics import Metrics

logger = logging.getLogger("pipectl.queue_metrics")

INTERVAL = 60.0
_GAUGES = {
    "ApproximateNumberOfMessagesVisible": "ApproximateNumberOfMessages",
    "ApproximateNumberOfMessagesNotVisible": "ApproximateNumberOfMessagesNotVisible",
}
"""The attribute of each metric."""


class QueueMetrics:
    """Measures queues."""

    def __init__(self, clients: Clients, metrics: Metrics, now: Callable[[], float] = time.monotonic) -> None:
        self._clients = clients
        self._metrics = metrics
        self._now = now
        self._lock = threading.Lock()
        self._waiting_since: dict[tuple[Place, str], float | None] = {}
        """The time since which a queue has visible messages, by place and name."""

    def start(self) -> None:
        """Measure each minute, in the background."""
        threading.Thread(target=self._measure_forever, name="queue-metrics", daemon=True).start()

    def note(self, place: Place, name: str) -> None:
        """Measure a queue from now on."""
        with self._lock:
            self._waiting_since.setdefault((place, name), None)

    def measure(self) -> None:
        """Measure each queue once. A queue that cannot be read, such as a deleted one, is dropped."""
        with self._lock:
            known = list(self._waiting_since)
        for place, name in known:
            try:
                self._measure(place, name)
            except (ClientError, BotoCoreError) as error:
                logger.info("Queue %s is measured no more: %s", name, error)
                with self._lock:
                    self._waiting_since.pop((place, name), None)

    def _measure_forever(self) -> None:
        while True:
            threading.Event().wait(INTERVAL)
            self.measure()

    def _measure(self, place: Place, name: str) -> None:
        sqs = self._clients.of_root("sqs", place)
        url = f"{self._clients.endpoint_url}/{place.account_id}/{name}"
        counts = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=list(_GAUGES.values()))["Attributes"]
        for metric, attribute in _GAUGES.items():
            self._metrics.of_queue(place, metric, int(counts[attribute]), name)
        visible = int(counts["ApproximateNumberOfMessages"]) > 0
        with self._lock:
            since = (self._waiting_since.get((place, name)) or self._now()) if visible else None
            self._waiting_since[place, name] = since
        age = self._now() - since if since is not None else 0
        self._metrics.of_queue(place, "ApproximateAgeOfOldestMessage", age, name)
