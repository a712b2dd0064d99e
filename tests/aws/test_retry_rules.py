"""Every temporary error is retried within its bound; permanent errors with the same codes are not."""

from __future__ import annotations

import pytest
from botocore import exceptions as boto
from botocore.parsers import ResponseParserError

from pipectl.aws.errors import RESERVED_LIMIT, translate
from pipectl.aws.responses import NotAwsError
from pipectl.aws.retry_rules import RETRY_RULES, RetryRule, rule_for
from pipectl.errors import AwsError
from tests.aws.fakes import Answer, Wire, client_error

Sample = tuple[str, str, Exception]
"""A service, an operation and its error. The texts are AWS's own."""

TEMPORARY: dict[str, Sample] = {
    "throttled": ("iam", "GetRole", client_error("Throttling", "Rate exceeded")),
    "throttled by Lambda": ("lambda", "Invoke", client_error("TooManyRequestsException", "Rate Exceeded.", 429)),
    "reserved concurrency": (
        "lambda",
        "Invoke",
        client_error("TooManyRequestsException", f"Rate Exceeded. ({RESERVED_LIMIT})", 429),
    ),
    "throttled by S3": ("s3", "PutObject", client_error("SlowDown", "Please reduce your request rate.", 503)),
    "throttled, without AWS's own code": (
        "cloudwatch",
        "PutMetricAlarm",
        client_error("429", "Too Many Requests", 429),
    ),
    "throttled by S3, without a body": ("s3", "HeadBucket", client_error("503", "Service Unavailable", 503)),
    "an alarm that is changing": (
        "cloudwatch",
        "PutMetricAlarm",
        client_error("ConcurrentModificationException", "More than one process tried to modify a resource", 429),
    ),
    "too many readers of a shard": (
        "dynamodbstreams",
        "GetRecords",
        client_error("LimitExceededException", "There are too many concurrent readers"),
    ),
    "endpoint unreachable": (
        "sts",
        "GetCallerIdentity",
        boto.EndpointConnectionError(endpoint_url="http://x", error="no"),
    ),
    "proxy unreachable": (
        "sts",
        "GetCallerIdentity",
        boto.ProxyConnectionError(proxy_url="http://x", error="no"),
    ),
    "connect timeout": ("sqs", "GetQueueUrl", boto.ConnectTimeoutError(endpoint_url="http://x", error="slow")),
    "read timeout": ("sqs", "GetQueueUrl", boto.ReadTimeoutError(endpoint_url="http://x", error="slow")),
    "connection lost": ("sqs", "GetQueueUrl", boto.ConnectionClosedError(endpoint_url="http://x", error="gone")),
    "streamed body lost": ("s3", "GetObject", boto.ResponseStreamingError(error="gone")),
    "new role, Lambda": (
        "lambda",
        "CreateFunction",
        client_error(
            "InvalidParameterValueException", "The role defined for the function cannot be assumed by Lambda."
        ),
    ),
    "new role, KMS": (
        "lambda",
        "CreateFunction",
        client_error("InvalidParameterValueException", "The KMS key is invalid for CreateGrant: ARN does not refer"),
    ),
    "new visibility timeout": (
        "lambda",
        "UpdateFunctionConfiguration",
        client_error(
            "InvalidParameterValueException",
            "Queue visibility timeout: 30 seconds is less than Function timeout: 60 seconds",
        ),
    ),
    "throttled by EC2": (
        "lambda",
        "CreateFunction",
        client_error("InvalidParameterValueException", "Lambda was throttled by EC2 while setting up"),
    ),
    "new policy, stream mapping": (
        "lambda",
        "CreateEventSourceMapping",
        client_error(
            "InvalidParameterValueException",
            "Cannot access stream arn:aws:dynamodb:... Please ensure the role can perform the GetRecords, "
            "GetShardIterator, DescribeStream, and ListStreams Actions on your stream in IAM.",
        ),
    ),
    "new policy, queue mapping": (
        "lambda",
        "CreateEventSourceMapping",
        client_error(
            "InvalidParameterValueException",
            "The function execution role does not have permissions to call ReceiveMessage on SQS",
        ),
    ),
    "new policy, on-failure destination": (
        "lambda",
        "UpdateEventSourceMapping",
        client_error(
            "InvalidParameterValueException",
            "The provided execution role does not have permissions to call SendMessage on SQS",
        ),
    ),
    "new trust policy": (
        "lambda",
        "CreateEventSourceMapping",
        client_error("InvalidParameterValueException", "Please add Lambda as a Trusted Entity for arn:aws:iam::..."),
    ),
    "a transaction with the item": (
        "dynamodb",
        "UpdateItem",
        client_error("TransactionConflictException", "Transaction is ongoing for the item"),
    ),
    "a transaction in progress": (
        "dynamodb",
        "TransactWriteItems",
        client_error("TransactionInProgressException", "The transaction with the given request token is in progress"),
    ),
    "function update in progress": (
        "lambda",
        "UpdateFunctionCode",
        client_error(
            "ResourceConflictException",
            "The operation cannot be performed at this time. An update is in progress for resource: arn:...",
            409,
        ),
    ),
    "function pending": (
        "lambda",
        "UpdateFunctionConfiguration",
        client_error(
            "ResourceConflictException",
            "The operation cannot be performed at this time. The function is currently in the following state: "
            "'Pending'",
            409,
        ),
    ),
    "concurrent function update": (
        "lambda",
        "CreateFunction",
        client_error(
            "ResourceConflictException",
            "The function could not be updated due to a concurrent update operation",
            409,
        ),
    ),
    "mapping in use": (
        "lambda",
        "DeleteEventSourceMapping",
        client_error("ResourceInUseException", "Cannot delete the event source mapping because it is in use."),
    ),
    "queue name reserved": (
        "sqs",
        "CreateQueue",
        client_error("AWS.SimpleQueueService.QueueDeletedRecently", "You must wait 60 seconds after deleting a queue"),
    ),
    "queue name reserved, modelled code": (
        "sqs",
        "CreateQueue",
        client_error("QueueDeletedRecently", "You must wait 60 seconds after deleting a queue"),
    ),
    "new role in a queue policy": (
        "sqs",
        "SetQueueAttributes",
        client_error("InvalidAttributeValue", "Invalid value for the parameter Policy."),
    ),
    "bucket operation in progress": (
        "s3",
        "PutBucketPolicy",
        client_error("OperationAborted", "A conflicting conditional operation is currently in progress", 409),
    ),
    "new bucket": ("s3", "PutBucketVersioning", client_error("NoSuchBucket", "The specified bucket does not exist")),
    "many tables change": (
        "dynamodb",
        "CreateTable",
        client_error(
            "LimitExceededException",
            "Subscriber limit exceeded: only 500 tables can be created, updated, or deleted simultaneously",
        ),
    ),
    "table changing": (
        "dynamodb",
        "UpdateTable",
        client_error("ResourceInUseException", "Attempt to change a resource which is still in use"),
    ),
    "backups not ready": (
        "dynamodb",
        "UpdateContinuousBackups",
        client_error("ContinuousBackupsUnavailableException", "Backups are being enabled for the table: t"),
    ),
    "table not known to its backups": (
        "dynamodb",
        "UpdateContinuousBackups",
        client_error("TableNotFoundException", "Table not found: t"),
    ),
    "policy just detached": (
        "iam",
        "DeleteRole",
        client_error("DeleteConflict", "Cannot delete entity, must detach all policies first.", 409),
    ),
    "concurrent role change": (
        "iam",
        "PutRolePolicy",
        client_error("ConcurrentModification", "The request was rejected because of concurrent requests", 409),
    ),
    "new role as a principal": (
        "iam",
        "UpdateAssumeRolePolicy",
        client_error("MalformedPolicyDocument", 'Invalid principal in policy: "AWS":"AIDA..."'),
    ),
    "new role, IAM": (
        "iam",
        "PutRolePolicy",
        client_error("NoSuchEntity", "The role with name r cannot be found.", 404),
    ),
    "log group changing": (
        "logs",
        "PutRetentionPolicy",
        client_error(
            "OperationAbortedException", "A conflicting operation is currently in progress against this resource."
        ),
    ),
    "internal error with a code": ("sqs", "CreateQueue", client_error("InternalFailure", "", 500)),
    "internal error without a known code": ("dynamodb", "PutItem", client_error("Whatever", "", 503)),
    "throttled by SQS, query-compatible code": (
        "sqs",
        "SendMessage",
        client_error("AWS.SimpleQueueService.RequestThrottled", "Request is throttled.", 403),
    ),
    "response cut": ("dynamodb", "DescribeTable", ResponseParserError("the response is not complete, or not JSON")),
    "response without its wrapper": ("sts", "GetCallerIdentity", KeyError("GetCallerIdentityResult")),
    "web page": ("sts", "GetCallerIdentity", NotAwsError("the response is a web page")),
    "checksum": ("s3", "GetObject", boto.FlexibleChecksumError(error_msg="Expected checksum X did not match Y")),
    "request timeout": ("s3", "PutObject", client_error("RequestTimeout", "Your socket connection ...", 400)),
}

PERMANENT: dict[str, Sample] = {
    "invalid role": (
        "lambda",
        "CreateFunction",
        client_error("InvalidParameterValueException", "1 validation error detected: Value 'x' at 'role'"),
    ),
    "protected table": (
        "dynamodb",
        "DeleteTable",
        client_error(
            "ResourceInUseException",
            "Resource cannot be deleted as it is currently protected against deletion. Disable deletion protection "
            "first.",
        ),
    ),
    "visibility timeout too short for a mapping": (
        "lambda",
        "CreateEventSourceMapping",
        client_error(
            "InvalidParameterValueException",
            "Queue visibility timeout: 30 seconds is less than Function timeout: 60 seconds",
        ),
    ),
    "existing function": (
        "lambda",
        "CreateFunction",
        client_error("ResourceConflictException", "Function already exist: f", 409),
    ),
    "existing mapping": (
        "lambda",
        "CreateEventSourceMapping",
        client_error(
            "ResourceConflictException",
            "The event source arn (a) and function (f) provided mapping already exists. Please update or delete the "
            "existing mapping with UUID u",
            409,
        ),
    ),
    "existing table": (
        "dynamodb",
        "CreateTable",
        client_error("ResourceInUseException", "Table already exists: t"),
    ),
    "quota": (
        "dynamodb",
        "CreateTable",
        client_error("LimitExceededException", "Subscriber limit exceeded: too many tables"),
    ),
    "malformed policy": (
        "iam",
        "PutRolePolicy",
        client_error("MalformedPolicyDocument", "Syntax errors in policy."),
    ),
    "absent role": ("iam", "GetRole", client_error("NoSuchEntity", "The role cannot be found.", 404)),
    "absent bucket": ("s3", "ListObjectVersions", client_error("NoSuchBucket", "It does not exist", 404)),
    "absent queue": (
        "sqs",
        "GetQueueUrl",
        client_error("AWS.SimpleQueueService.NonExistentQueue", "The specified queue does not exist."),
    ),
    "other queue attribute": (
        "sqs",
        "SetQueueAttributes",
        client_error("InvalidAttributeValue", "Invalid value for the parameter VisibilityTimeout."),
    ),
    "role in an instance profile": (
        "iam",
        "DeleteRole",
        client_error("DeleteConflict", "Cannot delete entity, must remove roles from instance profile first.", 409),
    ),
    "header with a line break": (
        "sts",
        "GetCallerIdentity",
        boto.HTTPClientError(error=ValueError("Invalid header value b'secret'")),
    ),
    "text that is not Unicode": (
        "dynamodb",
        "GetItem",
        boto.HTTPClientError(error=UnicodeEncodeError("utf-8", "\udcff", 0, 1, "surrogates not allowed")),
    ),
    "access denied": ("iam", "CreateRole", client_error("AccessDenied", "User is not authorized", 403)),
    "deletion protection": (
        "dynamodb",
        "DeleteTable",
        client_error(
            "ValidationException",
            "Resource cannot be deleted as it is currently protected against deletion. Disable deletion protection "
            "first.",
        ),
    ),
    "missing credentials": ("sts", "GetCallerIdentity", boto.NoCredentialsError()),
    "invalid parameter": ("sqs", "CreateQueue", boto.ParamValidationError(report="Missing required parameter")),
    "untrusted certificate": (
        "sts",
        "GetCallerIdentity",
        boto.SSLError(endpoint_url="https://x", error=ValueError("self-signed")),
    ),
}


def rule_of(sample: Sample) -> RetryRule | None:
    service, operation, error = sample
    return rule_for(translate(error, service, operation))


def test_every_rule_has_a_sample() -> None:
    assert {rule_of(sample) for sample in TEMPORARY.values()} == set(RETRY_RULES)


@pytest.mark.parametrize("name", TEMPORARY)
def test_a_temporary_error_is_retried_until_its_bound(name: str, wire: Wire) -> None:
    """It passes before the bound, with one message; after the bound it is reported with the number of tries."""
    service, operation, error = TEMPORARY[name]
    rule = rule_of(TEMPORARY[name])
    assert rule is not None
    wire.meets = lambda: error if wire.clock.seconds < rule.bound * 0.8 else {"answered": True}
    assert wire.call(service, operation) == {"answered": True}
    assert wire.clock.seconds <= rule.bound
    assert wire.said == [f"waiting: {rule.reason} ({service} {operation})"]
    assert len(wire.calls) > 2

    wire.reset()
    wire.meets = lambda: error
    with pytest.raises(AwsError) as caught:
        wire.call(service, operation)
    assert wire.clock.seconds == pytest.approx(rule.bound, abs=0.1)
    assert caught.value.message.endswith(f"(tried {len(wire.calls)} times in {rule.bound} seconds)")
    assert caught.value.aws_message in caught.value.message
    assert str(caught.value) == caught.value.message
    assert caught.value.hint
    assert caught.value.__cause__ is error
    assert len(wire.said) == 1


@pytest.mark.parametrize("name", PERMANENT)
def test_a_permanent_error_fails_at_once(name: str, wire: Wire) -> None:
    service, operation, error = PERMANENT[name]
    assert rule_of(PERMANENT[name]) is None
    wire.meets = lambda: error
    with pytest.raises(AwsError) as caught:
        wire.call(service, operation)
    assert len(wire.calls) == 1
    assert wire.clock.seconds == 0
    assert wire.said == []
    assert "secret" not in f"{caught.value.message} {caught.value.hint}"


def test_pauses_are_short_at_first_and_two_seconds_later() -> None:
    rule = RetryRule("", (), (), "", 120, "something")
    assert [rule.pause(1, waited) for waited in (0.0, 4.0, 29.0, 31.0)] == [0.25, pytest.approx(0.35), 0.5, 2.0]


def test_the_time_of_a_try_counts_for_its_pause_of_which_half_stays() -> None:
    rule = RetryRule("", (), (), "", 120, "something")
    assert [rule.pause(1, 0.0, took) for took in (0.05, 0.1, 60.0)] == [0.2, 0.15, 0.125]


def test_pauses_under_load_grow_and_are_random() -> None:
    rule = RetryRule("", (), (), "", 300, "load", back_off=True)
    for tries, longest in ((1, 0.5), (2, 1.0), (5, 8.0), (20, 20.0)):
        pauses = {rule.pause(tries, 0.0) for _ in range(20)}
        assert all(longest / 2 <= pause <= longest for pause in pauses)
        assert len(pauses) > 1


def test_each_rule_has_its_own_bound(wire: Wire) -> None:
    """A call is throttled for longer than the bound of a lost connection, and then the connection is lost."""
    throttled, lost = TEMPORARY["throttled by Lambda"][2], TEMPORARY["connection lost"][2]

    def met() -> Answer:
        if wire.clock.seconds < 60:
            return throttled
        return lost if len(wire.said) == 1 else {"answered": True}

    wire.meets = met
    assert wire.call("lambda", "GetFunction") == {"answered": True}
    assert ["throttled" in line for line in wire.said] == [True, False]
