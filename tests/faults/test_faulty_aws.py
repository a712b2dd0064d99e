"""The simulated faults themselves: their effect on a caller that does not wait."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from pipectl.aws.calls import Call
from pipectl.aws.tagged import tagged_resources
from pipectl.commands.up import up
from tests.faults.account import SimulatedAccount, simulated_account
from tests.faults.aws_delays import REFUSED
from tests.faults.clock import VirtualClock
from tests.faults.faulty_aws import FaultyAws
from tests.support import yes

FUNCTION = "dev-order-processor-lambda-backend"
AUDITOR = "dev-audit-processor-lambda-backend"
QUEUE = "arn:aws:sqs:us-east-1:123456789012:dev-order-processor-dlq-backend"


@pytest.fixture
def faulty() -> FaultyAws:
    return FaultyAws(VirtualClock())


@pytest.fixture
def existing(faulty: FaultyAws, tmp_path: Path) -> Iterator[SimulatedAccount]:
    with simulated_account(tmp_path, faulty) as here:
        up(here.world.context(), yes)
        here.settle()
        yield here


def error_of(faulty: FaultyAws, service: str, operation: str, **params: Any) -> str:
    """Make a call; return AWS's error code, or ``""``."""
    try:
        faulty.respond(Call(service, operation), params, lambda: {"UUID": "1"})
    except ClientError as error:
        return error.response["Error"]["Code"]
    return ""


@pytest.mark.parametrize("name", [name for name, fact in REFUSED.items() if not fact.of_role])
def test_a_call_is_refused_until_the_delay_is_over(name: str) -> None:
    fact = REFUSED[name]
    faulty = FaultyAws(VirtualClock(), refused={name: fact})
    mapping = {"EventSourceArn": "arn:aws:sqs:it", "FunctionName": "it", "UUID": "1"}
    thing = mapping if "Mapping" in fact.operations[0] else {"Bucket": "it", "ExpectedBucketOwner": "123456789012"}
    assert error_of(faulty, *fact.after[0].split(":"), **thing) == ""
    assert error_of(faulty, *fact.operations[0].split(":"), **thing) == fact.code
    faulty.clock.sleep(fact.seconds)
    assert error_of(faulty, *fact.operations[0].split(":"), **thing) == ""


@pytest.mark.parametrize("name", [name for name, fact in REFUSED.items() if fact.of_role])
def test_a_call_that_needs_a_role_is_refused_until_the_role_is_known(name: str) -> None:
    fact = REFUSED[name]
    faulty = FaultyAws(VirtualClock(), refused={name: fact})
    error_of(faulty, *fact.after[0].split(":"), RoleName="it")
    role = {"FunctionName": "function", "Role": "arn:aws:iam::123456789012:role/it"}
    if "lambda:CreateFunction" not in fact.operations:
        error_of(faulty, "lambda", "CreateFunction", **role)
        role = {"FunctionName": "function", "EventSourceArn": f"{fact.only or 'arn:aws:sqs'}:it"}
    assert error_of(faulty, *fact.operations[0].split(":"), **role) == fact.code
    faulty.clock.sleep(fact.seconds)
    assert error_of(faulty, *fact.operations[0].split(":"), **role) == ""


def test_a_bucket_is_visible_only_to_its_owner(faulty: FaultyAws) -> None:
    assert error_of(faulty, "s3", "GetBucketPolicy", Bucket="it", ExpectedBucketOwner="210987654321") == "AccessDenied"
    assert error_of(faulty, "s3", "GetBucketPolicy", Bucket="it") == "AccessDenied"


def test_a_second_mapping_of_the_same_source_is_refused(existing: SimulatedAccount) -> None:
    pair = {"EventSourceArn": QUEUE, "FunctionName": AUDITOR}
    assert error_of(existing.faulty, "lambda", "CreateEventSourceMapping", **pair) == "ResourceConflictException"


def test_a_timeout_above_the_visibility_of_the_queue_is_refused(existing: SimulatedAccount) -> None:
    longer = {"FunctionName": AUDITOR, "Timeout": 900}
    assert (
        error_of(existing.faulty, "lambda", "UpdateFunctionConfiguration", **longer) == "InvalidParameterValueException"
    )


def test_two_concurrent_changes_of_a_bucket_collide(faulty: FaultyAws) -> None:
    def second() -> str:
        return error_of(faulty, "s3", "PutBucketPolicy", Bucket="it", ExpectedBucketOwner="123456789012")

    ours = {"Bucket": "it", "ExpectedBucketOwner": "123456789012"}
    assert faulty.respond(Call("s3", "PutBucketTagging"), ours, second) == "OperationAborted"
    assert second() == ""


def test_the_index_of_tags_lags_after_any_change(existing: SimulatedAccount) -> None:
    aws, clock = existing.world.aws, existing.faulty.clock

    def names() -> list[str]:
        return [resource.name for resource in tagged_resources(aws, {"ManagedBy": "pipectl"})]

    clock.sleep(300)
    before = names()
    aws.cloudwatch.delete_alarms(AlarmNames=["dev-order-processor-errors-alarm-backend"])
    aws.sqs.create_queue(QueueName="new", tags={"ManagedBy": "pipectl"})
    assert names() == before
    clock.sleep(300)
    assert set(names()) ^ set(before) == {"new", "dev-order-processor-errors-alarm-backend"}


def test_states_take_time_and_reads_lag(faulty: FaultyAws, tmp_path: Path) -> None:
    with simulated_account(tmp_path, faulty) as here:
        lambda_, clock = here.world.aws.lambda_, faulty.clock
        up(here.world.context(), yes)
        here.settle()
        lambda_.update_function_configuration(FunctionName=FUNCTION, MemorySize=512)
        shown = lambda_.get_function_configuration(FunctionName=FUNCTION)
        assert shown["LastUpdateStatus"] == "InProgress"
        clock.sleep(5)
        assert lambda_.get_function_configuration(FunctionName=FUNCTION)["LastUpdateStatus"] == "Successful"

        table = here.world.context().pipeline.physical.orders_table
        stream = here.direct.aws.dynamodb.describe_table(TableName=table)["Table"]["LatestStreamArn"]
        here.world.aws.dynamodb.update_table(TableName=table, DeletionProtectionEnabled=True)
        described = here.world.aws.streams.describe_stream(StreamArn=stream)["StreamDescription"]
        assert described["StreamStatus"] == "ENABLING"

        mapping = lambda_.list_event_source_mappings()["EventSourceMappings"][0]
        lambda_.delete_event_source_mapping(UUID=mapping["UUID"])
        listed = lambda_.list_event_source_mappings()["EventSourceMappings"]
        assert mapping["UUID"] in [each["UUID"] for each in listed], "the list lags"
        clock.sleep(60)
        assert len(lambda_.list_event_source_mappings()["EventSourceMappings"]) == 1
