"""The deployed package of a function: the zip behind the presigned URL that GetFunction returns.

The URL is a secret for some minutes and never shown. No credentials are sent with the request, because the URL has a
signature, and no redirect is followed.
"""

from __future__ import annotations

import base64
import hashlib
import re
import threading
from collections.abc import Callable
from contextlib import closing
from urllib.parse import SplitResult, urlsplit

from botocore import exceptions as boto
from botocore.awsrequest import AWSRequest, AWSResponse

from pipectl.aws import settings
from pipectl.aws.calls import Request
from pipectl.aws.client import Aws
from pipectl.clock import Clock
from pipectl.errors import AwsError, UnreachableError

LARGEST = 250 * 1024 * 1024
"""Bytes. A zip that Lambda takes unzips to no more."""
PATIENCE = 6
"""Seconds for a small package, and longest silence of the connection."""
_BYTES_PER_SECOND = 4 * 1024 * 1024
"""Speed that a large package is given time for: 50 MB within 19 seconds."""
_CHUNK = 64 * 1024
_CHECK_SECONDS = 0.1
_FAILURES: tuple[tuple[type[Exception], str], ...] = (
    (boto.SSLError, "the TLS certificate of {host} is not accepted"),
    (boto.ProxyConnectionError, "the proxy does not connect to {host}"),
    (boto.ConnectTimeoutError, "{host} does not answer"),
    (boto.ReadTimeoutError, "{host} stopped answering"),
    (boto.BotoCoreError, "{host} cannot be reached"),
    (Exception, "the connection to {host} was lost"),
)
"""Errors on the way. Their own messages are not shown: they have the URL."""


def deployed_package(aws: Aws, function: str, version: str | None = None) -> bytes:
    """Read the zip of a function, or of one of its versions. It is checked against the hash that Lambda reports.

    Raises:
        AwsError: it cannot be read, or is another one.
    """
    qualifier: Request = {"Qualifier": version} if version else {}
    answer = aws.lambda_.get_function(FunctionName=function, **qualifier)
    code, configuration = answer["Code"], answer["Configuration"]
    if "Location" not in code:
        error = code.get("Error", {}).get("Message") or "Lambda does not return where the package is stored"
        raise AwsError("the function runs a container image" if "ImageUri" in code else error)
    size, expected = configuration["CodeSize"], configuration["CodeSha256"]
    if size > LARGEST:
        raise AwsError(f"the package has {size:,} bytes, more than the {LARGEST:,} that are read")
    body = _download(aws, code["Location"], size)
    actual = base64.b64encode(hashlib.sha256(body).digest()).decode()
    if actual != expected:
        raise AwsError(f"the zip that was read has the SHA-256 {actual}, and the function's is {expected}")
    return body


def _download(aws: Aws, url: str, size: int) -> bytes:
    try:
        parts = urlsplit(url)
        allowed = bool(parts.hostname) and (parts.scheme == "https" or _origin(parts) == _endpoint(aws))
    except ValueError:
        allowed = False
    if not allowed:
        raise AwsError("the address of the package that Lambda returned is not an HTTPS URL")
    bound = PATIENCE + size / _BYTES_PER_SECOND
    return _within(bound, aws.clock, lambda ended: _get(aws, url, size, ended))


def _endpoint(aws: Aws) -> tuple[str, str | None, int | None] | None:
    """Return the origin of an endpoint on this machine, such as the local emulator, which has no TLS."""
    return _origin(urlsplit(aws.endpoint_url or "")) if settings.is_loopback(aws.endpoint_url) else None


def _origin(parts: SplitResult) -> tuple[str, str | None, int | None]:
    return parts.scheme, parts.hostname, parts.port


def _within(bound: float, clock: Clock, work: Callable[[threading.Event], bytes]) -> bytes:
    """Do work that can block for longer than it may, such as resolving a name, in a thread that is not waited for.

    Raises:
        CancelledError: the user pressed Ctrl-C.
        AwsError: the work failed, or is not done within the bound.
    """
    ended, results, errors = threading.Event(), list[bytes](), list[AwsError]()

    def run() -> None:
        try:
            results.append(work(ended))
        except AwsError as error:
            errors.append(error)
        finally:
            ended.set()

    start = clock.monotonic()
    threading.Thread(target=run, name="function code", daemon=True).start()
    try:
        while not ended.wait(_CHECK_SECONDS):
            clock.sleep(0)
            if clock.monotonic() - start > bound:
                raise UnreachableError(f"the package was not read within {bound:.0f} seconds")
    finally:
        ended.set()
    for error in errors:
        raise error
    return results[0]


def _get(aws: Aws, url: str, size: int, ended: threading.Event) -> bytes:
    """Return the body of a response; of a longer one, a byte more than ``size``."""
    try:
        with closing(settings.http_session(url, aws.ca_bundle, PATIENCE)) as session:
            response = session.send(AWSRequest(method="GET", url=url, stream_output=True).prepare())
            with closing(response.raw):
                return _body(response, size, ended)
    except AwsError:
        raise
    except Exception as error:  # noqa: BLE001 - urllib3 passes on errors of sockets, of TLS and of proxies
        words = next(words for kind, words in _FAILURES if isinstance(error, kind))
        raise UnreachableError(words.format(host=urlsplit(url).hostname)) from None


def _body(response: AWSResponse, size: int, ended: threading.Event) -> bytes:
    if response.status_code != 200:
        raise _refused(response.status_code, response.raw.read(_CHUNK))
    parts: list[bytes] = []
    left = size + 1
    while left and not ended.is_set() and (part := response.raw.read(min(_CHUNK, left))):
        parts.append(part)
        left -= len(part)
    return b"".join(parts)


def _refused(status: int, body: bytes) -> AwsError:
    """Return the error of a response; S3 describes it in XML."""
    text = body.decode(errors="replace")
    code, message = (re.search(f"<{name}>([^<]{{1,200}})</{name}>", text) for name in ("Code", "Message"))
    described = f" {code[1]}{f': {message[1]}' if message else ''}" if code else ""
    return AwsError(f"S3 answered {status}{described}", status=status)
