"""A proxy to the local emulator that stops a chosen call, so that a process can be killed during it."""

from __future__ import annotations

import http.client
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

from tests.support import PATIENCE, POLL_SECONDS

_OF_A_CONNECTION = ("connection", "transfer-encoding", "content-length", "date", "server")


class Gate:
    """A proxy that forwards calls up to a chosen one, and then none until it is opened.

    Args:
        upstream: The address behind it.
        stop_at: The call, counted from 1, that is stopped.
        after: It is carried out first, and only its answer is kept back.
    """

    def __init__(self, upstream: str, stop_at: int, *, after: bool = False) -> None:
        self._stopped = threading.Event()
        self._upstream = urlsplit(upstream).netloc
        self._stop_at = stop_at
        self._after = after
        self._decided = threading.Event()
        self._open = False
        self._lock = threading.Lock()
        self._calls = 0

    def wait(self) -> None:
        """Wait until the call has arrived."""
        assert self._stopped.wait(PATIENCE), f"only {self._calls} calls came, not {self._stop_at}"

    def open(self) -> None:
        """Forward all calls, also the stopped one."""
        self._open = True
        self._decided.set()

    def shut(self) -> None:
        """Forward no more calls."""
        self._decided.set()

    def carry(self, caller: BaseHTTPRequestHandler) -> None:
        """Forward one call, and return its answer."""
        body = caller.rfile.read(int(caller.headers.get("Content-Length", 0)))
        with self._lock:
            self._calls += 1
            number = self._calls
        stop_here = number == self._stop_at
        if number > self._stop_at or (stop_here and not self._after):
            self._stop(stop_here)
        status, headers, content = self._ask(caller, body)
        if stop_here and self._after:
            self._stop(stop_here)
        caller.send_response(status)
        for name, value in headers:
            if name.lower() not in _OF_A_CONNECTION:
                caller.send_header(name, value)
        caller.send_header("Content-Length", str(len(content)))
        caller.end_headers()
        caller.wfile.write(content)

    def _ask(self, caller: BaseHTTPRequestHandler, body: bytes) -> tuple[int, list[tuple[str, str]], bytes]:
        server = http.client.HTTPConnection(self._upstream, timeout=PATIENCE)
        server.request(caller.command, caller.path, body, dict(caller.headers))
        answer = server.getresponse()
        content = answer.read()
        server.close()
        return answer.status, answer.getheaders(), content

    def _stop(self, stop_here: bool) -> None:
        if stop_here:
            self._stopped.set()
        if not self._decided.wait(PATIENCE) or not self._open:
            raise ConnectionAbortedError


@contextmanager
def gate(upstream: str, stop_at: int, *, after: bool = False) -> Iterator[tuple[str, Gate]]:
    """Yield the address of a gate, and the gate. Wait at the end until every forwarded call has returned."""
    way = Gate(upstream, stop_at, after=after)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            self.close_connection = True  # one call each, so that nobody waits for the next of a dead process
            with suppress(ConnectionError):  # who called may be dead
                way.carry(self)

        do_GET = do_PUT = do_DELETE = do_HEAD = do_POST  # noqa: N815

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(POLL_SECONDS,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}", way
        finally:
            way.shut()
            server.shutdown()
            thread.join()
