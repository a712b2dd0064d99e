"""The differences of attributes: every value that differs is in the text of the plan."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipectl.engine.diff import diff
from pipectl.engine.model import UNKNOWN, Delta, Observation
from pipectl.output.changes import drawn
from pipectl.output.differences import Shown, by_words, difference_lines
from pipectl.output.printable import printable
from pipectl.output.serializer import dumps
from pipectl.review.statements import Here

HERE = Here("arn:aws:s3:::b", "bucket")
SHOWN = Shown(HERE, lambda attribute: "days" if attribute == "retention_days" else None)


def statement(**changed: object) -> dict[str, object]:
    return {
        "Effect": "Allow",
        "Principal": {"AWS": ["arn:aws:iam::111122223333:root"]},
        "Action": ["s3:GetObject"],
        "Resource": ["arn:aws:s3:::b/*"],
        **changed,
    }


DENY = statement(Effect="Deny", Principal="*", Action=["s3:*"])


def text_of(deltas: dict[str, Delta], shown: Shown = SHOWN) -> list[str]:
    lines = drawn(difference_lines(deltas, shown))
    return [printable("".join(part if isinstance(part, str) else part[0] for part in line)) for line in lines]


@pytest.mark.parametrize(
    ("before", "after", "lines"),
    [
        (4, 14, ["  ~ a: 4 -> 14"]),
        (None, "", ['  ~ a: (none) -> ""']),
        ("", None, ['  ~ a: "" -> (none)']),
        ("5", 5, ['  ~ a: "5" -> 5']),
        ("(none)", None, ['  ~ a: "(none)" -> (none)']),
        ("(known after apply)", UNKNOWN, ['  ~ a: "(known after apply)" -> (known after apply)']),
        (500.0, 5.5, ["  ~ a: 500 -> 5.5"]),
        (True, False, ["  ~ a: true -> false"]),
        ([], None, ["  ~ a: [] -> null"]),
        ([], ["x"], ["  ~ a: (none) -> x"]),
        (["x"], ["x", "y"], ["  ~ a:", "      + y", "        (1 unchanged)"]),
        (["x", "y"], ["y", "x"], ["  ~ a:", '      - ["x", "y"]', '      + ["y", "x"]']),
        ({"k": 1, "l": 2}, {"k": 3, "l": 2}, ["  ~ a:", "      ~ k: 1 -> 3", "        (1 unchanged)"]),
        (None, {"k": 1}, ["  ~ a:", "      + k: 1"]),
        ('{"k": 1}', '{"k": 2}', ["  ~ a:", "      ~ k: 1 -> 2"]),
        ('{"k": 1}', '{"k":1}', ['  ~ a: "{\\"k\\": 1}" -> "{\\"k\\":1}"']),
        ("x\ny", "x\nz", ['  ~ a: "x\\ny" -> "x\\nz"']),
        ("x" * 200, None, ["  ~ a:", f"      - {'x' * 200}", "      + (none)"]),
        ("a -> b", "c", ['  ~ a: "a -> b" -> c']),
        ("\x1b[2J\u202e", "c", ['  ~ a: "\\u001b[2J\\u202e" -> c']),
        (
            [statement(), DENY],
            [DENY],
            [
                "  ~ a:",
                "      - Allow 111122223333 s3:GetObject on .../*",
                "        Deny * s3:* on .../*  (unchanged)",
            ],
        ),
        (
            [statement()],
            [statement(Action=["s3:GetObject", "s3:PutObject"])],
            [
                "  ~ a:",
                "      ~ Allow 111122223333 s3:GetObject, s3:PutObject on .../*",
                "          + Action s3:PutObject",
            ],
        ),
        (None, [DENY], ["  ~ a:", "      + Deny * s3:* on .../*"]),
        ([DENY], None, ["  ~ a:", "      - Deny * s3:* on .../*"]),
    ],
)
def test_a_difference(before: object, after: object, lines: list[str]) -> None:
    assert text_of({"a": Delta(before, after)}) == lines


def test_spellings_that_words_do_not_show_are_json() -> None:
    other = statement(Principal={"AWS": ["111122223333"]})
    lines = text_of({"a": Delta([statement()], [other])})
    assert [line.strip()[:12] for line in lines[1:]] == ['- {"Effect":', '+ {"Effect":']


def test_many_equal_statements_are_counted() -> None:
    same = [statement(Action=[f"s3:Action{number}"]) for number in range(9)]
    assert text_of({"a": Delta([*same, DENY], same)})[1:] == [
        "      - Deny * s3:* on .../*",
        "        (9 unchanged)",
    ]


def test_units_and_the_words_of_status() -> None:
    delta = {"retention_days": Delta(1, 14)}
    assert text_of(delta) == ["  ~ retention_days: 1 day -> 14 days"]
    assert text_of({"retention_days": Delta(3600 / 86_400, 14)}) == ["  ~ retention_days: 1 hour -> 14 days"]
    found = Shown(HERE, SHOWN.unit, by_words)
    assert text_of(delta, found) == ["  ~ retention_days: found 1 day, wanted 14 days"]


def test_a_changed_statement_has_words_in_status() -> None:
    deltas = {"policy": Delta([statement(Action=["s3:*"])], [statement()])}
    lines = text_of(deltas, Shown(HERE, SHOWN.unit, by_words, "differs: "))
    assert lines[1].startswith("      ~ differs: Allow 111122223333 s3:GetObject")


def test_the_live_version_is_named_only_where_it_differs_otherwise() -> None:
    same, other = Delta(1, 2), Delta(3, 2)
    assert text_of({"memory": same, "live.memory": same, "timeout": same, "live.timeout": other}) == [
        "  ~ memory: 1 -> 2",
        "  ~ timeout: 1 -> 2",
        "  ~ live.timeout: 3 -> 2",
    ]


def test_a_value_that_is_nested_too_deeply_is_one_line() -> None:
    deep: Any = 1
    for _ in range(200):
        deep = {"k": deep}
    lines = text_of({"a": Delta(deep, {"k": 2}), "b": Delta("[" * 100_000, None)})
    assert json.dumps(deep)[20:-20] in "".join(lines)


WORDS = st.text(st.sampled_from("aé字 =,'\"\\()[]{}:>-\n\t\x1b\x9b\u202e\u2028"), max_size=6)
SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | WORDS
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(WORDS, inner, max_size=4), max_leaves=12
)
NAMES = st.sampled_from(["s3:A", "s3:B", "s3:*", "arn:aws:s3:::b", "arn:aws:s3:::b/x", "*", "\x1b[2J"])
LISTS = st.lists(NAMES, min_size=1, max_size=3, unique=True).map(sorted)
STATEMENTS = st.builds(
    lambda effect, who, actions, resources, more: {
        "Effect": effect,
        "Principal": who,
        "Action": actions,
        "Resource": resources,
        **more,
    },
    st.sampled_from(["Allow", "Deny"]),
    st.just("*") | st.fixed_dictionaries({"AWS": LISTS}),
    LISTS,
    LISTS,
    st.dictionaries(st.sampled_from(["Sid", "Extra"]), WORDS, max_size=1),
)
POLICIES = st.lists(STATEMENTS, max_size=4)


@given(VALUES | POLICIES, VALUES | POLICIES)
def test_two_different_values_are_shown_on_safe_lines(before: object, after: object) -> None:
    deltas = diff({"a": after}, Observation({"a": before}, {}))
    lines = text_of(deltas)
    assert bool(lines) == bool(deltas)
    assert all(line[:1] == " " and line.isprintable() for line in lines)


@given(VALUES | POLICIES, VALUES | POLICIES, VALUES | POLICIES)
def test_other_values_give_another_text(before: object, one: object, other: object) -> None:
    if json.dumps(one) != json.dumps(other) and one != other and before not in (one, other):
        assert text_of({"a": Delta(before, one)}) != text_of({"a": Delta(before, other)})
        assert text_of({"a": Delta(one, before)}) != text_of({"a": Delta(other, before)})


def leaves(value: object) -> list[str]:
    if isinstance(value, dict):
        return [leaf for each in value.values() for leaf in leaves(each)]
    return [leaf for each in value for leaf in leaves(each)] if isinstance(value, list) else [str(value)]


@given(POLICIES, POLICIES)
def test_every_word_of_a_statement_that_differs_is_in_the_text(before: list[Any], after: list[Any]) -> None:
    if before == after:
        return
    shown = " ".join(text_of({"policy": Delta(before, after)}, Shown(Here(), SHOWN.unit)))
    changed = [each for each in before if each not in after] + [each for each in after if each not in before]
    values = [leaf for each in changed for leaf in leaves(list(each.values()))]
    spelled = [(json.dumps(value)[1:-1], dumps(value, indent=None)[1:-1]) for value in values]
    assert all(any(each in shown for each in spellings) for spellings in spelled)
