"""A small pipeline on the local emulator: table, stream, function, on-failure queue; each in an account of its own."""

from __future__ import annotations

import io
import itertools
import json
import socket
import time
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from pipectl.local.home import REGION, LocalEmulator
from pipectl.local.shards import slot_of
from tests.support import PATIENCE, boto3_session, new_account

T = TypeVar("T")

STREAM_ACTIONS = ("dynamodb:DescribeStream", "dynamodb:GetRecords", "dynamodb:GetShardIterator")
QUEUE_ACTIONS = ("sqs:GetQueueAttributes", "sqs:ReceiveMessage", "sqs:DeleteMessage")
ALL_ACTIONS = (*STREAM_ACTIONS, *QUEUE_ACTIONS, "sqs:SendMessage", "s3:PutObject")

REPORTING_HANDLER = """
def handler(event, context):
    poison = [r["dynamodb"]["SequenceNumber"] for r in event["Records"] if "poison" in r["dynamodb"]["NewImage"]]
    if poison and poison[0] == event["Records"][0]["dynamodb"]["SequenceNumber"]:
        raise ValueError("poison stands first")
    return {"batchItemFailures": [{"itemIdentifier": number} for number in poison]}
"""


@dataclass
class Pipeline:
    """A pipeline in an account of its own, and its clients."""

    aws: LocalEmulator
    handler: str = REPORTING_HANDLER
    runtime: str = "python3.12"
    actions: tuple[str, ...] = ALL_ACTIONS
    readable_table: str = "orders"
    mapping: Mapping[str, Any] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=dict)
    account_id: str = field(default_factory=new_account)

    def __post_init__(self) -> None:
        self._session = boto3_session(self.account_id, self.aws.secret)
        self._clients: dict[str, Any] = {}
        self.role_arn = self._create_role()
        self.stream_arn = self._create_table()
        self.queue_url = self.client("sqs").create_queue(QueueName="failures")["QueueUrl"]
        self.queue_arn = f"arn:aws:sqs:{REGION}:{self.account_id}:failures"
        self._create_function()
        self.mapping_id = self._create_mapping()
        running.append(self)

    def stop(self) -> None:
        """Delete the mappings, which otherwise poll, and retry what fails, as long as the emulator lives."""
        for mapping in self.client("lambda").list_event_source_mappings()["EventSourceMappings"]:
            self.client("lambda").delete_event_source_mapping(UUID=mapping["UUID"])

    def client(self, service: str) -> Any:
        if service not in self._clients:
            make: Callable[..., Any] = self._session.client
            self._clients[service] = make(service, endpoint_url=self.aws.endpoint_url)
        return self._clients[service]

    def put(self, *order_ids: str, poison: tuple[str, ...] = (), padding: str = "") -> None:
        """Write orders one by one, so that they come in this order."""
        table = self.client("dynamodb")
        for order_id in order_ids:
            item = {"orderId": {"S": order_id}, "padding": {"S": padding}}
            if order_id in poison:
                item["poison"] = {"S": "yes"}
            table.put_item(TableName="orders", Item=item)

    def put_at_once(self, *order_ids: str, poison: tuple[str, ...] = (), padding: str = "") -> None:
        """Write orders while the mapping is disabled, so that they come as one batch."""
        self.enable(False)
        self.put(*order_ids, poison=poison, padding=padding)
        self.enable()

    def enable(self, enabled: bool = True) -> None:
        self.client("lambda").update_event_source_mapping(UUID=self.mapping_id, Enabled=enabled)

    def set_stream(self, *, enabled: bool) -> None:
        specification = {"StreamEnabled": enabled} | ({"StreamViewType": "NEW_AND_OLD_IMAGES"} if enabled else {})
        self.client("dynamodb").update_table(TableName="orders", StreamSpecification=specification)

    def grant(self, *actions: str, table: str = "orders") -> None:
        """Allow the role these actions and nothing else, on its own bucket, its own queue and one table's streams."""
        resources = [
            f"arn:aws:dynamodb:{REGION}:{self.account_id}:table/{table}/stream/*",
            f"arn:aws:sqs:{REGION}:{self.account_id}:failures",
            f"arn:aws:s3:::bucket-{self.account_id}/*",
        ]
        allowed = {"Effect": "Allow", "Action": list(actions), "Resource": resources}
        self.client("iam").put_role_policy(RoleName="processor", PolicyName="work", PolicyDocument=policy(allowed))

    def messages(self) -> list[dict[str, Any]]:
        """Receive and delete messages of the queue."""
        sqs = self.client("sqs")
        received = sqs.receive_message(QueueUrl=self.queue_url, MaxNumberOfMessages=10).get("Messages", [])
        for message in received:
            sqs.delete_message(QueueUrl=self.queue_url, ReceiptHandle=message["ReceiptHandle"])
        return [json.loads(message["Body"]) for message in received]

    def processing_result(self) -> str:
        mapping = self.client("lambda").get_event_source_mapping(UUID=self.mapping_id)
        return str(mapping["LastProcessingResult"])

    def metric(
        self,
        name: str,
        *,
        namespace: str = "AWS/Lambda",
        dimensions: str = "FunctionName=processor",
        statistic: str = "Sum",
    ) -> float:
        """Return the sum of a metric over the last minutes, or the number of its datapoints."""
        now, parts = time.time(), [part.split("=") for part in dimensions.split(",")]
        points = self.client("cloudwatch").get_metric_statistics(
            Namespace=namespace,
            MetricName=name,
            Dimensions=[{"Name": key, "Value": value} for key, value in parts],
            StartTime=now - 300,
            EndTime=now + 60,
            Period=3600,
            Statistics=[statistic],
        )["Datapoints"]
        return float(sum(point[statistic] for point in points))

    def _create_role(self) -> str:
        iam = self.client("iam")
        trust = {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}
        role = iam.create_role(RoleName="processor", AssumeRolePolicyDocument=policy(trust))["Role"]
        self.grant(*self.actions, table=self.readable_table)
        return str(role["Arn"])

    def _create_table(self) -> str:
        table = self.client("dynamodb").create_table(
            TableName="orders",
            AttributeDefinitions=[{"AttributeName": "orderId", "AttributeType": "S"}],
            KeySchema=[{"AttributeName": "orderId", "KeyType": "HASH"}],
            BillingMode="PAY_PER_REQUEST",
            StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"},
        )["TableDescription"]
        return str(table["LatestStreamArn"])

    def _create_function(self) -> None:
        self.client("lambda").create_function(
            FunctionName="processor",
            Runtime=self.runtime,
            Handler="index.handler",
            Role=self.role_arn,
            Code={"ZipFile": zipped(self.handler, "index.py" if self.runtime.startswith("python") else "index.mjs")},
            Timeout=20,
            Environment={"Variables": dict(self.environment)},
        )

    def _create_mapping(self) -> str:
        settings = {
            "StartingPosition": "TRIM_HORIZON",
            "BatchSize": 100,
            "MaximumRetryAttempts": 2,
            "BisectBatchOnFunctionError": True,
            "FunctionResponseTypes": ["ReportBatchItemFailures"],
            "DestinationConfig": {"OnFailure": {"Destination": self.queue_arn}},
        }
        mapping = self.client("lambda").create_event_source_mapping(
            EventSourceArn=self.stream_arn, FunctionName="processor", **(settings | dict(self.mapping))
        )
        return str(mapping["UUID"])


running: list[Pipeline] = []
"""The pipelines of the current test; its end stops them."""


def eventually(read: Callable[[], T], done: Callable[[T], bool] = bool, *, seconds: float = PATIENCE) -> T:
    """Read until the value is as wanted; return the last value, for the caller's assertion."""
    deadline = time.monotonic() + seconds
    while not done(value := read()) and time.monotonic() < deadline:
        time.sleep(0.05)
    return value


def in_one_shard(count: int) -> tuple[str, ...]:
    """Return keys of orders whose records are in the same shard, so that their order is the one of the writes."""
    keys = (f"order-{number}" for number in itertools.count())
    return tuple(itertools.islice((key for key in keys if slot_of({"orderId": {"S": key}}) == 0), count))


def free_port() -> int:
    """Return a port that no other test uses."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def zipped(source: str, name: str = "index.py") -> bytes:
    """Return a zip file with the source."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr(name, source)
    return buffer.getvalue()


def policy(*statements: Mapping[str, Any]) -> str:
    """Return a policy document."""
    return json.dumps({"Version": "2012-10-17", "Statement": statements})


def lines(pipeline: Pipeline) -> list[str]:
    """Return the log lines of the function; none before its first invocation."""
    logs = pipeline.client("logs")
    try:
        found = logs.filter_log_events(logGroupName="/aws/lambda/processor")["events"]
    except logs.exceptions.ResourceNotFoundException:
        return []
    return [event["message"] for event in found]


def allow_logs(pipeline: Pipeline) -> None:
    allowed = {
        "Effect": "Allow",
        "Action": ["logs:CreateLogGroup", "logs:CreateLogStream", "logs:PutLogEvents"],
        "Resource": f"arn:aws:logs:{REGION}:{pipeline.account_id}:log-group:/aws/lambda/processor*",
    }
    pipeline.client("iam").put_role_policy(RoleName="processor", PolicyName="logs", PolicyDocument=policy(allowed))
