"""`init` on the command line."""

from __future__ import annotations

from pathlib import Path

import pytest
from moto import mock_aws

from pipectl.config.loading import load
from tests.cli_support import document, error, pipectl
from tests.support import DEV_CONFIG

FLAGS = (
    "--environment",
    "qa",
    "--team",
    "shop",
    "--project",
    "tea",
    "--region",
    "eu-west-1",
    "--runtime",
    "python3.13",
)


def answers_in(folder: Path, environment: str) -> tuple[str, str, str, str | None, str]:
    config = load(folder / "config" / f"{environment}.yaml")
    return config.environment, config.team, config.project, config.region, config.processor.runtime


def test_yes_takes_the_defaults(tmp_path: Path) -> None:
    result = pipectl("init", tmp_path / "orders", "--yes")
    assert result.exit_code == 0
    assert answers_in(tmp_path / "orders", "dev") == ("dev", "backend", "orders", "us-east-1", "python3.14")


def test_flags_answer_the_questions(tmp_path: Path) -> None:
    assert pipectl("init", tmp_path, *FLAGS).exit_code == 0
    assert answers_in(tmp_path, "qa") == FLAGS[1::2]


def test_without_a_terminal_every_answer_is_needed(tmp_path: Path) -> None:
    result = pipectl("-o", "json", "init", tmp_path, *FLAGS[:-2])
    assert (result.exit_code, error(result)["code"]) == (2, "Usage")
    assert "--runtime" in error(result)["hint"]
    assert list(tmp_path.iterdir()) == []


def test_five_questions_are_asked_with_defaults(tmp_path: Path) -> None:
    result = pipectl("init", tmp_path, answers="staging\n\ntea\neu-west-1\nnodejs24.x\n")
    assert result.exit_code == 0
    assert answers_in(tmp_path, "staging") == ("staging", "backend", "tea", "eu-west-1", "nodejs24.x")
    assert result.stderr.count("[") == 5


def test_a_flag_skips_its_question(tmp_path: Path) -> None:
    result = pipectl("init", tmp_path, *FLAGS[:-4], answers="\n\n")
    assert result.exit_code == 0
    assert result.stderr.count("[") == 2


def test_a_wrong_answer_is_asked_again(tmp_path: Path) -> None:
    result = pipectl("init", tmp_path, *FLAGS[:2], *FLAGS[4:], answers="My Team\nmy-team\n")
    assert result.exit_code == 0
    assert answers_in(tmp_path, "qa")[1] == "my-team"
    assert "  It is 'My Team'; it must be" in result.stderr


def test_the_end_of_the_input_writes_nothing(tmp_path: Path) -> None:
    result = pipectl("init", tmp_path, answers="dev\n")
    assert (result.exit_code, list(tmp_path.iterdir())) == (130, [])


@pytest.mark.parametrize(("flag", "value"), [("--team", "My Team"), ("--region", "moon-1"), ("--runtime", "cobol")])
def test_a_wrong_flag_is_a_usage_error(flag: str, value: str, tmp_path: Path) -> None:
    result = pipectl("-o", "json", "init", tmp_path, flag, value, "--yes")
    assert (result.exit_code, error(result)["code"]) == (2, "Usage")
    assert flag in error(result)["message"]
    assert list(tmp_path.iterdir()) == []


def test_the_region_before_the_command_counts(tmp_path: Path) -> None:
    pipectl("--region", "eu-west-3", "init", tmp_path, "--yes")
    assert answers_in(tmp_path, "dev")[3] == "eu-west-3"


def test_the_document_names_the_files(tmp_path: Path) -> None:
    (tmp_path / "README.md").write_text("mine")
    found = document(pipectl("-o", "json", "init", tmp_path, "--yes"))
    assert (found["config"], found["existing"]) == ("config/dev.yaml", ["README.md"])
    assert "lambda_src/python/processor/handler.py" in found["written"]
    assert (tmp_path / "README.md").read_text() == "mine"


def test_the_last_lines_are_the_commands_to_type(tmp_path: Path) -> None:
    lines = pipectl("init", tmp_path / "my project", "--yes").stdout.splitlines()
    commands = ["pipectl --local up", "pipectl --local send events/order.json", "pipectl plan"]
    assert lines[-4:] == [f"  cd '{tmp_path}/my project'", *(f"  {command}" for command in commands)]


def test_a_second_environment_asks_nothing_more_and_names_its_config(tmp_path: Path) -> None:
    pipectl("init", tmp_path, "--yes")
    result = pipectl("init", tmp_path, "--environment", "prod")
    assert result.exit_code == 0
    assert "+ config/prod.yaml" in result.stdout
    assert "--confirm prod" in result.stdout
    assert "pipectl -c config/prod.yaml plan" in result.stdout


@pytest.mark.parametrize(
    ("folder", "code"),
    [("file", "Usage"), ("file/below", "SavedFiles"), ("/dev/null", "SavedFiles"), ("/proc/x", "SavedFiles")],
)
def test_a_folder_that_cannot_be_written_is_an_error(folder: str, code: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    result = pipectl("-o", "json", "init", tmp_path / folder, "--yes")
    assert (result.exit_code, result.stdout, error(result)["code"]) == (2 if code == "Usage" else 1, "", code)
    assert code == "Usage" or f"`pipectl init {tmp_path / folder}`" in error(result)["hint"]


def test_a_broken_config_is_reported_and_kept(tmp_path: Path) -> None:
    (tmp_path / "config").mkdir()
    (tmp_path / "config" / "dev.yaml").write_text("team: [")
    result = pipectl("-o", "json", "init", tmp_path, "--environment", "prod")
    assert (result.exit_code, error(result)["code"]) == (2, "ConfigInvalid")
    assert list(tmp_path.iterdir()) == [tmp_path / "config"]


@pytest.mark.moto
def test_the_plan_of_a_new_project_has_the_resources_of_the_repository(tmp_path: Path) -> None:
    pipectl("init", tmp_path, "--yes", "--project", "order-pipeline")
    with mock_aws():
        plans = [
            document(pipectl("-c", file, "-o", "json", "plan")) for file in (DEV_CONFIG, tmp_path / "config/dev.yaml")
        ]
    assert plans[0]["changes"] == plans[1]["changes"]
    assert len(plans[1]["changes"]) == 18
