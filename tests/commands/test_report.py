"""`report`: what is read, and the file that is written."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from pipectl.commands.report import report
from tests.commands.existing_pipeline import existing, fail, write
from tests.support import FakeClock, World


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    clock = FakeClock()
    clock.started = datetime.now(UTC)
    with existing(tmp_path, clock) as world:
        yield world


def test_failures_and_policies_are_read(world: World) -> None:
    (record,) = write(world, "order-1")
    fail(world, record, record)
    context = world.context()
    found = report(context, context.aws.now() - timedelta(hours=48))
    assert found.counts is not None
    assert (found.counts.total, found.counts.explained) == (1, 1)
    assert [each.resource for each in found.permissions] == [
        "processor-role",
        "auditor-role",
        "bucket",
        "dead-letter-queue",
    ]
