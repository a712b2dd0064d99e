"""Holes that were made by hand, or by the config, as `plan` shows them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from pipectl.commands.plan import plan
from pipectl.engine.model import Action
from pipectl.review.model import Flag, FlagKind, When
from tests.resources.direct_access import ADMINISTRATOR, DirectAccess, policy
from tests.support import World

OTHER = "111122223333"


def flags(direct: DirectAccess, resource: str, **config: Any) -> list[Flag]:
    """Return the flags of one resource; no other resource may have any."""
    report = plan(direct.world.context(**config))
    found = {review.change.resource: list(review.flags) for review in report.reviews if review.flags}
    assert list(found) == [resource]
    return found[resource]


def kinds(found: list[Flag]) -> list[tuple[FlagKind, When, str | None]]:
    return [(flag.kind, flag.when, flag.attribute) for flag in found]


def test_the_creation_of_the_default_config_has_no_flags(moto_world: World) -> None:
    report = plan(moto_world.context())
    assert {review.change.action for review in report.reviews} == {Action.CREATE}
    assert [review.flags for review in report.reviews if review.flags] == []


def test_a_pipeline_that_is_up_to_date_has_no_flags(direct: DirectAccess) -> None:
    report = plan(direct.world.context())
    assert [review.flags for review in report.reviews if review.flags] == []


def test_a_public_statement_on_the_bucket(direct: DirectAccess) -> None:
    bucket = direct.names.bucket
    body = json.loads(direct.s3.get_bucket_policy(Bucket=bucket)["Policy"])["Statement"]
    objects = f"arn:aws:s3:::{bucket}/*"
    public = {"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": objects}
    direct.s3.put_bucket_policy(Bucket=bucket, Policy=policy(*body, public))
    (flag,) = flags(direct, "bucket")
    assert kinds([flag]) == [(FlagKind.EVERYBODY, When.CLOSED, "policy")]
    assert flag.reason == f"everybody may use s3:GetObject on {objects}"


def test_a_bucket_without_its_policy_accepts_requests_without_tls(direct: DirectAccess) -> None:
    direct.s3.delete_bucket_policy(Bucket=direct.names.bucket)
    assert kinds(flags(direct, "bucket")) == [(FlagKind.UNPROTECTED, When.CLOSED, "policy")]


def test_a_statement_for_another_account_on_the_queue(direct: DirectAccess) -> None:
    url = direct.queue_url()
    body = json.loads(direct.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["Policy"])["Attributes"]["Policy"])
    arn = body["Statement"][0]["Resource"]
    foreign = {
        "Effect": "Allow",
        "Principal": {"AWS": f"arn:aws:iam::{OTHER}:root"},
        "Action": "sqs:*",
        "Resource": arn,
    }
    direct.sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": policy(*body["Statement"], foreign)})
    (flag,) = flags(direct, "dead-letter-queue")
    assert kinds([flag]) == [(FlagKind.OTHER_ACCOUNT, When.CLOSED, "policy")]
    assert OTHER in flag.reason
    assert "sqs:*" in flag.reason


def test_another_account_in_the_trust_of_a_role(direct: DirectAccess) -> None:
    role = direct.names.processor_role
    trust = direct.iam.get_role(RoleName=role)["Role"]["AssumeRolePolicyDocument"]["Statement"]
    foreign = {"Effect": "Allow", "Principal": {"AWS": OTHER}, "Action": "sts:AssumeRole"}
    direct.iam.update_assume_role_policy(RoleName=role, PolicyDocument=policy(*trust, foreign))
    (flag,) = flags(direct, "processor-role")
    assert kinds([flag]) == [(FlagKind.OTHER_ACCOUNT, When.CLOSED, "trust")]
    assert flag.reason == f"account {OTHER} may use sts:AssumeRole on role {role}"


def test_an_extra_policy_an_attached_one_and_a_changed_action_of_a_role(direct: DirectAccess) -> None:
    role = direct.names.auditor_role
    (name,) = direct.iam.list_role_policies(RoleName=role)["PolicyNames"]
    body = direct.iam.get_role_policy(RoleName=role, PolicyName=name)["PolicyDocument"]["Statement"]
    changed = [{**each, "Action": "dynamodb:*"} if "dynamodb:PutItem" in each["Action"] else each for each in body]
    extra = {"Effect": "Allow", "Action": ["s3:GetObject", "sqs:ReceiveMessage"], "Resource": "*"}
    direct.iam.put_role_policy(RoleName=role, PolicyName=name, PolicyDocument=policy(*changed))
    direct.iam.put_role_policy(RoleName=role, PolicyName="extra", PolicyDocument=policy(extra))
    if ADMINISTRATOR not in _managed(direct):
        direct.iam.create_policy(PolicyName="AdministratorAccess", PolicyDocument=policy(extra))
    attached = _managed(direct)[0]
    direct.iam.attach_role_policy(RoleName=role, PolicyArn=attached)
    found = flags(direct, "auditor-role")
    assert {(flag.kind, flag.when) for flag in found} == {(FlagKind.PERMISSIONS, When.CLOSED)}
    assert [flag.attribute for flag in found] == ["policies", "policies", "attached_policies"]
    wider, more, last = (flag.reason for flag in found)
    assert "dynamodb:*" in wider
    assert more == f"role {role} may use s3:GetObject and sqs:ReceiveMessage on every resource by its policy extra"
    assert attached in last


def _managed(direct: DirectAccess) -> list[str]:
    listed = direct.iam.list_policies(Scope="All")["Policies"]
    return [each["Arn"] for each in listed if each["PolicyName"] == "AdministratorAccess"]


def test_an_alarm_that_was_raised_out_of_reach_by_hand(direct: DirectAccess) -> None:
    (alarm,) = direct.cloudwatch.describe_alarms(AlarmNames=[direct.names.errors_alarm])["MetricAlarms"]
    kept = ("AlarmName", "AlarmDescription", "Namespace", "MetricName", "Dimensions", "Statistic", "Period")
    more = ("EvaluationPeriods", "ComparisonOperator", "TreatMissingData")
    direct.cloudwatch.put_metric_alarm(**{name: alarm[name] for name in kept + more}, Threshold=5000)
    (flag,) = flags(direct, "errors-alarm")
    assert kinds([flag]) == [(FlagKind.SILENT_ALARM, When.CLOSED, "threshold")]
    assert "5,000 errors within 300 seconds" in flag.reason
    assert "500 to 1,250 orders" in flag.reason


def test_an_alarm_that_the_config_raises_out_of_reach(direct: DirectAccess) -> None:
    (flag,) = flags(direct, "errors-alarm", **{"errors-alarm": {"threshold": 5000}})
    assert kinds([flag]) == [(FlagKind.SILENT_ALARM, When.OPENED, "threshold")]


@pytest.mark.parametrize(
    ("section", "key", "value", "attribute"),
    [
        ("orders-table", "point_in_time_recovery", False, "point_in_time_recovery"),
        ("dead-letter-queue", "retention_days", 1, "retention_days"),
        ("dead-letter-queue", "maximum_message_size", 1024, "maximum_message_size"),
        ("stream-mapping", "enabled", False, "enabled"),
        ("stream-mapping", "retry_attempts", 0, "retry_attempts"),
        ("stream-mapping", "bisect", False, "bisect"),
        ("stream-mapping", "maximum_record_age", 3600, "maximum_record_age"),
        ("stream-mapping", "maximum_record_age", 60, "maximum_record_age"),
        ("queue-mapping", "enabled", False, "enabled"),
        ("processor-log-group", "retention_days", 1, "retention_days"),
    ],
)
def test_a_config_with_which_data_can_be_lost(
    direct: DirectAccess, section: str, key: str, value: object, attribute: str
) -> None:
    found = flags(direct, section, **{section: {key: value}})
    assert kinds(found) == [(FlagKind.DATA_LOSS, When.OPENED, attribute)]


def test_records_of_any_age(direct: DirectAccess) -> None:
    age = {"maximum_record_age": -1, "allow_expiry": True}
    found = flags(direct, "stream-mapping", **{"stream-mapping": age})
    assert kinds(found) == [(FlagKind.DATA_LOSS, When.OPENED, "maximum_record_age")]


def test_alarms_that_the_config_switches_off(direct: DirectAccess) -> None:
    report = plan(direct.world.context(extra_alarms=False))
    deleted = [review for review in report.reviews if review.change.action is Action.DELETE]
    assert len(deleted) == 5
    assert {kind for review in deleted for kind in kinds(list(review.flags))} == {
        (FlagKind.SILENT_ALARM, When.OPENED, None)
    }


def test_actions_of_another_account(direct: DirectAccess) -> None:
    topic = f"arn:aws:sns:us-east-1:{OTHER}:pager"
    report = plan(direct.world.context(**{"errors-alarm": {"actions": [topic]}}))
    found = {kind for review in report.reviews for kind in kinds(list(review.flags)) if kind[1] is When.OPENED}
    assert found == {(FlagKind.OTHER_ACCOUNT, When.OPENED, "actions")}


def test_permissions_on_a_function_stay_with_the_command_that_removes_them(direct: DirectAccess) -> None:
    name = direct.names.auditor
    direct.lambda_.add_permission(FunctionName=name, StatementId="open", Action="lambda:InvokeFunction", Principal="*")
    (flag,) = flags(direct, "auditor")
    assert kinds([flag]) == [(FlagKind.EVERYBODY, When.STAYS, None)]
    assert flag.hint == f"remove it with `aws lambda remove-permission --function-name {name} --statement-id open`"


def test_a_permission_on_the_alias_stays(direct: DirectAccess) -> None:
    name = direct.names.processor
    open_to_all: dict[str, Any] = {"StatementId": "open", "Action": "lambda:InvokeFunction", "Principal": "*"}
    direct.lambda_.add_permission(FunctionName=name, Qualifier="live", **open_to_all)
    found = flags(direct, "processor")  # moto shows a policy of the alias on the function, too
    assert set(kinds(found)) == {(FlagKind.EVERYBODY, When.STAYS, None)}
    assert [flag.hint for flag in found if f"{name}:live" in flag.reason] == [
        f"remove it with `aws lambda remove-permission --function-name {name} --statement-id open --qualifier live`"
    ]


def test_settings_that_delete_data_stay_with_the_command_that_removes_them(direct: DirectAccess) -> None:
    table, bucket = direct.names.audit_table, direct.names.bucket
    lifetime = {"Enabled": True, "AttributeName": "expiresAt"}
    direct.dynamodb.update_time_to_live(TableName=table, TimeToLiveSpecification=lifetime)
    rule = {"ID": "all", "Filter": {"Prefix": ""}, "Status": "Enabled", "Expiration": {"Days": 30}}
    direct.s3.put_bucket_lifecycle_configuration(Bucket=bucket, LifecycleConfiguration={"Rules": [rule]})
    report = plan(direct.world.context())
    found = {review.change.resource: review.flags for review in report.reviews if review.flags}
    assert {key: kinds(list(flags)) for key, flags in found.items()} == {
        key: [(FlagKind.DATA_LOSS, When.STAYS, None)] for key in ("audit-table", "bucket")
    }
    assert found["audit-table"][0].hint == (
        f"remove it with `aws dynamodb update-time-to-live --table-name {table} "
        "--time-to-live-specification Enabled=false,AttributeName=expiresAt`"
    )
    assert found["bucket"][0].hint == f"remove it with `aws s3api delete-bucket-lifecycle --bucket {bucket}`"


def test_another_function_that_reads_the_orders(direct: DirectAccess) -> None:
    mapping = direct.mapping(direct.resources["stream-mapping"])
    direct.lambda_.update_event_source_mapping(UUID=mapping["UUID"], FunctionName=direct.names.auditor)
    (flag,) = flags(direct, "stream-mapping")
    assert kinds([flag]) == [(FlagKind.PERMISSIONS, When.CLOSED, "function")]
    assert direct.names.auditor in flag.reason


def test_a_function_that_writes_to_a_table_of_another_account(direct: DirectAccess) -> None:
    name, table = direct.names.auditor, f"arn:aws:dynamodb:us-east-1:{OTHER}:table/audit"
    direct.lambda_.update_function_configuration(
        FunctionName=name, Environment={"Variables": {"AUDIT_TABLE_NAME": table}}
    )
    (flag,) = flags(direct, "auditor")
    assert kinds([flag]) == [(FlagKind.OTHER_ACCOUNT, When.CLOSED, "environment")]
    assert table in flag.reason


def test_the_gravest_risk_comes_first(direct: DirectAccess) -> None:
    bucket = direct.names.bucket
    body = json.loads(direct.s3.get_bucket_policy(Bucket=bucket)["Policy"])["Statement"]
    public = {"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": f"arn:aws:s3:::{bucket}/*"}
    direct.s3.delete_public_access_block(Bucket=bucket)
    direct.s3.put_bucket_policy(Bucket=bucket, Policy=policy(*body, public))
    assert [flag.kind for flag in flags(direct, "bucket")] == [FlagKind.EVERYBODY, FlagKind.UNPROTECTED]


def test_variables_that_run_other_code_and_a_secret_that_is_not_shown(direct: DirectAccess) -> None:
    name = direct.names.auditor
    variables = direct.lambda_.get_function_configuration(FunctionName=name)["Environment"]["Variables"]
    variables |= {"AWS_LAMBDA_EXEC_WRAPPER": "/opt/wrapper", "API_KEY": "sk-live-1"}
    direct.lambda_.update_function_configuration(FunctionName=name, Environment={"Variables": variables})
    found = flags(direct, "auditor")
    assert set(kinds(found)) == {(FlagKind.PERMISSIONS, When.CLOSED, "environment")}
    assert ["AWS_LAMBDA_EXEC_WRAPPER" in flag.reason for flag in found] == [True, False]
    assert "sk-live-1" not in repr(found)
