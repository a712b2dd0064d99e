"""A pipeline on moto that reviews look at."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
from moto import mock_aws

from pipectl.pipeline import Pipeline
from tests.moto_snapshot import create_pipeline
from tests.resources.direct_access import DirectAccess
from tests.support import ACCOUNT, REGION, FakeClock, make_world


@pytest.fixture
def direct(tmp_path: Path) -> Iterator[DirectAccess]:
    """Return raw access to a pipeline that is up to date."""
    with mock_aws():
        found = DirectAccess(make_world(tmp_path, clock=FakeClock()))
        create_pipeline(found.world)
        yield found


@pytest.fixture(scope="module")
def pipeline(tmp_path_factory: pytest.TempPathFactory) -> Pipeline:
    """Return the resources of the default config, without any access to AWS."""
    world = make_world(tmp_path_factory.mktemp("config"))
    where = SimpleNamespace(region=REGION, account_id=ACCOUNT, partition="aws")
    return Pipeline(world.config, world.file, where)  # type: ignore[arg-type]
