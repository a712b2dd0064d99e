"""Three environments of two teams in one account, each a small file over a base: no command on one changes others."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, cast

import pytest
import yaml
from moto import mock_aws
from moto.dynamodb import dynamodb_backends

from pipectl.engine.model import Action
from tests import moto_snapshot
from tests.cli_support import document, error, pipectl
from tests.support import ACCOUNT, REGION, World, boto3_session, make_world, write_config

CONFIGS: dict[str, dict[str, Any]] = {
    "dev": {"extends": "../shared/base.yaml", "environment": "dev"},
    "prod": {"extends": "dev.yaml", "environment": "prod", "protect": True, "processor": {"memory": 512}},
    "returns-dev": {
        "extends": "../shared/base.yaml",
        "environment": "dev",
        "team": "returns",
        "project": "returns",
        "tags": None,
    },
}
PROD = ("-c", "config/prod.yaml")
DEV = ("-c", "config/dev.yaml")
RETURNS = ("-c", "config/returns-dev.yaml")
_created: list[moto_snapshot.State] = []


def rewrite(name: str, **changes: Any) -> None:
    Path(f"config/{name}.yaml").write_text(yaml.safe_dump(CONFIGS[name] | changes, sort_keys=False))


@pytest.fixture
def account(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """The account with the three pipelines, and an order and a result in each."""
    monkeypatch.chdir(tmp_path)
    for folder in ("config", "shared"):
        Path(folder).mkdir()
    with mock_aws():
        world = make_world(tmp_path)
        write_config(tmp_path).rename("shared/base.yaml")
        for name in CONFIGS:
            rewrite(name)
        if _created:
            moto_snapshot.restore(_created[0])
        else:
            for options in (DEV, PROD, RETURNS):
                result = pipectl(*options, "up", "--yes")
                assert result.exit_code == 0, result.stderr
            for name in ("dev-{}-backend", "prod-{}-backend", "dev-{}-returns"):
                _write_data(world, name)
            _created.append(moto_snapshot.saved())
        yield world


def _write_data(world: World, name: str) -> None:
    """Write an order and an object, without the trigger and the bucket policy, which moto models in its own way."""
    table, bucket = name.format("orders-table"), name.format(f"processed-data-{ACCOUNT}")
    triggers = dynamodb_backends[ACCOUNT][REGION].tables[table].lambda_event_source_mappings
    kept = dict(triggers)
    triggers.clear()
    world.aws.dynamodb.put_item(TableName=table, Item={"orderId": {"S": name}})
    triggers.update(kept)
    if name.endswith("-returns"):
        return  # moto would not let `down` empty the bucket
    policy = world.aws.s3.get_bucket_policy(Bucket=bucket)["Policy"]
    world.aws.s3.delete_bucket_policy(Bucket=bucket)
    world.aws.s3.put_object(Bucket=bucket, Key="processed-data/a.json", Body=name.encode())
    world.aws.s3.put_bucket_policy(Bucket=bucket, Policy=policy)


@cache
def client(service: str) -> Any:
    return boto3_session().client(cast("Any", service))


def contents(environment: str, team: str) -> str:
    """Return everything that AWS answers about the resources of one environment and team, as text."""
    begin, end = f"{environment}-", f"-{team}"
    found: dict[str, Any] = {}

    def is_own(name: str) -> bool:
        return name.rpartition("/")[2].startswith(begin) and name.endswith(end)

    def add(name: str, *answers: dict[str, Any]) -> None:
        if is_own(name):
            found[name] = [{k: v for k, v in each.items() if k != "ResponseMetadata"} for each in answers]

    dynamodb, s3, sqs = map(client, ("dynamodb", "s3", "sqs"))
    for name in filter(is_own, dynamodb.list_tables()["TableNames"]):
        arn = dynamodb.describe_table(TableName=name)["Table"]["TableArn"]
        tags = dynamodb.list_tags_of_resource(ResourceArn=arn)
        backups = dynamodb.describe_continuous_backups(TableName=name)
        add(name, dynamodb.describe_table(TableName=name), tags, backups, dynamodb.scan(TableName=name))
    for name in filter(is_own, [bucket["Name"] for bucket in s3.list_buckets()["Buckets"]]):
        policy, tags = s3.get_bucket_policy(Bucket=name), s3.get_bucket_tagging(Bucket=name)
        add(name, policy, tags, s3.list_object_versions(Bucket=name), s3.get_bucket_versioning(Bucket=name))
    for url in sqs.list_queues()["QueueUrls"]:
        add(url, sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"]), sqs.list_queue_tags(QueueUrl=url))
    _add_code_and_roles(add)
    alarms = client("cloudwatch").describe_alarms()["MetricAlarms"]
    for alarm in alarms:
        add(alarm["AlarmName"], alarm)
    for group in client("logs").describe_log_groups()["logGroups"]:
        add(group["logGroupName"], group)
    assert len(found) >= 13
    return json.dumps(found, indent=1, sort_keys=True, default=str)


def _add_code_and_roles(add: Any) -> None:
    functions, iam = client("lambda"), client("iam")
    for function in functions.list_functions()["Functions"]:
        name = function["FunctionName"]
        mappings = functions.list_event_source_mappings(FunctionName=name)["EventSourceMappings"]
        tags, versions = (
            functions.list_tags(Resource=function["FunctionArn"]),
            functions.list_aliases(FunctionName=name),
        )
        add(name, function, tags, versions, {"mappings": mappings})
    for role in iam.list_roles()["Roles"]:
        name = role["RoleName"]
        policies = [
            iam.get_role_policy(RoleName=name, PolicyName=policy)
            for policy in iam.list_role_policies(RoleName=name)["PolicyNames"]
        ]
        add(name, role, iam.list_role_tags(RoleName=name), *policies)


def test_each_has_its_own_pipeline_and_config(account: World) -> None:
    listed = document(pipectl(*DEV, "-o", "json", "list"))
    assert listed["invalidConfigs"] == []
    rows = [(each["environment"], each["project"], each["teams"], each["configs"]) for each in listed["pipelines"]]
    count = next(iter(rows[0][2].values()))
    assert rows == [
        ("dev", "order-pipeline", {"backend": count}, ["config/dev.yaml"]),
        ("dev", "returns", {"returns": count}, ["config/returns-dev.yaml"]),
        ("prod", "order-pipeline", {"backend": count}, ["config/prod.yaml"]),
    ]
    assert [each["orphans"] for each in listed["pipelines"]] == [[], [], []]
    for options in (DEV, PROD, RETURNS):
        assert pipectl(*options, "plan", "--exit-code").exit_code == 0
    functions = {each["FunctionName"]: each for each in account.aws.lambda_.list_functions()["Functions"]}
    assert functions["prod-order-processor-lambda-backend"]["MemorySize"] == 512
    assert functions["dev-order-processor-lambda-backend"]["MemorySize"] == 256


@pytest.mark.usefixtures("account")
def test_a_change_of_one_overlay_changes_one_pipeline() -> None:
    others = contents("dev", "backend"), contents("dev", "returns")
    before = contents("prod", "backend")
    rewrite("prod", processor={"memory": 1024})
    changed = document(pipectl(*PROD, "-o", "json", "up", "--yes"))["changes"]
    assert {each["resource"] for each in changed if each["action"] != Action.KEEP} == {"processor"}
    assert contents("prod", "backend") != before
    assert (contents("dev", "backend"), contents("dev", "returns")) == others


@pytest.mark.usefixtures("account")
def test_a_change_of_the_base_is_planned_in_each_and_applied_where_up_runs() -> None:
    others = contents("prod", "backend"), contents("dev", "returns")
    base = Path("shared/base.yaml")
    base.write_text(base.read_text().replace("retry_attempts: 3", "retry_attempts: 5"))
    for options in (DEV, PROD, RETURNS):
        assert pipectl(*options, "plan", "--exit-code").exit_code == 3
    assert pipectl(*DEV, "up", "--yes").exit_code == 0
    again = pipectl(*DEV, "plan", "--exit-code")
    assert again.exit_code == 0, again.stdout
    assert (contents("prod", "backend"), contents("dev", "returns")) == others


def test_one_is_deleted_and_the_others_stay(account: World) -> None:
    others = contents("dev", "backend"), contents("prod", "backend")
    result = pipectl(*RETURNS, "down", "--yes", "--delete-data")
    assert result.exit_code == 0, result.stderr
    assert (contents("dev", "backend"), contents("prod", "backend")) == others
    names = [
        *account.aws.dynamodb.list_tables()["TableNames"],
        *(b["Name"] for b in account.aws.s3.list_buckets()["Buckets"]),
    ]
    assert [name for name in names if name.endswith("returns")] == []


@pytest.mark.usefixtures("account")
def test_the_protected_one_is_not_deleted() -> None:
    before = contents("prod", "backend")
    result = pipectl(*PROD, "-o", "json", "down", "--yes", "--delete-data")
    assert (result.exit_code, error(result)["code"]) == (2, "Protected")
    assert contents("prod", "backend") == before


@pytest.mark.usefixtures("account")
def test_the_names_of_another_project_are_refused_and_explained() -> None:
    before = [contents("dev", "backend"), contents("dev", "returns"), contents("prod", "backend")]
    rewrite("returns-dev", team="backend")
    planned = pipectl(*RETURNS, "-o", "json", "plan")
    assert planned.exit_code == 1
    refused = {each["resource"] for each in document(planned)["changes"] if each["action"] == Action.REFUSE}
    assert {"orders-table", "bucket", "processor", "processor-role", "dead-letter-queue"} <= refused
    for command in (("up", "--yes"), ("down", "--yes", "--delete-data")):
        result = pipectl(*RETURNS, "-o", "json", *command)
        assert (result.exit_code, error(result)["code"]) == (1, "ForeignResource")
        assert "order-pipeline" in error(result)["message"]
    assert before == [contents("dev", "backend"), contents("dev", "returns"), contents("prod", "backend")]


@pytest.mark.usefixtures("account")
def test_the_hint_of_a_name_that_is_taken_names_the_team() -> None:
    rewrite("returns-dev", team="backend")
    assert "`team`" in error(pipectl(*RETURNS, "-o", "json", "up", "--yes"))["hint"]


@pytest.mark.usefixtures("account")
def test_an_overlay_with_the_environment_of_its_base_is_the_same_pipeline() -> None:
    """The plan shows it: the header and the changes name the environment of the base."""
    rewrite("prod", environment="dev")
    result = pipectl(*PROD, "plan")
    assert "dev · account" in result.stderr
    listed = document(pipectl(*DEV, "-o", "json", "list"))
    assert ["config/dev.yaml", "config/prod.yaml"] in [each["configs"] for each in listed["pipelines"]]
