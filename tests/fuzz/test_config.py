"""The config loader with unusual files: it returns a `Config`, or every problem with its line, in limited time."""

from __future__ import annotations

from datetime import date, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from pipectl.config.loading import load
from pipectl.config.yaml_document import LARGEST_BYTES
from pipectl.errors import ConfigError, Problem
from tests.fuzz.strategies import JSON, TEXTS, places_of, replaced, trees, without
from tests.support import DEV_CONFIG

DEV = DEV_CONFIG.read_text()
LINES = DEV.splitlines()
VALUES = yaml.safe_load(DEV)
PLACES = places_of(VALUES)

SNIPPETS = [
    *("&a [x, x]", "*a", "<<: *a", "&a {b: *a}", "!!python/object/apply:os.system [ls]", "!!python/name:os.system"),
    *("!!binary ÿ", "!!binary a", "!!int x", "!!float x", "!!timestamp x", "!!bool x", "!!null x", "!!set {a, b}"),
    *("!!omap [a: b]", "!!pairs [a: b]", "!!seq x", "!!map x", "!!set x", "!!str [a]", "!x y", "!<x> y", "!%ff x", "!"),
    *("1:1:1.5", "1" + ":1" * 400 + ".5", "1" + ":1" * 400, "0x" + "f" * 5000, "0" + "7" * 5000, "9" * 5000, "1e999"),
    *(".nan", "-.inf", "2026-01-01", "2026-13-45", "2026-01-01T00:00:00-99:99", "0000-00-00", "=", "~", "<<", "0b"),
    *('"\\U00110000"', '"\\UFFFFFFFF"', '"\\ud800"', '"\\0"', '"\\x"', '"\\e[31m"', '"', "'", "`", "@", "%YAML 1.1"),
    *(
        "{",
        "}",
        "[",
        "]",
        "{a: b, a: c}",
        "[[[[[[[[[[[[[[[[",
        "? a",
        "? [a]",
        ": ",
        "- - -",
        "|",
        ">",
        "|9",
        "|+x",
        "---",
    ),
    *(
        "...",
        "\t",
        "\0",
        "\x85",
        "\u2028",
        "\ufeff",
        "\r",
        "#",
        ", ",
        "x: y: z",
        "${HOME}",
        "a" * 5000,
        "%YAML " + "9" * 5000,
    ),
]
SCALARS = st.sampled_from(SNIPPETS) | TEXTS.map(lambda text: text.encode(errors="replace").decode())


@st.composite
def edited(draw: st.DrawFn) -> str:
    """Return dev.yaml with a few typing errors."""
    lines = list(LINES)
    for _ in range(draw(st.integers(1, 3))):
        at = draw(st.integers(0, len(lines) - 1))
        key, indent = lines[at].partition(":")[0], " " * draw(st.integers(0, 4))
        odd = draw(SCALARS)
        edits = [
            f"{key}: {odd}",
            f"{odd}: x",
            f"{odd}",
            f"{indent}{lines[at]}",
            f"{lines[at]}\n{lines[at]}",
            "",
            odd[:1],
        ]
        lines[at] = draw(st.sampled_from(edits))
    return draw(st.sampled_from(["\n", "\r\n", "\r"])).join(lines)


ODD = (
    JSON
    | trees(st.dates() | st.datetimes() | st.floats() | st.binary(max_size=5) | st.integers(10**18))
    | st.sampled_from([{1: 2}, {None: 1}, {True: date(2026, 1, 1)}, {datetime(2026, 1, 1): [{}]}])  # noqa: DTZ001
)
TREES = (
    st.builds(replaced, st.just(VALUES), st.sampled_from(PLACES), ODD)
    | st.builds(without, st.just(VALUES), st.sampled_from(PLACES))
    | st.builds(lambda place, name, odd: replaced(VALUES, (*place, name), odd), st.sampled_from(PLACES), TEXTS, ODD)
    | ODD
)


def check(file: Path, raw: bytes) -> None:
    file.write_bytes(raw)
    problems: tuple[Problem, ...] = ()
    try:
        load(file)
    except ConfigError as error:
        problems = error.problems or (Problem("", 0, "", ""),)
    last = 1 + sum(raw.count(end) for end in (b"\n", b"\r", b"\x85", b"\xe2\x80"))
    for problem in problems:
        assert problem.file == str(file)
        assert problem.message
        assert 1 <= problem.line <= last
        assert str(problem).encode()


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("config") / "pipectl.yaml"


@given(edited(), st.sampled_from(["utf-8", "utf-8", "utf-8", "utf-8-sig", "utf-16", "latin-1"]))
def test_a_config_with_typing_errors(file: Path, text: str, encoding: str) -> None:
    check(file, text.encode(encoding, errors="replace"))


@given(TREES, st.booleans())
def test_a_config_with_unusual_values(file: Path, values: Any, flow: bool) -> None:
    check(file, yaml.safe_dump(values, default_flow_style=flow, allow_unicode=flow).encode(errors="replace"))


@given(st.integers(0, len(DEV)), st.binary(max_size=20), st.integers(0, len(DEV)))
def test_a_damaged_config(file: Path, start: int, odd: bytes, end: int) -> None:
    check(file, DEV.encode()[:start] + odd + DEV.encode()[end:])


@given(st.binary(max_size=200) | st.text("?:-[]{},&*!|>%'\"#\n \tab1", max_size=60).map(str.encode))
def test_random_bytes(file: Path, raw: bytes) -> None:
    check(file, raw)


FULL = LARGEST_BYTES - 100
LARGE = {
    "a billion laughs": "a0: &a0 [x]\n" + "".join(f"a{n}: &a{n} [{f'*a{n - 1}, ' * 9}]\n" for n in range(1, 20)),
    "nesting": "a: " + "[" * FULL,
    "nested maps": "a: " + "{a: " * (FULL // 4),
    "nested complex keys": "? " * (FULL // 2),
    "a long list": "a: [" + "x," * (FULL // 2) + "]",
    "a number in base 60": "a: 1" + ":1" * (FULL // 2),
    "a long number": "a: 0x" + "f" * FULL,
    "unknown keys": DEV + "".join(f"k{n}:\n" for n in range(4000)),
    "the same key": "a: 1\n" * (FULL // 5),
    "documents": "---\n" * (FULL // 4),
    "escapes": 'a: "' + "\\x41" * (FULL // 40) + '"',
    "blank lines": "\n" * (FULL // 10),
}


@pytest.mark.parametrize("name", LARGE)
def test_a_file_that_would_take_minutes_is_refused(name: str, file: Path) -> None:
    file.write_text(LARGE[name])
    assert file.stat().st_size <= LARGEST_BYTES
    with pytest.raises(ConfigError):
        load(file)
