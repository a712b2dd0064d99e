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
        ("s3", "404"),
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

BOTO_ERRORS = (ClientError, BotoCoreError, ResponseParserError, KeyError)
"""All that a botocore client raises. An answer that is not AWS's is none of the first two: XML that is not well-formed
is a `ResponseParserError`, XML without the wrapper of its operation a bare `KeyError`."""

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
    ((ResponseParserError, KeyError), (UnreachableError, _NOT_AWS)),
)


def translate(error: Exception, service: str, operation: str) -> AwsError:
    """The same error in our words. Absent and existing are told by the *named* code alone."""
    if isinstance(error, ClientError):
        return _answered(error, service, operation)
    kind, hint = next((kind for types, kind in _ON_THE_WAY if isinstance(error, types)), (AwsError, None))
    text = "the answer cannot be read" if isinstance(error, KeyError) else " ".join(str(error).split())
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
    if (service, code) in ABSENT and not (code.isdecimal() and operation not in _WITHOUT_BODY):
        kind = AbsentError
    elif (service, operation, code) in _EXISTS and not _passing_conflict(code, text):
        kind = ExistsError
    elif operation not in _WITHOUT_BODY and (code.isdecimal() or code in ("", "Unknown")):
        kind, hint, text = UnreachableError, _NOT_AWS, text or f"HTTP {status} without an error of AWS's"
    elif code in _DENIED:
        kind, hint = AccessDeniedError, _lacking(service, operation)
    elif code in _BAD_CREDENTIALS:
        kind, hint = CredentialsError, _BAD_CREDENTIALS[code]
    return kind(
        f"{service} {operation}: {code}: {text}" if text else f"{service} {operation}: {code}",
        service=service,
        operation=operation,
        aws_code=code,
        aws_message=text,
        status=status,
        hint=hint,
    )


def _lacking(service: str, operation: str) -> str:
    actions = " and ".join(iam_actions(service, operation))
    return f"the caller needs {actions}; `pipectl permissions deployer` prints the whole policy"


def _passing_conflict(code: str, text: str) -> bool:
    """Lambda says ResourceConflictException both for "exists" and for "busy"; only the text tells."""
    return code == "ResourceConflictException" and "already exist" not in text


_IAM_NAMES: dict[tuple[str, str], tuple[str, ...]] = {
    ("lambda", "Invoke"): ("InvokeFunction",),
    ("s3", "CreateBucket"): ("CreateBucket", "TagResource"),
    ("s3", "DeleteObjects"): ("DeleteObject", "DeleteObjectVersion"),
    ("s3", "GetBucketEncryption"): ("GetEncryptionConfiguration",),
    ("s3", "GetPublicAccessBlock"): ("GetBucketPublicAccessBlock",),
    ("s3", "HeadBucket"): ("ListBucket",),
    ("s3", "HeadObject"): ("GetObject",),
    ("s3", "ListMultipartUploads"): ("ListBucketMultipartUploads",),
    ("s3", "ListObjectVersions"): ("ListBucketVersions",),
    ("s3", "ListObjectsV2"): ("ListBucket",),
    ("s3", "PutBucketEncryption"): ("PutEncryptionConfiguration",),
    ("s3", "PutPublicAccessBlock"): ("PutBucketPublicAccessBlock",),
    ("sqs", "DeleteMessageBatch"): ("DeleteMessage",),
    ("sts", "GetCallerIdentity"): (),
}
"""The actions that policies do not call by the name of the operation. GetCallerIdentity needs no permission."""


def iam_actions(service: str, operation: str) -> list[str]:
    """What a policy has to allow for a call. Source: the Service Authorization Reference."""
    prefix = {"dynamodbstreams": "dynamodb"}.get(service, service)
    return [f"{prefix}:{name}" for name in _IAM_NAMES.get((service, operation), (operation,))]
