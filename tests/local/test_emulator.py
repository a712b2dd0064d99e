"""Stream and queue mappings on the local emulator, with IAM enforced."""

from __future__ import annotations

import json
from typing import Any

import pytest

from pipectl.local.home import REGION, LocalEmulator
from tests.local.small_pipeline import ALL_ACTIONS, STREAM_ACTIONS, Pipeline, eventually, in_one_shard, policy, zipped
from tests.support import THOROUGH

pytestmark = pytest.mark.emulator

ORDERS = in_one_shard(12)

FAILING = "def handler(event, context): raise ValueError('always')"
WORKING = "def handler(event, context): return {}"
WRITING = """
import boto3, os
def handler(event, context):
    boto3.client("s3").put_object(Bucket=event["bucket"], Key="key", Body=b"body")
"""
ECHOING = """
import json
def handler(event, context): raise ValueError(json.dumps([r["eventName"] for r in event["Records"]]))
"""
WAITING = "import time\ndef handler(event, context): time.sleep(15)"


def sequence_numbers(pipeline: Pipeline) -> list[str]:
    """Return the sequence numbers of the first page of each shard of the stream, in order."""
    return sorted(record["dynamodb"]["SequenceNumber"] for record in records(pipeline))


def records(pipeline: Pipeline) -> list[dict[str, Any]]:
    """Return the first page of each shard of the stream."""
    streams = pipeline.client("dynamodbstreams")
    shards = streams.describe_stream(StreamArn=pipeline.stream_arn)["StreamDescription"]["Shards"]
    iterators = [
        streams.get_shard_iterator(
            StreamArn=pipeline.stream_arn, ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON"
        )["ShardIterator"]
        for shard in shards
    ]
    return [record for iterator in iterators for record in streams.get_records(ShardIterator=iterator)["Records"]]


def failures(pipeline: Pipeline, count: int) -> list[dict[str, Any]]:
    """Receive messages until there are ``count`` of them."""
    received: list[dict[str, Any]] = []

    def receive() -> int:
        received.extend(pipeline.messages())
        return len(received)

    eventually(receive, lambda seen: seen >= count)
    return received


def ranges(messages: list[dict[str, Any]]) -> list[tuple[str, str, int]]:
    infos = [message["DDBStreamBatchInfo"] for message in messages]
    return [(info["startSequenceNumber"], info["endSequenceNumber"], info["batchSize"]) for info in infos]


def test_one_invalid_record_of_twelve_is_sent_alone_to_the_queue(emulator: LocalEmulator) -> None:
    pipeline = Pipeline(emulator)
    assert pipeline.processing_result() == "No records processed"
    pipeline.put_at_once(*ORDERS, poison=(ORDERS[5],))
    messages = failures(pipeline, 1)
    poison = sequence_numbers(pipeline)[5]
    assert ranges(messages) == [(poison, poison, 1)]
    assert messages[0]["requestContext"]["functionArn"].endswith(":function:processor")
    assert messages[0]["DDBStreamBatchInfo"]["streamArn"] == pipeline.stream_arn
    # Reported once, then split out of [5..11] and [5, 6, 7], then tried alone with its two retries.
    assert eventually(pipeline.processing_result, lambda result: result == "OK") == "OK"
    assert pipeline.metric("Errors") == 5
    assert pipeline.metric("DestinationDeliveryFailures") == 0

    def sent() -> float:
        return pipeline.metric("NumberOfMessagesSent", namespace="AWS/SQS", dimensions="QueueName=failures")

    assert eventually(sent) == 1


def test_a_batch_is_collected_from_several_pages(emulator: LocalEmulator) -> None:
    settings = {"MaximumRetryAttempts": 0, "BisectBatchOnFunctionError": False}
    pipeline = Pipeline(emulator, handler=FAILING, mapping=settings)
    pipeline.put_at_once(*ORDERS, padding="x" * 300_000)
    assert [message["DDBStreamBatchInfo"]["batchSize"] for message in failures(pipeline, 1)] == [12]


def test_only_matching_records_are_invoked(emulator: LocalEmulator) -> None:
    filters = {"Filters": [{"Pattern": json.dumps({"eventName": ["INSERT", "MODIFY"]})}]}
    settings = {"MaximumRetryAttempts": 0, "BisectBatchOnFunctionError": False, "FilterCriteria": filters}
    pipeline = Pipeline(emulator, handler=ECHOING, mapping=settings | {"Enabled": False})
    one, two, three = in_one_shard(3)
    pipeline.put(one, two)
    pipeline.client("dynamodb").delete_item(TableName="orders", Key={"orderId": {"S": one}})
    pipeline.put(three)
    pipeline.enable()
    numbers = sequence_numbers(pipeline)
    assert ranges(failures(pipeline, 1)) == [(numbers[0], numbers[3], 3)]


def test_records_that_become_too_old_fail(emulator: LocalEmulator) -> None:
    pipeline = Pipeline(emulator, handler=FAILING, mapping={"MaximumRetryAttempts": -1, "MaximumRecordAgeInSeconds": 1})
    pipeline.put("a")
    [message] = failures(pipeline, 1)
    assert message["requestContext"]["condition"] == "RecordAgeExceeded"


def test_a_retry_runs_the_current_code(emulator: LocalEmulator) -> None:
    pipeline = Pipeline(emulator, handler=FAILING, mapping={"MaximumRetryAttempts": -1})
    pipeline.put("a")
    failed = "PROBLEM: Function call failed"
    assert eventually(pipeline.processing_result, lambda result: result == failed) == failed
    pipeline.client("lambda").update_function_code(FunctionName="processor", ZipFile=zipped(WORKING))
    assert eventually(pipeline.processing_result, lambda result: result == "OK") == "OK"
    assert pipeline.messages() == []


def test_a_mapping_reads_its_own_stream_and_not_the_next_one(emulator: LocalEmulator) -> None:
    settings = {"MaximumRetryAttempts": 0, "BisectBatchOnFunctionError": False, "Enabled": False}
    pipeline = Pipeline(emulator, handler=FAILING, mapping=settings)
    one, two, three = in_one_shard(3)
    pipeline.put(one, two)
    numbers = sequence_numbers(pipeline)
    pipeline.set_stream(enabled=False)
    pipeline.set_stream(enabled=True)
    pipeline.put(three)
    pipeline.enable()
    assert ranges(failures(pipeline, 1)) == [(numbers[0], numbers[1], 2)]
    assert eventually(lambda: pipeline.metric("Invocations"), lambda count: count >= 1) == 1


def test_a_slow_function_does_not_delay_others(emulator: LocalEmulator) -> None:
    slow, quick = Pipeline(emulator, handler=WAITING), Pipeline(emulator, handler=WORKING)
    slow.put("a")
    quick.put("a")
    assert eventually(quick.processing_result, lambda result: result == "OK") == "OK"
    assert slow.metric("Invocations") == 0


class TestIam:
    def test_without_send_message_the_failure_is_dropped_and_counted(self, emulator: LocalEmulator) -> None:
        pipeline = Pipeline(emulator, actions=STREAM_ACTIONS)
        good, bad, fine = in_one_shard(3)
        pipeline.put_at_once(good, bad, fine, poison=(bad,))
        dropped = eventually(lambda: pipeline.metric("DestinationDeliveryFailures"))
        assert dropped == 1
        assert eventually(pipeline.processing_result, lambda result: result == "OK") == "OK"
        assert pipeline.messages() == []

    @pytest.mark.parametrize("missing", STREAM_ACTIONS if THOROUGH else ["dynamodb:GetRecords"])
    def test_without_a_read_action_nothing_is_processed_until_it_is_granted(
        self, emulator: LocalEmulator, missing: str
    ) -> None:
        pipeline = Pipeline(emulator, actions=tuple(action for action in ALL_ACTIONS if action != missing))
        pipeline.put("a")
        result = eventually(pipeline.processing_result, lambda text: text.startswith("PROBLEM"))
        assert result.startswith("PROBLEM: Cannot access stream")
        assert pipeline.metric("Invocations") == 0
        pipeline.grant(*ALL_ACTIONS)
        assert eventually(pipeline.processing_result, lambda text: text == "OK") == "OK"
        assert pipeline.metric("Invocations") == 1

    def test_permission_for_another_tables_stream_is_not_enough(self, emulator: LocalEmulator) -> None:
        pipeline = Pipeline(emulator, readable_table="others")
        pipeline.put("a")
        result = eventually(pipeline.processing_result, lambda text: text.startswith("PROBLEM"))
        assert result.startswith("PROBLEM: Cannot access stream")

    @pytest.mark.parametrize(("denied_transport", "error"), [("false", None), ("true", "AccessDenied")])
    def test_a_bucket_that_denies_plain_http_lets_functions_write_over_loopback(
        self, emulator: LocalEmulator, denied_transport: str, error: str | None
    ) -> None:
        pipeline = Pipeline(emulator, handler=WRITING)
        bucket = f"bucket-{pipeline.account_id}"
        s3 = pipeline.client("s3")
        s3.create_bucket(Bucket=bucket)
        deny = {
            "Effect": "Deny",
            "Principal": "*",
            "Action": "s3:*",
            "Resource": f"arn:aws:s3:::{bucket}/*",
            "Condition": {"Bool": {"aws:SecureTransport": denied_transport}},
        }
        s3.put_bucket_policy(Bucket=bucket, Policy=policy(deny))
        answer = pipeline.client("lambda").invoke(FunctionName="processor", Payload=json.dumps({"bucket": bucket}))
        payload = answer["Payload"].read().decode()
        assert (error in payload) if error else (payload == "null")


class TestMetrics:
    def test_invocations_by_the_api_are_counted_once(self, emulator: LocalEmulator) -> None:
        pipeline = Pipeline(emulator, handler=WORKING)
        pipeline.client("lambda").invoke(FunctionName="processor")
        assert pipeline.metric("Invocations") == 1
        assert pipeline.metric("Errors") == 0

    def test_invocations_by_a_queue_are_counted(self, emulator: LocalEmulator) -> None:
        pipeline = Pipeline(emulator, handler=FAILING)
        mapping = pipeline.client("lambda").create_event_source_mapping(
            EventSourceArn=pipeline.queue_arn, FunctionName="processor"
        )
        pipeline.client("sqs").send_message(QueueUrl=pipeline.queue_url, MessageBody="body")
        assert eventually(lambda: pipeline.metric("Errors")) == 1
        assert pipeline.metric("Invocations") == 1
        described = pipeline.client("lambda").get_event_source_mapping(UUID=mapping["UUID"])
        assert "LastProcessingResult" not in mapping | described

    def test_iterator_age_is_published(self, emulator: LocalEmulator) -> None:
        pipeline = Pipeline(emulator, handler=WORKING)
        pipeline.put("a")
        assert eventually(lambda: pipeline.metric("IteratorAge")) > 0

    def test_requests_that_write_are_published_by_operation(self, emulator: LocalEmulator) -> None:
        pipeline = Pipeline(emulator, handler=WORKING)
        put: Any = {"PutRequest": {"Item": {"orderId": {"S": "b"}}}}
        table = pipeline.client("dynamodb")
        pipeline.put("a")
        table.batch_write_item(RequestItems={"orders": [put]})
        table.transact_write_items(TransactItems=[{"Put": {"TableName": "orders", **put["PutRequest"]}}])
        table.delete_item(TableName="orders", Key=put["PutRequest"]["Item"])

        def written(operation: str) -> float:
            name, dimensions = "SuccessfulRequestLatency", f"TableName=orders,Operation={operation}"
            return pipeline.metric(name, namespace="AWS/DynamoDB", dimensions=dimensions, statistic="SampleCount")

        assert eventually(lambda: written("DeleteItem")) == 1
        assert [written(each) for each in ("PutItem", "BatchWriteItem", "TransactWriteItems")] == [1, 1, 1]

    def test_no_iterator_age_is_published_before_a_batch_has_finished(self, emulator: LocalEmulator) -> None:
        pipeline = Pipeline(emulator, handler=FAILING, mapping={"MaximumRetryAttempts": -1})
        pipeline.put("a")
        assert eventually(lambda: pipeline.metric("Errors"))
        assert pipeline.metric("IteratorAge", statistic="SampleCount") == 0

    def test_an_alarm_evaluates_its_own_function_alone(self, emulator: LocalEmulator) -> None:
        pipeline = Pipeline(emulator, handler=FAILING)
        for function in ("processor", "auditor"):
            pipeline.client("cloudwatch").put_metric_alarm(
                AlarmName=function,
                Namespace="AWS/Lambda",
                MetricName="Errors",
                Dimensions=[{"Name": "FunctionName", "Value": function}],
                Statistic="Sum",
                Period=300,
                EvaluationPeriods=1,
                Threshold=2,
                ComparisonOperator="GreaterThanOrEqualToThreshold",
                TreatMissingData="notBreaching",
            )
        quiet = {"processor": "OK", "auditor": "OK"}
        assert eventually(lambda: states(pipeline), lambda seen: seen == quiet) == quiet
        pipeline.put("a")
        expected = {"processor": "ALARM", "auditor": "OK"}
        assert eventually(lambda: states(pipeline), lambda seen: seen == expected) == expected


def states(pipeline: Pipeline) -> dict[str, str]:
    alarms = pipeline.client("cloudwatch").describe_alarms()["MetricAlarms"]
    return {alarm["AlarmName"]: alarm["StateValue"] for alarm in alarms}


def test_accounts_are_separate(emulator: LocalEmulator) -> None:
    one, other = Pipeline(emulator, handler=WORKING), Pipeline(emulator, handler=WORKING)
    one.put("a")
    assert eventually(one.processing_result, lambda result: result == "OK") == "OK"
    assert other.processing_result() == "No records processed"
    assert one.queue_url == f"{emulator.endpoint_url}/{one.account_id}/failures"
    assert f":{REGION}:" in one.stream_arn


class TestQueueMapping:
    HANDLER = """
def handler(event, context):
    failed = [record["messageId"] for record in event["Records"] if record["body"] == "bad"]
    return {"batchItemFailures": [{"itemIdentifier": number} for number in failed]}
"""

    def create(self, emulator: LocalEmulator, handler: str, **settings: Any) -> Pipeline:
        pipeline = Pipeline(emulator, handler=handler)
        sqs = pipeline.client("sqs")
        sqs.set_queue_attributes(QueueUrl=pipeline.queue_url, Attributes={"VisibilityTimeout": "600"})
        mapping = pipeline.client("lambda").create_event_source_mapping(
            EventSourceArn=pipeline.queue_arn, FunctionName="processor", **settings
        )
        pipeline.mapping_id = mapping["UUID"]
        return pipeline

    def counts(self, pipeline: Pipeline) -> tuple[int, int]:
        """Return the numbers of visible messages and of messages in flight."""
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        found = pipeline.client("sqs").get_queue_attributes(QueueUrl=pipeline.queue_url, AttributeNames=names)
        return int(found["Attributes"][names[0]]), int(found["Attributes"][names[1]])

    def send(self, pipeline: Pipeline, *bodies: str) -> None:
        entries = [{"Id": str(number), "MessageBody": body} for number, body in enumerate(bodies)]
        pipeline.client("sqs").send_message_batch(QueueUrl=pipeline.queue_url, Entries=entries)

    def test_processed_messages_are_deleted(self, emulator: LocalEmulator) -> None:
        pipeline = self.create(emulator, WORKING)
        self.send(pipeline, *"abcdefghij")
        assert eventually(lambda: self.counts(pipeline), lambda found: found == (0, 0)) == (0, 0)

    def test_messages_of_a_failed_batch_stay_in_flight(self, emulator: LocalEmulator) -> None:
        pipeline = self.create(emulator, FAILING)
        self.send(pipeline, "a", "b")
        assert eventually(lambda: pipeline.metric("Errors"))
        assert self.counts(pipeline) == (0, 2)

    def test_messages_of_a_malformed_response_stay_in_flight(self, emulator: LocalEmulator) -> None:
        malformed = "def handler(event, context): return {'batchItemFailures': [{'foo': 'notvalid'}]}"
        pipeline = self.create(emulator, malformed, FunctionResponseTypes=["ReportBatchItemFailures"])
        self.send(pipeline, "a", "b")
        assert eventually(lambda: pipeline.metric("Invocations"))
        assert self.counts(pipeline) == (0, 2)

    def test_only_reported_messages_stay(self, emulator: LocalEmulator) -> None:
        pipeline = self.create(emulator, self.HANDLER, FunctionResponseTypes=["ReportBatchItemFailures"])
        self.send(pipeline, "good", "bad", "fine")
        assert eventually(lambda: self.counts(pipeline), lambda found: found == (0, 1)) == (0, 1)

    def test_messages_that_match_no_filter_are_deleted(self, emulator: LocalEmulator) -> None:
        filters = {"Filters": [{"Pattern": json.dumps({"body": ["bad"]})}]}
        pipeline = self.create(emulator, FAILING, FilterCriteria=filters)
        self.send(pipeline, "good", "bad", "fine")
        assert eventually(lambda: self.counts(pipeline), lambda found: found == (0, 1)) == (0, 1)

    def test_a_disabled_mapping_receives_nothing(self, emulator: LocalEmulator) -> None:
        pipeline = self.create(emulator, WORKING, Enabled=False)
        self.send(pipeline, "a")
        assert self.counts(pipeline) == (1, 0)
        pipeline.enable()
        assert eventually(lambda: self.counts(pipeline), lambda found: found == (0, 0)) == (0, 0)


def test_a_mapping_of_a_stack_is_polled(emulator: LocalEmulator) -> None:
    pipeline = Pipeline(emulator, handler=WORKING, mapping={"Enabled": False})
    properties = {
        "EventSourceArn": pipeline.stream_arn,
        "FunctionName": "processor",
        "StartingPosition": "TRIM_HORIZON",
    }
    resource = {"Type": "AWS::Lambda::EventSourceMapping", "Properties": properties}
    stacks = pipeline.client("cloudformation")
    stacks.create_stack(StackName="mapping", TemplateBody=json.dumps({"Resources": {"Mapping": resource}}))
    stacks.get_waiter("stack_create_complete").wait(StackName="mapping", WaiterConfig={"Delay": 1})
    pipeline.put("a")
    assert eventually(lambda: pipeline.metric("Invocations")) == 1
