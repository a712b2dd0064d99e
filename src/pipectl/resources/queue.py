"""SQS standard queues: encrypted, and over TLS alone."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Any

from pipectl.aws import Aws
from pipectl.engine.model import Attributes, Facts, Observation, Resource
from pipectl.errors import AbsentError
from pipectl.resources.policy import deny_plain_http, document, statements

if TYPE_CHECKING:
    from mypy_boto3_sqs.literals import QueueAttributeNameType

_BOUND = 180
_SSE_SQS = "SSE-SQS"
_COUNTS: tuple[QueueAttributeNameType, ...] = (
    "ApproximateNumberOfMessages",
    "ApproximateNumberOfMessagesNotVisible",
    "ApproximateNumberOfMessagesDelayed",
)


class Queue(Resource):
    """A standard queue.

    Args:
        key: Its section in the config.
        name: Its physical name.
        aws: Where it is.
        arn: Its ARN.
        retention: Seconds that a message is kept.
        maximum_message_size: Bytes.
        visibility_timeout: Seconds that a received message stays hidden.
        tags: The tags it bears.
    """

    kind = "queue"

    def __init__(
        self,
        key: str,
        name: str,
        aws: Aws,
        *,
        arn: str,
        retention: int,
        maximum_message_size: int,
        visibility_timeout: int,
        tags: Mapping[str, str],
    ) -> None:
        super().__init__(key, name)
        self._aws = aws
        self._desired: Attributes = {
            "retention": retention,
            "maximum_message_size": maximum_message_size,
            "visibility_timeout": visibility_timeout,
            "encryption": _SSE_SQS,
            "policy": statements(document([deny_plain_http(["sqs:*"], [arn])])),
            "tags": dict(tags),
        }

    def desired(self, facts: Mapping[str, Facts]) -> Attributes:
        del facts
        return self._desired

    def observe(self) -> Observation | None:
        sqs = self._aws.sqs
        try:
            url = sqs.get_queue_url(QueueName=self.name)["QueueUrl"]
            found: Any = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
            tags = sqs.list_queue_tags(QueueUrl=url).get("Tags", {})
        except AbsentError:
            return None
        policy = found.get("Policy")
        attributes: Attributes = {
            "retention": int(found["MessageRetentionPeriod"]),
            "maximum_message_size": int(found["MaximumMessageSize"]),
            "visibility_timeout": int(found["VisibilityTimeout"]),
            "encryption": _encryption(found),
            "policy": statements(json.loads(policy)) if policy else None,
        }
        return Observation(attributes, tags, {"url": url, "arn": found["QueueArn"]})

    def create(self, desired: Attributes) -> Facts:
        attributes = {name: value for name, value in _settings(desired).items() if value}
        url = self._aws.sqs.create_queue(QueueName=self.name, Attributes=attributes, tags=desired["tags"])["QueueUrl"]

        def usable() -> bool:
            try:
                self._aws.sqs.get_queue_url(QueueName=self.name)
            except AbsentError:
                return False
            return True

        self._aws.wait(usable, f"queue {self.name} to be known", 60)
        return {"url": url}

    def update(self, desired: Attributes, observed: Observation, differs: Collection[str]) -> Facts:
        url = observed.facts["url"]
        if set(differs) - {"tags"}:
            self._aws.sqs.set_queue_attributes(QueueUrl=url, Attributes=_settings(desired))
        if "tags" in differs:
            self._aws.sqs.tag_queue(QueueUrl=url, Tags=desired["tags"])
        return observed.facts

    def delete(self, observed: Observation) -> None:
        try:
            self._aws.sqs.delete_queue(QueueUrl=observed.facts["url"])
        except AbsentError:
            return

        def gone() -> bool:
            try:
                self._aws.sqs.get_queue_url(QueueName=self.name)
            except AbsentError:
                return True
            return False

        self._aws.wait(gone, f"queue {self.name} to be deleted", _BOUND)

    def contents(self, observed: Observation) -> str | None:
        url = observed.facts["url"]
        answer = self._aws.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=list(_COUNTS))["Attributes"]
        count = sum(int(value) for value in answer.values())
        return f"about {count} messages" if count else None


def _settings(desired: Attributes) -> Any:
    """The attributes as SetQueueAttributes takes them; an empty KmsMasterKeyId takes a customer key away."""
    return {
        "MessageRetentionPeriod": str(desired["retention"]),
        "MaximumMessageSize": str(desired["maximum_message_size"]),
        "VisibilityTimeout": str(desired["visibility_timeout"]),
        "KmsMasterKeyId": "",
        "SqsManagedSseEnabled": "true",
        "Policy": json.dumps(document(desired["policy"])),
    }


def _encryption(found: Mapping[str, str]) -> str | None:
    if key := found.get("KmsMasterKeyId"):
        return f"SSE-KMS:{key}"
    return _SSE_SQS if found.get("SqsManagedSseEnabled", "").lower() == "true" else None
