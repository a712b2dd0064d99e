"""botocore's errors, translated to those of pipectl, each with a hint."""

from __future__ import annotations

from botocore import exceptions as boto
from botocore.exceptions import BotoCoreError, ClientError
from botocore.parsers import ResponseParserError

from pipectl.aws import denied
from pipectl.aws.credentials import LOGIN, redact
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
        ("s3", "NoSuchLifecycleConfiguration"),
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
        ("lambda", "CreateAlias", "ResourceConflictException"),
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
_HIDDEN = "or you do not have access to it"
"""Text of SQS for a queue that the caller may not see. The code is that of an absent queue."""
RESERVED_LIMIT = "ReservedFunctionConcurrentInvocationLimitExceeded"
_UNKNOWN_KEY = (
    "AWS does not know this access key: check --profile, AWS_PROFILE and AWS_ACCESS_KEY_ID; "
    "a region that is not enabled gives the same error"
)
_WRONG_SECRET = "the secret key does not belong to the access key ID, or this machine's clock is wrong"  # noqa: S105
BAD_CREDENTIALS = {
    "ExpiredToken": "the session has expired: log in again",
    "ExpiredTokenException": "the session has expired: log in again",
    "RequestExpired": "the session has expired, or this machine's clock is wrong",
    "InvalidClientTokenId": _UNKNOWN_KEY,
    "UnrecognizedClientException": _UNKNOWN_KEY,
    "InvalidAccessKeyId": _UNKNOWN_KEY,
    "SignatureDoesNotMatch": _WRONG_SECRET,
    "AuthFailure": "AWS does not accept these credentials: log in again",
    "OptInRequired": "the region is not enabled in this account: enable it, or use --region",
    "InvalidToken": "the session token does not belong to the access key ID: log in again",
    "InvalidSignatureException": _WRONG_SECRET,
    "RequestTimeTooSkewed": "this machine's clock is wrong",
}
"""Codes of AWS for credentials that it does not accept, with the hint."""
_WITHOUT_BODY = ("HeadBucket", "HeadObject")
"""Operations whose errors have no body: botocore has only the status as a code. All other errors have a name."""
_LONGEST_TEXT = 300


_NOT_AWS = "the endpoint is not AWS: check --endpoint-url, AWS_ENDPOINT_URL and proxies"
_NO_ANSWER = "check the network, the region, --endpoint-url and AWS_ENDPOINT_URL"
_SSO_LOGIN = "log in again: `aws sso login`, or `aws login`"

_UNREADABLE = (ResponseParserError, AttributeError, LookupError, TypeError, ValueError)
"""Errors of botocore's parsers: they expect every member of a response to have its type."""
BOTO_ERRORS = (ClientError, BotoCoreError, *_UNREADABLE)
"""All errors of a botocore client."""

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
        (CredentialsError, LOGIN),
    ),
    (
        (
            boto.ConnectionError,
            boto.HTTPClientError,
            boto.IncompleteReadError,
            boto.ChecksumError,
            boto.FlexibleChecksumError,
        ),
        (UnreachableError, _NO_ANSWER),
    ),
    (_UNREADABLE, (UnreachableError, _NOT_AWS)),
)


def translate(error: Exception, service: str, operation: str) -> AwsError:
    """Return the error as one of pipectl's. Only the *named* code decides whether something is absent or exists."""
    if isinstance(error, ClientError):
        return _answered(error, service, operation)
    if _never_sent(error):
        return _unsendable(service, operation)
    kind, hint = next((kind for types, kind in _ON_THE_WAY if isinstance(error, types)), (AwsError, None))
    code = type(error).__name__
    text = redact(" ".join(str(error).split()))
    if isinstance(error, _UNREADABLE) and not isinstance(error, ResponseParserError | BotoCoreError):
        code, text = "ResponseParserError", "the response cannot be read"
    text = text if len(text) <= _LONGEST_TEXT else f"{text[:_LONGEST_TEXT]}..."
    return kind(
        f"{service} {operation}: {text}",
        service=service,
        operation=operation,
        aws_code=code,
        aws_message=text,
        hint=hint,
    )


def _never_sent(error: Exception) -> bool:
    """Return whether the request could not even be written: botocore reports that as a failure of the connection."""
    cause = error.kwargs.get("error") if type(error) is boto.HTTPClientError else None
    return isinstance(cause, ValueError | TypeError) or isinstance(error, UnicodeEncodeError)


def _unsendable(service: str, operation: str) -> AwsError:
    """Return an error without the value that cannot be sent: it can be a secret, and botocore shows it."""
    text = "the request cannot be sent: one of its values has characters that are not allowed there"
    return AwsError(
        f"{service} {operation}: {text}",
        service=service,
        operation=operation,
        aws_code="RequestInvalid",
        aws_message=text,
        hint="look for line breaks and invalid characters in the arguments, the config and the credentials",
    )


def _answered(error: ClientError, service: str, operation: str) -> AwsError:
    detail = error.response.get("Error", {})
    code, text = str(detail.get("Code", "")), str(detail.get("Message", ""))
    status = int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
    if reason := error.response.get("Reason"):  # Lambda has one code for all limits, and names the limit here
        text = f"{text} ({reason})"
    kind: type[AwsError] = AwsError
    hint = None
    if code in _DENIED or _HIDDEN in text:
        kind = AccessDeniedError
    elif (service, code) in ABSENT and not (code.isdecimal() and operation not in _WITHOUT_BODY):
        kind = AbsentError
    elif (service, operation, code) in _EXISTS and not _passing_conflict(code, text):
        kind = ExistsError
    elif operation not in _WITHOUT_BODY and (code.isdecimal() or code in ("", "Unknown")):
        kind, hint, text = UnreachableError, _NOT_AWS, text or f"HTTP {status} without an AWS error code"
    elif code in BAD_CREDENTIALS:
        kind, hint = CredentialsError, BAD_CREDENTIALS[code]
    elif code == "DeleteConflict" and "instance profile" in text:
        hint = "remove the role from the instance profile: `aws iam list-instance-profiles-for-role` names it"
    elif reason == RESERVED_LIMIT:
        hint = "the function's reserved concurrency is 0, or in use: `pipectl up` removes it"
    translated = kind(
        f"{service} {operation}: {code}: {text}" if text else f"{service} {operation}: {code}",
        service=service,
        operation=operation,
        aws_code=code,
        aws_message=text,
        status=status,
        response=error.response,
        hint=hint,
    )
    if isinstance(translated, AccessDeniedError):
        translated.actions, translated.target = denied.denied_call(text, iam_actions(service, operation))
        translated.hint = denied.hint([translated])
    return translated


def _passing_conflict(code: str, text: str) -> bool:
    """Return whether a conflict is temporary: Lambda has one code for "exists" and "busy", and two texts."""
    return code == "ResourceConflictException" and "already exist" not in text


_IAM_NAMES: dict[tuple[str, str], tuple[str, ...]] = {
    ("dynamodb", "TransactWriteItems"): ("UpdateItem",),  # pipectl's transactions have only updates
    ("lambda", "Invoke"): ("InvokeFunction",),
    ("s3", "CreateBucket"): ("CreateBucket", "TagResource"),
    ("s3", "DeleteObject"): ("DeleteObject", "DeleteObjectVersion"),
    ("s3", "DeleteObjects"): ("DeleteObject", "DeleteObjectVersion"),
    ("s3", "GetBucketEncryption"): ("GetEncryptionConfiguration",),
    ("s3", "GetBucketLifecycleConfiguration"): ("GetLifecycleConfiguration",),
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
"""The actions that have another name than their operation. GetCallerIdentity needs no permission."""


def iam_actions(service: str, operation: str) -> list[str]:
    """Return the actions that a call needs. Source: the Service Authorization Reference."""
    prefix = {"dynamodbstreams": "dynamodb", "resourcegroupstaggingapi": "tag"}.get(service, service)
    return [f"{prefix}:{name}" for name in _IAM_NAMES.get((service, operation), (operation,))]
