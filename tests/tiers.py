"""The tier of each test, derived from what it uses, as a marker. A unit test has none."""

from __future__ import annotations

import gc
import importlib
from collections.abc import Iterator
from contextlib import suppress
from functools import cache
from pathlib import Path
from types import FunctionType
from typing import Any

import pytest

from tests.support import ROOT

TIERS = ("emulator", "moto")
BROWSER = "browser"
"""The marker of tests with the fixture of this name. They may be of another tier too."""
SLOW = {
    "fuzz",
    "test_credentials",
    "test_ending",
    "test_file_watcher",
    "test_process",
    "test_limits",
    "test_memory",
    "test_platforms",
}
"""Folders and modules whose tests start processes, try many examples, or handle 100,000 items."""
gc.disable()  # until the tests are collected: modules and tests stay, so that looking through them frees nothing
LONGEST_ID = 60
"""Characters. pytest puts the name of a test into the environment, which has a limit for each variable."""


def pytest_sessionstart(session: pytest.Session) -> None:
    """Put the files of a folder together.

    pytest 9.1 collects a folder that comes again as a new node, and then does not find the fixtures of its conftest.
    """
    session.config.args.sort(key=_place)
    if worker := getattr(session.config, "workerinput", None):
        _import_modules(session.config.args, int(worker["workerid"].removeprefix("gw")) / worker["workercount"])


def _import_modules(arguments: list[str], part: float) -> None:
    """Import the tests, each worker from another one on: in a new checkout each then compiles a part, and not all.

    The collection reports a module that cannot be imported.
    """
    folders = [Path(argument.partition("::")[0]).absolute() for argument in arguments]
    files = [file for folder in folders for file in (sorted(folder.rglob("test_*.py")) or [folder])]
    first = int(len(files) * part)
    for file in files[first:] + files[:first]:
        with suppress(Exception):
            importlib.import_module(".".join(file.relative_to(ROOT).with_suffix("").parts))


def _place(argument: str) -> tuple[str, ...]:
    return Path(argument.partition("::")[0]).absolute().parts


def pytest_make_parametrize_id(val: object) -> str | None:
    """Shorten the part of a test's name that comes from a long text."""
    if isinstance(val, str | bytes) and len(val) > LONGEST_ID:
        return f"{val[:20]!r}... of {len(val)}"
    return None


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if not isinstance(item, pytest.Function):
            continue
        if BROWSER in item.fixturenames:
            item.add_marker(BROWSER)
            item.add_marker(pytest.mark.xdist_group(BROWSER))  # one worker starts Chromium
        if not any(map(item.get_closest_marker, TIERS)):
            if any(name.startswith("emulator") for name in item.fixturenames):
                item.add_marker("emulator")
            elif any(map(uses_moto, functions(item))):
                item.add_marker("moto")
        if SLOW & {*item.path.relative_to(ROOT).with_suffix("").parts}:
            item.add_marker("slow")
        if item.get_closest_marker("moto") and not item.get_closest_marker("xdist_group"):
            # on one worker, so that the module's fixtures are made once
            item.add_marker(pytest.mark.xdist_group(item.module.__name__))


@pytest.hookimpl(tryfirst=True)
def pytest_fixture_setup(fixturedef: Any, request: Any) -> None:
    """Refuse a fixture that a test asks for at run time and that the test's tier does not have."""
    item = request._pyfuncitem
    if fixturedef.argname == BROWSER:
        assert item.get_closest_marker(BROWSER), "name the fixture `browser`, or a fixture with it, as an argument"
    if not any(map(item.get_closest_marker, TIERS)):
        slow = fixturedef.argname.startswith("emulator") or (
            isinstance(fixturedef.func, FunctionType) and uses_moto(fixturedef.func)
        )
        assert not slow, f"mark the test `moto` or `emulator`: it uses the fixture {fixturedef.argname}"


def pytest_collection_finish() -> None:
    """Keep the garbage collector off the modules and the collected tests, which take a tenth of the time otherwise."""
    gc.freeze()
    gc.set_threshold(100_000, 50, 50)
    gc.enable()


def pytest_sessionfinish() -> None:
    """Collect once: afterwards pytest collects five times more, which then takes no time."""
    gc.collect()
    gc.freeze()


def functions(item: pytest.Function) -> Iterator[FunctionType]:
    """Yield the test's function and those of its fixtures."""
    info: Any = item._fixtureinfo  # pytest has no public name for the fixtures that a test really uses
    for definitions in info.name2fixturedefs.values():
        yield from (each.func for each in definitions[-1:] if isinstance(each.func, FunctionType))
    if isinstance(item.function, FunctionType):
        yield item.function


@cache
def uses_moto(function: FunctionType, depth: int = 3) -> bool:
    """Return whether a function, or a function of the tests that it calls, starts moto."""
    for name in names_in(function):
        if name == "mock_aws":
            return True
        called = function.__globals__.get(name)
        called = getattr(called, "__wrapped__", called)
        if not (depth and isinstance(called, FunctionType) and called.__module__.startswith("tests.")):
            continue
        if uses_moto(called, depth - 1):
            return True
    return False


def names_in(function: FunctionType) -> set[str]:
    """Return the global names that a function uses, its inner functions included."""
    names, codes = set[str](), [function.__code__]
    while codes:
        code = codes.pop()
        names |= {*code.co_names}
        codes += [each for each in code.co_consts if isinstance(each, type(code))]
    return names
