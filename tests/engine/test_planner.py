"""Decisions about one resource, and plans of all."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace

import pytest

from pipectl.engine.model import (
    UNKNOWN,
    Action,
    Attributes,
    Change,
    Delta,
    Facts,
    Observation,
    Refusal,
    RefusalKind,
)
from pipectl.engine.planner import decide, is_managed, refusal
from pipectl.errors import ForeignError, UnreconcilableError
from tests.engine.fakes import OWNERSHIP, TAGS, Account, FakeFacts, FakeResource, put
from tests.engine.shop import UNMANAGED, Shop

OTHER_ACCOUNT = Refusal(RefusalKind.OTHER_OWNER, "exists and belongs to another account")


@dataclass(frozen=True)
class Case:
    """The actual state (``None``: absent), and the decision."""

    action: Action
    actual: Attributes | None = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=lambda: TAGS)
    differs: tuple[str, ...] = ()
    adopt: Collection[str] = ()
    accept_loss: bool = False
    unmanageable: Refusal | None = None
    takes_over_untagged: bool = False
    loses: str | None = None
    refusal: RefusalKind | None = None


CASES = {
    "absent": Case(Action.CREATE, None, differs=("keys", "size", "source", *(f"tags.{key}" for key in TAGS))),
    "as desired": Case(Action.KEEP),
    "one attribute differs": Case(Action.UPDATE, {"size": 2}, differs=("size",)),
    "a managed tag differs": Case(Action.UPDATE, tags={**TAGS, "Team": "frontend"}, differs=("tags.Team",)),
    "an extra tag": Case(Action.KEEP, tags={**TAGS, "Owner": "ada"}),
    "a fixed attribute differs": Case(
        Action.REFUSE, {"keys": "other"}, differs=("keys",), refusal=RefusalKind.FIXED_ATTRIBUTE
    ),
    "a fixed and another attribute differ": Case(
        Action.REFUSE, {"keys": "other", "size": 2}, differs=("keys",), refusal=RefusalKind.FIXED_ATTRIBUTE
    ),
    "a fixed attribute of an adopted resource differs": Case(
        Action.REFUSE,
        {"keys": "other"},
        tags=UNMANAGED,
        adopt=("table",),
        differs=("keys",),
        refusal=RefusalKind.FIXED_ATTRIBUTE,
    ),
    "an attribute that only a new resource can have differs": Case(
        Action.REPLACE, {"source": "old"}, differs=("source",)
    ),
    "a replacement includes the other differences": Case(
        Action.REPLACE, {"source": "old", "size": 2}, differs=("size", "source")
    ),
    "no tags": Case(Action.REFUSE, tags={}, refusal=RefusalKind.NOT_MANAGED),
    "one ownership tag is missing": Case(
        Action.REFUSE,
        tags={key: value for key, value in TAGS.items() if key != "Project"},
        refusal=RefusalKind.NOT_MANAGED,
    ),
    "managed by another project": Case(
        Action.REFUSE, tags={**TAGS, "Project": "blog"}, refusal=RefusalKind.OTHER_PIPELINE
    ),
    "managed by another environment": Case(
        Action.REFUSE, tags={**TAGS, "Environment": "prod"}, refusal=RefusalKind.OTHER_PIPELINE
    ),
    "managed by another tool": Case(
        Action.REFUSE, tags={**TAGS, "ManagedBy": "terraform"}, refusal=RefusalKind.NOT_MANAGED
    ),
    "not managed, adopted": Case(
        Action.ADOPT, tags=UNMANAGED, adopt=("table",), differs=tuple(f"tags.{key}" for key in TAGS)
    ),
    "not managed, another one adopted": Case(
        Action.REFUSE, tags=UNMANAGED, adopt=("queue",), refusal=RefusalKind.NOT_MANAGED
    ),
    "absent, adopted": Case(
        Action.CREATE, None, adopt=("table",), differs=("keys", "size", "source", *(f"tags.{key}" for key in TAGS))
    ),
    "managed by another project, adopted": Case(
        Action.ADOPT, tags={**TAGS, "Project": "blog"}, adopt=("table",), differs=("tags.Project",)
    ),
    "a managed resource is not adopted": Case(Action.KEEP, adopt=("table",)),
    "a managed resource is updated although adopting is allowed": Case(
        Action.UPDATE, {"size": 2}, adopt=("table",), differs=("size",)
    ),
    "owned by another account": Case(Action.REFUSE, unmanageable=OTHER_ACCOUNT, refusal=RefusalKind.OTHER_OWNER),
    "owned by another account, adopted": Case(
        Action.REFUSE, unmanageable=OTHER_ACCOUNT, adopt=("table",), refusal=RefusalKind.OTHER_OWNER
    ),
    "untagged and created by AWS for the pipeline": Case(
        Action.UPDATE, tags={}, takes_over_untagged=True, differs=tuple(f"tags.{key}" for key in TAGS)
    ),
    "other tags on a resource that AWS could have created": Case(
        Action.REFUSE, tags=UNMANAGED, takes_over_untagged=True, refusal=RefusalKind.NOT_MANAGED
    ),
    "data would be lost": Case(
        Action.REFUSE, {"size": 2}, loses="10 records", differs=("size",), refusal=RefusalKind.DATA_LOSS
    ),
    "data would be lost, which is accepted": Case(
        Action.UPDATE, {"size": 2}, loses="10 records", accept_loss=True, differs=("size",)
    ),
    "no difference, so no data is lost": Case(Action.KEEP, loses="10 records"),
}


@pytest.mark.parametrize("name", CASES)
def test_decide(name: str) -> None:
    case = CASES[name]
    resource = FakeResource(Account(), "table", keys="id", source="new", loses=case.loses)
    found = None
    if case.actual is not None:
        found = Observation(
            {"size": 1, "keys": "id", "source": "new", **case.actual},
            case.tags,
            unmanageable=case.unmanageable,
            takes_over_untagged=case.takes_over_untagged,
        )
    change = decide(resource, resource.desired({}), found, OWNERSHIP, adopt=case.adopt, accept_loss=case.accept_loss)
    assert change.action is case.action
    assert sorted(change.attributes) == sorted(case.differs)
    assert change.refusal is case.refusal
    assert bool(change.reason) == bool(case.refusal or case.action is Action.ADOPT)
    assert (change.resource, change.kind, change.name) == ("table", "fake", "dev-table-backend")


def test_only_the_ownership_tags_mark_a_managed_resource() -> None:
    assert is_managed(Observation({}, dict(OWNERSHIP)), OWNERSHIP)
    for key in OWNERSHIP:
        assert not is_managed(Observation({}, {**OWNERSHIP, key: "other"}), OWNERSHIP)
        assert not is_managed(Observation({}, {k: v for k, v in TAGS.items() if k != key}), OWNERSHIP)


def test_a_resource_of_another_account_is_not_managed_whatever_its_tags() -> None:
    assert not is_managed(Observation({}, dict(TAGS), unmanageable=OTHER_ACCOUNT), OWNERSHIP)


def test_a_note_is_the_reason_of_a_kept_resource() -> None:
    resource = FakeResource(Account(), "table")
    found = Observation({"size": 1}, TAGS, note="backups are being enabled")
    assert decide(resource, resource.desired({}), found, OWNERSHIP).reason == "backups are being enabled"


def refused(name: str, kind: RefusalKind) -> Change:
    return Change(name, "table", f"dev-{name}-backend", Action.REFUSE, {}, "a reason", kind)


def test_a_refusal_names_every_resource() -> None:
    error = refusal([refused("orders", RefusalKind.NOT_MANAGED), refused("audit", RefusalKind.OTHER_PIPELINE)])
    assert isinstance(error, ForeignError)
    assert "orders (dev-orders-backend): a reason" in error.message
    assert "audit (dev-audit-backend): a reason" in error.message
    assert "`pipectl up --adopt orders --adopt audit` makes them" in str(error.hint)
    assert error.resource is None


def test_the_hint_for_the_names_of_another_pipeline_is_another_team_first() -> None:
    error = refusal([refused("orders", RefusalKind.OTHER_PIPELINE), refused("audit", RefusalKind.OTHER_PIPELINE)])
    assert "another `team`" in str(error.hint)
    assert "delete" not in str(error.hint)
    assert "`pipectl up --adopt orders --adopt audit` makes them" in str(error.hint)


def test_many_resources_of_another_pipeline_have_one_reason_and_one_option() -> None:
    names = ["orders", "audit", "bucket", "queue"]
    error = refusal([refused(name, RefusalKind.OTHER_PIPELINE) for name in names], adopted=["role"])
    named = [f"{name} (dev-{name}-backend)" for name in names]
    assert error.message.splitlines()[1:] == ["4 resources, each a reason:", *named]
    assert isinstance(error, ForeignError)
    assert list(error.resources) == names
    assert "`pipectl up --adopt all` makes them" in str(error.hint)


def test_a_resource_that_is_refused_for_another_reason_keeps_its_line() -> None:
    alike = [refused(str(number), RefusalKind.NOT_MANAGED) for number in range(4)]
    error = refusal([*alike, replace(refused("role", RefusalKind.OTHER_OWNER), reason="another reason")])
    assert error.message.splitlines()[6:] == ["role (dev-role-backend): another reason"]


def test_the_hint_repeats_what_is_adopted_already_and_names_only_what_can_be() -> None:
    changes = [refused("orders", RefusalKind.NOT_MANAGED), refused("bucket", RefusalKind.OTHER_OWNER)]
    error = refusal(changes, adopted=["queue"], accepted_loss=True)
    assert "`pipectl up --adopt queue --adopt orders --allow-stream-replacement` makes them" in str(error.hint)


def test_the_hint_about_a_loss_names_the_resources_to_adopt() -> None:
    error = refusal([refused("orders", RefusalKind.NOT_MANAGED), refused("stream", RefusalKind.DATA_LOSS)])
    assert "`pipectl up --adopt orders --allow-stream-replacement`" in str(error.hint)


def test_the_meaning_of_adopting_is_the_reason() -> None:
    resource = FakeResource(Account(), "table")
    tags = {**TAGS, "ManagedBy": "terraform"}
    change = decide(resource, resource.desired({}), Observation({"size": 2}, tags), OWNERSHIP, adopt=["table"])
    assert change.reason == (
        "exists and is not managed by pipectl: ManagedBy is 'terraform', not 'pipectl'; adopting it writes the tag "
        "ManagedBy and changes size; from then on `pipectl down` deletes it"
    )


def test_adopting_takes_a_resource_from_another_pipeline() -> None:
    resource = FakeResource(Account(), "table")
    found = Observation({"size": 1}, {**TAGS, "Project": "blog"})
    change = decide(resource, resource.desired({}), found, OWNERSHIP, adopt=["table"])
    assert "the other pipeline no longer manages it" in str(change.reason)


def test_adopting_is_suggested_only_where_it_helps() -> None:
    error = refusal([refused("bucket", RefusalKind.OTHER_OWNER)])
    assert isinstance(error, ForeignError)
    assert "--adopt" not in str(error.hint)
    assert error.resource == "bucket"


@pytest.mark.parametrize("kind", [RefusalKind.FIXED_ATTRIBUTE, RefusalKind.DATA_LOSS])
def test_a_difference_that_cannot_be_removed_has_its_own_error(kind: RefusalKind) -> None:
    error = refusal([refused("orders", kind)])
    assert isinstance(error, UnreconcilableError)
    assert "--adopt" not in str(error.hint)


def test_a_plan_lists_every_resource_after_its_needs() -> None:
    shop = Shop()
    plan = shop.plan()
    order = [change.resource for change in plan.changes]
    assert sorted(order) == sorted(shop.resources)
    assert all(order.index(need) < order.index(key) for key, r in shop.resources.items() for need in r.needs)
    assert plan.pending == list(plan.changes)


def test_a_plan_shows_values_that_aws_has_not_chosen_yet() -> None:
    mapping = next(change for change in Shop().plan().changes if change.resource == "mapping")
    assert mapping.attributes["source"] == Delta(None, UNKNOWN)


def test_planning_and_observing_write_nothing() -> None:
    shop = Shop()
    shop.up()
    shop.account.writes.clear()
    put(shop.resources["table"], size=7)
    assert shop.actions()["table"] is Action.UPDATE
    shop.plan_down()
    assert shop.account.writes == []


@pytest.mark.parametrize("action", [Action.CREATE, Action.REPLACE])
def test_facts_of_a_new_resource_are_not_known_before(action: Action) -> None:
    resource = FakeResource(Account(), "table")
    found = Observation({}, {}, FakeFacts("old"))
    assert resource.facts_after(Change("table", "fake", "name", action), found) == Facts()


@pytest.mark.parametrize("action", [Action.KEEP, Action.UPDATE, Action.ADOPT, Action.REFUSE])
def test_facts_of_an_existing_resource_are_known_before(action: Action) -> None:
    resource = FakeResource(Account(), "table")
    found = Observation({}, {}, FakeFacts("old"))
    assert resource.facts_after(Change("table", "fake", "name", action), found) == FakeFacts("old")


def test_a_resource_that_the_config_switched_off_is_deleted_if_it_is_managed() -> None:
    shop = Shop()
    shop.up()
    shop.resources["alarm"].wanted = False
    assert shop.actions()["alarm"] is Action.DELETE
    put(shop.resources["alarm"], UNMANAGED)
    assert "alarm" not in shop.actions()


def test_a_plan_to_delete_lists_every_resource_before_its_needs_and_the_last_ones_last() -> None:
    shop = Shop()
    shop.up()
    plan = shop.plan_down()
    order = [change.resource for change in plan.changes]
    assert {change.action for change in plan.changes} == {Action.DELETE}
    assert sorted(order) == sorted(shop.resources)
    assert all(order.index(need) > order.index(key) for key, r in shop.resources.items() for need in r.needs)
    assert order[-1] == "log-group"


def test_a_plan_to_delete_keeps_data_and_unmanaged_resources_and_skips_absent_ones() -> None:
    shop = Shop()
    shop.up()
    put(shop.resources["role"], UNMANAGED)
    del shop.account.things["dev-alarm-backend"]
    changes = {change.resource: change for change in shop.plan_down({"table": "data is kept"}).changes}
    assert {key: (change.action, change.refusal) for key, change in changes.items()} == {
        "mapping": (Action.DELETE, None),
        "function": (Action.DELETE, None),
        "log-group": (Action.DELETE, None),
        "table": (Action.KEEP, RefusalKind.DATA_LOSS),
        "role": (Action.KEEP, RefusalKind.NOT_MANAGED),
    }
    assert changes["table"].reason == "data is kept"


def test_a_new_resource_does_not_wait_for_what_it_only_uses_and_a_changed_one_does() -> None:
    shop = Shop()
    shop.resources["function"].needs = ("role", "log-group", "table")
    shop.resources["function"].uses = ("table",)
    assert set(shop.plan().graph["function"]) == {"role", "log-group"}
    shop.up()
    shop.account.things["dev-function-backend"].attributes["memory"] = 7
    assert set(shop.plan().graph["function"]) == {"role", "log-group", "table"}
    assert "function" in shop.plan_down().graph["table"]
