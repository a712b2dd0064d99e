"""A function gets Lambda's environment variables and its own, and none of the caller's."""

from __future__ import annotations

import pytest

from pipectl.local.function_environment import environment_of

FUNCTION = {
    "FunctionName": "processor",
    "Handler": "handler.handler",
    "Runtime": "python3.14",
    "MemorySize": 256,
    "Version": "7",
    "Environment": {"Variables": {"BUCKET": "orders", "TZ": "Europe/Rome", "AWS_REGION": "elsewhere"}},
}
SYSTEM = {
    "PATH": "/home/somebody/bin:/usr/bin",
    "HOME": "/home/somebody",
    "PYTHONPATH": "/work/src",
    "VIRTUAL_ENV": "/work/.venv",
    "PIPECTL_HOME": "/work/home",
    "GATEWAY_PORT": "4566",
    "API_TOKEN": "secret",
    "LD_LIBRARY_PATH": "/opt/python/lib",
}
GIVEN = SYSTEM | {
    "AWS_ACCESS_KEY_ID": "key",
    "AWS_SECRET_ACCESS_KEY": "hidden",
    "AWS_SESSION_TOKEN": "token",
    "AWS_REGION": "eu-west-1",
    "AWS_DEFAULT_REGION": "eu-west-1",
    "LAMBDA_TASK_ROOT": "/work/code",
    "AWS_LAMBDA_LOG_STREAM_NAME": "stream",
    "_LAMBDA_TIMEOUT": "3",
}


@pytest.fixture
def environment() -> dict[str, str]:
    return environment_of(FUNCTION, GIVEN, SYSTEM, port=4567, temporary="/work/home/tmp")


def test_the_names_are_known(environment: dict[str, str]) -> None:
    assert sorted(environment) == [
        "AWS_ACCESS_KEY_ID",
        "AWS_CONFIG_FILE",
        "AWS_DEFAULT_REGION",
        "AWS_EC2_METADATA_DISABLED",
        "AWS_ENDPOINT_URL",
        "AWS_EXECUTION_ENV",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE",
        "AWS_LAMBDA_FUNCTION_NAME",
        "AWS_LAMBDA_FUNCTION_VERSION",
        "AWS_LAMBDA_INITIALIZATION_TYPE",
        "AWS_LAMBDA_LOG_GROUP_NAME",
        "AWS_LAMBDA_LOG_STREAM_NAME",
        "AWS_REGION",
        "AWS_SECRET_ACCESS_KEY",
        "AWS_SESSION_TOKEN",
        "AWS_SHARED_CREDENTIALS_FILE",
        "BUCKET",
        "LAMBDA_TASK_ROOT",
        "LANG",
        "LD_LIBRARY_PATH",
        "PATH",
        "TEMP",
        "TMP",
        "TMPDIR",
        "TZ",
        "_HANDLER",
    ]


def test_the_values_are_lambdas_or_the_functions_own(environment: dict[str, str]) -> None:
    assert environment["AWS_LAMBDA_FUNCTION_NAME"] == "processor"
    assert environment["AWS_LAMBDA_FUNCTION_VERSION"] == "7"
    assert environment["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"] == "256"
    assert environment["AWS_LAMBDA_LOG_GROUP_NAME"] == "/aws/lambda/processor"
    assert environment["AWS_EXECUTION_ENV"] == "AWS_Lambda_python3.14"
    assert environment["AWS_ENDPOINT_URL"] == "http://127.0.0.1:4567"
    assert environment["AWS_REGION"] == "eu-west-1"
    assert environment["TZ"] == "Europe/Rome"
    assert environment["BUCKET"] == "orders"
    assert "/home/somebody" not in environment["PATH"]
