"""Special cases from practice."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto import mock_aws
from moto.s3 import s3_backends

from pipectl.aws.client import Aws, Credentials
from pipectl.aws.waits import Portion
from pipectl.commands.plan import plan
from pipectl.commands.status import State, status
from pipectl.commands.up import up
from pipectl.config.names import LIVE_ALIAS
from pipectl.engine.model import Action, Change, Contents
from pipectl.errors import ForeignError, PipectlError, UnreconcilableError
from pipectl.resource_keys import ResourceKey
from tests.moto_snapshot import create_pipeline
from tests.resources.direct_access import ADMINISTRATOR, OPEN_TO_THE_WORLD, DirectAccess, narrow, policy, zipped
from tests.resources.drift_cases import _other_code, _start_at_latest, _widen, again, delete_role
from tests.resources.standard import MANAGED_TAGS, planned
from tests.support import ACCOUNT, REGION, FakeClock, World, make_world, write_config, yes

NEW_AND_OLD = {"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"}


def on_the_emulator(test: Any) -> Any:
    """Mark a test that shares a pipeline on the local emulator."""
    return pytest.mark.xdist_group("special cases on the emulator")(pytest.mark.emulator(test))


@pytest.fixture
def shared(emulator_existing: DirectAccess) -> Iterator[DirectAccess]:
    """Share a pipeline on the local emulator, and restore it."""
    yield emulator_existing
    up(emulator_existing.world.context(), yes, allow_stream_replacement=True)
    emulator_existing.delete_mappings_of_earlier_streams()


@pytest.fixture
def built(tmp_path: Path) -> Iterator[DirectAccess]:
    """Create a pipeline on moto, with no recorded calls."""
    with mock_aws():
        world = make_world(tmp_path, clock=FakeClock())
        create_pipeline(world)
        world.writes()
        yield DirectAccess(world)


def changes(
    direct: DirectAccess, *, adopt: Collection[str] = (), allow_stream_replacement: bool = False
) -> dict[str, Change]:
    """Return the planned changes other than "keep"."""
    report = plan(direct.world.context(), adopt=adopt, allow_stream_replacement=allow_stream_replacement)
    return {change.resource: change for change in report.changes if change.action is not Action.KEEP}


def repaired(direct: DirectAccess, *, allow_stream_replacement: bool = False) -> None:
    up(direct.world.context(), yes, allow_stream_replacement=allow_stream_replacement)
    assert changes(direct) == {}


def switch_stream(direct: DirectAccess, *specifications: dict[str, Any]) -> None:
    for specification in specifications:
        direct.dynamodb.update_table(TableName=direct.names.orders_table, StreamSpecification=specification)


# the stream and its mapping


@on_the_emulator
def test_a_stream_that_was_disabled_is_enabled_and_no_record_is_lost(shared: DirectAccess) -> None:
    """The new mapping is created first, and the old one stays, because it can have records to read."""
    direct = shared
    resource = direct.resources["stream-mapping"]
    old = direct.mapping(resource)
    switch_stream(direct, {"StreamEnabled": False})
    assert {key: change.action for key, change in changes(direct).items()} == {
        "orders-table": Action.UPDATE,
        "stream-mapping": Action.REPLACE,
    }
    direct.world.writes()
    repaired(direct)
    writes = direct.world.writes()
    assert "lambda:CreateEventSourceMapping" in writes
    assert "lambda:DeleteEventSourceMapping" not in writes
    by_source = {mapping["EventSourceArn"]: mapping for mapping in direct.mappings(resource)}
    assert by_source.pop(old["EventSourceArn"])["UUID"] == old["UUID"]
    (new,) = by_source.values()
    assert (
        new["EventSourceArn"]
        == direct.dynamodb.describe_table(TableName=direct.names.orders_table)["Table"]["LatestStreamArn"]
    )
    assert {mapping["State"] for mapping in direct.mappings(resource)} == {"Enabled"}


@on_the_emulator
def test_the_old_mapping_is_kept_for_24_hours(shared: DirectAccess) -> None:
    direct = shared
    old = direct.mapping(direct.resources["stream-mapping"])["UUID"]
    switch_stream(direct, {"StreamEnabled": False}, NEW_AND_OLD)
    repaired(direct)
    (shown,) = [each for each in status(direct.world.context()).resources if each.resource == "stream-mapping"]
    assert (shown.state, dict(shown.drift)) == (State.IN_SYNC, {})
    assert shown.reason is not None
    assert old in shown.reason
    reviewed = plan(direct.world.context()).id

    clock = FakeClock()
    clock.started = direct.world.aws.clock.now() + timedelta(hours=25)
    credentials = Credentials(direct.account, "test")
    tomorrow = World(
        direct.world.file,
        Aws(REGION, endpoint_url=direct.world.aws.endpoint_url, credentials=credentials, clock=clock),
        [],
    )
    later = DirectAccess(tomorrow, direct.account)
    assert changes(later)["stream-mapping"].attributes["superseded"].before == [old]
    assert plan(tomorrow.context()).id == reviewed
    repaired(later)
    assert old not in [mapping["UUID"] for mapping in direct.mappings(direct.resources["stream-mapping"])]


@on_the_emulator
def test_deletion_includes_the_old_mapping(shared: DirectAccess) -> None:
    direct = shared
    resource = direct.resources["stream-mapping"]
    switch_stream(direct, {"StreamEnabled": False}, NEW_AND_OLD)
    repaired(direct)
    assert len(direct.mappings(resource)) == 2
    observed = resource.observe()
    assert observed is not None
    resource.delete(observed, delete_data=True)
    assert direct.mappings(resource) == []


@on_the_emulator
def test_a_disabled_old_mapping_is_enabled(shared: DirectAccess) -> None:
    direct = shared
    resource = direct.resources["stream-mapping"]
    old = direct.mapping(resource)["UUID"]
    direct.lambda_.update_event_source_mapping(UUID=old, Enabled=False)
    switch_stream(direct, {"StreamEnabled": False}, NEW_AND_OLD)
    repaired(direct)
    assert direct.lambda_.get_event_source_mapping(UUID=old)["State"] == "Enabled"


@on_the_emulator
def test_another_view_type_is_refused_until_it_is_allowed(shared: DirectAccess) -> None:
    direct = shared
    switch_stream(direct, {"StreamEnabled": False}, {"StreamEnabled": True, "StreamViewType": "KEYS_ONLY"})
    direct.world.writes()
    change = changes(direct)["orders-table"]
    assert change.action is Action.REFUSE
    assert change.attributes["stream"].before == "KEYS_ONLY"
    with pytest.raises(UnreconcilableError, match="--allow-stream-replacement"):
        up(direct.world.context(), yes)
    assert direct.world.writes() == []
    assert changes(direct, allow_stream_replacement=True)["orders-table"].action is Action.UPDATE
    repaired(direct, allow_stream_replacement=True)


def test_a_later_starting_position_is_refused_until_it_is_allowed(built: DirectAccess) -> None:
    """A change from TRIM_HORIZON to LATEST would skip unread records."""
    write_config(built.world.file.parent, {"stream-mapping": {"starting_position": "LATEST"}})
    with pytest.raises(UnreconcilableError, match="--allow-stream-replacement"):
        up(built.world.context(), yes)
    assert built.world.writes() == []
    repaired(built, allow_stream_replacement=True)


def test_a_mapping_that_started_at_latest_is_replaced(built: DirectAccess) -> None:
    mapping = built.resources["stream-mapping"]
    _start_at_latest(built, mapping)
    assert changes(built)["stream-mapping"].action is Action.REPLACE
    repaired(built)
    assert built.mapping(mapping)["StartingPosition"] == "TRIM_HORIZON"


@pytest.mark.parametrize("key", ["stream-mapping", "queue-mapping"])
def test_a_deleted_mapping_is_recreated(built: DirectAccess, key: str) -> None:
    built.lambda_.delete_event_source_mapping(UUID=built.mapping(built.resources[key])["UUID"])
    assert {k: change.action for k, change in changes(built).items()} == {key: Action.CREATE}
    repaired(built)


def test_a_second_managed_mapping_is_deleted(built: DirectAccess) -> None:
    mapping = built.resources["stream-mapping"]
    again(built, mapping, FunctionName=built.names.auditor)
    assert len(built.mappings(mapping)) == 2
    assert changes(built)["stream-mapping"].attributes.keys() >= {"superseded"}
    repaired(built)
    assert len(built.mappings(mapping)) == 1


def test_an_unmanaged_mapping_of_the_stream_is_kept(built: DirectAccess) -> None:
    """A second consumer of the stream, with another function, is not managed."""
    mapping = built.resources["stream-mapping"]
    other = again(built, mapping, FunctionName=built.names.auditor, Tags={"Owner": "somebody"})
    assert changes(built) == {}
    observed = mapping.observe()
    assert observed is not None
    mapping.delete(observed, delete_data=True)
    assert [left["UUID"] for left in built.mappings(mapping)] == [other]


def test_a_mapping_is_kept_when_its_function_is_recreated(built: DirectAccess) -> None:
    """DeleteFunction keeps mappings, and Lambda refuses a second mapping as a duplicate."""
    mapping = built.resources["stream-mapping"]
    uuid = built.mapping(mapping)["UUID"]
    built.lambda_.delete_function(FunctionName=built.names.processor)
    assert {key: change.action for key, change in changes(built).items()} == {"processor": Action.CREATE}
    repaired(built)
    assert built.mapping(mapping)["UUID"] == uuid


# functions


def calls_of(direct: DirectAccess, key: str, folder: dict[str, Any]) -> list[str]:
    write_config(direct.world.file.parent, folder)
    direct.world.writes()
    up(narrow(direct.world, key), yes)
    return direct.world.writes()


PUBLISHED = ["lambda:PublishVersion", "lambda:UpdateAlias"]


def live(direct: DirectAccess) -> dict[str, Any]:
    """Return the settings of the version that the alias names."""
    return dict(direct.lambda_.get_function_configuration(FunctionName=direct.names.processor, Qualifier=LIVE_ALIAS))


def test_code_and_configuration_change_in_one_moment(built: DirectAccess, tmp_path: Path) -> None:
    """Records are processed by the previous version until code and settings of the new one are complete."""
    other = tmp_path / "javascript"
    other.mkdir()
    (other / "handler.mjs").write_text("export const handler = async () => ({});")
    changed = {"processor": {"runtime": "nodejs24.x", "source": str(other)}}
    assert calls_of(built, "processor", changed) == [
        "lambda:UpdateFunctionCode",
        "lambda:UpdateFunctionConfiguration",
        *PUBLISHED,
    ]
    assert changes(built) == {}
    assert live(built)["Version"] == "2"
    assert live(built)["Runtime"] == "nodejs24.x"


def test_a_changed_setting_is_published(built: DirectAccess) -> None:
    assert calls_of(built, "processor", {"processor": {"memory": 512}}) == [
        "lambda:UpdateFunctionConfiguration",
        *PUBLISHED,
    ]
    assert (live(built)["Version"], live(built)["MemorySize"]) == ("2", 512)


def test_code_that_was_changed_by_hand_is_repaired_without_a_new_version(built: DirectAccess) -> None:
    """Nobody invokes `$LATEST`; the version in use has not changed."""
    _other_code(built, built.resources["processor"])
    assert changes(built)["processor"].attributes.keys() == {"code_sha256"}
    assert calls_of(built, "processor", {}) == ["lambda:UpdateFunctionCode"]
    assert live(built)["Version"] == "1"


def test_the_auditor_has_no_versions(built: DirectAccess) -> None:
    assert calls_of(built, "auditor", {"auditor": {"memory": 256}}) == ["lambda:UpdateFunctionConfiguration"]


def test_old_versions_but_five_are_removed(built: DirectAccess) -> None:
    """Versions that an alias names stay, whoever created the alias."""
    client, name = built.lambda_, built.names.processor
    client.create_alias(FunctionName=name, Name="theirs", FunctionVersion="1")
    for memory in range(512, 521):
        calls_of(built, "processor", {"processor": {"memory": memory}})
    versions = client.list_versions_by_function(FunctionName=name)["Versions"]
    assert [each["Version"] for each in versions] == ["$LATEST", "1", "6", "7", "8", "9", "10"]
    assert live(built)["Version"] == "10"


def test_the_mapping_of_an_older_pipeline_moves_to_the_alias_in_place(built: DirectAccess) -> None:
    """Older releases had no alias. The mapping keeps its UUID, and so its position in the stream."""
    client, name, mapping = built.lambda_, built.names.processor, built.resources["stream-mapping"]
    uuid = built.mapping(mapping)["UUID"]
    client.update_event_source_mapping(UUID=uuid, FunctionName=name)
    client.delete_alias(FunctionName=name, Name=LIVE_ALIAS)
    assert {key: change.attributes.keys() for key, change in changes(built).items()} == {
        "processor": {"live"},
        "stream-mapping": {"function"},
    }
    built.world.writes()
    repaired(built)
    assert [call for call in built.world.writes() if "lambda" in call] == [
        "lambda:PublishVersion",
        "lambda:CreateAlias",
        "lambda:UpdateEventSourceMapping",
    ]
    moved = built.mapping(mapping)
    assert (moved["UUID"], moved["FunctionArn"].endswith(f"{name}:{LIVE_ALIAS}")) == (uuid, True)


def test_an_alias_of_unpublished_code_is_repaired(built: DirectAccess) -> None:
    client, name = built.lambda_, built.names.processor
    client.update_alias(FunctionName=name, Name=LIVE_ALIAS, FunctionVersion="$LATEST")
    assert changes(built)["processor"].attributes["live"].before == "$LATEST"
    repaired(built)
    assert live(built)["Version"] == "1"


@pytest.mark.parametrize("key", ["processor", "auditor"])
def test_a_recreated_role_renews_the_access_to_the_environment(built: DirectAccess, key: str) -> None:
    """Lambda's permission to decrypt the environment belongs to the id of the role that was deleted."""
    role = built.resources[f"{key}-role"]
    delete_role(built, role.name)
    up(narrow(built.world, role.key), yes)
    change = changes(built)[key]
    assert "the role was recreated" in str(change.reason)
    paths = {"role_id", "live.role_id"} if key == "processor" else {"role_id"}
    assert change.attributes.keys() == paths
    built.world.writes()
    repaired(built)
    assert built.world.writes()[0] == "lambda:UpdateFunctionConfiguration"
    found = built.lambda_.get_function_configuration(FunctionName=built.resources[key].name)
    assert built.iam.get_role(RoleName=role.name)["Role"]["RoleId"] in found["Description"]


def test_a_description_without_the_id_of_the_role_is_explained(built: DirectAccess) -> None:
    name = built.names.auditor
    built.lambda_.update_function_configuration(FunctionName=name, Description="by hand")
    change = changes(built)["auditor"]
    assert change.attributes.keys() == {"role_id"}
    assert "does not have the id of the role" in str(change.reason)
    repaired(built)


def test_a_missing_role_is_recreated_and_renewed_by_one_up(built: DirectAccess) -> None:
    delete_role(built, built.names.auditor_role)
    assert {key: change.action for key, change in changes(built).items()} == {
        "auditor-role": Action.CREATE,
        "auditor": Action.UPDATE,
    }
    repaired(built)


@on_the_emulator
def test_a_remaining_throttle_is_removed(shared: DirectAccess) -> None:
    name = shared.names.processor
    shared.lambda_.put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=0)
    shared.lambda_.update_function_code(FunctionName=name, ZipFile=zipped("def handler(*_): ..."))
    assert changes(shared)["processor"].attributes.keys() == {"reserved_concurrency", "code_sha256"}
    repaired(shared)
    assert "Concurrency" not in shared.lambda_.get_function(FunctionName=name)


# roles


@on_the_emulator
def test_all_other_policies_of_a_role_are_removed_at_once(shared: DirectAccess) -> None:
    direct = shared
    role = direct.resources["processor-role"]
    direct.iam.attach_role_policy(RoleName=role.name, PolicyArn=ADMINISTRATOR)
    _widen(direct, role)
    repaired(direct)
    assert direct.iam.list_attached_role_policies(RoleName=role.name)["AttachedPolicies"] == []
    assert len(direct.iam.list_role_policies(RoleName=role.name)["PolicyNames"]) == 1


def test_a_role_with_more_than_a_page_of_policies(built: DirectAccess) -> None:
    """moto pages list_role_policies and list_attached_role_policies at 100, as IAM does."""
    role = built.resources["processor-role"]
    extra = policy({"Effect": "Allow", "Action": "s3:*", "Resource": "*"})
    for number in range(105):
        built.iam.put_role_policy(RoleName=role.name, PolicyName=f"extra-{number:03}", PolicyDocument=extra)
    assert len(changes(built)["processor-role"].attributes) == 105
    up(narrow(built.world, role.key), yes)
    assert len(built.iam.list_role_policies(RoleName=role.name)["PolicyNames"]) == 1


# tables


def test_a_table_with_another_key_is_refused_and_nothing_changes(built: DirectAccess) -> None:
    write_config(built.world.file.parent, {"orders-table": {"partition_key": "number"}, "processor": {"memory": 512}})
    with pytest.raises(UnreconcilableError, match=built.names.orders_table):
        up(built.world.context(), yes)
    assert built.world.writes() == []


def test_a_deleted_index_is_recreated_beside_an_unmanaged_one(built: DirectAccess) -> None:
    table = built.names.audit_table
    name = "failure-type-index"
    built.dynamodb.update_table(TableName=table, GlobalSecondaryIndexUpdates=[{"Delete": {"IndexName": name}}])
    keys = [{"AttributeName": "requestId", "KeyType": "HASH"}]
    theirs = {"IndexName": "theirs", "KeySchema": keys, "Projection": {"ProjectionType": "ALL"}}
    built.dynamodb.update_table(
        TableName=table,
        AttributeDefinitions=[
            {"AttributeName": attribute, "AttributeType": "S"}
            for attribute in ("auditId", "timestamp", "requestId", "unresolved")
        ],
        GlobalSecondaryIndexUpdates=[{"Create": theirs}],
    )
    assert changes(built)["audit-table"].attributes.keys() == {f"indexes.{name}"}
    repaired(built)
    indexes = built.dynamodb.describe_table(TableName=table)["Table"]["GlobalSecondaryIndexes"]
    assert {index["IndexName"] for index in indexes} == {name, "unresolved-index", "theirs"}


# buckets


def test_a_public_bucket_is_made_private(built: DirectAccess) -> None:
    bucket = built.names.bucket
    built.s3.delete_public_access_block(Bucket=bucket)
    public = policy(OPEN_TO_THE_WORLD | {"Action": "s3:GetObject", "Resource": f"arn:aws:s3:::{bucket}/*"})
    built.s3.put_bucket_policy(Bucket=bucket, Policy=public)
    assert changes(built)["bucket"].attributes.keys() == {"public_access_block", "policy"}
    repaired(built)
    blocks = built.s3.get_public_access_block(Bucket=bucket)["PublicAccessBlockConfiguration"]
    assert set(blocks.values()) == {True}
    assert "Deny" in built.s3.get_bucket_policy(Bucket=bucket)["Policy"]


@on_the_emulator
def test_a_bucket_of_another_account_is_refused_and_cannot_be_adopted(shared: DirectAccess) -> None:
    direct = shared
    bucket = direct.resources["bucket"]
    observed = bucket.observe()
    assert observed is not None
    bucket.delete(observed, delete_data=True)
    session = boto3.Session("799999999999", "test", region_name=REGION)
    other = session.client("s3", endpoint_url=direct.world.aws.endpoint_url)
    other.create_bucket(Bucket=bucket.name)
    try:
        for adopt in ([], ["bucket"]):
            change = changes(direct, adopt=adopt)["bucket"]
            assert (change.action, "another account" in str(change.reason)) == (Action.REFUSE, True)
        with pytest.raises(PipectlError, match=bucket.name):
            bucket.create(bucket.desired({}))  # created by another account since it was observed
    finally:
        other.delete_bucket(Bucket=bucket.name)


def test_a_bucket_in_another_region_is_refused(direct: DirectAccess) -> None:
    """Bucket names are global; botocore follows a bucket to its region without a message."""
    elsewhere = boto3.Session(region_name="eu-west-1").client("s3")
    name = direct.resources["bucket"].name
    elsewhere.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    change = planned(direct, "bucket", adopt=tuple(ResourceKey))
    assert change.action is Action.REFUSE
    assert "another region, eu-west-1" in str(change.reason)


def test_a_bucket_outside_us_east_1_has_a_location_constraint(tmp_path: Path, direct: DirectAccess) -> None:
    aws = Aws("eu-west-1", credentials=Credentials(ACCOUNT, "test"), clock=FakeClock())
    world = World(write_config(tmp_path, {"region": "eu-west-1"}), aws, [])
    up(narrow(world, "bucket"), yes)
    name = direct.resources["bucket"].name
    assert direct.s3.get_bucket_location(Bucket=name)["LocationConstraint"] == "eu-west-1"
    assert planned(DirectAccess(world), "bucket").action is Action.KEEP


def test_a_new_bucket_gets_only_the_settings_that_differ(direct: DirectAccess) -> None:
    """An organisation may deny to write what CreateBucket has set already."""
    up(narrow(direct.world, "bucket"), yes)
    writes = direct.world.writes()
    assert "s3:PutBucketVersioning" in writes
    assert "s3:PutBucketOwnershipControls" not in writes


def test_a_bucket_with_more_than_a_page_of_versions_is_emptied(direct: DirectAccess) -> None:
    up(narrow(direct.world, "bucket"), yes)
    bucket = direct.resources["bucket"]
    direct.s3.delete_bucket_policy(Bucket=bucket.name)  # moto denies requests without evaluating the condition
    stored = s3_backends[ACCOUNT]["aws"]  # without a request for each
    for number in range(501):
        stored.put_object(bucket.name, f"{number}", b"")
        stored.delete_object(bucket.name, f"{number}")
    direct.s3.put_object(Bucket=bucket.name, Key="a b/ä+%.json")
    direct.s3.create_multipart_upload(Bucket=bucket.name, Key="not completed")
    observed = bucket.observe()
    assert observed is not None
    assert bucket.contents(observed) == Contents(1000, more=True)
    shown: list[str | Portion | None] = []
    direct.world.aws.awaits = shown.append
    bucket.delete(observed, delete_data=True)
    done = [each.done for each in shown if isinstance(each, Portion)]  # calls at the same time end in any order
    assert (done, done[-1]) == (sorted(done), 1003)
    assert len(done) <= 3
    assert shown.count(None) == len(shown) / 2  # each wait ends
    assert bucket.observe() is None


# log groups, alarms


def test_a_log_group_with_a_longer_name_is_another_one(direct: DirectAccess) -> None:
    group = direct.resources["processor-log-group"]
    for number in range(60):  # DescribeLogGroups answers with 50 at a time
        direct.logs.create_log_group(logGroupName=f"{group.name}-{number}")
    assert group.observe() is None
    up(narrow(direct.world, group.key), yes)
    assert direct.tags(group) == MANAGED_TAGS


def test_a_log_group_with_other_tags_is_refused(direct: DirectAccess) -> None:
    group = direct.resources["processor-log-group"]
    direct.logs.create_log_group(logGroupName=group.name, tags={"Owner": "somebody"})
    with pytest.raises(ForeignError, match=group.name):
        up(narrow(direct.world, group.key), yes)


# several at once


def test_several_differences_at_once_are_repaired(built: DirectAccess) -> None:
    names = built.names
    built.logs.delete_log_group(logGroupName=f"/aws/lambda/{names.auditor}")
    built.cloudwatch.disable_alarm_actions(AlarmNames=[names.errors_alarm])
    built.s3.put_bucket_versioning(Bucket=names.bucket, VersioningConfiguration={"Status": "Suspended"})
    built.revoke("auditor", "WriteLogs")
    built.lambda_.update_function_configuration(FunctionName=names.processor, Timeout=1)
    built.dynamodb.delete_table(TableName=names.audit_table)
    assert {key: change.action for key, change in changes(built).items()} == {
        "auditor-log-group": Action.CREATE,
        "errors-alarm": Action.UPDATE,
        "bucket": Action.UPDATE,
        "auditor-role": Action.UPDATE,
        "processor": Action.UPDATE,
        "audit-table": Action.CREATE,
    }
    repaired(built)


def test_one_refusal_blocks_every_change(built: DirectAccess) -> None:
    names = built.names
    built.cloudwatch.disable_alarm_actions(AlarmNames=[names.errors_alarm])
    built.untag(built.resources["bucket"], ["Environment"])
    with pytest.raises(ForeignError, match=names.bucket):
        up(built.world.context(), yes)
    assert built.world.writes() == []
