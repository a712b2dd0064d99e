"""Fronts: the parts of the gateway that change what MiniStack answers. Each serves some requests."""

from __future__ import annotations

import json
import re
from collections.abc import Awaitable, Callable, Mapping, MutableMapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Protocol
from urllib.parse import urlencode

from pipectl.local.clients import Place
from pipectl.local.requests import Request

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Scope = MutableMapping[str, Any]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]
"""An ASGI application."""

Headers = Sequence[tuple[bytes, bytes]]


@dataclass(frozen=True)
class Answer:
    """The whole answer to a request."""

    status: int
    headers: Headers
    body: bytes

    @property
    def succeeded(self) -> bool:
        return self.status < 300

    @property
    def document(self) -> dict[str, Any]:
        """The body as a JSON object; empty when it is none."""
        return json_object(self.body)

    def with_document(self, document: Mapping[str, Any], status: int | None = None) -> Answer:
        """Return the answer with another body, without the header that names an error."""
        return self.with_text(json.dumps(document), status)

    def with_text(self, text: str, status: int | None = None) -> Answer:
        """Return the answer with a JSON text as its body, without the header that names an error."""
        kept = [pair for pair in self.headers if pair[0].lower() != b"x-amzn-errortype"]
        return Answer(status or self.status, kept, text.encode())

    def with_header(self, name: bytes, value: str) -> Answer:
        """Return the answer with a header replaced."""
        kept = [pair for pair in self.headers if pair[0].lower() != name]
        return replace(self, headers=[*kept, (name, value.encode())])

    def as_error(self, status: int, code: str, message: str) -> Answer:
        """Return an error in the JSON protocols in place of the answer."""
        failed = self.with_document({"__type": code, "Message": message, "message": message}, status)
        return failed.with_header(b"x-amzn-errortype", code)


Forward = Callable[[], Awaitable[Answer]]
"""Lets MiniStack serve the request, which checks its signature and its permissions."""


class Front(Protocol):
    """Serves some requests in place of MiniStack, or changes MiniStack's answers."""

    def serves(self, request: Request) -> bool:
        """Return whether the front is for this request."""

    async def serve(self, request: Request, forward: Forward, /) -> Answer:
        """Return the answer."""


class Inside:
    """Calls of the server to MiniStack itself, as the root user of an account, without HTTP."""

    def __init__(self, application: Application) -> None:
        self._application = application
        self._accounts: dict[str, str] = {}

    async def json(self, place: Place, service: str, target: str, parameters: Mapping[str, Any]) -> Answer:
        """Call an operation of a JSON protocol, such as ``DynamoDBStreams_20120810.GetRecords``."""
        headers = {"x-amz-target": target, "content-type": "application/x-amz-json-1.0"}
        return await self._call("POST", "/", place, service, headers, json.dumps(parameters).encode())

    async def rest(self, place: Place, service: str, method: str, path: str) -> Answer:
        """Call an operation of a REST protocol without a body."""
        return await self._call(method, path, place, service, {}, b"")

    async def account_of(self, access_key: str, region: str) -> str:
        """Return the account of an access key."""
        if re.fullmatch("[0-9]{12}", access_key):
            return access_key
        if access_key not in self._accounts:
            form = urlencode({"Action": "GetAccessKeyInfo", "Version": "2011-06-15", "AccessKeyId": access_key})
            headers = {"content-type": "application/x-www-form-urlencoded"}
            answer = await self._call("POST", "/", Place("0" * 12, region), "sts", headers, form.encode())
            found = re.search(rb"<Account>([0-9]{12})</Account>", answer.body)
            self._accounts[access_key] = found[1].decode() if found else ""
        return self._accounts[access_key]

    async def _call(
        self, method: str, path: str, place: Place, service: str, headers: Mapping[str, str], body: bytes
    ) -> Answer:
        # MiniStack takes any signature of a root user; those of requests that arrive are checked by `Guard`.
        scope = f"{place.account_id}/{datetime.now(UTC):%Y%m%d}/{place.region}/{service}/aws4_request"
        sent = {
            "host": "127.0.0.1",
            "authorization": f"AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature={'0' * 64}",
            **headers,
        }
        return await answer_of(
            self._application,
            {
                "type": "http",
                "asgi": {"version": "3.0"},
                "http_version": "1.1",
                "method": method,
                "scheme": "http",
                "path": path,
                "raw_path": path.encode(),
                "query_string": b"",
                "headers": [(name.encode(), value.encode()) for name, value in sent.items()],
                "client": ("127.0.0.1", 0),
            },
            body,
        )


async def answer_of(application: Application, scope: Scope, body: bytes) -> Answer:
    """Return the whole answer of an application."""
    messages: list[Message] = []
    waiting = [body]

    async def receive() -> Message:
        if waiting:
            return {"type": "http.request", "body": waiting.pop(), "more_body": False}
        return {"type": "http.disconnect"}

    async def collect(message: Message) -> None:
        messages.append(message)

    await application(scope, receive, collect)
    start, *rest = messages
    return Answer(start["status"], start["headers"], b"".join(part.get("body", b"") for part in rest))


async def send_answer(send: Send, answer: Answer) -> None:
    """Send an answer to the client."""
    sized = answer.with_header(b"content-length", str(len(answer.body)))
    await send({"type": "http.response.start", "status": sized.status, "headers": list(sized.headers)})
    await send({"type": "http.response.body", "body": sized.body})


def json_object(text: bytes) -> dict[str, Any]:
    """Return a JSON object; an empty one when the text is no JSON object."""
    try:
        value = json.loads(text or b"{}")
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}
