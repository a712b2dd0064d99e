"""Differences. Each case: desired, observed, the differences by path."""

from __future__ import annotations

from typing import Any

import pytest

from pipectl.engine.diff import diff, top_level
from pipectl.engine.model import UNKNOWN, Attributes, Delta, Observation

CASES: dict[str, tuple[Attributes, Attributes, dict[str, tuple[Any, Any]]]] = {
    "equal": ({"a": 1, "b": [1, 2]}, {"a": 1, "b": [1, 2]}, {}),
    "a value": ({"a": 1}, {"a": 2}, {"a": (2, 1)}),
    "an absent value": ({"a": 1}, {}, {"a": (None, 1)}),
    "a value that should be absent": ({"a": None}, {"a": 5}, {"a": (5, None)}),
    "absent and not desired": ({"a": None}, {}, {}),
    "an attribute that is not managed": ({"a": 1}, {"a": 1, "b": 2}, {}),
    "one key of a mapping": ({"a": {"x": 1, "y": 2}}, {"a": {"x": 1, "y": 3}}, {"a.y": (3, 2)}),
    "an extra key of a mapping": ({"a": {"x": 1}}, {"a": {"x": 1, "y": 3}}, {"a.y": (3, None)}),
    "a missing key of a mapping": ({"a": {"x": 1, "y": 2}}, {"a": {"x": 1}}, {"a.y": (None, 2)}),
    "mappings in mappings": ({"a": {"b": {"c": 1}}}, {"a": {"b": {"c": 2}}}, {"a.b.c": (2, 1)}),
    "an empty mapping against keys": ({"a": {}}, {"a": {"x": 1}}, {"a.x": (1, None)}),
    "a mapping against nothing": ({"a": {"x": 1}}, {}, {"a": (None, {"x": 1})}),
    "a mapping against a list": ({"a": {"x": 1}}, {"a": [1]}, {"a": ([1], {"x": 1})}),
    "lists as a whole, because their order can matter": ({"a": [1, 2]}, {"a": [2, 1]}, {"a": ([2, 1], [1, 2])}),
    "a value that AWS has not chosen yet always differs": ({"a": UNKNOWN}, {"a": "x"}, {"a": ("x", UNKNOWN)}),
}


@pytest.mark.parametrize("case", CASES)
def test_differences_are_named_by_path(case: str) -> None:
    desired, observed, expected = CASES[case]
    found = diff(desired, Observation(observed, {}))
    assert found == {path: Delta(*pair) for path, pair in expected.items()}


def test_only_desired_tags_are_compared() -> None:
    observed = Observation({}, {"Team": "frontend", "aws:created-by": "somebody", "Owner": "somebody"})
    found = diff({"tags": {"Team": "backend", "Project": "shop"}}, observed)
    assert found == {"tags.Team": Delta("frontend", "backend"), "tags.Project": Delta(None, "shop")}


def test_a_tag_with_dots_belongs_to_tags() -> None:
    found = diff({"tags": {"cost.center": "7"}}, Observation({}, {}))
    assert list(found) == ["tags.cost.center"]
    assert top_level(found) == {"tags"}


def test_an_unknown_value_is_shown_as_known_after_apply() -> None:
    assert str(UNKNOWN) == "(known after apply)"
