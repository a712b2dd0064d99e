"""Retry rules: the temporary errors of AWS, and how long to wait for each to pass.

AWS is eventually consistent. One table lists what is retried: throttling, faults, lost connections, and calls that come
before an earlier change is known everywhere. Each rule matches the code *and* the text, because AWS uses one code for
both temporary and permanent errors. Sources are the AWS API references and the waits of deployers such as the Terraform
AWS provider and Chalice. botocore's own retries are switched off (`pipectl.aws.settings`): two loops around one call
would multiply, and botocore's sleeps cannot be interrupted.
"""

from __future__ import annotations

import random
import re
from collections.abc import Collection
from dataclasses import dataclass

from pipectl.aws.errors import RESERVED_LIMIT
from pipectl.clock import interval, rest
from pipectl.errors import AwsError


@dataclass(frozen=True)
class RetryRule:
    """A kind of temporary error.

    Args:
        service: The service as boto3 names it; empty for every service.
        operations: The operations that the rule is for; empty for all.
        codes: The error codes; empty for any.
        text: A pattern in the message.
        bound: Seconds after which the error counts as permanent.
        reason: The cause, shown to the user: ``waiting: <reason>``.
        back_off: Double each pause; for errors that frequent calls make worse.
        statuses: The HTTP statuses; empty for any.
    """

    service: str
    operations: Collection[str]
    codes: Collection[str]
    text: str
    bound: float
    reason: str
    back_off: bool = False
    statuses: Collection[int] = ()

    def covers(self, error: AwsError) -> bool:
        """Return whether the rule is about this error."""
        return (
            (not self.service or error.service == self.service)
            and (not self.operations or error.operation in self.operations)
            and (not self.codes or error.aws_code in self.codes)
            and (not self.statuses or error.status in self.statuses)
            and re.search(self.text, error.aws_message, re.IGNORECASE) is not None
        )

    def pause(self, tries: int, waited: float, took: float = 0.0) -> float:
        """Return the seconds until the next try.

        Many calls are refused at the same time, so long pauses are random: otherwise all would return together.

        Args:
            tries: The failures so far.
            waited: The seconds since the first one.
            took: The seconds that the last try took.
        """
        if self.back_off:
            return min(20.0, 0.5 * 2.0 ** min(tries - 1, 10)) * random.uniform(0.5, 1.0)  # noqa: S311 - not a secret
        return rest(interval(waited), took)


THROTTLED = frozenset(
    {
        "Throttling",
        "ThrottlingException",
        "ThrottledException",
        "TooManyRequestsException",
        "RequestLimitExceeded",
        "RequestThrottled",
        "AWS.SimpleQueueService.RequestThrottled",
        "RequestThrottledException",
        "ProvisionedThroughputExceededException",
        "BandwidthLimitExceeded",
        "SlowDown",
    }
)
_FAULTS = frozenset(
    {
        "InternalError",
        "InternalFailure",
        "InternalServerError",
        "PriorRequestNotComplete",
        "RequestTimeout",
        "RequestTimeoutException",
        "ServiceException",
        "ServiceFailure",
        "ServiceUnavailable",
        "ServiceUnavailableException",
    }
)
_UNREACHABLE = ("EndpointConnectionError", "ProxyConnectionError", "NotAwsError")
_CONNECTION_LOST = (
    "ConnectTimeoutError",
    "ReadTimeoutError",
    "ConnectionClosedError",
    "HTTPClientError",
    "ResponseStreamingError",
    "IncompleteReadError",
    "ChecksumError",
    "FlexibleChecksumError",
    # A response that was cut or corrupted on the way
    "ResponseParserError",
)
_MAPPING_WRITES = ("CreateEventSourceMapping", "UpdateEventSourceMapping")
_FUNCTION_WRITES = ("CreateFunction", "UpdateFunctionConfiguration", "UpdateFunctionCode")
_BUCKET_WRITES = (
    "PutPublicAccessBlock",
    "PutBucketEncryption",
    "PutBucketVersioning",
    "PutBucketOwnershipControls",
    "PutBucketPolicy",
    "PutBucketTagging",
)
_NEW_ROLE_WRITES = ("PutRolePolicy", "TagRole", "UpdateAssumeRolePolicy")
_INVALID = ("InvalidParameterValueException",)

THROTTLING = "throttled by AWS"
CONFLICT = "a transaction is changing the same item"
"""Reasons of waits that are also reasons of single items of a transaction."""

RETRY_RULES = (
    # Short: with a reserved concurrency of 0 the function never runs; a busy one has the same error.
    RetryRule("lambda", ("Invoke",), (), RESERVED_LIMIT, 10, "the function's reserved concurrency is 0, or in use"),
    # Short: the caller repeats the call and renews its claims meanwhile (`pipectl.failures.processor_client`).
    RetryRule("lambda", ("Invoke",), THROTTLED, "", 20, THROTTLING, back_off=True),
    RetryRule("", (), THROTTLED, "", 300, THROTTLING, back_off=True),
    RetryRule("", (), (), "", 300, THROTTLING, back_off=True, statuses=(429,)),
    # The answer to a HEAD has no body to name the error in; S3 says SlowDown with 503.
    RetryRule("s3", ("HeadBucket", "HeadObject"), (), "", 300, THROTTLING, back_off=True, statuses=(503,)),
    RetryRule(
        "dynamodbstreams",
        (),
        ("LimitExceededException",),
        "",
        300,
        "the stream has too many readers",
        back_off=True,
    ),
    # Short, because the address is usually wrong and the user is waiting.
    RetryRule("", (), _UNREACHABLE, "", 3, "endpoint unreachable"),
    RetryRule("", (), _CONNECTION_LOST, "", 20, "connection lost", back_off=True),
    RetryRule(
        "lambda",
        (*_FUNCTION_WRITES, *_MAPPING_WRITES),
        _INVALID,
        "cannot be assumed by Lambda|KMS key is invalid for CreateGrant|does not refer to a valid principal",
        120,
        "the new role has not reached Lambda yet",
    ),
    RetryRule(
        "lambda",
        ("UpdateFunctionConfiguration",),
        _INVALID,
        "Queue visibility timeout: .* is less than Function timeout",
        70,  # attributes of a queue take up to 60 seconds
        "the queue's new visibility timeout has not reached Lambda yet",
    ),
    RetryRule("lambda", (), _INVALID, "throttled by EC2", 300, "Lambda is throttled by EC2"),
    RetryRule(
        "lambda",
        (*_FUNCTION_WRITES, *_MAPPING_WRITES),
        _INVALID,
        "does not have permissions to call|Cannot access stream ARN|add Lambda as a Trusted Entity",
        120,
        "the role's new policy has not reached Lambda yet",
    ),
    RetryRule(
        "lambda",
        (),
        ("ResourceConflictException",),
        "update is in progress|currently in the following state|concurrent update operation",
        300,
        "Lambda is still working on the previous change",
    ),
    RetryRule(
        "lambda",
        ("UpdateEventSourceMapping", "DeleteEventSourceMapping"),
        ("ResourceInUseException",),
        "in use",
        300,
        "the event source mapping is still changing",
    ),
    RetryRule(
        "sqs",
        ("CreateQueue",),
        ("QueueDeletedRecently", "AWS.SimpleQueueService.QueueDeletedRecently"),
        "",
        90,
        "SQS reserves the name of a deleted queue for 60 seconds",
    ),
    RetryRule(
        "sqs",
        ("SetQueueAttributes",),
        ("InvalidAttributeValue",),
        "parameter Policy",
        30,
        "the new role has not reached SQS yet",
    ),
    RetryRule("s3", (), ("OperationAborted",), "", 300, "S3 is still working on the previous change to the bucket"),
    RetryRule("s3", _BUCKET_WRITES, ("NoSuchBucket",), "", 30, "the new bucket is not visible everywhere yet"),
    RetryRule(
        "dynamodb",
        ("CreateTable", "UpdateTable", "DeleteTable"),
        ("LimitExceededException",),
        "simultaneously",
        600,
        "other tables of the account are changing",
    ),
    RetryRule(
        "dynamodb",
        ("UpdateTable", "DeleteTable", "TagResource"),
        ("ResourceInUseException",),
        "^(?!.*protected against deletion)",
        600,
        "the table is still changing",
    ),
    RetryRule(
        "dynamodb",
        ("UpdateContinuousBackups",),
        ("ContinuousBackupsUnavailableException",),
        "",
        600,
        "DynamoDB is still enabling backups of the new table",
    ),
    # Shorter: another process may have deleted the table.
    RetryRule(
        "dynamodb",
        ("UpdateContinuousBackups",),
        ("TableNotFoundException",),
        "",
        60,
        "the new table is not known to its backups yet",
    ),
    RetryRule(
        "dynamodb",
        ("UpdateItem",),
        ("TransactionConflictException",),
        "",
        60,
        CONFLICT,
        back_off=True,
    ),
    # The answer to an earlier try of the same transaction was lost.
    RetryRule(
        "dynamodb",
        ("TransactWriteItems",),
        ("TransactionInProgressException",),
        "",
        30,
        "DynamoDB is still working on the transaction",
        back_off=True,
    ),
    RetryRule(
        "iam",
        (),
        ("DeleteConflict",),
        "polic(y|ies) first",
        60,
        "IAM still lists a policy that was removed from the role",
    ),
    RetryRule(
        "iam",
        (),
        ("ConcurrentModification", "ConcurrentModificationException", "EntityTemporarilyUnmodifiable"),
        "",
        60,
        "another change to the role is in progress",
    ),
    RetryRule(
        "iam",
        (),
        ("MalformedPolicyDocument",),
        "Invalid principal",
        120,
        "the new principal has not reached IAM yet",
    ),
    RetryRule("iam", _NEW_ROLE_WRITES, ("NoSuchEntity",), "", 60, "the new role is not visible everywhere yet"),
    RetryRule("logs", (), ("OperationAbortedException",), "", 60, "another change to the log group is in progress"),
    RetryRule("", (), _FAULTS, "", 30, "AWS internal error", back_off=True),
    RetryRule("", (), (), "", 30, "AWS internal error", back_off=True, statuses=(500, 502, 503, 504)),
)


def rule_for(error: AwsError) -> RetryRule | None:
    """Return the rule that covers this error; ``None`` for a permanent one."""
    return next((rule for rule in RETRY_RULES if rule.covers(error)), None)


def given_up(error: AwsError, rule: RetryRule, tries: int, waited: float) -> AwsError:
    """Return the error with the number of tries, and the hint that it can be permanent."""
    error.args = (f"{error.message} (tried {tries} times in {waited:.0f} seconds)",)
    error.message = error.args[0]
    error.hint = error.hint or f"{rule.reason}: if it persists, correct the cause and run the command again"
    return error
