"""Requests of any shape to the local emulator: none passes as a root user without the secret."""

from __future__ import annotations

import re
from urllib.parse import quote, urlencode

from hypothesis import given
from hypothesis import strategies as st

from pipectl.local.guard import Guard, answer
from pipectl.local.requests import Request
from pipectl.local.signatures import signature_of

GUARD = Guard("a secret that no request knows")
ISSUED = re.compile("A[KS]IA[A-Z0-9]{12,124}")

TEXT = st.text(max_size=12)
KEYS = st.sampled_from(["000000000000", "123456789012", "test", "", "ASIAABCDEFGHIJKLMNOP", "0"])
SCOPES = st.builds("{}/20260101/us-east-1/{}/aws4_request".format, KEYS, st.sampled_from(["s3", "iam", "sts"]))
HEADER = st.builds(
    "AWS4-HMAC-SHA256 Credential={}, SignedHeaders=host, Signature={}".format, SCOPES, st.text("0123456789abcdef")
)
HEADERS = st.fixed_dictionaries(
    {"host": st.sampled_from(["127.0.0.1:4566", "localhost", "evil.example"])},
    optional={
        "authorization": st.one_of(HEADER, TEXT, st.builds("{},{}".format, HEADER, HEADER)),
        "x-amz-date": st.sampled_from(["20260101T000000Z", "20991231T000000Z", ""]) | TEXT,
        "x-amz-content-sha256": st.sampled_from(["UNSIGNED-PAYLOAD", "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"]) | TEXT,
        "content-type": st.sampled_from(["text/plain", "application/x-www-form-urlencoded", "application/json"]),
        "origin": TEXT,
        "smithy-protocol": st.just("rpc-v2-cbor"),
        "x-amz-target": TEXT,
    },
)
PARAMETERS = st.lists(
    st.tuples(
        st.sampled_from(
            [
                *("X-Amz-Algorithm", "X-Amz-Credential", "X-Amz-Signature", "X-Amz-SignedHeaders", "X-Amz-Date"),
                *("X-Amz-Expires", "x-amz-credential", "AWSAccessKeyId", "Signature", "Action"),
            ]
        ),
        st.one_of(SCOPES, TEXT, st.sampled_from(["AWS4-HMAC-SHA256", "host", "3600", "20260101T000000Z"])),
    ),
    max_size=8,
)
PATHS = st.sampled_from(
    ["/", "/bucket/key", "/_ministack/reset", "/_ministack/health/", "/health", "/2015-03-31/functions"]
)


@given(
    st.sampled_from(["GET", "POST", "PUT", "DELETE"]), PATHS | TEXT.map("/{}".format), HEADERS, PARAMETERS, st.binary()
)
def test_no_request_passes_without_the_secret(
    method: str, path: str, headers: dict[str, str], parameters: list[tuple[str, str]], body: bytes
) -> None:
    request = Request(method, path, quote(path), urlencode(parameters, errors="replace"), headers, body)
    refusal = GUARD.refusal_by_headers(request) or GUARD.refusal_by_signature(request)
    if refusal is None:
        signature = signature_of(request)
        is_health = (method, path) == ("GET", "/_ministack/health")
        assert is_health or (signature and ISSUED.fullmatch(signature.access_key))
    else:
        names, text = answer(request, refusal)
        assert refusal.code.encode() in text
        assert names
