"""Physical names, ARNs and tags, computed from the config, the account and the region."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

MANAGED_BY = "pipectl"
REGION_TAG = "Region"
"""On roles: the region of the pipeline that they serve."""
RESERVED_TAGS = ("Environment", "Team", "Project", "ManagedBy", REGION_TAG)
CODE_TAG = "CodeContentSha256"
"""Tag of a function: the hash of its package's contents, where the zip differs between machines."""
LIVE_ALIAS = "live"
"""The processor's alias, which the stream mapping and replays invoke. It names the version that is in use."""
PAUSED_SINCE = "PausedSince"
PAUSED_BY = "PausedBy"
PAUSE_TAGS = (PAUSED_SINCE, PAUSED_BY)
CATCHING_UP_SINCE = "CatchingUpSince"
"""Tag of a stream mapping: it reads a backlog, and the maximum record age is not in force."""
UNRESOLVED_INDEX_TAG = "UnresolvedIndex"
"""Tag of the audit table: each unresolved failure in it has the attribute of the index `UNRESOLVED_INDEX`."""
SET_BY_PIPECTL = (*RESERVED_TAGS, *PAUSE_TAGS, CATCHING_UP_SINCE, UNRESOLVED_INDEX_TAG, CODE_TAG)
"""All tags that the config cannot set."""
ACCOUNT_ID = "{account_id}"
"""The place of the account's id in values of the config."""
AWS_ACCOUNT = "aws"
"""The account in the ARNs of policies that AWS manages."""
FAILURE_TYPE_INDEX = "failure-type-index"
"""The index of the audit table: its failures by type and time."""
UNRESOLVED_INDEX = "unresolved-index"
"""The index of the audit table that holds only its unresolved failures, by time."""
BUCKET_OWNER = "BUCKET_OWNER"
"""The environment variable of the processor with the account that must own its bucket."""
OWNERSHIP_TAGS = ("ManagedBy", "Project", "Environment")


@dataclass(frozen=True)
class NameRule:
    """The names that a service allows. ``words`` has the rule in words, for the error message."""

    shape: re.Pattern[str]
    longest: int
    words: str

    def problem(self, name: str) -> str | None:
        """Return the problem of ``name`` in words; ``None`` when it is valid."""
        if len(name) > self.longest:
            return f"{name!r} has {len(name)} characters; {self.words}"
        if not self.shape.fullmatch(name):
            return f"{name!r} is not allowed; {self.words}"
        return None


NAME_RULES: Mapping[str, NameRule] = {
    "role": NameRule(re.compile(r"[\w+=,.@-]+", re.ASCII), 64, "IAM allows 1 to 64 letters, digits and +=,.@_-"),
    "table": NameRule(re.compile(r"[a-zA-Z0-9_.-]{3,}"), 255, "DynamoDB allows 3 to 255 letters, digits and _.-"),
    "bucket": NameRule(
        re.compile(
            r"(?!xn--|sthree-|amzn-s3-demo-)(?!.*\.\.)(?!\d+\.\d+\.\d+\.\d+$)(?!.*(-s3alias|--ol-s3|\.mrap|--x-s3|--table-s3)$)"
            r"[a-z0-9][a-z0-9.-]+[a-z0-9]"
        ),
        63,
        "S3 allows 3 to 63 lowercase letters, digits, dots and hyphens, the first and the last a letter or digit, no "
        "two dots in a row; it reserves xn--, sthree- and amzn-s3-demo- at the beginning, and -s3alias, --ol-s3, .mrap,"
        " --x-s3 and --table-s3 at the end",
    ),
    "queue": NameRule(re.compile(r"[A-Za-z0-9_-]+"), 80, "SQS allows 1 to 80 letters, digits, hyphens and underscores"),
    "function": NameRule(re.compile(r"[A-Za-z0-9_-]+"), 64, "Lambda allows 1 to 64 letters, digits, - and _"),
    "alarm": NameRule(re.compile(r"[\x20-\x7e]+"), 255, "CloudWatch allows 1 to 255 characters"),
    "log-group": NameRule(re.compile(r"[A-Za-z0-9_/.#-]+"), 512, "CloudWatch Logs allows 1 to 512 of A-Za-z0-9_-/.#"),
}


_TAG_SIGNS = ".:/=+-@_"


def tag_problem(key: str, value: str) -> str | None:
    """Return the reason for which AWS refuses this tag; ``None`` when it is valid.

    Source: "Tag naming limits and requirements" in the AWS Tagging guide.
    """
    if not 1 <= len(key) <= 128:
        return f"a tag's key has 1 to 128 characters, not {len(key)}"
    if len(value) > 256:
        return f"a tag's value has at most 256 characters, not {len(value)}"
    if key.lower().startswith("aws:"):
        return "tags that begin with 'aws:' are reserved by AWS"
    for what, text in (("key", key), ("value", value)):
        if wrong := sorted({c for c in text if not _taggable(c)}):
            signs = " ".join(map(repr, wrong))
            return f"a tag's {what} may have letters, digits, spaces and {_TAG_SIGNS}, but not {signs}"
    return None


def _taggable(character: str) -> bool:
    """Report whether the character is a letter, number or separator of any script, or an allowed sign."""
    return character in _TAG_SIGNS or unicodedata.category(character)[0] in "LNZ"


def action_problems(actions: Collection[str], region: str) -> Iterator[tuple[int, str]]:
    """Return the index and the problem of each alarm action that is in another region: CloudWatch refuses it."""
    for index, arn in enumerate(actions):
        of_action = arn.split(":")[3]
        if of_action not in ("", region):
            yield index, f"is {arn!r}, which is in {of_action}; the alarms are in {region}, and need actions there"


def boundary_problem(policy: str | None, account_id: str) -> str | None:
    """Return the problem of a permissions boundary that is a policy of another account: IAM refuses it."""
    owner = policy.split(":")[4] if policy else AWS_ACCOUNT
    if owner in (AWS_ACCOUNT, ACCOUNT_ID, account_id):
        return None
    return f"is {policy!r}, a policy of account {owner}; IAM allows policies of account {account_id} and of AWS"


@dataclass(frozen=True)
class Names:
    """Names and ARNs of one pipeline in one account and region."""

    environment: str
    team: str
    project: str
    region: str
    account_id: str
    partition: str = "aws"

    def from_template(self, resource: str) -> str:
        """Return ``<environment>-<resource>-<team>``, with ``{account_id}`` in the resource replaced."""
        filled = resource.replace(ACCOUNT_ID, self.account_id)
        return f"{self.environment}-{filled}-{self.team}"

    def tags(self, own: Mapping[str, str]) -> dict[str, str]:
        """Return the tags of every resource: those of pipectl and those of the config."""
        return {
            **own,
            "Environment": self.environment,
            "Team": self.team,
            "Project": self.project,
            "ManagedBy": MANAGED_BY,
        }

    def ownership(self) -> dict[str, str]:
        """Return the tags that mark a managed resource."""
        tags = self.tags({})
        return {key: tags[key] for key in OWNERSHIP_TAGS}

    def table_arn(self, table: str) -> str:
        return self._arn("dynamodb", f"table/{table}")

    def stream_prefix(self, table: str) -> str:
        """Return the beginning of the ARNs of all streams that a table has had."""
        return f"{self.table_arn(table)}/stream/"

    def indexes_arn(self, table: str) -> str:
        """Return the ARN of all indexes of a table. Each of them holds the items of that table only."""
        return f"{self.table_arn(table)}/index/*"

    def bucket_arn(self, bucket: str) -> str:
        return f"arn:{self.partition}:s3:::{bucket}"

    def queue_arn(self, queue: str) -> str:
        return self._arn("sqs", queue)

    def role_arn(self, role: str) -> str:
        return f"arn:{self.partition}:iam::{self.account_id}:role/{role}"

    def policy_arn(self, policy: str | None) -> str | None:
        """Return the ARN of an IAM policy in the config, with ``{account_id}`` replaced."""
        return policy.replace(ACCOUNT_ID, self.account_id) if policy else None

    def function_arn(self, function: str) -> str:
        return self._arn("lambda", f"function:{function}")

    def live_arn(self, function: str) -> str:
        """Return the ARN of a function's alias `LIVE_ALIAS`."""
        return f"{self.function_arn(function)}:{LIVE_ALIAS}"

    def mapping_arn(self, uuid: str) -> str:
        return self._arn("lambda", f"event-source-mapping:{uuid}")

    def alarm_arn(self, alarm: str) -> str:
        return self._arn("cloudwatch", f"alarm:{alarm}")

    def log_group_arn(self, log_group: str) -> str:
        return self._arn("logs", f"log-group:{log_group}")

    def _arn(self, service: str, resource: str) -> str:
        return f"arn:{self.partition}:{service}:{self.region}:{self.account_id}:{resource}"


def log_group_of(function: str) -> str:
    """Return the log group to which Lambda writes the output of a function."""
    return f"/aws/lambda/{function}"
