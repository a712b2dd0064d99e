"""The Node.js handlers read their settings from environment variables, each in its own process."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from pipectl.local import node
from tests.lambda_src.loading import SOURCES

SHOW = {
    "processor": """
import { processor } from "./processor/handler.mjs";
const { s3, bucket, prefix, failedPrefix, owner } = processor();
const { maxAttempts, requestHandler } = s3.config;
const { connectionTimeout, socketTimeout } = await requestHandler.configProvider;
const settings = { attempts: await maxAttempts(), connectionTimeout, socketTimeout, one: processor() === processor() };
console.log(JSON.stringify({ bucket, prefix, failedPrefix, owner, ...settings }));
""",
    "auditor": """
import { auditor } from "./auditor/handler.mjs";
const { dynamodb, table } = auditor();
const { maxAttempts, requestHandler } = dynamodb.config;
const { connectionTimeout, socketTimeout } = await requestHandler.configProvider;
const settings = { attempts: await maxAttempts(), connectionTimeout, socketTimeout, one: auditor() === auditor() };
console.log(JSON.stringify({ table, ...settings }));
""",
}


@pytest.fixture
def functions(tmp_path: Path) -> Path:
    """Copy the functions' folders, with the SDK in the folder above."""
    node.provide(tmp_path)
    return Path(shutil.copytree(SOURCES.parent / "nodejs", tmp_path / "functions"))


def shown(functions: Path, function: str, **environment: str) -> dict[str, Any]:
    script = functions / "show.mjs"
    script.write_text(SHOW[function])
    done = subprocess.run(
        [functions.parent / "bin" / "node", script],
        capture_output=True,
        text=True,
        check=True,
        env={"AWS_REGION": "us-east-1", **environment},
    )
    found: dict[str, Any] = json.loads(done.stdout)
    return found


CLIENT = {"attempts": 3, "connectionTimeout": 2000, "one": True}


def test_the_processor_reads_bucket_prefixes_and_owner(functions: Path) -> None:
    environment = {"PROCESSED_PREFIX": "done", "FAILED_PREFIX": "broken", "BUCKET_OWNER": "123456789012"}
    assert shown(functions, "processor", BUCKET_NAME="orders", **environment) == CLIENT | {
        "bucket": "orders",
        "prefix": "done",
        "failedPrefix": "broken",
        "owner": "123456789012",
        "socketTimeout": 10_000,
    }


def test_the_processor_has_default_prefixes(functions: Path) -> None:
    found = shown(functions, "processor", BUCKET_NAME="orders")
    assert (found["prefix"], found["failedPrefix"]) == ("processed-data", "failed-data")
    assert "owner" not in found


def test_the_auditor_reads_the_table_name(functions: Path) -> None:
    found = shown(functions, "auditor", AUDIT_TABLE_NAME="audit", AWS_LAMBDA_FUNCTION_NAME="auditor")
    assert found == CLIENT | {"table": "audit", "socketTimeout": 5000}
