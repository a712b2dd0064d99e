"""An account with thousands of event source mappings: beyond a page, only those of the pipeline are listed."""

from __future__ import annotations

import copy
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

import pytest
from botocore.exceptions import ClientError
from moto.awslambda.models import lambda_backends

from pipectl.aws.calls import Call
from pipectl.commands.plan import plan
from pipectl.commands.status import status
from pipectl.context import Context
from tests.commands.pausing import MAPPING, mapping
from tests.resources.direct_access import DirectAccess
from tests.support import ACCOUNT, REGION

PAGE = 100
UNKNOWN_FUNCTION = ClientError(
    {"Error": {"Code": "ResourceNotFoundException", "Message": "Function not found"}}, "ListEventSourceMappings"
)


def in_pages(call: Call, params: Mapping[str, Any], send: Callable[[], Any]) -> Any:
    """List mappings in pages of 100, as AWS does and moto does not."""
    answer = send()
    if call.operation == "ListEventSourceMappings":
        start = int(params.get("Marker", 0))
        listed = answer["EventSourceMappings"]
        answer["EventSourceMappings"] = listed[start : start + PAGE]
        if start + PAGE < len(listed):
            answer["NextMarker"] = str(start + PAGE)
    return answer


def fill(count: int) -> None:
    """Add mappings of other queues and functions until the account has that many besides the pipeline's."""
    backend = lambda_backends[ACCOUNT][REGION]._event_source_mappings
    example = next(each for each in backend.values() if "sqs" in each.event_source_arn)
    for number in range(len(backend) - 2, count):
        neighbour = copy.copy(example)
        neighbour.uuid = f"neighbour-{number}"
        neighbour.function_name = neighbour.function_arn = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:other-{number}"
        neighbour.event_source_arn = f"arn:aws:sqs:{REGION}:{ACCOUNT}:other-{number}"
        backend[neighbour.uuid] = neighbour


def calls_of(direct: DirectAccess, command: Callable[[Context], object]) -> Counter[str]:
    direct.world.calls.clear()
    command(direct.world.context())
    return Counter(call.operation for call in direct.world.calls)


@pytest.mark.parametrize("command", [status, plan])
def test_an_account_with_5000_mappings_needs_four_calls_more(
    direct: DirectAccess, command: Callable[[Context], object]
) -> None:
    direct.world.aws.attempt = in_pages
    assert direct.world.aws.account_id  # read once for each connection
    alone = calls_of(direct, command)
    assert alone["ListEventSourceMappings"] == 1
    assert alone["ListTags"] == 2
    fill(PAGE - 2)
    assert calls_of(direct, command) == alone
    for count in (PAGE, 5000):
        fill(count)
        # Those of the queue, the function, its alias, and the stream.
        assert calls_of(direct, command) == alone + Counter({"ListEventSourceMappings": 4})


@pytest.mark.parametrize("neighbours", [0, PAGE])
def test_the_mapping_of_a_deleted_function_is_found_by_its_stream(direct: DirectAccess, neighbours: int) -> None:
    def unknown_function(call: Call, params: Mapping[str, Any], send: Callable[[], Any]) -> Any:
        if "FunctionName" in params and "EventSourceArn" not in params and "Qualifier" not in params:
            raise UNKNOWN_FUNCTION
        return in_pages(call, params, send)

    direct.lambda_.delete_function(FunctionName=direct.names.processor)
    fill(neighbours)
    direct.world.aws.attempt = unknown_function
    assert observed(direct, MAPPING) == mapping(direct)["UUID"]


def observed(direct: DirectAccess, key: str) -> str:
    found = direct.world.context().observe([key])[key]
    assert found is not None
    return str(getattr(found.facts, "uuid", ""))
