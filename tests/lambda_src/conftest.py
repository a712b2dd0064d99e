"""Fixtures: the handlers in both languages, and moto as AWS."""

from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from moto import mock_aws

from tests.lambda_src.languages import Handlers, Node, Python


@pytest.fixture(scope="session")
def python() -> Handlers:
    """The handlers in Python."""
    return Python()


@pytest.fixture(scope="session")
def nodejs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Handlers]:
    """The handlers in Node.js, in one process."""
    handlers = Node(tmp_path_factory.mktemp("nodejs"))
    yield handlers
    handlers.close()


@pytest.fixture(scope="session", params=["python", "nodejs"])
def handlers(request: pytest.FixtureRequest) -> Handlers:
    """The handlers, in each language."""
    found: Handlers = request.getfixturevalue(request.param)
    return found


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Start moto in this process."""
    monkeypatch.setenv("AWS_ACCOUNT_ID_ENDPOINT_MODE", "disabled")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-central-1")
    monkeypatch.delenv("AWS_PROFILE", raising=False)
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    with mock_aws():
        yield


@pytest.fixture
def bucket(aws: None) -> Any:
    """A versioned bucket in moto."""
    created = boto3.resource("s3").create_bucket(
        Bucket="orders", CreateBucketConfiguration={"LocationConstraint": "eu-central-1"}
    )
    created.Versioning().enable()
    return created


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
