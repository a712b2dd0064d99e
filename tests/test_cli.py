"""The command line as a script and a person meet it: exit codes, options, and what is refused."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from moto import mock_aws

from pipectl.cli.options import MOMENT
from tests.cli_support import document, error, pipectl
from tests.support import ACCOUNT, make_world, write_config

QUEUE = "dev-order-processor-dlq-backend"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return write_config(tmp_path)


@pytest.fixture
def moto(tmp_path: Path) -> Iterator[Path]:
    """An empty account, and the file of a config for it."""
    with mock_aws():
        yield write_config(tmp_path)


def test_up_needs_a_yes_where_nobody_can_be_asked(moto: Path) -> None:
    result = pipectl("-c", moto, "up")
    assert result.exit_code == 2
    assert "--yes" in result.stderr
    assert "17 to create" in result.stderr
    assert result.stdout == ""
    assert "17 to create" in pipectl("-c", moto, "plan").stdout


@pytest.mark.parametrize(("answers", "code"), [("n\n", 1), ("\n", 1), ("", 130)])
def test_up_asks_at_a_terminal_and_takes_no_for_an_answer(answers: str, code: int, moto: Path) -> None:
    result = pipectl("-c", moto, "up", answers=answers)
    assert result.exit_code == code
    assert "Make these changes?" in result.stderr
    assert result.stderr.endswith("Cancelled. Nothing was changed.\n")
    assert result.stdout == ""
    assert "17 to create" in pipectl("-c", moto, "plan").stdout


def test_yes_at_a_terminal_is_as_good_as_the_flag(moto: Path) -> None:
    result = pipectl("-c", moto, "up", answers="y\n")
    assert result.exit_code == 0
    assert "17 created." in result.stdout
    assert QUEUE in result.stdout


def test_plan_exit_code_tells_whether_there_are_changes(moto: Path) -> None:
    assert pipectl("-c", moto, "plan").exit_code == 0
    assert pipectl("-c", moto, "plan", "--exit-code").exit_code == 3
    assert pipectl("-c", moto, "up", "--dry-run").exit_code == 0


def test_status_exit_code_tells_of_what_is_missing(moto: Path) -> None:
    assert pipectl("-c", moto, "status").exit_code == 0
    assert pipectl("-c", moto, "status", "--exit-code").exit_code == 3


@pytest.fixture
def foreign(moto: Path) -> Path:
    """Somebody else has a queue of our name."""
    make_world(moto.parent).aws.sqs.create_queue(QueueName=QUEUE, tags={"Owner": "somebody"})
    return moto


@pytest.mark.parametrize("command", [("up", "--yes"), ("plan",), ("up", "--dry-run"), ("plan", "--exit-code")])
def test_what_is_not_ours_is_refused_by_name(command: tuple[str, ...], foreign: Path) -> None:
    result = pipectl("-c", foreign, *command)
    assert result.exit_code == 1
    assert QUEUE in result.stderr
    assert "--adopt" in result.stderr


def test_a_plan_tells_the_reason_of_a_refusal_once(foreign: Path) -> None:
    result = pipectl("-c", foreign, "plan")
    assert result.stdout.count("--adopt") <= 1
    told = result.stderr.splitlines()[-2]
    assert told == f"Error: Not managed by this pipeline: dead-letter-queue ({QUEUE})"


def test_plan_shows_everything_and_then_refuses(foreign: Path) -> None:
    result = pipectl("-c", foreign, "-o", "json", "plan")
    assert result.exit_code == 1
    actions = {change["resource"]: change["action"] for change in document(result)["changes"]}
    assert len(actions) == 17
    assert actions["dead-letter-queue"] == "refuse"
    assert actions["orders-table"] == "create"
    assert error(result)["code"] == "ForeignResource"
    assert error(result)["resource"] == "dead-letter-queue"


def test_up_refuses_and_touches_nothing(foreign: Path) -> None:
    result = pipectl("-c", foreign, "-o", "json", "up", "--yes")
    assert (result.exit_code, result.stdout) == (1, "")
    assert make_world(foreign.parent).aws.dynamodb.list_tables()["TableNames"] == []


def test_status_shows_what_is_foreign(foreign: Path) -> None:
    result = pipectl("-c", foreign, "-o", "json", "status", "--exit-code")
    assert result.exit_code == 3
    states = {found["resource"]: found["state"] for found in document(result)["resources"]}
    assert states["dead-letter-queue"] == "foreign"


def test_down_stops_before_it_touches_anything_when_data_would_be_lost(moto: Path) -> None:
    assert pipectl("-c", moto, "up", "--yes").exit_code == 0
    item = {"auditId": {"S": "1"}, "timestamp": {"S": "2026-01-01T00:00:00Z"}}
    make_world(moto.parent).aws.dynamodb.put_item(TableName="dev-audit-logs-table-backend", Item=item)
    result = pipectl("-c", moto, "-o", "json", "down", "--yes")
    assert (result.exit_code, result.stdout) == (1, "")
    assert error(result)["code"] == "DataWouldBeLost"
    assert "audit-table: 1 failure" in error(result)["message"]
    assert "--keep-data" in error(result)["hint"]
    assert pipectl("-c", moto, "plan", "--exit-code").exit_code == 0


def test_outputs_for_a_shell_are_no_json(file: Path) -> None:
    result = pipectl("-c", file, "-o", "json", "outputs", "--env")
    assert (result.exit_code, result.stdout) == (2, "")
    assert error(result)["code"] == "Usage"


def test_what_is_removed_already_needs_no_removing(moto: Path) -> None:
    assert pipectl("-c", moto, "down", "--yes").stdout == "Nothing to delete.\n"


def test_down_flags_exclude_each_other(file: Path) -> None:
    assert pipectl("-c", file, "down", "--keep-data", "--delete-data").exit_code == 2


def test_outputs_fail_while_nothing_is_there(moto: Path) -> None:
    result = pipectl("-c", moto, "outputs")
    assert (result.exit_code, result.stdout) == (1, "")
    assert f"`pipectl -c {moto} up`" in result.stderr


def test_a_config_error_names_file_line_and_key(tmp_path: Path) -> None:
    file = write_config(tmp_path, {"processor": {"memory": 1}})
    result = pipectl("-c", file, "config", "check")
    assert (result.exit_code, result.stdout) == (2, "")
    assert f"{file}:" in result.stderr
    assert "processor.memory: is 1; allowed are 128 to 10240" in result.stderr


def test_a_missing_config_says_how_to_name_one(tmp_path: Path) -> None:
    result = pipectl("-c", tmp_path / "none.yaml", "plan")
    assert result.exit_code == 2
    assert "PIPECTL_CONFIG" in result.stderr


def test_a_handler_that_does_not_parse_is_told_before_anything_is_made(moto: Path) -> None:
    broken = moto.parent / "broken"
    broken.mkdir()
    (broken / "handler.py").write_text("def handler(:\n")
    write_config(moto.parent, {"processor": {"source": str(broken)}})
    for command in (("config", "check"), ("up", "--yes")):
        result = pipectl("-c", moto, *command)
        assert result.exit_code == 2
        assert f"{broken}/handler.py:1: does not parse" in result.stderr
    assert make_world(moto.parent).aws.dynamodb.list_tables()["TableNames"] == []


USAGE_ERRORS = {
    "no command": [],
    "an unknown command": ["bring-up"],
    "an unknown option": ["plan", "--what"],
    "an unknown global option": ["--what", "plan"],
    "an option without its value": ["plan", "--region"],
    "an unknown format": ["plan", "-o", "xml"],
    "an argument too many": ["plan", "everything"],
    "no subcommand": ["config"],
    "a number that is out of range": ["demo", "--orders", "1"],
}


@pytest.mark.parametrize("name", USAGE_ERRORS)
def test_a_usage_error_exits_with_2(name: str) -> None:
    result = pipectl(*USAGE_ERRORS[name])
    assert (result.exit_code, result.stdout) == (2, "")
    assert "pipectl" in result.stderr or "requires an argument" in result.stderr


@pytest.mark.parametrize(
    "asked", [["-o", "json"], ["-ojson"], ["--output", "json"], ["--output=json"], ["-qo", "json"]]
)
@pytest.mark.parametrize("name", [name for name in USAGE_ERRORS if "format" not in name])
def test_a_usage_error_is_json_where_json_is_asked_for(name: str, asked: list[str]) -> None:
    result = pipectl(*asked, *USAGE_ERRORS[name])
    assert (result.exit_code, result.stdout) == (2, "")
    assert error(result)["code"] == "Usage"
    assert error(result)["message"]


def test_the_last_format_counts_for_a_usage_error_too() -> None:
    assert "Usage: pipectl" in pipectl("-o", "json", "plan", "-o", "text", "--what").stderr


def test_a_plan_shows_from_and_to(moto: Path) -> None:
    plan = document(pipectl("-c", moto, "-o", "json", "plan"))
    table = next(change for change in plan["changes"] if change["resource"] == "orders-table")
    assert table["action"] == "create"
    assert table["attributes"]["stream"] == {"from": None, "to": "NEW_AND_OLD_IMAGES"}


@pytest.mark.parametrize("command", [("outputs",), ("up",), ("down",)], ids=" ".join)
def test_with_json_stdout_is_empty_when_the_command_failed(command: tuple[str, ...], moto: Path) -> None:
    make_world(moto.parent).aws.sqs.create_queue(QueueName=QUEUE, tags={"Owner": "somebody"})
    result = pipectl("-c", moto, "-o", "json", *command, "--what" if command == ("down",) else "-q")
    assert result.exit_code != 0
    assert result.stdout == ""
    assert error(result)["message"]


def test_a_config_error_as_json_lists_every_mistake(tmp_path: Path) -> None:
    file = write_config(tmp_path, {"processor": {"memory": 1}, "team": "No"})
    result = pipectl("-c", file, "-o", "json", "plan")
    assert [problem["key"] for problem in error(result)["problems"]] == ["team", "processor.memory"]
    assert {"file", "line", "key", "message"} == error(result)["problems"][0].keys()


@pytest.mark.parametrize("options", [(), ("-o", "json")])
def test_a_name_that_is_no_text_is_written_with_escapes(options: tuple[str, ...], tmp_path: Path) -> None:
    file = write_config(tmp_path).rename(tmp_path / os.fsdecode(b"\xff.yaml"))
    result = pipectl("-c", file, *options, "config", "check")
    assert result.exit_code == 0
    assert "\\udcff.yaml" in result.stdout
    assert not options or document(result)["file"] == str(file)


@pytest.mark.parametrize("time", ["999999d", "0001-01-01T00:00:00+01:00", "9999-12-31T23:59:00-01:00"])
def test_a_time_that_no_calendar_has_is_a_usage_error(time: str, file: Path) -> None:
    result = pipectl("-c", file, "logs", "--since", time)
    assert result.exit_code == 2
    assert "out of range" in result.stderr


def test_a_time_before_there_was_any_log_is_the_beginning() -> None:
    assert MOMENT.convert("1969-12-31", None, None) == datetime(1970, 1, 1, tzinfo=UTC)


def test_config_show_is_a_valid_config_with_every_default(file: Path, tmp_path: Path) -> None:
    shown = pipectl("-c", file, "config", "show").stdout
    again = tmp_path / "again.yaml"
    again.write_text(shown)
    assert pipectl("-c", again, "config", "show").stdout == shown
    assert "starting_position: TRIM_HORIZON" in shown


def test_quiet_is_quiet_and_verbose_names_every_call(moto: Path) -> None:
    assert pipectl("-c", moto, "-q", "up", "--yes").stderr == ""
    calls = pipectl("-c", moto, "-v", "plan").stderr
    assert "sts GetCallerIdentity" in calls
    assert "dynamodb DescribeTable" in calls
    assert "Create" not in calls


@pytest.mark.parametrize("group", [("config", "show"), ("config", "check")])
def test_also_of_a_command_in_a_group(group: tuple[str, ...], file: Path) -> None:
    assert document(pipectl(*group, "-c", file, "-o", "json"))


def test_the_later_one_wins(file: Path, tmp_path: Path) -> None:
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


def test_an_unknown_profile_is_a_clean_error(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_PROFILE", "nowhere")
    result = pipectl("-c", file, "plan")
    assert (result.exit_code, result.stdout) == (1, "")
    assert "nowhere" in result.stderr
    assert "Traceback" not in result.stderr


@pytest.mark.parametrize("where", ["before", "after", "around"])
def test_local_and_an_endpoint_exclude_each_other(where: str, file: Path) -> None:
    local, endpoint = ["--local"], ["--endpoint-url", "http://127.0.0.1:1"]
    before, after = {"before": (local + endpoint, []), "after": ([], local + endpoint), "around": (local, endpoint)}[
        where
    ]
    for command in (["plan"], ["config", "check"]):
        result = pipectl("-c", file, *before, *command, *after)
        assert result.exit_code == 2
        assert "use one of --local and --endpoint-url" in result.stderr


def test_another_account_is_refused_before_anything_else_is_asked(moto: Path) -> None:
    write_config(moto.parent, {"account_id": "999999999999"})
    for command in (["plan"], ["up", "--yes"], ["status"], ["outputs"], ["down", "--yes", "--delete-data"]):
        result = pipectl("-c", moto, "-v", *command)
        assert (result.exit_code, result.stdout) == (1, "")
        assert "999999999999" in result.stderr
        assert ACCOUNT in result.stderr
        told = [line.split() for line in result.stderr.splitlines()]
        assert [words for words in told if len(words) == 2 and words[0] in SERVICES] == [["sts", "GetCallerIdentity"]]


SERVICES = {"sts", "iam", "dynamodb", "lambda", "sqs", "s3", "logs", "cloudwatch"}


def test_the_configs_own_account_is_let_through(moto: Path) -> None:
    write_config(moto.parent, {"account_id": ACCOUNT})
    assert pipectl("-c", moto, "plan").exit_code == 0
