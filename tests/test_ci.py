"""The workflows and policies of docs/ci.md are valid, and their shell steps do what the page says."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from pipectl import __version__
from pipectl.iam.command_actions import CALLERS, COMMANDS
from pipectl.iam.policies import policy
from pipectl.local.home import LocalEmulator
from pipectl.policy_document import PolicyDocument
from pipectl.review.plan_id import is_plan_id
from tests.cli.commands import parse
from tests.commands.audit_items import audit_item
from tests.e2e.operator import Operator
from tests.support import ROOT, World, make_world, new_account

PAGE = (ROOT / "docs" / "ci.md").read_text(encoding="utf-8")


def _blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)


Workflow = dict[Any, Any]
WORKFLOWS: dict[str, Workflow] = {each["name"]: each for each in map(yaml.safe_load, _blocks("yaml"))}
JOBS = {name: workflow["jobs"][name] for name, workflow in WORKFLOWS.items()}
STEPS = [(name, step) for name, job in JOBS.items() for step in job["steps"]]
RUNS = [step["run"] for _, step in STEPS if "run" in step]
POLICIES = [json.loads(block) for block in _blocks("json") if "Statement" in block]
NO_ORDERS, (PLAN_TRUST, APPLY_TRUST) = POLICIES[1], POLICIES[::2]
READING = re.compile(r"\w+:(Get|List|Describe|Query|Filter|Scan)\w*")


def _commands() -> list[str]:
    """Return the command lines of the workflows, as the shell would pass them on."""
    found = [each for run in RUNS for each in re.findall(r"^\s*(pipectl .+?)(?: > .*| \|\| .*)?$", run, re.MULTILINE)]
    return [each.replace("$ENVIRONMENT", "dev").replace("$REVIEWED", "3f2a91c07b4e") for each in found]


def test_the_page_has_three_workflows() -> None:
    assert list(WORKFLOWS) == ["plan", "apply", "drift"]


def test_every_command_of_a_workflow_is_valid() -> None:
    commands = [parse(shlex.split(command)[1:]) for command in _commands()]
    assert commands == [("plan",), ("up",), ("plan",), ("plan",), ("status",)]
    assert sum(run.count("pipectl -c") for run in RUNS) == len(commands)


def test_no_expression_stands_in_a_script() -> None:
    """GitHub pastes its value into the script, so that a title or a branch name could run commands."""
    assert [run for run in RUNS if "${{" in run] == []


def test_actions_are_pinned_to_commits_with_their_version() -> None:
    used = re.findall(r"uses: (.+)$", PAGE, re.MULTILINE)
    assert len(used) == 9
    assert [each for each in used if not re.fullmatch(r"[\w/-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", each)] == []
    assert len(set(used)) == 3


def test_every_workflow_installs_this_version() -> None:
    assert [workflow["env"] for workflow in WORKFLOWS.values()] == [{"PIPECTL": f"pipectl-aws[uv]=={__version__}"}] * 3
    assert RUNS.count('python -m pip install --quiet "$PIPECTL"') == 3


def test_jobs_have_no_more_permissions_than_they_need() -> None:
    read = {"contents": "read", "id-token": "write"}
    assert [workflow["permissions"] for workflow in WORKFLOWS.values()] == [{}, {}, {}]
    assert {name: job["permissions"] for name, job in JOBS.items()} == {
        "plan": read | {"pull-requests": "write"},
        "apply": read | {"pull-requests": "read"},
        "drift": read,
    }


def test_only_pull_requests_of_the_repository_itself_are_planned() -> None:
    assert WORKFLOWS["plan"][True] == {"pull_request": {"branches": ["main"]}}  # `on` is true in YAML
    assert JOBS["plan"]["if"] == "github.event.pull_request.head.repo.full_name == github.repository"


def test_a_job_that_writes_runs_in_an_environment_and_alone() -> None:
    job = JOBS["apply"]
    assert job["environment"] == "${{ matrix.environment }}"
    assert job["concurrency"] == {
        "group": "apply-${{ matrix.environment }}",
        "cancel-in-progress": False,
        "queue": "max",
    }
    assert not {"environment"} & (JOBS["plan"].keys() | JOBS["drift"].keys())


@pytest.mark.parametrize(
    ("trust", "subjects"),
    [(PLAN_TRUST, [":pull_request", ":ref:refs/heads/main"]), (APPLY_TRUST, [":environment:dev"])],
    ids=["plan", "apply"],
)
def test_a_role_is_trusted_for_exactly_these_jobs(trust: PolicyDocument, subjects: list[str]) -> None:
    (statement,) = trust["Statement"]
    assert statement["Action"] == "sts:AssumeRoleWithWebIdentity"
    ((operator, wanted),) = statement["Condition"].items()
    values = {key.removeprefix("token.actions.githubusercontent.com:"): value for key, value in wanted.items()}
    named = values["sub"] if isinstance(values["sub"], list) else [values["sub"]]
    assert (operator, values["aud"]) == ("StringEquals", "sts.amazonaws.com")
    assert named == [f"repo:octo-org@123456/octo-repo@789012{each}" for each in subjects]


# GitHub


FAKE_GH = f"""#!{sys.executable}
import json, os, pathlib, subprocess, sys

store = pathlib.Path(os.environ["FAKE_GITHUB"])
state = json.loads(store.read_text())
_, api, *words = sys.argv
options = dict(zip(words, words[1:]))
(path,) = [word for word in words if word.startswith("repos/octo-org/octo-repo/")]
path, _, query = path.removeprefix("repos/octo-org/octo-repo/").partition("?")
body = {{"user": {{"login": "github-actions[bot]"}}}}
if file := options.get("-F"):
    body["body"] = pathlib.Path(file.removeprefix("body=@")).read_text()
method = options.get("--method", "GET")
state["calls"].append(method + " " + path)
if method == "PATCH":
    (comment,) = [each for each in state["comments"] if path == f"issues/comments/{{each['id']}}"]
    comment["body"] = body["body"]
elif method == "POST":
    assert path == "issues/7/comments", path
    state["comments"].append({{"id": 1000 + len(state["comments"]), **body}})
else:
    assert path.startswith("commits/") or query == "per_page=100", query
    found = state["pulls"] if path.startswith("commits/") else state["comments"]
    assert path in ("issues/7/comments", "commits/abc/pulls"), path
    for page in range(0, max(len(found), 1), 100):
        subprocess.run(["jq", "-r", options["--jq"]], input=json.dumps(found[page:page + 100]), text=True, check=True)
store.write_text(json.dumps(state))
"""


@dataclass
class Runner:
    """A machine that runs the steps of the workflows, with a fake GitHub that has comments and merges."""

    folder: Path
    environment: dict[str, str]

    @property
    def _store(self) -> Path:
        return self.folder / "github.json"

    @property
    def state(self) -> Any:
        return json.loads(self._store.read_text())

    def set(self, **values: object) -> None:
        state = self.state if self._store.exists() else {"comments": [], "pulls": [], "calls": []}
        self._store.write_text(json.dumps(state | values))

    def run(self, workflow: str, step: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run a step as GitHub does: `bash -e` on the script."""
        (script,) = [each["run"] for name, each in STEPS if name == workflow and each.get("name") == step]
        for name in ("GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY"):
            (self.folder / name).write_text("")
            environment[name] = str(self.folder / name)
        (self.folder / "step.sh").write_text(script)
        command = ["bash", "-e", str(self.folder / "step.sh")]
        everything = {**self.environment, **environment}
        return subprocess.run(command, cwd=self.folder, env=everything, capture_output=True, text=True, check=False)

    def output(self, name: str) -> str:
        return dict(line.split("=", 1) for line in (self.folder / "GITHUB_OUTPUT").read_text().splitlines())[name]

    @property
    def summary(self) -> str:
        return (self.folder / "GITHUB_STEP_SUMMARY").read_text()


@pytest.fixture
def runner(tmp_path: Path) -> Runner:
    if shutil.which("jq") is None:
        pytest.skip("jq, which evaluates the expressions of `gh --jq`, is not installed")
    programs = tmp_path / "bin"
    programs.mkdir()
    pipectl = f'#!/bin/sh\nexec "{sys.executable}" -m pipectl "$@"\n'
    for name, text in (("gh", FAKE_GH), ("pipectl", pipectl)):
        (programs / name).write_text(text)
        (programs / name).chmod(0o755)
    environment = {
        "PATH": f"{programs}:{os.environ['PATH']}",
        "PYTHONPATH": str(ROOT / "src"),
        "HOME": str(tmp_path),
        "FAKE_GITHUB": str(tmp_path / "github.json"),
        "GITHUB_REPOSITORY": "octo-org/octo-repo",
        "GITHUB_SHA": "abc",
        "RUNNER_TEMP": str(tmp_path),
        "RUN": "https://github.com/octo-org/octo-repo/actions/runs/1",
        "ENVIRONMENT": "dev",
        "NUMBER": "7",
        "GIVEN": "",
    }
    made = Runner(tmp_path, environment)
    made.set()
    return made


MARKER, ID = "<!-- pipectl plan dev -->", "<!-- pipectl plan-id: 3f2a91c07b4e -->"
OTHERS = [{"id": number, "user": {"login": "mallory"}, "body": f"{MARKER}\n{ID}\n"} for number in range(100)]
"""Comments of a person that look like those of the bot."""
MERGE = [
    {"number": 6, "merged_at": None, "merge_commit_sha": "abc"},
    {"number": 7, "merged_at": "2026-11-26T10:00:00Z", "merge_commit_sha": "abc"},
]


def test_a_plan_has_one_comment_that_is_renewed(runner: Runner) -> None:
    runner.set(
        comments=[*OTHERS, {"id": 500, "user": {"login": "github-actions[bot]"}, "body": "<!-- pipectl plan prod -->"}]
    )
    for text in ("first", "second"):
        (runner.folder / "plan.md").write_text(f"{MARKER}\n{ID}\n{text}")
        assert runner.run("plan", "Comment").returncode == 0
    assert [call for call in runner.state["calls"] if not call.startswith("GET")] == [
        "POST issues/7/comments",
        "PATCH issues/comments/1101",
    ]
    assert runner.state["comments"][-1]["body"].endswith("second")
    assert runner.state["comments"][:100] == OTHERS


def test_a_plan_that_is_too_long_is_linked_and_keeps_its_id(runner: Runner) -> None:
    (runner.folder / "plan.md").write_text(f"{MARKER}\n{ID}\n" + "+ line\n" * 10_000)
    assert runner.run("plan", "Comment").returncode == 0
    first, second, text = runner.state["comments"][0]["body"].splitlines()
    assert (first, second) == (MARKER, ID)
    assert "https://github.com/octo-org/octo-repo/actions/runs/1" in text


@pytest.mark.parametrize(
    ("body", "given", "found"),
    [
        (f"{MARKER}\n{ID}\ntext", "", "3f2a91c07b4e"),
        (f"{MARKER}\r\n{ID}\r\ntext", "", "3f2a91c07b4e"),
        (f"{MARKER}\n## Plan\n{ID}", "", None),
        (f"<!-- pipectl plan prod -->\n{ID}", "", None),
        (f"{MARKER}\n<!-- pipectl plan-id: $(id) -->", "", None),
        ("", "0123456789ab", "0123456789ab"),
        ("", "$(touch evil)", None),
    ],
)
def test_the_id_is_that_of_the_bot_in_the_merged_pull_request(
    runner: Runner, body: str, given: str, found: str | None
) -> None:
    bots = {"id": 500, "user": {"login": "github-actions[bot]"}, "body": body}
    runner.set(comments=[*OTHERS, bots], pulls=MERGE)
    done = runner.run("apply", "Find the reviewed plan", GIVEN=given)
    assert done.returncode == (0 if found else 1), done.stdout + done.stderr
    assert (runner.folder / "GITHUB_OUTPUT").read_text() == (f"id={found}\n" if found else "")
    assert not (runner.folder / "evil").exists()


def test_a_commit_without_a_pull_request_applies_nothing(runner: Runner) -> None:
    runner.set(pulls=MERGE[:1])
    done = runner.run("apply", "Find the reviewed plan")
    assert (done.returncode, "not the merge of a pull request" in done.stdout) == (1, True)


@pytest.mark.parametrize(("code", "result"), [("0", 0), ("3", 0), ("1", 1), ("2", 1)])
def test_changes_are_no_failure_of_the_check(runner: Runner, code: str, result: int) -> None:
    assert runner.run("plan", "Result", CODE=code).returncode == result


# AWS


def _actions(commands: Iterable[str]) -> set[str]:
    return {action for command in commands for some in COMMANDS[command].values() for action in some.split()}


def test_the_plan_role_can_write_nothing_and_read_no_orders() -> None:
    granted = _actions(CALLERS["reader"])
    assert {action for action in granted if not READING.fullmatch(action)} == set()
    denied = set(NO_ORDERS["Statement"][0]["Action"])
    assert denied <= granted
    beyond = granted - denied - _actions(("plan", "list", "outputs"))
    assert beyond == {"dynamodb:Query", "dynamodb:ListStreams", "dynamodb:GetShardIterator"}


@dataclass
class Account:
    """The pipeline's account, with one user who takes the role of each job."""

    world: World
    operator: Operator
    plan_role: PolicyDocument
    apply_role: PolicyDocument


@pytest.fixture
def account(runner: Runner, emulator: LocalEmulator) -> Account:
    """Return the account that the runner works in. Each role has only what the page grants."""
    (runner.folder / "config").mkdir()
    world = make_world(runner.folder / "config", endpoint_url=emulator.endpoint_url, account=new_account())
    world.file = world.file.rename(runner.folder / "config" / "dev.yaml")
    operator = Operator(world)
    runner.environment |= {
        "AWS_ACCESS_KEY_ID": operator.access_key,
        "AWS_SECRET_ACCESS_KEY": operator.secret_key,
        "AWS_ENDPOINT_URL": emulator.endpoint_url,
    }
    pipeline = world.context().pipeline
    reader, deployer = (policy(group, pipeline.config, pipeline.names) for group in ("reader", "deployer"))
    without_orders: Any = {**reader, "Statement": [*reader["Statement"], *NO_ORDERS["Statement"]]}
    return Account(world, operator, without_orders, deployer)


def test_a_reviewed_plan_is_applied_after_the_merge(runner: Runner, account: Account) -> None:
    account.operator.may(account.plan_role)
    planned = runner.run("plan", "Plan")
    assert (planned.returncode, runner.output("code")) == (0, "3"), planned.stderr
    assert runner.summary == (runner.folder / "plan.md").read_text()
    assert runner.run("plan", "Comment").returncode == 0
    runner.set(comments=[*OTHERS, *runner.state["comments"]], pulls=MERGE)
    assert runner.run("apply", "Find the reviewed plan").returncode == 0
    reviewed = runner.output("id")
    assert is_plan_id(reviewed)

    account.operator.may(account.apply_role)
    applied = runner.run("apply", "Apply", REVIEWED=reviewed)
    assert applied.returncode == 0, applied.stderr
    assert json.loads(applied.stdout)["plan"] == reviewed

    account.operator.may(account.plan_role)
    table = account.world.context().pipeline.physical.audit_table
    failure = audit_item("a" * 32, account.world.aws.clock.now())
    account.world.aws.dynamodb.put_item(TableName=table, Item=failure)
    differs, health = (runner.run("drift", step) for step in ("Differences from the config", "Health"))
    assert (differs.returncode, health.returncode) == (0, 3), differs.stderr + health.stderr
    assert "1 unresolved failure" in health.stdout  # its reason is in the logs, which the role cannot read


def test_a_plan_that_has_changed_is_shown_and_not_applied(runner: Runner, account: Account) -> None:
    account.operator.may(account.apply_role)
    done = runner.run("apply", "Apply", REVIEWED="3f2a91c07b4e")
    assert (done.returncode, json.loads(done.stdout)["error"]["code"]) == (1, "PlanChanged")
    assert "Plan 3f2a91c07b4e was not applied" in runner.summary
    (now,) = re.findall(r"^<!-- pipectl plan-id: (\w+) -->$", runner.summary, re.MULTILINE)
    assert is_plan_id(now)


def test_a_failed_plan_leaves_no_id_in_the_comment(runner: Runner, account: Account) -> None:
    config = account.world.file
    config.write_text(config.read_text().replace("memory: 256", "memory: 0"))
    assert runner.run("plan", "Plan").returncode == 0
    assert (runner.output("code"), runner.summary.splitlines()[0]) == ("2", MARKER)
    assert "plan-id" not in runner.summary
