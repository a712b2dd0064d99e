"""Resources that AWS is still changing, that are deleted meanwhile, or that refuse a call for a while."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from pipectl.config.names import LIVE_ALIAS
from pipectl.engine.model import Delta, Observation, Refusal, RefusalKind, Resource
from pipectl.errors import AbsentError, AccessDeniedError, AwsError, ExistsError, UsageError, WaitTimeoutError
from tests.aws.fakes import client_error
from tests.resources.direct_access import ADMINISTRATOR, DirectAccess
from tests.resources.scripted import Step, as_it_is, changed, resource
from tests.support import FakeClock, make_world

_environments = itertools.count()
ABSENT = {
    "table": client_error("ResourceNotFoundException", "Requested resource not found", 400),
    "lambda": client_error("ResourceNotFoundException", "The resource does not exist", 404),
    "iam": client_error("NoSuchEntity", "The role cannot be found.", 404),
    "s3": client_error("NoSuchBucket", "The specified bucket does not exist", 404),
    "sqs": client_error("AWS.SimpleQueueService.NonExistentQueue", "The specified queue does not exist."),
    "logs": client_error("ResourceNotFoundException", "The specified log group does not exist."),
    "cloudwatch": client_error("ResourceNotFound", "no such alarm", 404),
}


@pytest.fixture
def other(existing: DirectAccess, tmp_path: Path) -> DirectAccess:
    """Return an environment of its own, without resources, beside the pipeline."""
    del existing
    return DirectAccess(make_world(tmp_path, {"environment": f"e{next(_environments)}"}, clock=FakeClock()))


def observed(found: Resource) -> Observation:
    observation = found.observe()
    assert observation is not None
    return observation


def seconds(direct: DirectAccess) -> float:
    return direct.world.aws.clock.monotonic()


# being created


def test_a_table_that_is_created_is_read_when_it_is_active(existing: DirectAccess) -> None:
    started = seconds(existing)
    table = resource(existing, "orders-table", {"DescribeTable": [changed("Table.TableStatus", "CREATING")] * 3})
    assert observed(table).attributes["stream"] == "NEW_AND_OLD_IMAGES"
    assert seconds(existing) > started


def test_a_table_is_not_active_while_an_index_is_not(existing: DirectAccess) -> None:
    def creating(answer: Any) -> Any:
        answer["Table"]["GlobalSecondaryIndexes"][0]["IndexStatus"] = "CREATING"
        return answer

    steps: Mapping[str, list[Step]] = {"DescribeTable": [changed("Table.TableStatus", "CREATING"), creating, creating]}
    started = seconds(existing)
    observed(resource(existing, "audit-table", steps))
    assert seconds(existing) > started


def test_a_mapping_that_is_updated_is_read_again(existing: DirectAccess) -> None:
    def updating(answer: Any) -> Any:
        for mapping in answer["EventSourceMappings"]:
            mapping["State"] = "Updating"
        return answer

    mapping = resource(existing, "queue-mapping", {"ListEventSourceMappings": [updating]})
    assert observed(mapping).attributes["enabled"]


# being deleted


def test_a_table_that_is_deleted_is_absent_once_it_is_gone(existing: DirectAccess) -> None:
    deleting = changed("Table.TableStatus", "DELETING")
    steps: Mapping[str, list[Step]] = {"DescribeTable": [deleting, deleting, ABSENT["table"]]}
    assert resource(existing, "audit-table", steps).observe() is None


def test_a_function_that_is_deleted_is_absent_once_it_is_gone(existing: DirectAccess) -> None:
    steps: Mapping[str, list[Step]] = {
        "GetFunction": [changed("Configuration.State", "Deleting")],
        "GetFunctionConfiguration": [as_it_is, ABSENT["lambda"]],
    }
    assert resource(existing, "auditor", steps).observe() is None


def test_a_mapping_that_is_deleted_is_waited_for_and_absent(existing: DirectAccess) -> None:
    def deleting(answer: Any) -> Any:
        for mapping in answer["EventSourceMappings"]:
            mapping["State"] = "Deleting"
        return answer

    steps: Mapping[str, list[Step]] = {
        "ListEventSourceMappings": [deleting],
        "GetEventSourceMapping": [as_it_is, ABSENT["lambda"]],
    }
    assert resource(existing, "queue-mapping", steps).observe() is None


def test_a_mapping_that_is_deleted_after_it_was_listed_is_absent(existing: DirectAccess) -> None:
    steps: Mapping[str, list[Step]] = {"ListTags": [ABSENT["lambda"]], "GetEventSourceMapping": [ABSENT["lambda"]]}
    assert resource(existing, "queue-mapping", steps).observe() is None


def test_a_mapping_that_exists_without_readable_tags_is_not_absent(existing: DirectAccess) -> None:
    with pytest.raises(AbsentError):
        resource(existing, "queue-mapping", {"ListTags": [ABSENT["lambda"]]}).observe()


def test_a_queue_is_deleted_when_its_url_is_gone(existing: DirectAccess) -> None:
    steps: Mapping[str, list[Step]] = {
        "DeleteQueue": [ABSENT["sqs"]],
    }
    queue = resource(existing, "dead-letter-queue", steps)
    queue.delete(observed(queue))


DELETES: Mapping[str, tuple[str, str]] = {
    "orders-table": ("DeleteTable", "table"),
    "dead-letter-queue": ("DeleteQueue", "sqs"),
    "processor": ("DeleteFunction", "lambda"),
    "processor-log-group": ("DeleteLogGroup", "logs"),
    "errors-alarm": ("DeleteAlarms", "cloudwatch"),
    "bucket": ("DeleteBucket", "s3"),
}


@pytest.mark.parametrize("key", DELETES)
def test_a_resource_that_is_gone_already_is_deleted(existing: DirectAccess, key: str) -> None:
    operation, service = DELETES[key]
    found = resource(existing, key, {operation: [ABSENT[service]]})
    found.delete(observed(found))


def test_a_role_whose_policies_are_gone_already_is_deleted(other: DirectAccess) -> None:
    steps: Mapping[str, list[Step]] = {
        "DetachRolePolicy": [ABSENT["iam"]],
        "DeleteRolePolicy": [ABSENT["iam"]],
        "DeleteRole": [ABSENT["iam"]],
        "ListAttachedRolePolicies": [changed("AttachedPolicies", [{"PolicyName": "A", "PolicyArn": ADMINISTRATOR}])],
    }
    role = resource(other, "auditor-role", steps)
    role.create(role.desired({}))
    role.delete(observed(role))


def test_a_mapping_whose_uuid_is_gone_already_is_deleted(existing: DirectAccess) -> None:
    steps: Mapping[str, list[Step]] = {"DeleteEventSourceMapping": [ABSENT["lambda"]]}
    mapping = resource(existing, "queue-mapping", steps)
    found = observed(mapping)
    gone = resource(existing, "queue-mapping", {**steps, "GetEventSourceMapping": [ABSENT["lambda"]] * 2})
    gone.delete(found)


# changes that are done already, or fail


@pytest.mark.parametrize(
    "text",
    [
        "Table already has an enabled stream: TableName: t",
        "Attempting to create an index which already exists",
        "Table has no stream to disable: TableName: t",
    ],
)
def test_a_change_of_a_table_that_is_done_already_is_a_success(existing: DirectAccess, text: str) -> None:
    table = resource(existing, "audit-table", {"UpdateTable": [client_error("ValidationException", text)]})
    table.update(table.desired({}), observed(table), {"billing"})


def test_another_error_of_a_change_of_a_table_is_reported(existing: DirectAccess) -> None:
    table = resource(existing, "audit-table", {"UpdateTable": [client_error("ValidationException", "No")]})
    with pytest.raises(AwsError):
        table.update(table.desired({}), observed(table), {"billing"})


def test_a_stream_of_another_view_type_is_disabled_and_enabled(existing: DirectAccess) -> None:
    keys_only = changed("Table.StreamSpecification", {"StreamEnabled": True, "StreamViewType": "KEYS_ONLY"})
    disabled = changed("Table.StreamSpecification", {"StreamEnabled": False})
    done_already = client_error("ValidationException", "Table already has an enabled stream")
    steps: Mapping[str, list[Step]] = {
        "DescribeTable": [as_it_is, as_it_is, keys_only, as_it_is, disabled],
        "UpdateTable": [done_already, done_already],
    }
    table = resource(existing, "orders-table", steps)
    found = observed(table)
    table.update(table.desired({}), found, {"stream"})
    assert steps["UpdateTable"] == [done_already, done_already]


def test_a_function_whose_update_fails_is_reported_with_its_reason(existing: DirectAccess) -> None:
    def failed(answer: Any) -> Any:
        return answer | {"LastUpdateStatus": "Failed", "LastUpdateStatusReason": "the image is gone"}

    function = resource(existing, "processor", {"GetFunctionConfiguration": [as_it_is, as_it_is, failed]})
    with pytest.raises(AwsError) as caught:
        function.update(function.desired({}), observed(function), {"memory"})
    assert "the image is gone" in caught.value.message


def test_a_function_that_fails_between_code_and_configuration_keeps_the_version_in_use(existing: DirectAccess) -> None:
    steps: Mapping[str, list[Step]] = {
        "UpdateFunctionConfiguration": [client_error("InvalidParameterValueException", "no such layer")]
    }
    function = resource(existing, "processor", steps)
    found = observed(function)
    with pytest.raises(AwsError, match="no such layer"):
        function.update(function.desired({}), found, {"code_sha256", "memory", "live"})
    assert observed(function).facts == found.facts
    assert existing.lambda_.get_alias(FunctionName=function.name, Name=LIVE_ALIAS)["FunctionVersion"] == "1"


def test_a_wait_for_a_mapping_is_bounded(existing: DirectAccess) -> None:
    steps: Mapping[str, list[Step]] = {"GetEventSourceMapping": [changed("State", "Updating")] * 2000}
    mapping = resource(existing, "queue-mapping", steps)
    found = observed(resource(existing, "queue-mapping", {}))
    with pytest.raises(WaitTimeoutError):
        mapping.update(mapping.desired({}), found, {"batch_size"})


# buckets


ONE_OBJECT = changed("Versions", [{"Key": "k", "VersionId": "v"}])


def bucket(direct: DirectAccess, steps: Mapping[str, list[Step]]) -> Resource:
    return resource(direct, "bucket", steps)


@pytest.mark.parametrize(
    ("step", "kind", "words"),
    [
        (client_error("403", "Forbidden", 403), RefusalKind.OTHER_OWNER, "another account"),
        (client_error("301", "Moved Permanently", 301), RefusalKind.OTHER_REGION, "another region"),
        (lambda answer: answer | {"BucketRegion": "eu-west-1"}, RefusalKind.OTHER_REGION, "eu-west-1"),
    ],
    ids=["denied", "moved", "region"],
)
def test_a_bucket_of_another_account_or_region_cannot_be_managed(
    existing: DirectAccess, step: Step, kind: RefusalKind, words: str
) -> None:
    refusal = observed(bucket(existing, {"HeadBucket": [step]})).unmanageable
    assert isinstance(refusal, Refusal)
    assert refusal.kind is kind
    assert words in refusal.reason


def test_an_unrelated_error_of_a_bucket_is_reported(existing: DirectAccess) -> None:
    with pytest.raises(AwsError):
        bucket(existing, {"HeadBucket": [client_error("400", "Bad Request", 400)]}).observe()


@pytest.mark.parametrize("step", [client_error("403", "Forbidden", 403), as_it_is], ids=["denied", "found"])
def test_a_bucket_that_exists_is_not_created(existing: DirectAccess, step: Step) -> None:
    found = bucket(existing, {"HeadBucket": [step]})
    with pytest.raises(ExistsError):
        found.create(found.desired({}))


def test_what_is_gone_already_from_a_bucket_is_deleted(other: DirectAccess) -> None:
    def gone(answer: Any) -> Any:
        errors = [
            {"Key": "k", "Code": code, "Message": "It does not exist."} for code in ("NoSuchVersion", "NoSuchKey")
        ]
        return answer | {"Errors": errors}

    aborted = client_error("NoSuchUpload", "The specified upload does not exist.", 404)
    upload: Step = lambda _: {"Uploads": [{"Key": "k", "UploadId": "1"}], "IsTruncated": False}  # noqa: E731
    empty: Step = lambda _: {}  # noqa: E731
    steps: Mapping[str, list[Step]] = {
        "ListMultipartUploads": [upload],
        "AbortMultipartUpload": [aborted],
        "ListObjectVersions": [ONE_OBJECT, empty],
        "DeleteObjects": [gone],
    }
    found = bucket(other, steps)
    found.create(found.desired({}))
    found.delete(observed(found), delete_data=True)
    assert found.observe() is None


@pytest.mark.parametrize(("refusals", "deleted"), [(1, True), (3, False)])
def test_a_bucket_that_is_written_to_meanwhile_is_emptied_again(
    other: DirectAccess, refusals: int, deleted: bool
) -> None:
    not_empty = client_error("BucketNotEmpty", "The bucket you tried to delete is not empty", 409)
    found = bucket(other, {"DeleteBucket": [not_empty] * refusals})
    found.create(found.desired({}))
    if deleted:
        found.delete(observed(found), delete_data=True)
        assert found.observe() is None
    else:
        with pytest.raises(AwsError):
            found.delete(observed(found), delete_data=True)


# the rest


def test_a_log_group_without_tags_belongs_to_the_function_that_writes_to_it(existing: DirectAccess) -> None:
    group = resource(existing, "auditor-log-group", {"ListTagsForResource": [changed("tags", {})]})
    assert observed(group).takes_over_untagged
    steps: Mapping[str, list[Step]] = {
        "ListTagsForResource": [changed("tags", {})],
        "GetFunction": [changed("Tags", {"ManagedBy": "another tool"})],
    }
    assert not observed(resource(existing, "auditor-log-group", steps)).takes_over_untagged
    steps = {"ListTagsForResource": [changed("tags", {})], "GetFunction": [ABSENT["lambda"]]}
    assert observed(resource(existing, "auditor-log-group", steps)).takes_over_untagged


def test_a_function_whose_tags_cannot_be_read_is_not_taken_for_another(existing: DirectAccess) -> None:
    problem = {"ErrorCode": "AccessDenied", "Message": "lambda:ListTags"}
    with pytest.raises(AccessDeniedError) as caught:
        resource(existing, "auditor", {"GetFunction": [lambda answer: answer | {"TagsError": problem}]}).observe()
    assert caught.value.actions == ("lambda:ListTags",)
    assert caught.value.target.endswith(":function:dev-audit-processor-lambda-backend")
    assert caught.value.target in str(caught.value.hint)


def test_a_composite_alarm_of_the_name_cannot_be_managed(existing: DirectAccess) -> None:
    name = existing.resources["errors-alarm"].name
    composite: Step = lambda _: {"MetricAlarms": [], "CompositeAlarms": [{"AlarmName": name}]}  # noqa: E731
    refusal = observed(resource(existing, "errors-alarm", {"DescribeAlarms": [composite]})).unmanageable
    assert refusal is not None
    assert refusal.kind is RefusalKind.OTHER_OWNER


def test_all_alarms_are_read_by_one_call_and_each_look_and_change_reads_again(existing: DirectAccess) -> None:
    alarms = [each for each in existing.resources.values() if each.kind == "alarm"]
    calls = existing.world.calls

    def looks() -> int:
        calls.clear()
        for alarm in alarms:
            observed(alarm)
        return sum(call.operation == "DescribeAlarms" for call in calls)

    assert [looks(), looks()] == [1, 1]
    first, last = alarms[0], alarms[-1]
    found = observed(last)
    observed(first)  # reads the last one, too
    last.delete(found)
    assert last.observe() is None
    observed(first)
    last.create(last.desired({}))
    assert observed(last).attributes == found.attributes


def test_an_alarm_action_of_another_region_is_refused_before_aws_refuses_it(existing: DirectAccess) -> None:
    existing.world.context(**{"region": None, "errors-alarm": {"actions": ["arn:aws:sns:eu-west-1:123456789012:t"]}})
    with pytest.raises(UsageError) as caught:
        resource(existing, "errors-alarm", {}).desired({})
    assert "eu-west-1" in caught.value.message


def test_a_new_view_type_and_a_new_starting_position_are_refused_with_a_reason(existing: DirectAccess) -> None:
    table = resource(existing, "orders-table", {})
    assert table.data_loss_reason({"stream": Delta("KEYS_ONLY", "NEW_AND_OLD_IMAGES")})
    assert table.data_loss_reason({"stream": Delta(None, "NEW_AND_OLD_IMAGES")}) is None
    mapping = resource(existing, "stream-mapping", {})
    assert mapping.data_loss_reason({"starting_position": Delta("TRIM_HORIZON", "LATEST")})
    assert mapping.data_loss_reason({"starting_position": Delta("LATEST", "TRIM_HORIZON")}) is None


def test_the_messages_of_a_queue_are_its_contents(existing: DirectAccess) -> None:
    counts = {"ApproximateNumberOfMessages": "2", "ApproximateNumberOfMessagesNotVisible": "1"}
    queue = resource(
        existing, "dead-letter-queue", {"GetQueueAttributes": [as_it_is, as_it_is, changed("Attributes", counts)]}
    )
    found = observed(queue)
    assert queue.contents(found) is None
    contents = queue.contents(found)
    assert contents is not None
    assert contents.count == 3
