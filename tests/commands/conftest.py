from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from moto import mock_aws

from tests.commands.existing_pipeline import existing
from tests.moto_snapshot import create_pipeline
from tests.resources.direct_access import DirectAccess
from tests.support import FakeClock, World, make_world


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def direct(tmp_path: Path, clock: FakeClock) -> Iterator[DirectAccess]:
    """A pipeline that is up, and whoever looks at it without pipectl."""
    with mock_aws():
        world = make_world(tmp_path, clock=clock)
        create_pipeline(world)
        world.calls.clear()
        yield DirectAccess(world)


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """A pipeline that is up, at the time of now, which moto uses, too."""
    clock = FakeClock()
    clock.started = datetime.now(UTC)
    with existing(tmp_path, clock) as world:
        yield world
