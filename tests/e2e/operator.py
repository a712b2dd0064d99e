"""An IAM user who runs pipectl on the local emulator, and the questions that AWS asks IAM about their calls."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

from botocore.exceptions import ClientError

from pipectl.aws.calls import Call, Parameters
from pipectl.aws.client import Aws, Credentials
from pipectl.clock import SystemClock
from pipectl.context import Context
from pipectl.iam.places import places_of
from pipectl.iam.policies import caller_policy
from pipectl.policy_document import PolicyDocument
from tests.constraints import check_request
from tests.empty_pages import repeating_empty_pages
from tests.iam.requests import Questions, Request
from tests.support import REGION, Recorder, World

USER = "operator"


def metric(aws: Aws, name: str, function: str) -> int:
    """Return the sum of one of Lambda's metrics of a function over the last minutes."""
    now = aws.clock.now()
    answer = aws.cloudwatch.get_metric_statistics(
        Namespace="AWS/Lambda",
        MetricName=name,
        Dimensions=[{"Name": "FunctionName", "Value": function}],
        StartTime=now - timedelta(minutes=10),
        EndTime=now + timedelta(minutes=1),
        Period=3600,
        Statistics=["Sum"],
    )
    return int(sum(point["Sum"] for point in answer["Datapoints"]))


class QuickClock(SystemClock):
    """Real time, or a later one, with short sleeps between polls."""

    ahead = timedelta()

    def now(self) -> datetime:
        return super().now() + self.ahead

    def sleep(self, seconds: float) -> None:
        super().sleep(min(seconds, 0.01))


def record(command: str, requests: set[Request]) -> None:
    """Write the questions of a command to the file that ``RECORDED_REQUESTS`` names, for `make judges`."""
    if file := os.environ.get("RECORDED_REQUESTS"):
        lines = [json.dumps([command, each.action, each.resource, dict(each.context)]) for each in requests]
        with Path(file).open("a", encoding="utf-8") as opened:
            opened.writelines(f"{line}\n" for line in sorted(lines))


@dataclass
class Operator:
    """An IAM user in the account of a world, at first without any permission.

    Args:
        world: The config and the account.
        requests: What AWS asks IAM for the calls that were allowed.
        denied: The calls that were denied.
    """

    world: World
    requests: set[Request] = field(default_factory=set)
    denied: list[Call] = field(default_factory=list)
    clock: QuickClock = field(default_factory=QuickClock)
    access_key: str = field(init=False)
    secret_key: str = field(init=False)

    def __post_init__(self) -> None:
        iam = self.world.aws.iam
        iam.create_user(UserName=USER)
        made = iam.create_access_key(UserName=USER)["AccessKey"]
        self.access_key, self.secret_key = made["AccessKeyId"], made["SecretAccessKey"]
        credentials = Credentials(self.access_key, self.secret_key)
        self._questions = Questions(REGION, self.world.aws.account_id)
        self._aws = Aws(
            REGION,
            endpoint_url=self.world.aws.endpoint_url,
            credentials=credentials,
            clock=self.clock,
            attempt=repeating_empty_pages(self._attempt),
        )

    def _attempt(self, call: Call, parameters: Parameters, send: Callable[[], object]) -> object:
        """Send a call, and keep its questions unless it is denied."""
        try:
            answer = check_request(call, parameters, send)
        except ClientError as error:
            if "AccessDenied" in error.response["Error"]["Code"]:
                self.denied.append(call)
            else:
                self.requests.update(self._questions.of(call, parameters))
            raise
        self._questions.learn(call, parameters, answer)
        self.requests.update(self._questions.of(call, parameters))
        return answer

    def context(self) -> Context:
        return Context(self.world.config, self.world.file, self._aws, Recorder())

    def may(self, document: PolicyDocument) -> None:
        """Give the user this policy and no other."""
        iam = self.world.aws.iam
        if document["Statement"]:
            iam.put_user_policy(UserName=USER, PolicyName="work", PolicyDocument=json.dumps(document))
        elif iam.list_user_policies(UserName=USER)["PolicyNames"]:
            iam.delete_user_policy(UserName=USER, PolicyName="work")

    def run(self, command: str, work: Callable[[Context], object]) -> None:
        """Run a command's work with the published permissions of this command alone, which have to be enough.

        Args:
            command: A key of `COMMANDS`.
            work: The command's work.
        """
        pipeline = self.world.context().pipeline
        self.may(caller_policy([command], places_of(pipeline.config, pipeline.names)))
        work(self.context())

    def used(self, command: str) -> set[str]:
        """Return the actions that the command's calls needed, record their questions, and clear them."""
        record(command, self.requests)
        actions = {request.action for request in self.requests}
        self.requests.clear()
        return actions
