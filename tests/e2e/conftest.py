from __future__ import annotations

from collections.abc import Iterator

import pytest

from pipectl.local import lifecycle
from pipectl.local.lifecycle import LocalAws


@pytest.fixture(scope="session", params=[False, True], ids=["one message a failure", "consolidated"])
def server(request: pytest.FixtureRequest) -> Iterator[tuple[LocalAws, bool]]:
    """An embedded AWS, and whether it puts several failures into one message, as Lambda may."""
    with lifecycle.temporary(consolidate=request.param) as running:
        yield running, request.param
