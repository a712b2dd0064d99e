"""What counts as a difference. Each case: desired, observed, the differences by path."""

from __future__ import annotations

from typing import Any

import pytest

from pipectl.engine.diff import diff, top_level
from pipectl.engine.model import UNKNOWN, Attributes, Delta, Observation

CASES: dict[str, tuple[Attributes, Attributes, dict[str, tuple[Any, Any]]]] = {
    "equal": ({"a": 1, "b": [1, 2]}, {"a": 1, "b": [1, 2]}, {}),
    "a value": ({"a": 1}, {"a": 2}, {"a": (2, 1)}),
    "not there": ({"a": 1}, {}, {"a": (None, 1)}),
    "there although none is wanted": ({"a": None}, {"a": 5}, {"a": (5, None)}),
    "none is wanted and none is there": ({"a": None}, {}, {}),
    "what we do not manage is no difference": ({"a": 1}, {"a": 1, "b": 2}, {}),
    "one key of a mapping": ({"a": {"x": 1, "y": 2}}, {"a": {"x": 1, "y": 3}}, {"a.y": (3, 2)}),
    "a key too many in a mapping": ({"a": {"x": 1}}, {"a": {"x": 1, "y": 3}}, {"a.y": (3, None)}),
    "a key too few in a mapping": ({"a": {"x": 1, "y": 2}}, {"a": {"x": 1}}, {"a.y": (None, 2)}),
    "mappings in mappings": ({"a": {"b": {"c": 1}}}, {"a": {"b": {"c": 2}}}, {"a.b.c": (2, 1)}),
    "an empty mapping where keys are": ({"a": {}}, {"a": {"x": 1}}, {"a.x": (1, None)}),
    "a mapping where nothing is": ({"a": {"x": 1}}, {}, {"a": (None, {"x": 1})}),
    "a mapping where a list is": ({"a": {"x": 1}}, {"a": [1]}, {"a": ([1], {"x": 1})}),
    "lists as a whole, for order can mean something": ({"a": [1, 2]}, {"a": [2, 1]}, {"a": ([2, 1], [1, 2])}),
    "what AWS has yet to choose always differs": ({"a": UNKNOWN}, {"a": "x"}, {"a": ("x", UNKNOWN)}),
}


@pytest.mark.parametrize("case", CASES)
def test_differences_are_named_by_path(case: str) -> None:
    desired, observed, expected = CASES[case]
    found = diff(desired, Observation(observed, {}))
    assert found == {path: Delta(*pair) for path, pair in expected.items()}


def test_of_tags_only_ours_are_compared() -> None:
    observed = Observation({}, {"Team": "frontend", "aws:created-by": "somebody", "Owner": "somebody"})
    found = diff({"tags": {"Team": "backend", "Project": "shop"}}, observed)
    assert found == {"tags.Team": Delta("frontend", "backend"), "tags.Project": Delta(None, "shop")}


def test_a_tag_with_dots_belongs_to_tags() -> None:
    found = diff({"tags": {"cost.center": "7"}}, Observation({}, {}))
    assert list(found) == ["tags.cost.center"]
    assert top_level(found) == {"tags"}


def test_a_value_that_aws_has_yet_to_choose_says_so() -> None:
    assert str(UNKNOWN) == "(known after apply)"
