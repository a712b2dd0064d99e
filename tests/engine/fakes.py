"""An account that is a dictionary, and resources in it that can crash at every write."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from pipectl.engine.model import UNKNOWN, Attributes, Contents, Facts, Observation, Resource, facts_of
from pipectl.errors import AbsentError, AwsError, ExistsError

OWNERSHIP = {"ManagedBy": "pipectl", "Project": "shop", "Environment": "dev"}
TAGS = {**OWNERSHIP, "Team": "backend"}


class Killed(BaseException):
    """The process died. No `except Exception` catches it, as none catches a kill."""


@dataclass(frozen=True)
class FakeFacts(Facts):
    """The fact that a fake resource has."""

    id: str


@dataclass
class Thing:
    """A resource that exists."""

    attributes: dict[str, Any]
    tags: dict[str, str]
    facts: FakeFacts = FakeFacts("")


@dataclass
class Account:
    """Everything that exists, and the writes that were asked for, and then made, in order."""

    things: dict[str, Thing] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    writes: list[str] = field(default_factory=list)
    before_write: Callable[[str], None] = lambda _: None
    made: int = 0

    def write(self, write: str) -> None:
        self.asked.append(write)
        self.before_write(write)
        self.writes.append(write)


class FakeResource(Resource):
    """A resource that is created in two steps: itself with its tags, then its ``size``.

    Its fact ``id`` is chosen when it is created. With ``id_of=key`` the id of another one is its ``source``.
    """

    kind = "fake"
    fixed = ("keys",)
    replaces = ("source",)

    def __init__(
        self,
        account: Account,
        key: str,
        needs: Collection[str] = (),
        *,
        id_of: str | None = None,
        takes_over_untagged: bool = False,
        loses: str | None = None,
        **attributes: Any,
    ) -> None:
        super().__init__(key, f"dev-{key}-backend", needs)
        self.account = account
        self.id_of = id_of
        self.takes_over_untagged = takes_over_untagged
        self.loses = loses
        self.data: Contents | None = None
        self.completes: Callable[[], object] = lambda: None
        self.managed: Attributes = {"size": 1, **attributes, "tags": dict(TAGS)}

    def desired(self, facts: Mapping[str, Facts]) -> Attributes:
        if not self.id_of:
            return dict(self.managed)
        found = facts_of(facts, self.id_of, FakeFacts)
        return {**self.managed, "source": found.id if found else UNKNOWN}

    def observe(self) -> Observation | None:
        thing = self.account.things.get(self.name)
        if thing is None:
            return None
        return Observation(
            dict(thing.attributes),
            dict(thing.tags),
            thing.facts,
            takes_over_untagged=self.takes_over_untagged,
        )

    def create(self, desired: Attributes) -> Facts:
        self.account.write(f"create {self.key}")
        if self.name in self.account.things:
            raise ExistsError(f"{self.name} exists", service="fake", operation="Create")
        self.account.made += 1
        self.account.things[self.name] = Thing(
            {key: value for key, value in desired.items() if key not in ("tags", "size")},
            dict(desired["tags"]),
            FakeFacts(f"{self.key}-{self.account.made}"),
        )
        return self.account.things[self.name].facts

    def complete(self, desired: Attributes) -> None:
        self.completes()
        self._set("size", desired)

    def update(self, desired: Attributes, observed: Observation, differs: Collection[str]) -> Facts:
        for attribute in sorted(differs):
            self._set(attribute, desired)
        return observed.facts

    def replace(self, desired: Attributes, observed: Observation) -> Facts:
        self.account.write(f"delete {self.key}")
        del self.account.things[self.name]
        facts = self.create(desired)
        self.complete(desired)
        return facts

    def delete(self, observed: Observation, *, delete_data: bool = False) -> None:
        self.account.write(f"delete {self.key}")
        self.account.things.pop(self.name, None)

    def contents(self, observed: Observation) -> Contents | None:
        return self.data

    def data_loss_reason(self, deltas: Mapping[str, Any]) -> str | None:
        return self.loses if deltas else None

    def _set(self, attribute: str, desired: Attributes) -> None:
        self.account.write(f"set {attribute} of {self.key}")
        thing = self.account.things[self.name]
        if attribute == "tags":
            thing.tags.update(desired["tags"])
        else:
            thing.attributes[attribute] = desired[attribute]


def put(resource: FakeResource, tags: Mapping[str, str] = TAGS, **changes: Any) -> None:
    """Put a resource into the account as desired, with ``changes`` to its attributes."""
    attributes = {key: value for key, value in resource.desired({}).items() if key != "tags"}
    resource.account.things[resource.name] = Thing(
        {**attributes, **changes}, dict(tags), FakeFacts(f"{resource.key}-0")
    )


def denied(resource: str) -> AwsError:
    return AwsError(f"fake Create: AccessDenied: {resource} denied", service="fake", operation="Create")


class Late(FakeResource):
    """A resource that AWS reports only after some looks; before, it is absent, or a part of it is."""

    looks = 5
    part_absent = False

    def observe(self) -> Observation | None:
        self.looks -= 1
        if self.looks > 0 and self.part_absent:
            raise AbsentError("its policy does not exist")
        return None if self.looks > 0 else super().observe()
