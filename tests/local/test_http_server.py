"""The HTTP server of the emulator, with an application that answers with what it got."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest

from pipectl.local.fronts import Application, Receive, Scope, Send
from pipectl.local.http_server import MAX_HEAD, serve
from tests.local.small_pipeline import free_port

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


async def body_of(receive: Receive) -> bytes:
    body, more = b"", True
    while more:
        message = await receive()
        body, more = body + message["body"], message["more_body"]
    return body


async def echo(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer with method, path, query and body."""
    body = await body_of(receive)
    text = f"{scope['method']} {scope['path']} {scope['query_string'].decode()} ".encode() + body
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": text})


async def parts(_scope: Scope, _receive: Receive, send: Send) -> None:
    """Answer in parts."""
    await send({"type": "http.response.start", "status": 200, "headers": []})
    for part in (b"one", b"two"):
        await send({"type": "http.response.body", "body": part, "more_body": True})
    await send({"type": "http.response.body"})


async def unread(_scope: Scope, _receive: Receive, send: Send) -> None:
    """Answer without reading the body."""
    await send({"type": "http.response.start", "status": 403, "headers": [(b"content-length", b"0")]})
    await send({"type": "http.response.body", "body": b""})


async def broken(_scope: Scope, _receive: Receive, _send: Send) -> None:
    raise ValueError("broken")


def with_lifespan(application: Application, seen: list[str]) -> Application:
    """Return the application with a start and an end."""

    async def serving(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            await application(scope, receive, send)
            return
        for _ in range(2):
            kind = (await receive())["type"]
            seen.append(kind)
            await send({"type": f"{kind}.complete"})

    return serving


@asynccontextmanager
async def connected(application: Application, seen: list[str] | None = None) -> AsyncIterator[Streams]:
    """Serve an application, and connect to it."""
    port, ended = free_port(), asyncio.Event()
    task = asyncio.create_task(serve(with_lifespan(application, [] if seen is None else seen), port, ended.wait))
    while True:
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            break
        except OSError:
            await asyncio.sleep(0.001)
    try:
        yield reader, writer
    finally:
        writer.close()
        ended.set()
        await task


def exchange(application: Application, *sent: bytes, count: int = 1) -> list[bytes]:
    """Send bytes piece by piece; return ``count`` answers, each with its head."""

    async def run() -> list[bytes]:
        async with connected(application) as (reader, writer):
            for piece in sent:
                writer.write(piece)
                await writer.drain()
                await asyncio.sleep(0)
            return [await one_answer(reader) for _ in range(count)]

    return asyncio.run(asyncio.wait_for(run(), 20))


async def one_answer(reader: asyncio.StreamReader) -> bytes:
    head = await reader.readuntil(b"\r\n\r\n")
    if b"content-length: " not in head:
        return head + (await reader.readuntil(b"0\r\n\r\n") if b"chunked" in head else b"")
    return head + await reader.readexactly(int(head.partition(b"content-length: ")[2].split()[0]))


def rest(application: Application, sent: bytes) -> bytes:
    """Return everything that the server sends until it closes the connection."""

    async def run() -> bytes:
        async with connected(application) as (reader, writer):
            writer.write(sent)
            return await reader.read()

    return asyncio.run(asyncio.wait_for(run(), 20))


def test_requests_of_a_connection_are_answered_in_their_order() -> None:
    requests = b"GET /a%20b?c=d HTTP/1.1\r\nHost: x\r\n\r\nPUT /e HTTP/1.1\r\nContent-Length: 3\r\n\r\nxyz"
    first, second = exchange(echo, requests, count=2)
    assert first == b"HTTP/1.1 200 OK\r\ncontent-length: 13\r\n\r\nGET /a b c=d "
    assert second.endswith(b"PUT /e  xyz")


def test_a_request_can_arrive_byte_by_byte() -> None:
    text = b"PUT /e HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nxy\r\n1\r\nz\r\n0\r\n\r\n"
    (answer,) = exchange(echo, *(text[at : at + 1] for at in range(len(text))))
    assert answer.endswith(b"PUT /e  xyz")


def test_a_large_body_arrives_whole() -> None:
    body = b"x" * 5_000_000
    (answer,) = exchange(echo, b"PUT / HTTP/1.1\r\nContent-Length: %d\r\n\r\n" % len(body), body)
    assert answer.endswith(b"PUT /  " + body)


def test_an_expected_continue_is_sent_before_the_body() -> None:
    async def run() -> tuple[bytes, bytes]:
        async with connected(echo) as (reader, writer):
            writer.write(b"PUT / HTTP/1.1\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n")
            interim = await reader.readuntil(b"\r\n\r\n")
            writer.write(b"xyz")
            return interim, await one_answer(reader)

    interim, answer = asyncio.run(asyncio.wait_for(run(), 20))
    assert interim == b"HTTP/1.1 100 Continue\r\n\r\n"
    assert answer.endswith(b"PUT /  xyz")


def test_an_answer_of_unknown_length_comes_in_chunks() -> None:
    (answer,) = exchange(parts, b"GET / HTTP/1.1\r\n\r\n")
    assert answer.endswith(b"transfer-encoding: chunked\r\n\r\n3\r\none\r\n3\r\ntwo\r\n0\r\n\r\n")


def test_an_answer_to_an_old_client_ends_with_the_connection() -> None:
    assert rest(parts, b"GET / HTTP/1.0\r\n\r\n").endswith(b"connection: close\r\n\r\nonetwo")


def test_an_answer_to_head_has_no_body() -> None:
    sent = b"HEAD / HTTP/1.1\r\n\r\nHEAD / HTTP/1.1\r\nConnection: close\r\n\r\n"
    head = b"HTTP/1.1 200 OK\r\ncontent-length: 8\r\n"
    assert rest(echo, sent) == head + b"\r\n" + head + b"connection: close\r\n\r\n"


@pytest.mark.parametrize(
    "sent",
    [
        b"GET / HTTP/1.1\r\nConnection: close\r\n\r\n",
        b"PUT / HTTP/1.1\r\nContent-Length: 9\r\n\r\n",
        b"PUT / HTTP/1.1\r\nContent-Length: 9\r\nExpect: 100-continue\r\n\r\n",
    ],
)
def test_a_connection_closes_when_asked_and_after_a_body_that_was_not_read(sent: bytes) -> None:
    assert rest(unread, sent) == b"HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"


@pytest.mark.parametrize("sent", [b"nonsense\r\n\r\n", b"GET / HTTP/1.1\r\nHost : x\r\n\r\n"])
def test_an_invalid_request_is_refused(sent: bytes) -> None:
    assert rest(echo, sent).startswith(b"HTTP/1.1 400 Bad Request\r\n")


def test_a_head_without_end_is_refused() -> None:
    assert rest(echo, b"GET / HTTP/1.1\r\nX: " + b"x" * MAX_HEAD).startswith(b"HTTP/1.1 431 ")


def test_a_body_with_invalid_chunks_closes_the_connection() -> None:
    assert rest(echo, b"PUT / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nnonsense\r\n") == b""


def test_an_application_that_fails_closes_the_connection() -> None:
    assert rest(broken, b"GET / HTTP/1.1\r\n\r\n").startswith(b"HTTP/1.1 500 ")


def test_an_application_learns_that_the_client_has_left() -> None:
    left: list[str] = []

    async def waiting(_scope: Scope, receive: Receive, _send: Send) -> None:
        await body_of(receive)
        left.append("read")
        left.append((await receive())["type"])

    async def run() -> None:
        async with connected(waiting) as (_, writer):
            writer.write(b"GET / HTTP/1.1\r\n\r\n")
            while not left:
                await asyncio.sleep(0.001)
            writer.close()
            while left == ["read"]:
                await asyncio.sleep(0.001)

    asyncio.run(asyncio.wait_for(run(), 20))
    assert left == ["read", "http.disconnect"]


def test_the_application_starts_before_and_stops_after_serving() -> None:
    seen: list[str] = []

    async def run() -> None:
        async with connected(echo, seen):
            assert seen == ["lifespan.startup"]

    asyncio.run(asyncio.wait_for(run(), 20))
    assert seen == ["lifespan.startup", "lifespan.shutdown"]


def test_an_application_that_does_not_start_is_an_error() -> None:
    async def never() -> None:
        raise AssertionError

    ended: Callable[[], Awaitable[None]] = never
    with pytest.raises(RuntimeError, match="startup"):
        asyncio.run(serve(broken, free_port(), ended))
