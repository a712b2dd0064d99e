"""A small system of fake resources, and engine settings for tests."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from pipectl.clock import poll
from pipectl.engine.executor import Executor
from pipectl.engine.model import Action, Attributes, Consistency, Facts, Observation
from pipectl.engine.observer import observe
from pipectl.engine.parallel import Results
from pipectl.engine.planner import Plan, plan_down, plan_up
from tests.engine.fakes import OWNERSHIP, Account, FakeResource
from tests.support import FakeClock

UNMANAGED = {"Team": "frontend"}
"""Tags of a resource that pipectl does not manage."""


def consistency(clock: FakeClock | None = None) -> Consistency:
    """Return the bounds that pipectl uses on AWS."""
    return Consistency(lambda _, bound: poll(clock or FakeClock(), bound), 60, 5, 60)


def executor(clock: FakeClock | None = None) -> Executor:
    return Executor(OWNERSHIP, consistency(clock))


class Shop:
    """A table with a stream that a mapping reads, a function with a role, an alarm, and a log group deleted last."""

    def __init__(self) -> None:
        self.account = Account()
        self.resources = {
            resource.key: resource
            for resource in (
                FakeResource(self.account, "mapping", ("table", "function"), id_of="table"),
                FakeResource(self.account, "function", ("role", "log-group"), memory=128),
                FakeResource(self.account, "table", keys="id"),
                FakeResource(self.account, "role"),
                FakeResource(self.account, "alarm", ("function",)),
                DeletedLast(self.account, "log-group"),
            )
        }

    def observe(self) -> dict[str, Observation | None]:
        return observe(self.resources, consistency()).require_done("interrupted")

    def plan(self, *, adopt: Collection[str] = ()) -> Plan:
        return plan_up(self.resources, self.observe(), OWNERSHIP, adopt=adopt)

    def up(self, *, adopt: Collection[str] = ()) -> Results[Facts]:
        plan = self.plan(adopt=adopt)
        assert not plan.refusals
        return executor().execute_plan(self.resources, plan).results

    def plan_down(self, kept: Mapping[str, str] | None = None) -> Plan:
        return plan_down(self.resources, self.observe(), OWNERSHIP, kept=kept or {})

    def down(self, kept: Mapping[str, str] | None = None) -> Results[Facts]:
        return executor().execute_plan(self.resources, self.plan_down(kept)).results

    def actions(self) -> dict[str, Action]:
        return {change.resource: change.action for change in self.plan().changes}

    def state(self) -> dict[str, Attributes]:
        """Return all that exists, without the numbers in ids."""
        return {
            name: {**thing.attributes, "source": "source" in thing.attributes, "tags": thing.tags}
            for name, thing in self.account.things.items()
        }

    def assert_as_desired(self) -> None:
        assert set(self.actions().values()) == {Action.KEEP}
        table, mapping = self.account.things["dev-table-backend"], self.account.things["dev-mapping-backend"]
        assert mapping.attributes["source"] == table.facts.id


class DeletedLast(FakeResource):
    """A fake resource that is deleted when all others are gone."""

    deleted_last = True
