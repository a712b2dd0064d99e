"""`config`: the printed config is read alike by every YAML reader."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from pipectl.commands.config import as_yaml, with_places
from pipectl.config.layers import Place


@pytest.mark.parametrize(
    "text",
    ["012345678901", "123456789012", "1e5", "1E-5", "0512", "0o17", "0x1F", "1_000", "12:30", ".5", "5.", "-1", ".inf"],
)
def test_text_that_a_yaml_reader_takes_for_a_number_is_quoted(text: str) -> None:
    shown = as_yaml({"key": text})
    assert shown == f"key: '{text}'"
    assert yaml.safe_load(shown) == {"key": text}


@pytest.mark.parametrize("text", ["dev", "orders-table", "v1.0", "1-a", "arn:aws:sns:us-east-1:123456789012:topic"])
def test_other_text_is_not_quoted(text: str) -> None:
    assert as_yaml({"key": text}) == f"key: {text}"


def test_numbers_stay_numbers() -> None:
    assert as_yaml({"memory": 512}) == "memory: 512"


PLACES = {
    ("environment",): Place(Path("prod.yaml"), 2),
    ("processor",): Place(Path("prod.yaml"), 3),
    ("processor", "memory"): Place(Path("prod.yaml"), 4),
    ("actions",): Place(Path("base.yaml"), 9),
    ("actions", 0): Place(Path("base.yaml"), 10),
    ("tags", "a: b # c"): Place(Path("base\n.yaml"), 1),
}


def test_places_are_comments_beside_values_and_lists() -> None:
    config = {
        "environment": "prod",
        "processor": {"memory": 512, "timeout": 60},
        "actions": ["a", "b"],
        "tags": {"a: b # c": "d " * 100},
    }
    shown = with_places(as_yaml(config), PLACES)
    assert shown.splitlines()[:6] == [
        "environment: prod  # prod.yaml:2",
        "processor:",
        "  memory: 512  # prod.yaml:4",
        "  timeout: 60",
        "actions:  # base.yaml:9",
        "- a",
    ]
    assert yaml.safe_load(shown) == config


def test_a_text_of_several_lines_has_no_comment() -> None:
    config = {"environment": "a\nb" * 60}
    assert yaml.safe_load(with_places(as_yaml(config), PLACES)) == config
