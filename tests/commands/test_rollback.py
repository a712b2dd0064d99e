"""`rollback`: one call moves the alias, `plan` and `status` show it, and `up` undoes it."""

from __future__ import annotations

from typing import Any

import pytest

from pipectl.commands.plan import PlanReport, plan
from pipectl.commands.rollback import Rollback, rollback
from pipectl.commands.status import State, status
from pipectl.commands.up import up
from pipectl.config.names import LIVE_ALIAS
from pipectl.engine.model import Action, Change
from pipectl.errors import DeclinedError, NoVersionError, RequirementError
from tests import moto_snapshot
from tests.cli_support import pipectl
from tests.commands.pausing import Killed, killed_at
from tests.resources.direct_access import DirectAccess
from tests.support import FakeClock, write_config, yes

KEY = "processor"


_released: dict[int, moto_snapshot.State] = {}
"""States of moto after deployments, by the memory of the last one: each is made once and copied for each test."""


@pytest.fixture
def released(direct: DirectAccess) -> DirectAccess:
    """Return a pipeline whose processor has the versions 1, 2 and 3: with 256, 512 and 1024 MB."""
    release(direct, 512, 1024)
    return direct


def release(direct: DirectAccess, *memories: int) -> None:
    """Deploy the processor with each of the memories in turn."""
    if last := _released.get(memories[-1]):
        moto_snapshot.restore(last)
        write_config(direct.world.file.parent, {"processor": {"memory": memories[-1]}})
        return
    for memory in memories:
        up(direct.world.context(processor={"memory": memory}), yes)
    _released[memories[-1]] = moto_snapshot.saved()
    direct.world.writes()


def alias(direct: DirectAccess) -> dict[str, Any]:
    return dict(direct.lambda_.get_alias(FunctionName=direct.names.processor, Name=LIVE_ALIAS))


def planned(direct: DirectAccess) -> Change:
    (change,) = [change for change in plan(direct.world.context()).changes if change.resource == KEY]
    return change


def numbers(report: Rollback) -> tuple[str, str]:
    return report.before.number, report.after.number


def test_it_moves_the_alias_to_the_previous_version_in_one_call(released: DirectAccess) -> None:
    report = rollback(released.world.context(), yes, "ada")
    assert (report.changed, numbers(report)) == (True, ("3", "2"))
    assert released.world.writes() == ["lambda:UpdateAlias"]
    assert alias(released)["FunctionVersion"] == "2"
    assert alias(released)["Description"] == "rolled back from version 3 to version 2 at 2026-01-01T00:00:00Z by ada"


def test_again_it_goes_to_the_version_before(released: DirectAccess) -> None:
    rollback(released.world.context(), yes, "ada")
    assert numbers(rollback(released.world.context(), yes, "ada")) == ("2", "1")


def test_a_version_that_was_rolled_back_is_no_target(released: DirectAccess) -> None:
    """Version 3 was bad and 4 is its fix, which is bad, too: version 2 was the last one in use before."""
    rollback(released.world.context(), yes, "ada")
    up(released.world.context(processor={"memory": 2048}), yes)
    assert numbers(rollback(released.world.context(), yes, "ada")) == ("4", "2")


def test_a_version_for_a_role_that_was_recreated_since_is_no_target(released: DirectAccess) -> None:
    """It cannot decrypt its environment."""
    client, name = released.lambda_, released.names.processor
    client.update_function_configuration(FunctionName=name, MemorySize=2048)
    client.update_function_configuration(FunctionName=name, Description="managed by pipectl, role ANEWROLE")
    version = client.publish_version(FunctionName=name, Description="a release, role ANEWROLE")["Version"]
    client.update_alias(FunctionName=name, Name=LIVE_ALIAS, FunctionVersion=version)
    with pytest.raises(NoVersionError):
        rollback(released.world.context(), yes, "ada")
    assert numbers(rollback(released.world.context(), yes, "ada", to=2)) == (version, "2")


@pytest.mark.parametrize("writes", range(4))
def test_a_deployment_that_was_killed_is_finished_by_the_next_up(
    released: DirectAccess, clock: FakeClock, writes: int
) -> None:
    """It prepares, publishes, moves the alias, and removes version 1. The version before stays, for a rollback."""
    release(released, 2048, 3072)
    deployed = {"processor": {"memory": 128}}
    with pytest.raises(Killed):
        up(killed_at(released, writes, clock).context(**deployed), yes)
    assert alias(released)["FunctionVersion"] == ("5" if writes < 3 else "6")
    up(released.world.context(**deployed), yes)
    assert (alias(released)["FunctionVersion"], planned(released).action) == ("6", Action.KEEP)
    assert numbers(rollback(released.world.context(), yes, "ada")) == ("6", "5")


def test_to_a_version(released: DirectAccess) -> None:
    assert numbers(rollback(released.world.context(), yes, "ada", to=1)) == ("3", "1")
    assert numbers(rollback(released.world.context(), yes, "ada", to=3)) == ("1", "3")


def test_a_version_that_is_in_use_is_not_asked_about(released: DirectAccess) -> None:
    def never(_: object) -> None:
        raise AssertionError("nothing to ask about")

    report = rollback(released.world.context(), never, "ada", to=3)
    assert (report.changed, released.world.writes()) == (False, [])


def test_plan_and_status_show_it_and_up_undoes_it(released: DirectAccess) -> None:
    rollback(released.world.context(), yes, "ada")
    change = planned(released)
    assert change.action is Action.UPDATE
    assert {path: (d.before, d.after) for path, d in change.attributes.items()} == {"live.memory": (512, 1024)}
    assert "rolled back from version 3 to version 2 at 2026-01-01T00:00:00Z by ada" in str(change.reason)
    (shown,) = [each for each in status(released.world.context()).resources if each.resource == KEY]
    assert (shown.state, shown.reason) == (State.DRIFTED, change.reason)

    asked: list[PlanReport] = []
    released.world.writes()
    up(released.world.context(), asked.append)
    assert [each.reason for each in asked[0].changes if each.action is Action.UPDATE] == [change.reason]
    assert released.world.writes() == ["lambda:PublishVersion", "lambda:UpdateAlias"]
    assert alias(released)["FunctionVersion"] == "3"
    assert planned(released).reason is None


def test_a_rollback_to_what_the_config_describes_is_nothing_that_up_undoes(released: DirectAccess) -> None:
    rollback(released.world.context(), yes, "ada", to=1)
    corrected = released.world.context(processor={"memory": 256})
    (change,) = [change for change in plan(corrected).changes if change.resource == KEY]
    assert (list(change.attributes), change.reason) == (["memory"], None)
    assert not status(corrected).differs_live
    assert status(released.world.context(processor={"memory": 1024})).differs_live
    up(corrected, yes)
    assert alias(released)["FunctionVersion"] == "1"
    (shown,) = [each for each in status(corrected).resources if each.resource == KEY]
    assert (shown.state, shown.reason) == (State.IN_SYNC, None)


@pytest.mark.parametrize("output", ["text", "json"])
def test_up_without_a_question_prints_that_it_undoes_a_rollback(released: DirectAccess, output: str) -> None:
    rollback(released.world.context(), yes, "ada")
    answer = pipectl("-c", released.world.file, "-o", output, "up", "--yes")
    assert answer.exit_code == 0
    (line,) = [line for line in answer.stderr.splitlines() if "rolled back" in line]
    assert line.startswith(
        "processor: rolled back from version 3 to version 2 at 2026-01-01T00:00:00Z by ada; `pipectl"
    )
    again = pipectl("-c", released.world.file, "-o", output, "up", "--yes")
    assert "rolled back" not in again.stderr


def test_an_alias_that_was_moved_by_hand_since_has_no_note(released: DirectAccess) -> None:
    rollback(released.world.context(), yes, "ada")
    released.lambda_.update_alias(FunctionName=released.names.processor, Name=LIVE_ALIAS, FunctionVersion="1")
    assert (planned(released).action, planned(released).reason) == (Action.UPDATE, None)


def test_a_weighted_version_is_removed_from_the_alias(released: DirectAccess) -> None:
    weights = {"AdditionalVersionWeights": {"1": 0.5}}
    released.lambda_.update_alias(FunctionName=released.names.processor, Name=LIVE_ALIAS, RoutingConfig=weights)
    rollback(released.world.context(), yes, "ada")
    assert not (alias(released).get("RoutingConfig") or {}).get("AdditionalVersionWeights")


def test_a_version_that_only_renews_the_role_is_no_target(direct: DirectAccess) -> None:
    client, name = direct.lambda_, direct.names.processor
    client.update_function_configuration(FunctionName=name, Description="by hand")
    client.update_alias(
        FunctionName=name, Name=LIVE_ALIAS, FunctionVersion=client.publish_version(FunctionName=name)["Version"]
    )
    with pytest.raises(NoVersionError):
        rollback(direct.world.context(), yes, "ada")


@pytest.mark.parametrize("to", [None, 7])
def test_no_version_to_roll_back_to(direct: DirectAccess, to: int | None) -> None:
    with pytest.raises(NoVersionError) as caught:
        rollback(direct.world.context(), yes, "ada", to=to)
    assert (caught.value.code, caught.value.exit_code, direct.world.writes()) == ("NoVersion", 1, [])


def test_a_pipeline_of_an_older_release_has_no_version(direct: DirectAccess) -> None:
    direct.lambda_.delete_alias(FunctionName=direct.names.processor, Name=LIVE_ALIAS)
    with pytest.raises(NoVersionError):
        rollback(direct.world.context(), yes, "ada")


def test_a_declined_rollback_changes_nothing(released: DirectAccess) -> None:
    def no(_: object) -> None:
        raise DeclinedError("Cancelled. Nothing was changed.")

    with pytest.raises(DeclinedError):
        rollback(released.world.context(), no, "ada")
    assert released.world.writes() == []


def test_a_processor_of_another_pipeline_is_refused(released: DirectAccess) -> None:
    released.tag(released.resources[KEY], {"Project": "other"})
    with pytest.raises(RequirementError):
        rollback(released.world.context(), yes, "ada")


def test_a_name_of_any_length_fits(released: DirectAccess, clock: FakeClock) -> None:
    rollback(released.world.context(), yes, "a" * 500)
    assert len(alias(released)["Description"]) == 256
    assert planned(released).reason
