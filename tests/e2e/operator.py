"""Somebody who runs pipectl on the local emulator with a policy of their own, and what they learn from being denied."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from pipectl.aws.client import Aws, Call, Credentials
from pipectl.aws.errors import iam_actions
from pipectl.clock import SystemClock
from pipectl.context import Context
from pipectl.errors import PipectlError
from tests.support import REGION, ROOT, Recorder, World

sys.path.insert(0, str(ROOT / "docs"))
from operator_policies import actions_of, policy

USER = "operator"
_DENIED = re.compile(r"not authorized to perform: ([a-z0-9]+:\w+)")
_NEEDED = re.compile(r"the caller needs ([a-z0-9]+:\w+)")


def metric(aws: Aws, name: str, function: str) -> int:
    """The sum of one of Lambda's metrics of a function over the last minutes."""
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
    """Real time, in which nobody waits for long before looking again."""

    def sleep(self, seconds: float) -> None:
        super().sleep(min(seconds, 0.01))


@dataclass
class Operator:
    """An IAM user in the account of a world, who at first may do nothing.

    Args:
        world: Where.
        learned: The actions that an error named, without which something failed.
        calls: All calls made.
    """

    world: World
    learned: set[str] = field(default_factory=set)
    calls: list[Call] = field(default_factory=list)
    access_key: str = field(init=False)
    secret_key: str = field(init=False)

    def __post_init__(self) -> None:
        iam = self.world.aws.iam
        iam.create_user(UserName=USER)
        made = iam.create_access_key(UserName=USER)["AccessKey"]
        self.access_key, self.secret_key = made["AccessKeyId"], made["SecretAccessKey"]
        credentials = Credentials(self.access_key, self.secret_key)
        endpoint_url = self.world.aws.endpoint_url
        self._aws = Aws(
            REGION, endpoint_url=endpoint_url, credentials=credentials, clock=QuickClock(), on_call=self.calls.append
        )

    def context(self) -> Context:
        return Context(self.world.config, self.world.file, self._aws, Recorder())

    def asked(self) -> set[str]:
        """The actions of all calls made."""
        return {action for call in self.calls for action in iam_actions(call.service, call.operation)}

    def may(self, document: dict[str, Any]) -> None:
        """Have this policy and no other."""
        iam = self.world.aws.iam
        if document["Statement"]:
            iam.put_user_policy(UserName=USER, PolicyName="work", PolicyDocument=json.dumps(document))
        elif iam.list_user_policies(UserName=USER)["PolicyNames"]:
            iam.delete_user_policy(UserName=USER, PolicyName="work")

    def learn(self, command: str, work: Callable[[Context], object]) -> None:
        """Do a command's work again and again, each time allowed what the last time it failed for the want of.

        What was learned with another command is allowed from the beginning, but never more than the policy for
        ``command`` allows, and nowhere else. At the end nothing is denied, and ``learned`` has grown.

        Args:
            command: One of the page's.
            work: Its work.
        """
        while True:
            self.may(policy([command], self.world.context().pipeline, only=self.learned))
            error: PipectlError | None = None
            try:
                said = str(work(self.context()))
            except PipectlError as raised:
                error, said = raised, f"{raised.message} {raised.hint}"
            named = set(_DENIED.findall(said)) or set(_NEEDED.findall(said))
            if new := (named & actions_of([command])) - self.learned:
                self.learned |= new
            elif error:
                raise error
            else:
                return
