"""Decides which requests reach the local emulator: those of this machine's own programs that know its secret.

Web pages, and other users of the machine, can reach every port on 127.0.0.1. A page is recognised by headers that
browsers add and no AWS SDK sends; a page of another site under a name that resolves to 127.0.0.1, by its Host header.
Another user does not know the secret, which is in a private file. MiniStack accepts any secret of a root user, so
root signatures are checked here; the signatures of users and roles it checks itself.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from xml.sax.saxutils import escape

from pipectl.local.requests import Request
from pipectl.local.signatures import is_valid, signature_of

_HOST = re.compile(r"(127\.0\.0\.1|localhost)(:[0-9]+)?")
HEALTH = "/_ministack/health"
CLOSED = ("/_ministack/", "/_localstack/", "/_aws/", "/_alb/")
"""Beginnings of paths that MiniStack serves without credentials."""

_ROOT_KEY = re.compile("[0-9]{12}")
_ISSUED_KEY = re.compile("A[KS]IA[A-Z0-9]{12,124}")


@dataclass(frozen=True)
class Refusal:
    """The reason why a request does not reach MiniStack."""

    code: str
    message: str
    status: int = 403


class Guard:
    """Checks requests. ``secret`` is the secret access key of every root user."""

    def __init__(self, secret: str) -> None:
        self._secret = secret

    def refusal_by_headers(self, request: Request) -> Refusal | None:
        """Return why a request is refused whatever its body is, so that the body need not be read."""
        if not _HOST.fullmatch(request.headers.get("host", "")):  # commas join several headers
            return Refusal("AccessDeniedException", "The Host header is not an address of the local emulator.")
        if request.method == "OPTIONS" or "origin" in request.headers:
            return Refusal("AccessDeniedException", "The local emulator does not serve web pages.")
        if request.headers.get("sec-fetch-site", "none") != "none":
            return Refusal("AccessDeniedException", "The local emulator does not serve web pages.")
        if _is_health(request):
            return None
        if request.path == "/health" or any(f"{request.path}/".startswith(path) for path in CLOSED):
            return Refusal("AccessDeniedException", "This path of the local emulator is closed.")
        signature = signature_of(request)
        if signature is None:
            return Refusal("MissingAuthenticationToken", "The request has no valid Signature Version 4.")
        if not (_ROOT_KEY.fullmatch(signature.access_key) or _ISSUED_KEY.fullmatch(signature.access_key)):
            return Refusal("InvalidClientTokenId", "The security token included in the request is invalid.")
        return None

    def refusal_by_signature(self, request: Request) -> Refusal | None:
        """Return why a request is refused whose headers are not; it needs the body."""
        signature = None if _is_health(request) else signature_of(request)
        if signature is None or not _ROOT_KEY.fullmatch(signature.access_key):
            return None
        if not is_valid(request, signature, self._secret, datetime.now(UTC)):
            hint = "`pipectl local status --env` prints the credentials of the local emulator."
            return Refusal("SignatureDoesNotMatch", f"The signature does not match, or is out of date. {hint}")
        return None


def _is_health(request: Request) -> bool:
    return request.path == HEALTH and request.method == "GET"


def answer(request: Request, refusal: Refusal) -> tuple[list[tuple[bytes, bytes]], bytes]:
    """Return the headers and the body of a refusal, in the protocol of the request."""
    signature = signature_of(request)
    if signature is not None and signature.service == "s3":
        return _xml(f"<Error><Code>{refusal.code}</Code><Message>{escape(refusal.message)}</Message></Error>")
    if request.headers.get("content-type", "").startswith("application/x-www-form-urlencoded"):
        error = f"<Type>Sender</Type><Code>{refusal.code}</Code><Message>{escape(refusal.message)}</Message>"
        return _xml(f"<ErrorResponse><Error>{error}</Error><RequestId>refused</RequestId></ErrorResponse>")
    if request.headers.get("smithy-protocol") == "rpc-v2-cbor":
        body = b"\xa2" + b"".join(_cbor(text) for text in ("__type", refusal.code, "message", refusal.message))
        return [(b"content-type", b"application/cbor"), (b"smithy-protocol", b"rpc-v2-cbor")], body
    headers = [(b"content-type", b"application/x-amz-json-1.0"), (b"x-amzn-errortype", refusal.code.encode())]
    return headers, json.dumps({"__type": refusal.code, "message": refusal.message}).encode()


def _xml(text: str) -> tuple[list[tuple[bytes, bytes]], bytes]:
    return [(b"content-type", b"text/xml")], f'<?xml version="1.0" encoding="UTF-8"?>\n{text}'.encode()


def _cbor(text: str) -> bytes:
    """Encode a text of at most 65,535 bytes."""
    encoded = text.encode()
    return b"\x79" + len(encoded).to_bytes(2, "big") + encoded
