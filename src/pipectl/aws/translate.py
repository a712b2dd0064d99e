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
_WRONG_SECRET = "the secret key is not the access key's, or this machine's clock is wrong"  # noqa: S105
_BAD_CREDENTIALS = {
    "ExpiredToken": "the session has expired: log in again",
    "ExpiredTokenException": "the session has expired: log in again",
    "RequestExpired": "the session has expired, or this machine's clock is wrong",
    "InvalidClientTokenId": _UNKNOWN_KEY,
    "UnrecognizedClientException": _UNKNOWN_KEY,
    "InvalidAccessKeyId": _UNKNOWN_KEY,
    "SignatureDoesNotMatch": _WRONG_SECRET,
    "AuthFailure": "AWS does not accept these credentials: log in again",
    "InvalidToken": "the session token is not the access key's: log in again",
    "InvalidSignatureException": _WRONG_SECRET,
    "RequestTimeTooSkewed": "this machine's clock is wrong",
}
_WITHOUT_BODY = ("HeadBucket", "HeadObject")
"""Their errors have no body, so botocore has only the status as a code. Else AWS always names its errors."""
_LONGEST_TEXT = 300
_LOGIN = "set AWS_PROFILE or --profile, or log in with `aws configure` or `aws sso login`; --local needs no credentials"


_NOT_AWS = "what answers there is not AWS: check --endpoint-url, AWS_ENDPOINT_URL and proxies"
_NO_ANSWER = "check the network, the region, --endpoint-url and AWS_ENDPOINT_URL"
_SSO_LOGIN = "log in again: `aws sso login`, or `aws login`"

BotoError = ClientError | BotoCoreError | ResponseParserError
"""All that a botocore client raises; a `ResponseParserError` is none of the other two."""

_Kind = tuple[type[AwsError], str | None]
_ON_THE_WAY: tuple[tuple[tuple[type[Exception], ...], _Kind], ...] = (
    ((boto.TokenRetrievalError, boto.SSOError, boto.LoginError), (CredentialsError, _SSO_LOGIN)),
    (
        (
            boto.NoCredentialsError,
            boto.PartialCredentialsError,
            boto.CredentialRetrievalError,
            boto.NoAuthTokenError,
            boto.ProfileNotFound,
            boto.ConfigParseError,
        ),
        (CredentialsError, _LOGIN),
    ),
    ((boto.ConnectionError, boto.HTTPClientError, boto.IncompleteReadError), (UnreachableError, _NO_ANSWER)),
    ((ResponseParserError,), (UnreachableError, _NOT_AWS)),
)


def translate(error: BotoError, service: str, operation: str) -> AwsError:
    """The same error in our words. Absent and existing are told by the *named* code alone."""
    if isinstance(error, ClientError):
        return _answered(error, service, operation)
    kind, hint = next((kind for types, kind in _ON_THE_WAY if isinstance(error, types)), (AwsError, None))
    text = " ".join(str(error).split()) if isinstance(error, ResponseParserError) else str(error)
    text = text if len(text) <= _LONGEST_TEXT else f"{text[:_LONGEST_TEXT]}..."
    return kind(
        f"{service} {operation}: {text}",
        service=service,
        operation=operation,
        aws_code=type(error).__name__,
        aws_message=text,
        hint=hint,
    )


def _answered(error: ClientError, service: str, operation: str) -> AwsError:
    detail = error.response.get("Error", {})
    code, text = str(detail.get("Code", "")), str(detail.get("Message", ""))
    status = int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
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
    elif code.isdecimal() and operation not in _WITHOUT_BODY:
        kind, hint = UnreachableError, _NOT_AWS
    return kind(
        f"{service} {operation}: {code}: {text}" if text else f"{service} {operation}: {code}",
        service=service,
        operation=operation,
        aws_code=code,
        aws_message=text,
        status=status,
        hint=hint,
    )


def _passing_conflict(code: str, text: str) -> bool:
    """Lambda says ResourceConflictException both for "exists" and for "busy"; only the text tells."""
    return code == "ResourceConflictException" and "already exist" not in text


def _action(service: str, operation: str) -> str:
    prefix = {"dynamodbstreams": "dynamodb"}.get(service, service)
    name = {"HeadBucket": "ListBucket", "Invoke": "InvokeFunction"}.get(operation, operation)
    return f"{prefix}:{name}"
