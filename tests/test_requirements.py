"""The requirements that the resources of a new pipeline prove. docs/requirements.md names these tests."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from moto import mock_aws

from pipectl.commands.outputs import outputs
from pipectl.commands.up import up
from pipectl.engine.model import Attributes, Resource
from tests.support import ACCOUNT, ROOT, FakeClock, World, make_world, yes


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """Create the pipeline of the shipped config on moto."""
    with mock_aws():
        world = make_world(tmp_path_factory.mktemp("made"), clock=FakeClock())
        up(world.context(), yes)
        yield world


def _resources(world: World) -> dict[str, Resource]:
    return world.context().resources


def _attributes(world: World, key: str) -> Attributes:
    """Return the attributes of a resource as AWS reports them."""
    observed = _resources(world)[key].observe()
    assert observed
    return observed.attributes


def test_names_of_the_shipped_config(made: World) -> None:
    assert made.config.region == "us-east-1"
    named = {key: resource.name for key, resource in _resources(made).items() if resource.kind != "mapping"}
    assert named == {
        "processor-role": "dev-order-processor-role-backend",
        "auditor-role": "dev-audit-processor-role-backend",
        "orders-table": "dev-orders-table-backend",
        "audit-table": "dev-audit-logs-table-backend",
        "bucket": f"dev-processed-data-{ACCOUNT}-backend",
        "dead-letter-queue": "dev-order-processor-dlq-backend",
        "processor-log-group": "/aws/lambda/dev-order-processor-lambda-backend",
        "auditor-log-group": "/aws/lambda/dev-audit-processor-lambda-backend",
        "processor": "dev-order-processor-lambda-backend",
        "auditor": "dev-audit-processor-lambda-backend",
        "errors-alarm": "dev-order-processor-errors-alarm-backend",
        "failures-alarm": "dev-order-failures-alarm-backend",
        "iterator-age-alarm": "dev-order-processor-iterator-age-alarm-backend",
        "auditor-errors-alarm": "dev-audit-processor-errors-alarm-backend",
        "lost-failures-alarm": "dev-order-lost-failures-alarm-backend",
        "throttles-alarm": "dev-order-processor-throttles-alarm-backend",
    }


def test_orders_table(made: World) -> None:
    table = _attributes(made, "orders-table")
    assert (table["partition_key"], table["sort_key"]) == ("orderId", None)
    assert table["stream"] == "NEW_AND_OLD_IMAGES"
    assert table["point_in_time_recovery"] is True
    assert table["billing"] == "on-demand"


def test_audit_table(made: World) -> None:
    table = _attributes(made, "audit-table")
    assert (table["partition_key"], table["sort_key"]) == ("auditId", "timestamp")
    assert table["indexes"] == {
        "failure-type-index": {"keys": ["failureType S", "timestamp S"], "projection": "ALL"},
        "unresolved-index": {"keys": ["unresolved S", "timestamp S"], "projection": "ALL"},
    }


def test_bucket(made: World) -> None:
    bucket = _attributes(made, "bucket")
    assert len(bucket["public_access_block"]) == 4
    assert set(bucket["public_access_block"].values()) == {True}
    assert bucket["encryption"] == "AES256"
    assert bucket["versioning"] == "Enabled"
    assert bucket["ownership"] == "BucketOwnerEnforced"


def test_dead_letter_queue(made: World) -> None:
    queue = _attributes(made, "dead-letter-queue")
    assert queue["retention_days"] == 14
    assert queue["maximum_message_size"] == 262144
    assert queue["visibility_timeout"] == 180 >= 6 * _attributes(made, "auditor")["timeout"]
    assert queue["encryption"] == "SSE-SQS"


@pytest.mark.parametrize(("key", "memory", "timeout"), [("processor", 256, 60), ("auditor", 128, 30)])
def test_functions(made: World, key: str, memory: int, timeout: int) -> None:
    function = _attributes(made, key)
    assert (function["memory"], function["timeout"]) == (memory, timeout)
    assert (function["architecture"], function["runtime"]) == ("arm64", "python3.14")


def test_stream_mapping(made: World) -> None:
    mapping = _attributes(made, "stream-mapping")
    assert mapping["source"] == outputs(made.context())["OrdersTableStreamArn"]
    assert mapping["on_failure"] == outputs(made.context())["DeadLetterQueueArn"]
    assert (mapping["batch_size"], mapping["retry_attempts"], mapping["bisect"]) == (100, 3, True)
    assert mapping["maximum_record_age"] == 12 * 3600
    assert mapping["starting_position"] == "TRIM_HORIZON"
    assert mapping["response_types"] == ["ReportBatchItemFailures"]


def test_errors_alarm(made: World) -> None:
    alarm = _attributes(made, "errors-alarm")
    assert (alarm["namespace"], alarm["metric"], alarm["statistic"]) == ("AWS/Lambda", "Errors", "Sum")
    assert alarm["dimensions"] == {"FunctionName": "dev-order-processor-lambda-backend"}
    assert (alarm["comparison"], alarm["threshold"]) == ("GreaterThanOrEqualToThreshold", 5)
    assert (alarm["period"], alarm["evaluation_periods"]) == (300, 1)
    assert alarm["missing_data"] == "notBreaching"


def test_outputs(made: World) -> None:
    shown = outputs(made.context())
    assert shown["OrdersTableName"] == "dev-orders-table-backend"
    assert shown["ProcessorFunctionName"] == "dev-order-processor-lambda-backend"
    assert shown["ProcessedBucketName"] == f"dev-processed-data-{ACCOUNT}-backend"
    assert shown["AuditTableName"] == "dev-audit-logs-table-backend"
    assert shown["AuditFunctionName"] == "dev-audit-processor-lambda-backend"
    assert {"DeadLetterQueueUrl", "AlarmName", "OrdersTableStreamArn", "ProcessorFunctionArn"} <= shown.keys()


def test_top_level() -> None:
    for name in ("pyproject.toml", "src/pipectl", "lambda_src", "tests", "config/dev.yaml"):
        assert (ROOT / name).exists()


def test_every_requirement_names_tests_that_exist() -> None:
    rows = re.split(r"^(?=\d+\. )", (ROOT / "docs/requirements.md").read_text(), flags=re.MULTILINE)[1:]
    assert [int(row.partition(".")[0]) for row in rows] == list(range(1, 20))
    for row in rows:
        named = re.findall(r"`(tests/[^`:]+)::(\w+)`", row)
        assert named, row
        for file, test in named:
            assert re.search(rf"^\s*def {test}\(", Path(ROOT / file).read_text(), re.MULTILINE), f"{file}::{test}"
