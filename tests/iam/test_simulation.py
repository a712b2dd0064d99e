"""IAM's answer to which published actions a caller lacks, on the local emulator."""

from __future__ import annotations

from pathlib import Path

from pipectl.iam.places import places_of
from pipectl.iam.policies import policy
from pipectl.iam.simulation import denied_by_group
from pipectl.local.home import LocalEmulator
from tests.e2e.operator import Operator
from tests.support import make_world, new_account


def test_the_actions_that_each_group_lacks(emulator: LocalEmulator, tmp_path: Path) -> None:
    world = make_world(tmp_path, endpoint_url=emulator.endpoint_url, account=new_account())
    pipeline = world.context().pipeline
    operator = Operator(world)
    operator.may(policy("reader", pipeline.config, pipeline.names))
    places = places_of(pipeline.config, pipeline.names)
    arn = f"arn:aws:iam::{world.aws.account_id}:user/operator"

    denied = denied_by_group(world.aws, arn, places, lambda: None)
    assert denied["reader"] == set()
    assert {"lambda:InvokeFunction", "dynamodb:UpdateItem"} <= denied["on-call"]
    assert "lambda:CreateFunction" in denied["deployer"]

    operator.may(policy("on-call", pipeline.config, pipeline.names))
    # The local emulator ignores the context of a simulation, which the condition on mappings needs.
    assert denied_by_group(world.aws, arn, places, lambda: None)["on-call"] == {"lambda:UpdateEventSourceMapping"}
    root = f"arn:aws:iam::{world.aws.account_id}:root"
    assert not any(denied_by_group(world.aws, root, places, lambda: None).values())
