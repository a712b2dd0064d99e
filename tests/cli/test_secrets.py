"""Secrets of the environment: none is ever printed, whatever fails, with -v too."""

from __future__ import annotations

import json
from pathlib import Path
from urllib.parse import quote

import pytest
from click.testing import CliRunner
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from pipectl.cli.main import main
from tests.aws.servers import Reply, server
from tests.support import write_config

ODD = st.text(st.sampled_from("abcXYZ019/+= \t\n\r\"'\\%é字\x7f"), min_size=20, max_size=40)
"""Values such as a copied key with a line break, a quoted one, and one with letters that HTTP does not carry."""
DENIED = b"<ErrorResponse><Error><Code>AccessDenied</Code><Message>no</Message></Error></ErrorResponse>"


def forms(secret: str) -> set[str]:
    """Return the secret in the spellings of messages, logs and JSON; parts of it that are long enough, too."""
    parts = {secret, secret.strip(), *secret.splitlines()}
    spelled = {s for part in parts for s in (part, repr(part)[1:-1], json.dumps(part)[1:-1], quote(part, safe=""))}
    return {form for form in spelled if len(form.strip()) >= 16}


@given(secret=ODD, token=ODD)
@example(secret="wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", token="EXAMPLETOKENwith20letters\n")
@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_credential_of_the_environment_is_printed(secret: str, token: str, tmp_path: Path) -> None:
    file = write_config(tmp_path)
    with server(Reply(DENIED, status=403)) as (url, _):
        variables = {
            "AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE",
            "AWS_SECRET_ACCESS_KEY": secret,
            "AWS_SESSION_TOKEN": token,
            "AWS_ENDPOINT_URL": url,
        }
        for options in (["-v"], ["-v", "-o", "json"]):
            result = CliRunner().invoke(main, ["-c", str(file), *options, "outputs"], env=variables)
            assert result.exit_code == 1
            for form in forms(secret) | forms(token):
                assert form not in result.stdout + result.stderr


@pytest.mark.slow  # each waits 3 s for an endpoint that nothing answers
@pytest.mark.parametrize("how", ["environment", "option"])
@pytest.mark.parametrize("options", [[], ["-v"], ["-o", "json"]], ids=" ".join)
def test_the_password_of_an_endpoint_is_never_printed(options: list[str], how: str, tmp_path: Path) -> None:
    url = "http://ada:s3cret-pass@127.0.0.1:1"
    given_options = ["--endpoint-url", url] if how == "option" else []
    variables = {"AWS_ACCESS_KEY_ID": "k", "AWS_SECRET_ACCESS_KEY": "s", "AWS_ENDPOINT_URL": url}
    file = write_config(tmp_path)
    result = CliRunner().invoke(main, ["-c", str(file), *given_options, *options, "plan"], env=variables)
    assert result.exit_code == 1
    assert "127.0.0.1:1" in result.stderr
    assert "s3cret" not in result.stderr
