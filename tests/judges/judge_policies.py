"""The published policies before an IAM simulator: every recorded call is allowed, and every action is needed.

`make judges` records the calls while it runs `tests/e2e/test_operator_permissions.py`. The calls of the functions,
which Lambda and the handlers make, are listed here.
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from pipectl.config.loading import load
from pipectl.config.names import Names
from pipectl.config.physical import PhysicalNames
from pipectl.iam.command_actions import CALLERS
from pipectl.iam.policies import FUNCTIONS, policy
from tests.e2e.test_operator_permissions import LEARNER, NOT_SEEN, ONE_BY_ONE
from tests.iam.role_uses import NOT_PROVEN
from tests.iam.source_actions import actions_of
from tests.judges.judge_template import JUDGES
from tests.support import REGION, ROOT, write_config

NODE = ROOT / ".venv" / "bin" / "node"
SIMULATE = Path(__file__).parent / "simulate.mjs"
RECORDED = Path(os.environ.get("RECORDED_REQUESTS", JUDGES / "requests.jsonl"))


@dataclass(frozen=True)
class Asked:
    """A question to IAM."""

    policy: str
    action: str
    resource: str
    context: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Pipeline:
    """The published policies of a pipeline, and its names."""

    policies: dict[str, Any]
    names: Names
    physical: PhysicalNames

    def actions(self, name: str) -> set[str]:
        return {action for statement in self.policies[name]["Statement"] for action in statement["Action"]}

    def answers(self, asked: Iterable[Asked]) -> dict[Asked, str]:
        """Return the result of each question."""
        questions = sorted(asked, key=repr)
        requests = [{**vars(each), "context": dict(each.context)} for each in questions]
        given = {"policies": self.policies, "account": self.names.account_id, "requests": requests}
        done = subprocess.run(
            [NODE, SIMULATE, JUDGES], input=json.dumps(given), capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        results = json.loads(done.stdout)
        return {
            question: str(result.get("errors") or result["overallResult"])
            for question, result in zip(questions, results, strict=True)
        }


@pytest.fixture(scope="module")
def pipeline(tmp_path_factory: pytest.TempPathFactory) -> Pipeline:
    config = load(write_config(tmp_path_factory.mktemp("config"), ONE_BY_ONE))
    names = Names(config.environment, config.team, config.project, REGION, LEARNER)
    policies = {name: policy(name, config, names) for name in (*FUNCTIONS, *CALLERS)}
    return Pipeline(policies, names, PhysicalNames.of(config, names))


def recorded(caller: str) -> set[Asked]:
    """Return the questions of all commands of a group of people."""
    lines = map(json.loads, RECORDED.read_text(encoding="utf-8").splitlines())
    return {
        Asked(caller, action, resource, tuple(context.items()))
        for command, action, resource, context in lines
        if command in CALLERS[caller]
    }


def of_functions(pipeline: Pipeline) -> set[Asked]:
    """Return the questions of the two functions: those of Lambda's pollers, of the handlers and of their logs."""
    names, physical = pipeline.names, pipeline.physical
    stream = f"{names.stream_prefix(physical.orders_table)}2026-01-31T12:00:00.000"
    queue, bucket = names.queue_arn(physical.queue), names.bucket_arn(physical.bucket)
    asked = {Asked("processor", f"dynamodb:{each}", stream) for each in ("DescribeStream", "GetShardIterator")}
    asked |= {Asked("processor", "dynamodb:GetRecords", stream), Asked("processor", "sqs:SendMessage", queue)}
    asked |= {
        Asked("processor", "s3:PutObject", f"{bucket}/{prefix}/key") for prefix in ("processed-data", "failed-data")
    }
    asked |= {
        Asked("auditor", f"sqs:{each}", queue) for each in ("ReceiveMessage", "DeleteMessage", "GetQueueAttributes")
    }
    asked.add(Asked("auditor", "dynamodb:PutItem", names.table_arn(physical.audit_table)))
    for function, log_group in (("processor", physical.processor_log_group), ("auditor", physical.auditor_log_group)):
        group = names.log_group_arn(log_group)
        asked.add(Asked(function, "logs:CreateLogGroup", group))
        asked |= {
            Asked(function, f"logs:{each}", f"{group}:log-stream:1") for each in ("CreateLogStream", "PutLogEvents")
        }
    return asked


@pytest.mark.parametrize("caller", CALLERS)
def test_every_recorded_call_is_allowed_and_every_action_is_needed(pipeline: Pipeline, caller: str) -> None:
    asked = recorded(caller)
    answers = pipeline.answers(asked)
    print(f"{caller}: {len(asked)} questions, {len(pipeline.actions(caller))} actions")
    assert {question: answer for question, answer in answers.items() if answer != "Allowed"} == {}
    used = {question.action for question in asked}
    rare = {action for action, not_seen in NOT_SEEN.items() if set(CALLERS[caller]) & set(not_seen.commands)}
    assert pipeline.actions(caller) == actions_of(CALLERS[caller])
    assert pipeline.actions(caller) - used <= rare


def test_every_call_of_the_functions_is_allowed_and_every_action_is_needed(pipeline: Pipeline) -> None:
    asked = of_functions(pipeline)
    answers = pipeline.answers(asked)
    print(f"functions: {len(asked)} questions")
    assert {question: answer for question, answer in answers.items() if answer != "Allowed"} == {}
    for function in FUNCTIONS:
        used = {question.action for question in asked if question.policy == function}
        assert pipeline.actions(function) - used == pipeline.actions(function) & NOT_PROVEN.keys()


def test_another_resource_and_another_function_are_denied(pipeline: Pipeline) -> None:
    names = pipeline.names
    other = names.function_arn("somebody-elses")
    mapping = names.mapping_arn("2b1c8f3e-0000-4000-8000-000000000000")
    of_other = (("lambda:FunctionArn", other),)
    asked = [
        Asked("deployer", "lambda:UpdateFunctionCode", other),
        Asked("deployer", "lambda:DeleteEventSourceMapping", mapping, of_other),
        Asked("deployer", "lambda:CreateEventSourceMapping", "*", of_other),
        Asked("deployer", "iam:PassRole", names.role_arn("admin"), (("iam:PassedToService", "lambda.amazonaws.com"),)),
        Asked(
            "deployer",
            "iam:PassRole",
            names.role_arn(pipeline.physical.processor_role),
            (("iam:PassedToService", "ec2.amazonaws.com"),),
        ),
        Asked("deployer", "s3:DeleteObject", f"{names.bucket_arn('other')}/key"),
        Asked("reader", "lambda:InvokeFunction", names.function_arn(pipeline.physical.processor)),
        Asked("on-call", "sqs:DeleteQueue", names.queue_arn(pipeline.physical.queue)),
        Asked("processor", "s3:PutObject", f"{names.bucket_arn(pipeline.physical.bucket)}/elsewhere/key"),
        Asked("auditor", "dynamodb:PutItem", names.table_arn(pipeline.physical.orders_table)),
    ]
    answers = pipeline.answers(asked)
    assert {question: answer for question, answer in answers.items() if answer != "ImplicitlyDenied"} == {}
