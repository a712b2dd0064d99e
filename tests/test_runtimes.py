"""Our table of runtimes against botocore's list, so that a new runtime does not go unnoticed."""

from __future__ import annotations

import pytest

from pipectl.aws import known_runtimes
from pipectl.runtimes import RUNTIMES, supported
from tests.support import ROOT


def version(runtime: str) -> tuple[int, ...]:
    digits = runtime.removeprefix("python").removeprefix("nodejs").removesuffix(".x")
    return tuple(int(part) for part in digits.split("."))


def of_language(language: str) -> list[str]:
    """botocore's runtimes of a language that have a version, oldest first."""
    named = [name for name in known_runtimes() if name.startswith(language) and name[len(language) :][:1].isdecimal()]
    return sorted((name for name in named if "edge" not in name), key=version)


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_lambda_has_every_runtime_of_ours(runtime: str) -> None:
    assert runtime in known_runtimes()


@pytest.mark.parametrize("language", ["python", "nodejs"])
def test_the_newest_runtime_of_each_language_is_in_our_table(language: str) -> None:
    assert of_language(language)[-1] in RUNTIMES


@pytest.mark.parametrize("language", ["python", "nodejs"])
def test_none_in_between_is_left_out(language: str) -> None:
    ours = [name for name, runtime in RUNTIMES.items() if runtime.language == language]
    assert ours == [name for name in of_language(language) if version(name) >= version(ours[0])]


@pytest.mark.parametrize("language", ["python", "nodejs"])
def test_support_ends_with_the_older_ones_and_dates_only_grow(language: str) -> None:
    ours = [runtime for runtime in RUNTIMES.values() if runtime.language == language]
    assert [runtime.supported for runtime in ours] == sorted(runtime.supported for runtime in ours)
    dates = [runtime.deprecated for runtime in ours if runtime.deprecated]
    assert dates == sorted(dates)
    assert [runtime.deprecated is None for runtime in ours] == sorted(r.deprecated is None for r in ours)


def test_a_runtime_is_filed_under_its_own_name() -> None:
    assert all(name == runtime.name and name.startswith(runtime.language) for name, runtime in RUNTIMES.items())


def test_supported_are_those_that_are_not_marked_otherwise() -> None:
    assert "python3.14" in supported()
    assert "nodejs20.x" not in supported()
    assert set(supported()) == {name for name, runtime in RUNTIMES.items() if runtime.supported}


def test_python_has_handlers() -> None:
    assert (ROOT / "lambda_src" / "python" / "processor" / "handler.py").is_file()
