"""Functions on the local emulator: versions behind an alias, request IDs, errors at the start, tags."""

from __future__ import annotations

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError

from pipectl.aws.log_entries import parse_entry
from pipectl.local.home import REGION, LocalEmulator
from tests.local.small_pipeline import Pipeline, allow_logs, eventually, lines, policy, zipped
from tests.support import boto3_session

pytestmark = pytest.mark.emulator

FAILING = """
import os
def handler(event, context):
    raise ValueError(f"{os.environ['SETTING']} {context.function_version} {context.invoked_function_arn}")
"""
FIXED = """
import os
def handler(event, context):
    print("records", len(event.get("Records", [])), os.environ["SETTING"], context.function_version)
    return context.function_version
"""


def publish(pipeline: Pipeline, handler: str, setting: str) -> str:
    """Publish a version with this code and this setting."""
    functions = pipeline.client("lambda")
    functions.update_function_configuration(FunctionName="processor", Environment={"Variables": {"SETTING": setting}})
    functions.update_function_code(FunctionName="processor", ZipFile=zipped(handler))
    return str(functions.publish_version(FunctionName="processor")["Version"])


def caller(pipeline: Pipeline, *statements: dict[str, Any]) -> Any:
    """Return a Lambda client of a user who may do this and nothing else."""
    iam = pipeline.client("iam")
    iam.create_user(UserName="caller")
    iam.put_user_policy(UserName="caller", PolicyName="work", PolicyDocument=policy(*statements))
    key = iam.create_access_key(UserName="caller")["AccessKey"]
    session: Any = boto3_session(key["AccessKeyId"], key["SecretAccessKey"])
    return session.client("lambda", endpoint_url=pipeline.aws.endpoint_url)


def test_a_mapping_invokes_the_version_of_its_alias_and_the_next_batch_the_next_one(emulator: LocalEmulator) -> None:
    pipeline = Pipeline(emulator, environment={"SETTING": "zero"}, mapping={"Enabled": False})
    allow_logs(pipeline)
    functions = pipeline.client("lambda")
    first = publish(pipeline, FAILING, "one")
    functions.create_alias(FunctionName="processor", Name="live", FunctionVersion=first)
    functions.update_event_source_mapping(
        UUID=pipeline.mapping_id, FunctionName="processor:live", MaximumRetryAttempts=0, Enabled=True
    )
    second = publish(pipeline, FIXED, "two")
    pipeline.put("a")
    [message] = eventually(pipeline.messages)
    arn = f"arn:aws:lambda:{REGION}:{pipeline.account_id}:function:processor:live"
    assert message["requestContext"]["functionArn"] == arn
    assert message["responseContext"]["executedVersion"] == first
    logged = lines(pipeline)
    assert any(f"ValueError: one {first} {arn}" in line for line in logged)
    request_id = message["requestContext"]["requestId"]
    assert f"START RequestId: {request_id} Version: {first}" in logged
    functions.update_alias(FunctionName="processor", Name="live", FunctionVersion=second)
    pipeline.put("b")
    assert eventually(lambda: f"records 1 two {second}" in lines(pipeline))
    assert pipeline.metric("Errors") == 1
    assert pipeline.metric("Invocations") == 2
    # DeleteFunction removes versions and aliases; the mapping stays.
    functions.delete_function(FunctionName="processor")
    mapping = functions.get_event_source_mapping(UUID=pipeline.mapping_id)
    assert mapping["FunctionArn"] == arn


def test_an_alias_is_invoked_with_permission_for_it_alone(emulator: LocalEmulator) -> None:
    pipeline = Pipeline(emulator, mapping={"Enabled": False})
    functions = pipeline.client("lambda")
    version = publish(pipeline, FIXED, "one")
    functions.create_alias(FunctionName="processor", Name="live", FunctionVersion=version)
    arn = f"arn:aws:lambda:{REGION}:{pipeline.account_id}:function:processor"
    user = caller(pipeline, {"Effect": "Allow", "Action": "lambda:InvokeFunction", "Resource": f"{arn}:live"})
    for name in ({"FunctionName": "processor", "Qualifier": "live"}, {"FunctionName": f"{arn}:live"}):
        answer = user.invoke(**name)
        assert json.loads(answer["Payload"].read()) == version == answer["ExecutedVersion"]
    for qualifier in ({}, {"Qualifier": version}):
        with pytest.raises(ClientError, match="AccessDenied"):
            user.invoke(FunctionName="processor", **qualifier)


def test_reserved_concurrency_holds_all_versions(emulator: LocalEmulator) -> None:
    pipeline = Pipeline(emulator, mapping={"Enabled": False})
    functions = pipeline.client("lambda")
    version = publish(pipeline, FIXED, "one")
    functions.put_function_concurrency(FunctionName="processor", ReservedConcurrentExecutions=0)
    with pytest.raises(functions.exceptions.TooManyRequestsException):
        functions.invoke(FunctionName="processor", Qualifier=version)


def test_a_module_that_cannot_be_imported_is_logged(emulator: LocalEmulator) -> None:
    pipeline = Pipeline(emulator, handler="import absent", mapping={"Enabled": False})
    allow_logs(pipeline)
    answer = pipeline.client("lambda").invoke(FunctionName="processor")
    reason = "Unable to import module 'index': No module named 'absent'"
    payload = json.loads(answer["Payload"].read())
    assert (payload["errorType"], payload["errorMessage"]) == ("Runtime.ImportModuleError", reason)
    logged = lines(pipeline)
    [entry] = [entry for line in logged if (entry := parse_entry(line)).is_error]
    assert (entry.text, entry.level) == (f"Runtime.ImportModuleError: {reason}", "ERROR")
    request_id = answer["ResponseMetadata"]["RequestId"]
    assert f"START RequestId: {request_id} Version: $LATEST" in logged


def test_tags_are_shown_to_callers_who_may_list_them(emulator: LocalEmulator) -> None:
    pipeline = Pipeline(emulator, mapping={"Enabled": False})
    functions = pipeline.client("lambda")
    arn = f"arn:aws:lambda:{REGION}:{pipeline.account_id}:function:processor"
    assert "Tags" not in functions.get_function(FunctionName="processor")
    functions.tag_resource(Resource=arn, Tags={"Team": "backend"})
    allowed = {"Effect": "Allow", "Action": ["lambda:GetFunction"], "Resource": arn}
    user = caller(pipeline, allowed)
    hidden = user.get_function(FunctionName="processor")
    assert "Tags" not in hidden
    assert hidden["TagsError"]["ErrorCode"] == "AccessDeniedException"
    allowed["Action"].append("lambda:ListTags")  # type: ignore[attr-defined]
    pipeline.client("iam").put_user_policy(UserName="caller", PolicyName="work", PolicyDocument=policy(allowed))
    shown = user.get_function(FunctionName="processor")
    assert shown["Tags"] == {"Team": "backend"}
    assert "TagsError" not in shown


@pytest.mark.parametrize(("source", "text"), [("stream_arn", "provided mapping already"), ("queue_arn", "SQS arn")])
def test_a_second_mapping_of_the_same_source_and_function_is_refused(
    emulator: LocalEmulator, source: str, text: str
) -> None:
    pipeline = Pipeline(emulator, mapping={"Enabled": False})
    functions = pipeline.client("lambda")
    mapping = {"EventSourceArn": getattr(pipeline, source), "FunctionName": "processor", "Enabled": False}
    if source == "queue_arn":
        uuid = functions.create_event_source_mapping(**mapping)["UUID"]
    else:
        uuid, mapping["StartingPosition"] = pipeline.mapping_id, "LATEST"
    with pytest.raises(functions.exceptions.ResourceConflictException, match=text) as raised:
        functions.create_event_source_mapping(**mapping)
    assert raised.value.response["Error"]["Message"].endswith(f"existing mapping with UUID {uuid}")
    listed = functions.list_event_source_mappings(EventSourceArn=mapping["EventSourceArn"])
    assert [each["UUID"] for each in listed["EventSourceMappings"]] == [uuid]
