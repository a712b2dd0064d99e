"""The sky itself: what it does to those who do not wait. Without it the other tests would mean nothing."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from pipectl.aws.client import Call
from pipectl.commands.up import up
from tests.support import yes
from tests.weather.clock import VirtualClock
from tests.weather.facts import REFUSED
from tests.weather.sky import Sky
from tests.weather.worlds import Land, land

FUNCTION = "dev-order-processor-lambda-backend"
AUDITOR = "dev-audit-processor-lambda-backend"
QUEUE = "arn:aws:sqs:us-east-1:123456789012:dev-order-processor-dlq-backend"


@pytest.fixture
def sky() -> Sky:
    return Sky(VirtualClock())


@pytest.fixture
def standing(sky: Sky, tmp_path: Path) -> Iterator[Land]:
    with land(tmp_path, sky) as here:
        up(here.world.context(), yes)
        here.clear_up()
        yield here


def tell(sky: Sky, service: str, operation: str, **params: Any) -> str:
    """What a call is told: ``""`` when it gets through, else AWS's code."""
    try:
        sky.attempt(Call(service, operation), params, lambda: {"UUID": "1"})
    except ClientError as error:
        return error.response["Error"]["Code"]
    return ""


@pytest.mark.parametrize("name", [name for name, fact in REFUSED.items() if not fact.of_role])
def test_a_call_that_comes_too_early_is_refused_and_later_it_is_not(name: str) -> None:
    fact = REFUSED[name]
    sky = Sky(VirtualClock(), refused={name: fact})
    mapping = {"EventSourceArn": "arn:aws:sqs:it", "FunctionName": "it", "UUID": "1"}
    thing = mapping if "Mapping" in fact.operations[0] else {"Bucket": "it", "ExpectedBucketOwner": "123456789012"}
    assert tell(sky, *fact.after[0].split(":"), **thing) == ""
    assert tell(sky, *fact.operations[0].split(":"), **thing) == fact.code
    sky.clock.sleep(fact.seconds)
    assert tell(sky, *fact.operations[0].split(":"), **thing) == ""


@pytest.mark.parametrize("name", [name for name, fact in REFUSED.items() if fact.of_role])
def test_what_is_asked_of_a_role_is_refused_until_it_has_arrived(name: str) -> None:
    fact = REFUSED[name]
    sky = Sky(VirtualClock(), refused={name: fact})
    tell(sky, *fact.after[0].split(":"), RoleName="it")
    role = {"FunctionName": "function", "Role": "arn:aws:iam::123456789012:role/it"}
    if "lambda:CreateFunction" not in fact.operations:
        tell(sky, "lambda", "CreateFunction", **role)
        role = {"FunctionName": "function", "EventSourceArn": f"{fact.only or 'arn:aws:sqs'}:it"}
    assert tell(sky, *fact.operations[0].split(":"), **role) == fact.code
    sky.clock.sleep(fact.seconds)
    assert tell(sky, *fact.operations[0].split(":"), **role) == ""


def test_a_bucket_is_shown_to_its_owner_alone(sky: Sky) -> None:
    assert tell(sky, "s3", "GetBucketPolicy", Bucket="it", ExpectedBucketOwner="210987654321") == "AccessDenied"
    assert tell(sky, "s3", "GetBucketPolicy", Bucket="it") == "AccessDenied"


def test_a_function_has_one_mapping_of_a_source(standing: Land) -> None:
    pair = {"EventSourceArn": QUEUE, "FunctionName": AUDITOR}
    assert tell(standing.sky, "lambda", "CreateEventSourceMapping", **pair) == "ResourceConflictException"


def test_a_function_must_not_outlast_the_visibility_of_its_queue(standing: Land) -> None:
    longer = {"FunctionName": AUDITOR, "Timeout": 900}
    assert tell(standing.sky, "lambda", "UpdateFunctionConfiguration", **longer) == "InvalidParameterValueException"


def test_two_changes_of_a_bucket_at_once_collide(sky: Sky) -> None:
    def second() -> str:
        return tell(sky, "s3", "PutBucketPolicy", Bucket="it", ExpectedBucketOwner="123456789012")

    ours = {"Bucket": "it", "ExpectedBucketOwner": "123456789012"}
    assert sky.attempt(Call("s3", "PutBucketTagging"), ours, second) == "OperationAborted"
    assert second() == ""


def test_states_take_time_and_reads_lag(sky: Sky, tmp_path: Path) -> None:
    with land(tmp_path, sky) as here:
        lambda_, clock = here.world.aws.lambda_, sky.clock
        up(here.world.context(), yes)
        here.clear_up()
        lambda_.update_function_configuration(FunctionName=FUNCTION, MemorySize=512)
        shown = lambda_.get_function_configuration(FunctionName=FUNCTION)
        assert shown["LastUpdateStatus"] == "InProgress"
        clock.sleep(5)
        assert lambda_.get_function_configuration(FunctionName=FUNCTION)["LastUpdateStatus"] == "Successful"

        table = here.world.context().pipeline.physical.orders_table
        stream = here.eye.aws.dynamodb.describe_table(TableName=table)["Table"]["LatestStreamArn"]
        here.world.aws.dynamodb.update_table(TableName=table, DeletionProtectionEnabled=True)
        described = here.world.aws.streams.describe_stream(StreamArn=stream)["StreamDescription"]
        assert described["StreamStatus"] == "ENABLING"

        mapping = lambda_.list_event_source_mappings()["EventSourceMappings"][0]
        lambda_.delete_event_source_mapping(UUID=mapping["UUID"])
        listed = lambda_.list_event_source_mappings()["EventSourceMappings"]
        assert mapping["UUID"] in [each["UUID"] for each in listed], "the list lags"
        clock.sleep(60)
        assert len(lambda_.list_event_source_mappings()["EventSourceMappings"]) == 1
