"""Missing permissions: the actions and the statement to add."""

from __future__ import annotations

import pytest
from botocore.exceptions import ClientError

from pipectl.aws.denied import hint
from pipectl.aws.errors import translate
from pipectl.errors import AccessDeniedError

USER = "User: arn:aws:iam::123456789012:user/ada is not authorized to perform"
TABLE = "arn:aws:dynamodb:us-east-1:123456789012:table/dev-orders-table-backend"


def denied(service: str, operation: str, message: str) -> AccessDeniedError:
    response = {"Error": {"Code": "AccessDeniedException", "Message": message}}
    error = translate(ClientError(response, operation), service, operation)  # type: ignore[arg-type]
    assert isinstance(error, AccessDeniedError)
    return error


@pytest.mark.parametrize(
    ("service", "operation", "message", "actions", "target"),
    [
        (
            "dynamodb",
            "CreateTable",
            f"{USER}: dynamodb:CreateTable on resource: {TABLE} because no identity-based policy allows it",
            ("dynamodb:CreateTable",),
            TABLE,
        ),
        (
            "s3",
            "CreateBucket",
            f'{USER}: s3:CreateBucket on resource: "arn:aws:s3:::b" because no identity-based policy allows it',
            ("s3:CreateBucket", "s3:TagResource"),
            "arn:aws:s3:::b",
        ),
        (
            "lambda",
            "CreateFunction",
            f"{USER}: iam:PassRole on resource: arn:aws:iam::123456789012:role/r",
            ("iam:PassRole", "lambda:CreateFunction"),
            "arn:aws:iam::123456789012:role/r",
        ),
        ("logs", "CreateLogGroup", f"{USER}: logs:CreateLogGroup", ("logs:CreateLogGroup",), "*"),
        ("s3", "PutBucketPolicy", "Access Denied", ("s3:PutBucketPolicy",), "*"),
    ],
)
def test_actions_and_resource_are_read_from_the_message(
    service: str, operation: str, message: str, actions: tuple[str, ...], target: str
) -> None:
    error = denied(service, operation, message)
    assert (error.actions, error.target) == (actions, target)


def test_the_hint_names_each_action_once_and_the_statements_to_add() -> None:
    table = f"{USER}: dynamodb:CreateTable on resource: {TABLE} because no identity-based policy allows it"
    errors = [denied("dynamodb", "CreateTable", table)] * 6 + [denied("logs", "CreateLogGroup", "denied")]
    assert hint(errors) == (
        "add to the caller's policy: "
        '{"Effect": "Allow", "Action": ["logs:CreateLogGroup"], "Resource": "*"}, '
        f'{{"Effect": "Allow", "Action": ["dynamodb:CreateTable"], "Resource": "{TABLE}"}}; '
        "`pipectl permissions deployer` prints the whole policy"
    )


def test_an_explicit_denial_needs_no_statement() -> None:
    message = f"{USER}: iam:GetRole on resource: arn:aws:iam::1:role/r with an explicit deny in a policy"
    assert "Effect" not in str(denied("iam", "GetRole", message).hint)
