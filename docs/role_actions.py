"""Why each action of the two roles is there, and what goes wrong without it.

`docs/permissions.md` shows it, and `tests/e2e/test_least_privilege.py` proves it: it takes each action away. Neither a
new action without a reason, nor a reason for an action that is gone, nor one that is wrong, gets past that test.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from pipectl.config.loading import load
from pipectl.iam.roles import Policies
from pipectl.pipeline import Pipeline

CONFIG = Path(__file__).parent.parent / "config" / "dev.yaml"
ROLES = ("processor-role", "auditor-role")


@dataclass(frozen=True)
class Use:
    """What an action is for.

    Args:
        why: What it does in the pipeline.
        without: What goes wrong once it is taken away; ``None`` where nothing does.
        because: Why it is there although nothing goes wrong.
    """

    why: str
    without: str | None = None
    because: str | None = None


_NO_STREAM = "no record reaches the processor; the mapping says that it cannot access the stream"
_NO_QUEUE = "no failure reaches the auditor, and stays in the queue"
_NO_LOG = "nothing that the function writes is logged"
_DEMANDED = "demanded by the requirements, used by nothing"

USES: Mapping[str, Use] = {
    "dynamodb:DescribeStream": Use("the mapping finds the shards", _NO_STREAM),
    "dynamodb:GetShardIterator": Use("the mapping finds its place in a shard", _NO_STREAM),
    "dynamodb:GetRecords": Use("the mapping reads the records", _NO_STREAM),
    "s3:PutObject": Use("the processor stores and quarantines orders", "an order is not stored, and fails for good"),
    "s3:PutObjectAcl": Use("nothing: objects get no ACL, the bucket takes none", because=_DEMANDED),
    "sqs:SendMessage": Use("the mapping tells what failed for good", "the failure is dropped, and counted as lost"),
    "dynamodb:PutItem": Use("the auditor writes a failure down", "the failure is not written down, the auditor fails"),
    "dynamodb:UpdateItem": Use("nothing: an audit item is written once", because=_DEMANDED),
    "dynamodb:GetItem": Use("nothing: the put itself looks whether the item is there", because=_DEMANDED),
    "sqs:GetQueueAttributes": Use("the mapping looks at the queue", _NO_QUEUE),
    "sqs:ReceiveMessage": Use("the mapping reads the queue", _NO_QUEUE),
    "sqs:DeleteMessage": Use("the mapping deletes what was audited", "the failure is audited over and over"),
    "logs:CreateLogGroup": Use("Lambda makes the log group where it is gone", _NO_LOG),
    "logs:CreateLogStream": Use("Lambda makes a log stream for each instance", _NO_LOG),
    "logs:PutLogEvents": Use("Lambda writes the log", _NO_LOG),
}

NOT_PROVEN: Mapping[str, str] = {action: use.because for action, use in USES.items() if use.because}


def role_policies(account_id: str = "123456789012", region: str = "us-east-1") -> dict[str, Policies]:
    """The inline policies of each role, by name, as `config/dev.yaml` has them made."""
    aws: Any = SimpleNamespace(region=region, account_id=account_id, partition="aws")
    resources = Pipeline(load(CONFIG), CONFIG, aws).resources()
    return {role: resources[role].desired({})["policies"] for role in ROLES}


def granted() -> list[tuple[str, str]]:
    """Each action with the role that has it."""
    return [
        (role, action)
        for role, policies in role_policies().items()
        for statements in policies.values()
        for statement in statements
        for action in statement["Action"]
    ]
