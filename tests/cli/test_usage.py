"""Errors of the command line: exit code 2, and JSON where JSON is asked for."""

from __future__ import annotations

import pytest

from tests.cli_support import error, pipectl

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
    "a number that is none": ["status", "--watch", "nan"],
    "an empty order": ["trace", ""],
    "an empty id": ["audit", "show", ""],
    "an empty id to resolve": ["audit", "resolve", "", "--reason", "x"],
    "an empty id to replay": ["replay-dlq", "--id", ""],
    "an empty order in the log": ["logs", "--order", ""],
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


def test_the_last_format_counts() -> None:
    assert "Usage: pipectl" in pipectl("-o", "json", "plan", "-o", "text", "--what").stderr
