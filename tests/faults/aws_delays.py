"""Delays and refusals of AWS that emulators do not have, each with its duration and AWS's message.

Measured on AWS by others: CreateRole takes 0.2 s, and CreateFunction with a fresh role is refused for 10.6 s. A new
inline policy lets a mapping be created after 13 s at most. A function is Pending for 4 s at most, a table CREATING for
3 to 9 s and DELETING for 3 to 6 s; a mapping changes its state within 1.5 s. SQS reserves the name of a deleted queue
for 60 s. The other seconds are what deployers such as Terraform's provider wait for.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Refused:
    """Calls that are refused for some seconds after another call on the same resource.

    Args:
        operations: The refused calls.
        after: The earlier calls.
        seconds: Duration.
        code: AWS's error code.
        text: AWS's message; ``{subject}`` is the resource, ``{source}`` the event source.
        status: The HTTP status.
        of_role: The resource is the role of the function that the call is about.
        only: A part that the event source must contain.
    """

    operations: tuple[str, ...]
    after: tuple[str, ...]
    seconds: float
    code: str
    text: str
    status: int = 400
    of_role: bool = False
    only: str = ""


@dataclass(frozen=True)
class Changing:
    """A state that a resource is in for some seconds after a call.

    Args:
        after: The call that starts it.
        seconds: Duration.
        state: The values that answers show, by path.
    """

    after: tuple[str, ...]
    seconds: float
    state: Mapping[str, str]


_ROLE_READS = ("iam:GetRole", "iam:ListRolePolicies", "iam:GetRolePolicy", "iam:ListAttachedRolePolicies")
_BUCKET_WRITES = (
    "s3:PutPublicAccessBlock",
    "s3:PutBucketEncryption",
    "s3:PutBucketVersioning",
    "s3:PutBucketOwnershipControls",
    "s3:PutBucketPolicy",
    "s3:PutBucketTagging",
)
_FUNCTION_UPDATES = ("lambda:UpdateFunctionCode", "lambda:UpdateFunctionConfiguration")
_MAPPING_WRITES = ("lambda:CreateEventSourceMapping", "lambda:UpdateEventSourceMapping")
_STREAM = "arn:aws:dynamodb"
_QUEUE = "arn:aws:sqs"
_PREPARING = "Backups are being enabled for the table: {subject}. Please retry later"
_NO_POLICY = "The function execution role does not have permissions to call ReceiveMessage on SQS"
_NO_STREAM = (
    "Cannot access stream {source}. Please ensure the role can perform the GetRecords, GetShardIterator, "
    "DescribeStream, and ListStreams Actions on your stream in IAM."
)

REFUSED = {
    "a new role is not known to IAM's readers": Refused(
        (*_ROLE_READS, "iam:PutRolePolicy", "iam:TagRole"),
        ("iam:CreateRole",),
        2,
        "NoSuchEntity",
        "The role with name {subject} cannot be found.",
        404,
    ),
    "a new role is not known to Lambda": Refused(
        ("lambda:CreateFunction",),
        ("iam:CreateRole",),
        7.2,  # at that time it still was, on AWS
        "InvalidParameterValueException",
        "The role defined for the function cannot be assumed by Lambda.",
        of_role=True,
    ),
    "a new role is not known to KMS": Refused(
        ("lambda:CreateFunction",),
        ("iam:CreateRole",),
        10.6,
        "InvalidParameterValueException",
        "Lambda was unable to configure access to your environment variables because the KMS key is invalid for "
        "CreateGrant. KMS Exception: InvalidArnException KMS Message: ARN does not refer to a valid principal",
        of_role=True,
    ),
    "a new trust has not reached the mapping": Refused(
        _MAPPING_WRITES,
        ("iam:CreateRole",),
        13,
        "InvalidParameterValueException",
        "Please add Lambda as a Trusted Entity for {subject}",
        of_role=True,
    ),
    "a new policy has not reached the stream's mapping": Refused(
        _MAPPING_WRITES,
        ("iam:PutRolePolicy",),
        12,
        "InvalidParameterValueException",
        _NO_STREAM,
        of_role=True,
        only=_STREAM,
    ),
    "a new policy has not reached the mapping's destination": Refused(
        _MAPPING_WRITES,
        ("iam:PutRolePolicy",),
        13,
        "InvalidParameterValueException",
        "The provided execution role does not have permissions to call SendMessage on SQS",
        of_role=True,
        only=_STREAM,
    ),
    "a new policy has not reached the queue's mapping": Refused(
        _MAPPING_WRITES,
        ("iam:PutRolePolicy",),
        13,
        "InvalidParameterValueException",
        _NO_POLICY,
        of_role=True,
        only=_QUEUE,
    ),
    "IAM still sees what was taken off a role": Refused(
        ("iam:DeleteRole",),
        ("iam:DeleteRolePolicy", "iam:DetachRolePolicy"),
        3,
        "DeleteConflict",
        "Cannot delete entity, must delete policies first.",
        409,
    ),
    "another change of the role is under way": Refused(
        ("iam:DeleteRolePolicy", "iam:UpdateAssumeRolePolicy"),
        ("iam:PutRolePolicy",),
        2,
        "ConcurrentModification",
        "The request was rejected because multiple requests to change this object were submitted simultaneously.",
        409,
    ),
    "a function is being made or changed": Refused(
        (*_FUNCTION_UPDATES, "lambda:PutFunctionConcurrency"),
        ("lambda:CreateFunction", *_FUNCTION_UPDATES),
        4,
        "ResourceConflictException",
        "The operation cannot be performed at this time. An update is in progress for resource: {subject}",
        409,
    ),
    "a function is Pending": Refused(
        ("lambda:PublishVersion", "lambda:CreateAlias"),
        ("lambda:CreateFunction",),
        4,
        "ResourceConflictException",
        "The operation cannot be performed at this time. The function is currently in the following state: Pending",
        409,
    ),
    "a mapping is being made or changed": Refused(
        ("lambda:UpdateEventSourceMapping", "lambda:DeleteEventSourceMapping"),
        _MAPPING_WRITES,
        1.5,
        "ResourceInUseException",
        "Cannot update the event source mapping because it is in use.",
    ),
    "a queue's name is kept": Refused(
        ("sqs:CreateQueue",),
        ("sqs:DeleteQueue",),
        60,
        "AWS.SimpleQueueService.QueueDeletedRecently",
        "You must wait 60 seconds after deleting a queue before you can create another with the same name.",
    ),
    "a new queue is not known": Refused(
        ("sqs:GetQueueUrl", "sqs:GetQueueAttributes", "sqs:SetQueueAttributes", "sqs:ListQueueTags"),
        ("sqs:CreateQueue",),
        1,
        "AWS.SimpleQueueService.NonExistentQueue",
        "The specified queue does not exist.",
    ),
    "a bucket's name is kept": Refused(
        ("s3:CreateBucket",),
        ("s3:DeleteBucket",),
        40,
        "OperationAborted",
        "A conflicting conditional operation is currently in progress against this resource. Please try again.",
        409,
    ),
    "a new bucket is not known": Refused(
        _BUCKET_WRITES,
        ("s3:CreateBucket",),
        2,
        "NoSuchBucket",
        "The specified bucket does not exist",
        404,
    ),
    "a new table is not known": Refused(
        ("dynamodb:DescribeTable", "dynamodb:DescribeContinuousBackups"),
        ("dynamodb:CreateTable",),
        1,
        "ResourceNotFoundException",
        "Requested resource not found: Table: {subject} not found",
    ),
    "a new table is not known to its backups": Refused(
        ("dynamodb:UpdateContinuousBackups",),
        ("dynamodb:CreateTable",),
        7,
        "TableNotFoundException",
        "Table not found: {subject}",
    ),
    "a table's backups are being prepared": Refused(
        ("dynamodb:UpdateContinuousBackups",),
        ("dynamodb:CreateTable",),
        12,
        "ContinuousBackupsUnavailableException",
        _PREPARING,
    ),
    "a table is being made or changed": Refused(
        ("dynamodb:UpdateTable", "dynamodb:DeleteTable", "dynamodb:TagResource"),
        ("dynamodb:CreateTable", "dynamodb:UpdateTable"),
        6,
        "ResourceInUseException",
        "Attempt to change a resource which is still in use: Table is being created: {subject}",
    ),
    "a table is being deleted": Refused(
        ("dynamodb:CreateTable",),
        ("dynamodb:DeleteTable",),
        6,
        "ResourceInUseException",
        "Attempt to change a resource which is still in use: Table is being deleted: {subject}",
    ),
    "Lambda makes the log group at the same time": Refused(
        ("logs:PutRetentionPolicy", "logs:DeleteLogGroup"),
        ("logs:CreateLogGroup",),
        2,
        "OperationAbortedException",
        "A conflicting operation is currently in progress against this resource. Please try again.",
    ),
}

CHANGING = {
    "table": Changing(("dynamodb:CreateTable",), 6, {"Table.TableStatus": "CREATING"}),
    "table update": Changing(("dynamodb:UpdateTable",), 4, {"Table.TableStatus": "UPDATING"}),
    "index": Changing(
        ("dynamodb:CreateTable", "dynamodb:UpdateTable"), 9, {"Table.GlobalSecondaryIndexes.IndexStatus": "CREATING"}
    ),
    "stream": Changing(
        ("dynamodb:CreateTable", "dynamodb:UpdateTable"), 5, {"StreamDescription.StreamStatus": "ENABLING"}
    ),
    "function": Changing(("lambda:CreateFunction",), 4, {"Configuration.State": "Pending", "State": "Pending"}),
    "function update": Changing(
        _FUNCTION_UPDATES, 3, {"Configuration.LastUpdateStatus": "InProgress", "LastUpdateStatus": "InProgress"}
    ),
    "mapping": Changing(("lambda:CreateEventSourceMapping",), 0.7, {"State": "Creating"}),
    "mapping enabling": Changing(("lambda:CreateEventSourceMapping",), 1.5, {"State": "Enabling"}),
    "mapping update": Changing(("lambda:UpdateEventSourceMapping",), 1.5, {"State": "Updating"}),
}

LINGERS = {
    # answers that AWS still gives, unchanged or as being deleted, for some seconds after the deletion
    "dynamodb:DeleteTable": ("dynamodb:DescribeTable", 6.0, {"Table.TableStatus": "DELETING"}),
    "sqs:DeleteQueue": ("sqs:GetQueueUrl", 3.0, {}),
    "lambda:DeleteEventSourceMapping": ("lambda:GetEventSourceMapping", 1.5, {"State": "Deleting"}),
}

STALE = {
    # reads that return the state before the last write to the same resource, for some seconds
    "iam:ListRolePolicies": 2.0,
    "iam:GetRolePolicy": 2.0,
    "sqs:GetQueueAttributes": 5.0,
    "sqs:ListQueueTags": 2.0,
    "s3:GetBucketTagging": 2.0,
    "s3:GetBucketVersioning": 2.0,
    "s3:GetBucketPolicy": 2.0,
    "dynamodb:ListTagsOfResource": 2.0,
    "dynamodb:DescribeContinuousBackups": 2.0,
    "lambda:ListEventSourceMappings": 2.0,
    "lambda:ListTags": 2.0,
    "logs:DescribeLogGroups": 1.0,
    "cloudwatch:DescribeAlarms": 1.0,
    "resourcegroupstaggingapi:GetResources": 300.0,  # after any write in the account
}

WITHOUT_TAGS = {
    # reads that omit the tags of a new resource for some seconds
    "sqs:ListQueueTags": ("sqs:CreateQueue", 3.0, {}),
    "dynamodb:ListTagsOfResource": ("dynamodb:CreateTable", 9.0, {"Tags": []}),
    "s3:GetBucketTagging": ("s3:CreateBucket", 3.0, {"TagSet": []}),
    "lambda:ListTags": ("lambda:CreateEventSourceMapping", 3.0, {"Tags": {}}),
    "cloudwatch:ListTagsForResource": ("cloudwatch:PutMetricAlarm", 3.0, {"Tags": []}),
}

LATENCY = {
    "iam:CreateRole": 0.2,
    "iam": 0.1,
    "lambda": 0.1,
    "dynamodb": 0.03,
    "s3": 0.05,
    "sqs": 0.03,
    "logs": 0.05,
    "cloudwatch": 0.05,
    "sts": 0.05,
}
"""Seconds of one call, by operation or service."""

_OTHER_LATENCY = 0.05


def latency_of(operation: str) -> float:
    """Return the seconds of a call such as ``iam:CreateRole``."""
    return LATENCY.get(operation, LATENCY.get(operation.partition(":")[0], _OTHER_LATENCY))


THROTTLES = {
    # the throttling error of each service; the codes of IAM and SQS differ from those of Lambda and DynamoDB
    "iam": ("Throttling", "Rate exceeded", 400),
    "sts": ("Throttling", "Rate exceeded", 400),
    "cloudwatch": ("Throttling", "Rate exceeded", 400),
    "sqs": ("RequestThrottled", "Rate exceeded", 403),
    "s3": ("SlowDown", "Please reduce your request rate.", 503),
    "logs": ("ThrottlingException", "Rate exceeded", 400),
    "lambda": ("TooManyRequestsException", "Rate exceeded", 429),
    "dynamodb": ("ThrottlingException", "Rate of requests exceeds the allowed throughput.", 400),
    "resourcegroupstaggingapi": ("ThrottledException", "Rate exceeded", 400),
    "dynamodbstreams": ("ProvisionedThroughputExceededException", "Too many reads of the shard.", 400),
}
