"""Policies by statement."""

from __future__ import annotations

from typing import Any

import pytest

from pipectl.policy_document import deny_plain_http, statements
from pipectl.review.statements import Here, compare, is_statement, sentence

BUCKET = "arn:aws:s3:::dev-bucket"
HERE = Here(BUCKET, "bucket")
READ = {
    "Effect": "Allow",
    "Principal": {"AWS": ["arn:aws:iam::111122223333:root"]},
    "Action": ["s3:GetObject"],
    "Resource": [f"{BUCKET}/*"],
}
TLS = deny_plain_http(["s3:*"], [BUCKET, f"{BUCKET}/*"])


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({}, "Allow 111122223333 s3:GetObject on .../*"),
        ({"Principal": "*"}, "Allow * s3:GetObject on .../*"),
        ({"Principal": {"Service": ["s3.amazonaws.com"]}}, "Allow service s3.amazonaws.com s3:GetObject on .../*"),
        ({"Principal": {"Federated": ["x.com"]}}, "Allow federated x.com s3:GetObject on .../*"),
        ({"Sid": "Read"}, 'Allow 111122223333 s3:GetObject on .../* (Sid "Read")'),
        ({"Sid": "\x1b[2J\n\u202e"}, 'Allow 111122223333 s3:GetObject on .../* (Sid "\\u001b[2J\\n\\u202e")'),
        (
            {"Resource": ["arn:aws:s3:::dev-bucket-2/*"]},
            "Allow 111122223333 s3:GetObject on arn:aws:s3:::dev-bucket-2/*",
        ),
        ({"Resource": [".../*"]}, 'Allow 111122223333 s3:GetObject on ".../*"'),
        (
            {"Condition": {"StringEquals": {"aws:SourceVpc": ["a", "b c"]}}},
            'Allow 111122223333 s3:GetObject on .../* if StringEquals aws:SourceVpc = a, "b c"',
        ),
        (
            {"Condition": {"StringLike": {"a": ["b*"]}, "Bool": {"aws:SecureTransport": ["true"]}}},
            "Allow 111122223333 s3:GetObject on .../* if StringLike a = b* and Bool aws:SecureTransport = true",
        ),
        ({"Condition": {"Bool": {"aws:SecureTransport": ["true"]}}}, "Allow 111122223333 s3:GetObject on .../* if TLS"),
        (
            {"Condition": {"Bool": {"aws:SecureTransport": ["false"]}}},
            "Allow 111122223333 s3:GetObject on .../* if Bool aws:SecureTransport = false",
        ),
    ],
)
def test_a_statement_in_words(changed: dict[str, Any], words: str) -> None:
    assert sentence({**READ, **changed}, HERE) == words


def test_exceptions_in_words() -> None:
    found = {
        "Effect": "Deny",
        "NotPrincipal": {"AWS": ["arn:aws:iam::111122223333:user/a"]},
        "NotAction": ["s3:Get*", "s3:List*"],
        "NotResource": [BUCKET],
    }
    assert sentence(found, HERE) == (
        "Deny everybody except arn:aws:iam::111122223333:user/a"
        " every action except s3:Get*, s3:List* on everything except this bucket"
    )
    assert sentence(TLS, HERE) == 'Deny * s3:* on this bucket, .../* unless TLS (Sid "DenyInsecureTransport")'


@pytest.mark.parametrize(
    "changed",
    [
        {"Effect": "Perhaps"},
        {"Action": "s3:*"},
        {"Action": []},
        {"NotAction": ["s3:*"]},
        {"Principal": "111122223333"},
        {"Principal": {"Group": ["x"]}},
        {"Sid": 5},
        {"Extra": "\x1b[31m"},
        {"Condition": {}},
        {"Condition": {"Bool": ["x"]}},
        {"Resource": [5]},
    ],
)
def test_a_statement_of_another_form_is_json(changed: dict[str, Any]) -> None:
    found = {**READ, **changed}
    assert not is_statement(found)
    assert sentence(found, HERE).startswith('{"Effect"')
    assert sentence(found, HERE).isprintable()


def test_statements_are_removed_added_or_unchanged() -> None:
    write = {**READ, "Action": ["s3:PutObject"], "Resource": [BUCKET]}
    found = compare([READ, TLS], [TLS, write], HERE)
    assert [(each.sign, each.before, each.after) for each in found] == [
        ("-", READ, None),
        ("+", None, write),
        (" ", TLS, TLS),
    ]


def test_a_statement_that_appears_twice_is_unchanged_once() -> None:
    assert [each.sign for each in compare([READ, READ], [READ], HERE)] == ["-", " "]


@pytest.mark.parametrize(
    ("changed", "parts"),
    [
        ({"Action": ["s3:GetObject", "s3:PutObject"]}, (("+", "Action s3:PutObject"),)),
        ({"Resource": ["*", f"{BUCKET}/*"]}, (("+", "Resource *"),)),
        (
            {"Condition": {"Bool": {"aws:SecureTransport": ["true"]}}},
            (("+", "Condition Bool aws:SecureTransport = true"),),
        ),
        ({"Sid": "Read"}, (("+", 'Sid "Read"'),)),
    ],
)
def test_a_changed_statement_names_the_parts_that_differ(
    changed: dict[str, Any], parts: tuple[tuple[str, str], ...]
) -> None:
    [found] = compare([READ], [{**READ, **changed}], HERE)
    assert (found.sign, found.parts) == ("~", parts)


def test_statements_with_the_same_sid_are_one_changed_statement() -> None:
    [found] = compare([{**READ, "Sid": "Read"}], [{**READ, "Sid": "Read", "Principal": "*"}], HERE)
    assert found.parts == (("-", "Principal 111122223333"), ("+", "Principal *"))


@pytest.mark.parametrize(
    "other", [{**READ, "Effect": "Deny"}, {**READ, "Principal": "*"}, {**READ, "Extra": 1}, "text", None]
)
def test_statements_that_have_little_in_common_are_removed_and_added(other: object) -> None:
    if other is None:
        other = {**READ, "Action": ["s3:PutObject"], "Resource": ["*"]}
    assert [each.sign for each in compare([READ], [other], HERE)] == ["-", "+"]


def test_two_spellings_of_one_principal_differ() -> None:
    other = {**READ, "Principal": {"AWS": ["111122223333"]}}
    assert [each.sign for each in compare([READ], [other], HERE)] == ["-", "+"]


def test_the_normal_form_is_a_statement() -> None:
    policy = {"Statement": {"Effect": "Allow", "Principal": "*", "Action": "s3:*", "Resource": "*"}}
    assert all(map(is_statement, statements(policy)))
