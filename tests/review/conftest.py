"""A pipeline on moto that reviews look at."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from moto import mock_aws

from tests.moto_snapshot import create_pipeline
from tests.resources.direct_access import DirectAccess
from tests.support import FakeClock, make_world


@pytest.fixture
def direct(tmp_path: Path) -> Iterator[DirectAccess]:
    """Return raw access to a pipeline that is up to date."""
    with mock_aws():
        found = DirectAccess(make_world(tmp_path, clock=FakeClock()))
        create_pipeline(found.world)
        yield found
