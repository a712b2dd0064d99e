"""The earliest moment at which a first `up` can end, from the delays of AWS alone.

No code of pipectl is used: the steps are the calls that AWS requires, each after those whose results it needs. A call
that AWS refuses at first counts as sent so that it arrives at the very moment at which AWS accepts it, and so does the
read that shows an awaited state.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from tests.faults.aws_delays import CHANGING, REFUSED, Changing, Refused, latency_of


@dataclass(frozen=True)
class Situation:
    """Delays of AWS that apply at the same time.

    Args:
        refused: See `tests.faults.faulty_aws.FaultyAws`.
        changing: See there.
        lags: See there.
    """

    refused: Mapping[str, Refused]
    changing: Mapping[str, Changing]
    lags: bool = False


SITUATIONS = {
    "calm": Situation({}, {}),
    "slow IAM": Situation({name: each for name, each in REFUSED.items() if "role" in name or each.of_role}, {}),
    "slowest": Situation(REFUSED, CHANGING, lags=True),
}
"""Calm: every call takes its time, is accepted at once and done at once. Slowest: each delay as long as it was seen."""


@dataclass(frozen=True)
class Step:
    """A call.

    Args:
        name: Its name.
        operation: The operation, such as ``iam:CreateRole``.
        after: The steps that end before it starts.
        subject: The resource that it is about.
        role: The role that it depends on.
        source: The event source that it names.
        shows: It reads the resource until its state has been reached.
    """

    name: str
    operation: str
    after: tuple[str, ...]
    subject: str = ""
    role: str = ""
    source: str = ""
    shows: bool = False


_ABSENT = {
    "iam:GetRole",
    "dynamodb:DescribeTable",
    "s3:HeadBucket",
    "sqs:GetQueueUrl",
    "logs:DescribeLogGroups",
    "lambda:GetFunction",
    "lambda:ListEventSourceMappings",
    "cloudwatch:DescribeAlarms",
}
"""The calls that show that nothing exists; all are sent at the same time."""
_ALIASED = "processor"


def steps() -> Iterator[Step]:
    """Yield the calls of a first `up`, in an order in which they can be sent."""
    yield Step("account", "sts:GetCallerIdentity", ())
    absent = {operation: f"nothing exists ({operation})" for operation in sorted(_ABSENT)}
    for operation, name in absent.items():
        yield Step(name, operation, ("account",))
    plan = tuple(absent.values())
    for table in ("orders-table", "audit-table"):
        yield Step(table, "dynamodb:CreateTable", plan, table)
        yield Step(f"{table} ACTIVE", "dynamodb:DescribeTable", (table,), table, shows=True)
        yield Step(f"backups of {table}", "dynamodb:UpdateContinuousBackups", (table,), table)
    yield Step("queue", "sqs:CreateQueue", plan, "queue")
    yield Step("bucket", "s3:CreateBucket", plan, "bucket")
    yield Step("versioning", "s3:PutBucketVersioning", ("bucket",), "bucket")
    yield Step("bucket policy", "s3:PutBucketPolicy", ("versioning",), "bucket")  # S3 refuses two changes at once
    yield Step("alarm", "cloudwatch:PutMetricAlarm", plan, "alarm")
    yield from _function(_ALIASED, plan, "arn:aws:dynamodb", ("orders-table ACTIVE", "queue", "bucket policy"))
    yield from _function("auditor", plan, "arn:aws:sqs", ("audit-table ACTIVE", "queue"))


def _function(name: str, plan: tuple[str, ...], source: str, others: tuple[str, ...]) -> Iterator[Step]:
    """Yield the calls for a function with its role, log group and mapping; the mapping needs ``others``, too."""
    role, policy, group, mapping = f"{name}-role", f"{name}-policy", f"{name}-log-group", f"{name}-mapping"
    yield Step(role, "iam:CreateRole", plan, role, role)
    yield Step(policy, "iam:PutRolePolicy", (role,), role, role)
    yield Step(group, "logs:CreateLogGroup", plan, group)
    yield Step(f"{name}-retention", "logs:PutRetentionPolicy", (group,), group)
    yield Step(name, "lambda:CreateFunction", (role, group), name, role)
    last = name
    if name == _ALIASED:
        last = f"{name}-alias"
        yield Step(last, "lambda:CreateAlias", (name,), name)
        yield Step(f"{name} Active", "lambda:GetFunctionConfiguration", (last,), name, shows=True)
    yield Step(mapping, "lambda:CreateEventSourceMapping", (last, policy, *others), mapping, role, source)
    yield Step(f"{mapping} Enabled", "lambda:GetEventSourceMapping", (mapping,), mapping, shows=True)


@dataclass(frozen=True)
class Moment:
    """The earliest end of a step, in seconds, and the step that decides it."""

    seconds: float
    because: str | None


def earliest(situation: Situation) -> dict[str, Moment]:
    """Return the earliest end of each step of a first `up`."""
    found: dict[str, Moment] = {}
    done: list[Step] = []
    for step in steps():
        sent = [Moment(found[each].seconds + latency_of(step.operation), each) for each in step.after]
        accepted = [
            Moment(found[each.name].seconds + delay, each.name)
            for each in done
            for delay in _delays(situation, each, step)
        ]
        first = Moment(latency_of(step.operation), None)
        found[step.name] = max([*sent, *accepted] or [first], key=lambda moment: moment.seconds)
        done.append(step)
    return found


def _delays(situation: Situation, earlier: Step, step: Step) -> Iterator[float]:
    """Yield the seconds after an earlier call before which a call is refused, or its state not reached."""
    for refused in situation.refused.values():
        about = earlier.role == step.role if refused.of_role else earlier.subject == step.subject
        refuses = step.operation in refused.operations and earlier.operation in refused.after
        if refuses and about and refused.only in step.source:
            yield refused.seconds
    for changing in situation.changing.values():
        if step.shows and earlier.operation in changing.after and earlier.subject == step.subject:
            yield changing.seconds


def earliest_end(situation: Situation) -> float:
    """Return the earliest end of a first `up`, in seconds."""
    return max(moment.seconds for moment in earliest(situation).values())


def chain(situation: Situation) -> list[str]:
    """Return the critical path: the steps that decide the earliest end, each with its moment."""
    found = earliest(situation)
    last: str | None = max(found, key=lambda name: found[name].seconds)
    path: list[str] = []
    while last is not None:
        path.append(f"{last} {found[last].seconds:.2f} s")
        last = found[last].because
    return path[::-1]
