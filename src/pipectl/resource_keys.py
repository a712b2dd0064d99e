"""Keys of the resources, as the config spells them."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum


class ResourceKey(StrEnum):
    """A section of the config that describes one resource, or a resource that follows from one."""

    ORDERS_TABLE = "orders-table"
    AUDIT_TABLE = "audit-table"
    BUCKET = "bucket"
    DEAD_LETTER_QUEUE = "dead-letter-queue"
    PROCESSOR_ROLE = "processor-role"
    AUDITOR_ROLE = "auditor-role"
    PROCESSOR = "processor"
    AUDITOR = "auditor"
    STREAM_MAPPING = "stream-mapping"
    QUEUE_MAPPING = "queue-mapping"
    ERRORS_ALARM = "errors-alarm"
    FAILURES_ALARM = "failures-alarm"
    ITERATOR_AGE_ALARM = "iterator-age-alarm"
    AUDITOR_ERRORS_ALARM = "auditor-errors-alarm"
    LOST_FAILURES_ALARM = "lost-failures-alarm"
    THROTTLES_ALARM = "throttles-alarm"
    PROCESSOR_LOG_GROUP = "processor-log-group"
    AUDITOR_LOG_GROUP = "auditor-log-group"


ROLE_OF: Mapping[str, ResourceKey] = {
    ResourceKey.PROCESSOR: ResourceKey.PROCESSOR_ROLE,
    ResourceKey.AUDITOR: ResourceKey.AUDITOR_ROLE,
}
"""The role of each function."""
LOG_GROUP_OF: Mapping[str, ResourceKey] = {
    ResourceKey.PROCESSOR: ResourceKey.PROCESSOR_LOG_GROUP,
    ResourceKey.AUDITOR: ResourceKey.AUDITOR_LOG_GROUP,
}
"""The log group of each function."""
USED_BY: Mapping[str, tuple[ResourceKey, ...]] = {
    ResourceKey.PROCESSOR: (ResourceKey.BUCKET,),
    # Lambda refuses a timeout above the visibility of the queue that is read, so the queue is changed first.
    ResourceKey.AUDITOR: (ResourceKey.AUDIT_TABLE, ResourceKey.DEAD_LETTER_QUEUE),
}
"""The resources that each function writes to and reads from. They are changed before it and deleted after it.

A new function can be created before them: it runs only when its mapping exists, which needs them, too.
"""
