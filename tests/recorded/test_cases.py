"""Every call has its cases, and pipectl takes each answer as AWS means it."""

from __future__ import annotations

import json
import re
from collections import defaultdict

import botocore.session
import pytest
from botocore.awsrequest import AWSResponse
from botocore.validate import ParamValidator

from pipectl.aws.errors import RESERVED_LIMIT
from pipectl.errors import AbsentError, AccessDeniedError, AwsError, ExistsError
from tests.aws.fakes import Wire, answer, client_error, first, json_error, s3_error, xml_error
from tests.iam.source_actions import source_calls
from tests.recorded.cases import SUCCESS, Case, all_cases, example, template

HANDLERS = {("s3", "PutObject")}
"""Calls of the handlers alone."""
CASES = all_cases()
ERRORS = [case for case in CASES if case.error]
SERVICES = sorted({case.service for case in CASES})
KINDS = {
    "absent": AbsentError,
    "exists": ExistsError,
    "exists elsewhere": ExistsError,
    "denied": AccessDeniedError,
    "denied and hidden": AccessDeniedError,
}
RETRIED = {"not ready", "conflict", "held"}
NEVER_ABSENT = {
    # they list, compute, create or write by name, and answer an empty list or make what is missing
    ("cloudwatch", "DescribeAlarms"),
    ("cloudwatch", "GetMetricData"),
    ("cloudwatch", "PutMetricAlarm"),
    ("dynamodbstreams", "ListStreams"),
    ("logs", "DescribeLogGroups"),
    ("resourcegroupstaggingapi", "GetResources"),
    ("sts", "GetCallerIdentity"),
    # an iterator stands for its shard
    ("dynamodbstreams", "GetRecords"),
}


@pytest.fixture(scope="module")
def wire() -> Wire:
    return Wire()


def test_every_call_has_a_case() -> None:
    known = {(case.service, case.operation) for case in CASES if case.name == SUCCESS}
    assert source_calls() | HANDLERS | {("sts", "GetCallerIdentity")} <= known


def test_every_call_has_the_errors_that_apply() -> None:
    names: dict[tuple[str, str], set[str]] = defaultdict(set)
    for case in ERRORS:
        names[case.service, case.operation].add(case.meaning)
    for call in {(case.service, case.operation) for case in CASES}:
        assert "denied" in names[call] or call[0] == "sts", call
        if call[1].startswith("Create"):
            assert "exists" in names[call], call
        elif call not in NEVER_ABSENT:
            assert names[call] & {"absent", "gone", "not ready", "permanent"}, call


@pytest.mark.parametrize("service", SERVICES)
def test_an_answer_has_the_shape_of_the_api(service: str) -> None:
    model = botocore.session.get_session().get_service_model(service)
    for case in CASES:
        if case.service == service and case.name == SUCCESS:
            shape = model.operation_model(case.operation).output_shape
            found = example(template(service, case.operation))
            wrong = ParamValidator().validate(found, shape).generate_report().splitlines() if shape else list(found)
            # left out are values of any shape, and AWS answers less than its model's minimum
            assert [line for line in wrong if not re.search("Missing required|valid min", line)] == [], case.operation


def test_a_held_function_is_reported_soon(wire: Wire) -> None:
    (held,) = [case for case in ERRORS if case.meaning == "held"]
    wire.reset()
    wire.meets = lambda: _on_the_wire(held)
    with pytest.raises(AwsError) as caught:
        wire.call(held.service, held.operation)
    assert wire.clock.seconds <= 10
    assert "`pipectl up`" in str(caught.value.hint)


@pytest.mark.parametrize("service", SERVICES)
def test_an_error_is_what_aws_means_by_it(wire: Wire, service: str) -> None:
    for case in ERRORS:
        if case.service == service:
            _check(wire, case)


def _check(wire: Wire, case: Case) -> None:
    """Meet the error once; a call that is tried again meets another one."""
    wire.reset()
    wire.meets = first(_on_the_wire(case), client_error("Again", "tried again"))
    with pytest.raises(AwsError) as caught:
        wire.call(case.service, case.operation)
    error = caught.value
    assert (error.aws_code == "Again") == (case.meaning in RETRIED), f"{case}: {error!r}"
    if case.meaning in RETRIED:
        return
    assert type(error) is KINDS.get(case.meaning, AwsError), f"{case}: {error!r}"
    if isinstance(error, AccessDeniedError):
        assert error.actions, case
    assert case.error
    assert error.aws_code == case.error.code
    assert case.error.text in error.aws_message or case.operation.startswith("Head")


def _on_the_wire(case: Case) -> AWSResponse:
    """Return an error in the wire format of its service."""
    assert case.error
    status, code, text = case.error.status, case.error.code, case.error.text
    if case.operation.startswith("Head"):
        return answer("", status)
    if case.service == "s3":
        return s3_error(code, text, status)
    if case.service in ("iam", "sts"):
        return xml_error(code, text, status)
    if case.meaning == "held":
        body = json.dumps({"Reason": RESERVED_LIMIT, "Type": "User", "message": text})
        return answer(body, status, {"x-amzn-errortype": code})
    if case.service == "sqs" and code.startswith("AWS."):
        return answer(json.dumps({"message": text}), status, {"x-amzn-query-error": f"{code};Sender"})
    return json_error(code, text, status)
