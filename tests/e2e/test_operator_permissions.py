"""The published permissions of the people who run pipectl: they are enough, and none is superfluous."""

from __future__ import annotations

import copy
import json
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import pytest
from click.testing import CliRunner, Result

from pipectl.cli.main import main
from pipectl.commands.audit import audit_list, audit_show
from pipectl.commands.audit_resolve import audit_resolve, audit_undo
from pipectl.commands.audit_stats import audit_stats
from pipectl.commands.capture import capture
from pipectl.commands.down import down
from pipectl.commands.list import Configs, list_pipelines
from pipectl.commands.logs import Search, logs, logs_of_failure
from pipectl.commands.outputs import outputs
from pipectl.commands.pause import pause
from pipectl.commands.plan import plan
from pipectl.commands.replay_dlq import preview, replay, save
from pipectl.commands.report import report
from pipectl.commands.resume import resume
from pipectl.commands.rollback import rollback
from pipectl.commands.send import SendState, send
from pipectl.commands.send_direct import send_direct
from pipectl.commands.send_order import Order
from pipectl.commands.status import status
from pipectl.commands.trace import trace
from pipectl.commands.up import up
from pipectl.commands.verify import VerifyReport, verify
from pipectl.config.names import UNRESOLVED_INDEX_TAG
from pipectl.context import Context
from pipectl.engine.model import Action
from pipectl.errors import AccessDeniedError, DataLossError
from pipectl.failures.audit_table import Selection
from pipectl.iam.command_actions import CALLERS, COMMANDS, OPTIONAL
from pipectl.iam.policies import policy
from pipectl.iam.roles import POLICY_NAMES
from pipectl.local.home import LocalEmulator
from pipectl.policy_document import PolicyDocument
from pipectl.resource_keys import ResourceKey
from pipectl.review.model import CodeChange
from tests.commands.audit_items import audit_item
from tests.e2e.operator import Operator, QuickClock
from tests.iam.source_actions import actions_of, source_actions
from tests.resources.direct_access import ADMINISTRATOR, DirectAccess
from tests.resources.drift_cases import drift_of
from tests.support import World, make_world, yes

pytestmark = [pytest.mark.emulator, pytest.mark.xdist_group("operator")]

LEARNER, LIFE = "800000000002", "800000000003"
BOUNDARY = "arn:aws:iam::aws:policy/PowerUserAccess"
ONE_BY_ONE = {"stream-mapping": {"batch_size": 1, "retry_attempts": 0}, "queue-mapping": {"batch_size": 1}}
BOUND = 60
LATER = timedelta(minutes=15)
"""Time after which the metrics of this test no longer make the progress of the stream unknown."""
DRIFT = {
    "role": ("attached_policies", "policies", "trust", "tags"),
    "table": ("deletion_protection", "point_in_time_recovery", "tags"),
    "bucket": ("public_access_block", "encryption", "versioning", "ownership", "policy", "tags"),
    "queue": ("visibility_timeout", "tags"),
    "log-group": ("retention_days", "tags"),
    "function": ("live", "memory", "code_sha256", "reserved_concurrency", "tags"),
    "mapping": ("batch_size", "tags", "superseded"),
    "alarm": ("threshold", "tags"),
}
"""The attributes that are changed by hand, so that `up` needs every action that it repairs with."""


@dataclass(frozen=True)
class NotSeen:
    """The reason why some commands work without an action in these tests, although they can need it."""

    because: str
    commands: tuple[str, ...]


_BACKLOG = "called while the stream mapping catches up with a backlog"
_LOOKING = ("plan", "outputs", "status", "report")
NOT_SEEN: Mapping[str, NotSeen] = {
    "dynamodb:DescribeStream": NotSeen(
        "called when the stream was replaced and its old mapping still exists",
        (*_LOOKING, "up", "down", "pause", "resume", "replay-dlq"),
    ),
    "dynamodb:DescribeTable": NotSeen("called when no mapping of the function is found", ("pause", "resume")),
    "cloudwatch:GetMetricData": NotSeen(_BACKLOG, ("plan", "up", "resume", "replay-dlq")),
    "lambda:DeleteFunction": NotSeen("called when there are more than five versions", ("up",)),
    "lambda:TagResource": NotSeen("called when a pause was long", ("resume",)),
    "lambda:UntagResource": NotSeen(_BACKLOG, ("up", "replay-dlq")),
    "lambda:UpdateEventSourceMapping": NotSeen(_BACKLOG, ("replay-dlq",)),
    "lambda:GetEventSourceMapping": NotSeen(
        "called while AWS still changes a mapping",
        (*_LOOKING, "trace", "send", "verify", "verify --repair", "replay-dlq", "doctor --capture"),
    ),
    "lambda:GetFunction": NotSeen("called when a log group has no tags, to find its owner", ("logs", "logs --failure")),
    "dynamodb:GetShardIterator": NotSeen("called for an order that only the stream names", ("audit resolve",)),
    "dynamodb:GetRecords": NotSeen("called for an order that only the stream names", ("audit resolve",)),
    "s3:GetObject": NotSeen(
        "called for records in the quarantine",
        (
            *("status", "report", "audit", "audit resolve", "logs --failure", "verify --repair"),
            *("replay-dlq --dry-run", "replay-dlq --save", "replay-dlq"),
        ),
    ),
    "lambda:ListTags": NotSeen("needed for the tags of GetFunction", ("logs", "logs --failure")),
    "s3:DeleteObjectVersion": NotSeen(
        "checked by AWS, not by the local emulator, for the version of an object", ("doctor --capture",)
    ),
    "sqs:ReceiveMessage": NotSeen("called without --delete-data, when the queue counts as empty", ("down",)),
    "s3:TagResource": NotSeen("checked by AWS, not by the local emulator, for a bucket created with tags", ("up",)),
}


class Place:
    """An account with a pipeline, and its administrator, who prepares what the operator then finds."""

    def __init__(self, world: World, clock: QuickClock) -> None:
        self.world = world
        self.clock = clock
        self.aws = world.aws
        self.names = world.context().pipeline.physical

    @property
    def function_arn(self) -> str:
        return self.world.context().pipeline.names.function_arn(self.names.processor)

    def delete_an_alarm(self) -> None:
        self.aws.cloudwatch.delete_alarms(AlarmNames=[self.world.context().resources[ResourceKey.ERRORS_ALARM].name])

    def order(self, key: str) -> None:
        item: Any = {"orderId": {"S": key}, "amount": {"N": "1"}}
        self.aws.dynamodb.put_item(TableName=self.names.orders_table, Item=item)

    def processor_without(self, *sids: str) -> Callable[[], None]:
        """Take statements away from the processor's policy; return a function that restores them."""
        iam, policy = self.aws.iam, {"RoleName": self.names.processor_role, "PolicyName": POLICY_NAMES["processor"]}
        body: Any = iam.get_role_policy(**policy)["PolicyDocument"]
        left = [statement for statement in body["Statement"] if statement["Sid"] not in sids]
        iam.put_role_policy(**policy, PolicyDocument=json.dumps(body | {"Statement": left}))

        def restore() -> None:
            iam.put_role_policy(**policy, PolicyDocument=json.dumps(body))

        return restore

    def failures(self) -> list[str]:
        items = self.aws.dynamodb.scan(TableName=self.names.audit_table)["Items"]
        return [item["auditId"]["S"] for item in items]

    def fail(self, key: str) -> None:
        """Write a valid order whose retries are exhausted: the processor may not write objects meanwhile."""
        before = len(self.failures())
        restore = self.processor_without("WriteObjects")
        self.order(key)
        self.aws.wait(lambda: len(self.failures()) > before, "the failure to be audited", BOUND)
        restore()

    def lose(self, key: str) -> None:
        """Write an order, delete its object, and wait until it counts as lost."""
        before = self.objects()
        self.order(key)
        self.aws.wait(lambda: self.objects() > before, "the order to be stored", BOUND)
        for stored in self.objects() - before:
            self.aws.s3.delete_object(Bucket=self.names.bucket, Key=stored)
        self.clock.ahead = LATER
        self.aws.wait(lambda: _verify(self.world.context()).lost > 0, "the order to be lost", BOUND)
        self.clock.ahead = timedelta()

    def objects(self) -> set[str]:
        listed = self.aws.s3.list_objects_v2(Bucket=self.names.bucket, Prefix="processed-data/")
        return {entry["Key"] for entry in listed.get("Contents", [])}

    def age_the_audit_table(self) -> Any:
        """Make the table one of before the index of unresolved failures. Return the key of a failure outside of it."""
        dynamodb, name = self.aws.dynamodb, self.names.audit_table
        table = dynamodb.describe_table(TableName=name)["Table"]
        dynamodb.untag_resource(ResourceArn=table["TableArn"], TagKeys=[UNRESOLVED_INDEX_TAG])
        old = audit_item("old", self.clock.now(), marked=False)
        dynamodb.put_item(TableName=name, Item=old)
        return {attribute: old[attribute] for attribute in ("auditId", "timestamp")}

    def stop_auditing(self) -> None:
        lambda_ = self.aws.lambda_
        [mapping] = lambda_.list_event_source_mappings(FunctionName=self.names.auditor)["EventSourceMappings"]
        lambda_.update_event_source_mapping(UUID=mapping["UUID"], Enabled=False)

    def send(self) -> None:
        """Send a message for the auditor."""
        url = self.aws.sqs.get_queue_url(QueueName=self.names.queue)["QueueUrl"]
        self.aws.sqs.send_message(QueueUrl=url, MessageBody="a failure")


def _place(folder: Path, emulator: LocalEmulator, account: str) -> Place:
    url, clock = emulator.endpoint_url, QuickClock()
    return Place(make_world(folder, ONE_BY_ONE, endpoint_url=url, account=account, clock=clock), clock)


@pytest.fixture(scope="module")
def place(emulator: LocalEmulator, tmp_path_factory: pytest.TempPathFactory) -> Place:
    return _place(tmp_path_factory.mktemp("operator"), emulator, LEARNER)


@pytest.fixture(scope="module")
def only_operator(place: Place) -> Operator:
    return Operator(place.world)


@pytest.fixture
def operator(only_operator: Operator) -> Operator:
    """Return the operator, with nothing recorded."""
    only_operator.requests.clear()
    only_operator.denied.clear()
    return only_operator


@pytest.fixture(scope="module")
def existing(place: Place) -> Place:
    """Return the place, with a pipeline; tests that change the pipeline restore it."""
    up(place.world.context(), yes)
    return place


def _selection(context: Context) -> Selection:
    now = context.aws.clock.now()
    return Selection(since=now - timedelta(hours=1), until=now)


def _search(context: Context) -> Search:
    return Search(("processor", "auditor"), context.aws.clock.now())


def _wanted(context: Context) -> Selection:
    now = context.aws.clock.now()
    return Selection(since=now - timedelta(hours=1), until=now)


def _lookup(context: Context) -> tuple[Any, ...]:
    """Run each form of `audit`. It reports the records that it cannot read."""
    page, hour_ago = audit_list(context, _wanted(context)), context.aws.clock.now() - timedelta(hours=1)
    return page, audit_stats(context, hour_ago), audit_show(context, page.entries[0].failure.audit_id, full=True)


def _verify(context: Context, *, repair: bool = False) -> VerifyReport:
    since = context.aws.clock.now() - timedelta(hours=1)
    return verify(context, since, repair=repair, grace=timedelta(0))


def _repair(context: Context) -> object:
    report = _verify(context, repair=True)
    assert report.repaired == report.lost > 0
    return report


def _order(key: str, amount: str) -> Order:
    return Order(key, {"orderId": {"S": key}, "amount": {"N": amount}})


def _send(context: Context, place: Place) -> object:
    """Send an order that is stored, one that fails without a record in quarantine, and one that waits."""
    stored = send(context, _order("order-5", "7"), timeout=BOUND)
    restore = place.processor_without("WriteObjects")
    failed = send(context, _order("order-5", "8"), timeout=BOUND)
    restore()
    name = place.names.processor
    place.aws.lambda_.put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=0)
    waiting = send(context, _order("order-5", "9"), timeout=BOUND)
    place.aws.lambda_.delete_function_concurrency(FunctionName=name)
    reports = (stored, failed, waiting)
    assert [report.state for report in reports] == [SendState.STORED, SendState.FAILED, SendState.WAITING]
    return reports


def _direct(context: Context) -> object:
    """Invoke the processor with an order that it stores, and with one that it refuses."""
    stored = send_direct(context, _order("order-6", "7"))
    refused = send_direct(context, Order("order-7", {"orderId": {"S": "order-7"}, "amount": {"S": "seven"}}))
    assert (stored.error, bool(stored.object)) == (None, True)
    assert refused.quarantine
    return refused


def _refused(context: Context) -> object:
    """Run `down` without a data option, so that it has to look for data."""
    try:
        return down(context, yes)
    except DataLossError as error:
        return error.message


def policy_of(caller: str, place: Place) -> PolicyDocument:
    pipeline = place.world.context().pipeline
    return policy(caller, pipeline.config, pipeline.names)


def check(command: str, operator: Operator) -> None:
    """Check that a command needed each of its published actions, apart from `NOT_SEEN`, and no other."""
    unseen = {action for action, not_seen in NOT_SEEN.items() if command in not_seen.commands}
    used, published = operator.used(command), actions_of([command])
    assert published - unseen <= used <= published, command
    assert not operator.denied, command


def test_the_published_actions_are_those_of_the_calls_in_the_source() -> None:
    assert actions_of(COMMANDS) | OPTIONAL == source_actions()
    assert actions_of(COMMANDS).isdisjoint(OPTIONAL)
    assert {command for commands in CALLERS.values() for command in commands} == COMMANDS.keys()
    assert {command for not_seen in NOT_SEEN.values() for command in not_seen.commands} <= COMMANDS.keys()


def test_up_creates_and_repairs_with_exactly_its_actions(place: Place, operator: Operator) -> None:
    operator.run("up", lambda context: up(context, yes))
    direct = DirectAccess(place.world, LEARNER)
    for resource in direct.resources.values():
        for attribute in DRIFT[resource.kind]:
            if attribute != "live" or resource.key == "processor":
                drift_of(resource, attribute).do(direct, resource)
    old = place.age_the_audit_table()
    place.world.context(extra_alarms=False, permissions_boundary=BOUNDARY, **ONE_BY_ONE)
    operator.run("up", lambda context: up(context, yes))
    deleted = place.aws.dynamodb.delete_item(TableName=place.names.audit_table, Key=old, ReturnValues="ALL_OLD")
    assert deleted["Attributes"]["unresolved"] == {"S": "yes"}
    place.world.context(extra_alarms=True, **ONE_BY_ONE)
    check("up", operator)


LOOKING: dict[str, Callable[[Context], object]] = {
    "plan": plan,
    "outputs": outputs,
    "list": lambda context: list_pipelines(
        context.aws, context.file, Configs({context.file: context.config}, ()), lambda *_: context
    ),
    "logs": lambda context: logs(context, _search(context)),
    "doctor --capture": lambda context: capture(context, Path(mkdtemp()) / "answers.json", yes),
    "pause": lambda context: pause(context, "somebody"),
    "resume": resume,
}


@pytest.mark.parametrize("command", LOOKING)
def test_a_command_needs_exactly_its_actions(existing: Place, operator: Operator, command: str) -> None:
    if command == "resume":
        pause(existing.world.context(), "somebody")
    if command == "plan":  # only with something to create it looks for what stays under earlier names
        existing.delete_an_alarm()
    operator.run(command, LOOKING[command])
    check(command, operator)
    if command == "plan":
        up(existing.world.context(), yes)


def test_a_plan_reads_the_code_of_the_version_in_use_with_its_actions(
    existing: Place, operator: Operator, tmp_path: Path
) -> None:
    """Without them the plan is made, and names the action that is missing."""
    shutil.copytree(
        existing.world.config.source_of(existing.world.config.processor, existing.world.file), tmp_path / "p"
    )
    (tmp_path / "p" / "more.py").write_text("a = 1\n")
    existing.world.context(processor={"source": str(tmp_path / "p")}, **ONE_BY_ONE)
    existing.delete_an_alarm()
    found: list[CodeChange | None] = []

    def read(context: Context) -> None:
        found[:] = [review.code for review in plan(context).reviews if review.code]

    operator.run("plan", read)
    assert [(code.problem, [file.name for file in code.files]) for code in found if code] == [(None, ["more.py"])]
    check("plan", operator)
    version = {"Effect": "Deny", "Action": "lambda:GetFunction", "Resource": f"{existing.function_arn}:*"}
    document = policy_of("deployer", existing)
    operator.may(document | {"Statement": [*document["Statement"], version]})
    read(operator.context())
    operator.denied.clear()
    assert [code.files for code in found if code] == [()]
    assert "lambda:GetFunction" in str(found)
    up(existing.world.context(**ONE_BY_ONE), yes)


def test_a_rollback_needs_exactly_its_actions(existing: Place, operator: Operator) -> None:
    up(existing.world.context(processor={"memory": 512}, **ONE_BY_ONE), yes)
    operator.run("rollback", lambda context: rollback(context, yes, "somebody"))
    check("rollback", operator)
    up(existing.world.context(**ONE_BY_ONE), yes)


def test_failures_are_read_and_replayed_with_exactly_their_actions(
    existing: Place, operator: Operator, tmp_path: Path
) -> None:
    existing.fail("order-1")

    def replay_all(context: Context) -> object:
        existing.send()  # each time, for one that was received stays hidden for a while
        return replay(context, _selection(context), yes)

    (audit_id,) = (
        e.failure.audit_id for e in audit_list(existing.world.context(), _wanted(existing.world.context())).entries
    )

    def resolve_and_undo(context: Context) -> object:
        return audit_resolve(context, audit_id, "ada", "test", yes), audit_undo(context, audit_id, yes)

    work: dict[str, Callable[[Context], object]] = {
        "status": status,
        "report": lambda context: report(context, context.aws.now() - timedelta(hours=1)),
        "audit": _lookup,
        "audit resolve": resolve_and_undo,
        "logs --failure": lambda context: logs_of_failure(context, audit_id, _search(context)),
        "trace": lambda context: trace(context, "order-1"),
        "send": lambda context: _send(context, existing),
        "send --direct": _direct,
        "verify": _verify,
        "replay-dlq --dry-run": lambda context: preview(context, _selection(context)),
        "replay-dlq --save": lambda context: save(context, _selection(context), tmp_path),
        "replay-dlq": replay_all,
        "verify --repair": _repair,
    }
    for command, do in work.items():
        if command == "replay-dlq":
            existing.stop_auditing()
        if command == "verify --repair":
            existing.lose("order-2")
            operator.clock.ahead = LATER
        operator.run(command, do)
        check(command, operator)
    operator.clock.ahead = timedelta()


def test_a_deployer_can_change_nothing_but_the_pipeline(existing: Place, operator: Operator) -> None:
    """The functions take no other role, and other functions get no mapping."""
    aws, names = existing.aws, existing.names
    trust = aws.iam.get_role(RoleName=names.processor_role)["Role"]["AssumeRolePolicyDocument"]
    role = aws.iam.create_role(RoleName="admin", AssumeRolePolicyDocument=json.dumps(trust))["Role"]["Arn"]
    operator.may(policy_of("deployer", existing))
    lambda_, queue = operator.context().aws.lambda_, outputs(existing.world.context())["DeadLetterQueueArn"]
    with pytest.raises(AccessDeniedError, match="iam:PassRole"):
        lambda_.update_function_configuration(FunctionName=names.processor, Role=role)
    with pytest.raises(AccessDeniedError, match="lambda:CreateEventSourceMapping"):
        lambda_.create_event_source_mapping(FunctionName="somebody-elses", EventSourceArn=queue)
    lambda_.update_function_configuration(FunctionName=names.processor, Timeout=61)
    up(existing.world.context(), yes)


def test_down_deletes_with_exactly_its_actions(existing: Place, operator: Operator) -> None:
    aws, names = existing.aws, existing.names
    for order in ("order-3", "order-4"):
        existing.order(order)
    aws.wait(lambda: aws.s3.list_objects_v2(Bucket=names.bucket)["KeyCount"] >= 2, "orders to be stored", BOUND)
    failure: Any = {"auditId": {"S": "failure-1"}, "timestamp": {"S": "2026-01-01T00:00:00.000Z"}}
    aws.dynamodb.put_item(TableName=names.audit_table, Item=failure)
    operator.run("down", _refused)
    aws.iam.attach_role_policy(RoleName=names.auditor_role, PolicyArn=ADMINISTRATOR)
    aws.s3.create_multipart_upload(Bucket=names.bucket, Key="never finished")
    operator.run("down", lambda context: down(context, yes, delete_data=True))
    check("down", operator)


def _run(operator: Operator, *words: str) -> Result:
    environment = {
        "AWS_ACCESS_KEY_ID": operator.access_key,
        "AWS_SECRET_ACCESS_KEY": operator.secret_key,
        "AWS_ENDPOINT_URL": str(operator.world.aws.endpoint_url),
        "PIPECTL_CONFIG": str(operator.world.file),
    }
    return CliRunner().invoke(main, ["-o", "json", *words], env=environment)


def _without(document: PolicyDocument, action: str) -> PolicyDocument:
    """Return a policy that lacks one action."""
    changed = copy.deepcopy(document)
    for statement in changed["Statement"]:
        statement["Action"] = [allowed for allowed in statement["Action"] if allowed != action]
    changed["Statement"] = [statement for statement in changed["Statement"] if statement["Action"]]
    return changed


def test_deployer_reader_developer_and_on_call_can_work(emulator: LocalEmulator, tmp_path: Path) -> None:
    place = _place(tmp_path, emulator, LIFE)
    operator = Operator(place.world)
    assert "AccessDenied" in _run(operator, "up", "--yes").stderr

    operator.may(_without(policy_of("deployer", place), "lambda:CreateFunction"))
    halfway = _run(operator, "up", "--yes")
    document = json.loads(halfway.stdout)
    assert (halfway.exit_code, document["error"]["code"]) == (1, "Incomplete")
    assert document["error"]["hint"].count("lambda:CreateFunction") == 1
    done = {change["resource"] for change in document["changes"] if change["action"] == Action.CREATE}
    assert {"processor-role", "orders-table", "bucket"} <= done
    assert done.isdisjoint({"processor", "auditor", "stream-mapping"})

    operator.may(policy_of("deployer", place))
    made = _run(operator, "up", "--yes")
    assert made.exit_code == 0, made.output
    created = {change["resource"] for change in json.loads(made.stdout)["changes"] if change["action"] == Action.CREATE}
    assert created == place.world.context().resources.keys() - done

    operator.may(policy_of("reader", place))
    seen = _run(operator, "status", "--exit-code")
    assert seen.exit_code == 0, seen.output
    place.fail("order-1")
    refused = _run(operator, "replay-dlq", "--yes")
    assert (refused.exit_code, "sqs:ReceiveMessage" in refused.stderr) == (1, True)

    forbidden = _run(operator, "send", '{"amount": 1}')
    assert (forbidden.exit_code, "permissions developer`" in forbidden.stderr) == (1, True)
    operator.may(policy_of("developer", place))
    for words in (["send", '{"amount": 1}'], ["send", "--direct", '{"amount": 1}']):
        sent = _run(operator, *words)
        assert sent.exit_code == 0, sent.output

    operator.may(policy_of("on-call", place))
    replayed = _run(operator, "replay-dlq", "--yes")
    assert replayed.exit_code == 0, replayed.output
    assert json.loads(replayed.stdout)["records"] == {"replayed": 1, "failing": 0}
    denied = _run(operator, "down", "--yes", "--delete-data")
    assert "lambda:DeleteEventSourceMapping" in denied.stderr
    assert json.loads(denied.stdout)["error"]["code"] == "Incomplete"

    operator.may(policy_of("deployer", place))
    removed = _run(operator, "down", "--yes", "--delete-data")
    assert removed.exit_code == 0, removed.output
