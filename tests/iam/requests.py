"""The question that AWS asks IAM for each call: actions, resources, and condition keys.

Source: the table of actions, resource types and condition keys of each service in the Service Authorization Reference.
A judge compares them with the policies, see `tests/judges/judge_policies.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from pipectl.aws.calls import Call
from pipectl.aws.errors import iam_actions

Parameters = Mapping[str, Any]
FUNCTION_ARN = "lambda:FunctionArn"


@dataclass(frozen=True)
class Request:
    """A question to IAM."""

    action: str
    resource: str
    context: tuple[tuple[str, str], ...] = ()


TAG_ACTION = {
    "dynamodb CreateTable": "dynamodb:TagResource",
    "iam CreateRole": "iam:TagRole",
    "lambda CreateFunction": "lambda:TagResource",
    "logs CreateLogGroup": "logs:TagResource",
    "cloudwatch PutMetricAlarm": "cloudwatch:TagResource",
    "sqs CreateQueue": "sqs:TagQueue",
}
"""The action that a creating call also needs for its tags."""
_TAGS = ("Tags", "tags")


@dataclass
class Questions:
    """Finds the questions of calls. What earlier calls answered is needed for some: a mapping has only a UUID.

    Args:
        region: The region of the calls.
        account: The account of the calls.
    """

    region: str
    account: str
    _functions: dict[str, str] = field(default_factory=dict)
    _streams: dict[str, str] = field(default_factory=dict)

    def learn(self, call: Call, parameters: Parameters, answer: Any) -> None:
        """Remember the function of each mapping, and the stream of each shard iterator."""
        if call.service == "lambda":
            for mapping in answer.get("EventSourceMappings", [answer]):
                if {"UUID", "FunctionArn"} <= mapping.keys():
                    self._functions[mapping["UUID"]] = mapping["FunctionArn"]
        if call.operation == "GetShardIterator":
            self._streams[answer["ShardIterator"]] = parameters["StreamArn"]
        if call.operation == "GetRecords" and "NextShardIterator" in answer:
            self._streams[answer["NextShardIterator"]] = self._streams[parameters["ShardIterator"]]

    def of(self, call: Call, parameters: Parameters) -> Iterator[Request]:
        """Yield the questions of a call."""
        resources, context = self._resources(call, parameters), self._context(call, parameters)
        actions = iam_actions(call.service, call.operation)
        for action in actions:
            for resource in resources:
                yield Request(action, resource, context)
        if call.operation == "GetFunction":  # it reports the tags to callers who may list them
            yield Request("lambda:ListTags", resources[0])
        if any(parameters.get(tags) for tags in _TAGS):
            if tagging := TAG_ACTION.get(f"{call.service} {call.operation}"):
                yield Request(tagging, resources[0])
            if call.operation == "CreateEventSourceMapping":
                yield Request("lambda:TagResource", self._arn("lambda", "event-source-mapping:new"))
        if call.operation in ("CreateFunction", "UpdateFunctionConfiguration") and "Role" in parameters:
            yield Request("iam:PassRole", parameters["Role"], (("iam:PassedToService", "lambda.amazonaws.com"),))

    def _resources(self, call: Call, parameters: Parameters) -> list[str]:
        by_service: dict[str, Callable[[str, Parameters], str | list[str]]] = {
            "cloudwatch": self._alarm,
            "dynamodb": self._table,
            "dynamodbstreams": self._stream,
            "iam": lambda _, given: f"arn:aws:iam::{self.account}:role/{given['RoleName']}",
            "lambda": self._function,
            "logs": self._log_group,
            "resourcegroupstaggingapi": lambda *_: "*",
            "s3": self._object,
            "sqs": lambda _, given: self._arn("sqs", given.get("QueueName") or given["QueueUrl"].rpartition("/")[2]),
            "sts": lambda *_: "*",
        }
        found = by_service[call.service](call.operation, parameters)
        return found if isinstance(found, list) else [found]

    def _context(self, call: Call, parameters: Parameters) -> tuple[tuple[str, str], ...]:
        if call.operation == "CreateEventSourceMapping":
            return ((FUNCTION_ARN, self._arn_of_function(parameters["FunctionName"])),)
        if call.operation.endswith("EventSourceMapping"):
            return ((FUNCTION_ARN, self._functions[parameters["UUID"]]),)
        return ()

    def _alarm(self, operation: str, given: Parameters) -> str | list[str]:
        if operation == "DescribeAlarms":
            return self._arn("cloudwatch", "alarm:*")
        if operation == "GetMetricData":
            return "*"
        names = given.get("AlarmNames") or [given["AlarmName"]] if "ResourceARN" not in given else []
        return [self._arn("cloudwatch", f"alarm:{name}") for name in names] or str(given["ResourceARN"])

    def _table(self, operation: str, given: Parameters) -> str:
        if operation == "TransactWriteItems":  # pipectl's transactions are about one table
            given = given["TransactItems"][0]["Update"]
        table = str(given.get("ResourceArn") or self._arn("dynamodb", f"table/{given['TableName']}"))
        return f"{table}/index/{given['IndexName']}" if "IndexName" in given else table

    def _stream(self, operation: str, given: Parameters) -> str:
        if operation == "ListStreams":
            return "*"
        return str(given.get("StreamArn") or self._streams[given["ShardIterator"]])

    def _function(self, operation: str, given: Parameters) -> str:
        if operation in ("ListEventSourceMappings", "CreateEventSourceMapping"):
            return "*"
        if "Resource" in given:
            return str(given["Resource"])
        if "UUID" in given:
            return self._arn("lambda", f"event-source-mapping:{given['UUID']}")
        function = self._arn_of_function(given["FunctionName"])
        return f"{function}:{given['Qualifier']}" if "Qualifier" in given else function

    def _arn_of_function(self, name: str) -> str:
        return name if name.startswith("arn:") else self._arn("lambda", f"function:{name}")

    def _log_group(self, operation: str, given: Parameters) -> str:
        if operation == "DescribeLogGroups":
            return "*"
        return str(given.get("resourceArn") or self._arn("logs", f"log-group:{given['logGroupName']}"))

    def _object(self, operation: str, given: Parameters) -> str | list[str]:
        bucket = f"arn:aws:s3:::{given['Bucket']}"
        if operation == "DeleteObjects":
            return [f"{bucket}/{each['Key']}" for each in given["Delete"]["Objects"]]
        return f"{bucket}/{given['Key']}" if "Key" in given else bucket

    def _arn(self, service: str, resource: str) -> str:
        return f"arn:aws:{service}:{self.region}:{self.account}:{resource}"
