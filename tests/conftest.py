from __future__ import annotations

import itertools
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from moto import mock_aws

from pipectl.local import lifecycle, node
from pipectl.local.harshness import Harshness
from pipectl.local.home import LocalEmulator
from tests import moto_caches, moto_versions
from tests.support import FakeClock, World, make_world

pytest_plugins = ["tests.tiers"]
moto_versions.apply()
moto_caches.apply()
_homes = itertools.count()
HARSH = Harshness(consolidate=True, roll_after=20, empty_pages=3, metric_delay=1.5, count_age=1.5, index_age=1.5)

# Each run has the same examples, so that failures are reproducible. `HYPOTHESIS_PROFILE=thorough` tries new ones.
settings.register_profile(
    "same", max_examples=50, derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.register_profile("thorough", settings.get_profile("same"), derandomize=False, max_examples=5000)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "same"))

# Before any fixture of a wider scope runs: remove credentials, profile and endpoint of this machine.
for _name in [name for name in os.environ if name.startswith("AWS_") or name.lower().endswith("_proxy")]:
    del os.environ[_name]


@pytest.fixture(autouse=True)
def no_outside_settings(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Hide the AWS settings of this machine from the tests, so that no test can reach AWS."""
    for name in ("PIPECTL_CONFIG", "NO_COLOR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")
    # moto answers on endpoints without an account id only
    monkeypatch.setenv("AWS_ACCOUNT_ID_ENDPOINT_MODE", "disabled")
    home = tmp_path_factory.getbasetemp() / f"pipectl-home-{next(_homes)}"  # `mktemp` would list all earlier ones
    home.mkdir()
    monkeypatch.setenv("PIPECTL_HOME", str(home))
    monkeypatch.setenv("PIPECTL_CACHE", str(home / "cache"))


@pytest.fixture
def moto_world(tmp_path: Path) -> Iterator[World]:
    """Return a world on moto with config/dev.yaml and a clock that does not wait."""
    with mock_aws():
        yield make_world(tmp_path, clock=FakeClock())


@pytest.fixture(scope="session")
def emulator() -> Iterator[LocalEmulator]:
    """Start the local emulator of this worker. Each test uses its own account."""
    with lifecycle.temporary(secret="test") as running:
        yield running


@pytest.fixture(scope="session")
def emulator_harsh() -> Iterator[LocalEmulator]:
    """Start a local emulator with AWS's delays, only shorter: use it with the mark `xdist_group("harsh")`."""
    with lifecycle.temporary(HARSH, secret="test") as running:
        yield running


@pytest.fixture(scope="session")
def emulator_nodejs(emulator: LocalEmulator) -> LocalEmulator:
    """Return the local emulator, with Node.js for the functions."""
    node.provide(emulator.home)
    return emulator
