"""Notes in `plan` on resources without a difference, and values that it hides."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pytest

from pipectl.aws.calls import Call
from pipectl.commands.plan import plan
from pipectl.commands.status import status
from pipectl.commands.up import up
from pipectl.engine.model import Action
from tests.cli_support import pipectl
from tests.moto_snapshot import create_pipeline
from tests.resources.direct_access import DirectAccess, zipped
from tests.support import yes

SECRET = "sk-live-0123456789"


@pytest.fixture
def pipeline(direct: DirectAccess) -> DirectAccess:
    create_pipeline(direct.world)
    return direct


def test_another_mapping_that_reads_the_dead_letter_queue_is_shown(pipeline: DirectAccess) -> None:
    role = pipeline.lambda_.get_function_configuration(FunctionName=pipeline.names.auditor)["Role"]
    function = pipeline.lambda_.create_function(
        FunctionName="another", Role=role, Runtime="python3.12", Handler="handler.handler", Code={"ZipFile": zipped("")}
    )
    queue = pipeline.mapping(pipeline.resources["queue-mapping"])["EventSourceArn"]
    other = pipeline.lambda_.create_event_source_mapping(FunctionName="another", EventSourceArn=queue)
    changes = {change.resource: change for change in plan(pipeline.world.context()).changes}
    assert {change.action for change in changes.values()} == {Action.KEEP}
    noted = {key for key, change in changes.items() if change.reason}
    assert noted == {"queue-mapping"}
    assert other["UUID"] in str(changes["queue-mapping"].reason)
    assert function["FunctionArn"] in str(changes["queue-mapping"].reason)


def test_settings_that_are_not_managed_are_shown_and_left_alone(pipeline: DirectAccess) -> None:
    names = pipeline.names
    lifetime = {"Enabled": True, "AttributeName": "expiresAt"}
    pipeline.dynamodb.update_time_to_live(TableName=names.audit_table, TimeToLiveSpecification=lifetime)
    old = {"Status": "Enabled", "Expiration": {"Days": 30}}
    rules = [
        {"ID": "all", "Filter": {"Prefix": ""}, **old},
        {"ID": "failed", "Filter": {"Prefix": "failed-data/2025/"}, **old},
        {"ID": "elsewhere", "Filter": {"Prefix": "reports/"}, **old},
        {"ID": "off", "Filter": {"Prefix": ""}, **old, "Status": "Disabled"},
        {
            "ID": "markers",
            "Filter": {"Prefix": ""},
            "Status": "Enabled",
            "Expiration": {"ExpiredObjectDeleteMarker": True},
        },
    ]
    pipeline.s3.put_bucket_lifecycle_configuration(Bucket=names.bucket, LifecycleConfiguration={"Rules": rules})
    pipeline.lambda_.add_permission(
        FunctionName=names.auditor, StatementId="a", Action="lambda:InvokeFunction", Principal="s3.amazonaws.com"
    )
    pipeline.iam.update_role(RoleName=names.auditor_role, MaxSessionDuration=7200)
    (alarm,) = pipeline.cloudwatch.describe_alarms(AlarmNames=[names.errors_alarm])["MetricAlarms"]
    settings = ("AlarmName", "AlarmDescription", "Namespace", "MetricName", "Dimensions", "Statistic", "Period")
    more = ("EvaluationPeriods", "Threshold", "ComparisonOperator", "TreatMissingData")
    topic = "arn:aws:sns:us-east-1:123456789012:on-call"
    pipeline.cloudwatch.put_metric_alarm(
        **{name: alarm[name] for name in settings + more}, InsufficientDataActions=[topic]
    )
    changes = {change.resource: change for change in plan(pipeline.world.context()).changes}
    assert {key: change.attributes for key, change in changes.items() if change.action is not Action.KEEP} == {}
    found = {key: change.reason for key, change in changes.items() if change.reason}
    start = "set, and not managed by pipectl: "
    assert found == {
        "audit-table": f"{start}data loss: time to live deletes items by expiresAt",
        "bucket": f"{start}data loss: lifecycle rule 'all' deletes objects under processed-data/, failed-data/ after "
        "30 days; lifecycle rule 'failed' deletes objects under failed-data/ after 30 days",
        "auditor": f"{start}resource policy for s3.amazonaws.com",
        "auditor-role": f"{start}session in seconds 7200",
        "errors-alarm": f"{start}actions on insufficient data {topic}",
    }


def test_settings_that_moto_does_not_keep_are_shown(pipeline: DirectAccess) -> None:
    """Settings of the version in use count, too."""
    settings = {
        "VpcConfig": {"VpcId": "vpc-1"},
        "TracingConfig": {"Mode": "Active"},
        "EphemeralStorage": {"Size": 1024},
        "LoggingConfig": {"LogFormat": "JSON", "LogGroup": "elsewhere"},
    }

    def attempt(call: Call, parameters: Mapping[str, Any], send: Callable[[], Any]) -> Any:
        answer = send()
        if call.operation == "GetFunction":
            answer["Configuration"] |= settings
        if call.operation == "GetFunctionConfiguration" and "Qualifier" in parameters:
            answer |= {"KMSKeyArn": "a-key"}
        if call.operation == "GetQueueAttributes":
            answer["Attributes"] |= {"RedriveAllowPolicy": '{"redrivePermission":"allowAll"}'}
        return answer

    pipeline.world.aws.attempt = attempt
    found = {change.resource: change.reason for change in plan(pipeline.world.context()).changes if change.reason}
    shown = "set, and not managed by pipectl: VPC vpc-1, tracing Active, storage in MB 1024, log format JSON"
    assert found == {
        "auditor": f"{shown}, log group elsewhere",
        "processor": f"{shown}, log group elsewhere, KMS key a-key",
        "dead-letter-queue": 'set, and not managed by pipectl: redrive allow policy {"redrivePermission":"allowAll"}',
    }


def test_an_unmanaged_mapping_that_invokes_the_processor_past_the_alias_is_shown(pipeline: DirectAccess) -> None:
    stream = pipeline.mapping(pipeline.resources["stream-mapping"])["EventSourceArn"]
    other = pipeline.lambda_.create_event_source_mapping(
        FunctionName=pipeline.names.processor, EventSourceArn=stream, StartingPosition="TRIM_HORIZON"
    )
    changes = plan(pipeline.world.context()).changes
    assert {change.action for change in changes} == {Action.KEEP}
    assert [other["UUID"] in str(change.reason) for change in changes if change.reason] == [True]


def test_values_of_variables_that_pipectl_does_not_set_are_hidden(pipeline: DirectAccess) -> None:
    name = pipeline.names.processor
    variables = pipeline.lambda_.get_function_configuration(FunctionName=name)["Environment"]["Variables"]
    changed = {**variables, "API_KEY": SECRET, "BUCKET_NAME": "another-bucket"}
    pipeline.lambda_.update_function_configuration(FunctionName=name, Environment={"Variables": changed})
    (change,) = plan(pipeline.world.context()).pending
    assert change.attributes["environment.API_KEY"].before == "(hidden)"
    assert change.attributes["environment.BUCKET_NAME"].before == "another-bucket"
    (found,) = [each for each in status(pipeline.world.context()).resources if each.resource == "processor"]
    assert found.drift["environment.API_KEY"].before == "(hidden)"
    for words in (("plan",), ("status",), ("-o", "json", "plan"), ("-o", "json", "status")):
        assert SECRET not in pipectl("-c", pipeline.world.file, *words).output


def test_variables_that_pipectl_does_not_set_are_removed(pipeline: DirectAccess) -> None:
    name = pipeline.names.processor
    variables = pipeline.lambda_.get_function_configuration(FunctionName=name)["Environment"]["Variables"]
    changed = {**variables, "API_KEY": SECRET}
    pipeline.lambda_.update_function_configuration(FunctionName=name, Environment={"Variables": changed})
    up(pipeline.world.context(), yes)
    assert pipeline.lambda_.get_function_configuration(FunctionName=name)["Environment"]["Variables"] == variables
