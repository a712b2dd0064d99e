"""`list`: pipelines are the groups of resources with equal tags; a config file is that of the pipeline it describes."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from pipectl.commands.list import Configs, ListReport, list_pipelines, read_configs
from pipectl.commands.up import up
from pipectl.config.models import Config
from pipectl.context import Context
from pipectl.errors import AccessDeniedError, WrongAccountError
from tests.aws.fakes import client_error
from tests.moto_snapshot import create_pipeline
from tests.support import ACCOUNT, REGION, Recorder, World, write_config, yes

NOTHING = Configs({}, ())


def listed(world: World, configs: Configs | None = None, *, local: bool = False) -> ListReport:
    def context_of(file: Path, config: Config) -> Context:
        return Context(config, file, world.aws, Recorder())

    found = read_configs(world.file) if configs is None else configs
    return list_pipelines(world.aws, world.file, found, context_of, local=local)


def config(folder: Path, name: str, **changes: Any) -> Path:
    """Write a config of another name beside that of the command."""
    own = (folder / "pipectl.yaml").read_text()
    file = write_config(folder, changes).rename(folder / name)
    (folder / "pipectl.yaml").write_text(own)
    return file


def test_an_account_without_pipelines_has_none(moto_world: World) -> None:
    report = listed(moto_world)
    assert (report.account_id, report.region, report.pipelines) == (ACCOUNT, REGION, ())
    assert report.config == moto_world.file
    assert moto_world.writes() == []


def test_a_pipeline_is_listed_with_its_config_and_resources(moto_world: World) -> None:
    create_pipeline(moto_world)
    moto_world.calls.clear()
    (pipeline,) = listed(moto_world).pipelines
    assert (pipeline.environment, pipeline.project) == ("dev", "order-pipeline")
    assert pipeline.configs == (moto_world.file,)
    assert {each.kind for each in pipeline.resources} >= {"table", "bucket", "queue", "function", "alarm", "log-group"}
    assert pipeline.teams == {"backend": len(pipeline.resources)}
    assert all(each.name for each in pipeline.resources)
    asked = [call.operation for call in moto_world.calls if call.service != "sts"]  # the account may be known already
    assert asked == ["GetResources"]


def test_each_environment_has_the_config_that_describes_it(moto_world: World, tmp_path: Path) -> None:
    config(tmp_path, "a-staging.yaml", environment="staging")
    config(tmp_path, "b-elsewhere.yaml", region="eu-west-1")
    config(tmp_path, "c-other-account.yaml", account_id="999999999999")
    same = config(tmp_path, "d-same.yml", team="payments", account_id=ACCOUNT)
    queue(moto_world, "one", Project="order-pipeline", Environment="dev", Team="backend")
    queue(moto_world, "two", Project="order-pipeline", Environment="staging")
    queue(moto_world, "three", Project="order-pipeline", Environment="prod")
    found = {each.environment: each.configs for each in listed(moto_world).pipelines}
    assert found == {
        "dev": (moto_world.file, same),
        "prod": (),
        "staging": (tmp_path / "a-staging.yaml",),
    }
    assert list(found) == ["dev", "prod", "staging"]


def test_the_region_of_the_options_overrides_that_of_the_config(moto_world: World) -> None:
    queue(moto_world, "one", Project="order-pipeline", Environment="dev", Team="backend")
    write_config(moto_world.file.parent, {"region": "eu-west-1"})
    (pipeline,) = listed(moto_world).pipelines
    assert pipeline.configs == (moto_world.file,)


def queue(world: World, name: str, **tags: str) -> None:
    world.aws.sqs.create_queue(QueueName=name, tags={"ManagedBy": "pipectl", **tags})


def test_resources_of_a_renamed_team_belong_to_the_same_pipeline(moto_world: World) -> None:
    for number in range(3):
        queue(moto_world, f"old-{number}", Project="shop", Environment="dev", Team="backend")
    queue(moto_world, "new", Project="shop", Environment="dev", Team="payments")
    (pipeline,) = listed(moto_world).pipelines
    assert list(pipeline.teams.items()) == [("backend", 3), ("payments", 1)]


def test_the_resources_of_an_earlier_name_are_orphans(moto_world: World) -> None:
    create_pipeline(moto_world)
    queue(moto_world, "no-name-of-a-pipeline", Project="order-pipeline", Environment="dev", Team="backend")
    (before,) = listed(moto_world).pipelines
    assert before.orphans == ()
    write_config(moto_world.file.parent, {"dead-letter-queue": {"resource": "failures"}})
    (pipeline,) = listed(moto_world).pipelines
    assert pipeline.orphans is not None
    names = {orphan.kind: orphan.name for orphan in pipeline.orphans}
    assert names.keys() == {"queue", "mapping"}
    assert names["queue"] == "dev-order-processor-dlq-backend"
    assert {orphan.team for orphan in pipeline.orphans} == {"backend"}


def test_without_a_config_the_orphans_are_unknown(moto_world: World) -> None:
    create_pipeline(moto_world)
    (pipeline,) = listed(moto_world, NOTHING).pipelines
    assert (pipeline.orphans, pipeline.problem) == (None, None)


def test_orphans_that_cannot_be_read_are_a_problem_of_their_pipeline_alone(moto_world: World) -> None:
    create_pipeline(moto_world)
    queue(moto_world, "other", Project="shop", Environment="prod")
    write_config(moto_world.file.parent, {"dead-letter-queue": {"resource": "failures"}})

    def attempt(call: Any, _: Any, send: Any) -> object:
        if call.operation == "GetQueueUrl":
            raise client_error("ValidationError", "this is no queue")
        return send()

    moto_world.aws.attempt = attempt
    own, other = listed(moto_world).pipelines
    assert own.orphans is None
    assert "this is no queue" in str(own.problem)
    assert (other.project, other.problem) == ("shop", None)


def test_resources_without_the_tags_of_a_pipeline_come_last(moto_world: World) -> None:
    queue(moto_world, "bare")
    queue(moto_world, "half", Project="shop", Environment="")
    queue(moto_world, "whole", Project="shop", Environment="prod")
    moto_world.aws.sqs.create_queue(QueueName="by-hand", tags={"ManagedBy": "hand", "Project": "shop"})
    pipelines = listed(moto_world).pipelines
    assert [(each.environment, each.project) for each in pipelines] == [("prod", "shop"), (None, None), (None, "shop")]
    assert [each.is_complete for each in pipelines] == [True, False, False]
    assert pipelines[0].teams == {"": 1}


def test_another_account_is_refused_before_any_other_call(moto_world: World) -> None:
    write_config(moto_world.file.parent, {"account_id": "999999999999"})
    with pytest.raises(WrongAccountError):
        listed(moto_world)
    assert [call.operation for call in moto_world.calls] == ["GetCallerIdentity"]
    assert listed(moto_world, local=True).config


def test_a_denied_call_is_an_error_that_names_the_action(moto_world: World) -> None:
    def attempt(call: Any, _: Any, send: Any) -> object:
        if call.operation == "GetResources":
            raise client_error("AccessDeniedException", "not authorized to perform: tag:GetResources")
        return send()

    moto_world.aws.attempt = attempt
    with pytest.raises(AccessDeniedError) as caught:
        listed(moto_world, NOTHING)
    assert caught.value.actions == ("tag:GetResources",)


def test_files_that_are_no_config_are_reported_and_the_others_are_read(tmp_path: Path) -> None:
    file = write_config(tmp_path)
    (tmp_path / "broken.yaml").write_text("environment: [")
    (tmp_path / "compose.yml").write_text("services: {}")
    (tmp_path / "notes.txt").write_text("environment: dev")
    (tmp_path / "folder.yaml").mkdir()
    if hasattr(os, "mkfifo"):
        os.mkfifo(tmp_path / "pipe.yaml")
    (tmp_path / "gone.yaml").symlink_to(tmp_path / "nowhere")
    found = read_configs(file)
    assert list(found.valid) == [file]
    assert found.invalid == (tmp_path / "broken.yaml", tmp_path / "compose.yml")


def test_without_a_file_or_its_folder_there_is_no_config(tmp_path: Path) -> None:
    assert read_configs(tmp_path / "dev.yaml") == NOTHING
    assert read_configs(tmp_path / "nowhere" / "dev.yaml") == NOTHING


def test_three_environments_of_two_teams(moto_world: World, tmp_path: Path) -> None:
    """Each is created by `up` from its own config, in one account."""
    for environment, team, project in (
        ("dev", "backend", "orders"),
        ("prod", "backend", "orders"),
        ("dev", "payments", "invoices"),
    ):
        name = f"{environment}-{team}.yaml"
        file = config(tmp_path, name, environment=environment, team=team, project=project)
        up(World(file, moto_world.aws, moto_world.calls).context(), yes)
    report = listed(moto_world)
    assert [(each.environment, each.project, list(each.teams), each.configs) for each in report.pipelines] == [
        ("dev", "invoices", ["payments"], (tmp_path / "dev-payments.yaml",)),
        ("dev", "orders", ["backend"], (tmp_path / "dev-backend.yaml",)),
        ("prod", "orders", ["backend"], (tmp_path / "prod-backend.yaml",)),
    ]
    arns = [resource.arn for each in report.pipelines for resource in each.resources]
    assert len(arns) == len(set(arns))
    assert len({len(each.resources) for each in report.pipelines}) == 1
