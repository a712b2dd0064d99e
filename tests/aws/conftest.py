from __future__ import annotations

import pytest

from tests.aws.fakes import Wire


@pytest.fixture(scope="session")
def one_wire() -> Wire:
    return Wire()


@pytest.fixture
def wire(one_wire: Wire) -> Wire:
    one_wire.reset()
    return one_wire
