"""`up`, `status` and `down` on an AWS that is slow to agree with itself, refuses for a while, and drops connections."""

from __future__ import annotations

import re
from dataclasses import replace
from functools import partial
from math import inf
from pathlib import Path
from typing import Any

import pytest

from pipectl.commands.down import down
from pipectl.commands.plan import plan
from pipectl.commands.status import State, status
from pipectl.commands.up import up
from pipectl.engine.model import Action
from pipectl.errors import PipectlError
from tests.support import write_config, yes
from tests.weather import sky as weather
from tests.weather.clock import VirtualClock
from tests.weather.facts import CHANGING, REFUSED
from tests.weather.sky import Sky, Storm
from tests.weather.worlds import Land, land

WAITED_FOR = re.compile(r"^waiting( for|:) .+")
DRIFTED: dict[str, Any] = {
    "processor": {"memory": 512},
    "dead-letter-queue": {"retention_days": 7},
    "stream-mapping": {"batch_size": 50},
    "bucket": {"prefix": "elsewhere"},
    "processor-log-group": {"retention_days": 7},
    "orders-table": {"deletion_protection": True},
    "team": "backend",
    "tags": {"CostCenter": "42"},
}


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The state that `up` makes under a clear sky."""
    with pytest.MonkeyPatch.context() as patch, land(tmp_path_factory.mktemp("calm")) as calm:
        patch.setenv("AWS_ACCOUNT_ID_ENDPOINT_MODE", "disabled")
        up(calm.world.context(), yes)
        return calm.state()


KEPT_CLEAR_OF = {
    # what pipectl waits for before it asks; `test_sky` shows that these facts hold for those who do not
    "a function is being made or changed",
    "a mapping is being made or changed",
    "a table is being deleted",
    "function",
    "stream",
}


def story(here: Land) -> None:
    """Up, looked at, drifted and repaired, down, and up again at once."""
    world = here.world
    assert {change.action for change in up(world.context(), yes).changes} == {Action.CREATE}
    here.clear_up()
    assert {each.state for each in status(world.context()).resources} == {State.IN_SYNC}
    up(world.context(**DRIFTED), yes)
    here.clear_up()
    assert plan(world.context(**DRIFTED)).pending == []
    _take_off(here)
    write_config(world.file.parent)
    up(world.context(), yes)
    here.clear_up()
    assert plan(world.context()).pending == []
    down(world.context(), yes, delete_data=True)
    assert here.state()["names"] == {}
    up(world.context(), yes)


def _take_off(here: Land) -> None:
    """What only somebody's hand does to a pipeline."""
    names, aws = here.eye.context().pipeline.physical, here.eye.aws
    aws.iam.put_role_policy(RoleName=names.processor_role, PolicyName="extra", PolicyDocument=_POLICY)
    aws.dynamodb.update_table(
        TableName=names.audit_table, GlobalSecondaryIndexUpdates=[{"Delete": {"IndexName": "failure-type-index"}}]
    )


_POLICY = '{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}]}'


def test_the_whole_story_in_all_weathers_at_once(undisturbed: dict[str, Any], tmp_path: Path) -> None:
    sky = Sky(VirtualClock())
    with land(tmp_path, sky) as here:
        story(here)
        here.clear_up()
        assert here.state() == undisturbed
    happened = {name for name, count in sky.seen.items() if count}
    told = {"what is deleted lingers", "reads that lag", "a young thing shows no tags"}
    assert {*REFUSED, *CHANGING, *told} - happened == KEPT_CLEAR_OF
    assert all(map(WAITED_FOR.match, here.said))
    for expected in ("SQS keeps a queue's name", "has not reached Lambda yet", "to become ACTIVE", "preparing backups"):
        assert any(expected in line for line in here.said), expected
    assert sky.clock.monotonic() < 3600


@pytest.mark.parametrize(
    "storm", [weather.throttled, weather.fault, weather.unavailable, weather.never_arrives, weather.answer_lost]
)
def test_every_call_meets_it_once(storm: Storm, undisturbed: dict[str, Any], tmp_path: Path) -> None:
    """Each call on each thing fails the first time, in its own way."""
    with land(tmp_path, Sky(VirtualClock(), storm=storm, refused={}, slow=False)) as here:
        up(here.world.context(), yes)
        assert here.state() == undisturbed
        assert {each.state for each in status(here.world.context()).resources} == {State.IN_SYNC}
        here.world.calls.clear()
        up(here.world.context(), yes)
        assert here.world.writes() == []
        down(here.world.context(), yes, delete_data=True)
        assert here.state()["names"] == {}
        assert len(set(here.said)) > 30


def test_what_was_just_made_and_bears_no_tags_yet_is_ours(tmp_path: Path) -> None:
    """Killed right after each was made, and run again at once: `up` makes the rest, `down` removes it all."""
    for command in (up, partial(down, delete_data=True)):
        sky = Sky(VirtualClock(), refused={})
        with land(tmp_path, sky) as here:
            context = here.world.context()
            for key in ("orders-table", "bucket", "dead-letter-queue", "failures-alarm"):
                resource = context.resources[key]
                resource.create(resource.desired({}))
            sky.clock.sleep(1)  # until then an alarm is shown to nobody
            command(here.world.context(), yes)
            here.clear_up()
            assert len(here.state()["names"].get("tables", [])) == (2 if command is up else 0)
            assert bool(here.state()["names"]) == (command is up)


@pytest.mark.parametrize("name", REFUSED)
def test_what_never_passes_is_given_up_once_with_awss_words(name: str, tmp_path: Path) -> None:
    fact = replace(REFUSED[name], seconds=inf)
    sky = Sky(VirtualClock(), refused={name: fact}, slow=False)
    with land(tmp_path, sky) as here, pytest.raises(PipectlError) as caught:
        story(here)
    message = str(caught.value)
    words = fact.text.partition("{")[0]
    assert words in message
    assert len(re.findall(re.escape(words), message)) == len(re.findall(r"\(tried \d+ times in \d+ seconds\)", message))
    assert caught.value.hint
    assert sky.clock.monotonic() < 31 * 60
