"""Counts of a queue stay what they were for a while."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from typing import Any, cast

from pipectl.local.clients import OWN_AGENT, Place
from pipectl.local.fronts import Answer, Inside
from pipectl.local.queue_counts import QueueCounts
from pipectl.local.requests import Request

URL = "http://127.0.0.1:4566/000000000000/failures"


class Queue:
    """A queue with some messages, behind the front."""

    def __init__(self, seconds: float) -> None:
        self.messages = 0
        self.now = 0.0
        self.front = QueueCounts(cast(Inside, self), seconds, lambda: self.now)

    async def json(self, place: Place, service: str, target: str, parameters: Mapping[str, Any]) -> Answer:
        assert (place, service, parameters["QueueUrl"]) == (Place("000000000000", "us-east-1"), "sqs", URL)
        return self._attributes()

    def _attributes(self) -> Answer:
        attributes = {"ApproximateNumberOfMessages": str(self.messages), "VisibilityTimeout": "30"}
        return Answer(200, [], json.dumps({"Attributes": attributes}).encode())

    def request(self, operation: str, agent: str = "Boto3") -> Request:
        scope = "Credential=000000000000/20260101/us-east-1/sqs/aws4_request"
        headers = {"x-amz-target": f"AmazonSQS.{operation}", "authorization": scope, "user-agent": agent}
        return Request("POST", "/", "/", "", headers, json.dumps({"QueueUrl": URL}).encode())

    def send(self) -> None:
        async def forward() -> Answer:
            self.messages += 1
            return Answer(200, [], b"{}")

        asyncio.run(self.front.serve(self.request("SendMessage"), forward))

    def count(self) -> str:
        async def forward() -> Answer:
            return self._attributes()

        answer = asyncio.run(self.front.serve(self.request("GetQueueAttributes"), forward))
        attributes = answer.document["Attributes"]
        assert attributes["VisibilityTimeout"] == "30"
        return str(attributes["ApproximateNumberOfMessages"])


def test_a_message_is_counted_a_while_after_it_was_sent() -> None:
    queue = Queue(60)
    queue.send()
    queue.now = 59
    assert queue.count() == "0"
    queue.now = 60
    assert queue.count() == "1"
    queue.send()
    queue.now = 61
    assert queue.count() == "1"


def test_pollers_of_the_server_and_a_queue_without_delay_are_left_alone() -> None:
    queue = Queue(60)
    assert queue.front.serves(queue.request("GetQueueAttributes"))
    assert not queue.front.serves(queue.request("GetQueueAttributes", f"Boto3 {OWN_AGENT}"))
    assert not queue.front.serves(queue.request("GetQueueUrl"))
    assert not Queue(0).front.serves(queue.request("GetQueueAttributes"))
