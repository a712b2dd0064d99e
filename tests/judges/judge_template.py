"""The template before cfn-lint and checkov."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml

from pipectl.commands.template import create
from pipectl.config.loading import load
from tests.support import ACCOUNT, NODEJS, REGION, ROOT, write_config

JUDGES = Path(os.environ.get("JUDGES", ROOT / ".venv-judges"))
TOOLS = JUDGES / "bin"
WHERE: Any = SimpleNamespace(region=REGION, account_id=ACCOUNT, partition="aws")
LISTED: dict[str, dict[str, Any]] = yaml.safe_load((Path(__file__).parent / "checkov.yaml").read_text())
CONFIGS: dict[str, dict[str, Any]] = {
    "dev": {},
    "other": {
        **NODEJS,
        "errors-alarm": {"actions": [f"arn:aws:sns:{REGION}:{ACCOUNT}:topic"]},
        "orders-table": {"deletion_protection": True},
        "stream-mapping": {"batching_window": 5, "batch_size": 1000, "parallelization_factor": 10},
        "queue-mapping": {"maximum_concurrency": 2},
    },
}


@pytest.fixture(params=CONFIGS)
def template(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    file = write_config(tmp_path, CONFIGS[request.param])
    written = tmp_path / "pipeline.yaml"
    written.write_text(create(load(file), file, WHERE, None).as_yaml())
    return written


def run(tool: str, *arguments: str | Path) -> str:
    done = subprocess.run([TOOLS / tool, *arguments], capture_output=True, text=True, check=False)
    assert done.stdout, done.stderr
    return done.stdout


def test_cfn_lint_finds_no_error_and_no_warning(template: Path) -> None:
    assert json.loads(run("cfn-lint", "--format", "json", template)) == []


def test_checkov_finds_only_what_is_listed_with_its_reason(template: Path) -> None:
    report = json.loads(
        run("checkov", "-f", template, "--framework", "cloudformation", "--skip-download", "--quiet", "-o", "json")
    )
    found: dict[str, list[str]] = {}
    for failed in report["results"]["failed_checks"]:
        found.setdefault(failed["check_id"], []).append(failed["resource"].rpartition(".")[2])
    print(report["summary"])
    assert found == {check: entry["resources"] for check, entry in LISTED.items()}
    assert all(entry["finding"] and entry["reason"] for entry in LISTED.values())
