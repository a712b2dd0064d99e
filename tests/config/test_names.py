"""Names, ARNs and tags, and the limits that each service sets."""

from __future__ import annotations

import pytest

from pipectl.config.names import NAME_RULES, OWNERSHIP_TAGS, REGION_TAG, RESERVED_TAGS, Names, log_group_of, tag_problem

NAMES = Names("dev", "backend", "shop", "eu-central-1", "123456789012")

ALLOWED = {
    "role": ["r", "a+=,.@-_Z9", "r" * 64],
    "table": ["abc", "A.b-c_9", "t" * 255],
    "bucket": ["abc", "a.b-c9", "0-9", "b" * 63, "1.2.3.4.5"],
    "queue": ["q", "A-b_9", "q" * 80],
    "function": ["f", "A-b_9", "f" * 64],
    "alarm": ["a", "any sign: %&/()", "a" * 255],
    "log-group": ["l", "/aws/lambda/a-b_9.#", "l" * 512],
}
FORBIDDEN = {
    "role": ["", "r" * 65, "a/b", "a b", "rôle"],
    "table": ["", "ab", "t" * 256, "a/b", "a b", "täble"],
    "bucket": [
        *("", "ab", "b" * 64, "Abc", "a_b", "a b", "-ab", "ab-", ".ab", "ab.", "a..b", "192.168.5.4"),
        *("xn--abc", "sthree-abc", "amzn-s3-demo-abc", "abc-s3alias", "abc--ol-s3", "abc.mrap", "abc--x-s3"),
        "abc--table-s3",
    ],
    "queue": ["", "q" * 81, "a.fifo", "a b", "quéue"],
    "function": ["", "f" * 65, "a.b", "a:b", "a b"],
    "alarm": ["", "a" * 256, "a\nb"],
    "log-group": ["", "l" * 513, "a b", "a*b"],
}


@pytest.mark.parametrize(("kind", "name"), [(kind, name) for kind, names in ALLOWED.items() for name in names])
def test_allowed(kind: str, name: str) -> None:
    assert NAME_RULES[kind].problem(name) is None


@pytest.mark.parametrize(("kind", "name"), [(kind, name) for kind, names in FORBIDDEN.items() for name in names])
def test_forbidden_and_the_limit_is_cited(kind: str, name: str) -> None:
    rule = NAME_RULES[kind]
    problem = rule.problem(name)
    assert problem is not None
    assert repr(name) in problem
    assert str(rule.longest) in problem


@pytest.mark.parametrize("kind", NAME_RULES)
def test_a_line_break_is_forbidden(kind: str) -> None:
    """``$`` in a pattern would allow a final line break."""
    assert NAME_RULES[kind].problem("abc\n") is not None


def test_a_name_has_three_parts() -> None:
    assert NAMES.from_template("orders-table") == "dev-orders-table-backend"


def test_the_account_id_is_replaced() -> None:
    assert NAMES.from_template("processed-data-{account_id}") == "dev-processed-data-123456789012-backend"


def test_arns() -> None:
    assert NAMES.table_arn("t") == "arn:aws:dynamodb:eu-central-1:123456789012:table/t"
    assert NAMES.bucket_arn("b") == "arn:aws:s3:::b"
    assert NAMES.queue_arn("q") == "arn:aws:sqs:eu-central-1:123456789012:q"
    assert NAMES.role_arn("r") == "arn:aws:iam::123456789012:role/r"
    assert NAMES.function_arn("f") == "arn:aws:lambda:eu-central-1:123456789012:function:f"
    assert NAMES.alarm_arn("a") == "arn:aws:cloudwatch:eu-central-1:123456789012:alarm:a"
    assert NAMES.log_group_arn("/aws/lambda/f") == "arn:aws:logs:eu-central-1:123456789012:log-group:/aws/lambda/f"


def test_arns_of_another_partition() -> None:
    china = Names("dev", "backend", "shop", "cn-north-1", "123456789012", "aws-cn")
    assert china.table_arn("t") == "arn:aws-cn:dynamodb:cn-north-1:123456789012:table/t"
    assert china.bucket_arn("b") == "arn:aws-cn:s3:::b"
    assert china.role_arn("r") == "arn:aws-cn:iam::123456789012:role/r"


def test_tags_are_those_of_pipectl_and_of_the_config() -> None:
    assert NAMES.tags({"CostCenter": "7"}) == {
        "CostCenter": "7",
        "Environment": "dev",
        "Team": "backend",
        "Project": "shop",
        "ManagedBy": "pipectl",
    }
    assert NAMES.tags({}).keys() == set(RESERVED_TAGS) - {REGION_TAG}


def test_the_tags_of_pipectl_have_precedence() -> None:
    assert NAMES.tags({"ManagedBy": "me"})["ManagedBy"] == "pipectl"


def test_the_team_is_not_an_ownership_tag() -> None:
    assert NAMES.ownership() == {"ManagedBy": "pipectl", "Project": "shop", "Environment": "dev"}
    assert "Team" not in OWNERSHIP_TAGS


def test_the_log_group_has_the_name_of_its_function() -> None:
    assert log_group_of("f") == "/aws/lambda/f"


@pytest.mark.parametrize(
    ("key", "value"),
    [("k", ""), ("k" * 128, "v" * 256), ("a b.c:d/e=f+g-h@i_9", "a b.c:d/e=f+g-h@i_9"), ("Größe", "中文")],
)
def test_tags_that_aws_accepts(key: str, value: str) -> None:
    assert tag_problem(key, value) is None


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("", "v", "1 to 128 characters, not 0"),
        ("k" * 129, "v", "1 to 128 characters, not 129"),
        ("k", "v" * 257, "at most 256 characters, not 257"),
        ("aws:k", "v", "reserved by AWS"),
        ("AWS:k", "v", "reserved by AWS"),
        ("k*", "v", "key may have"),
        ("k", "v;w", "value may have"),
        ("k", "v\n", "'\\n'"),
        ("k\t", "v", "'\\t'"),
    ],
)
def test_tags_that_aws_refuses(key: str, value: str, words: str) -> None:
    assert words in str(tag_problem(key, value))
