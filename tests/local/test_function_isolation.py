"""Functions on the local emulator see what Lambda gives them, and nothing of pipectl's environment."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from pipectl.aws.log_entries import LogEntry, parse_entry
from pipectl.local.home import LocalEmulator
from tests.local.small_pipeline import Pipeline, allow_logs, lines

pytestmark = pytest.mark.emulator

PYTHON = """
import importlib.util, logging, os, pkgutil, sys
import boto3
logging.getLogger().warning("slow")
def handler(event, context):
    logging.getLogger("rules").error("broken")
    return {
        "path": sys.path,
        "prefix": sys.prefix,
        "installed": sorted({m.name for m in pkgutil.iter_modules() if m.module_finder.path.startswith(sys.prefix)}),
        "found": [name for name in ("pipectl", "click", "rich", "pydantic", "pytest", "ministack")
                  if importlib.util.find_spec(name)],
        "environment": dict(os.environ),
        "folder": os.getcwd(),
        "caller": boto3.client("sts").get_caller_identity()["Arn"],
        "context": [context.function_name, context.memory_limit_in_mb, context.get_remaining_time_in_millis() > 0],
    }
"""
NODEJS = """
import { createRequire } from "node:module";
import { S3 } from "@aws-sdk/client-s3";
const require = createRequire(import.meta.url);
const found = ["tslib", "bowser", "@aws-sdk/client-dynamodb"].filter((name) => {
  try { return require.resolve(name); } catch { return false; }
});
console.warn("slow");
export const handler = async (event, context) => {
  console.error("broken");
  return { found, environment: process.env, folder: process.cwd(), caller: S3.name, name: context.functionName };
};
"""
OF_LAMBDA = {
    *("_HANDLER", "AWS_EXECUTION_ENV", "LAMBDA_TASK_ROOT", "LANG", "PATH", "TZ"),
    *("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_REGION", "AWS_DEFAULT_REGION"),
    *("AWS_LAMBDA_FUNCTION_NAME", "AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "AWS_LAMBDA_FUNCTION_VERSION"),
    *("AWS_LAMBDA_INITIALIZATION_TYPE", "AWS_LAMBDA_LOG_GROUP_NAME", "AWS_LAMBDA_LOG_STREAM_NAME"),
}
OF_EMULATOR = {
    *("AWS_ENDPOINT_URL", "AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE", "AWS_EC2_METADATA_DISABLED"),
    *("TMPDIR", "TEMP", "TMP"),
}
OF_MACHINE = {"LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "LC_CTYPE"}
"""Set on some machines only; Python sets the last one by itself where `LANG` is not installed."""


def invoked(pipeline: Pipeline) -> Any:
    return json.loads(pipeline.client("lambda").invoke(FunctionName="processor")["Payload"].read())


def errors(pipeline: Pipeline) -> list[LogEntry]:
    return [entry for line in lines(pipeline) if (entry := parse_entry(line)).is_error]


def function(emulator: LocalEmulator, handler: str, runtime: str = "python3.12", **more: Any) -> Pipeline:
    pipeline = Pipeline(emulator, handler=handler, runtime=runtime, mapping={"Enabled": False}, **more)
    allow_logs(pipeline)
    return pipeline


def test_a_function_in_python_sees_lambda(emulator: LocalEmulator) -> None:
    pipeline = function(emulator, PYTHON, environment={"SETTING": "own"})
    found = invoked(pipeline)
    assert found["found"] == []
    assert found["installed"] == ["boto3", "botocore", "dateutil", "jmespath", "s3transfer", "six", "urllib3"]
    assert found["caller"].endswith("assumed-role/processor/processor")
    environment = found["environment"]
    assert set(environment) - OF_MACHINE == OF_LAMBDA | OF_EMULATOR | {"SETTING"}
    assert environment["SETTING"] == "own"
    assert environment["LAMBDA_TASK_ROOT"] == found["path"][0] == found["folder"]
    assert found["prefix"].startswith(str(emulator.home))
    assert found["context"] == ["processor", "128", True]
    logged = [parse_entry(line) for line in lines(pipeline)]
    assert [(entry.level, entry.text) for entry in logged if entry.level] == [("WARNING", "slow"), ("ERROR", "broken")]


def test_a_function_in_nodejs_sees_lambda(emulator_nodejs: LocalEmulator) -> None:
    pipeline = function(emulator_nodejs, NODEJS, "nodejs24.x", environment={"SETTING": "own"})
    found = invoked(pipeline)
    assert found["found"] == ["@aws-sdk/client-dynamodb"]
    assert set(found["environment"]) - OF_MACHINE == OF_LAMBDA | OF_EMULATOR | {"SETTING"}
    assert (found["caller"], found["name"]) == ("S3", "processor")
    assert found["environment"]["LAMBDA_TASK_ROOT"] == found["folder"]
    logged = [parse_entry(line) for line in lines(pipeline)]
    assert [(entry.level, entry.text) for entry in logged if entry.level] == [("WARN", "slow"), ("ERROR", "broken")]


@pytest.mark.parametrize(
    ("handler", "kind", "message"),
    [
        (
            "import absent",
            "Runtime.ImportModuleError",
            "Unable to import module 'index': No module named 'absent'",
        ),
        (
            "def handler(event, context)\n    return 1\n",
            "Runtime.UserCodeSyntaxError",
            "Syntax error in module 'index': expected ':' (index.py, line 2)",
        ),
        ("handle = 1", "Runtime.HandlerNotFound", "Handler 'handler' missing on module 'index'"),
        ("raise KeyError('no setting')", "KeyError", "'no setting'"),
        ("def handler(event, context):\n    return {1, 2}", "Runtime.MarshalError", "Unable to marshal response: "),
    ],
)
def test_an_error_in_python_is_answered_and_logged(
    handler: str, kind: str, message: str, emulator: LocalEmulator
) -> None:
    pipeline = function(emulator, f"print('before')\n{handler}")
    answer = invoked(pipeline)
    assert answer["errorType"] == kind
    assert answer["errorMessage"].startswith(message)
    (entry,) = errors(pipeline)
    assert entry.text.startswith(f"{kind}: {message}")
    assert str(emulator.home) not in str(entry)
    assert ("before" in lines(pipeline)) is (kind != "Runtime.UserCodeSyntaxError")


@pytest.mark.parametrize(
    ("handler", "kind", "message"),
    [
        (
            'import absent from "absent";',
            "Error",
            "Cannot find package 'absent' imported from /var/task/index.mjs",
        ),
        (
            "export const handler = () => {",
            "Runtime.UserCodeSyntaxError",
            "SyntaxError: Unexpected end of input (index.mjs, line 1)",
        ),
        ("export const handle = 1;", "Runtime.HandlerNotFound", "index.handler is undefined or not exported"),
        ('throw new RangeError("no setting");', "RangeError", "no setting"),
        (
            'export const handler = () => { Promise.reject(new Error("lost")); return new Promise(() => {}); };',
            "Runtime.UnhandledPromiseRejection",
            "Error: lost",
        ),
        (
            "export const handler = () => new Promise(() => setTimeout(() => absent()));",
            "ReferenceError",
            "absent is not defined",
        ),
        (
            "export const handler = async () => 1n;",
            "TypeError",
            "Do not know how to serialize a BigInt",
        ),
    ],
)
def test_an_error_in_nodejs_is_answered_and_logged(
    handler: str, kind: str, message: str, emulator_nodejs: LocalEmulator
) -> None:
    pipeline = function(emulator_nodejs, handler, "nodejs24.x")
    answer = invoked(pipeline)
    assert (answer["errorType"], answer["errorMessage"]) == (kind, message)
    (entry,) = errors(pipeline)
    assert entry.text == f"{kind}: {message}"
    assert str(emulator_nodejs.home) not in str(entry)


@pytest.mark.parametrize("where", ["import", "handler"])
def test_an_exit_is_answered_and_logged_with_its_code(where: str, emulator: LocalEmulator) -> None:
    source = {"import": "raise SystemExit(3)", "handler": "def handler(event, context):\n    raise SystemExit(3)"}
    pipeline = function(emulator, source[where])
    assert invoked(pipeline)["errorType"] == "Runtime.ExitError"
    assert [entry.text for entry in errors(pipeline)] == ["Error: Runtime exited with error: exit status 3"]


def test_the_end_of_the_log_comes_with_the_answer(emulator: LocalEmulator) -> None:
    source = "def handler(event, context):\n    print('before')\n    if event:\n        raise KeyError('a')\n"
    pipeline = function(emulator, source)
    tails = [
        pipeline.client("lambda").invoke(FunctionName="processor", LogType="Tail", Payload=payload)["LogResult"]
        for payload in ("{}", '{"fail": true}')
    ]
    fine, failed = (base64.b64decode(tail).decode().splitlines() for tail in tails)
    assert fine == ["before"]
    assert failed[:3] == ["before", "[ERROR] KeyError: 'a'", "Traceback (most recent call last):"]


def test_a_module_that_cannot_be_imported_is_tried_once(emulator: LocalEmulator) -> None:
    """A process takes 0.2 s and more to start; a failing invocation of one that runs takes milliseconds."""
    pipeline = function(emulator, "import os, time\nprint(f'process {os.getpid()}')\nimport absent")
    kinds = [invoked(pipeline)["errorType"] for _ in range(3)]
    assert kinds == ["Runtime.ImportModuleError"] * 3
    assert len([line for line in lines(pipeline) if line.startswith("process ")]) == 1


def test_what_a_program_of_the_function_prints_is_logged(emulator: LocalEmulator) -> None:
    handler = "import os\ndef handler(event, context):\n    os.system('echo from a shell; printf open')\n    return 1\n"
    pipeline = function(emulator, handler)
    assert invoked(pipeline) == 1
    assert [line for line in lines(pipeline) if "RequestId" not in line] == ["from a shell", "open"]
