"""A plain boto3 script that creates the pipeline: one call after the other, nothing compared, nothing repaired.

It is the reference of `deploy`: the calls that creation needs in any case. It waits only for tables and functions.
"""

from __future__ import annotations

import json
from typing import Any

import boto3

from pipectl.iam import roles
from pipectl.pipeline import Pipeline
from pipectl.policy_document import deny_plain_http, document
from pipectl.resources.function import Function

WAITING: Any = {"Delay": 0.25}
"""Seconds between two looks at a new resource, as in pipectl."""
INDEXES = {"failure-type-index": "failureType", "unresolved-index": "unresolved"}


class PlainScript:
    """Create the resources of a pipeline in the account of `session`."""

    def __init__(self, session: boto3.Session, endpoint: str, pipeline: Pipeline) -> None:
        self.pipeline, self.names, self.physical = pipeline, pipeline.names, pipeline.physical
        self.config = pipeline.config
        self.tags = self.names.tags(self.config.tags)
        self.listed = [{"Key": key, "Value": value} for key, value in self.tags.items()]
        services = ("iam", "dynamodb", "s3", "sqs", "logs", "lambda", "cloudwatch")
        client: Any = session.client
        self.clients = {name: client(name, endpoint_url=endpoint) for name in services}

    def up(self) -> None:
        """Create everything."""
        self._roles()
        stream = self._tables()
        self._bucket()
        queue = self._queue()
        for group in (self.physical.processor_log_group, self.physical.auditor_log_group):
            self.clients["logs"].create_log_group(logGroupName=group, tags=self.tags)
            self.clients["logs"].put_retention_policy(logGroupName=group, retentionInDays=30)
        self._functions()
        self._mappings(stream, queue)
        for resource in self.pipeline.resources().values():
            if resource.kind == "alarm":
                self._alarm(resource.name)

    def _roles(self) -> None:
        trust = json.dumps(document([roles.trust_lambda(self.names.account_id)]))
        for name, policy in (
            (self.physical.processor_role, roles.processor_statements(self.config, self.names)),
            (self.physical.auditor_role, roles.auditor_statements(self.config, self.names)),
        ):
            iam = self.clients["iam"]
            iam.create_role(RoleName=name, AssumeRolePolicyDocument=trust, Tags=self.listed)
            iam.put_role_policy(RoleName=name, PolicyName="permissions", PolicyDocument=json.dumps(document(policy)))

    def _tables(self) -> str:
        """Create both tables. Return the ARN of the stream."""
        dynamodb, arn = self.clients["dynamodb"], ""
        for name, keys, indexes in (
            (self.physical.orders_table, ["orderId"], {}),
            (self.physical.audit_table, ["auditId", "timestamp"], INDEXES),
        ):
            attributes = sorted({*keys, *indexes.values()})
            more: Any = {"StreamSpecification": {"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"}}
            if indexes:
                more = {"GlobalSecondaryIndexes": [_index(index, key) for index, key in indexes.items()]}
            made = dynamodb.create_table(
                TableName=name,
                BillingMode="PAY_PER_REQUEST",
                AttributeDefinitions=[{"AttributeName": each, "AttributeType": "S"} for each in attributes],
                KeySchema=_keys(*keys),
                Tags=self.listed,
                **more,
            )
            arn = arn or made["TableDescription"]["LatestStreamArn"]
            dynamodb.get_waiter("table_exists").wait(TableName=name, WaiterConfig=WAITING)
            dynamodb.update_continuous_backups(
                TableName=name, PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": True}
            )
        return arn

    def _bucket(self) -> None:
        s3, name = self.clients["s3"], self.physical.bucket
        arn = self.names.bucket_arn(name)
        blocks = ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets")
        s3.create_bucket(Bucket=name, ObjectOwnership="BucketOwnerEnforced")
        s3.put_bucket_tagging(Bucket=name, Tagging={"TagSet": self.listed})
        s3.put_public_access_block(Bucket=name, PublicAccessBlockConfiguration=dict.fromkeys(blocks, True))
        encryption = {"Rules": [{"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}]}
        s3.put_bucket_encryption(Bucket=name, ServerSideEncryptionConfiguration=encryption)
        s3.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})
        policy = document([deny_plain_http(["s3:*"], [arn, f"{arn}/*"])])
        s3.put_bucket_policy(Bucket=name, Policy=json.dumps(policy))

    def _queue(self) -> str:
        """Create the queue. Return its ARN."""
        arn = self.names.queue_arn(self.physical.queue)
        attributes = {
            "MessageRetentionPeriod": "1209600",
            "MaximumMessageSize": "262144",
            "VisibilityTimeout": "180",
            "SqsManagedSseEnabled": "true",
            "Policy": json.dumps(document([deny_plain_http(["sqs:*"], [arn])])),
        }
        self.clients["sqs"].create_queue(QueueName=self.physical.queue, Attributes=attributes, tags=self.tags)
        return arn

    def _functions(self) -> None:
        variables = {
            "BUCKET_NAME": self.physical.bucket,
            "BUCKET_OWNER": self.names.account_id,
            "PROCESSED_PREFIX": "processed-data",
            "FAILED_PREFIX": "failed-data",
        }
        resources = self.pipeline.resources().values()
        packages = {each.name: each.package.body for each in resources if isinstance(each, Function)}
        for name, role, environment in (
            (self.physical.processor, self.physical.processor_role, variables),
            (self.physical.auditor, self.physical.auditor_role, {"AUDIT_TABLE_NAME": self.physical.audit_table}),
        ):
            self.clients["lambda"].create_function(
                FunctionName=name,
                Role=self.names.role_arn(role),
                Runtime=self.config.processor.runtime,
                Handler="handler.handler",
                Architectures=["arm64"],
                MemorySize=256,
                Timeout=30,
                Environment={"Variables": environment},
                Code={"ZipFile": packages[name]},
                Tags=self.tags,
            )
            self.clients["lambda"].get_waiter("function_active_v2").wait(FunctionName=name, WaiterConfig=WAITING)
        version = self.clients["lambda"].publish_version(FunctionName=self.physical.processor)["Version"]
        self.clients["lambda"].create_alias(FunctionName=self.physical.processor, Name="live", FunctionVersion=version)

    def _mappings(self, stream: str, queue: str) -> None:
        create = self.clients["lambda"].create_event_source_mapping
        report = {"FunctionResponseTypes": ["ReportBatchItemFailures"], "Tags": self.tags}
        create(
            EventSourceArn=stream,
            FunctionName=self.names.live_arn(self.physical.processor),
            StartingPosition="TRIM_HORIZON",
            BatchSize=100,
            MaximumRetryAttempts=3,
            MaximumRecordAgeInSeconds=43200,
            BisectBatchOnFunctionError=True,
            DestinationConfig={"OnFailure": {"Destination": queue}},
            FilterCriteria={"Filters": [{"Pattern": '{"eventName": ["INSERT", "MODIFY"]}'}]},
            **report,
        )
        create(EventSourceArn=queue, FunctionName=self.physical.auditor, BatchSize=10, **report)

    def _alarm(self, name: str) -> None:
        self.clients["cloudwatch"].put_metric_alarm(
            AlarmName=name,
            Namespace="AWS/Lambda",
            MetricName="Errors",
            Dimensions=[{"Name": "FunctionName", "Value": self.physical.processor}],
            Statistic="Sum",
            Period=300,
            EvaluationPeriods=1,
            Threshold=5,
            ComparisonOperator="GreaterThanOrEqualToThreshold",
            TreatMissingData="notBreaching",
            Tags=self.listed,
        )


def _keys(*names: str) -> list[dict[str, str]]:
    return [{"AttributeName": name, "KeyType": kind} for name, kind in zip(names, ("HASH", "RANGE"), strict=False)]


def _index(name: str, key: str) -> dict[str, Any]:
    return {"IndexName": name, "KeySchema": _keys(key, "timestamp"), "Projection": {"ProjectionType": "ALL"}}
