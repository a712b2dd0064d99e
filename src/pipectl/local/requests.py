"""HTTP requests to the local emulator: their parts, and the credentials that they name. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import parse_qs

_CREDENTIAL = re.compile(r"Credential=([^/,\s]+)/[^/,\s]+/([^/,\s]+)/")

Query = Mapping[str, Sequence[str]]


@dataclass(frozen=True)
class Request:
    """A request as it arrived. Header names are in lower case; the path is given decoded and as it was sent."""

    method: str
    path: str
    raw_path: str
    query_string: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def query(self) -> Query:
        return parse_qs(self.query_string, keep_blank_values=True)

    @property
    def operation(self) -> str:
        """The name of the operation, for the JSON, CBOR and query protocols; else empty."""
        if target := self.headers.get("x-amz-target"):
            return target.rsplit(".", 1)[-1]
        if "/operation/" in self.path:
            return self.path.rsplit("/", 1)[-1]
        if self.headers.get("content-type", "").startswith("application/x-www-form-urlencoded"):
            form = parse_qs(self.body.decode("utf-8", "replace"))
            return form.get("Action", [""])[0]
        return ""

    @property
    def access_key(self) -> str:
        return access_key_of(self.headers, self.query)

    @property
    def region(self) -> str:
        """The region in the scope of its credentials; empty without credentials."""
        return _scope(self.headers, self.query)[1]


def access_key_of(headers: Mapping[str, str], query: Query) -> str:
    """Return the access key that a request names; empty without one."""
    return _scope(headers, query)[0]


def _scope(headers: Mapping[str, str], query: Query) -> tuple[str, str]:
    if found := _CREDENTIAL.search(headers.get("authorization", "")):
        return found[1], found[2]
    parts = (query.get("X-Amz-Credential") or [""])[0].split("/")
    return (parts[0], parts[2]) if len(parts) > 2 else (parts[0], "")
