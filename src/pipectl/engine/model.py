"""Resources, observations and changes. No AWS here: a resource is a name, plain data and five verbs."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, ClassVar, TypeAlias, TypeVar

AttributeValue: TypeAlias = Any
"""JSON-like data, or `UNKNOWN`. The shape depends on the kind of resource and on the attribute."""

Attributes = dict[str, AttributeValue]
"""The managed attributes of one resource, and `UNKNOWN` where AWS has not chosen a value yet."""

Poll = Callable[[str, float], Iterator[float]]
"""Sleeps between attempts: given the awaited state and a bound in seconds, yields the seconds waited so far."""


@dataclass(frozen=True)
class Facts:
    """Values that AWS chose and other code needs; each kind of resource that has some derives its own class.

    An instance of this class itself means that there are none, or that they are not known yet.
    """


F = TypeVar("F", bound=Facts)


class _Unknown:
    """A value that AWS chooses during `up`."""

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


class RefusalKind(StrEnum):
    """Why a resource is refused by `up`, or left alone by `down`."""

    NOT_MANAGED = "not-managed"
    OTHER_PIPELINE = "managed-by-another-pipeline"
    OTHER_REGION = "managed-in-another-region"
    OTHER_OWNER = "other-owner"
    """Another account's, or of another kind under the same name; no tags can make it managed."""
    FIXED_ATTRIBUTE = "fixed-attribute"
    DATA_LOSS = "data-loss"

    @property
    def adoptable(self) -> bool:
        """Return whether only its tags are in the way, so that ``--adopt`` helps."""
        return self in (RefusalKind.NOT_MANAGED, RefusalKind.OTHER_PIPELINE)

    @property
    def unmanaged(self) -> bool:
        """Return whether the resource is not managed by this pipeline."""
        return self.adoptable or self in (RefusalKind.OTHER_REGION, RefusalKind.OTHER_OWNER)


@dataclass(frozen=True)
class Refusal:
    """A kind of refusal, and the reason in words."""

    kind: RefusalKind
    reason: str


@dataclass(frozen=True)
class Delta:
    """An attribute that differs: the observed value, and the desired one."""

    before: AttributeValue
    after: AttributeValue


@dataclass(frozen=True)
class Observation:
    """A resource that exists, as AWS reports it.

    Args:
        attributes: The managed attributes, in the shape of `Resource.desired`.
        tags: Every tag on it.
        facts: Values that AWS chose.
        unmanageable: Why it cannot be managed whatever its tags are, for example because another account owns it.
        takes_over_untagged: It has no tags because AWS itself created it for this pipeline.
        note: A remark for the user that is no difference.
        unmanaged: Settings that were read and that pipectl does not manage, as plain data; the note has them in words.
        passing: Attributes that begin to differ by themselves, at a time that nobody chooses; the note announces it.
            Each has a value that is equal before and after that time.
    """

    attributes: Attributes
    tags: Mapping[str, str]
    facts: Facts = field(default_factory=Facts)
    unmanageable: Refusal | None = None
    takes_over_untagged: bool = False
    note: str | None = None
    unmanaged: Mapping[str, Any] = field(default_factory=dict)
    passing: Mapping[str, AttributeValue] = field(default_factory=dict)

    def facts_as(self, kind: type[F]) -> F:
        """Return the facts as the class that its kind of resource has.

        Raises:
            TypeError: they are of another class, which is a mistake of the caller.
        """
        if isinstance(self.facts, kind):
            return self.facts
        raise TypeError(f"facts are {type(self.facts).__name__}, not {kind.__name__}")


@dataclass(frozen=True)
class Contents:
    """Data in a resource that its deletion would lose.

    Args:
        count: Number of items, object versions or messages.
        more: There are more than were counted.
        protected: The resource is protected against deletion.
    """

    count: int
    more: bool = False
    protected: bool = False


@dataclass(frozen=True)
class Change:
    """The action of `up` or `down` on one resource.

    Args:
        resource: Its key.
        kind: Its kind, such as ``table``.
        name: Its physical name.
        action: The action.
        attributes: The differences that the action removes, or that are refused.
        reason: A remark, or why it is refused, deleted or kept.
        refusal: Why it is refused, or left alone by `down`.
    """

    resource: str
    kind: str
    name: str
    action: Action
    attributes: Mapping[str, Delta] = field(default_factory=dict)
    reason: str | None = None
    refusal: RefusalKind | None = None


@dataclass(frozen=True)
class Consistency:
    """Bounds for an API that is eventually consistent, in seconds, and how to wait within them.

    Args:
        poll: Lets time pass between attempts.
        parts_agree: Until all parts of a resource are reported, or none.
        tags_appear: Until the tags that a resource was created with are reported.
        resource_appears: Until an existing resource is reported, or a deleted one can be created again.
    """

    poll: Poll
    parts_agree: float
    tags_appear: float
    resource_appears: float


class Resource(ABC):
    """A resource on AWS.

    Every verb is safe to repeat: killed at any point and run again, the same state results.

    Attributes:
        key: Its section in the config, ``orders-table``.
        name: Its physical name, ``dev-orders-table-backend``.
        needs: Keys of the resources that must exist first.
        needs_whole: Those of them that must be complete before it is created.
        uses: Those of them that need not exist when it is created, only when it is changed.
    """

    kind: ClassVar[str]
    fixed: ClassVar[Collection[str]] = ()
    """Attributes that no call changes, so that a difference is refused."""
    replaces: ClassVar[Collection[str]] = ()
    """Attributes that only a new resource can have, so that a difference is a replacement."""
    holds_data: ClassVar[bool] = False
    """True for a resource that `down --keep-data` leaves."""
    deleted_last: ClassVar[bool] = False
    """True for a resource that others create again while they exist, so that `down` deletes it last."""
    wanted: bool = True
    """False for a resource that the config has switched off: `up` deletes it if it is managed."""

    def __init__(
        self,
        key: str,
        name: str,
        needs: Collection[str] = (),
        *,
        needs_whole: Collection[str] = (),
        uses: Collection[str] = (),
    ) -> None:
        self.key = key
        self.name = name
        self.needs = (*needs, *needs_whole, *uses)
        self.needs_whole = tuple(needs_whole)
        self.uses = tuple(uses)

    @abstractmethod
    def desired(self, facts: Mapping[str, Facts]) -> Attributes:
        """Return every managed attribute as plain data. Pure; ``facts`` are those of the resources it needs."""

    @abstractmethod
    def observe(self) -> Observation | None:
        """Read the actual state, in the shape of `desired`; ``None`` when AWS reports by name that it is absent."""

    def identify(self) -> Observation | None:
        """Read what `delete` and the judgement of its ownership need: its tags, its facts, and some attributes.

        A kind of resource that needs fewer calls for this than for `observe` overrides it.
        """
        return self.observe()

    @abstractmethod
    def create(self, desired: Attributes) -> Facts:
        """Create it as far as the resources that need it require.

        Raises:
            ExistsError: a resource of that name was created since it was observed.
        """

    def complete(self, desired: Attributes) -> None:
        """Set the rest of a resource that was just created, while the resources that need it are created already."""
        del desired

    @abstractmethod
    def update(self, desired: Attributes, observed: Observation, differs: Collection[str]) -> Facts:
        """Set the attributes named in ``differs`` (top-level keys of `desired`) to their desired values."""

    @abstractmethod
    def delete(self, observed: Observation, *, delete_data: bool = False) -> None:
        """Delete it and wait until it is gone. If it is gone already, that is success.

        ``delete_data`` allows to empty it and to lift its protection against deletion first.
        """

    def replace(self, desired: Attributes, observed: Observation) -> Facts:
        """Create the new one, then delete the old one."""
        raise NotImplementedError(f"{self.kind} is never replaced")

    def data_loss_reason(self, deltas: Mapping[str, Delta]) -> str | None:
        """Return why removing these differences would lose data and is refused; ``None`` when it would not."""
        del deltas
        return None

    def remark(self, deltas: Mapping[str, Delta], observed: Observation | None) -> str | None:
        """Return a remark about these differences, for the plan; ``observed`` is ``None`` when it is created."""
        del deltas, observed
        return None

    def facts_after(self, change: Change, observed: Observation | None) -> Facts:
        """Return the facts that are known, before `up` runs, about this resource after it."""
        if observed is None or change.action in (Action.CREATE, Action.REPLACE):
            return Facts()
        return observed.facts

    def contents(self, observed: Observation) -> Contents | None:
        """Return the data that `delete` would lose; ``None`` when there is none."""
        del observed
        return None


Resources = Mapping[str, Resource]
Observations = Mapping[str, Observation | None]


def facts_of(facts: Mapping[str, Facts], key: str, kind: type[F]) -> F | None:
    """Return the facts of a resource as its class, ``None`` where they are not known."""
    found = facts.get(key)
    return found if isinstance(found, kind) else None
