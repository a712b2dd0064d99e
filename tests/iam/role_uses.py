"""The use of each action of the two roles, and what breaks without it.

`tests/e2e/test_least_privilege.py` proves it by taking each action away from a running pipeline.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from pipectl.config.loading import load
from pipectl.config.names import Names
from pipectl.iam.policies import FUNCTIONS
from pipectl.policy_document import Statement
from tests.support import ACCOUNT, DEV_CONFIG, REGION


@dataclass(frozen=True)
class Use:
    """The use of an action.

    Args:
        why: What it does in the pipeline.
        without: What breaks without it; ``None`` where nothing does.
        because: Why it is granted although nothing breaks.
    """

    why: str
    without: str | None = None
    because: str | None = None


_NO_STREAM = "no record reaches the processor; the mapping reports that it cannot access the stream"
_NO_QUEUE = "no failure reaches the auditor; it stays in the queue"
_NO_LOG = "nothing that the function writes is logged"
_REQUIRED = "listed in the requirements, used by nothing"

USES: Mapping[str, Use] = {
    "dynamodb:DescribeStream": Use("the mapping finds the shards", _NO_STREAM),
    "dynamodb:GetShardIterator": Use("the mapping finds its position in a shard", _NO_STREAM),
    "dynamodb:GetRecords": Use("the mapping reads the records", _NO_STREAM),
    "s3:PutObject": Use("the processor stores and quarantines orders", "the order is not stored and ends in the queue"),
    "s3:PutObjectAcl": Use("nothing: objects get no ACL, the bucket takes none", because=_REQUIRED),
    "sqs:SendMessage": Use("the mapping reports failures", "the failure is dropped and counted as undelivered"),
    "dynamodb:PutItem": Use("the auditor writes the audit item", "no audit item is written, the auditor fails"),
    "dynamodb:UpdateItem": Use("nothing: an audit item is written once", because=_REQUIRED),
    "dynamodb:GetItem": Use("nothing: the condition of the put finds an item that exists", because=_REQUIRED),
    "sqs:GetQueueAttributes": Use("the mapping checks the queue", _NO_QUEUE),
    "sqs:ReceiveMessage": Use("the mapping reads the queue", _NO_QUEUE),
    "sqs:DeleteMessage": Use("the mapping deletes what was audited", "the failure is audited again and again"),
    "logs:CreateLogGroup": Use("Lambda creates the log group where it is missing", _NO_LOG),
    "logs:CreateLogStream": Use("Lambda creates a log stream for each instance", _NO_LOG),
    "logs:PutLogEvents": Use("Lambda writes the log", _NO_LOG),
}

NOT_PROVEN: Mapping[str, str] = {action: use.because for action, use in USES.items() if use.because}


def role_statements(account_id: str = ACCOUNT) -> dict[str, list[Statement]]:
    """Return the statements of each function's role, with `config/dev.yaml`."""
    config = load(DEV_CONFIG)
    names = Names(config.environment, config.team, config.project, REGION, account_id)
    return {function: statements(config, names) for function, statements in FUNCTIONS.items()}


def granted() -> list[tuple[str, str]]:
    """Return each function with each action that it has."""
    return [
        (function, action)
        for function, statements in role_statements().items()
        for statement in statements
        for action in statement["Action"]
    ]
