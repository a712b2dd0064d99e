"""What `docs/permissions.md` says that who runs pipectl needs: it is enough, and none of it is too much."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from pipectl.cli import main
from pipectl.commands.audit import audit_list, audit_show, audit_stats
from pipectl.commands.down import down
from pipectl.commands.logs import lines
from pipectl.commands.pause import pause, resume
from pipectl.commands.replay_dlq import Selection, preview, replay, save
from pipectl.commands.status import outputs, status
from pipectl.commands.trace import trace
from pipectl.commands.up import plan, up
from pipectl.commands.verify import VerifyReport, verify
from pipectl.context import Context
from pipectl.engine.model import Action
from pipectl.errors import AccessDeniedError, DataLossError
from pipectl.failures.listing import Wanted
from pipectl.local.lifecycle import LocalEmulator
from tests.e2e.operator import Operator, QuickClock, metric
from tests.resources.drift_cases import drift_of
from tests.resources.hands import ADMINISTRATOR, Hands
from tests.support import ROOT, World, make_world, yes

sys.path.insert(0, str(ROOT / "docs"))
from operator_actions import actions
from operator_policies import COMMANDS, NOT_SEEN, PEOPLE, actions_of, policy

pytestmark = [pytest.mark.emulator, pytest.mark.xdist_group("operator")]

LEARNER, LIFE, KEPT = "800000000002", "800000000003", "800000000004"
ONE_BY_ONE = {"stream-mapping": {"batch_size": 1, "retry_attempts": 0}, "queue-mapping": {"batch_size": 1}}
BOUND = 20
DRIFT = {
    "role": ("attached_policies", "permissions_boundary", "policies", "trust", "tags"),
    "table": ("deletion_protection", "point_in_time_recovery", "tags"),
    "bucket": ("public_access_block", "encryption", "versioning", "ownership", "policy", "tags"),
    "queue": ("visibility_timeout", "tags"),
    "log-group": ("retention_days", "tags"),
    "function": ("memory", "code_sha256", "reserved_concurrency", "tags"),
    "mapping": ("batch_size", "tags", "superseded"),
    "alarm": ("threshold", "tags"),
}
"""What is changed by hand, so that `up` needs all that it mends with."""


class Place:
    """An account with a pipeline, and its root, who prepares what the operator then finds."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.aws = world.aws
        self.names = world.context().pipeline.physical

    def order(self, key: str) -> None:
        item: Any = {"orderId": {"S": key}, "amount": {"N": "1"}}
        self.aws.dynamodb.put_item(TableName=self.names.orders_table, Item=item)

    def processor_without(self, *policies: str) -> Callable[[], None]:
        """Take inline policies away from the processor's role; returns how to give them back."""
        iam, role = self.aws.iam, self.names.processor_role
        bodies = {name: iam.get_role_policy(RoleName=role, PolicyName=name)["PolicyDocument"] for name in policies}
        for name in policies:
            iam.delete_role_policy(RoleName=role, PolicyName=name)

        def back() -> None:
            for name, body in bodies.items():
                iam.put_role_policy(RoleName=role, PolicyName=name, PolicyDocument=json.dumps(body))

        return back

    def failures(self) -> list[str]:
        items = self.aws.dynamodb.scan(TableName=self.names.audit_table)["Items"]
        return [item["auditId"]["S"] for item in items]

    def fail(self, key: str) -> None:
        """An order that fails for good although nothing is wrong with it."""
        before = len(self.failures())
        back = self.processor_without("write-records")
        self.order(key)
        self.aws.wait(lambda: len(self.failures()) > before, "the failure to be audited", BOUND)
        back()

    def lose(self, key: str) -> None:
        """An order that fails without anybody being told."""
        before, back = self._lost(), self.processor_without("write-records", "tell-failures")
        self.order(key)
        self.aws.wait(lambda: self._lost() > before, "a failure that nobody is told of", BOUND)
        back()
        self.aws.wait(lambda: _verify(self.world.context()).lost > 0, "the order to be too old to be pending", BOUND)

    def _lost(self) -> int:
        return metric(self.aws, "DestinationDeliveryFailures", self.names.processor)

    def stop_auditing(self) -> None:
        lambda_ = self.aws.lambda_
        [mapping] = lambda_.list_event_source_mappings(FunctionName=self.names.auditor)["EventSourceMappings"]
        lambda_.update_event_source_mapping(UUID=mapping["UUID"], Enabled=False)

    def send(self) -> None:
        """A message for the auditor."""
        url = self.aws.sqs.get_queue_url(QueueName=self.names.queue)["QueueUrl"]
        self.aws.sqs.send_message(QueueUrl=url, MessageBody="a failure")


def _place(folder: Path, emulator: LocalEmulator, account: str) -> Place:
    url = emulator.endpoint_url
    return Place(make_world(folder, ONE_BY_ONE, endpoint_url=url, account=account, clock=QuickClock()))


@pytest.fixture(scope="module")
def place(emulator: LocalEmulator, tmp_path_factory: pytest.TempPathFactory) -> Place:
    return _place(tmp_path_factory.mktemp("operator"), emulator, LEARNER)


@pytest.fixture(scope="module")
def only_operator(place: Place) -> Operator:
    return Operator(place.world)


@pytest.fixture
def operator(only_operator: Operator) -> Operator:
    """The same for all tests: an action need be learned only once."""
    only_operator.calls.clear()
    return only_operator


@pytest.fixture
def standing(place: Place) -> Place:
    up(place.world.context(), yes)
    return place


def _selection(context: Context) -> Selection:
    now = context.aws.clock.now()
    return Selection(since=now - timedelta(hours=1), until=now)


def _wanted(context: Context) -> Wanted:
    now = context.aws.clock.now()
    return Wanted(since=now - timedelta(hours=1), until=now)


def _lookup(context: Context) -> tuple[Any, ...]:
    """What each form of `audit` shows; the records that it cannot read it says so of."""
    page = audit_list(context, _wanted(context))
    return page, audit_stats(context, _wanted(context)), audit_show(context, page.entries[0].failure.audit_id)


def _verify(context: Context, *, repair: bool = False) -> VerifyReport:
    since = context.aws.clock.now() - timedelta(hours=1)
    return verify(context, since, repair=repair, grace=timedelta(0))


def _repair(context: Context) -> object:
    report = _verify(context, repair=True)
    assert report.repaired == report.lost > 0
    return report


def _refused(context: Context) -> object:
    """`down` without a word about the data, which has to look for it."""
    try:
        return down(context, yes)
    except DataLossError as error:
        return error.message


def check(command: str, operator: Operator) -> None:
    """Of the page's actions for a command each was asked, and failed for the want of, but for those not seen."""
    unseen = {action for action, not_seen in NOT_SEEN.items() if command in not_seen.commands}
    expected = actions_of([command]) - unseen
    assert expected <= operator.learned, command
    assert expected - {"iam:PassRole"} <= operator.asked() <= actions_of([command]), command
    operator.calls.clear()


def test_every_call_that_pipectl_makes_is_in_a_policy_and_nothing_else() -> None:
    """``iam:PassRole`` shows in no call; the local emulator asks for it all the same."""
    calls = {action for of_service in actions().values() for action in of_service}
    assert actions_of(COMMANDS) == calls
    assert {command for commands in PEOPLE.values() for command in commands} == COMMANDS.keys()
    assert {command for not_seen in NOT_SEEN.values() for command in not_seen.commands} <= COMMANDS.keys()


def test_up_makes_and_mends_with_its_policy_and_nothing_less(place: Place, operator: Operator) -> None:
    operator.learn("up", lambda context: up(context, yes))
    hands = Hands(place.world, LEARNER)
    for resource in hands.resources.values():
        for attribute in DRIFT[resource.kind]:
            drift_of(resource, attribute).do(hands, resource)
    place.world.context(extra_alarms=False, **ONE_BY_ONE)
    operator.learn("up", lambda context: up(context, yes))
    place.world.context(extra_alarms=True, **ONE_BY_ONE)
    check("up", operator)


LOOKING: dict[str, Callable[[Context], object]] = {
    "status": status,
    "plan": plan,
    "outputs": outputs,
    "logs": lambda context: lines(context, ["processor", "auditor"], context.aws.clock.now(), None, None),
    "pause": lambda context: pause(context, "somebody"),
    "resume": resume,
}


@pytest.mark.parametrize("command", LOOKING)
def test_it_needs_its_policy_and_nothing_less(standing: Place, operator: Operator, command: str) -> None:
    operator.learn(command, LOOKING[command])
    check(command, operator)


def test_failures_are_looked_into_and_replayed(standing: Place, operator: Operator, tmp_path: Path) -> None:
    standing.fail("order-1")

    def replay_all(context: Context) -> object:
        standing.send()  # each time, for one that was received stays hidden for a while
        return replay(context, _selection(context), yes)

    work: dict[str, Callable[[Context], object]] = {
        "audit": _lookup,
        "trace": lambda context: trace(context, "order-1"),
        "verify": _verify,
        "replay-dlq --dry-run": lambda context: preview(context, _selection(context)),
        "replay-dlq --save": lambda context: save(context, _selection(context), tmp_path),
        "replay-dlq": replay_all,
        "verify --repair": _repair,
    }
    for command, do in work.items():
        if command == "replay-dlq":
            standing.stop_auditing()
        if command == "verify --repair":
            standing.lose("order-2")
        operator.learn(command, do)
        check(command, operator)


def test_down_removes_with_its_policy_and_nothing_less(standing: Place, operator: Operator) -> None:
    aws, names = standing.aws, standing.names
    for order in ("order-3", "order-4"):
        standing.order(order)
    aws.wait(lambda: aws.s3.list_objects_v2(Bucket=names.bucket)["KeyCount"] >= 2, "orders to be stored", BOUND)
    operator.learn("down", _refused)
    aws.iam.attach_role_policy(RoleName=names.auditor_role, PolicyArn=ADMINISTRATOR)
    aws.s3.create_multipart_upload(Bucket=names.bucket, Key="never finished")
    operator.learn("down", lambda context: down(context, yes, delete_data=True))
    check("down", operator)


def _run(operator: Operator, *words: str) -> Result:
    environment = {
        "AWS_ACCESS_KEY_ID": operator.access_key,
        "AWS_SECRET_ACCESS_KEY": operator.secret_key,
        "AWS_ENDPOINT_URL": str(operator.world.aws.endpoint_url),
        "PIPECTL_CONFIG": str(operator.world.file),
    }
    return CliRunner().invoke(main, ["-o", "json", *words], env=environment)


def test_deployer_reader_and_on_call_do_their_work(emulator: LocalEmulator, tmp_path: Path) -> None:
    place = _place(tmp_path, emulator, LIFE)
    operator, pipeline = Operator(place.world), place.world.context().pipeline
    assert "AccessDenied" in _run(operator, "up", "--yes").stderr

    operator.may(policy(PEOPLE["deployer"], pipeline))
    made = _run(operator, "up", "--yes")
    assert made.exit_code == 0, made.output
    assert {change["action"] for change in json.loads(made.stdout)["changes"]} == {Action.CREATE}

    operator.may(policy(PEOPLE["reader"], pipeline))
    seen = _run(operator, "status", "--exit-code")
    assert seen.exit_code == 0, seen.output
    place.fail("order-1")
    refused = _run(operator, "replay-dlq", "--yes")
    assert (refused.exit_code, "the caller needs dynamodb:UpdateItem" in refused.stderr) == (1, True)

    operator.may(policy(PEOPLE["on-call"], pipeline))
    replayed = _run(operator, "replay-dlq", "--yes")
    assert replayed.exit_code == 0, replayed.output
    assert json.loads(replayed.stdout)["records"] == {"replayed": 1, "failing": 0}
    assert "lambda:DeleteEventSourceMapping" in _run(operator, "down", "--yes", "--delete-data").stderr

    operator.may(policy(PEOPLE["deployer"], pipeline))
    removed = _run(operator, "down", "--yes", "--delete-data")
    assert removed.exit_code == 0, removed.output


def test_a_deployer_is_kept_to_the_pipeline(emulator: LocalEmulator, tmp_path: Path) -> None:
    """Neither another role can be given to our functions, nor a mapping to a function of others."""
    place = _place(tmp_path, emulator, KEPT)
    operator, aws = Operator(place.world), place.aws
    up(place.world.context(), yes)
    trust = aws.iam.get_role(RoleName=place.names.processor_role)["Role"]["AssumeRolePolicyDocument"]
    role = aws.iam.create_role(RoleName="admin", AssumeRolePolicyDocument=json.dumps(trust))["Role"]["Arn"]
    operator.may(policy(PEOPLE["deployer"], place.world.context().pipeline))
    lambda_, queue = operator.context().aws.lambda_, outputs(place.world.context())["DeadLetterQueueArn"]
    with pytest.raises(AccessDeniedError, match="iam:PassRole"):
        lambda_.update_function_configuration(FunctionName=place.names.processor, Role=role)
    with pytest.raises(AccessDeniedError, match="lambda:CreateEventSourceMapping"):
        lambda_.create_event_source_mapping(FunctionName="somebody-elses", EventSourceArn=queue)
    lambda_.update_function_configuration(FunctionName=place.names.processor, Timeout=61)
