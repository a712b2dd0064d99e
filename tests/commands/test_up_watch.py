"""`up --watch` with changes that are passed in: what is deployed by itself, and what is not."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import yaml

from pipectl.aws.calls import Call, Parameters
from pipectl.commands.down import down
from pipectl.commands.plan import PlanReport
from pipectl.commands.up import up
from pipectl.commands.up_watch import Deployment, Watch, config_paths, watched_paths
from pipectl.config.layers import read_layers
from pipectl.config.loading import load
from pipectl.config.models import Config
from pipectl.context import Context
from pipectl.engine.model import Action
from pipectl.errors import (
    AwsError,
    CancelledError,
    ConfigError,
    CredentialsError,
    ForeignError,
    PackageError,
    PackageProblem,
    RefusedError,
)
from pipectl.file_watcher import WatchedPaths
from pipectl.resource_keys import ResourceKey
from tests.aws.fakes import client_error
from tests.packaging.dependencies.wheels import wheel
from tests.resources.direct_access import DirectAccess
from tests.support import ROOT, Recorder, boto3_session, make_world, yes

Edit = Callable[[], object]


class Project:
    """A deployed pipeline whose config and handlers can be edited, and the watch that follows the edits."""

    def __init__(self, direct: DirectAccess, folder: Path) -> None:
        self.direct, self.aws = direct, direct.world.aws
        self.code = folder / "code"
        shutil.copytree(ROOT / "lambda_src" / "python", self.code)
        self.file = direct.world.file
        self.configure(processor={"source": "code/processor"}, auditor={"source": "code/auditor"})
        self.aimed: list[WatchedPaths] = []
        self.connected: list[bool] = []
        self.context = self.connect(load(self.file), False)
        self.connected.clear()
        up(self.context, yes)
        direct.world.calls.clear()

    def connect(self, config: Config, again: bool) -> Context:
        self.connected.append(again)
        return Context(config, self.file, self.aws, Recorder())

    def configure(self, **changes: Any) -> None:
        values = yaml.safe_load(self.file.read_text())
        for key, change in changes.items():
            key = {"stream_mapping": "stream-mapping"}.get(key, key)
            values[key] = values[key] | change if isinstance(change, dict) else change
        self.file.write_text(yaml.safe_dump(values, sort_keys=False))

    def append(self, text: str = "# changed\n", function: str = "processor") -> None:
        with (self.code / function / "handler.py").open("a") as handler:
            handler.write(text)

    def follow(self, *edits: Edit) -> list[Deployment]:
        """Make the edits one after the other, and return the deployment after each."""

        def changes() -> Iterator[list[Path]]:
            for edit in edits:
                edit()
                yield [self.file]

        return list(Watch(self.context, self.connect, self.aimed.append).deployments(changes()))


@pytest.fixture
def project(direct: DirectAccess, tmp_path: Path) -> Project:
    return Project(direct, tmp_path)


def updated(deployment: Deployment) -> list[str]:
    assert deployment.report
    return [change.resource for change in deployment.report.changes if change.action is not Action.KEEP]


def test_code_that_is_saved_is_deployed_with_the_lines_that_changed(project: Project) -> None:
    first, second = project.follow(project.append, lambda: project.append("# again\n# and again\n"))
    assert updated(first) == updated(second) == [ResourceKey.PROCESSOR]
    lines = [
        [(file.name, file.added, file.removed) for file in each.code["processor"].files] for each in (first, second)
    ]
    assert lines == [[("handler.py", 1, 0)], [("handler.py", 2, 0)]]
    assert first.files == (project.file,)


def test_settings_that_are_saved_are_deployed(project: Project) -> None:
    [found] = project.follow(lambda: project.configure(processor={"memory": 512}, auditor={"timeout": 20}))
    assert sorted(updated(found)) == [ResourceKey.AUDITOR, ResourceKey.PROCESSOR]
    assert (found.code, found.error) == ({}, None)


def test_a_change_that_makes_no_difference_changes_nothing(project: Project) -> None:
    [found] = project.follow(lambda: project.file.write_text(f"# a comment\n{project.file.read_text()}"))
    assert (updated(found), found.error, project.direct.world.writes()) == ([], None, [])


def test_an_invalid_config_is_reported_and_the_next_change_is_deployed(project: Project) -> None:
    broken, fixed = project.follow(
        lambda: project.configure(processor={"memory": 1}), lambda: project.configure(processor={"memory": 512})
    )
    assert isinstance(broken.error, ConfigError)
    assert broken.error.problems[0].key == "processor.memory"
    assert broken.report is None
    assert updated(fixed) == [ResourceKey.PROCESSOR]


def test_code_that_does_not_parse_is_reported_and_the_deployed_code_stays(project: Project) -> None:
    good = (project.code / "processor" / "handler.py").read_text()
    broken, restored = project.follow(
        lambda: project.append("def (:\n"), lambda: (project.code / "processor" / "handler.py").write_text(good)
    )
    assert isinstance(broken.error, PackageError)
    assert broken.error.problem is PackageProblem.SYNTAX
    assert updated(restored) == []
    assert project.direct.world.writes() == []


def test_a_folder_that_is_missing_for_a_moment_is_reported(project: Project) -> None:
    folder, elsewhere = project.code / "processor", project.code / "moved"
    missing, back = project.follow(lambda: folder.rename(elsewhere), lambda: elsewhere.rename(folder))
    assert isinstance(missing.error, PackageError)
    assert (back.error, updated(back)) == (None, [])


HELD = {
    "a deletion": {"extra_alarms": False},
    "a new name": {"bucket": {"resource": "other-data"}},
    "a new risk": {"stream_mapping": {"bisect": False}},
}


@pytest.mark.parametrize("change", HELD.values(), ids=HELD)
def test_a_plan_that_needs_a_question_is_reported_and_not_applied(change: dict[str, Any], project: Project) -> None:
    def edit() -> None:
        project.configure(**change)
        project.append()

    [held] = project.follow(edit)
    assert isinstance(held.error, RefusedError)
    assert held.error.resources
    assert isinstance(held.error.report, PlanReport)
    assert ResourceKey.PROCESSOR in [each.resource for each in held.error.report.pending]
    assert (held.report, project.direct.world.writes()) == (None, [])


def test_a_pipeline_that_is_gone_is_not_created_again_by_itself(project: Project) -> None:
    [held] = project.follow(lambda: down(project.context, yes, delete_data=True))
    assert isinstance(held.error, RefusedError)
    assert len(held.error.resources) == 12
    assert held.error.message.count(" would be created") == 3
    assert "9 more changes" in held.error.message


def test_alarms_that_the_config_switches_on_are_created(project: Project) -> None:
    project.configure(extra_alarms=False)
    project.context = project.connect(load(project.file), False)
    up(project.context, yes)
    [found] = project.follow(lambda: project.configure(extra_alarms=True))
    assert len(updated(found)) == 5


@pytest.mark.parametrize(
    ("key", "value"), [("environment", "test"), ("team", "other"), ("project", "other"), ("protect", True)]
)
def test_another_pipeline_is_refused(key: str, value: object, project: Project) -> None:
    [found] = project.follow(lambda: project.configure(**{key: value}))
    assert isinstance(found.error, RefusedError)
    assert key in found.error.message
    assert project.direct.world.calls == []


def test_other_credentials_of_another_account_are_refused(project: Project, tmp_path: Path) -> None:
    role = "arn:aws:iam::999999999999:role/other"
    answer = boto3_session("testing", "testing").client("sts").assume_role(RoleArn=role, RoleSessionName="other")
    other = make_world(tmp_path / "code", account=answer["Credentials"]["AccessKeyId"])

    def switch() -> None:
        project.aws = other.aws

    [found] = project.follow(switch)
    assert isinstance(found.error, RefusedError)
    assert other.writes() == []


def test_after_failed_credentials_the_clients_are_made_again(project: Project) -> None:
    def expired(config: Config, again: bool) -> Context:
        context = project.connect(config, again)
        if len(project.connected) == 1:
            raise CredentialsError("the session has expired")
        return context

    watch = Watch(project.context, expired, project.aimed.append)
    failed, *others = watch.deployments([[project.file]] * 3)
    assert isinstance(failed.error, CredentialsError)
    assert [each.error for each in others] == [None, None]
    assert project.connected == [False, True, False]


def test_a_resource_that_was_deleted_is_not_created_without_a_question(project: Project) -> None:
    def delete() -> None:
        project.direct.lambda_.delete_function(FunctionName=project.direct.names.auditor)

    [held] = project.follow(delete)
    assert isinstance(held.error, RefusedError)
    assert ResourceKey.AUDITOR in held.error.resources


def test_a_resource_that_is_no_longer_managed_is_refused(project: Project) -> None:
    def untag() -> None:
        client, queue = project.direct.sqs, project.direct.names.queue
        client.untag_queue(QueueUrl=client.get_queue_url(QueueName=queue)["QueueUrl"], TagKeys=["ManagedBy"])
        project.append()

    [refused] = project.follow(untag)
    assert isinstance(refused.error, ForeignError)
    assert project.direct.world.writes() == []


def test_an_error_of_aws_is_reported_and_the_next_change_is_another_try(project: Project) -> None:
    def fail(call: Call, parameters: Parameters, send: Callable[[], object]) -> object:
        if call.operation == "UpdateFunctionCode":
            raise client_error("CodeStorageExceededException", "the account's storage is full", 400)
        return send()

    usual = project.aws.attempt

    def break_aws() -> None:
        project.aws.attempt = fail
        project.append()
        project.configure(auditor={"timeout": 20})

    def mend_aws() -> None:
        project.aws.attempt = usual

    failed, done = project.follow(break_aws, mend_aws)
    assert isinstance(failed.error, AwsError)
    assert updated(failed) == [ResourceKey.AUDITOR]
    assert (updated(done), done.error) == ([ResourceKey.PROCESSOR], None)
    assert [file.name for file in done.code["processor"].files] == ["handler.py"]


def test_ctrl_c_during_a_deployment_ends_the_watch(project: Project) -> None:
    def interrupted(_config: Config, _again: bool) -> Context:
        raise CancelledError("interrupted")

    watch = Watch(project.context, interrupted, project.aimed.append)
    with pytest.raises(CancelledError):
        list(watch.deployments([[project.file]]))


def test_a_new_folder_of_a_handler_is_watched(project: Project) -> None:
    def move() -> None:
        (project.code / "processor").rename(project.code / "elsewhere")
        project.configure(processor={"source": "code/elsewhere"})

    [found] = project.follow(move)
    assert found.error is None
    assert project.aimed[-1].folders == {project.code / "elsewhere", project.code / "auditor"}


def test_new_warnings_about_a_package_are_reported_once(project: Project) -> None:
    requirements = project.code / "auditor" / "vendored.so"
    binary = b"\x7fELF\x02\x01" + bytes(12) + b"\x3e\x00"
    first, second = project.follow(lambda: requirements.write_bytes(binary), project.append)
    assert [resource for resource, _ in first.warnings] == [ResourceKey.AUDITOR]
    assert second.warnings == ()


@pytest.mark.slow
def test_a_remark_on_changes_is_reported_once(
    project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wheels = tmp_path / "wheels"
    wheels.mkdir()
    wheel(wheels, "fast", "1.0", "py3-none-any")
    for name, value in {"PIPECTL_CACHE": tmp_path / "cache", "UV_FIND_LINKS": wheels}.items():
        monkeypatch.setenv(name, str(value))
    requirements = project.code / "processor" / "requirements.txt"
    first, second = project.follow(lambda: requirements.write_text("--no-index\nfast\n"), project.append)
    assert "does not pin fast" in first.remarks["processor"]
    assert first.warnings == ()  # it is not said twice
    assert (updated(second), second.remarks) == ([ResourceKey.PROCESSOR], {})


def test_each_deployment_makes_the_same_number_of_calls_with_the_same_clients(project: Project) -> None:
    counted = []

    def edit() -> None:
        counted.append(len(project.direct.world.calls))
        project.append()

    project.follow(edit, edit, edit, edit, edit)
    needed = {later - earlier for earlier, later in pairwise(counted)}
    assert len(needed) == 1
    assert set(project.connected) == {False}


def test_a_link_to_a_config_is_watched_with_its_target(tmp_path: Path) -> None:
    (tmp_path / "real.yaml").touch()
    link = tmp_path / "dev.yaml"
    link.symlink_to("real.yaml")
    assert config_paths([link]) == {link.resolve(), link}


def test_all_files_of_a_config_are_watched_also_a_base_that_is_missing(project: Project) -> None:
    base, aside = project.file.with_name("base.yaml"), project.file.with_name("aside.yaml")

    def extend() -> None:
        project.file.rename(base)
        project.file.write_text("extends: base.yaml\nprocessor: {memory: 512}\n")

    extended, missing, back = project.follow(extend, lambda: base.rename(aside), lambda: aside.rename(base))
    assert updated(extended) == [ResourceKey.PROCESSOR]
    assert isinstance(missing.error, ConfigError)
    assert (back.error, updated(back)) == (None, [])
    assert {paths.files for paths in project.aimed[1:]} == {frozenset({project.file, base})}


def test_folders_are_relative_to_the_config(project: Project) -> None:
    config = load(project.file)
    auditor = config.auditor.model_copy(update={"source": "../shared"})
    paths = watched_paths(config.model_copy(update={"auditor": auditor}), read_layers(project.file))
    assert paths.folders == {project.code / "processor", project.file.parent.parent / "shared"}
    assert replace(paths, files=frozenset()).concerns(project.file) is False
