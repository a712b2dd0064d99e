"""The chain of credential providers: `docs/credentials.md` is the table of its errors, and each row is run here."""

from __future__ import annotations

import json
import re
import stat
import subprocess
import sys
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from hashlib import sha1
from pathlib import Path

import pytest

from pipectl.aws.client import Aws
from pipectl.aws.credentials import CredentialChain
from pipectl.aws.settings import new_session
from pipectl.errors import CredentialsError
from tests.aws.servers import Reply, server
from tests.support import REGION, ROOT

PAGE = ROOT / "docs" / "credentials.md"
ROLE = "role_arn = arn:aws:iam::123456789012:role/deployer\nsource_profile = base\n"
BASE = "[profile base]\naws_access_key_id = AKIABASE\naws_secret_access_key = base-secret\n"
SSO = (
    "sso_start_url = https://orders.awsapps.com/start\nsso_region = us-east-1\n"
    "sso_account_id = 123456789012\nsso_role_name = deployer\n"
)
SSO_CACHE = f".aws/sso/cache/{sha1(b'https://orders.awsapps.com/start', usedforsecurity=False).hexdigest()}.json"
KEYS = {"AWS_ACCESS_KEY_ID": "AKIAENV", "AWS_SECRET_ACCESS_KEY": "environment-secret"}
EXPIRED = (datetime.now(UTC) - timedelta(days=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
LATER = (datetime.now(UTC) + timedelta(hours=1)).strftime("%Y-%m-%dT%H:%M:%SZ")


PRINTED = {"Version": 1, "AccessKeyId": "AKIAPROC", "SecretAccessKey": "process-secret"}


def printed(**values: object) -> str:
    """Return the setting of a credential process that prints a JSON document."""
    document = PRINTED | values
    return f"credential_process = echo '{json.dumps({k: v for k, v in document.items() if v is not None})}'\n"


def sts_error(code: str, message: str, status: int = 403) -> Reply:
    body = f"<ErrorResponse><Error><Code>{code}</Code><Message>{message}</Message></Error></ErrorResponse>"
    return Reply(body.encode(), status)


def assumed(expires: str = LATER, kind: str = "AssumeRole") -> Reply:
    credentials = (
        "<Credentials><AccessKeyId>ASIAROLE</AccessKeyId><SecretAccessKey>role-secret</SecretAccessKey>"
        f"<SessionToken>role-token</SessionToken><Expiration>{expires}</Expiration></Credentials>"
    )
    user = "<AssumedRoleUser><Arn>arn</Arn><AssumedRoleId>id</AssumedRoleId></AssumedRoleUser>"
    return Reply(f"<{kind}Response><{kind}Result>{credentials}{user}</{kind}Result></{kind}Response>".encode())


SLOW = Reply(b"{}", hold=3.0)
DENIED = sts_error("AccessDenied", "User: arn is not authorized to perform: sts:AssumeRole")


@dataclass(frozen=True)
class Case:
    """The settings of one row.

    Args:
        config: The profile ``p`` in ~/.aws/config, without its first line, or other sections.
        environment: Variables; ``{url}`` is the server's.
        files: Files in the home folder, by path.
        replies: The replies of a server for STS, IAM Identity Center, the container or the instance.
        call: True to call AWS with the credentials: the provider has them, and AWS refuses.
        new_process: True to load them in another process, with the home folder from its start.
    """

    config: str | None = None
    environment: Mapping[str, str] = field(default_factory=dict)
    files: Mapping[str, str] = field(default_factory=dict)
    replies: tuple[Reply, ...] = ()
    call: bool = False
    new_process: bool = False


def container(*replies: Reply) -> Case:
    return Case(environment={"AWS_CONTAINER_CREDENTIALS_FULL_URI": "{url}/credentials"}, replies=replies)


def instance(*replies: Reply) -> Case:
    return Case(
        environment={
            "AWS_EC2_METADATA_DISABLED": "false",
            "AWS_EC2_METADATA_SERVICE_ENDPOINT": "{url}",
            "AWS_METADATA_SERVICE_TIMEOUT": "1",
        },
        replies=replies,
    )


def sts(config: str, *replies: Reply, files: Mapping[str, str] | None = None) -> Case:
    return Case(config, {"AWS_ENDPOINT_URL_STS": "{url}"}, files or {}, replies)


WEB = "role_arn = arn:aws:iam::123456789012:role/deployer\nweb_identity_token_file = {home}/token\n"
TOKEN = {"token": "a-web-token"}
CASES: Mapping[tuple[str, str], Case] = {
    ("no provider", "missing"): Case(),
    ("environment variables", "missing"): Case(environment={"AWS_ACCESS_KEY_ID": "AKIAENV"}),
    ("environment variables", "malformed"): Case(environment=KEYS | {"AWS_SESSION_TOKEN": "EXAMPLETOKEN\n"}),
    ("environment variables", "expired"): Case(
        environment=KEYS | {"AWS_ENDPOINT_URL_STS": "{url}"},
        replies=(sts_error("ExpiredToken", "The security token included in the request is expired"),),
        call=True,
    ),
    ("environment variables", "denied"): Case(
        environment=KEYS | {"AWS_ENDPOINT_URL_STS": "{url}"},
        replies=(sts_error("InvalidClientTokenId", "The security token included in the request is invalid."),),
        call=True,
    ),
    ("credentials file", "missing"): Case(files={".aws/credentials": "[p]\naws_access_key_id = AKIAFILE\n"}, config=""),
    ("credentials file", "malformed"): Case(
        files={".aws/credentials": "[p]\naws_access_key_id = AKIA FILE\naws_secret_access_key = s\n"}, config=""
    ),
    ("config file", "missing"): Case("aws_access_key_id = AKIAFILE\n"),
    ("config file", "malformed"): Case("aws_access_key_id = AKIAFILE\naws_secret_access_key = se\u00e9cret\n"),
    ("credential process", "missing"): Case("credential_process = /no/such/program\n"),
    ("credential process", "malformed"): Case("credential_process = echo hello\n"),
    ("credential process", "incomplete"): Case(printed(SecretAccessKey=None)),
    ("credential process", "expired"): Case(printed(SessionToken="t", Expiration=EXPIRED)),
    ("credential process", "denied"): Case('credential_process = sh -c "echo you may not >&2; exit 3"\n'),
    ("IAM Identity Center", "missing"): Case(SSO, new_process=True),
    ("IAM Identity Center", "malformed"): Case(SSO, files={SSO_CACHE: "{damaged"}, new_process=True),
    ("IAM Identity Center", "expired"): Case(
        SSO,
        files={SSO_CACHE: json.dumps({"accessToken": "t", "expiresAt": EXPIRED})},
        new_process=True,
    ),
    ("IAM Identity Center", "denied"): Case(
        SSO,
        {"AWS_ENDPOINT_URL_SSO": "{url}"},
        {SSO_CACHE: json.dumps({"accessToken": "t", "expiresAt": LATER})},
        (Reply(b'{"message": "No access"}', 403, {"x-amzn-errortype": "ForbiddenException"}),),
        new_process=True,
    ),
    ("IAM Identity Center", "slow"): Case(
        SSO,
        {"AWS_ENDPOINT_URL_SSO": "{url}"},
        {SSO_CACHE: json.dumps({"accessToken": "t", "expiresAt": LATER})},
        (SLOW,),
        new_process=True,
    ),
    ("assume role", "missing"): Case("role_arn = arn:aws:iam::123456789012:role/r\nsource_profile = nowhere\n"),
    ("assume role", "malformed"): sts(ROLE + BASE, Reply(b"<half")),
    ("assume role", "expired"): sts(ROLE + BASE, assumed(EXPIRED)),
    ("assume role", "denied"): sts(ROLE + BASE, DENIED),
    ("assume role", "slow"): sts(ROLE + BASE, SLOW),
    ("MFA", "missing"): Case(f"{ROLE}mfa_serial = arn:aws:iam::123456789012:mfa/me\n{BASE}"),
    ("web identity", "missing"): sts(WEB, assumed()),
    ("web identity", "expired"): sts(WEB, sts_error("ExpiredTokenException", "Token is expired", 400), files=TOKEN),
    ("web identity", "denied"): sts(WEB, DENIED, files=TOKEN),
    ("web identity", "slow"): sts(WEB, SLOW, files=TOKEN),
    ("container credentials", "missing"): container(Reply(b"not found", 404)),
    ("container credentials", "malformed"): container(Reply(b"hello")),
    ("container credentials", "denied"): container(Reply(b"forbidden", 403)),
    ("container credentials", "foreign host"): Case(
        environment={"AWS_CONTAINER_CREDENTIALS_FULL_URI": "http://example.com/c"}
    ),
    ("instance metadata", "missing"): instance(Reply(b"", 404)),
    ("instance metadata", "malformed"): instance(Reply(b"token"), Reply(b"role"), Reply(b"hello")),
    ("instance metadata", "denied"): instance(Reply(b"", 403)),
    ("instance metadata", "slow"): instance(SLOW),
}


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return an empty home folder: no credentials, and files of AWS only there."""
    for name in (*KEYS, "AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    return tmp_path


def prepared(case: Case, home: Path, stack: ExitStack, monkeypatch: pytest.MonkeyPatch) -> str | None:
    """Write the files and set the variables of a case; return its profile."""
    url, _ = stack.enter_context(server(*case.replies)) if case.replies else ("", [])
    files = dict(case.files)
    if case.config is not None:
        files[".aws/config"] = f"[profile p]\n{case.config.replace('{home}', str(home))}"
    for name, text in files.items():
        path = home / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    for name, value in case.environment.items():
        monkeypatch.setenv(name, value.replace("{url}", url))
    return None if case.config is None else "p"


def failure(case: Case, home: Path, monkeypatch: pytest.MonkeyPatch) -> CredentialsError:
    """Return the error of a case."""
    with ExitStack() as stack:
        profile = prepared(case, home, stack, monkeypatch)
        if case.new_process:
            script = "from tests.aws.test_credentials import print_failure; print_failure('p')"
            done = subprocess.run([sys.executable, "-c", script], capture_output=True, cwd=ROOT, check=True)
            return CredentialsError(**json.loads(done.stdout))
        try:
            load(profile, call=case.call)
        except CredentialsError as error:
            return error
    raise AssertionError("the credentials are valid")


def load(profile: str | None, *, call: bool = False) -> None:
    if call:
        _ = Aws(REGION, profile=profile).account_id
    CredentialChain(new_session(profile), REGION, lambda _: None, timeout=0.2).load_credentials()


def print_failure(profile: str) -> None:
    """Load credentials in a process of its own: botocore fixes the folder of SSO tokens when it is imported."""
    try:
        load(profile)
    except CredentialsError as error:
        print(json.dumps({"message": error.message, "aws_code": error.aws_code, "hint": error.hint}))


def is_on_page(provider: str, situation: str, error: CredentialsError, home: Path) -> bool:
    """Return whether the section of the provider has the row, and its hint in the row or above the table."""
    heading = provider[0].upper() + provider[1:]
    section = PAGE.read_text().partition(f"\n## {heading}\n")[2].partition("\n## ")[0].splitlines()
    message = re.sub(r"127.0.0.1:[0-9]+", "127.0.0.1:PORT", error.message.replace("|", "\\|").replace(str(home), "~"))
    row, hint = f"| {situation} | {message} | `{error.aws_code}` |", f"Hint: {error.hint}"
    return {row, hint} <= {
        *section
    } or f"| {situation} | {message} *Hint:* {error.hint} | `{error.aws_code}` |" in section


@pytest.mark.parametrize("case", CASES, ids=" ".join)
def test_the_error_of_each_provider_is_that_of_the_page(
    case: tuple[str, str], home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    error = failure(CASES[case], home, monkeypatch)
    place = ("no provider", "missing") if case[0] == "instance metadata" else case
    assert is_on_page(*place, error, home)
    assert error.code == "Credentials"
    shown = f"{error.message} {error.hint} {error.aws_message}"
    assert not re.search("EXAMPLETOKEN|[a-z]+-secret|se.cret|web-token", shown)


def test_the_page_has_no_other_rows() -> None:
    rows = [line for line in PAGE.read_text().splitlines() if re.fullmatch(r"[|] [a-z ]+ [|] .+ `\w+` [|]", line)]
    assert len(rows) == sum(provider != "instance metadata" for provider, _ in CASES)


def test_a_process_that_prints_a_secret_of_the_environment_does_not_show_it(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_SESSION_TOKEN", "EXAMPLETOKEN")
    case = Case("credential_process = sh -c 'echo $AWS_SESSION_TOKEN is wrong >&2; exit 1'\n")
    assert failure(case, home, monkeypatch).aws_message == "*** is wrong"


def test_a_slow_process_is_reported(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []
    case = Case(f"credential_process = sh -c 'sleep 2.3; echo {json.dumps(json.dumps(PRINTED))}'\n")
    with ExitStack() as stack:
        profile = prepared(case, home, stack, monkeypatch)
        CredentialChain(new_session(profile), REGION, said.append).load_credentials()
    assert said == ["waiting for credentials: credential_process of profile p in ~/.aws/config"]


def test_an_assumed_role_is_kept_as_by_the_aws_cli(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second command does not call STS, so it needs no MFA code."""
    with server(assumed()) as (url, paths), ExitStack() as stack:
        prepared(Case(ROLE + BASE, {"AWS_ENDPOINT_URL_STS": url}), home, stack, monkeypatch)
        for _ in range(2):
            chain = CredentialChain(new_session("p"), REGION, lambda _: None)
            assert chain.load_credentials().get_frozen_credentials().access_key == "ASIAROLE"
    assert len(paths) == 1
    (kept,) = (home / ".aws/cli/cache").iterdir()
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600


def test_a_home_that_cannot_be_written_keeps_nothing(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with server(assumed()) as (url, paths), ExitStack() as stack:
        prepared(Case(ROLE + BASE, {"AWS_ENDPOINT_URL_STS": url}), home, stack, monkeypatch)
        (home / ".aws/cli").write_text("a file where the cache's folder should be")
        for _ in range(2):
            CredentialChain(new_session("p"), REGION, lambda _: None).load_credentials()
    assert len(paths) == 2


@pytest.mark.parametrize("variable", ["AWS_PROFILE", "AWS_DEFAULT_PROFILE"])
def test_an_empty_profile_is_none(variable: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(variable, "")
    frozen = CredentialChain(new_session(), REGION, lambda _: None).load_credentials().get_frozen_credentials()
    assert frozen.access_key == "testing"


@pytest.mark.parametrize("how", ["flag", "environment"])
def test_an_unknown_profile_is_named_with_the_files(how: str, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if how == "environment":
        monkeypatch.setenv("AWS_PROFILE", "nowhere")
    with pytest.raises(CredentialsError) as caught:
        Aws(REGION, profile="nowhere" if how == "flag" else None)
    assert "nowhere" in caught.value.message
    assert "~/.aws/config" in str(caught.value.hint)


def test_an_unreadable_config_file_is_named(home: Path) -> None:
    (home / ".aws").mkdir()
    (home / ".aws/config").write_text("profile = [\n")
    with pytest.raises(CredentialsError) as caught:
        _ = Aws(REGION).account_id
    assert ".aws/config" in caught.value.message
