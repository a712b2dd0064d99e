"""The dev pipeline on moto, created by `up` once for each test process and copied for each test."""

from __future__ import annotations

import copy
import copyreg
import threading
from types import GeneratorType
from typing import Any
from weakref import WeakValueDictionary

from moto.core.base_backend import BackendDict

from pipectl.commands.up import up
from tests.support import World, yes

State = list[tuple[BackendDict, str, str, dict[str, Any]]]

# A free lock has no state to copy.
copyreg.pickle(type(threading.RLock()), lambda _: (threading.RLock, ()))
copyreg.pickle(threading.Condition, lambda _: (threading.Condition, ()))
# The pages of a list that nobody asks for any more.
copyreg.pickle(GeneratorType, lambda _: (iter, ((),)))

_saved: dict[str, State] = {}


def create_pipeline(world: World) -> None:
    """Bring an empty account of moto to the state after `up`."""
    config = world.config.model_dump_json()
    if config in _saved:
        restore(_saved[config])
    else:
        up(world.context(), yes)
        _saved[config] = saved()
        world.calls.clear()


def saved() -> State:
    """Return a copy of moto's state, for `restore`."""
    return _copy(_state())


def _state() -> State:
    return [
        (backends, account, region, vars(backend))
        for backends in BackendDict._instances
        for account, regions in backends.items()
        for region, backend in regions.items()
    ]


def _copy(state: State) -> State:
    """Copy the backends' contents together, so that references between them stay within the copy."""
    backends = [each for each, _, _, _ in state]
    accounts = [backends_[account][region] for backends_, account, region, _ in state]
    memo: dict[int, Any] = {id(each): each for each in (*backends, *accounts)}
    copied = copy.deepcopy(state, memo)
    for (_, _, _, original), (_, _, _, contents) in zip(state, copied, strict=True):
        if "_lambdas" in contents:  # its weak references are not copied
            references = original["_lambdas"]._arns.items()
            contents["_lambdas"]._arns = WeakValueDictionary({arn: memo[id(each)] for arn, each in references})
    return copied


def restore(state: State) -> None:
    """Bring an empty account of moto to a state that was saved."""
    for backends, account, region, contents in _copy(state):
        vars(backends[account][region]).update(contents)
