"""`config`: the printed config is read alike by every YAML reader."""

from __future__ import annotations

import pytest
import yaml

from pipectl.commands.config import as_yaml


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
