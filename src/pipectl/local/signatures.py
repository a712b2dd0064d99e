"""Signature Version 4: whether a request was signed with a secret access key. Pure.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from urllib.parse import quote, unquote

from pipectl.local.requests import Request

ALGORITHM = "AWS4-HMAC-SHA256"
CLOCK_SKEW = timedelta(minutes=15)
UNSIGNED_PAYLOAD = "UNSIGNED-PAYLOAD"

_CREDENTIAL = re.compile(r"([A-Za-z0-9]+)/([0-9]{8})/([a-z0-9-]+)/([a-z0-9-]+)/aws4_request")
_AUTHORIZATION = re.compile(
    rf"{ALGORITHM} Credential=({_CREDENTIAL.pattern}), ?SignedHeaders=([a-z0-9;_-]+), ?Signature=([0-9a-f]{{64}})"
)
_SHA256 = re.compile("[0-9a-f]{64}")


@dataclass(frozen=True)
class Signature:
    """The parts of a signature, from the Authorization header or from the query string."""

    access_key: str
    date: str
    region: str
    service: str
    signed_headers: str
    value: str
    time: str
    expires: int | None = None
    """Seconds for which a presigned request is valid."""


def signature_of(request: Request) -> Signature | None:
    """Return the signature of a request; ``None`` when there is none, more than one, or one that cannot be read."""
    names = [name.lower() for name in request.query]
    in_query = bool({"x-amz-credential", "x-amz-signature", "awsaccesskeyid"} & set(names))
    if "authorization" in request.headers:
        found = _AUTHORIZATION.fullmatch(request.headers["authorization"])
        if found is None or in_query:
            return None
        _, key, date, region, service, signed, value = (str(part) for part in found.groups())
        return Signature(key, date, region, service, signed, value, request.headers.get("x-amz-date", ""))
    ambiguous = "awsaccesskeyid" in names or len(set(names)) < len(names)
    return _presigned(request) if in_query and not ambiguous else None


def _presigned(request: Request) -> Signature | None:
    given = {name: values[0] for name, values in request.query.items() if len(values) == 1}
    credential = _CREDENTIAL.fullmatch(given.get("X-Amz-Credential", ""))
    expires = given.get("X-Amz-Expires", "")
    if credential is None or given.get("X-Amz-Algorithm") != ALGORITHM or not expires.isdecimal():
        return None
    signed, value, time = (given.get(f"X-Amz-{name}", "") for name in ("SignedHeaders", "Signature", "Date"))
    key, date, region, service = (str(part) for part in credential.groups())
    return Signature(key, date, region, service, signed, value, time, int(expires[:7]))


def is_valid(request: Request, signature: Signature, secret: str, now: datetime) -> bool:
    """Return whether the request was signed with the secret, and a short time ago."""
    return _is_recent(signature, now) and any(
        hmac.compare_digest(signature.value.encode(), _calculated(signature, secret, document).encode())
        for document in _canonical_requests(request, signature)
    )


def _is_recent(signature: Signature, now: datetime) -> bool:
    try:
        signed_at = datetime.strptime(signature.time, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    except ValueError:
        return False
    latest = CLOCK_SKEW if signature.expires is None else timedelta(seconds=signature.expires)
    return signed_at - CLOCK_SKEW <= now <= signed_at + latest and signature.time.startswith(signature.date)


def _calculated(signature: Signature, secret: str, canonical_request: str) -> str:
    scope = (signature.date, signature.region, signature.service, "aws4_request")
    digest = hashlib.sha256(canonical_request.encode()).hexdigest()
    key = f"AWS4{secret}".encode()
    for part in scope:
        key = hmac.digest(key, part.encode(), "sha256")
    text = "\n".join((ALGORITHM, signature.time, "/".join(scope), digest))
    return hmac.new(key, text.encode(), "sha256").hexdigest()


def _canonical_requests(request: Request, signature: Signature) -> Iterator[str]:
    """Return the canonical requests that SDKs sign; they differ in how they encode paths and queries."""
    payload = _payload_hash(request, signature)
    if payload is None:
        return
    names = signature.signed_headers.split(";")
    headers = "".join(f"{name}:{' '.join(request.headers.get(name, '').split())}\n" for name in names)
    for path in _paths(request.raw_path, signature.service):
        for query in _queries(request.query_string):
            yield "\n".join((request.method, path, query, headers, signature.signed_headers, payload))


def _payload_hash(request: Request, signature: Signature) -> str | None:
    """Return the hash of the body that is signed; ``None`` when the body is another one."""
    actual = hashlib.sha256(request.body).hexdigest()
    declared = request.headers.get("x-amz-content-sha256")
    if signature.service == "s3":
        declared = declared or (UNSIGNED_PAYLOAD if signature.expires is not None else actual)
        return declared if not _SHA256.fullmatch(declared) or declared == actual else None
    return actual if declared in (None, actual) else None


def _paths(raw_path: str, service: str) -> Iterator[str]:
    if service == "s3":
        yield raw_path
        return
    segments: list[str] = []
    for segment in raw_path.split("/"):
        if segment == "..":
            segments = segments[:-1]
        elif segment not in ("", "."):
            segments.append(segment)
    slash = "/" if segments and raw_path.endswith("/") else ""
    yield quote(f"/{'/'.join(segments)}{slash}", safe="/~")
    yield quote(raw_path, safe="/~")


def _queries(query_string: str) -> Iterator[str]:
    pairs = [part.partition("=")[::2] for part in query_string.split("&") if part]
    pairs = [(name, value) for name, value in pairs if name != "X-Amz-Signature"]
    yield "&".join(f"{name}={value}" for name, value in sorted(pairs))
    encoded = [(quote(unquote(name), safe="-_.~"), quote(unquote(value), safe="-_.~")) for name, value in pairs]
    yield "&".join(f"{name}={value}" for name, value in sorted(encoded))
