"""An ASGI application in front of MiniStack.

It refuses what a `Guard` refuses, reports to an `Observer` what the pollers have to know (new records, messages,
mappings, metrics, alarms), writes the results of the pollers into the descriptions of event source mappings, and lets
plain HTTP over loopback count as TLS.
"""

from __future__ import annotations

import asyncio
import ipaddress
import json
import os
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import replace
from typing import Any

from pipectl.local.guard import Guard, Refusal, answer
from pipectl.local.home import PROCESS_HEADER
from pipectl.local.observer import MAPPINGS_PATH, Observer
from pipectl.local.requests import Request

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[MutableMapping[str, Any], Receive, Send], Awaitable[None]]


class Gateway:
    """Serves the requests that a `Guard` lets pass with another application, and reports them to an `Observer`."""

    def __init__(self, application: Application, guard: Guard, observer: Observer) -> None:
        self._application = application
        self._guard = guard
        self._observer = observer

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":  # nothing of a pipeline needs them
            await send({"type": "websocket.close", "code": 1008})
        elif scope["type"] == "http":
            await self._serve(scope, receive, send)
        else:
            await self._application(scope, receive, send)

    async def _serve(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        send = _own_headers(send)
        request = _request(scope)
        if refusal := self._guard.refusal_by_headers(request):
            await _refuse(send, request, refusal)
            return
        body = await _body(receive)
        if body is None:
            return
        request = replace(request, body=body)
        if refusal := self._guard.refusal(request):
            await _refuse(send, request, refusal)
            return
        served = {**scope, "headers": _forwarded(scope)}
        if MAPPINGS_PATH.fullmatch(request.path) or self._observer.waits(request):
            await self._serve_whole(request, served, receive, send)
            return

        async def observed(message: Message) -> None:
            if message["type"] == "http.response.start" and message["status"] < 300:
                self._observer.served(request)
            await send(message)

        await self._application(served, _replayed(request.body, receive), observed)

    async def _serve_whole(
        self, request: Request, scope: MutableMapping[str, Any], receive: Receive, send: Send
    ) -> None:
        """Serve a request whose answer is needed before the caller gets it."""
        messages: list[Message] = []

        async def collect(message: Message) -> None:
            messages.append(message)

        await self._application(scope, _replayed(request.body, receive), collect)
        if not messages:
            return
        start, *rest = messages
        body = b"".join(part.get("body", b"") for part in rest)
        if start["status"] < 300:
            await asyncio.to_thread(self._observer.changed, request, body)
            if MAPPINGS_PATH.fullmatch(request.path):
                body = self._with_results(body)
        headers = [(name, value) for name, value in start["headers"] if name.lower() != b"content-length"]
        headers.append((b"content-length", str(len(body)).encode()))
        await send({**start, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    def _with_results(self, body: bytes) -> bytes:
        try:
            document = json.loads(body)
        except ValueError:
            return body
        for mapping in document.get("EventSourceMappings", [document]):
            if result := self._observer.last_result(mapping.get("UUID", "")):
                mapping["LastProcessingResult"] = result
        return json.dumps(document).encode()


async def _refuse(send: Send, request: Request, refusal: Refusal) -> None:
    headers, body = answer(request, refusal)
    headers.append((b"content-length", str(len(body)).encode()))
    await send({"type": "http.response.start", "status": refusal.status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def _own_headers(send: Send) -> Send:
    """Name the process, and leave out the headers that would let web pages read the answers."""

    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = [pair for pair in message["headers"] if not pair[0].lower().startswith(b"access-control-")]
            process = (PROCESS_HEADER.lower().encode(), str(os.getpid()).encode())
            message = {**message, "headers": [*headers, process]}
        await send(message)

    return sending


async def _body(receive: Receive) -> bytes | None:
    """Return the body of a request; ``None`` when the client has left."""
    parts: list[bytes] = []
    while True:
        message = await receive()
        if message["type"] != "http.request":
            return None
        parts.append(message.get("body", b""))
        if not message.get("more_body"):
            return b"".join(parts)


def _replayed(body: bytes, receive: Receive) -> Receive:
    """Return the body once more, then whatever comes."""
    waiting = [body]

    async def replay() -> Message:
        return {"type": "http.request", "body": waiting.pop(), "more_body": False} if waiting else await receive()

    return replay


def _request(scope: MutableMapping[str, Any]) -> Request:
    """Return a request without its body."""
    headers: dict[str, str] = {}
    for name, value in scope["headers"]:
        key, text = name.decode("latin-1").lower(), value.decode("utf-8", "replace")
        headers[key] = f"{headers[key]},{text}" if key in headers else text
    raw_path = (scope.get("raw_path") or scope["path"].encode()).decode("latin-1")
    query_string = scope.get("query_string", b"").decode("utf-8", "replace")
    return Request(scope["method"], scope["path"], raw_path, query_string, headers, b"")


def _forwarded(scope: MutableMapping[str, Any]) -> list[tuple[bytes, bytes]]:
    """Return the headers, with plain HTTP from this machine to itself declared as TLS, and nothing else.

    Bucket and queue policies that deny ``aws:SecureTransport = false`` stay exactly as they are on AWS, and are
    enforced; without this they would refuse the functions, which reach the server over loopback.
    """
    headers = [(name, value) for name, value in scope["headers"] if name.lower() != b"x-forwarded-proto"]
    client = scope.get("client")
    if client and is_loopback(client[0]):
        headers.append((b"x-forwarded-proto", b"https"))
    return headers


def is_loopback(address: str) -> bool:
    """Return whether an IP address is this machine's own."""
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return False
