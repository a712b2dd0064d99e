"""Requests of web pages and of other users do not reach the local emulator."""

from __future__ import annotations

import http.client
import json
import stat
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from pipectl.local import lifecycle
from pipectl.local.guard import Guard
from pipectl.local.home import REGION, LocalEmulator
from pipectl.local.requests import Request
from tests.local.small_pipeline import Pipeline, eventually, free_port
from tests.local.test_signatures import REQUESTS, SECRET
from tests.support import PATIENCE

GUARD = Guard(SECRET)


def changed(**headers: str) -> Request:
    made = REQUESTS["JSON"]()
    return Request(made.method, made.path, made.raw_path, made.query_string, {**made.headers, **headers}, made.body)


def code(request: Request) -> str | None:
    refusal = GUARD.refusal_by_headers(request) or GUARD.refusal_by_signature(request)
    return refusal.code if refusal else None


class TestHeaders:
    @pytest.mark.parametrize("host", ["127.0.0.1:4566", "localhost:4566", "127.0.0.1", "127.0.0.1:15000"])
    def test_addresses_of_this_machine_are_served(self, host: str) -> None:
        request = Request("GET", "/_ministack/health", "/_ministack/health", "", {"host": host}, b"")
        assert code(request) is None

    @pytest.mark.parametrize(
        "host",
        [
            "evil.example",
            "evil.example:4566",
            "127.0.0.1.evil.example:4566",
            "127.0.0.1:4566,evil.example",
            "localhost:evil.example",
            "[::1]:4566",
            "",
        ],
    )
    def test_other_names_are_refused(self, host: str) -> None:
        assert code(changed(host=host)) == "AccessDeniedException"

    @pytest.mark.parametrize("origin", ["http://evil.example", "http://127.0.0.1:4566", "null", ""])
    def test_pages_are_refused_by_origin(self, origin: str) -> None:
        assert code(changed(origin=origin)) == "AccessDeniedException"

    @pytest.mark.parametrize("site", ["cross-site", "same-site", "same-origin"])
    def test_pages_are_refused_by_fetch_site(self, site: str) -> None:
        assert code(changed(**{"sec-fetch-site": site})) == "AccessDeniedException"

    def test_sdk_is_served(self) -> None:
        assert code(REQUESTS["JSON"]()) is None


class TestPaths:
    @pytest.mark.parametrize(
        "path",
        [
            *(
                "/_ministack/reset",
                "/_ministack/config",
                "/_ministack/ready",
                "/_ministack",
                "/_ministack/health/x",
                "/_alb",
            ),
            *("/_localstack/health", "/health", "/_aws/execute-api/a/b", "/_alb", "/_alb/name"),
        ],
    )
    @pytest.mark.parametrize("method", ["GET", "POST"])
    def test_administration_is_closed(self, path: str, method: str) -> None:
        assert code(Request(method, path, path, "", {"host": "127.0.0.1:4566"}, b"")) == "AccessDeniedException"

    def test_bucket_with_the_name_of_a_closed_path_is_served(self) -> None:
        made = REQUESTS["an S3 object"]()
        assert code(Request("GET", "/health/key", "/health/key", "", made.headers, b"")) == "SignatureDoesNotMatch"

    def test_health_is_only_read(self) -> None:
        path = "/_ministack/health"
        assert code(Request("POST", path, path, "", {"host": "127.0.0.1:4566"}, b"")) == "AccessDeniedException"

    def test_preflight_is_refused(self) -> None:
        assert (
            code(Request("OPTIONS", "/bucket", "/bucket", "", {"host": "127.0.0.1:4566"}, b""))
            == "AccessDeniedException"
        )


class TestCredentials:
    @pytest.mark.parametrize("key", ["test", "x", "", "00000000000", "0000000000000"])
    def test_other_keys_are_unknown(self, key: str) -> None:
        authorization = REQUESTS["JSON"]().headers["authorization"].replace("000000000000", key)
        expected = "InvalidClientTokenId" if key else "MissingAuthenticationToken"
        assert code(changed(authorization=authorization)) == expected

    def test_signatures_of_users_and_roles_are_left_to_ministack(self) -> None:
        authorization = REQUESTS["JSON"]().headers["authorization"].replace("000000000000", "ASIAABCDEFGHIJKLMNOP")
        assert code(changed(authorization=authorization)) is None

    def test_other_secret_is_refused(self) -> None:
        refusal = Guard("another secret").refusal_by_signature(REQUESTS["JSON"]())
        assert refusal is not None
        assert refusal.code == "SignatureDoesNotMatch"
        assert "pipectl local status --env" in refusal.message


def ask(
    emulator: LocalEmulator, method: str, path: str, headers: dict[str, str] | None = None, body: bytes = b""
) -> tuple[int, dict[str, str]]:
    connection = http.client.HTTPConnection("127.0.0.1", emulator.port, timeout=PATIENCE)
    try:
        connection.request(method, path, body, headers or {})
        response = connection.getresponse()
        response.read()
        return response.status, {name.lower(): value for name, value in response.getheaders()}
    finally:
        connection.close()


def client(emulator: LocalEmulator, service: str, secret: str) -> Any:
    session = boto3.Session("000000000000", secret, region_name=REGION)
    config = Config(signature_version="s3v4") if service == "s3" else None
    return session.client(service, endpoint_url=emulator.endpoint_url, config=config)  # type: ignore[call-overload]


CALLS = {
    "dynamodb": "list_tables",
    "s3": "list_buckets",
    "iam": "list_roles",
    "sqs": "list_queues",
    "lambda": "list_functions",
    "cloudwatch": "describe_alarms",
    "logs": "describe_log_groups",
    "sts": "get_caller_identity",
}


@pytest.mark.emulator
class TestOnTheEmulator:
    @pytest.mark.parametrize("service", CALLS)
    def test_wrong_secret_is_refused_in_the_protocol_of_the_service(
        self, emulator: LocalEmulator, service: str
    ) -> None:
        getattr(client(emulator, service, emulator.secret), CALLS[service])()
        with pytest.raises(ClientError) as caught:
            getattr(client(emulator, service, "another secret"), CALLS[service])()
        assert caught.value.response["Error"]["Code"] == "SignatureDoesNotMatch"
        assert "pipectl local status --env" in caught.value.response["Error"]["Message"]

    def test_page_cannot_create_a_role(self, emulator: LocalEmulator) -> None:
        body = b"Action=CreateRole&RoleName=evil&AssumeRolePolicyDocument=%7B%7D&Version=2010-05-08"
        query = (
            "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=000000000000%2F20260101%2Fus-east-1%2Fiam%2Faws4_request"
        )
        headers = {"Content-Type": "text/plain", "Origin": "http://evil.example"}
        assert ask(emulator, "POST", f"/?{query}", headers, body)[0] == 403
        assert ask(emulator, "POST", f"/?{query}", {"Content-Type": "text/plain"}, body)[0] == 403
        roles = client(emulator, "iam", emulator.secret).list_roles()["Roles"]
        assert "evil" not in [role["RoleName"] for role in roles]

    @pytest.mark.parametrize("path", ["/_ministack/reset", "/_ministack/config"])
    def test_page_cannot_reset_or_configure(self, emulator: LocalEmulator, path: str) -> None:
        assert ask(emulator, "POST", path)[0] == 403

    def test_preflight_is_refused_and_no_answer_has_cors_headers(self, emulator: LocalEmulator) -> None:
        preflight = {"Origin": "http://evil.example", "Access-Control-Request-Method": "PUT"}
        assert ask(emulator, "OPTIONS", "/bucket", preflight)[0] == 403
        for method, path in (("OPTIONS", "/bucket"), ("GET", "/_ministack/health"), ("GET", "/bucket")):
            _, headers = ask(emulator, method, path)
            assert not [name for name in headers if name.startswith("access-control-")]

    def test_an_answer_has_one_date(self, emulator: LocalEmulator) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", emulator.port, timeout=PATIENCE)
        connection.request("GET", "/_ministack/health")
        response = connection.getresponse()
        connection.close()
        assert len(response.headers.get_all("date", [])) == 1

    def test_anonymous_requests_are_refused(self, emulator: LocalEmulator) -> None:
        bucket = "guarded-bucket"
        client(emulator, "s3", emulator.secret).create_bucket(Bucket=bucket)
        assert [ask(emulator, method, f"/{bucket}/key")[0] for method in ("GET", "PUT", "DELETE")] == [403] * 3

    def test_presigned_url_works_and_another_one_does_not(self, emulator: LocalEmulator) -> None:
        s3 = client(emulator, "s3", emulator.secret)
        s3.create_bucket(Bucket="presigned-bucket")
        s3.put_object(Bucket="presigned-bucket", Key="a b+é.json", Body=b"{}")
        place = {"Bucket": "presigned-bucket", "Key": "a b+é.json"}
        url = s3.generate_presigned_url("get_object", Params=place)
        assert ask(emulator, "GET", url.removeprefix(emulator.endpoint_url))[0] == 200
        forged = client(emulator, "s3", "another secret").generate_presigned_url("get_object", Params=place)
        assert ask(emulator, "GET", forged.removeprefix(emulator.endpoint_url))[0] == 403

    def test_sessions_of_functions_cannot_be_calculated(self, emulator: LocalEmulator) -> None:
        source = "import os\ndef handler(event, context): return os.environ['AWS_SECRET_ACCESS_KEY']"
        secrets = []
        for _ in range(2):
            pipeline = Pipeline(emulator, handler=source)
            answer = pipeline.client("lambda").invoke(FunctionName="processor")
            secrets.append(json.loads(answer["Payload"].read()))
        assert len({len(secret) for secret in secrets}) == 1
        assert len(set(secrets)) == 2
        assert emulator.secret not in secrets


@pytest.mark.emulator
def test_home_is_closed_to_other_users(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir(mode=0o755)
    (home / "local.log").touch(mode=0o644)
    running = lifecycle.start(home, port=free_port())
    try:
        modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in (home, *home.iterdir())}
        assert eventually(lambda: lifecycle.status(home)) == running
        assert modes.pop("home") == modes.pop("tmp") == modes.pop("python") == 0o700
        assert modes == dict.fromkeys(("local.json", "local.lock", "local.log", "secret", "start.lock"), 0o600)
    finally:
        lifecycle.stop(home, timeout=0)


@pytest.mark.emulator
def test_each_home_has_a_secret_that_it_keeps(tmp_path: Path) -> None:
    secrets = []
    for name in ("one", "one", "other"):
        secrets.append(lifecycle.start(tmp_path / name, port=free_port()).secret)
        lifecycle.stop(tmp_path / name, timeout=0)
    assert secrets[0] == secrets[1] != secrets[2]
    assert min(len(secret) for secret in secrets) >= 40


def test_a_folder_with_another_purpose_keeps_its_mode(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").touch()
    tmp_path.chmod(0o755)
    assert lifecycle.status(tmp_path) is None
    assert stat.S_IMODE(tmp_path.stat().st_mode) == 0o755
