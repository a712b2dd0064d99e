"""Contexts of commands on the fake world."""

from __future__ import annotations

from collections.abc import Collection
from datetime import timedelta
from functools import cache
from typing import Any

from pipectl.commands.replay_dlq import Preview
from pipectl.config.loading import load
from pipectl.config.models import Config
from pipectl.context import Context
from pipectl.engine.model import Facts, Observation
from pipectl.facts import FunctionFacts, MappingFacts, QueueFacts, TableFacts
from pipectl.failures.audit_table import Selection
from pipectl.resource_keys import ResourceKey
from tests.support import DEV_CONFIG, Recorder

LIVE = "3"
"""The version of the processor that is live."""


class FakeContext(Context):
    """A context whose resources all exist and are managed."""

    processor = FunctionFacts(LIVE)

    def observe(self, keys: Collection[str] | None = None) -> dict[str, Observation | None]:
        return dict(self.require(keys or [*ResourceKey]))

    def identify(
        self, keys: Collection[str] | None = None, whole: Collection[str] = ()
    ) -> dict[str, Observation | None]:
        del whole
        return self.observe(keys)

    def require(
        self, keys: Collection[str], *, or_absent: Collection[str] = (), whole: Collection[str] = ()
    ) -> dict[str, Observation]:
        del or_absent, whole
        facts: dict[str, Facts] = {
            ResourceKey.DEAD_LETTER_QUEUE: QueueFacts(
                "https://queue", self.pipeline.names.queue_arn(self.pipeline.physical.queue)
            ),
            ResourceKey.AUDIT_TABLE: TableFacts("arn", filled=True),
            ResourceKey.PROCESSOR: self.processor,
            ResourceKey.STREAM_MAPPING: MappingFacts("uuid", "arn", "Enabled"),
        }
        return {key: Observation({}, self.pipeline.ownership, facts.get(key, Facts())) for key in keys}


@cache
def config() -> Config:
    return load(DEV_CONFIG)


def context(process: Any) -> FakeContext:
    """Return a context for one run of a command. Ctrl-C stops the clock of its process."""
    return FakeContext(config(), DEV_CONFIG, process.aws, Recorder(), getattr(process.clock, "cancel", lambda: None))


def selection(process: Any, **changes: Any) -> Selection:
    now = process.clock.now()
    return Selection(**{"since": now - timedelta(hours=48)} | changes)


def yes(found: Preview) -> None:
    """Confirm everything."""
