"""What happens to a resource, and that whatever happens, the next run brings it to the same end."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest

from pipectl.clock import pauses
from pipectl.engine.executor import Walked
from pipectl.engine.model import UNKNOWN, Action, Change, Delta, Facts, Observation
from pipectl.engine.planner import (
    Pauses,
    apply,
    decide,
    execute,
    is_ours,
    observe,
    plan_up,
    refusal,
)
from pipectl.errors import (
    AbsentError,
    AccessDeniedError,
    AwsError,
    CancelledError,
    ForeignError,
    PipectlError,
    UnreconcilableError,
)
from tests.engine.fakes import OWNERSHIP, TAGS, Account, FakeFacts, FakeResource, Killed, denied, there
from tests.support import FakeClock

STRANGER = {"Team": "frontend"}


def quietly(clock: FakeClock | None = None) -> Pauses:
    """Pauses that tell nobody."""
    return lambda _, bound: pauses(clock or FakeClock(), bound)


@dataclass(frozen=True)
class Case:
    """What is there (``None``: nothing), and what is decided."""

    action: Action
    there: Mapping[str, Any] | None = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=lambda: TAGS)
    differs: tuple[str, ...] = ()
    adopt: bool = False
    accept_loss: bool = False
    foreign: str | None = None
    takes_over_untagged: bool = False
    objects: str | None = None
    reason: str = ""
    adoptable: bool = False


CASES = {
    "absent": Case(Action.CREATE, None, differs=("keys", "size", "source", *(f"tags.{key}" for key in TAGS))),
    "as desired": Case(Action.KEEP),
    "one attribute differs": Case(Action.UPDATE, {"size": 2}, differs=("size",)),
    "a managed tag differs": Case(Action.UPDATE, tags={**TAGS, "Team": "frontend"}, differs=("tags.Team",)),
    "others' tags are theirs": Case(Action.KEEP, tags={**TAGS, "Owner": "somebody"}),
    "a fixed attribute differs": Case(Action.REFUSE, {"keys": "other"}, differs=("keys",), reason="keys cannot be"),
    "a fixed and a free attribute differ": Case(
        Action.REFUSE, {"keys": "other", "size": 2}, differs=("keys",), reason="keys cannot be"
    ),
    "a fixed attribute of a stranger's, adopted": Case(
        Action.REFUSE, {"keys": "other"}, tags=STRANGER, adopt=True, differs=("keys",), reason="keys cannot be"
    ),
    "what only a new one can have differs": Case(Action.REPLACE, {"source": "old"}, differs=("source",)),
    "a replacement takes the other differences along": Case(
        Action.REPLACE, {"source": "old", "size": 2}, differs=("size", "source")
    ),
    "no tags": Case(Action.REFUSE, tags={}, reason="no tag ManagedBy", adoptable=True),
    "another project's": Case(
        Action.REFUSE, tags={**TAGS, "Project": "blog"}, reason="Project is 'blog', not 'shop'", adoptable=True
    ),
    "another environment's": Case(
        Action.REFUSE, tags={**TAGS, "Environment": "prod"}, reason="'prod', not 'dev'", adoptable=True
    ),
    "another tool's": Case(
        Action.REFUSE, tags={**TAGS, "ManagedBy": "terraform"}, reason="'terraform'", adoptable=True
    ),
    "a stranger's, adopted": Case(
        Action.ADOPT, tags=STRANGER, adopt=True, differs=tuple(f"tags.{key}" for key in TAGS)
    ),
    "ours is not adopted": Case(Action.KEEP, adopt=True),
    "ours is updated although adopting is allowed": Case(Action.UPDATE, {"size": 2}, adopt=True, differs=("size",)),
    "another account's": Case(Action.REFUSE, foreign="belongs to another account", reason="another account"),
    "another account's cannot be adopted": Case(
        Action.REFUSE, foreign="belongs to another account", adopt=True, reason="another account"
    ),
    "untagged, made by AWS for us": Case(
        Action.UPDATE, tags={}, takes_over_untagged=True, differs=tuple(f"tags.{key}" for key in TAGS)
    ),
    "a stranger's tags on what AWS could have made": Case(
        Action.REFUSE, tags=STRANGER, takes_over_untagged=True, reason="not ours", adoptable=True
    ),
    "data would be lost": Case(
        Action.REFUSE, {"size": 2}, objects="10 records would be lost", differs=("size",), reason="10 records"
    ),
    "data would be lost, and that is accepted": Case(
        Action.UPDATE, {"size": 2}, objects="10 records would be lost", accept_loss=True, differs=("size",)
    ),
    "nothing differs, so nothing is lost": Case(Action.KEEP, objects="10 records would be lost"),
}


@pytest.mark.parametrize("name", CASES)
def test_decide(name: str) -> None:
    case = CASES[name]
    resource = FakeResource(Account(), "table", keys="id", source="new", objects=case.objects)
    found = None
    if case.there is not None:
        attributes = {"size": 1, "keys": "id", "source": "new", **case.there}
        found = Observation(attributes, case.tags, foreign=case.foreign, takes_over_untagged=case.takes_over_untagged)
    change = decide(resource, resource.desired({}), found, OWNERSHIP, adopt=case.adopt, accept_loss=case.accept_loss)
    assert change.action is case.action
    assert sorted(change.attributes) == sorted(case.differs)
    assert case.reason in (change.reason or "")
    assert bool(change.reason) == bool(case.reason)
    assert change.adoptable is case.adoptable
    assert (change.resource, change.kind, change.name) == ("table", "fake", "dev-table-backend")


def test_ours_is_told_by_three_tags_and_no_other() -> None:
    assert is_ours(Observation({}, dict(OWNERSHIP)), OWNERSHIP)
    for key in OWNERSHIP:
        assert not is_ours(Observation({}, {**OWNERSHIP, key: "other"}), OWNERSHIP)
        assert not is_ours(Observation({}, {k: v for k, v in TAGS.items() if k != key}), OWNERSHIP)


def test_what_another_account_has_is_not_ours_whatever_its_tags() -> None:
    assert not is_ours(Observation({}, dict(TAGS), foreign="another account's"), OWNERSHIP)


def test_a_note_is_shown_with_what_is_kept() -> None:
    resource = FakeResource(Account(), "table")
    found = Observation({"size": 1}, TAGS, note="backups are being enabled")
    assert decide(resource, resource.desired({}), found, OWNERSHIP).reason == "backups are being enabled"


def refused(name: str, reason: str, *, differs: bool = False, adoptable: bool = False) -> Change:
    attributes = {"keys": Delta(1, 2)} if differs else {}
    return Change(name, "table", f"dev-{name}-backend", Action.REFUSE, attributes, reason, adoptable)


def test_a_refusal_names_every_resource_and_why() -> None:
    error = refusal([refused("orders", "no tag ManagedBy", adoptable=True), refused("audit", "no tag Project")])
    assert isinstance(error, ForeignError)
    assert "orders (dev-orders-backend): no tag ManagedBy" in error.message
    assert "audit (dev-audit-backend): no tag Project" in error.message
    assert "nothing was touched" in error.message
    assert "--adopt" in str(error.hint)
    assert error.resource is None


def test_adopting_is_only_suggested_where_it_helps() -> None:
    error = refusal([refused("bucket", "belongs to another account")])
    assert isinstance(error, ForeignError)
    assert "--adopt" not in str(error.hint)
    assert error.resource == "bucket"


def test_a_difference_that_cannot_be_removed_is_an_error_of_its_own() -> None:
    error = refusal([refused("orders", "keys cannot be changed", differs=True)])
    assert isinstance(error, UnreconcilableError)
    assert "--adopt" not in str(error.hint)


class Shop:
    """A small system: a table with a stream that a mapping reads, a function with a role, an alarm."""

    def __init__(self) -> None:
        self.account = Account()
        self.resources = {
            resource.key: resource
            for resource in (
                FakeResource(self.account, "mapping", ("table", "function"), id_of="table"),
                FakeResource(self.account, "function", ("role",), memory=128),
                FakeResource(self.account, "table", keys="id"),
                FakeResource(self.account, "role"),
                FakeResource(self.account, "alarm", ("function",)),
            )
        }

    def up(self, *, adopt: bool = False) -> Walked[Facts]:
        plan = plan_up(self.resources, observe(self.resources, quietly()), OWNERSHIP, adopt=adopt)
        assert not plan.refusals
        return apply(self.resources, plan, OWNERSHIP, lambda _, work: work(), quietly(), lambda: None)

    def actions(self) -> dict[str, Action]:
        plan = plan_up(self.resources, observe(self.resources, quietly()), OWNERSHIP)
        return {change.resource: change.action for change in plan.changes}

    def state(self) -> dict[str, Any]:
        """Everything that is there, but for the numbers in ids."""
        return {
            name: {**thing.attributes, "source": "source" in thing.attributes, "tags": thing.tags}
            for name, thing in self.account.things.items()
        }

    def assert_as_desired(self) -> None:
        assert set(self.actions().values()) == {Action.KEEP}
        table, mapping = self.account.things["dev-table-backend"], self.account.things["dev-mapping-backend"]
        assert mapping.attributes["source"] == table.facts.id


def test_a_plan_lists_every_resource_after_what_it_needs() -> None:
    shop = Shop()
    plan = plan_up(shop.resources, observe(shop.resources, quietly()), OWNERSHIP)
    order = [change.resource for change in plan.changes]
    assert sorted(order) == sorted(shop.resources)
    assert all(order.index(need) < order.index(key) for key, r in shop.resources.items() for need in r.needs)
    assert plan.pending == list(plan.changes)


def test_a_plan_says_what_aws_has_yet_to_choose() -> None:
    shop = Shop()
    plan = plan_up(shop.resources, observe(shop.resources, quietly()), OWNERSHIP)
    mapping = next(change for change in plan.changes if change.resource == "mapping")
    assert mapping.attributes["source"] == Delta(None, UNKNOWN)


def test_planning_and_observing_write_nothing() -> None:
    shop = Shop()
    shop.up()
    shop.account.writes.clear()
    there(shop.resources["table"], size=7)
    assert shop.actions()["table"] is Action.UPDATE
    assert shop.account.writes == []


def test_applying_makes_it_so_and_a_second_time_writes_nothing() -> None:
    shop = Shop()
    walked = shop.up()
    assert walked.done.keys() == shop.resources.keys()
    shop.assert_as_desired()
    shop.account.writes.clear()
    assert shop.up().done.keys() == shop.resources.keys()
    assert shop.account.writes == []


def test_apply_passes_on_the_facts_of_what_was_just_made() -> None:
    shop = Shop()
    walked = shop.up()
    made = shop.account.things["dev-mapping-backend"].attributes["source"]
    assert FakeFacts(made) == walked.done["table"]
    assert made is not UNKNOWN


def test_only_what_differs_is_touched() -> None:
    shop = Shop()
    shop.up()
    shop.account.things["dev-table-backend"].attributes["size"] = 7
    shop.account.things["dev-role-backend"].tags["Team"] = "frontend"
    shop.account.writes.clear()
    shop.up()
    assert sorted(shop.account.writes) == ["set size of table", "set tags of role"]
    shop.assert_as_desired()


def test_what_is_replaced_is_replaced_with_what_needs_its_fact() -> None:
    shop = Shop()
    shop.up()
    first = shop.account.things["dev-table-backend"].facts.id
    del shop.account.things["dev-table-backend"]
    assert shop.actions() == {
        "table": Action.CREATE,
        "mapping": Action.REPLACE,
        "function": Action.KEEP,
        "role": Action.KEEP,
        "alarm": Action.KEEP,
    }
    shop.up()
    shop.assert_as_desired()
    assert shop.account.things["dev-table-backend"].facts.id != first


@pytest.mark.parametrize("action", [Action.CREATE, Action.REPLACE])
def test_facts_of_what_is_made_anew_are_not_known_before(action: Action) -> None:
    resource = FakeResource(Account(), "table")
    found = Observation({}, {}, FakeFacts("old"))
    assert resource.facts_after(Change("table", "fake", "name", action), found) == Facts()


@pytest.mark.parametrize("action", [Action.KEEP, Action.UPDATE, Action.ADOPT, Action.REFUSE])
def test_facts_of_what_stays_are_known_before(action: Action) -> None:
    resource = FakeResource(Account(), "table")
    found = Observation({}, {}, FakeFacts("old"))
    assert resource.facts_after(Change("table", "fake", "name", action), found) == FakeFacts("old")


def test_adopting_tags_what_is_there_and_keeps_what_others_put_on_it() -> None:
    shop = Shop()
    there(shop.resources["table"], tags=STRANGER | {"Owner": "somebody"})
    shop.up(adopt=True)
    assert shop.account.things["dev-table-backend"].tags == {**TAGS, "Owner": "somebody"}
    assert "create table" not in shop.account.writes


def test_what_cannot_be_read_is_never_taken_for_absent() -> None:
    class Unreadable(FakeResource):
        def observe(self) -> Observation | None:
            raise denied(self.key)

    with pytest.raises(AwsError) as caught:
        observe({"table": Unreadable(Account(), "table")}, quietly())
    assert caught.value.resource == "table"


def test_ctrl_c_while_reading_ends_the_command_although_everything_was_read() -> None:
    noticed = threading.Event()

    class Slow(FakeResource):
        def observe(self) -> Observation | None:
            signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)
            assert noticed.wait(20)
            return None

    with pytest.raises(CancelledError, match="nothing was touched"):
        observe({"table": Slow(Account(), "table")}, quietly(), noticed.set)


def test_a_failure_leaves_what_does_not_depend_on_it_done() -> None:
    shop = Shop()

    def fail(what: str) -> None:
        if what == "create function":
            raise denied("function")

    shop.account.before_write = fail
    walked = shop.up()
    assert walked.done.keys() == {"role", "table"}
    assert walked.failed.keys() == {"function"}
    assert walked.blocked == {"mapping": {"function"}, "alarm": {"function"}}
    shop.account.before_write = lambda _: None
    shop.up()
    shop.assert_as_desired()


def race(account: Account, rival: Callable[[], None]) -> None:
    """Let ``rival`` act just before our first create."""

    def act(what: str) -> None:
        if what.startswith("create"):
            account.before_write = lambda _: None
            rival()

    account.before_write = act


def lost_race(rival_tags: Mapping[str, str], **rival_attributes: Any) -> tuple[FakeResource, Callable[[], Facts]]:
    account = Account()
    resource = FakeResource(account, "table", keys="id")
    race(account, lambda: there(resource, rival_tags, **rival_attributes))
    change = decide(resource, resource.desired({}), None, OWNERSHIP)
    return resource, lambda: execute(resource, change, None, {}, OWNERSHIP, quietly())


def test_a_lost_race_against_another_up_of_ours_is_won_together() -> None:
    resource, go = lost_race(TAGS)
    assert go() == FakeFacts("table-0")
    assert resource.account.writes == ["create table"]


def test_after_a_lost_race_what_the_other_has_not_done_is_done() -> None:
    resource, go = lost_race(TAGS, size=None)
    assert go() == FakeFacts("table-0")
    assert resource.account.things[resource.name].attributes["size"] == 1


def test_a_race_lost_to_a_stranger_is_refused_and_touches_nothing_of_it() -> None:
    resource, go = lost_race(STRANGER)
    with pytest.raises(ForeignError) as caught:
        go()
    assert "nothing was touched" not in caught.value.message
    assert resource.account.things[resource.name].tags == STRANGER


def test_what_exists_but_is_shown_to_nobody_is_a_taken_name() -> None:
    class Hidden(FakeResource):
        def observe(self) -> Observation | None:
            return None

    account = Account()
    resource = Hidden(account, "bucket")
    there(resource, STRANGER)
    change = decide(resource, resource.desired({}), None, OWNERSHIP)
    with pytest.raises(ForeignError, match="shows it to nobody"):
        execute(resource, change, None, {}, OWNERSHIP, quietly())


class Closed(FakeResource):
    """One that we may not look at."""

    def observe(self) -> Observation | None:
        raise AccessDeniedError(f"no {self.key} for you", hint=f"the caller needs fake:Get{self.key.title()}")


def test_all_that_is_denied_is_told_at_once() -> None:
    account = Account()
    closed = {key: Closed(account, key) for key in ("table", "role")}
    with pytest.raises(AccessDeniedError) as caught:
        observe({**closed, "queue": FakeResource(account, "queue")}, quietly())
    assert sorted(caught.value.message.splitlines()) == ["no role for you", "no table for you"]
    assert "fake:GetRole" in str(caught.value.hint)
    assert "fake:GetTable" in str(caught.value.hint)
    with pytest.raises(AccessDeniedError) as caught:
        observe({"table": closed["table"]}, quietly())
    assert caught.value.resource == "table"


class Late(FakeResource):
    """AWS shows it only after so many looks; until then it shows nothing, or says that a part is absent."""

    looks = 5
    part_absent = False

    def observe(self) -> Observation | None:
        self.looks -= 1
        if self.looks > 0 and self.part_absent:
            raise AbsentError("its policy is not there")
        return None if self.looks > 0 else super().observe()


def test_what_a_killed_up_has_just_made_is_waited_for_until_aws_shows_it() -> None:
    resource, clock = Late(Account(), "role"), FakeClock()
    there(resource, TAGS, size=None)
    change = decide(resource, resource.desired({}), None, OWNERSHIP)
    assert execute(resource, change, None, {}, OWNERSHIP, quietly(clock)) == FakeFacts("role-0")
    assert resource.account.things[resource.name].attributes["size"] == 1
    assert 0 < clock.seconds < 10


def test_what_was_just_being_deleted_is_made_again() -> None:
    account = Account()
    resource = FakeResource(account, "table")
    there(resource)

    def goes_at_the_second_try(what: str) -> None:
        if account.asked.count(what) > 1:
            account.things.clear()

    account.before_write = goes_at_the_second_try
    unseen = Late(account, "table")
    unseen.looks = 100
    change = decide(unseen, unseen.desired({}), None, OWNERSHIP)
    assert execute(unseen, change, None, {}, OWNERSHIP, quietly()) == FakeFacts("table-1")


def test_a_part_that_aws_does_not_show_yet_is_looked_for_again() -> None:
    resource = Late(Account(), "role")
    resource.part_absent = True
    there(resource)
    assert observe({"role": resource}, quietly())["role"] is not None


def test_a_part_that_stays_absent_is_no_reason_to_take_the_whole_for_absent() -> None:
    resource, clock = Late(Account(), "role"), FakeClock()
    resource.part_absent, resource.looks = True, 1000
    with pytest.raises(AbsentError, match="policy"):
        observe({"role": resource}, quietly(clock))
    assert clock.seconds == pytest.approx(60)


def test_what_is_removed_while_it_is_changed_is_told_and_not_made_again() -> None:
    class Gone(FakeResource):
        def update(self, *_: Any) -> Facts:
            raise AbsentError("dynamodb UpdateTable: ResourceNotFoundException")

    account = Account()
    resource = Gone(account, "table")
    there(resource, size=7)
    observed = resource.observe()
    change = decide(resource, resource.desired({}), observed, OWNERSHIP)
    with pytest.raises(PipectlError, match="was removed meanwhile") as caught:
        execute(resource, change, observed, {}, OWNERSHIP, quietly())
    assert "somebody else is at work" in str(caught.value.hint)


def drift(shop: Shop) -> None:
    """Everything that `up` knows to repair, at once."""
    shop.up()
    shop.account.things["dev-role-backend"].tags.pop("Team")
    shop.account.things["dev-role-backend"].attributes["size"] = 9
    shop.account.things["dev-function-backend"].attributes["memory"] = 1024
    del shop.account.things["dev-table-backend"]
    del shop.account.things["dev-alarm-backend"]
    shop.account.writes.clear()


@pytest.mark.parametrize("prepare", [lambda _: None, drift], ids=["from nothing", "from drift"])
def test_killed_at_any_call_the_next_run_brings_it_to_the_same_end(prepare: Callable[[Shop], None]) -> None:
    whole = Shop()
    prepare(whole)
    whole.up()
    expected, calls = whole.state(), len(whole.account.writes)
    assert calls >= 5
    for k in range(calls):
        shop = Shop()
        prepare(shop)
        kill_at(shop.account, k)
        with pytest.raises(Killed):
            shop.up()
        shop.account.before_write = lambda _: None
        shop.up()
        assert shop.state() == expected, f"killed at call {k}"
        shop.assert_as_desired()


def kill_at(account: Account, k: int) -> None:
    """Die when the ``k``-th write, counted from 0, is asked for; nothing is written after that."""
    lock = threading.Lock()
    seen = 0

    def count(_: str) -> None:
        nonlocal seen
        with lock:
            seen += 1
            if seen > k:
                raise Killed

    account.before_write = count


def test_a_failed_change_is_reported_around_its_work() -> None:
    shop = Shop()
    told: list[str] = []

    def around(change: Change, work: Callable[[], Facts]) -> Facts:
        told.append(f"{change.action} {change.resource}")
        return work()

    plan = plan_up(shop.resources, observe(shop.resources, quietly()), OWNERSHIP)
    apply(shop.resources, plan, OWNERSHIP, around, quietly(), lambda: None)
    assert sorted(told) == sorted(f"create {key}" for key in shop.resources)


def test_pipectl_errors_are_kept_and_others_are_bugs() -> None:
    shop = Shop()

    def fail(what: str) -> None:
        raise PipectlError("no") if what == "create role" else ZeroDivisionError

    shop.account.before_write = fail
    with pytest.raises(ZeroDivisionError):
        shop.up()
