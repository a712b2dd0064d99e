"""Values that AWS chooses for a resource and that other code needs. Kinds without any use `Facts` itself."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from pipectl.aws.stream_records import STREAM_RETENTION
from pipectl.engine.model import Facts
from pipectl.errors import PipectlError
from pipectl.pause_tags import CatchingUp, Pause

ENABLED_STATES = ("Enabled", "Enabling", "Creating")
"""States of a mapping that reads its source, or is about to."""


@dataclass(frozen=True)
class Capacity:
    """The capacity of a provisioned table, in units of DynamoDB."""

    read: int
    write: int

    def describe(self) -> str:
        return f"{self.read:,} read and {self.write:,} write capacity units"


@dataclass(frozen=True)
class TableFacts(Facts):
    """A table as AWS reports it.

    Args:
        arn: Its ARN.
        stream_arn: The ARN of its stream while the stream is enabled.
        created_at: The time when it was created.
        filled: Each item that belongs to one of its sparse indexes has the attribute of that index.
        provisioned: Its capacity; ``None`` for an on-demand table.
    """

    arn: str
    stream_arn: str | None = None
    created_at: datetime | None = None
    filled: bool = False
    provisioned: Capacity | None = None

    def require_stream(self) -> str:
        """Return the stream's ARN.

        Raises:
            PipectlError: the stream is disabled.
        """
        if self.stream_arn is None:
            raise PipectlError(f"the stream of {self.arn} is disabled", hint="`pipectl up` enables it")
        return self.stream_arn


@dataclass(frozen=True)
class QueueFacts(Facts):
    """A queue as AWS reports it.

    Args:
        url: Its URL.
        arn: Its ARN.
        messages: The number of visible messages and of those that are being received, about; ``None`` where it was not
            read.
    """

    url: str
    arn: str
    messages: int | None = None


@dataclass(frozen=True)
class AlarmFacts(Facts):
    """The state of an alarm: ``OK``, ``ALARM`` or ``INSUFFICIENT_DATA``, and the time since which it has it."""

    state: str
    since: datetime | None = None


@dataclass(frozen=True)
class RoleFacts(Facts):
    """A role's unique id, which a role that is deleted and recreated does not keep."""

    role_id: str


@dataclass(frozen=True)
class FunctionFacts(Facts):
    """A function as AWS reports it.

    Args:
        live_version: The version that its alias names, ``None`` without an alias.
        held: Its reserved concurrency is 0, so that Lambda never invokes it.
        replaced: The version that the alias named before that one was deployed, ``None`` where it is unknown.
        live_since: The time at which the live version was deployed, or rolled back to.
        rollback: The description of the rollback that led to the live version, if one did.
    """

    live_version: str | None
    held: bool = False
    replaced: str | None = None
    live_since: datetime | None = None
    rollback: str | None = None

    @property
    def rolled_back(self) -> bool:
        return self.rollback is not None


@dataclass(frozen=True)
class MappingFacts(Facts):
    """An event source mapping as AWS reports it.

    Args:
        uuid: The only identity that AWS gives it.
        arn: Its ARN, for tags.
        state: ``Enabled``, ``Disabled``, ``Updating``, ...
        last_result: ``LastProcessingResult``, empty where AWS reports none.
        pause: The pause that its tags describe.
        draining: UUIDs of older mappings that may still have records to read.
        last_modified: The time of its last change; changes of its tags do not count.
        record_age: ``MaximumRecordAgeInSeconds`` as it is in force, -1 for none.
        catching_up: The state that its tag describes: a backlog is read without a maximum record age.
    """

    uuid: str
    arn: str
    state: str
    last_result: str = ""
    pause: Pause | None = None
    draining: tuple[str, ...] = ()
    last_modified: datetime | None = None
    record_age: int = -1
    catching_up: CatchingUp | None = None

    @property
    def enabled(self) -> bool:
        """Return whether it reads its source, or is about to."""
        return self.state in ENABLED_STATES

    @property
    def stopped(self) -> bool:
        """Return whether it certainly does not read its source; a mapping that is updating may."""
        return not self.enabled and self.state != "Updating"


def waiting_retention(mapping: MappingFacts | None) -> timedelta:
    """Return the time for which a record can wait for the stream mapping before it is discarded or trimmed.

    The stream keeps records for 24 hours. A mapping that reads discards records at its maximum record age already. A
    stopped or missing mapping discards nothing; when it is enabled or created, old records are read first.
    """
    if mapping is None or mapping.stopped or mapping.record_age < 0:
        return STREAM_RETENTION
    return min(STREAM_RETENTION, timedelta(seconds=mapping.record_age))
