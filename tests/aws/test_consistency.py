"""Every error that passes is waited out within its bound, and what looks like it but is permanent is not."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from botocore import exceptions as boto
from botocore.exceptions import BotoCoreError, ClientError

from pipectl.aws.errors import translate
from pipectl.aws.retry_rules import FACTS, Fact, rule_for
from pipectl.errors import AwsError
from tests.aws.fakes import Answer, Wire, client_error

SAMPLES: dict[str, tuple[str, str, ClientError | BotoCoreError]] = {
    # service, operation, what AWS says; the texts are AWS's own
    "throttled": ("iam", "GetRole", client_error("Throttling", "Rate exceeded")),
    "throttled by Lambda": ("lambda", "Invoke", client_error("TooManyRequestsException", "Rate Exceeded.", 429)),
    "throttled by S3": ("s3", "PutObject", client_error("SlowDown", "Please reduce your request rate.", 503)),
    "throttled, without AWS's own code": (
        "cloudwatch",
        "PutMetricAlarm",
        client_error("429", "Too Many Requests", 429),
    ),
    "throttled by S3, without a body": ("s3", "HeadBucket", client_error("503", "Service Unavailable", 503)),
    "an alarm that is being changed": (
        "cloudwatch",
        "PutMetricAlarm",
        client_error("ConcurrentModificationException", "More than one process tried to modify a resource", 429),
    ),
    "too many readers of a shard": (
        "dynamodbstreams",
        "GetRecords",
        client_error("LimitExceededException", "There are too many concurrent readers"),
    ),
    "nobody answers": ("sts", "GetCallerIdentity", boto.EndpointConnectionError(endpoint_url="http://x", error="no")),
    "the proxy does not answer": (
        "sts",
        "GetCallerIdentity",
        boto.ProxyConnectionError(proxy_url="http://x", error="no"),
    ),
    "no connection in time": ("sqs", "GetQueueUrl", boto.ConnectTimeoutError(endpoint_url="http://x", error="slow")),
    "no answer in time": ("sqs", "GetQueueUrl", boto.ReadTimeoutError(endpoint_url="http://x", error="slow")),
    "the connection broke": ("sqs", "GetQueueUrl", boto.ConnectionClosedError(endpoint_url="http://x", error="gone")),
    "the answer broke off": ("s3", "GetObject", boto.ResponseStreamingError(error="gone")),
    "a new role, to Lambda": (
        "lambda",
        "CreateFunction",
        client_error(
            "InvalidParameterValueException", "The role defined for the function cannot be assumed by Lambda."
        ),
    ),
    "a new role, to the key of the environment": (
        "lambda",
        "CreateFunction",
        client_error("InvalidParameterValueException", "The KMS key is invalid for CreateGrant: ARN does not refer"),
    ),
    "a new visibility, to Lambda": (
        "lambda",
        "UpdateFunctionConfiguration",
        client_error(
            "InvalidParameterValueException",
            "Queue visibility timeout: 30 seconds is less than Function timeout: 60 seconds",
        ),
    ),
    "EC2 throttles Lambda": (
        "lambda",
        "CreateFunction",
        client_error("InvalidParameterValueException", "Lambda was throttled by EC2 while setting up"),
    ),
    "a new policy, to a stream's mapping": (
        "lambda",
        "CreateEventSourceMapping",
        client_error(
            "InvalidParameterValueException",
            "Cannot access stream arn:aws:dynamodb:... Please ensure the role can perform the GetRecords, "
            "GetShardIterator, DescribeStream, and ListStreams Actions on your stream in IAM.",
        ),
    ),
    "a new policy, to a queue's mapping": (
        "lambda",
        "CreateEventSourceMapping",
        client_error(
            "InvalidParameterValueException",
            "The function execution role does not have permissions to call ReceiveMessage on SQS",
        ),
    ),
    "a new policy, to the on-failure destination": (
        "lambda",
        "UpdateEventSourceMapping",
        client_error(
            "InvalidParameterValueException",
            "The provided execution role does not have permissions to call SendMessage on SQS",
        ),
    ),
    "a new trust": (
        "lambda",
        "CreateEventSourceMapping",
        client_error("InvalidParameterValueException", "Please add Lambda as a Trusted Entity for arn:aws:iam::..."),
    ),
    "Lambda still updates": (
        "lambda",
        "UpdateFunctionCode",
        client_error(
            "ResourceConflictException",
            "The operation cannot be performed at this time. An update is in progress for resource: arn:...",
            409,
        ),
    ),
    "Lambda still makes it": (
        "lambda",
        "UpdateFunctionConfiguration",
        client_error(
            "ResourceConflictException",
            "The operation cannot be performed at this time. The function is currently in the following state: "
            "'Pending'",
            409,
        ),
    ),
    "Lambda is updated elsewhere": (
        "lambda",
        "CreateFunction",
        client_error(
            "ResourceConflictException",
            "The function could not be updated due to a concurrent update operation",
            409,
        ),
    ),
    "the mapping still changes": (
        "lambda",
        "DeleteEventSourceMapping",
        client_error("ResourceInUseException", "Cannot delete the event source mapping because it is in use."),
    ),
    "the queue was just deleted": (
        "sqs",
        "CreateQueue",
        client_error("AWS.SimpleQueueService.QueueDeletedRecently", "You must wait 60 seconds after deleting a queue"),
    ),
    "the queue was just deleted, as modelled": (
        "sqs",
        "CreateQueue",
        client_error("QueueDeletedRecently", "You must wait 60 seconds after deleting a queue"),
    ),
    "a queue's policy names a new role": (
        "sqs",
        "SetQueueAttributes",
        client_error("InvalidAttributeValue", "Invalid value for the parameter Policy."),
    ),
    "S3 still works": (
        "s3",
        "PutBucketPolicy",
        client_error("OperationAborted", "A conflicting conditional operation is currently in progress", 409),
    ),
    "a new bucket": ("s3", "PutBucketVersioning", client_error("NoSuchBucket", "The specified bucket does not exist")),
    "many tables at once": (
        "dynamodb",
        "CreateTable",
        client_error(
            "LimitExceededException",
            "Subscriber limit exceeded: only 500 tables can be created, updated, or deleted simultaneously",
        ),
    ),
    "the table still changes": (
        "dynamodb",
        "UpdateTable",
        client_error("ResourceInUseException", "Attempt to change a resource which is still in use"),
    ),
    "backups are not ready": (
        "dynamodb",
        "UpdateContinuousBackups",
        client_error("ContinuousBackupsUnavailableException", "Backups are being enabled for the table: t"),
    ),
    "a policy is just detached": (
        "iam",
        "DeleteRole",
        client_error("DeleteConflict", "Cannot delete entity, must detach all policies first.", 409),
    ),
    "the role changes elsewhere": (
        "iam",
        "PutRolePolicy",
        client_error("ConcurrentModification", "The request was rejected because of concurrent requests", 409),
    ),
    "a policy names a new role": (
        "iam",
        "UpdateAssumeRolePolicy",
        client_error("MalformedPolicyDocument", 'Invalid principal in policy: "AWS":"AIDA..."'),
    ),
    "a new role, to IAM": (
        "iam",
        "PutRolePolicy",
        client_error("NoSuchEntity", "The role with name r cannot be found.", 404),
    ),
    "the log group changes": (
        "logs",
        "PutRetentionPolicy",
        client_error(
            "OperationAbortedException", "A conflicting operation is currently in progress against this resource."
        ),
    ),
    "AWS had a fault and names it": ("sqs", "CreateQueue", client_error("InternalFailure", "", 500)),
    "AWS had a fault without a name": ("dynamodb", "PutItem", client_error("Whatever", "", 503)),
    "a request came too slowly": ("s3", "PutObject", client_error("RequestTimeout", "Your socket connection ...", 400)),
}

PERMANENT: dict[str, tuple[str, str, ClientError | BotoCoreError]] = {
    # the same codes, and texts for which waiting does not help
    "a role that is none": (
        "lambda",
        "CreateFunction",
        client_error("InvalidParameterValueException", "1 validation error detected: Value 'x' at 'role'"),
    ),
    "a table that is protected": (
        "dynamodb",
        "DeleteTable",
        client_error(
            "ResourceInUseException",
            "Resource cannot be deleted as it is currently protected against deletion. Disable deletion protection "
            "first.",
        ),
    ),
    "a timeout that does not fit": (
        "lambda",
        "CreateEventSourceMapping",
        client_error(
            "InvalidParameterValueException",
            "Queue visibility timeout: 30 seconds is less than Function timeout: 60 seconds",
        ),
    ),
    "a function that exists": (
        "lambda",
        "CreateFunction",
        client_error("ResourceConflictException", "Function already exist: f", 409),
    ),
    "a mapping that exists": (
        "lambda",
        "CreateEventSourceMapping",
        client_error(
            "ResourceConflictException",
            "The event source arn (a) and function (f) provided mapping already exists. Please update or delete the "
            "existing mapping with UUID u",
            409,
        ),
    ),
    "a table that exists": (
        "dynamodb",
        "CreateTable",
        client_error("ResourceInUseException", "Table already exists: t"),
    ),
    "a quota": (
        "dynamodb",
        "CreateTable",
        client_error("LimitExceededException", "Subscriber limit exceeded: too many tables"),
    ),
    "a wrong policy": (
        "iam",
        "PutRolePolicy",
        client_error("MalformedPolicyDocument", "Syntax errors in policy."),
    ),
    "a role that is absent": ("iam", "GetRole", client_error("NoSuchEntity", "The role cannot be found.", 404)),
    "a bucket that is absent": ("s3", "ListObjectVersions", client_error("NoSuchBucket", "It does not exist", 404)),
    "a queue that is absent": (
        "sqs",
        "GetQueueUrl",
        client_error("AWS.SimpleQueueService.NonExistentQueue", "The specified queue does not exist."),
    ),
    "another attribute": (
        "sqs",
        "SetQueueAttributes",
        client_error("InvalidAttributeValue", "Invalid value for the parameter VisibilityTimeout."),
    ),
    "no permission": ("iam", "CreateRole", client_error("AccessDenied", "User is not authorized", 403)),
    "deletion protection": (
        "dynamodb",
        "DeleteTable",
        client_error(
            "ValidationException",
            "Resource cannot be deleted as it is currently protected against deletion. Disable deletion protection "
            "first.",
        ),
    ),
    "no credentials": ("sts", "GetCallerIdentity", boto.NoCredentialsError()),
    "a wrong parameter": ("sqs", "CreateQueue", boto.ParamValidationError(report="Missing required parameter")),
    "a certificate": (
        "sts",
        "GetCallerIdentity",
        boto.SSLError(endpoint_url="https://x", error=ValueError("self-signed")),
    ),
}


def fact_of(name: str, table: dict[str, tuple[str, str, ClientError | BotoCoreError]]) -> Fact | None:
    service, operation, error = table[name]
    return rule_for(translate(error, service, operation))


@pytest.mark.parametrize("fact", FACTS, ids=lambda fact: fact.why)
def test_every_fact_has_a_sample(fact: Fact) -> None:
    assert fact in [fact_of(name, SAMPLES) for name in SAMPLES]


@pytest.mark.parametrize("name", SAMPLES)
def test_what_passes_is_known(name: str) -> None:
    assert fact_of(name, SAMPLES) is not None


@pytest.mark.parametrize("name", PERMANENT)
def test_what_does_not_pass_is_not_waited_for(name: str) -> None:
    assert fact_of(name, PERMANENT) is None


def passing(wire: Wire, name: str, seconds: float) -> Callable[[], object]:
    """A call that meets the error of that sample until ``seconds`` have passed on the clock."""
    service, operation, error = SAMPLES[name]
    wire.meets = lambda: error if wire.clock.seconds < seconds else {"answered": True}
    return lambda: wire.call(service, operation)


@pytest.mark.parametrize("name", SAMPLES)
def test_it_is_waited_out_with_one_line_about_it(name: str, wire: Wire) -> None:
    fact = fact_of(name, SAMPLES)
    assert fact is not None
    assert passing(wire, name, seconds=fact.bound * 0.8)() == {"answered": True}
    assert wire.clock.seconds <= fact.bound
    service, operation, _ = SAMPLES[name]
    assert wire.said == [f"waiting: {fact.why} ({service} {operation})"]
    assert len(wire.calls) > 2


@pytest.mark.parametrize("name", SAMPLES)
def test_it_is_waited_for_no_longer_than_its_bound(name: str, wire: Wire) -> None:
    fact = fact_of(name, SAMPLES)
    assert fact is not None
    with pytest.raises(AwsError) as caught:
        passing(wire, name, seconds=1e9)()
    assert wire.clock.seconds == pytest.approx(fact.bound, abs=0.1)
    assert caught.value.message.endswith(f"(tried {len(wire.calls)} times in {fact.bound} seconds)")
    assert caught.value.aws_message in caught.value.message
    assert str(caught.value) == caught.value.message
    assert caught.value.hint
    assert caught.value.__cause__ is SAMPLES[name][2]
    assert len(wire.said) == 1


@pytest.mark.parametrize("name", PERMANENT)
def test_what_is_permanent_fails_at_once(name: str, wire: Wire) -> None:
    service, operation, error = PERMANENT[name]
    wire.meets = lambda: error
    with pytest.raises(AwsError):
        wire.call(service, operation)
    assert len(wire.calls) == 1
    assert wire.clock.seconds == 0
    assert wire.said == []


def test_pauses_are_dense_at_first_and_two_seconds_later() -> None:
    fact = Fact("", (), (), "", 120, "something")
    assert fact.pause(1, 0.0) == pytest.approx(0.3)
    assert fact.pause(20, 29.0) == 0.5
    assert fact.pause(40, 31.0) == 2.0


def test_pauses_under_load_grow_and_are_spread() -> None:
    fact = Fact("", (), (), "", 300, "load", back_off=True)
    for tries, longest in ((1, 0.5), (2, 1.0), (5, 8.0), (20, 20.0)):
        pauses = {fact.pause(tries, 0.0) for _ in range(20)}
        assert all(longest / 2 <= pause <= longest for pause in pauses)
        assert len(pauses) > 1


def test_each_fact_is_waited_for_by_itself(wire: Wire) -> None:
    """Throttled for longer than a broken connection is waited for, and then the connection breaks."""
    throttled, broken = SAMPLES["throttled by Lambda"][2], SAMPLES["the connection broke"][2]

    def met() -> Answer:
        if wire.clock.seconds < 60:
            return throttled
        return broken if len(wire.said) == 1 else {"answered": True}

    wire.meets = met
    assert wire.call("lambda", "Invoke") == {"answered": True}
    assert ["slow down" in line for line in wire.said] == [True, False]
