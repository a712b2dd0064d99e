"""What the engine knows of a resource. No AWS here: a resource is a name, plain data, and five small verbs."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, ClassVar, TypeVar

Attributes = dict[str, Any]
"""The managed attributes of one resource: JSON-like data, and `UNKNOWN` where AWS has not chosen yet."""


@dataclass(frozen=True)
class Facts:
    """Values that AWS chose and other code needs; each kind of resource that has some derives its own class.

    An instance of this class itself means that there are none, or that they are not known yet.
    """


F = TypeVar("F", bound=Facts)


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
    facts: Facts = field(default_factory=Facts)
    foreign: str | None = None
    takes_over_untagged: bool = False
    note: str | None = None

    def facts_as(self, kind: type[F]) -> F:
        """Return the facts as the class that its kind of resource has.

        Raises:
            TypeError: they are of another class, which is a mistake of the caller.
        """
        if isinstance(self.facts, kind):
            return self.facts
        raise TypeError(f"facts are {type(self.facts).__name__}, not {kind.__name__}")


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
            return Facts()
        return observed.facts

    def contents(self, observed: Observation) -> str | None:
        """The data in it that `delete` would lose, in words (``"12 items"``); ``None`` when there is none."""
        del observed
        return None


def facts_of(facts: Mapping[str, Facts], key: str, kind: type[F]) -> F | None:
    """Return the facts of a resource as its class, ``None`` where they are not known."""
    found = facts.get(key)
    return found if isinstance(found, kind) else None
