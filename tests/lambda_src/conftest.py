"""The handlers' surroundings: fakes to count and to fail with, moto to answer as AWS does."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import boto3
import pytest
from moto import mock_aws

from tests.lambda_src.fakes import FakeDynamoDB, FakeS3


@pytest.fixture
def s3() -> FakeS3:
    return FakeS3()


@pytest.fixture
def dynamodb() -> FakeDynamoDB:
    return FakeDynamoDB()


@pytest.fixture
def context() -> SimpleNamespace:
    return SimpleNamespace(function_name="dev-order-processor-lambda-backend", aws_request_id="request-1")


@pytest.fixture
def now() -> Callable[[], datetime]:
    return lambda: datetime(2026, 5, 4, 3, 2, 1, 999_999, tzinfo=UTC)


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """moto, in this process."""
    monkeypatch.setenv("AWS_ACCOUNT_ID_ENDPOINT_MODE", "disabled")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-central-1")
    monkeypatch.delenv("AWS_PROFILE", raising=False)
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    with mock_aws():
        yield


@pytest.fixture
def bucket(aws: None) -> Any:
    """A versioned bucket in moto."""
    made = boto3.resource("s3").create_bucket(
        Bucket="orders", CreateBucketConfiguration={"LocationConstraint": "eu-central-1"}
    )
    made.Versioning().enable()
    return made


@pytest.fixture
def table(aws: None) -> Any:
    """The audit table in moto."""
    return boto3.resource("dynamodb").create_table(
        TableName="audit",
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[
            {"AttributeName": name, "AttributeType": "S"} for name in ("auditId", "timestamp", "failureType")
        ],
        KeySchema=[
            {"AttributeName": "auditId", "KeyType": "HASH"},
            {"AttributeName": "timestamp", "KeyType": "RANGE"},
        ],
        GlobalSecondaryIndexes=[
            {
                "IndexName": "failure-type-index",
                "KeySchema": [
                    {"AttributeName": "failureType", "KeyType": "HASH"},
                    {"AttributeName": "timestamp", "KeyType": "RANGE"},
                ],
                "Projection": {"ProjectionType": "ALL"},
            }
        ],
    )
