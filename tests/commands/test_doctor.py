"""`doctor`: each finding, on settings that cause it."""

from __future__ import annotations

import tomllib
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError
from moto import mock_aws

from pipectl.aws.calls import Call
from pipectl.aws.client import Aws, Credentials
from pipectl.commands.doctor import MINISTACK, OLDEST_BOTO3, TIMEOUT, Setup, doctor
from pipectl.config.loading import load
from pipectl.config.models import Config
from pipectl.diagnosis import Check, Finding, Verdict
from pipectl.errors import ConfigError, CredentialsError, PackageError, UsageError
from tests.aws.servers import Reply, server
from tests.packaging.folders import FILES, write
from tests.support import ACCOUNT, REGION, ROOT, write_config

NOW = datetime(2026, 1, 31, 12, tzinfo=UTC)
DENIED = b"<ErrorResponse><Error><Code>AccessDenied</Code><Message>no</Message></Error></ErrorResponse>"


def findings(setup: Setup, now: datetime = NOW) -> dict[str, Check]:
    return {check.name: check for check in doctor(setup, now).checks}


def setup_of(file: Path, aws: Aws | Exception, region: str | Exception = REGION, *, is_local: bool = False) -> Setup:
    def of_config(_config: Config | None) -> str:
        if isinstance(region, Exception):
            raise region
        return region

    def connect(_region: str) -> Aws:
        if isinstance(aws, Exception):
            raise aws
        return aws

    return Setup(file, lambda: load(file), of_config, is_local, connect, lambda _running, region: connect(region))


def aws_at(url: str | None, **more: Any) -> Aws:
    return Aws(REGION, endpoint_url=url, credentials=Credentials("AKIA", "secret"), timeout=TIMEOUT, **more)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return write_config(tmp_path)


def test_what_cannot_be_read_is_a_problem_and_the_rest_is_checked(tmp_path: Path) -> None:
    found = findings(setup_of(tmp_path / "none.yaml", CredentialsError("unknown profile"), UsageError("no region")))
    problems = {name: check.error for name, check in found.items() if check.verdict is Verdict.PROBLEM}
    assert [type(error) for error in problems.values()] == [ConfigError, UsageError, CredentialsError]
    assert {name for name, check in found.items() if check.finding is Finding.NOT_CHECKED} == {
        *("account", "permissions", "endpoint", "clock")
    }
    assert found["pipectl"].finding is Finding.PIPECTL


def test_invalid_network_settings_are_named_once(file: Path) -> None:
    found = findings(setup_of(file, UsageError("HTTPS_PROXY is not a valid proxy URL")))
    assert found["network"].verdict is Verdict.PROBLEM
    assert [name for name, check in found.items() if check.verdict is Verdict.PROBLEM] == ["network"]
    assert found["credentials"].facts == {"because": "network"}


@pytest.mark.parametrize(
    ("ahead", "verdict"),
    [(0, Verdict.OK), (-120, Verdict.WARNING), (400, Verdict.PROBLEM)],
)
def test_the_clock_is_compared_with_that_of_aws(ahead: int, verdict: Verdict, file: Path) -> None:
    start = datetime.now(UTC)
    date = format_datetime(start - timedelta(seconds=ahead), usegmt=True)
    with server(Reply(DENIED, status=403, headers={"Date": date})) as (url, _):
        found = findings(setup_of(file, aws_at(url)))
    took = (datetime.now(UTC) - start).total_seconds()
    assert (found["endpoint"].verdict, found["clock"].verdict) == (Verdict.OK, verdict)
    assert ahead - 1 <= float(str(found["clock"].facts["seconds"])) <= ahead + 1 + took
    assert found["account"].verdict is Verdict.PROBLEM


def test_an_endpoint_that_answers_late_or_with_a_web_page_is_a_problem(file: Path) -> None:
    for reply in (Reply(b"", hold=60), Reply(b"<html></html>")):
        with server(reply) as (url, _):
            aws = Aws(REGION, endpoint_url=url, credentials=Credentials("AKIA", "secret"), timeout=0.2)
            found = findings(setup_of(file, aws))
        assert found["endpoint"].verdict is Verdict.PROBLEM
        assert found["clock"].facts == {"because": "endpoint"}


@pytest.mark.parametrize(
    ("owner", "expected", "finding"),
    [
        ("user/ada", None, Finding.ACCOUNT),
        ("user/ada", ACCOUNT, Finding.ACCOUNT),
        ("user/ada", "999999999999", Finding.ACCOUNT_DIFFERS),
        ("root", None, Finding.ACCOUNT_ROOT),
    ],
)
def test_the_account_is_compared_with_the_config(
    owner: str, expected: str | None, finding: Finding, tmp_path: Path
) -> None:
    file = write_config(tmp_path, {"account_id": expected})
    found = findings(setup_of(file, aws_at(None, attempt=_identified_as(owner))))
    assert found["account"].finding is finding


def _identified_as(owner: str) -> Any:
    """Return an attempt that knows the caller, and denies all else."""

    def attempt(call: Call, _parameters: object, _send: object) -> object:
        if call.operation == "GetCallerIdentity":
            return {"Account": ACCOUNT, "Arn": f"arn:aws:iam::{ACCOUNT}:{owner}"}
        raise _denial(call)

    return attempt


def _denial(call: Call) -> ClientError:
    detail: Any = {"Error": {"Code": "AccessDenied", "Message": "no"}}
    return ClientError(detail, call.operation)


@pytest.mark.parametrize(
    ("minutes", "finding"), [(None, Finding.SESSION), (60, Finding.SESSION), (10, Finding.SESSION_ENDS)]
)
def test_a_session_that_ends_soon_is_a_warning(
    minutes: int | None, finding: Finding, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_SESSION_TOKEN", "token")
    now = datetime.now(UTC)
    if minutes is not None:
        monkeypatch.setenv("AWS_CREDENTIAL_EXPIRATION", (now + timedelta(minutes=minutes)).isoformat())
    with server(Reply(DENIED, status=403)) as (url, _):
        aws = Aws(REGION, endpoint_url=url, timeout=TIMEOUT)
        check = findings(setup_of(file, aws), now)["credentials"]
    assert check.finding is finding
    assert check.facts["source"] == "environment variables"
    assert "token" not in str(check.facts.values())


def _denying(*denied: str) -> Any:
    """Return an attempt that denies some operations."""

    def attempt(call: Call, _parameters: object, send: Any) -> object:
        if call.operation in denied:
            raise _denial(call)
        return send()

    return attempt


@pytest.mark.parametrize(
    ("denied", "finding"),
    [((), Finding.PERMISSIONS_READ), (("DescribeTable", "GetRole"), Finding.PERMISSIONS_DENIED)],
)
def test_permissions_are_tried_where_iam_may_not_be_asked(
    denied: tuple[str, ...], finding: Finding, file: Path
) -> None:
    with mock_aws():
        aws = aws_at(None, attempt=_denying("SimulatePrincipalPolicy", *denied))
        check = findings(setup_of(file, aws))["permissions"]
    assert check.finding is finding
    if denied:
        assert check.facts["denied"] == {"reader": ["dynamodb:DescribeTable", "iam:GetRole"]}


def test_the_supported_versions_are_those_of_the_package() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert f"boto3>={'.'.join(map(str, OLDEST_BOTO3))},<2" in project["dependencies"]
    oldest, first_refused = (".".join(map(str, version)) for version in MINISTACK)
    assert f"ministack>={oldest},<{first_refused}" in project["optional-dependencies"]["local"]


@pytest.mark.parametrize("manifest", ["", "fast==1.2\n", "-e .\n"])
def test_the_program_that_installs_packages_is_checked_where_a_handler_names_any(manifest: str, tmp_path: Path) -> None:
    folder = write(tmp_path / "own", {**FILES, "requirements.txt": manifest})
    file = write_config(tmp_path, {"auditor": {"source": str(folder)}})
    found = findings(setup_of(file, CredentialsError("none")))
    checks = {name: found[name] for name in ("uv", "npm", "packages") if name in found}
    if manifest == "":
        assert checks == {}
    elif manifest.startswith("-e"):
        assert [(name, type(check.error)) for name, check in checks.items()] == [("packages", PackageError)]
    else:
        assert [*checks] == ["uv"]
        assert (checks["uv"].verdict, checks["uv"].facts["functions"]) == (Verdict.OK, ["auditor"])
