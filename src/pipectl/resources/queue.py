"""SQS standard queues: encrypted, and only over TLS."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING

from pipectl.aws.client import Aws
from pipectl.engine.model import Attributes, Contents, Facts, Observation, Resource
from pipectl.engine.parallel import at_once
from pipectl.errors import AbsentError, ExistsError
from pipectl.facts import QueueFacts
from pipectl.policy_document import deny_plain_http, document, read, statements
from pipectl.resources.tagging import differing
from pipectl.resources.unmanaged import note

if TYPE_CHECKING:
    from mypy_boto3_sqs.literals import QueueAttributeNameType

    _Settings = dict[QueueAttributeNameType, str]

DAY = 24 * 3600
_BOUND = 180
_TAGS_LAG = 5
"""Seconds within which the tags of a new queue are visible; without tags after that, it is not managed."""
_SSE_SQS = "SSE-SQS"
_COUNTS: tuple[QueueAttributeNameType, ...] = (
    "ApproximateNumberOfMessages",
    "ApproximateNumberOfMessagesNotVisible",
    "ApproximateNumberOfMessagesDelayed",
)


class Queue(Resource):
    """A standard queue. It has no redrive policy, which would move failures away before they are audited.

    Args:
        key: Its section in the config.
        name: Its physical name.
        aws: Where it is.
        arn: Its ARN.
        retention_days: Days that a message is kept.
        maximum_message_size: Bytes.
        visibility_timeout: Seconds that a received message stays hidden.
        tags: Tags of the resource.
    """

    kind = "queue"

    def __init__(
        self,
        key: str,
        name: str,
        aws: Aws,
        *,
        arn: str,
        retention_days: int,
        maximum_message_size: int,
        visibility_timeout: int,
        tags: Mapping[str, str],
    ) -> None:
        super().__init__(key, name)
        self._aws = aws
        self._arn = arn
        self._desired: Attributes = {
            "retention_days": retention_days,
            "maximum_message_size": maximum_message_size,
            "visibility_timeout": visibility_timeout,
            "delay": 0,
            "encryption": _SSE_SQS,
            "redrive_policy": None,
            "policy": statements(document([deny_plain_http(["sqs:*"], [arn])])),
            "tags": dict(tags),
        }

    def desired(self, facts: Mapping[str, Facts]) -> Attributes:
        del facts
        return self._desired

    def identify(self) -> Observation | None:
        url = self._url()
        return Observation({}, self._tags(url), QueueFacts(url, self._arn)) if url else None

    def observe(self) -> Observation | None:
        url = self._url()
        if url is None:
            return None
        sqs = self._aws.sqs
        with at_once() as start:
            answer = start(lambda: sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"]))
            tags = start(lambda: self._tags(url))
        found = answer()["Attributes"]
        policy = found.get("Policy")
        attributes: Attributes = {
            "retention_days": _days(int(found["MessageRetentionPeriod"])),
            "maximum_message_size": int(found["MaximumMessageSize"]),
            "visibility_timeout": int(found["VisibilityTimeout"]),
            "delay": int(found.get("DelaySeconds", 0)),
            "encryption": _encryption(found),
            "redrive_policy": found.get("RedrivePolicy") or None,
            "policy": statements(read(policy)) if policy else None,
        }
        allows = found.get("RedriveAllowPolicy")
        messages = int(found["ApproximateNumberOfMessages"]) + int(found["ApproximateNumberOfMessagesNotVisible"])
        return Observation(
            attributes,
            tags(),
            QueueFacts(url, self._arn, messages),
            note=note({"redrive allow policy": allows}),
            unmanaged={"redrive_allow_policy": allows} if allows else {},
        )

    def _url(self) -> str | None:
        try:
            return self._aws.sqs.get_queue_url(QueueName=self.name)["QueueUrl"]
        except AbsentError:
            return None

    def _tags(self, url: str) -> dict[str, str]:
        return self._aws.sqs.list_queue_tags(QueueUrl=url).get("Tags", {})

    def create(self, desired: Attributes) -> Facts:
        """Create the queue, and compare its tags.

        CreateQueue succeeds for an existing queue with the same settings, and leaves its tags. So only the tags show
        whether the queue is new.
        """
        sqs = self._aws.sqs
        settings = {name: value for each in _settings(desired).values() for name, value in each.items() if value}
        url = sqs.create_queue(QueueName=self.name, Attributes=settings, tags=desired["tags"])["QueueUrl"]
        found: dict[str, str] = {}
        start = self._aws.clock.monotonic()

        def usable() -> bool:
            found.update(sqs.list_queue_tags(QueueUrl=url).get("Tags", {}))
            return bool(found) or self._aws.clock.monotonic() - start > _TAGS_LAG

        self._aws.wait(usable, f"queue {self.name} to be visible", 60)
        if not desired["tags"].items() <= found.items():
            raise ExistsError(f"queue {self.name} exists already")
        return QueueFacts(url, self._arn)

    def update(self, desired: Attributes, observed: Observation, differs: Collection[str]) -> Facts:
        url = observed.facts_as(QueueFacts).url
        settings: _Settings = {}
        for attribute, values in _settings(desired).items():
            if attribute in differs:
                settings |= values
        if settings:
            self._aws.sqs.set_queue_attributes(QueueUrl=url, Attributes=settings)
        if "tags" in differs:
            self._aws.sqs.tag_queue(QueueUrl=url, Tags=differing(desired["tags"], observed.tags))
        return observed.facts

    def delete(self, observed: Observation, *, delete_data: bool = False) -> None:
        del delete_data
        try:
            self._aws.sqs.delete_queue(QueueUrl=observed.facts_as(QueueFacts).url)
        except AbsentError:
            return

        def gone() -> bool:
            try:
                self._aws.sqs.get_queue_url(QueueName=self.name)
            except AbsentError:
                return True
            return False

        self._aws.wait(gone, f"queue {self.name} to be deleted", _BOUND)

    def contents(self, observed: Observation) -> Contents | None:
        url = observed.facts_as(QueueFacts).url
        answer = self._aws.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=list(_COUNTS))["Attributes"]
        count = sum(int(value) for value in answer.values())
        return Contents(count) if count else None


def _settings(desired: Attributes) -> dict[str, _Settings]:
    """Return each attribute as SetQueueAttributes takes it; an empty string removes a setting.

    SQS refuses two kinds of encryption in one call ("You can use one type of server-side encryption (SSE) at one
    time"), but an empty KmsMasterKeyId is allowed: it removes a customer key.
    """
    return {
        "retention_days": {"MessageRetentionPeriod": str(desired["retention_days"] * DAY)},
        "maximum_message_size": {"MaximumMessageSize": str(desired["maximum_message_size"])},
        "visibility_timeout": {"VisibilityTimeout": str(desired["visibility_timeout"])},
        "delay": {"DelaySeconds": str(desired["delay"])},
        "encryption": {"KmsMasterKeyId": "", "SqsManagedSseEnabled": "true"},
        "redrive_policy": {"RedrivePolicy": ""},
        "policy": {"Policy": json.dumps(document(desired["policy"]))},
    }


def _days(seconds: int) -> int | float:
    """Return seconds as days, exactly: no two numbers of seconds are the same number of days."""
    return seconds // DAY if seconds % DAY == 0 else seconds / DAY


def _encryption(found: Mapping[QueueAttributeNameType, str]) -> str | None:
    if key := found.get("KmsMasterKeyId"):
        return f"SSE-KMS:{key}"
    return _SSE_SQS if found.get("SqsManagedSseEnabled", "").lower() == "true" else None
