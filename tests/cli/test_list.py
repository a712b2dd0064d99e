"""`list`: it works without a config, and a broken one does not stop it."""

from __future__ import annotations

from pathlib import Path

import pytest
from moto import mock_aws

from tests.cli_support import document, error, pipectl
from tests.support import ACCOUNT, World, write_config


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working folder."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.usefixtures("folder")
def test_no_config_is_needed_where_the_region_is_known() -> None:
    with mock_aws():
        result = pipectl("--region", "us-east-1", "list")
    assert result.exit_code == 0, result.stderr
    assert f"No pipeline in account {ACCOUNT}, region us-east-1" in result.stdout
    assert "`pipectl --region us-east-1 up`" in result.stdout


@pytest.mark.usefixtures("folder")
def test_without_a_config_and_a_region_the_region_is_missing() -> None:
    result = pipectl("-o", "json", "list")
    assert (result.exit_code, error(result)["code"]) == (2, "Usage")


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize("how", ["option", "variable"])
def test_a_config_that_is_named_has_to_exist(how: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if how == "variable":
        monkeypatch.setenv("PIPECTL_CONFIG", "missing.yaml")
    options = ["-c", "missing.yaml"] if how == "option" else []
    result = pipectl("-o", "json", *options, "--region", "us-east-1", "list")
    assert error(result)["code"] == "ConfigInvalid"


def test_a_broken_config_is_a_note_where_the_region_is_known(folder: Path) -> None:
    (folder / "broken.yaml").write_text("environment: [")
    with mock_aws():
        result = pipectl("-c", "broken.yaml", "--region", "us-east-1", "list")
        in_json = document(pipectl("-o", "json", "-c", "broken.yaml", "--region", "us-east-1", "list"))
    assert result.exit_code == 0
    assert "broken.yaml. `config check`" in result.stderr
    assert (in_json["invalidConfigs"], in_json["config"], in_json["pipelines"]) == (["broken.yaml"], None, [])
    without_region = pipectl("-o", "json", "-c", "broken.yaml", "list")
    assert error(without_region)["code"] == "ConfigInvalid"


def test_pipelines_are_rows_and_resources_are_in_the_document(pipeline: World) -> None:
    result = pipectl("-c", pipeline.file, "list")
    assert f"account {ACCOUNT} · us-east-1" in result.stderr
    (row,) = [line for line in result.stdout.splitlines() if line.startswith("dev ")]
    found = document(pipectl("-c", pipeline.file, "-o", "json", "list"))
    (listed,) = found["pipelines"]
    assert row.split() == ["dev", "order-pipeline", "backend", str(len(listed["resources"])), "0", str(pipeline.file)]
    assert {"arn", "kind", "name"} <= listed["resources"][0].keys()
    assert found["accountId"] == ACCOUNT


def test_a_base_that_is_no_whole_config_is_no_pipeline_and_no_problem(folder: Path) -> None:
    base = write_config(folder, {"environment": None}).rename(folder / "base.yaml")
    (folder / "prod.yaml").write_text("extends: base.yaml\nenvironment: prod\n")
    with mock_aws():
        assert pipectl("-c", "prod.yaml", "up", "--yes").exit_code == 0
        found = document(pipectl("-o", "json", "-c", "prod.yaml", "list"))
        named = document(pipectl("-o", "json", "-c", base, "--region", "us-east-1", "list"))
    configs = [each["configs"] for each in found["pipelines"] if each["environment"] == "prod"]
    assert configs == [["prod.yaml"]]
    assert (found["invalidConfigs"], named["invalidConfigs"]) == ([], [str(base)])


def test_another_account_is_refused(moto: Path) -> None:
    write_config(moto.parent, {"account_id": "999999999999"})
    result = pipectl("-c", moto, "-o", "json", "list")
    assert (result.exit_code, result.stdout, error(result)["code"]) == (1, "", "WrongAccount")
