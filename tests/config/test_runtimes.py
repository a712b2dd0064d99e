"""The table of runtimes matches botocore's list, so that a new runtime is noticed."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path

import pytest
from click.testing import CliRunner

from pipectl.aws.service_models import models
from pipectl.cli.main import main as pipectl
from pipectl.commands.config import ending_runtimes
from pipectl.config.loading import load
from pipectl.config.runtimes import RUNTIMES, newest, supported
from pipectl.errors import ConfigError
from tests.support import DEV_CONFIG, ROOT, World, write_config


def known_runtimes() -> list[str]:
    """Return the runtimes in the installed botocore's model of Lambda."""
    model = models().load_service_model("lambda", "service-2")
    return list(model["shapes"]["Runtime"]["enum"])


def version(runtime: str) -> tuple[int, ...]:
    digits = runtime.removeprefix("python").removeprefix("nodejs").removesuffix(".x")
    return tuple(int(part) for part in digits.split("."))


def of_language(language: str) -> list[str]:
    """Return botocore's runtimes of a language that have a version, oldest first."""
    named = [name for name in known_runtimes() if name.startswith(language) and name[len(language) :][:1].isdecimal()]
    return sorted((name for name in named if "edge" not in name), key=version)


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_every_runtime_of_the_table_exists_in_lambda(runtime: str) -> None:
    assert runtime in known_runtimes()


@pytest.mark.parametrize("language", ["python", "nodejs"])
def test_the_newest_runtime_of_each_language_is_in_the_table(language: str) -> None:
    assert of_language(language)[-1] in RUNTIMES


@pytest.mark.parametrize("language", ["python", "nodejs"])
def test_the_table_has_every_runtime_since_its_oldest(language: str) -> None:
    table = [name for name, runtime in RUNTIMES.items() if runtime.language == language]
    assert table == [name for name in of_language(language) if version(name) >= version(table[0])]


@pytest.mark.parametrize("language", ["python", "nodejs"])
def test_older_runtimes_are_unsupported_first_and_dates_increase(language: str) -> None:
    table = [runtime for runtime in RUNTIMES.values() if runtime.language == language]
    assert [runtime.supported for runtime in table] == sorted(runtime.supported for runtime in table)
    dates = [runtime.deprecated for runtime in table if runtime.deprecated]
    assert dates == sorted(dates)
    assert [runtime.deprecated is None for runtime in table] == sorted(r.deprecated is None for r in table)


def test_the_key_of_a_runtime_is_its_name() -> None:
    assert all(name == runtime.name and name.startswith(runtime.language) for name, runtime in RUNTIMES.items())


def test_supported_lists_the_supported_runtimes() -> None:
    assert "python3.14" in supported()
    assert "nodejs20.x" not in supported()
    assert set(supported()) == {name for name, runtime in RUNTIMES.items() if runtime.supported}


@pytest.mark.parametrize("language", ["python", "nodejs"])
def test_every_supported_runtime_has_handlers(language: str) -> None:
    assert {RUNTIMES[name].language for name in supported()} == {"python", "nodejs"}
    for function in ("processor", "auditor"):
        assert list((ROOT / "lambda_src" / language / function).glob("handler.*"))


@pytest.mark.parametrize("language", ["python", "nodejs"])
def test_the_newest_runtime_of_a_language_is_supported(language: str) -> None:
    """A runtime without AWS's dates is accepted and not recommended."""
    known = [runtime for runtime in map(RUNTIMES.get, of_language(language)) if runtime]
    assert newest(language) == [runtime.name for runtime in known if runtime.deprecated][-1]
    assert newest(language) in supported()


@pytest.mark.parametrize(
    ("runtime", "today", "ends_soon"),
    [
        ("nodejs22.x", date(2026, 10, 29), False),  # a day more than half a year before
        ("nodejs22.x", date(2026, 10, 30), True),
        ("nodejs22.x", date(2027, 5, 1), True),
        ("nodejs24.x", date(2026, 11, 22), False),
        ("nodejs26.x", date(2100, 1, 1), False),  # AWS has announced no date
    ],
)
def test_a_runtime_is_reported_half_a_year_before_its_deprecation(runtime: str, today: date, ends_soon: bool) -> None:
    config = load(DEV_CONFIG).running_in(runtime)
    assert [found.name for found in ending_runtimes(config, today)] == [runtime] * ends_soon


@pytest.mark.parametrize("words", [["config", "check"], ["plan"], ["up", "--yes"], ["status"]], ids=" ".join)
def test_a_deprecation_is_reported_on_stderr(words: list[str], moto_world: World) -> None:
    moto_world.context(processor={"runtime": "nodejs22.x"})
    result = CliRunner().invoke(pipectl, ["-c", str(moto_world.file), "-o", "json", *words])
    assert result.exit_code == 0, result.output
    json.loads(result.stdout)
    reported = [line for line in result.stderr.splitlines() if "nodejs22.x" in line and "2027-04-30" in line]
    assert len(reported) == 1
    assert newest("nodejs") in reported[0]
    assert newest("python") in reported[0]


def test_the_error_for_a_deprecated_runtime_lists_the_newest_ones(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=f"the newest are {newest('nodejs')} and {newest('python')}"):
        load(write_config(tmp_path, {"processor": {"runtime": "nodejs20.x"}}))
