"""`up --watch` as a developer uses it: a file is saved, and the function runs the new code."""

from __future__ import annotations

import json
import shutil
import signal
from pathlib import Path
from typing import Any

import pytest

from pipectl.local.home import LocalEmulator
from tests.cli_support import environment, start
from tests.support import PATIENCE, ROOT, make_world, new_account

pytestmark = pytest.mark.emulator


def test_a_saved_file_runs_until_ctrl_c(emulator: LocalEmulator, tmp_path: Path) -> None:
    shutil.copytree(ROOT / "lambda_src" / "python", tmp_path / "code")
    sources = {name: {"source": f"code/{name}"} for name in ("processor", "auditor")}
    account = new_account()
    world = make_world(tmp_path, sources, endpoint_url=emulator.endpoint_url, account=account)
    keys = environment(AWS_ACCESS_KEY_ID=account, AWS_SECRET_ACCESS_KEY="test")
    command = ["up", "--watch", "--yes", "-o", "json", "--endpoint-url", emulator.endpoint_url]
    process = start("-c", world.file, *command, env=keys)

    def next_document() -> dict[str, Any]:
        assert process.stdout is not None
        found: dict[str, Any] = json.loads(process.stdout.readline())
        return found

    try:
        processor = next_document()["outputs"]["ProcessorFunctionName"]
        handler = tmp_path / "code" / "processor" / "handler.py"
        handler.write_text("def handler(event, context):\n    return {'saved': event['number']\n")
        assert next_document()["error"]["code"] == "HandlerInvalid"
        handler.write_text("def handler(event, context):\n    return {'saved': event['number']}\n")
        deployed = next_document()
        assert [change["resource"] for change in deployed["changes"]] == ["processor"]
        answer = world.aws.lambda_.invoke(FunctionName=processor, Qualifier="live", Payload=b'{"number": 2}')
        assert json.loads(answer["Payload"].read()) == {"saved": 2}
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=PATIENCE)
    finally:
        process.kill()
    assert process.returncode == 130
    assert "Traceback" not in err
