"""Lists that several resources share, when a change fails: no resource then gets an answer from before."""

from __future__ import annotations

import pytest

from pipectl.errors import ExistsError
from pipectl.resource_keys import ResourceKey
from tests.support import World


def test_a_log_group_that_was_created_meanwhile_is_seen_by_the_other_one_too(moto_world: World) -> None:
    resources = moto_world.context().resources
    first, second = resources[ResourceKey.PROCESSOR_LOG_GROUP], resources[ResourceKey.AUDITOR_LOG_GROUP]
    assert first.observe() is None
    for each in (first, second):  # another process
        moto_world.aws.logs.create_log_group(logGroupName=each.name)
    with pytest.raises(ExistsError):
        first.create(first.desired({}))
    assert second.observe() is not None
    assert first.observe() is not None
