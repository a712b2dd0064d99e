"""Executing plans: order, failures, races, and crashes at any write."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping

import pytest

from pipectl.engine.executor import Executor
from pipectl.engine.model import UNKNOWN, Action, AttributeValue, Change, Contents, Facts, Observation
from pipectl.engine.planner import decide
from pipectl.errors import AbsentError, DataLossError, ForeignError, PipectlError
from tests.engine.fakes import OWNERSHIP, TAGS, Account, FakeFacts, FakeResource, Killed, Late, denied, put
from tests.engine.shop import UNMANAGED, Shop, consistency, executor
from tests.support import PATIENCE, FakeClock


def test_the_second_run_of_up_writes_nothing() -> None:
    shop = Shop()
    assert shop.up().done.keys() == shop.resources.keys()
    shop.assert_as_desired()
    shop.account.writes.clear()
    assert shop.up().done.keys() == shop.resources.keys()
    assert shop.account.writes == []


def test_facts_of_a_new_resource_reach_the_resources_that_need_it() -> None:
    shop = Shop()
    results = shop.up()
    made = shop.account.things["dev-mapping-backend"].attributes["source"]
    assert FakeFacts(made) == results.done["table"]
    assert made is not UNKNOWN


def test_only_differences_are_written() -> None:
    shop = Shop()
    shop.up()
    shop.account.things["dev-table-backend"].attributes["size"] = 7
    shop.account.things["dev-role-backend"].tags["Team"] = "frontend"
    shop.account.writes.clear()
    shop.up()
    assert sorted(shop.account.writes) == ["set size of table", "set tags of role"]
    shop.assert_as_desired()


def test_recreating_a_resource_replaces_the_one_that_uses_its_fact() -> None:
    shop = Shop()
    shop.up()
    first = shop.account.things["dev-table-backend"].facts.id
    del shop.account.things["dev-table-backend"]
    expected = dict.fromkeys(shop.resources, Action.KEEP) | {"table": Action.CREATE, "mapping": Action.REPLACE}
    assert shop.actions() == expected
    shop.up()
    shop.assert_as_desired()
    assert shop.account.things["dev-table-backend"].facts.id != first


def test_adopting_adds_tags_and_keeps_existing_ones() -> None:
    shop = Shop()
    put(shop.resources["table"], tags=UNMANAGED | {"Owner": "ada"})
    shop.up(adopt=shop.resources)
    assert shop.account.things["dev-table-backend"].tags == {**TAGS, "Owner": "ada"}
    assert "create table" not in shop.account.writes


def test_a_failure_does_not_stop_resources_that_do_not_need_it() -> None:
    shop = Shop()

    def fail(write: str) -> None:
        if write == "create function":
            raise denied("function")

    shop.account.before_write = fail
    results = shop.up()
    assert results.done.keys() == {"role", "table", "log-group"}
    assert results.failed.keys() == {"function"}
    assert results.blocked == {"mapping": {"function"}, "alarm": {"function"}}
    shop.account.before_write = lambda _: None
    shop.up()
    shop.assert_as_desired()


def test_down_deletes_dependants_first_and_leaves_other_resources_alone() -> None:
    shop = Shop()
    shop.up()
    put(shop.resources["role"], UNMANAGED)
    shop.account.writes.clear()
    results = shop.down({"table": "data is kept"})
    writes = shop.account.writes
    assert results.done.keys() == shop.resources.keys()
    assert writes.index("delete mapping") < writes.index("delete function")
    assert writes[-1] == "delete log-group"
    assert shop.account.things.keys() == {"dev-role-backend", "dev-table-backend"}


def test_a_failed_deletion_blocks_the_resources_it_needs_and_the_last_ones() -> None:
    shop = Shop()
    shop.up()

    def fail(write: str) -> None:
        if write == "delete mapping":
            raise denied("mapping")

    shop.account.before_write = fail
    results = shop.down()
    assert results.failed.keys() == {"mapping"}
    assert {"table", "function", "role", "log-group"} == results.blocked.keys()
    assert results.done.keys() == {"alarm"}


def test_a_resource_that_holds_data_is_deleted_only_with_delete_data() -> None:
    shop = Shop()
    shop.up()
    shop.resources["table"].data = Contents(5)
    results = shop.down()
    assert isinstance(results.failed["table"], DataLossError)
    assert shop.account.things.keys() == {"dev-table-backend", "dev-log-group-backend"}
    plan = shop.plan_down()
    Executor(OWNERSHIP, consistency(), delete_data=True).execute_plan(shop.resources, plan)
    assert shop.account.things == {}


def race(account: Account, rival: Callable[[], None]) -> None:
    """Let ``rival`` act just before the first create."""

    def act(write: str) -> None:
        if write.startswith("create"):
            account.before_write = lambda _: None
            rival()

    account.before_write = act


def lost_race(tags: Mapping[str, str], **attributes: AttributeValue) -> tuple[FakeResource, Callable[[], Facts]]:
    """Return a resource that a rival creates, and the execution that meets it."""
    account = Account()
    resource = FakeResource(account, "table", keys="id")
    race(account, lambda: put(resource, tags, **attributes))
    return resource, lambda: create(resource)


def create(resource: FakeResource, clock: FakeClock | None = None) -> Facts:
    """Execute the creation of a resource that was observed as absent."""
    change = decide(resource, resource.desired({}), None, OWNERSHIP)
    return executor(clock).execute(resource, change, None, {})


def test_a_race_lost_to_another_up_of_this_pipeline_succeeds() -> None:
    resource, execute = lost_race(TAGS)
    assert execute() == FakeFacts("table-0")
    assert resource.account.writes == ["create table"]


def test_after_a_lost_race_the_remaining_differences_are_removed() -> None:
    resource, execute = lost_race(TAGS, size=None)
    assert execute() == FakeFacts("table-0")
    assert resource.account.things[resource.name].attributes["size"] == 1


def test_a_race_lost_to_an_unmanaged_resource_is_refused_and_changes_nothing_of_it() -> None:
    resource, execute = lost_race(UNMANAGED)
    with pytest.raises(ForeignError) as caught:
        execute()
    assert "Nothing was changed" not in caught.value.message
    assert resource.account.things[resource.name].tags == UNMANAGED


def test_a_resource_that_exists_but_is_never_reported_is_a_taken_name() -> None:
    class Hidden(FakeResource):
        def observe(self) -> Observation | None:
            return None

    resource = Hidden(Account(), "bucket")
    put(resource, UNMANAGED)
    with pytest.raises(ForeignError):
        create(resource)


def test_a_resource_of_a_killed_up_is_waited_for_until_aws_reports_it() -> None:
    resource, clock = Late(Account(), "role"), FakeClock()
    put(resource, TAGS, size=None)
    assert create(resource, clock) == FakeFacts("role-0")
    assert resource.account.things[resource.name].attributes["size"] == 1
    assert 0 < clock.seconds < 10


def test_a_resource_that_was_being_deleted_is_created_again() -> None:
    account = Account()
    resource = Late(account, "table")
    put(resource)

    def gone_at_the_second_try(write: str) -> None:
        if account.asked.count(write) > 1:
            account.things.clear()

    account.before_write = gone_at_the_second_try
    resource.looks = 100
    assert create(resource) == FakeFacts("table-1")


def test_a_resource_that_is_deleted_during_its_update_is_an_error_and_not_created_again() -> None:
    class Gone(FakeResource):
        def update(self, *_: object) -> Facts:
            raise AbsentError("dynamodb UpdateTable: ResourceNotFoundException")

    resource = Gone(Account(), "table")
    put(resource, size=7)
    observed = resource.observe()
    change = decide(resource, resource.desired({}), observed, OWNERSHIP)
    with pytest.raises(PipectlError) as caught:
        executor().execute(resource, change, observed, {})
    assert not isinstance(caught.value, AbsentError)
    assert "another process" in str(caught.value.hint)
    assert resource.account.writes == []


def drift(shop: Shop) -> None:
    """Make every difference that `up` can remove, at the same time."""
    shop.up()
    shop.account.things["dev-role-backend"].tags.pop("Team")
    shop.account.things["dev-role-backend"].attributes["size"] = 9
    shop.account.things["dev-function-backend"].attributes["memory"] = 1024
    del shop.account.things["dev-table-backend"]
    del shop.account.things["dev-alarm-backend"]
    shop.account.writes.clear()


@pytest.mark.parametrize("prepare", [lambda _: None, drift], ids=["from nothing", "from drift"])
def test_after_a_kill_at_any_write_the_next_up_reaches_the_same_state(prepare: Callable[[Shop], None]) -> None:
    whole = Shop()
    prepare(whole)
    whole.up()
    expected, writes = whole.state(), len(whole.account.writes)
    assert writes >= 5
    for k in range(writes):
        shop = Shop()
        prepare(shop)
        kill_at(shop.account, k)
        with pytest.raises(Killed):
            shop.up()
        shop.account.before_write = lambda _: None
        shop.up()
        assert shop.state() == expected, f"killed at write {k}"
        shop.assert_as_desired()


def test_after_a_kill_at_any_deletion_the_next_down_deletes_the_rest() -> None:
    for k in range(len(Shop().resources)):
        shop = Shop()
        shop.up()
        kill_at(shop.account, k)
        with pytest.raises(Killed):
            shop.down()
        shop.account.before_write = lambda _: None
        shop.down()
        assert shop.account.things == {}, f"killed at deletion {k}"


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


def test_each_change_is_run_through_the_given_function() -> None:
    shop = Shop()
    reported: list[str] = []

    def run(change: Change, work: Callable[[], Facts]) -> Facts:
        reported.append(f"{change.action} {change.resource}")
        return work()

    Executor(OWNERSHIP, consistency(), run).execute_plan(shop.resources, shop.plan())
    assert sorted(reported) == sorted(f"create {key}" for key in shop.resources)


def test_a_new_resource_is_completed_while_the_resources_that_need_it_are_created() -> None:
    shop = Shop()
    function_begun = threading.Event()
    shop.resources["role"].completes = lambda: function_begun.wait(PATIENCE)
    shop.account.before_write = lambda write: function_begun.set() if write == "create function" else None
    assert shop.up().done.keys() == shop.resources.keys()
    assert function_begun.is_set()


def test_a_resource_that_needs_a_whole_one_waits_for_its_completion() -> None:
    shop = Shop()
    shop.resources["function"].needs_whole = ("role",)
    completed: list[bool] = []
    shop.resources["role"].completes = lambda: completed.append("create function" not in shop.account.asked)
    assert shop.up().done.keys() == shop.resources.keys()
    assert completed == [True]


def test_a_resource_that_cannot_be_completed_has_failed_and_the_next_run_repairs_it() -> None:
    shop = Shop()
    function_begun = threading.Event()
    shop.account.before_write = lambda write: function_begun.set() if write == "create function" else None

    def fail() -> None:
        assert function_begun.wait(PATIENCE)
        raise denied("role")

    shop.resources["role"].completes = fail
    shop.resources["alarm"].needs = shop.resources["alarm"].needs_whole = ("role",)
    results = shop.up()
    assert results.failed.keys() == {"role"}
    assert results.blocked == {"alarm": {"role"}}
    assert results.done.keys() == shop.resources.keys() - {"role", "alarm"}
    shop.resources["role"].completes = lambda: None
    shop.up()
    shop.assert_as_desired()


def test_pipectl_errors_are_results_and_other_errors_are_raised() -> None:
    shop = Shop()

    def fail(write: str) -> None:
        raise PipectlError("no") if write == "create role" else ZeroDivisionError

    shop.account.before_write = fail
    with pytest.raises(ZeroDivisionError):
        shop.up()
