"""Least privilege of the two roles: each action is taken away from the running pipeline, which breaks.

Actions that are granted for another reason are named, with the reason, in `tests/iam/role_uses.py`. They break nothing.
"""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from pipectl.commands.down import down
from pipectl.commands.up import up
from pipectl.iam.policies import FUNCTIONS
from pipectl.iam.roles import POLICY_NAMES
from pipectl.local.home import LocalEmulator
from pipectl.policy_document import document
from tests.e2e.operator import metric
from tests.iam.role_uses import NOT_PROVEN, USES, granted, role_statements
from tests.support import World, make_world, new_account, yes

pytestmark = [pytest.mark.emulator, pytest.mark.xdist_group("least privilege")]

ACCOUNT = new_account()
ONE_BY_ONE = {"stream-mapping": {"batch_size": 1, "retry_attempts": 0}, "queue-mapping": {"batch_size": 1}}
BOUND = 20
NO_STREAM = "PROBLEM: Cannot access stream"

Check = Callable[[], bool]
Attempt = tuple[Check, Check]
"""Two checks of something that was started: it has failed in the expected way; it has succeeded."""


class Scene:
    """A running pipeline: put orders and failures into it, and read the outcome."""

    def __init__(self, world: World, log: Path) -> None:
        self.world = world
        self._log = log
        self.aws = world.aws
        self.names = world.context().pipeline.physical
        self.queue_url = self.aws.sqs.get_queue_url(QueueName=self.names.queue)["QueueUrl"]
        self._numbers = itertools.count()
        self._stored: dict[str, str] = {}
        # A message that the auditor could not handle comes back after a second, not after minutes.
        self.aws.sqs.set_queue_attributes(QueueUrl=self.queue_url, Attributes={"VisibilityTimeout": "1"})

    @contextmanager
    def without(self, taken: list[tuple[str, str]]) -> Iterator[None]:
        """Take actions away from functions, give them back at the end, and wait until the queue is empty."""
        self._put_policies(taken)
        yield
        self._put_policies([])
        self.aws.wait(lambda: self.waiting() == 0, "the queue to be empty", BOUND)

    def name_of(self, function: str) -> str:
        return self.names.processor if function == "processor" else self.names.auditor

    def write(self, amount: Any) -> str:
        order = f"order-{next(self._numbers)}"
        item = {"orderId": {"S": order}, "amount": amount}
        self.aws.dynamodb.put_item(TableName=self.names.orders_table, Item=item)
        return order

    def fail(self) -> str:
        """Send a failure's message to the queue and return its id."""
        return self.aws.sqs.send_message(QueueUrl=self.queue_url, MessageBody="a failure")["MessageId"]

    def stored(self, order: str) -> bool:
        s3, bucket = self.aws.s3, self.names.bucket
        listed = s3.list_objects_v2(Bucket=bucket, Prefix="processed-data/").get("Contents", [])
        for key in {entry["Key"] for entry in listed} - self._stored.keys():
            body = json.loads(s3.get_object(Bucket=bucket, Key=key)["Body"].read())
            self._stored[key] = body["keys"]["orderId"]
        return order in self._stored.values()

    def audited(self) -> list[str]:
        """Return the message ids of all audit items."""
        items = self.aws.dynamodb.scan(TableName=self.names.audit_table)["Items"]
        return [item["message"]["M"]["messageId"]["S"] for item in items]

    def waiting(self) -> int:
        names: Any = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        answer = self.aws.sqs.get_queue_attributes(QueueUrl=self.queue_url, AttributeNames=names)["Attributes"]
        return sum(map(int, answer.values()))

    def result(self) -> str:
        """Return the last processing result of the stream mapping. A mapping of a queue has none."""
        processor = self.names.processor
        [found] = self.aws.lambda_.list_event_source_mappings(FunctionName=f"{processor}:live")["EventSourceMappings"]
        return found.get("LastProcessingResult", "")

    def refusals(self) -> int:
        """Count how often the local emulator was not allowed to read the queue."""
        refusal = rf"cannot read arn:aws:sqs:\S+:{ACCOUNT}:{re.escape(self.names.queue)}: .*AccessDenied"
        return len(re.findall(refusal, self._log.read_text()))

    def metric(self, name: str, function: str) -> int:
        return metric(self.aws, name, function)

    def lines(self, function: str) -> int:
        """Count the lines of the function's log group; 0 when it does not exist."""
        groups = self.aws.logs.describe_log_groups(logGroupNamePrefix=f"/aws/lambda/{function}")["logGroups"]
        pages = [self.aws.logs.filter_log_events(logGroupName=group["logGroupName"]) for group in groups]
        return sum(len(page["events"]) for page in pages)

    def _put_policies(self, taken: list[tuple[str, str]]) -> None:
        for function, statements in role_statements(ACCOUNT).items():
            gone = {action for owner, action in taken if owner == function}
            left = [each | {"Action": [a for a in each["Action"] if a not in gone]} for each in statements]
            policy = json.dumps(document([each for each in left if each["Action"]]))
            role = self.world.context().resources[f"{function}-role"].name
            self.aws.iam.put_role_policy(RoleName=role, PolicyName=POLICY_NAMES[function], PolicyDocument=policy)


def reading(scene: Scene, function: str) -> Attempt:
    order = scene.write({"N": "1"})
    return lambda: scene.result().startswith(NO_STREAM), lambda: scene.stored(order)


def storing(scene: Scene, function: str) -> Attempt:
    failures, order = len(scene.audited()), scene.write({"N": "1"})
    return lambda: len(scene.audited()) > failures, lambda: scene.stored(order)


def sending_failures(scene: Scene, function: str) -> Attempt:
    lost = scene.metric("DestinationDeliveryFailures", scene.names.processor)
    failures = len(scene.audited())
    scene.write({"S": "poison"})
    return (
        lambda: scene.metric("DestinationDeliveryFailures", scene.names.processor) > lost,
        lambda: len(scene.audited()) > failures,
    )


def auditing(scene: Scene, function: str) -> Attempt:
    errors, message = scene.metric("Errors", scene.names.auditor), scene.fail()
    return lambda: scene.metric("Errors", scene.names.auditor) > errors, lambda: message in scene.audited()


def receiving(scene: Scene, function: str) -> Attempt:
    refusals, message = scene.refusals(), scene.fail()
    return lambda: scene.refusals() > refusals, lambda: message in scene.audited()


def deleting(scene: Scene, function: str) -> Attempt:
    """Count invocations: a message that is not deleted is audited twice."""
    audits, message = scene.metric("Invocations", scene.names.auditor), scene.fail()
    return (
        lambda: scene.metric("Invocations", scene.names.auditor) > audits + 1,
        lambda: message in scene.audited() and scene.waiting() == 0,
    )


def logging(scene: Scene, function: str) -> Attempt:
    """Count log lines: the log is written before the invocation answers."""
    name = scene.name_of(function)
    lines = scene.lines(name)
    scene.aws.lambda_.invoke(FunctionName=name, Payload=b'{"Records": []}')
    return lambda: scene.lines(name) == lines, lambda: scene.lines(name) > lines


def creating_the_log_group(scene: Scene, function: str) -> Attempt:
    name = scene.name_of(function)
    if scene.lines(name):
        scene.aws.logs.delete_log_group(logGroupName=f"/aws/lambda/{name}")
    return logging(scene, function)


def creating_the_log_stream(scene: Scene, function: str) -> Attempt:
    """Delete the log streams: each process of a function creates its own once, and writes to it from then on."""
    group = f"/aws/lambda/{scene.name_of(function)}"
    for stream in scene.aws.logs.describe_log_streams(logGroupName=group)["logStreams"]:
        scene.aws.logs.delete_log_stream(logGroupName=group, logStreamName=stream["logStreamName"])
    return logging(scene, function)


PARTS: dict[str, Callable[[Scene, str], Attempt]] = {
    "dynamodb:DescribeStream": reading,
    "dynamodb:GetShardIterator": reading,
    "dynamodb:GetRecords": reading,
    "s3:PutObject": storing,
    "sqs:SendMessage": sending_failures,
    "dynamodb:PutItem": auditing,
    "sqs:GetQueueAttributes": receiving,
    "sqs:ReceiveMessage": receiving,
    "sqs:DeleteMessage": deleting,
    "logs:CreateLogGroup": creating_the_log_group,
    "logs:CreateLogStream": creating_the_log_stream,
    "logs:PutLogEvents": logging,
}
"""The part of the pipeline that needs an action."""


@pytest.fixture(scope="module")
def scene(emulator: LocalEmulator, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    world = make_world(
        tmp_path_factory.mktemp("least"), ONE_BY_ONE, endpoint_url=emulator.endpoint_url, account=ACCOUNT
    )
    up(world.context(), yes)
    yield Scene(world, emulator.log)
    down(world.context(), yes, delete_data=True)


def test_every_action_has_a_use_and_a_proof_or_a_reason() -> None:
    actions = {action for _, action in granted()}
    assert actions == USES.keys()
    assert actions == PARTS.keys() | NOT_PROVEN.keys()
    assert not PARTS.keys() & NOT_PROVEN.keys()
    assert all((use.without is None) != (use.because is None) for use in USES.values())


@pytest.mark.parametrize(("function", "action"), [pair for pair in granted() if pair[1] not in NOT_PROVEN])
def test_the_pipeline_breaks_without_an_action_and_works_with_it(scene: Scene, function: str, action: str) -> None:
    with scene.without([(function, action)]):
        broken, whole = PARTS[action](scene, function)
        scene.aws.wait(broken, f"the failure without {action}", BOUND)
        assert not whole()
    _, whole = PARTS[action](scene, function)
    scene.aws.wait(whole, f"the success with {action}", BOUND)


def test_actions_without_a_proof_break_nothing(scene: Scene) -> None:
    """An action that broke something would need a proof."""
    with scene.without([(function, action) for function in FUNCTIONS for action in NOT_PROVEN]):
        for function in FUNCTIONS:
            for part in dict.fromkeys(PARTS.values()):
                _, whole = part(scene, function)
                scene.aws.wait(whole, part.__name__, BOUND)
