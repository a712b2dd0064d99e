"""Filter criteria of event source mappings."""

from __future__ import annotations

import json

import pytest

from pipectl.local.filters import matching

RECORD = {"eventName": "INSERT", "dynamodb": {"NewImage": {"amount": {"N": "7"}, "city": {"S": "Bern"}}, "size": 7}}


@pytest.mark.parametrize(
    "pattern",
    [
        {},
        {"eventName": ["INSERT", "MODIFY"]},
        {"eventName": [{"prefix": "INS"}]},
        {"eventName": [{"suffix": "ERT"}]},
        {"eventName": [{"anything-but": ["REMOVE"]}]},
        {"eventName": [{"anything-but": "REMOVE"}]},
        {"eventName": [{"equals-ignore-case": "insert"}]},
        {"dynamodb": {"NewImage": {"city": {"S": ["Bern"]}}}},
        {"dynamodb": {"OldImage": [{"exists": False}]}},
        {"dynamodb": {"size": [{"exists": True}]}},
        {"dynamodb": {"size": [7]}},
        {"dynamodb": {"size": [{"numeric": [">", 6, "<=", 7]}]}},
    ],
)
def test_record_matches(pattern: dict[str, object]) -> None:
    assert matching([RECORD], {"Filters": [{"Pattern": json.dumps(pattern)}]}) == [RECORD]


@pytest.mark.parametrize(
    "pattern",
    [
        {"eventName": ["REMOVE"]},
        {"eventName": ["INSERT"], "eventSource": ["aws:dynamodb"]},
        {"eventName": [{"prefix": "REM"}]},
        {"eventName": [{"anything-but": ["INSERT"]}]},
        {"eventSource": [{"anything-but": ["INSERT"]}]},
        {"eventName": [{"unknown": "INSERT"}]},
        {"eventName": {"nested": ["INSERT"]}},
        {"eventName": "INSERT"},
        {"dynamodb": {"size": ["7"]}},
        {"dynamodb": {"size": [{"numeric": [">", 7]}]}},
        {"dynamodb": {"NewImage": {"amount": {"N": [{"numeric": [">", 6]}]}}}},
        {"dynamodb": {"size": [{"exists": False}]}},
    ],
)
def test_record_does_not_match(pattern: dict[str, object]) -> None:
    assert matching([RECORD], {"Filters": [{"Pattern": json.dumps(pattern)}]}) == []


def test_one_matching_filter_is_enough() -> None:
    filters = [{"Pattern": '{"eventName": ["REMOVE"]}'}, {"Pattern": '{"eventName": ["INSERT"]}'}]
    assert matching([RECORD], {"Filters": filters}) == [RECORD]


@pytest.mark.parametrize("criteria", [None, {}, {"Filters": []}])
def test_without_a_filter_every_record_matches(criteria: dict[str, object] | None) -> None:
    assert matching([RECORD], criteria) == [RECORD]


@pytest.mark.parametrize("pattern", ["not JSON", "[]"])
def test_unreadable_pattern_matches_nothing(pattern: str) -> None:
    assert matching([RECORD], {"Filters": [{"Pattern": pattern}]}) == []
