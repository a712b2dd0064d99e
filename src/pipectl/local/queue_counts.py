"""Message counts of queues that are up to a minute old, as SQS's are."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

from pipectl.local.clients import OWN_AGENT, Place
from pipectl.local.fronts import Answer, Forward, Inside, json_object
from pipectl.local.requests import Request

COUNTS = ("ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible", "ApproximateNumberOfMessagesDelayed")
_CHANGES = {"SendMessage", "SendMessageBatch", "ReceiveMessage", "DeleteMessage", "DeleteMessageBatch"}


class QueueCounts:
    """Answers ``GetQueueAttributes`` with the counts of a moment before. The server's own pollers get the true ones."""

    def __init__(self, inside: Inside, seconds: float, now: Callable[[], float] = time.monotonic) -> None:
        """Start without counts.

        Args:
            inside: For the true counts.
            seconds: The age that counts may have; 0 switches this off.
            now: The clock.
        """
        self._inside = inside
        self._seconds = seconds
        self._now = now
        self._known: dict[str, tuple[float, Mapping[str, str]]] = {}

    def serves(self, request: Request) -> bool:
        concerned = request.operation in _CHANGES or request.operation == "GetQueueAttributes"
        return bool(self._seconds) and concerned and OWN_AGENT not in request.headers.get("user-agent", "")

    async def serve(self, request: Request, forward: Forward) -> Answer:
        url = str(json_object(request.body).get("QueueUrl", ""))
        if request.operation in _CHANGES:
            await self._counts(url, request.region)  # so that those from before the change are answered
            return await forward()
        answer = await forward()
        if not answer.succeeded:
            return answer
        counts = await self._counts(url, request.region)
        attributes = answer.document.get("Attributes", {})
        return answer.with_document({"Attributes": attributes | {k: v for k, v in counts.items() if k in attributes}})

    async def _counts(self, url: str, region: str) -> Mapping[str, str]:
        read_at, counts = self._known.get(url, (float("-inf"), {}))
        if self._now() - read_at >= self._seconds:
            place = Place(url.split("/")[-2], region)
            parameters = {"QueueUrl": url, "AttributeNames": COUNTS}
            answer = await self._inside.json(place, "sqs", "AmazonSQS.GetQueueAttributes", parameters)
            counts = answer.document.get("Attributes", {})
            self._known[url] = self._now(), counts
        return counts
