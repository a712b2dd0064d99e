"""Least privilege of the two roles, proven: each action is taken away from the running pipeline, which breaks.

What is there for another reason is named, with the reason, in `docs/role_actions.py`, and has to break nothing.
"""

from __future__ import annotations

import itertools
import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from pipectl.commands.down import down
from pipectl.commands.up import up
from pipectl.local.lifecycle import LocalEmulator
from pipectl.policy_document import document
from tests.e2e.operator import metric
from tests.support import ROOT, World, make_world, yes

sys.path.insert(0, str(ROOT / "docs"))
from role_actions import NOT_PROVEN, ROLES, USES, granted, role_policies

pytestmark = [pytest.mark.emulator, pytest.mark.xdist_group("least privilege")]

ACCOUNT = "800000000001"
ONE_BY_ONE = {"stream-mapping": {"batch_size": 1, "retry_attempts": 0}, "queue-mapping": {"batch_size": 1}}
BOUND = 20
NO_STREAM, NO_QUEUE = "PROBLEM: Cannot access stream", "PROBLEM: Cannot access queue"

Told = Callable[[], bool]
Attempt = tuple[Told, Told]
"""Something was set going: whether it has gone wrong in the one way, and whether it has gone well."""


class Scene:
    """A running pipeline, orders and failures put into it, and what became of them."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.aws = world.aws
        self.names = world.context().pipeline.physical
        self.queue_url = self.aws.sqs.get_queue_url(QueueName=self.names.queue)["QueueUrl"]
        self._numbers = itertools.count()
        # What a function could not do is tried again after a second, not after minutes.
        self.aws.sqs.set_queue_attributes(QueueUrl=self.queue_url, Attributes={"VisibilityTimeout": "1"})

    @contextmanager
    def without(self, taken: list[tuple[str, str]]) -> Iterator[None]:
        """Actions taken away from roles, and given back, until all that had come to a stop has gone on."""
        self._put_policies(taken)
        yield
        self._put_policies([])
        self.aws.wait(lambda: self.waiting() == 0, "the queue to be empty", BOUND)

    def write(self, amount: Any) -> str:
        order = f"order-{next(self._numbers)}"
        item = {"orderId": {"S": order}, "amount": amount}
        self.aws.dynamodb.put_item(TableName=self.names.orders_table, Item=item)
        return order

    def fail(self) -> str:
        """A failure's message put straight into the queue: its id."""
        return self.aws.sqs.send_message(QueueUrl=self.queue_url, MessageBody="a failure")["MessageId"]

    def stored(self, order: str) -> bool:
        s3, bucket = self.aws.s3, self.names.bucket
        listed = s3.list_objects_v2(Bucket=bucket, Prefix="processed-data/").get("Contents", [])
        bodies = [s3.get_object(Bucket=bucket, Key=entry["Key"])["Body"].read() for entry in listed]
        return any(json.loads(body)["keys"]["orderId"] == order for body in bodies)

    def audited(self) -> list[str]:
        """The message ids of all failures written down."""
        items = self.aws.dynamodb.scan(TableName=self.names.audit_table)["Items"]
        return [item["message"]["M"]["messageId"]["S"] for item in items]

    def waiting(self) -> int:
        names: Any = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        answer = self.aws.sqs.get_queue_attributes(QueueUrl=self.queue_url, AttributeNames=names)["Attributes"]
        return sum(map(int, answer.values()))

    def result(self, function: str) -> str:
        """What the mapping of a function says of its last attempt."""
        [found] = self.aws.lambda_.list_event_source_mappings(FunctionName=function)["EventSourceMappings"]
        return found.get("LastProcessingResult", "")

    def metric(self, name: str, function: str) -> int:
        return metric(self.aws, name, function)

    def lines(self, function: str) -> int:
        """How many lines the function's log group holds; none when it is not there."""
        groups = self.aws.logs.describe_log_groups(logGroupNamePrefix=f"/aws/lambda/{function}")["logGroups"]
        pages = [self.aws.logs.filter_log_events(logGroupName=group["logGroupName"]) for group in groups]
        return sum(len(page["events"]) for page in pages)

    def _put_policies(self, taken: list[tuple[str, str]]) -> None:
        for key, policies in role_policies(ACCOUNT).items():
            gone = {action for role, action in taken if role == key}
            role = self.world.context().resources[key].name
            for name, statements in policies.items():
                left = [each | {"Action": [a for a in each["Action"] if a not in gone]} for each in statements]
                if any(not each["Action"] for each in left):
                    self.aws.iam.delete_role_policy(RoleName=role, PolicyName=name)
                else:
                    policy = json.dumps(document(left))
                    self.aws.iam.put_role_policy(RoleName=role, PolicyName=name, PolicyDocument=policy)


def reading(scene: Scene, role: str) -> Attempt:
    order = scene.write({"N": "1"})
    return lambda: scene.result(scene.names.processor).startswith(NO_STREAM), lambda: scene.stored(order)


def storing(scene: Scene, role: str) -> Attempt:
    failures, order = len(scene.audited()), scene.write({"N": "1"})
    return lambda: len(scene.audited()) > failures, lambda: scene.stored(order)


def telling(scene: Scene, role: str) -> Attempt:
    lost = scene.metric("DestinationDeliveryFailures", scene.names.processor)
    failures = len(scene.audited())
    scene.write({"S": "poison"})
    return (
        lambda: scene.metric("DestinationDeliveryFailures", scene.names.processor) > lost,
        lambda: len(scene.audited()) > failures,
    )


def auditing(scene: Scene, role: str) -> Attempt:
    errors, message = scene.metric("Errors", scene.names.auditor), scene.fail()
    return lambda: scene.metric("Errors", scene.names.auditor) > errors, lambda: message in scene.audited()


def hearing(scene: Scene, role: str) -> Attempt:
    message = scene.fail()
    return lambda: scene.result(scene.names.auditor).startswith(NO_QUEUE), lambda: message in scene.audited()


def forgetting(scene: Scene, role: str) -> Attempt:
    """Audited twice is once too often."""
    audits, message = scene.metric("Invocations", scene.names.auditor), scene.fail()
    return (
        lambda: scene.metric("Invocations", scene.names.auditor) > audits + 1,
        lambda: message in scene.audited() and scene.waiting() == 0,
    )


def logging(scene: Scene, role: str) -> Attempt:
    """The log is written before the invocation answers, so what is not there then never comes."""
    function = scene.names.processor if role == "processor-role" else scene.names.auditor
    lines = scene.lines(function)
    scene.aws.lambda_.invoke(FunctionName=function, Payload=b'{"Records": []}')
    return lambda: scene.lines(function) == lines, lambda: scene.lines(function) > lines


def logging_anew(scene: Scene, role: str) -> Attempt:
    function = scene.names.processor if role == "processor-role" else scene.names.auditor
    if scene.lines(function):
        scene.aws.logs.delete_log_group(logGroupName=f"/aws/lambda/{function}")
    return logging(scene, role)


PARTS: dict[str, Callable[[Scene, str], Attempt]] = {
    "dynamodb:DescribeStream": reading,
    "dynamodb:GetShardIterator": reading,
    "dynamodb:GetRecords": reading,
    "s3:PutObject": storing,
    "sqs:SendMessage": telling,
    "dynamodb:PutItem": auditing,
    "sqs:GetQueueAttributes": hearing,
    "sqs:ReceiveMessage": hearing,
    "sqs:DeleteMessage": forgetting,
    "logs:CreateLogGroup": logging_anew,
    "logs:CreateLogStream": logging,
    "logs:PutLogEvents": logging,
}
"""What an action is for, and so what breaks without it."""


@pytest.fixture(scope="module")
def scene(emulator: LocalEmulator, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    world = make_world(
        tmp_path_factory.mktemp("least"), ONE_BY_ONE, endpoint_url=emulator.endpoint_url, account=ACCOUNT
    )
    up(world.context(), yes)
    yield Scene(world)
    down(world.context(), yes, delete_data=True)


def test_every_action_has_a_reason_and_a_proof_or_none() -> None:
    actions = {action for _, action in granted()}
    assert actions == USES.keys()
    assert actions == PARTS.keys() | NOT_PROVEN.keys()
    assert not PARTS.keys() & NOT_PROVEN.keys()
    assert all((use.without is None) != (use.because is None) for use in USES.values())


@pytest.mark.parametrize(("role", "action"), [pair for pair in granted() if pair[1] not in NOT_PROVEN])
def test_without_it_the_pipeline_breaks_and_with_it_again_it_works(scene: Scene, role: str, action: str) -> None:
    with scene.without([(role, action)]):
        broken, whole = PARTS[action](scene, role)
        scene.aws.wait(broken, f"what breaks without {action}", BOUND)
        assert not whole()
    _, whole = PARTS[action](scene, role)
    scene.aws.wait(whole, f"what {action} is for", BOUND)


def test_what_is_not_proven_breaks_nothing(scene: Scene) -> None:
    """If one of them did, it would be proven, and the table of reasons wrong."""
    with scene.without([(role, action) for role in ROLES for action in NOT_PROVEN]):
        for role in ROLES:
            for part in dict.fromkeys(PARTS.values()):
                _, whole = part(scene, role)
                scene.aws.wait(whole, part.__name__, BOUND)
