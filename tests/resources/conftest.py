from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from moto import mock_aws

from pipectl.commands.up import up
from pipectl.local.home import LocalEmulator
from tests.moto_snapshot import create_pipeline
from tests.resources.direct_access import DirectAccess
from tests.support import FakeClock, make_world, new_account, yes


@pytest.fixture(scope="module")
def existing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DirectAccess]:
    """Create a pipeline on moto for all tests of a module. Each test restores it."""
    with pytest.MonkeyPatch.context() as patch, mock_aws():
        patch.setenv("AWS_ACCOUNT_ID_ENDPOINT_MODE", "disabled")  # moto answers on endpoints without an account id only
        world = make_world(tmp_path_factory.mktemp("existing"), clock=FakeClock())
        create_pipeline(world)
        yield DirectAccess(world)


@pytest.fixture
def direct(tmp_path: Path) -> Iterator[DirectAccess]:
    """Return an empty account on moto."""
    with mock_aws():
        yield DirectAccess(make_world(tmp_path, clock=FakeClock()))


@pytest.fixture
def emulator_direct(emulator: LocalEmulator, tmp_path: Path) -> DirectAccess:
    """Return an empty account on the local emulator."""
    account = new_account()
    return DirectAccess(make_world(tmp_path, endpoint_url=emulator.endpoint_url, account=account), account)


@pytest.fixture(scope="module")
def emulator_existing(emulator: LocalEmulator, tmp_path_factory: pytest.TempPathFactory) -> Iterator[DirectAccess]:
    """Create a pipeline on the local emulator for all tests of a module. Each test restores it."""
    account = new_account()
    world = make_world(tmp_path_factory.mktemp("existing"), endpoint_url=emulator.endpoint_url, account=account)
    up(world.context(), yes)
    direct = DirectAccess(world, account)
    yield direct
    for mapping in direct.lambda_.list_event_source_mappings()["EventSourceMappings"]:
        direct.lambda_.delete_event_source_mapping(UUID=mapping["UUID"])  # the emulator polls for each
