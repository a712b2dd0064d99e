"""The global options: on either side of the command, and their precedence."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from pipectl.cli.options import MOMENT
from tests.cli_support import document, pipectl
from tests.support import ACCOUNT, World, write_config


def test_quiet_is_quiet_and_verbose_names_every_call(moto: Path) -> None:
    assert pipectl("-c", moto, "-q", "up", "--yes").stderr == ""
    calls = pipectl("-c", moto, "-v", "plan").stderr
    assert "sts GetCallerIdentity" in calls
    assert "dynamodb DescribeTable" in calls
    assert "Create" not in calls


@pytest.mark.parametrize("group", [("config", "show"), ("config", "check")])
def test_options_after_a_command_in_a_group(group: tuple[str, ...], file: Path) -> None:
    assert document(pipectl(*group, "-c", file, "-o", "json"))


def test_the_later_option_wins(file: Path, tmp_path: Path) -> None:
    assert pipectl("-c", tmp_path / "none.yaml", "config", "show", "-c", file).exit_code == 0
    assert pipectl("-c", file, "config", "show", "-c", tmp_path / "none.yaml").exit_code == 2
    assert pipectl("-o", "json", "config", "show", "-o", "text", "-c", file).stdout.startswith("environment:")


def test_the_config_is_named_by_flag_then_environment(
    file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PIPECTL_CONFIG", str(file))
    assert str(file) in pipectl("config", "check").stdout
    assert "none.yaml" in pipectl("-c", tmp_path / "none.yaml", "config", "check").stderr
    monkeypatch.delenv("PIPECTL_CONFIG")
    monkeypatch.chdir(tmp_path)
    assert "config/dev.yaml" in pipectl("config", "check").stderr


@pytest.mark.parametrize(
    ("flag", "config", "environment", "wins"),
    [
        ("eu-west-1", "eu-west-2", "eu-west-3", "eu-west-1"),
        (None, "eu-west-2", "eu-west-3", "eu-west-2"),
        (None, None, "eu-west-3", "eu-west-3"),
    ],
)
def test_the_region_is_named_by_flag_then_config_then_environment(
    flag: str | None, config: str | None, environment: str, wins: str, moto: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_REGION", environment)
    write_config(moto.parent, {"region": config})
    result = pipectl("-c", moto, "-o", "json", "plan", *(["--region", flag] if flag else []))
    assert f":{wins}:" in json.dumps(document(result)["changes"])
    for other in {"eu-west-1", "eu-west-2", "eu-west-3"} - {wins}:
        assert f":{other}:" not in result.stdout


def test_no_region_at_all_is_a_usage_error(moto: Path) -> None:
    write_config(moto.parent, {"region": None})
    result = pipectl("-c", moto, "plan")
    assert result.exit_code == 2
    for words in ("--region", "AWS_REGION", "`region:`"):
        assert words in result.stderr


@pytest.mark.parametrize("how", ["flag", "environment"])
def test_an_unknown_region_is_a_usage_error(how: str, moto: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_config(moto.parent, {"region": None})
    monkeypatch.setenv("AWS_REGION", "us-est-1")
    result = pipectl("-c", moto, "plan", *(["--region", "us-est-1"] if how == "flag" else []))
    assert result.exit_code == 2
    assert "us-east-1" in result.stderr


def test_an_unknown_profile_is_an_error_without_a_traceback(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_PROFILE", "nowhere")
    result = pipectl("-c", file, "plan")
    assert (result.exit_code, result.stdout) == (1, "")
    assert "nowhere" in result.stderr
    assert "Traceback" not in result.stderr


@pytest.mark.parametrize("where", ["before", "after", "around"])
def test_local_and_an_endpoint_are_a_usage_error(where: str, file: Path) -> None:
    local, endpoint = ["--local"], ["--endpoint-url", "http://127.0.0.1:1"]
    before, after = {"before": (local + endpoint, []), "after": ([], local + endpoint), "around": (local, endpoint)}[
        where
    ]
    for command in (["plan"], ["outputs"]):
        result = pipectl("-c", file, *before, *command, *after)
        assert result.exit_code == 2
        assert "use one of --local and --endpoint-url" in result.stderr


def test_another_account_is_refused_before_any_other_call(moto: Path) -> None:
    write_config(moto.parent, {"account_id": "999999999999"})
    for command in (["plan"], ["up", "--yes"], ["status"], ["outputs"], ["down", "--yes", "--delete-data"]):
        result = pipectl("-c", moto, "-v", *command)
        assert (result.exit_code, result.stdout) == (1, "")
        assert "999999999999" in result.stderr
        assert ACCOUNT in result.stderr
        reported = [line.split() for line in result.stderr.splitlines()]
        assert [words for words in reported if len(words) == 2 and words[0] in SERVICES] == [
            ["sts", "GetCallerIdentity"]
        ]


SERVICES = {"sts", "iam", "dynamodb", "lambda", "sqs", "s3", "logs", "cloudwatch"}


def test_the_account_of_the_config_is_accepted(moto: Path) -> None:
    write_config(moto.parent, {"account_id": ACCOUNT})
    assert pipectl("-c", moto, "plan").exit_code == 0


def test_global_options_work_on_either_side_of_the_command(pipeline: World) -> None:
    before = pipectl("-c", pipeline.file, "-o", "json", "plan")
    after = pipectl("plan", "-c", pipeline.file, "-o", "json")
    assert before.stdout == after.stdout != ""


@pytest.mark.parametrize("time", ["999999d", "0001-01-01T00:00:00+01:00", "9999-12-31T23:59:00-01:00"])
def test_a_time_out_of_range_is_a_usage_error(time: str, file: Path) -> None:
    result = pipectl("-c", file, "logs", "--since", time)
    assert result.exit_code == 2
    assert "out of range" in result.stderr


def test_a_time_before_1970_becomes_1970() -> None:
    assert MOMENT.convert("1969-12-31", None, None) == datetime(1970, 1, 1, tzinfo=UTC)
