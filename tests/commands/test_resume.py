"""`resume`: processing continues where it was paused."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pipectl.commands.pause import pause
from pipectl.commands.resume import resume
from pipectl.commands.up import up
from pipectl.config.names import PAUSED_SINCE
from pipectl.facts import MappingFacts
from pipectl.local.home import LocalEmulator
from tests.commands.pausing import MAPPING, Killed, killed_at, mapping, tags
from tests.e2e.orders import Orders
from tests.resources.direct_access import DirectAccess
from tests.support import make_world, new_account, yes


def test_resuming_a_running_mapping_changes_nothing(direct: DirectAccess) -> None:
    report = resume(direct.world.context())
    assert (report.paused, report.changed, report.pause) == (False, False, None)
    assert direct.world.writes() == []


def test_resume_restores_the_mapping_and_its_tags(direct: DirectAccess) -> None:
    uuid, before = mapping(direct)["UUID"], tags(direct)
    pause(direct.world.context(), "ada")
    report = resume(direct.world.context())
    assert (report.paused, report.changed) == (False, True)
    assert report.pause
    assert report.pause.by == "ada"
    assert (mapping(direct)["UUID"], mapping(direct)["State"], tags(direct)) == (uuid, "Enabled", before)


def test_resume_does_not_enable_a_mapping_that_the_config_disables(direct: DirectAccess) -> None:
    up(direct.world.context(**{MAPPING: {"enabled": False}}), yes)
    assert resume(direct.world.context()).changed is False
    pause(direct.world.context(), "ada")
    assert resume(direct.world.context()).changed is True
    assert (mapping(direct)["State"], PAUSED_SINCE in tags(direct)) == ("Disabled", False)


@pytest.mark.parametrize("finish", [resume, lambda context: up(context, yes)])
def test_a_resume_that_was_killed_is_finished_by_resume_and_by_up(
    direct: DirectAccess, finish: Callable[[Any], Any]
) -> None:
    pause(direct.world.context(), "ada")
    with pytest.raises(Killed):
        resume(killed_at(direct, 1).context())
    assert (mapping(direct)["State"], PAUSED_SINCE in tags(direct)) == ("Disabled", False)
    finish(direct.world.context())
    assert mapping(direct)["State"] == "Enabled"


@pytest.mark.emulator
def test_orders_written_during_a_pause_are_stored_once_after_it(emulator: LocalEmulator, tmp_path: Path) -> None:
    world = make_world(tmp_path, endpoint_url=emulator.endpoint_url, account=new_account())
    up(world.context(), yes)
    orders = Orders(world, world.context().pipeline.physical)
    before = {(f"before-{number}", 1): "1.5" for number in range(15)}
    for order, version in before:
        item = {"orderId": {"S": order}, "version": {"N": str(version)}, "amount": {"N": "1.5"}}
        world.aws.dynamodb.put_item(TableName=orders.names.orders_table, Item=item)
    world.aws.wait(lambda: len(orders.keys("processed-data")) == 15, "the orders before", 60)

    pause(world.context(), "ada")
    orders.write(30, 0)
    up(world.context(), yes)
    world.aws.clock.sleep(3)
    assert orders.stored() == before
    assert world.context().require([MAPPING])[MAPPING].facts_as(MappingFacts).state == "Disabled"

    resume(world.context())
    world.aws.wait(lambda: len(orders.keys("processed-data")) == 45, "every order", 60)
    assert orders.stored() == before | orders.good
    versions = orders.object_versions()
    assert len(versions) == len(set(versions)) == 45
