"""The checks of proxies and of the CA bundle, which botocore reports only as a lost connection."""

from __future__ import annotations

from pathlib import Path

import certifi
import pytest

from pipectl.aws.client import Aws
from pipectl.errors import CredentialsError, UsageError
from tests.support import REGION


@pytest.mark.parametrize("variable", ["HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "ALL_PROXY"])
@pytest.mark.parametrize(
    "value",
    ["http://user:hunter2@[::1", "http://user:hunter2@host:port", "http://", "hunter2\n", "ftp://hunter2", "a b"],
)
def test_a_malformed_proxy_is_named_without_its_value(
    variable: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises(UsageError) as caught:
        Aws(REGION)
    assert variable in caught.value.message
    assert "hunter2" not in f"{caught.value.message} {caught.value.hint}"


@pytest.mark.parametrize("value", ["", "http://proxy:3128", "https://user:secret@proxy.example.com", "proxy:3128"])
def test_a_valid_proxy_is_accepted(value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", value)
    Aws(REGION)


@pytest.mark.parametrize("content", [None, "no certificate\n", b"\x00\xff"])
def test_an_unusable_ca_bundle_is_named_with_its_path(
    content: str | bytes | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bundle = tmp_path / "bundle.pem"
    if content is not None:
        bundle.write_bytes(content if isinstance(content, bytes) else content.encode())
    monkeypatch.setenv("AWS_CA_BUNDLE", str(bundle))
    with pytest.raises(UsageError) as caught:
        Aws(REGION)
    assert str(bundle) in caught.value.message
    assert "AWS_CA_BUNDLE" in str(caught.value.hint)


def test_a_usable_ca_bundle_is_accepted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_CA_BUNDLE", certifi.where())
    Aws(REGION)


@pytest.mark.parametrize(
    ("variable", "value", "hint"),
    [
        ("AWS_ENDPOINT_URL", "nonsense", "AWS_ENDPOINT_URL"),
        ("AWS_ENDPOINT_URL_STS", "http://[::1", "AWS_ENDPOINT_URL"),
        ("AWS_STS_REGIONAL_ENDPOINTS", "nonsense", "AWS_..."),
        ("AWS_DEFAULTS_MODE", "nonsense", "AWS_..."),
        ("AWS_ACCOUNT_ID_ENDPOINT_MODE", "nonsense", "AWS_..."),
        ("AWS_REQUEST_CHECKSUM_CALCULATION", "nonsense", "AWS_..."),
        ("AWS_REQUEST_MIN_COMPRESSION_SIZE_BYTES", "nonsense", "AWS_..."),
        ("AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE", "nonsense", "AWS_..."),
        ("AWS_METADATA_SERVICE_TIMEOUT", "nonsense", "AWS_METADATA_SERVICE_TIMEOUT"),
    ],
)
def test_an_invalid_variable_of_aws_is_no_bug(
    variable: str, value: str, hint: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises((UsageError, CredentialsError)) as caught:
        _ = Aws(REGION).account_id
    assert hint in str(caught.value.hint)
