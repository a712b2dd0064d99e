"""An ASGI application in front of MiniStack.

It refuses what a `Guard` refuses, lets each `Front` serve its requests, reports to an `Observer` what the pollers have
to know (new records, messages, mappings, metrics, alarms), and lets plain HTTP over loopback count as TLS.
"""

from __future__ import annotations

import asyncio
import ipaddress
import os
from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache

from pipectl.local.fronts import Answer, Application, Front, Message, Receive, Scope, Send, answer_of, send_answer
from pipectl.local.guard import Guard, Refusal, answer
from pipectl.local.home import PROCESS_HEADER
from pipectl.local.observer import Observer
from pipectl.local.requests import Request


class Gateway:
    """Serves the requests that a `Guard` lets pass with another application, and reports them to an `Observer`."""

    def __init__(self, application: Application, guard: Guard, observer: Observer, fronts: Sequence[Front]) -> None:
        self._application = application
        self._guard = guard
        self._observer = observer
        self._fronts = fronts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            await self._serve(scope, receive, send)
        else:
            await self._application(scope, receive, send)

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        send = _own_headers(send)
        request = _request(scope)
        if refusal := self._guard.refusal_by_headers(request):
            await _refuse(send, request, refusal)
            return
        body = await _body(receive)
        if body is None:
            return
        request = replace(request, body=body)
        if refusal := self._guard.refusal_by_signature(request):
            await _refuse(send, request, refusal)
            return
        served = {**scope, "headers": _forwarded(scope)}
        front = next((each for each in self._fronts if each.serves(request)), None)
        if front or self._observer.waits(request):
            await self._serve_whole(request, served, send, front)
            return

        async def observed(message: Message) -> None:
            if message["type"] == "http.response.start" and message["status"] < 300:
                self._observer.served(request)
            await send(message)

        await self._application(served, _replayed(request.body, receive), observed)

    async def _serve_whole(self, request: Request, scope: Scope, send: Send, front: Front | None) -> None:
        """Serve a request whose answer is changed, or needed before the caller gets it."""

        async def forward() -> Answer:
            return await answer_of(self._application, scope, request.body)

        given = await (front.serve(request, forward) if front else forward())
        if given.succeeded and self._observer.waits(request):
            await asyncio.to_thread(self._observer.changed, request, given.body)
        elif given.succeeded:
            self._observer.served(request)
        await send_answer(send, given)


async def _refuse(send: Send, request: Request, refusal: Refusal) -> None:
    headers, body = answer(request, refusal)
    await send_answer(send, Answer(refusal.status, headers, body))


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


def _request(scope: Scope) -> Request:
    """Return a request without its body."""
    headers: dict[str, str] = {}
    for name, value in scope["headers"]:
        key, text = name.decode("latin-1").lower(), value.decode("utf-8", "replace")
        headers[key] = f"{headers[key]},{text}" if key in headers else text
    raw_path = (scope.get("raw_path") or scope["path"].encode()).decode("latin-1")
    query_string = scope.get("query_string", b"").decode("utf-8", "replace")
    return Request(scope["method"], scope["path"], raw_path, query_string, headers, b"")


def _forwarded(scope: Scope) -> list[tuple[bytes, bytes]]:
    """Return the headers, with plain HTTP from this machine to itself declared as TLS, and nothing else.

    Bucket and queue policies that deny ``aws:SecureTransport = false`` stay exactly as they are on AWS, and are
    enforced; without this they would refuse the functions, which reach the server over loopback.
    """
    headers = [(name, value) for name, value in scope["headers"] if name.lower() != b"x-forwarded-proto"]
    client = scope.get("client")
    if client and is_loopback(client[0]):
        headers.append((b"x-forwarded-proto", b"https"))
    return headers


@lru_cache(1024)
def is_loopback(address: str) -> bool:
    """Return whether an IP address is this machine's own."""
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return False
