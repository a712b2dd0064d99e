"""`outputs` on the command line."""

from __future__ import annotations

import subprocess
from pathlib import Path

from tests.cli_support import document, error, pipectl
from tests.support import World


def test_variables_and_json_together_are_a_usage_error(file: Path) -> None:
    result = pipectl("-c", file, "-o", "json", "outputs", "--env")
    assert (result.exit_code, result.stdout) == (2, "")
    assert error(result)["code"] == "Usage"


def test_without_a_pipeline_it_fails(moto: Path) -> None:
    result = pipectl("-c", moto, "outputs")
    assert (result.exit_code, result.stdout) == (1, "")
    assert f"`pipectl -c {moto} up`" in result.stderr


def test_a_shell_exports_the_variables(pipeline: World) -> None:
    result = pipectl("-c", pipeline.file, "outputs", "--env")
    names = document(pipectl("-c", pipeline.file, "-o", "json", "outputs"))
    script = f'set -eu\n{result.stdout}\n/bin/sh -c \'printf "%s\\n" "$ORDERS_TABLE_NAME" "$DEAD_LETTER_QUEUE_URL"\''
    reported = subprocess.run(["/bin/sh", "-c", script], capture_output=True, text=True, check=True, timeout=60)
    assert reported.stdout.splitlines() == [names["OrdersTableName"], names["DeadLetterQueueUrl"]]
    assert len(result.stdout.splitlines()) == len(names)
