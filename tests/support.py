"""Support for all tests: a config, AWS clients that record calls, and a clock that does not wait."""

from __future__ import annotations

import copy
import itertools
import os
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import boto3
import yaml

from pipectl.aws.calls import Call
from pipectl.aws.client import Aws, Credentials
from pipectl.aws.settings import profileless_session
from pipectl.clock import Clock
from pipectl.config.loading import load
from pipectl.config.models import Config
from pipectl.context import Context
from pipectl.engine.model import Change
from pipectl.errors import PipectlError
from tests.constraints import check_request
from tests.empty_pages import repeating_empty_pages

ROOT = Path(__file__).parent.parent
THOROUGH = os.environ.get("HYPOTHESIS_PROFILE") == "thorough"
"""Set by `make judges`: more examples, and more data."""
DEV_CONFIG = ROOT / "config" / "dev.yaml"
ACCOUNT = "123456789012"
REGION = "us-east-1"
PATIENCE = 60
"""Seconds after which a test fails instead of hanging; no passing test waits for it."""
POLL_SECONDS = 0.01
"""Pause in which a server of the tests looks whether to stop. By default half a second, for which each test waits."""
_accounts = itertools.count(700_000_000_000)
_Dumper: Any = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
NODEJS: dict[str, Any] = {function: {"runtime": "nodejs24.x"} for function in ("processor", "auditor")}
"""Changes of the config for functions in Node.js."""


def new_account() -> str:
    """Return an account id that no other test of this process uses: on the emulator, each has resources of its own."""
    return str(next(_accounts))


def boto3_session(access_key: str | None = None, secret_key: str | None = None) -> boto3.Session:
    """Return a session that shares botocore's parsed models with all others; parsing takes longer than most tests."""
    return boto3.Session(access_key, secret_key, region_name=REGION, botocore_session=profileless_session())


class FakeClock:
    """A clock that only `sleep` moves."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self.started = datetime(2026, 1, 1, tzinfo=UTC)

    def monotonic(self) -> float:
        return self.seconds

    def now(self) -> datetime:
        return self.started + timedelta(seconds=self.seconds)

    def sleep(self, seconds: float) -> None:
        self.seconds += seconds


@dataclass
class RecordedBar:
    """A bar that keeps what it counts."""

    total: int | None
    noun: str
    done: int = 0
    ended: bool = False

    def __enter__(self) -> RecordedBar:
        return self

    def __exit__(self, *_: object) -> None:
        self.ended = True

    def advance(self, count: int = 1) -> None:
        self.done += count


@dataclass
class Recorder:
    """A reporter that keeps everything it receives."""

    planned: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    steps: list[str] = field(default_factory=list)
    done: list[str] = field(default_factory=list)
    errors: dict[str, PipectlError] = field(default_factory=dict)
    bars: list[RecordedBar] = field(default_factory=list)

    def started(self, change: Change) -> None:
        pass

    def finished(self, change: Change, seconds: float) -> None:
        self.done.append(change.resource)

    def failed(self, change: Change, error: PipectlError) -> None:
        self.errors[change.resource] = error

    @contextmanager
    def changing(self, changes: Sequence[Change], needs: Mapping[str, Collection[str]]) -> Iterator[None]:
        del needs
        self.planned += [change.resource for change in changes]
        yield

    def note(self, text: str, *, commands: bool = False) -> None:
        del commands
        self.notes.append(text)

    def step(self, text: str) -> None:
        self.steps.append(text)

    @contextmanager
    def work(self, text: str) -> Iterator[None]:
        self.steps.append(text)
        yield

    def bar(self, total: int | None, noun: str) -> RecordedBar:
        self.bars.append(RecordedBar(total, noun))
        return self.bars[-1]


def write_config(folder: Path, changes: dict[str, Any] | None = None) -> Path:
    """Write a copy of config/dev.yaml to ``folder``, with the handlers of this project and with ``changes``.

    ``{"processor": {"memory": 512}}`` changes one key; a value of ``None`` removes the key.
    """
    values = copy.deepcopy(_dev_config())
    _apply(values, copy.deepcopy(changes or {}))
    file = folder / "pipectl.yaml"
    file.write_text(yaml.dump(values, Dumper=_Dumper, sort_keys=False))
    return file


@cache
def _dev_config() -> dict[str, Any]:
    values: dict[str, Any] = yaml.safe_load(DEV_CONFIG.read_text())
    for function in ("processor", "auditor"):
        values[function]["source"] = f"{ROOT}/lambda_src/{{language}}/{function}"
    return values


def _apply(values: dict[str, Any], changes: dict[str, Any]) -> None:
    for key, change in changes.items():
        if change is None:
            values.pop(key, None)
        elif isinstance(change, dict) and isinstance(values.get(key), dict):
            _apply(values[key], change)
        else:
            values[key] = change


def reads(call: Call) -> bool:
    """Return whether a call, going by its name, changes nothing."""
    return call.operation.startswith(("Get", "List", "Describe", "Head", "Scan", "Query", "Filter"))


@dataclass
class World:
    """A config file and AWS clients. Every command gets a new `Context`, as on the command line."""

    file: Path
    aws: Aws
    calls: list[Call]

    @property
    def config(self) -> Config:
        return _config(self.file.read_text(), self.file)

    def context(self, **changes: Any) -> Context:
        """Return a new context. ``changes`` are written to the config."""
        if changes:
            write_config(self.file.parent, changes)
        return Context(self.config, self.file, self.aws, Recorder())

    def writes(self) -> list[str]:
        """Return the recorded calls that can change something, and clear the record."""
        made = [f"{call.service}:{call.operation}" for call in self.calls if not reads(call)]
        self.calls.clear()
        return made


_configs: dict[str, Config] = {}


def _config(text: str, file: Path) -> Config:
    """Return the config of a file. Equal texts are read once: a config does not depend on where its file is."""
    if text not in _configs:
        _configs[text] = load(file)
    return _configs[text]


def make_world(
    folder: Path,
    changes: dict[str, Any] | None = None,
    *,
    endpoint_url: str | None = None,
    account: str = ACCOUNT,
    clock: Clock | None = None,
) -> World:
    """Return a `World` on moto (no endpoint) or on the local emulator, where each account is separate."""
    calls: list[Call] = []
    aws = Aws(
        REGION,
        endpoint_url=endpoint_url,
        credentials=Credentials(account, "test"),
        clock=clock,
        on_call=calls.append,
        attempt=repeating_empty_pages(check_request),
    )
    return World(write_config(folder, changes), aws, calls)


def yes(changes: object) -> None:
    """Confirm everything."""
