"""`template`: the names of the config, no credentials, and the packages."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pipectl.commands.template import create
from pipectl.packaging.build import build
from pipectl.pipeline import package_source
from tests.cli_support import document, error, pipectl
from tests.support import World, write_config

ACCOUNT = "444455556666"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return write_config(tmp_path, {"account_id": ACCOUNT, "environment": "stage", "region": "eu-central-1"})


def test_a_template_has_the_names_of_the_config_without_credentials(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    template = document(pipectl("-c", file, "-o", "json", "template"))
    assert template["Resources"]["Bucket"]["Properties"]["BucketName"] == f"stage-processed-data-{ACCOUNT}-backend"
    assert f"arn:aws:sqs:eu-central-1:{ACCOUNT}:" in json.dumps(template)
    assert template["Outputs"]["OrdersTableName"] == {"Value": "stage-orders-table-backend"}
    assert template["Outputs"]["OrdersTableStreamArn"] == {"Value": {"Fn::GetAtt": ["OrdersTable", "StreamArn"]}}


def test_the_packages_have_the_names_of_the_template(moto_world: World, tmp_path: Path) -> None:
    config, folder = moto_world.config, tmp_path / "new" / "build"
    created = create(config, moto_world.file, moto_world.aws, folder)
    code = {key: created.document["Resources"][key]["Properties"]["Code"] for key in ("Processor", "Auditor")}
    for key, function in (("Processor", config.processor), ("Auditor", config.auditor)):
        written = (folder / code[key]["S3Key"]).read_bytes()
        assert written == build(package_source(config, function, moto_world.file)).body
    assert len(list(folder.iterdir())) == 2


def test_a_folder_that_cannot_be_written_is_an_error(file: Path, tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("")
    result = pipectl("-c", file, "-o", "json", "template", "--package", tmp_path / "taken" / "build")
    assert (result.exit_code, result.stdout) == (1, "")
    assert "taken" in error(result)["message"]
