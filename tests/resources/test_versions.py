"""The alias of the live version: the time since which it names the version, and how that came."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from pipectl.resources.versions import Live

PUBLISHED: Any = {"LastModified": "2026-01-31T11:00:00.000+0000"}
AT_11, AT_12 = (datetime(2026, 1, 31, hour, tzinfo=UTC) for hour in (11, 12))


@pytest.mark.parametrize(
    ("description", "since", "replaced", "rolled_back"),
    [
        ("version 7 deployed by pipectl at 2026-01-31T12:00:00Z, replaces version 6", AT_12, "6", False),
        ("version 7 deployed by pipectl at 2026-01-31T12:00:00Z", AT_12, None, False),
        ("version 7 deployed by pipectl, replaces version 6", AT_11, "6", False),
        ("version 7 deployed by pipectl at noon, replaces version 6", AT_11, "6", False),
        ("version 8 deployed by pipectl at 2026-01-31T12:00:00Z, replaces version 6", AT_11, None, False),
        ("rolled back from version 8 to version 7 at 2026-01-31T12:00:00Z by ada", AT_12, None, True),
        ("rolled back from version 8 to version 7 at 2026-01-31T12:00:00Z by to version 9 at\nnoon", AT_12, None, True),
        ("rolled back from version 8 to version 6 at 2026-01-31T12:00:00Z by ada", AT_11, None, False),
        ("by hand", AT_11, None, False),
    ],
)
def test_the_description_is_used_only_for_the_version_that_it_is_about(
    description: str, since: datetime, replaced: str | None, rolled_back: bool
) -> None:
    live = Live("7", description, configuration=PUBLISHED)
    assert (live.since, live.replaced, live.rollback) == (since, replaced, description if rolled_back else None)


def test_nothing_is_known_about_a_version_that_does_not_exist() -> None:
    assert Live("7").since is None
