"""What the engine knows of a resource. No AWS here: a resource is a name, plain data, and five small verbs."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, ClassVar

Attributes = dict[str, Any]
"""The managed attributes of one resource: JSON-like data, and `UNKNOWN` where AWS has not chosen yet."""

Facts = Mapping[str, str]
"""What AWS chose and others need: a queue's URL, a mapping's UUID, a table's stream ARN."""


class _Unknown:
    """A value that AWS will choose during `up`."""

    def __repr__(self) -> str:
        return "(known after apply)"

    def __str__(self) -> str:
        return repr(self)


UNKNOWN = _Unknown()


class Action(StrEnum):
    CREATE = "create"
    UPDATE = "update"
    REPLACE = "replace"
    DELETE = "delete"
    ADOPT = "adopt"
    REFUSE = "refuse"
    KEEP = "keep"


@dataclass(frozen=True)
class Delta:
    """One attribute that differs: what is there, and what the config wants."""

    before: Any
    after: Any


@dataclass(frozen=True)
class Observation:
    """What AWS answered about a resource that exists.

    Args:
        attributes: The managed attributes, in the very shape that `Resource.desired` has.
        tags: Every tag on it, ours and others'.
        facts: What AWS chose.
        foreign: Why it cannot be ours whatever its tags say, for example another account's bucket.
        takes_over_untagged: It bears no tags because AWS itself made it on our behalf.
        note: What the user should know although it is no difference.
    """

    attributes: Attributes
    tags: Mapping[str, str]
    facts: Facts = field(default_factory=dict)
    foreign: str | None = None
    takes_over_untagged: bool = False
    note: str | None = None


@dataclass(frozen=True)
class Change:
    """What `up` or `down` does to one resource, and why."""

    resource: str
    kind: str
    name: str
    action: Action
    attributes: Mapping[str, Delta] = field(default_factory=dict)
    reason: str | None = None
    adoptable: bool = False
    """Refused only because of its tags, so that ``--adopt`` would take it over."""


class Resource(ABC):
    """One thing on AWS.

    Every verb is safe to repeat: killed at any point and run again, the same state results.

    Attributes:
        key: Its section in the config, ``orders-table``.
        name: Its physical name, ``dev-orders-table-backend``.
        needs: Keys of the resources that must be there first.
    """

    kind: ClassVar[str]
    fixed: ClassVar[Collection[str]] = ()
    """Attributes that no call changes and that only a new resource could have, so a difference is refused."""
    replaces: ClassVar[Collection[str]] = ()
    """Attributes that only a new resource can have, so a difference is a replacement."""
    holds_data: ClassVar[bool] = False
    """`down --keep-data` leaves it."""
    wanted: bool = True
    """False for what the config has switched off: `up` removes it where it is there and ours."""

    def __init__(self, key: str, name: str, needs: Collection[str] = ()) -> None:
        self.key = key
        self.name = name
        self.needs = tuple(needs)

    @abstractmethod
    def desired(self, facts: Mapping[str, Facts]) -> Attributes:
        """Every managed attribute as plain data. Pure; ``facts`` are those of the resources it needs."""

    @abstractmethod
    def observe(self) -> Observation | None:
        """Read what is there, in the shape of `desired`; ``None`` when AWS says by name that it is absent."""

    @abstractmethod
    def create(self, desired: Attributes) -> Facts:
        """Make it, whole.

        Raises:
            ExistsError: somebody made one of that name since it was observed.
        """

    @abstractmethod
    def update(self, desired: Attributes, observed: Observation, differs: Collection[str]) -> Facts:
        """Bring the attributes named in ``differs`` (top-level keys of `desired`) to what is desired."""

    @abstractmethod
    def delete(self, observed: Observation) -> None:
        """Remove it and wait until it is gone. It being gone already is success."""

    def replace(self, desired: Attributes, observed: Observation) -> Facts:
        """Make the new one, then remove the old one."""
        raise NotImplementedError(f"{self.kind} is never replaced")

    def data_loss_reason(self, deltas: Mapping[str, Delta]) -> str | None:
        """Why removing these differences would lose data and is refused; ``None`` when it would not."""
        del deltas
        return None

    def facts_after(self, change: Change, observed: Observation | None) -> Facts:
        """What is known, before `up` runs, of this resource's facts after it."""
        if observed is None or change.action in (Action.CREATE, Action.REPLACE):
            return {}
        return observed.facts

    def contents(self, observed: Observation) -> str | None:
        """The data in it that `delete` would lose, in words (``"12 items"``); ``None`` when there is none."""
        del observed
        return None
