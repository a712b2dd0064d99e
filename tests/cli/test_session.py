"""The session of one command: the warning of a wrong clock, and a user without a name and a home folder."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path

import pytest

from tests.aws.servers import Reply, server
from tests.cli_support import error, pipectl
from tests.support import write_config

CALLER = (
    b"<GetCallerIdentityResponse><GetCallerIdentityResult><Account>111122223333</Account></GetCallerIdentityResult>"
    b"</GetCallerIdentityResponse>"
)


@pytest.mark.parametrize(("minutes", "count"), [(4, 1), (-4, 1), (0, 0)])
@pytest.mark.parametrize("options", [("-o", "json"), ("-o", "json", "-q")], ids=" ".join)
def test_one_warning_when_the_clock_is_wrong(
    minutes: int, count: int, options: tuple[str, ...], tmp_path: Path
) -> None:
    file = write_config(tmp_path, {"account_id": "444455556666"})
    date = format_datetime(datetime.now(UTC) + timedelta(minutes=minutes), usegmt=True)
    with server(Reply(CALLER, headers={"Date": date})) as (url, _):
        result = pipectl("-c", file, "--endpoint-url", url, *options, "status")
    assert error(result)["code"] == "WrongAccount"
    assert result.stderr.count("Warning: the clock") == count
    assert result.stdout == ""


WITHOUT_A_NAME = """
import os, sys
os.setreuid(54321, 0)
for name in ("HOME", "USER", "LOGNAME", "LNAME", "USERNAME", "PIPECTL_HOME", "AWS_ACCESS_KEY_ID"):
    os.environ.pop(name, None)
sys.argv = ["pipectl", "-o", "json", *sys.argv[1:]]
from pipectl.__main__ import main
main()
"""


@pytest.mark.slow
@pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root can take a user id without a name"
)
@pytest.mark.parametrize(
    ("command", "code"),
    [(("status",), "Credentials"), (("pause",), "Credentials"), (("local", "status"), "LocalEmulator")],
)
def test_a_user_without_a_name_and_a_home_is_no_bug(command: tuple[str, ...], code: str, tmp_path: Path) -> None:
    arguments = ["-c", str(write_config(tmp_path)), *command]
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_A_NAME, *arguments], capture_output=True, text=True, check=False
    )
    assert json.loads(done.stderr.splitlines()[-1])["error"]["code"] == code


def test_an_error_about_credentials_has_the_code_of_the_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    found = error(pipectl("-c", write_config(tmp_path), "-o", "json", "status"))
    assert (found["code"], found["awsCode"]) == ("Credentials", "CredentialsMissing")
