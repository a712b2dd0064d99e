"""A pipeline on moto for the tests of `pause` and `resume`, and processes that are killed in between."""

from __future__ import annotations

import itertools
from typing import Any

from pipectl.aws.calls import Call
from pipectl.aws.client import Aws, Credentials
from pipectl.monitoring.checks import Check
from pipectl.monitoring.health import health
from pipectl.resource_keys import ResourceKey
from tests.resources.direct_access import DirectAccess
from tests.support import ACCOUNT, REGION, FakeClock, World, reads

MAPPING = ResourceKey.STREAM_MAPPING


def mapping(direct: DirectAccess) -> Any:
    return direct.mapping(direct.resources[MAPPING])


def tags(direct: DirectAccess) -> dict[str, str]:
    return direct.tags(direct.resources[MAPPING])


def check(world: World) -> Check:
    context = world.context()
    facts = context.facts(context.require([MAPPING]))
    (check,) = [check for check in health(world.context(), facts).checks if check.name == MAPPING]
    return check


class Killed(BaseException):
    """The process died."""


def killed_at(direct: DirectAccess, number: int, clock: FakeClock | None = None) -> World:
    """Return the same world with a process that is killed before its write of that number."""
    left = itertools.count(number, -1)

    def kill(call: Call) -> None:
        if not reads(call) and next(left) <= 0:
            raise Killed

    aws = Aws(REGION, credentials=Credentials(ACCOUNT, "test"), clock=clock or FakeClock(), on_call=kill)
    return World(direct.world.file, aws, [])
