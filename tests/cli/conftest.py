"""Configs and accounts for the tests of the command line."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from moto import mock_aws

from pipectl.clock import SystemClock
from tests.cli_support import pipectl
from tests.commands.existing_pipeline import existing, fail, write
from tests.support import World, make_world, write_config

QUEUE = "dev-order-processor-dlq-backend"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return write_config(tmp_path)


@pytest.fixture
def moto(tmp_path: Path) -> Iterator[Path]:
    """An empty account, and the file of a config for it."""
    with mock_aws():
        yield write_config(tmp_path)


@pytest.fixture
def foreign(moto: Path) -> Path:
    """An account with an unmanaged queue of the dead-letter queue's name."""
    make_world(moto.parent).aws.sqs.create_queue(QueueName=QUEUE, tags={"Owner": "somebody"})
    return moto


@pytest.fixture(scope="module")
def pipeline(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """A pipeline on moto; tests only read it."""
    with pytest.MonkeyPatch.context() as patch, mock_aws():
        patch.setenv("AWS_ACCOUNT_ID_ENDPOINT_MODE", "disabled")
        world = make_world(tmp_path_factory.mktemp("existing"))
        assert pipectl("-c", world.file, "up", "--yes").exit_code == 0
        yield world


@pytest.fixture(scope="module")
def failed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[World, str]]:
    """A pipeline whose first order failed, and whose second one is pending; the id of the failure."""
    with pytest.MonkeyPatch.context() as patch, existing(tmp_path_factory.mktemp("pipeline"), SystemClock()) as world:
        patch.setenv("PIPECTL_HOME", str(tmp_path_factory.mktemp("home")))
        patch.setenv("AWS_ACCOUNT_ID_ENDPOINT_MODE", "disabled")
        first, _ = write(world, "order-1", "order-2")
        yield world, fail(world, first, first)
