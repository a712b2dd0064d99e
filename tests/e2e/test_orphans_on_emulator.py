"""A change of the team on the local emulator: the new pipeline processes orders, and the old one is deleted."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from pipectl.cli.main import main
from pipectl.commands.down import down
from pipectl.commands.up import up
from pipectl.local.home import LocalEmulator
from tests.e2e.orders import Orders
from tests.support import World, make_world, new_account, write_config, yes

pytestmark = [pytest.mark.emulator, pytest.mark.timeout(170)]


def _run(world: World, *arguments: str) -> Result:
    """Run a command against the emulator, as on the command line."""
    env = {"AWS_ACCESS_KEY_ID": world.aws.account_id, "AWS_SECRET_ACCESS_KEY": "test"}
    options = ["-c", str(world.file), "--endpoint-url", str(world.aws.endpoint_url), "--region", world.aws.region]
    return CliRunner().invoke(main, [*options, *arguments], env=env)


def _document(world: World, *arguments: str) -> Any:
    return json.loads(_run(world, "-o", "json", *arguments).stdout)


def test_a_renamed_pipeline_from_the_first_order_to_the_last_orphan(emulator: LocalEmulator, tmp_path: Path) -> None:
    world = make_world(tmp_path, endpoint_url=emulator.endpoint_url, account=new_account())
    up(world.context(), yes)
    before = Orders(world, world.context().pipeline.physical)
    before.write(3, 0)
    before.wait_until_settled()
    write_config(tmp_path, {"team": "platform"})

    refused = _run(world, "down", "--orphans", "--delete-data", "--yes")
    assert refused.exit_code == 2
    assert "Not deployed under the names of the config" in refused.stderr
    assert "deployed yet" in _run(world, "status").stdout.replace("\n", " ")

    up(world.context(), yes)
    after = Orders(world, world.context().pipeline.physical)
    after.write(6, 0, first=100)
    after.wait_until_settled()
    assert after.stored() == after.good
    assert len(after.object_versions()) == len(after.good)
    assert before.stored() == before.good

    orphans = {each["name"] for each in _document(world, "status")["orphans"]}
    assert {before.names.orders_table, before.names.bucket, before.names.processor_role} <= orphans
    assert not orphans & {after.names.orders_table, after.names.bucket, after.names.processor_role}
    for command in ("status", "list"):
        words = " ".join(_run(world, command).stdout.split())
        assert "down --orphans" in words
        assert f"-c {world.file}" in words

    assert _run(world, "down", "--orphans", "--yes").exit_code == 1
    assert before.stored() == before.good
    unconfirmed = _run(world, "down", "--orphans", "--delete-data", "--yes")
    assert unconfirmed.exit_code == 2
    assert "team backend" in unconfirmed.stderr
    deleted = _run(world, "down", "--orphans", "--delete-data", "--confirm", "dev")
    assert deleted.exit_code == 0, deleted.output

    assert not _document(world, "status")["orphans"]
    assert after.stored() == after.good
    assert up(world.context(), yes).orphans == ()
    down(world.context(), yes, delete_data=True)
