"""Errors that go away when one waits, and for how long to wait: throttling, faults, and slowness to agree with itself.

One table of facts. Each line matches the code *and* the text, because AWS uses the same code for what passes and for
what never will. Sources are the AWS API references and what deployers such as the Terraform AWS provider and Chalice
wait for. botocore's own retries are switched off (`pipectl.aws`): two loops around one call would multiply, and
botocore's sleeps know no Ctrl-C.
"""

from __future__ import annotations

import random
import re
from collections.abc import Collection
from dataclasses import dataclass

from pipectl.errors import AwsError


@dataclass(frozen=True)
class Fact:
    """An error that passes.

    Args:
        service: As boto3 names it; empty for every service.
        operations: The operations it passes for; empty for all.
        codes: The error codes; empty for any.
        text: A pattern in the message.
        bound: Seconds to wait before it counts as permanent.
        why: What is being waited for, for people.
        back_off: Asking again soon would make it worse, so each pause is longer than the last.
        statuses: The HTTP statuses; empty for any.
    """

    service: str
    operations: Collection[str]
    codes: Collection[str]
    text: str
    bound: float
    why: str
    back_off: bool = False
    statuses: Collection[int] = ()

    def covers(self, error: AwsError) -> bool:
        return (
            (not self.service or error.service == self.service)
            and (not self.operations or error.operation in self.operations)
            and (not self.codes or error.aws_code in self.codes)
            and (not self.statuses or error.status in self.statuses)
            and re.search(self.text, error.aws_message, re.IGNORECASE) is not None
        )

    def pause(self, tries: int, waited: float) -> float:
        """Seconds until the next try, after ``tries`` that failed and ``waited`` seconds in all.

        Many calls are refused at the same time, so the long pauses are spread, or they would come back together.
        """
        if self.back_off:
            return min(20.0, 0.5 * 2.0 ** min(tries - 1, 10)) * random.uniform(0.5, 1.0)  # noqa: S311 - not a secret
        return 2.0 if waited > 30 else min(0.5, 0.25 * 1.2 ** min(tries, 10))


THROTTLED = frozenset(
    {
        "Throttling",
        "ThrottlingException",
        "ThrottledException",
        "TooManyRequestsException",
        "RequestLimitExceeded",
        "RequestThrottled",
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
_NOBODY_THERE = ("EndpointConnectionError", "ProxyConnectionError")
_CONNECTION_BROKE = (
    "ConnectTimeoutError",
    "ReadTimeoutError",
    "ConnectionClosedError",
    "HTTPClientError",
    "ResponseStreamingError",
    "IncompleteReadError",
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

FACTS = (
    Fact("", (), THROTTLED, "", 300, "AWS asks to slow down", back_off=True),
    Fact("", (), (), "", 300, "AWS asks to slow down", back_off=True, statuses=(429,)),
    # The answer to a HEAD has no body to name the error in; S3 says SlowDown with 503.
    Fact("s3", ("HeadBucket", "HeadObject"), (), "", 300, "AWS asks to slow down", back_off=True, statuses=(503,)),
    Fact(
        "dynamodbstreams",
        (),
        ("LimitExceededException",),
        "",
        300,
        "the stream has as many readers as it takes",
        back_off=True,
    ),
    # The user waits in front of the screen, and mostly the address is wrong.
    Fact("", (), _NOBODY_THERE, "", 3, "nobody answers at the endpoint"),
    Fact("", (), _CONNECTION_BROKE, "", 20, "the connection broke", back_off=True),
    Fact(
        "lambda",
        (*_FUNCTION_WRITES, *_MAPPING_WRITES),
        _INVALID,
        "cannot be assumed by Lambda|KMS key is invalid for CreateGrant|does not refer to a valid principal",
        120,
        "the new role has not reached Lambda yet",
    ),
    Fact(
        "lambda",
        ("UpdateFunctionConfiguration",),
        _INVALID,
        "Queue visibility timeout: .* is less than Function timeout",
        70,  # attributes of a queue take up to 60 seconds
        "the queue's new visibility has not reached Lambda yet",
    ),
    Fact("lambda", (), _INVALID, "throttled by EC2", 300, "Lambda is being throttled by EC2"),
    Fact(
        "lambda",
        (*_FUNCTION_WRITES, *_MAPPING_WRITES),
        _INVALID,
        "does not have permissions to call|Cannot access stream ARN|add Lambda as a Trusted Entity",
        120,
        "the role's new policy has not reached Lambda yet",
    ),
    Fact(
        "lambda",
        (),
        ("ResourceConflictException",),
        "update is in progress|currently in the following state|concurrent update operation",
        300,
        "Lambda is still working on the previous change",
    ),
    Fact(
        "lambda",
        ("UpdateEventSourceMapping", "DeleteEventSourceMapping"),
        ("ResourceInUseException",),
        "in use",
        300,
        "the event source mapping is still changing its state",
    ),
    Fact(
        "sqs",
        ("CreateQueue",),
        ("QueueDeletedRecently", "AWS.SimpleQueueService.QueueDeletedRecently"),
        "",
        90,
        "SQS keeps a queue's name for 60 seconds after it was deleted",
    ),
    Fact(
        "sqs",
        ("SetQueueAttributes",),
        ("InvalidAttributeValue",),
        "parameter Policy",
        30,
        "a new role is not known to SQS yet",
    ),
    Fact("s3", (), ("OperationAborted",), "", 300, "S3 is still working on the previous change to the bucket"),
    Fact("s3", _BUCKET_WRITES, ("NoSuchBucket",), "", 30, "the new bucket is not known everywhere yet"),
    Fact(
        "dynamodb",
        ("CreateTable", "UpdateTable", "DeleteTable"),
        ("LimitExceededException",),
        "simultaneously",
        600,
        "other tables of the account are being changed",
    ),
    Fact(
        "dynamodb",
        ("UpdateTable", "DeleteTable", "TagResource"),
        ("ResourceInUseException",),
        "^(?!.*protected against deletion)",
        600,
        "the table is still changing",
    ),
    Fact(
        "dynamodb",
        ("UpdateContinuousBackups",),
        ("ContinuousBackupsUnavailableException", "TableNotFoundException"),
        "",
        600,
        "DynamoDB is still preparing backups of the new table",
    ),
    Fact("iam", (), ("DeleteConflict",), "", 60, "IAM still sees what was just detached from the role"),
    Fact(
        "iam",
        (),
        ("ConcurrentModification", "ConcurrentModificationException", "EntityTemporarilyUnmodifiable"),
        "",
        60,
        "the role is being changed elsewhere",
    ),
    Fact("iam", (), ("MalformedPolicyDocument",), "Invalid principal", 120, "a new principal is not known to IAM yet"),
    Fact("iam", _NEW_ROLE_WRITES, ("NoSuchEntity",), "", 60, "the new role is not known everywhere yet"),
    Fact("logs", (), ("OperationAbortedException",), "", 60, "another change to the log group is in progress"),
    Fact("", (), _FAULTS, "", 30, "AWS had a fault of its own", back_off=True),
    Fact("", (), (), "", 30, "AWS had a fault of its own", back_off=True, statuses=(500, 502, 503, 504)),
)


def rule_for(error: AwsError) -> Fact | None:
    """The line of the table that covers this error, or ``None`` when waiting would not help."""
    return next((fact for fact in FACTS if fact.covers(error)), None)
