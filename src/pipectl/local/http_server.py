"""Serves an ASGI application over HTTP/1.1 on 127.0.0.1.

It takes a third of the time of Hypercorn, with which most of the emulator's time went to reading and writing messages.

Not modelled: TLS, HTTP/2 and WebSockets, which no client of a pipeline uses here.
"""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import cast
from urllib.parse import unquote

from pipectl.local.fronts import Application, Message, Scope
from pipectl.local.http_messages import Body, Head, MessageError, answer_head, chunk, parse_head

logger = logging.getLogger("pipectl.http")

IDLE_SECONDS = 75
"""The time after which a connection without a request is closed."""
MAX_HEAD = 64 * 1024
MAX_WAITING = 1024 * 1024
"""The number of bytes of a body that wait for the application before the client has to wait."""
BACKLOG = 1024
_WITHOUT_BODY = (204, 304)


async def serve(application: Application, port: int, ended: Callable[[], Awaitable[object]]) -> None:
    """Serve until ``ended`` returns.

    Raises:
        OSError: The port is not free.
    """
    loop = asyncio.get_running_loop()
    connections: set[_Connection] = set()
    with socket.create_server(("127.0.0.1", port), backlog=BACKLOG) as listening:
        async with _lifespan(application):
            server = await loop.create_server(lambda: _Connection(application, connections), sock=listening)
            try:
                await ended()
            finally:
                server.close()
                for connection in list(connections):
                    connection.abort()


@asynccontextmanager
async def _lifespan(application: Application) -> AsyncIterator[None]:
    """Let the application start, and at the end stop."""
    wanted: asyncio.Queue[Message] = asyncio.Queue()
    answered: asyncio.Queue[Message] = asyncio.Queue()
    scope = {"type": "lifespan", "asgi": {"version": "3.0"}, "state": {}}

    async def run() -> None:
        await application(scope, wanted.get, answered.put)

    task = asyncio.create_task(run())

    async def step(name: str) -> None:
        await wanted.put({"type": f"lifespan.{name}"})
        answer = asyncio.create_task(answered.get())
        await asyncio.wait({answer, task}, return_when=asyncio.FIRST_COMPLETED)
        if not answer.done() or answer.result()["type"] != f"lifespan.{name}.complete":
            raise RuntimeError(f"the application has no {name}")

    await step("startup")
    try:
        yield
    finally:
        await step("shutdown")


class _Connection(asyncio.Protocol):
    """A connection of a client, which serves one request after the other."""

    transport: asyncio.Transport

    def __init__(self, application: Application, connections: set[_Connection]) -> None:
        self._application = application
        self._connections = connections
        self._loop = asyncio.get_running_loop()
        self._buffer = bytearray()
        self._exchange: _Exchange | None = None
        self._task: asyncio.Task[None] | None = None
        self._idle_since = self._loop.time()
        self._writable = asyncio.Event()
        self._writable.set()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self._connections.add(self)
        self._timer = self._loop.call_later(IDLE_SECONDS, self._close_idle)

    def connection_lost(self, _error: Exception | None) -> None:
        self._connections.discard(self)
        self._timer.cancel()
        self._writable.set()
        if self._exchange:
            self._exchange.lose()

    def pause_writing(self) -> None:
        self._writable.clear()

    def resume_writing(self) -> None:
        self._writable.set()

    def abort(self) -> None:
        """End the connection and what it serves at once."""
        self.transport.abort()
        if self._task:
            self._task.cancel()

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        self.proceed()

    def proceed(self) -> None:
        """Take the next request, or more of the body, out of what has arrived."""
        try:
            if self._exchange is None:
                self._start()
            if self._exchange is not None:
                self._exchange.feed(self._buffer)
        except MessageError as error:
            self._refuse(400, str(error))
            return
        waiting = len(self._buffer) + (self._exchange.waiting if self._exchange else 0)
        if waiting > MAX_WAITING:
            self.transport.pause_reading()
        elif not self.transport.is_closing():
            self.transport.resume_reading()

    def _start(self) -> None:
        while self._buffer.startswith(b"\r\n"):
            del self._buffer[:2]
        end = self._buffer.find(b"\r\n\r\n", 0, MAX_HEAD)
        if end < 0:
            if len(self._buffer) >= MAX_HEAD:
                self._refuse(431, "the head is too long")
            return
        head = parse_head(bytes(self._buffer[:end]))
        del self._buffer[: end + 4]
        self._exchange = _Exchange(self, head)
        self._task = self._loop.create_task(self._serve(self._exchange))

    async def _serve(self, exchange: _Exchange) -> None:
        scope = _scope(exchange.head, self.transport.get_extra_info("peername"))
        try:
            await self._application(scope, exchange.receive, exchange.send)
        except Exception:
            logger.exception("%s %s cannot be served", scope["method"], scope["path"])
            await exchange.fail()
        if exchange.finish():
            self._exchange = None
            self._idle_since = self._loop.time()
            self.proceed()
        else:
            self.transport.close()

    async def write(self, data: bytes) -> None:
        """Send data, when the client has taken the data before."""
        if not self.transport.is_closing():
            self.transport.write(data)
            if not self._writable.is_set():
                await self._writable.wait()

    def _refuse(self, status: int, reason: str) -> None:
        logger.info("A request is refused: %s", reason)
        if self._exchange is None:
            self.transport.write(answer_head(status, [(b"content-length", b"0")], closes=True))
        self._buffer.clear()
        self.transport.close()

    def _close_idle(self) -> None:
        idle = self._loop.time() - self._idle_since
        if self._exchange is None and idle >= IDLE_SECONDS:
            self.transport.close()
            return
        left = IDLE_SECONDS - idle if self._exchange is None else IDLE_SECONDS
        self._timer = self._loop.call_later(left, self._close_idle)


class _Exchange:
    """A request and its answer."""

    def __init__(self, connection: _Connection, head: Head) -> None:
        self._connection = connection
        self.head = head
        self._body = Body(head.length)
        self._parts: list[bytes] = []
        self.waiting = 0
        """The bytes of the body that have arrived and wait for the application."""
        self._arrived = asyncio.Event()
        self._lost = False
        self._read = False
        """The application has the whole body."""
        self._continued = not head.expects_continue
        self._start: Message | None = None
        self._is_chunked = False
        self._begun = False
        self._answered = False
        self._closes = False

    def feed(self, buffer: bytearray) -> None:
        """Take more of the body.

        Raises:
            MessageError: Its chunks are invalid.
        """
        if self._body.complete:
            return
        if part := self._body.take(buffer):
            self._parts.append(part)
            self.waiting += len(part)
        if part or self._body.complete:
            self._arrived.set()

    def lose(self) -> None:
        """Note that the client has left."""
        self._lost = True
        self._arrived.set()

    async def receive(self) -> Message:
        """Return the next part of the body, then that the client has left."""
        while not self._lost and (self._read or not (self._parts or self._body.complete)):
            if not self._continued and not self._body.complete:
                self._continued = True
                await self._connection.write(b"HTTP/1.1 100 Continue\r\n\r\n")
            self._arrived.clear()
            await self._arrived.wait()
        if self._lost:
            return {"type": "http.disconnect"}
        part = self._parts[0] if len(self._parts) == 1 else b"".join(self._parts)
        self._parts.clear()
        self.waiting = 0
        self._read = self._body.complete
        if not self._read:
            self._connection.proceed()
        return {"type": "http.request", "body": part, "more_body": not self._read}

    async def send(self, message: Message) -> None:
        """Send a message of the application to the client. The head goes with the first part of the body."""
        if message["type"] == "http.response.start":
            self._start = message
            return
        data, ends = message.get("body", b""), not message.get("more_body")
        start, self._start = self._start, None
        self._begun = True
        head = self._answer_head(start, data, ends=ends) if start else b""
        self._answered = ends
        if self.head.method == b"HEAD" or (start and start["status"] in _WITHOUT_BODY):
            data = b""
        elif self._is_chunked:
            data = (chunk(data) if data else b"") + (chunk(b"") if ends else b"")
        if head or data:
            await self._connection.write(head + data)

    def _answer_head(self, start: Message, data: bytes, *, ends: bool) -> bytes:
        headers = list(start["headers"])
        if not any(name.lower() == b"content-length" for name, _ in headers) and start["status"] not in _WITHOUT_BODY:
            if ends:
                headers.append((b"content-length", b"%d" % len(data)))
            elif not self.head.is_1_0:
                self._is_chunked = True
                headers.append((b"transfer-encoding", b"chunked"))
        # The next request can be read when this one has arrived whole.
        self._closes = not (self.head.keeps_alive and self._body.complete)
        return answer_head(start["status"], headers, closes=self._closes)

    async def fail(self) -> None:
        """Answer that the application has failed, unless it has begun to answer."""
        if not self._begun:
            self._closes = True
            await self._connection.write(answer_head(500, [(b"content-length", b"0")], closes=True))

    def finish(self) -> bool:
        """End the answer; return whether the connection can be used again."""
        return self._answered and not self._closes and not self._connection.transport.is_closing()


def _scope(head: Head, client: tuple[str, int] | None) -> Scope:
    path, _, query_string = head.target.partition(b"?")
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.1"},
        "http_version": "1.0" if head.is_1_0 else "1.1",
        "method": head.method.decode(),
        "scheme": "http",
        "path": unquote(path.decode()),
        "raw_path": path,
        "query_string": query_string,
        "headers": head.headers,
        "client": client,
        "extensions": {},
    }
