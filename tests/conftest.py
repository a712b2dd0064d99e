from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from moto import mock_aws

from pipectl.local import lifecycle, node
from pipectl.local.lifecycle import LocalEmulator
from tests.support import FakeClock, World, make_world

pytest_plugins = ["tests.tiers"]

# The same examples at every run, so that a failure is never luck; `HYPOTHESIS_PROFILE=thorough` looks for new ones.
settings.register_profile(
    "same", max_examples=50, derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.register_profile("thorough", settings.get_profile("same"), derandomize=False, max_examples=5000)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "same"))

# Before any fixture of a wider scope runs: no credentials, no profile and no address of this machine's are left.
for _name in [name for name in os.environ if name.startswith("AWS_") or name.lower().endswith("_proxy")]:
    del os.environ[_name]


@pytest.fixture(autouse=True)
def no_outside_settings(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Nothing of the machine's AWS settings reaches a test, and no test can reach AWS."""
    for name in ("PIPECTL_CONFIG", "NO_COLOR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")
    # moto answers on the plain endpoints only
    monkeypatch.setenv("AWS_ACCOUNT_ID_ENDPOINT_MODE", "disabled")
    monkeypatch.setenv("PIPECTL_HOME", str(tmp_path_factory.mktemp("pipectl-home")))


@pytest.fixture
def moto_world(tmp_path: Path) -> Iterator[World]:
    """The dev config on moto, with a clock that costs no time."""
    with mock_aws():
        yield make_world(tmp_path, clock=FakeClock())


@pytest.fixture(scope="session")
def emulator() -> Iterator[LocalEmulator]:
    """One local emulator for all tests of this worker; each test takes an account of its own on it."""
    with lifecycle.temporary() as running:
        yield running


@pytest.fixture(scope="session")
def emulator_nodejs(emulator: LocalEmulator) -> LocalEmulator:
    """The same, where functions in Node.js run, too."""
    node.provide(emulator.home)
    return emulator
