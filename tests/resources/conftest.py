from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path

import pytest
from moto import mock_aws

from pipectl.commands.up import up
from pipectl.local.home import LocalEmulator
from tests.resources.hands import Hands
from tests.support import FakeClock, make_world, yes

_accounts = itertools.count(700_000_000_000)


def long_after() -> FakeClock:
    """A clock for which every stream of moto's, labelled with today, is older than 24 hours.

    moto takes the ARN of a stream that was switched off for that of the one that is on, so here it holds nothing. What
    happens within the 24 hours is tested on the local emulator.
    """
    clock = FakeClock()
    clock.sleep(100 * 365 * 86400)
    return clock


@pytest.fixture(scope="module")
def standing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hands]:
    """A pipeline on moto that is up, for all tests of a module: each leaves it as it found it."""
    with pytest.MonkeyPatch.context() as patch, mock_aws():
        patch.setenv("AWS_ACCOUNT_ID_ENDPOINT_MODE", "disabled")  # moto answers on the plain endpoints only
        world = make_world(tmp_path_factory.mktemp("standing"), clock=long_after())
        up(world.context(), yes)
        yield Hands(world)


@pytest.fixture
def hands(tmp_path: Path) -> Iterator[Hands]:
    """An empty account of moto's."""
    with mock_aws():
        yield Hands(make_world(tmp_path, clock=long_after()))


@pytest.fixture
def emulator_hands(emulator: LocalEmulator, tmp_path: Path) -> Hands:
    """A pipeline on the local emulator that is up, in an account of its own."""
    account = str(next(_accounts))
    world = make_world(tmp_path, endpoint_url=emulator.endpoint_url, account=account)
    up(world.context(), yes)
    return Hands(world, account)
