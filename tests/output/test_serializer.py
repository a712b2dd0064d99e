"""The serializer: dataclasses in camelCase, data as they are spelled, times in RFC 3339."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from enum import IntEnum, StrEnum
from pathlib import Path

import pytest

from pipectl.engine.model import UNKNOWN
from pipectl.output.serializer import dumps, serialize, versioned


class Colour(StrEnum):
    RED = "red"


class Level(IntEnum):
    LOW = 3


@dataclass(frozen=True)
class Inner:
    at_risk: datetime | None


@dataclass(frozen=True)
class Outer:
    by_status: dict[str, int]
    inner_parts: tuple[Inner, ...]


NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)


def test_fields_are_camel_case_and_keys_of_mappings_stay() -> None:
    assert serialize(Outer({"OPEN": 1, "snake_case": 2}, (Inner(NOON), Inner(None)))) == {
        "byStatus": {"OPEN": 1, "snake_case": 2},
        "innerParts": [{"atRisk": "2026-01-31T12:00:00Z"}, {"atRisk": None}],
    }


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (Colour.RED, "red"),
        (Level.LOW, 3),
        (NOON.replace(microsecond=120_000), "2026-01-31T12:00:00.120Z"),
        (date(2026, 1, 31), "2026-01-31"),
        (timedelta(minutes=1.5), 90.0),
        (Path("config/dev.yaml"), "config/dev.yaml"),
        ({Colour.RED: Level.LOW}, {"red": 3}),
        (frozenset({"b", "a"}), ["a", "b"]),
        ((1, [True, None]), [1, [True, None]]),
        (b"\xff", "/w=="),
        ({"arn": UNKNOWN}, {"arn": "(known after apply)"}),
    ],
)
def test_values(value: object, written: object) -> None:
    assert serialize(value) == written


@pytest.mark.parametrize(
    ("number", "written"),
    [
        ("7", 7),
        ("12.50", 12.5),
        ("99999999999999999999999999999999999999", 99999999999999999999999999999999999999),
        ("0.1234567890123456789012345678901234567", "0.1234567890123456789012345678901234567"),
        ("1E+125", 10**125),
        ("1E-130", 1e-130),
        ("1E+999999", "1E+999999"),
        ("NaN", "NaN"),
    ],
)
def test_no_number_loses_a_digit(number: str, written: object) -> None:
    assert serialize(Decimal(number)) == written


def test_what_has_no_json_form_is_refused() -> None:
    with pytest.raises(TypeError, match="object"):
        serialize(object())


def test_a_versioned_document_names_its_version_first() -> None:
    assert list(versioned({"ok": True})) == ["schemaVersion", "ok"]


@pytest.mark.parametrize("sign", [*"\x1b\r\x85\x9b\x7f\u202e\u2066\u2028\u200f\ud800"])
def test_control_characters_are_written_as_escapes(sign: str) -> None:
    text = dumps({"key": f"a{sign}b é"})
    assert sign not in text
    assert "é" in text
    assert json.loads(text) == {"key": f"a{sign}b é"}
