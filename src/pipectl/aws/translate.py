"""botocore's errors turned into ours, with what to do about them."""

from __future__ import annotations

from botocore import exceptions as boto
from botocore.exceptions import BotoCoreError, ClientError
from botocore.parsers import ResponseParserError

from pipectl.errors import (
    AbsentError,
    AccessDeniedError,
    AwsError,
    CredentialsError,
    ExistsError,
    UnreachableError,
)

ABSENT = frozenset(
    {
        ("cloudwatch", "ResourceNotFound"),
        ("cloudwatch", "ResourceNotFoundException"),
        ("dynamodb", "ResourceNotFoundException"),
        ("dynamodb", "TableNotFoundException"),
        ("dynamodbstreams", "ResourceNotFoundException"),
        ("iam", "NoSuchEntity"),
        ("lambda", "ResourceNotFoundException"),
        ("logs", "ResourceNotFoundException"),
        ("s3", "404"),  # HeadBucket has no body, so botocore has only the status
        ("s3", "NoSuchBucket"),
        ("s3", "NoSuchBucketPolicy"),
        ("s3", "NoSuchPublicAccessBlockConfiguration"),
        ("s3", "NoSuchTagSet"),
        ("s3", "OwnershipControlsNotFoundError"),
        ("s3", "ServerSideEncryptionConfigurationNotFoundError"),
        ("sqs", "AWS.SimpleQueueService.NonExistentQueue"),
        ("sqs", "QueueDoesNotExist"),
    }
)
_EXISTS = frozenset(
    {
        ("dynamodb", "CreateTable", "ResourceInUseException"),
        ("iam", "CreateRole", "EntityAlreadyExists"),
        ("lambda", "CreateEventSourceMapping", "ResourceConflictException"),
        ("lambda", "CreateFunction", "ResourceConflictException"),
        ("logs", "CreateLogGroup", "ResourceAlreadyExistsException"),
        ("s3", "CreateBucket", "BucketAlreadyExists"),
        ("s3", "CreateBucket", "BucketAlreadyOwnedByYou"),
        ("sqs", "CreateQueue", "QueueAlreadyExists"),
        ("sqs", "CreateQueue", "QueueNameExists"),
    }
)
_DENIED = frozenset({"AccessDenied", "AccessDeniedException", "UnauthorizedOperation", "AuthorizationError", "403"})
_UNKNOWN_KEY = "AWS does not know this access key: check --profile, AWS_PROFILE and AWS_ACCESS_KEY_ID"
_BAD_CREDENTIALS = {
    "ExpiredToken": "the session has expired: log in again",
    "ExpiredTokenException": "the session has expired: log in again",
    "RequestExpired": "the session has expired, or this machine's clock is wrong",
    "InvalidClientTokenId": _UNKNOWN_KEY,
    "UnrecognizedClientException": _UNKNOWN_KEY,
    "InvalidAccessKeyId": _UNKNOWN_KEY,
    "SignatureDoesNotMatch": "the secret key is not the access key's, or this machine's clock is wrong",
    "AuthFailure": "AWS does not accept these credentials: log in again",
    "InvalidToken": "the session token is not the access key's: log in again",
}
_LOGIN = "set AWS_PROFILE or --profile, or log in with `aws configure` or `aws sso login`; --local needs no credentials"


def translate(error: ClientError | BotoCoreError, service: str, operation: str) -> AwsError:
    """The same error in our words. Absent and existing are told by the *named* code alone."""
    if isinstance(error, ClientError):
        return _answered(error, service, operation)
    kind: type[AwsError] = AwsError
    hint = None
    if isinstance(error, (boto.NoCredentialsError, boto.PartialCredentialsError, boto.CredentialRetrievalError)):
        kind, hint = CredentialsError, _LOGIN
    elif isinstance(error, (boto.TokenRetrievalError, boto.SSOError)):
        kind, hint = CredentialsError, "log in again: `aws sso login`"
    elif isinstance(error, (boto.ConnectionError, boto.HTTPClientError)):
        kind, hint = UnreachableError, "check the network, the region, --endpoint-url and AWS_ENDPOINT_URL"
    elif isinstance(error, ResponseParserError):
        kind, hint = (
            UnreachableError,
            "what answers there is not AWS: check --endpoint-url, AWS_ENDPOINT_URL and proxies",
        )
    text = str(error)
    return kind(f"{service} {operation}: {text}", service=service, operation=operation, aws_message=text, hint=hint)


def _answered(error: ClientError, service: str, operation: str) -> AwsError:
    detail = error.response.get("Error", {})
    code, text = str(detail.get("Code", "")), str(detail.get("Message", ""))
    kind: type[AwsError] = AwsError
    hint = None
    if (service, code) in ABSENT:
        kind = AbsentError
    elif (service, operation, code) in _EXISTS and not _passing_conflict(code, text):
        kind = ExistsError
    elif code in _DENIED:
        kind, hint = AccessDeniedError, f"the caller needs {_action(service, operation)}; see docs/permissions.md"
    elif code in _BAD_CREDENTIALS:
        kind, hint = CredentialsError, _BAD_CREDENTIALS[code]
    return kind(
        f"{service} {operation}: {code}: {text}" if text else f"{service} {operation}: {code}",
        service=service,
        operation=operation,
        aws_code=code,
        aws_message=text,
        hint=hint,
    )


def _passing_conflict(code: str, text: str) -> bool:
    """Lambda says ResourceConflictException both for "exists" and for "busy"; only the text tells."""
    return code == "ResourceConflictException" and "already exist" not in text


def _action(service: str, operation: str) -> str:
    prefix = {"dynamodbstreams": "dynamodb"}.get(service, service)
    name = {"HeadBucket": "ListBucket", "Invoke": "InvokeFunction"}.get(operation, operation)
    return f"{prefix}:{name}"
