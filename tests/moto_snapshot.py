"""The dev pipeline on moto, created by `up` once for each test process and copied for each test."""

from __future__ import annotations

import copyreg
import io
import pickle
import threading
from dataclasses import dataclass
from types import FunctionType, GeneratorType, ModuleType
from weakref import WeakValueDictionary

from moto.core.base_backend import BackendDict

from pipectl.commands.up import up
from tests.support import World, yes

# A free lock has no state to copy.
copyreg.pickle(type(threading.RLock()), lambda _: (threading.RLock, ()))
copyreg.pickle(threading.Condition, lambda _: (threading.Condition, ()))
# The pages of a list that nobody asks for any more.
copyreg.pickle(GeneratorType, lambda _: (iter, ((),)))
# References to functions of Lambda: those that the same copy contains.
copyreg.pickle(WeakValueDictionary, lambda each: (WeakValueDictionary, ({**each},)))


Place = tuple[BackendDict, str, str]
"""A service, an account and a region: where moto keeps resources."""


@dataclass(frozen=True)
class State:
    """Contents of moto, pickled: reading that is much faster than a deep copy. ``kept`` is what is not copied."""

    contents: bytes
    kept: list[object]


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


class _Pickler(pickle.Pickler):
    """Writes contents of backends. References to backends and functions stay references."""

    def __init__(self, file: io.BytesIO, backends: dict[int, Place]) -> None:
        super().__init__(file, pickle.HIGHEST_PROTOCOL)
        self.kept: list[object] = []
        self._places = backends

    def persistent_id(self, obj: object) -> int | None:
        if id(obj) in self._places:
            self.kept.append(self._places[id(obj)])
        elif isinstance(obj, BackendDict | FunctionType | ModuleType):
            self.kept.append(obj)
        else:
            return None
        return len(self.kept) - 1


class _Unpickler(pickle.Unpickler):
    def __init__(self, state: State) -> None:
        super().__init__(io.BytesIO(state.contents))
        self._kept = state.kept

    def persistent_load(self, pid: int) -> object:
        kept = self._kept[pid]
        if isinstance(kept, tuple):
            backends, account, region = kept
            return backends[account][region]
        return kept


def saved() -> State:
    """Return a copy of moto's state, for `restore`. References between backends stay within the copy."""
    state = [
        ((backends, account, region), backend)
        for backends in BackendDict._instances
        for account, regions in backends.items()
        for region, backend in regions.items()
    ]
    output = io.BytesIO()
    pickler = _Pickler(output, {id(backend): place for place, backend in state})
    pickler.dump([(place, vars(backend)) for place, backend in state])
    return State(output.getvalue(), pickler.kept)


def restore(state: State) -> None:
    """Bring an empty account of moto to a state that was saved."""
    contents: list[tuple[Place, dict[str, object]]] = _Unpickler(state).load()
    for (backends, account, region), values in contents:
        vars(backends[account][region]).update(values)
