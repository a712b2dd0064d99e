"""The metrics of a queue that are measured each minute."""

from __future__ import annotations

from typing import Any, cast

from botocore.exceptions import ClientError

from pipectl.local.clients import Clients, Place
from pipectl.local.metrics import Metrics
from pipectl.local.queue_metrics import QueueMetrics

PLACE = Place("000000000000", "us-east-1")


class Aws:
    """A queue with some messages, and the points that were recorded of it."""

    endpoint_url = "http://127.0.0.1:4566"

    def __init__(self) -> None:
        self.visible = 0
        self.exists = True
        self.now = 1000.0
        self.points: dict[str, float] = {}

    def of_root(self, service: str, place: Place) -> Any:
        assert (service, place) == ("sqs", PLACE)
        return self

    def get_queue_attributes(self, *, QueueUrl: str, AttributeNames: list[str]) -> Any:  # noqa: N803
        assert QueueUrl == f"{self.endpoint_url}/000000000000/failures"
        if not self.exists:
            raise ClientError({"Error": {"Code": "QueueDoesNotExist", "Message": ""}}, "GetQueueAttributes")
        counts = {"ApproximateNumberOfMessages": self.visible, "ApproximateNumberOfMessagesNotVisible": 2}
        return {"Attributes": {name: str(counts[name]) for name in AttributeNames}}

    def of_queue(self, place: Place, name: str, value: float, queue_name: str) -> None:
        assert (place, queue_name) == (PLACE, "failures")
        self.points[name] = value

    def measured(self, queues: QueueMetrics, *, after: float) -> tuple[float, float]:
        """Return the number of visible messages and the age of the oldest after some time."""
        self.now += after
        queues.measure()
        return self.points["ApproximateNumberOfMessagesVisible"], self.points["ApproximateAgeOfOldestMessage"]


def test_counts_and_the_age_of_the_oldest_message_are_measured() -> None:
    aws = Aws()
    queues = QueueMetrics(cast(Clients, aws), cast(Metrics, aws), lambda: aws.now)
    queues.measure()
    assert aws.points == {}
    queues.note(PLACE, "failures")
    assert aws.measured(queues, after=60) == (0, 0)
    aws.visible = 3
    assert aws.measured(queues, after=60) == (3, 0)
    assert aws.measured(queues, after=60) == (3, 60)
    assert aws.points["ApproximateNumberOfMessagesNotVisible"] == 2
    aws.visible = 0
    assert aws.measured(queues, after=60) == (0, 0)
    aws.visible = 1
    assert aws.measured(queues, after=60) == (1, 0)


def test_a_deleted_queue_is_measured_no_more() -> None:
    aws = Aws()
    queues = QueueMetrics(cast(Clients, aws), cast(Metrics, aws), lambda: aws.now)
    queues.note(PLACE, "failures")
    aws.exists = False
    queues.measure()
    aws.exists = True
    queues.measure()
    assert aws.points == {}
