"""The translation of AWS errors to those of pipectl, and their hints."""

from __future__ import annotations

import json

import pytest
from botocore import exceptions as boto
from botocore.exceptions import BotoCoreError

from pipectl.aws.errors import ABSENT, RESERVED_LIMIT, translate
from pipectl.errors import (
    AbsentError,
    AccessDeniedError,
    AwsError,
    CredentialsError,
    ExistsError,
    UnreachableError,
)
from tests.aws.fakes import Wire, answer, client_error, json_error, s3_error, xml_error


@pytest.mark.parametrize(("service", "code"), sorted(pair for pair in ABSENT if not pair[1].isdecimal()))
def test_absent_is_decided_by_the_named_code_of_the_service(service: str, code: str) -> None:
    assert type(translate(client_error(code, "no", 404), service, "DescribeIt")) is AbsentError


@pytest.mark.parametrize(
    ("service", "operation", "code", "status"),
    [
        ("dynamodb", "DescribeTable", "ValidationException", 400),
        ("dynamodb", "DescribeTable", "ResourceNotFound", 404),
        ("lambda", "GetFunction", "NoSuchEntity", 404),
        ("iam", "GetRole", "ResourceNotFoundException", 404),
        ("iam", "GetRole", "AccessDenied", 403),
        ("s3", "GetBucketPolicy", "404", 404),
        ("s3", "HeadBucket", "403", 403),
        ("s3", "HeadBucket", "301", 301),
        ("sqs", "GetQueueUrl", "404", 404),
        ("sqs", "GetQueueUrl", "InternalError", 500),
    ],
)
def test_no_other_error_counts_as_absent(service: str, operation: str, code: str, status: int) -> None:
    assert not isinstance(translate(client_error(code, "not found", status), service, operation), AbsentError)


def test_an_absent_bucket_is_decided_by_the_status_because_head_has_no_body() -> None:
    assert isinstance(translate(client_error("404", "Not Found", 404), "s3", "HeadBucket"), AbsentError)


@pytest.mark.parametrize(
    ("service", "operation", "code", "text"),
    [
        ("dynamodb", "CreateTable", "ResourceInUseException", "Table already exists: t"),
        ("iam", "CreateRole", "EntityAlreadyExists", "Role with name r already exists."),
        ("lambda", "CreateFunction", "ResourceConflictException", "Function already exist: f"),
        ("lambda", "CreateEventSourceMapping", "ResourceConflictException", "provided mapping already exists."),
        ("logs", "CreateLogGroup", "ResourceAlreadyExistsException", "The specified log group already exists"),
        ("s3", "CreateBucket", "BucketAlreadyExists", "The requested bucket name is not available."),
        ("s3", "CreateBucket", "BucketAlreadyOwnedByYou", "you already own it"),
        ("sqs", "CreateQueue", "QueueNameExists", "A queue already exists with the same name"),
        ("sqs", "CreateQueue", "QueueAlreadyExists", "A queue already exists with the same name"),
    ],
)
def test_exists(service: str, operation: str, code: str, text: str) -> None:
    assert type(translate(client_error(code, text, 409), service, operation)) is ExistsError


@pytest.mark.parametrize(
    ("service", "operation", "code", "text"),
    [
        ("lambda", "CreateFunction", "ResourceConflictException", "An update is in progress for resource: f"),
        ("dynamodb", "UpdateTable", "ResourceInUseException", "Table is being updated"),
        ("lambda", "UpdateFunctionCode", "ResourceConflictException", "Function already exist: f"),
        ("iam", "TagRole", "EntityAlreadyExists", "already exists"),
    ],
)
def test_the_same_code_of_a_busy_resource_is_not_exists(service: str, operation: str, code: str, text: str) -> None:
    assert not isinstance(translate(client_error(code, text, 409), service, operation), ExistsError)


@pytest.mark.parametrize(
    "code", ["AccessDenied", "AccessDeniedException", "UnauthorizedOperation", "AuthorizationError"]
)
def test_access_denied_names_the_action(code: str) -> None:
    error = translate(client_error(code, "not authorized", 403), "dynamodb", "CreateTable")
    assert type(error) is AccessDeniedError
    assert "dynamodb:CreateTable" in str(error.hint)


@pytest.mark.parametrize(
    ("service", "operation", "action"),
    [
        ("lambda", "Invoke", "lambda:InvokeFunction"),
        ("s3", "HeadBucket", "s3:ListBucket"),
        ("s3", "ListObjectsV2", "s3:ListBucket"),
        ("s3", "ListObjectVersions", "s3:ListBucketVersions"),
        ("s3", "ListMultipartUploads", "s3:ListBucketMultipartUploads"),
        ("s3", "DeleteObject", "s3:DeleteObject, s3:DeleteObjectVersion"),
        ("s3", "DeleteObjects", "s3:DeleteObject, s3:DeleteObjectVersion"),
        ("s3", "GetBucketEncryption", "s3:GetEncryptionConfiguration"),
        ("s3", "PutBucketEncryption", "s3:PutEncryptionConfiguration"),
        ("s3", "GetPublicAccessBlock", "s3:GetBucketPublicAccessBlock"),
        ("s3", "PutPublicAccessBlock", "s3:PutBucketPublicAccessBlock"),
        ("dynamodbstreams", "GetRecords", "dynamodb:GetRecords"),
        ("sqs", "GetQueueUrl", "sqs:GetQueueUrl"),
    ],
)
def test_an_action_has_its_name_in_policies(service: str, operation: str, action: str) -> None:
    error = translate(client_error("AccessDenied", "no", 403), service, operation)
    assert f'"Action": {json.dumps(action.split(", "))}' in str(error.hint)


def test_a_queue_that_the_caller_may_not_see_is_denied_and_not_absent() -> None:
    text = "The specified queue does not exist or you do not have access to it."
    error = translate(client_error("AWS.SimpleQueueService.NonExistentQueue", text), "sqs", "GetQueueUrl")
    assert type(error) is AccessDeniedError
    assert "sqs:GetQueueUrl" in str(error.hint)


def test_a_function_that_is_held_names_the_limit_and_the_command() -> None:
    refused = client_error("TooManyRequestsException", "Rate Exceeded.", 429)
    refused.response["Reason"] = RESERVED_LIMIT  # type: ignore[typeddict-unknown-key]
    error = translate(refused, "lambda", "Invoke")
    assert RESERVED_LIMIT in error.aws_message
    assert "`pipectl up`" in str(error.hint)


def test_a_role_in_an_instance_profile_is_named() -> None:
    text = "Cannot delete entity, must remove roles from instance profile first."
    error = translate(client_error("DeleteConflict", text, 409), "iam", "DeleteRole")
    assert "list-instance-profiles-for-role" in str(error.hint)


def test_access_denied_without_an_action_names_the_organization() -> None:
    error = translate(client_error("AccessDenied", "denied", 403), "sts", "GetCallerIdentity")
    assert type(error) is AccessDeniedError
    assert "organization" in str(error.hint)


def test_an_unknown_key_can_mean_a_region_that_is_not_enabled() -> None:
    error = translate(client_error("InvalidClientTokenId", "invalid", 403), "sts", "GetCallerIdentity")
    assert "region" in str(error.hint)


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("ExpiredToken", "log in again"),
        ("ExpiredTokenException", "log in again"),
        ("RequestExpired", "clock"),
        ("InvalidClientTokenId", "access key"),
        ("UnrecognizedClientException", "access key"),
        ("InvalidAccessKeyId", "access key"),
        ("SignatureDoesNotMatch", "secret key"),
        ("InvalidSignatureException", "secret key"),
        ("AuthFailure", "log in again"),
        ("InvalidToken", "log in again"),
        ("RequestTimeTooSkewed", "clock"),
    ],
)
def test_rejected_credentials(code: str, words: str) -> None:
    error = translate(client_error(code, "no", 403), "sts", "GetCallerIdentity")
    assert type(error) is CredentialsError
    assert words in str(error.hint)


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (boto.NoCredentialsError(), "--profile"),
        (boto.PartialCredentialsError(provider="env", cred_var="AWS_SECRET_ACCESS_KEY"), "--profile"),
        (boto.CredentialRetrievalError(provider="custom-process", error_msg="exit 1"), "--profile"),
        (boto.TokenRetrievalError(provider="sso", error_msg="expired"), "aws sso login"),
        (boto.UnauthorizedSSOTokenError(), "aws sso login"),
        (boto.SSOTokenLoadError(error_msg="no token"), "aws sso login"),
        (boto.LoginRefreshRequired(), "aws login"),
    ],
)
def test_missing_credentials(error: BotoCoreError, words: str) -> None:
    error_ = translate(error, "sts", "GetCallerIdentity")
    assert type(error_) is CredentialsError
    assert words in str(error_.hint)


@pytest.mark.parametrize(
    "error",
    [
        boto.EndpointConnectionError(endpoint_url="http://x", error="no"),
        boto.ConnectTimeoutError(endpoint_url="http://x", error="no"),
        boto.ReadTimeoutError(endpoint_url="http://x", error="no"),
        boto.ConnectionClosedError(endpoint_url="http://x", error="no"),
        boto.ProxyConnectionError(proxy_url="http://x", error="no"),
        boto.SSLError(endpoint_url="http://x", error=ValueError("no")),
    ],
)
def test_no_response_is_unreachable(error: BotoCoreError) -> None:
    error_ = translate(error, "sts", "GetCallerIdentity")
    assert type(error_) is UnreachableError
    assert error_.aws_code == type(error).__name__
    assert "--endpoint-url" in str(error_.hint)


HTML = "<html><head><title>Hello</title></head><body>Log in to the <b>Wi-Fi</body></html>"


@pytest.mark.parametrize("status", [200, 403, 404, 405, 407])
@pytest.mark.parametrize("body", [HTML, HTML.replace("<b>", ""), "It works!", ""])
def test_an_endpoint_that_is_not_aws_is_reported_by_the_first_call(body: str, status: int, wire: Wire) -> None:
    """A web server, a proxy, a login page of a network answers to GetCallerIdentity, which is always called first."""
    wire.meets = lambda: answer(body, status)
    with pytest.raises(UnreachableError) as caught:
        _ = wire_account(wire)
    assert "not AWS" in str(caught.value.hint)
    assert len(caught.value.message) < 500


def wire_account(wire: Wire) -> str:
    wire.call("sts", "GetCallerIdentity")
    return wire.aws.account_id


@pytest.mark.parametrize("service", ["iam", "dynamodb", "lambda", "sqs", "logs", "cloudwatch"])
def test_an_error_page_is_not_aws(service: str, wire: Wire) -> None:
    operation = {
        "iam": "GetRole",
        "dynamodb": "DescribeTable",
        "lambda": "GetFunction",
        "sqs": "GetQueueUrl",
        "logs": "DescribeLogGroups",
        "cloudwatch": "DescribeAlarms",
    }[service]
    wire.meets = lambda: answer(HTML, 404)
    with pytest.raises(AwsError) as caught:
        wire.call(service, operation)
    assert type(caught.value) is UnreachableError


def test_an_error_names_the_call_and_the_response() -> None:
    error = translate(client_error("ValidationException", "One table only", 400), "dynamodb", "CreateTable")
    assert error.message == "dynamodb CreateTable: ValidationException: One table only"
    assert (error.service, error.operation) == ("dynamodb", "CreateTable")
    assert (error.aws_code, error.aws_message, error.status) == ("ValidationException", "One table only", 400)


def test_an_error_without_a_text_ends_with_its_code() -> None:
    assert translate(client_error("404", "", 404), "s3", "HeadBucket").message == "s3 HeadBucket: 404"


def test_errors_off_the_wire(wire: Wire) -> None:
    for service, operation, response, kind in (
        ("iam", "GetRole", xml_error("NoSuchEntity", "no such role", 404), AbsentError),
        ("dynamodb", "DescribeTable", json_error("ResourceNotFoundException", "no such table"), AbsentError),
        ("lambda", "GetFunction", json_error("ResourceNotFoundException", "no such function", 404), AbsentError),
        ("s3", "GetBucketPolicy", s3_error("NoSuchBucketPolicy", "no policy", 404), AbsentError),
        ("s3", "HeadBucket", answer("", 404), AbsentError),
        ("s3", "HeadBucket", answer("", 403), AccessDeniedError),
        ("sts", "GetCallerIdentity", xml_error("ExpiredToken", "expired", 403), CredentialsError),
        ("logs", "CreateLogGroup", json_error("ResourceAlreadyExistsException", "exists"), ExistsError),
    ):
        wire.meets = lambda response=response: response  # type: ignore[misc]
        with pytest.raises(kind):
            wire.call(service, operation)
