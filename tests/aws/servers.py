"""HTTP servers on this machine that answer as damaged connections and other servers do."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass(frozen=True)
class Reply:
    """A response after ``hold`` seconds. ``cut`` announces more bytes than it sends, and closes the connection."""

    body: bytes
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    cut: bool = False
    hold: float = 0


@contextmanager
def server(*replies: Reply) -> Iterator[tuple[str, list[str]]]:
    """Run a server that gives these replies in order, and the last one again and again.

    Yields:
        Its URL, and the paths that were requested.
    """
    left, paths, released = list(replies), list[str](), threading.Event()

    def next_reply() -> Reply:
        return left.pop(0) if len(left) > 1 else left[0]

    httpd = ThreadingHTTPServer(("127.0.0.1", 0), _handler(next_reply, paths, released))
    thread = threading.Thread(target=httpd.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{httpd.server_port}", paths
    finally:
        released.set()
        httpd.shutdown()
        thread.join()
        httpd.server_close()


def _handler(
    next_reply: Callable[[], Reply], paths: list[str], released: threading.Event
) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def _answer(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            paths.append(self.path)
            reply = next_reply()
            released.wait(reply.hold)
            self.send_response_only(reply.status)
            for name, value in reply.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(reply.body) + (100 if reply.cut else 0)))
            self.end_headers()
            with suppress(OSError):  # the client did not wait
                self.wfile.write(reply.body)
            self.close_connection = reply.cut

        do_GET = do_POST = do_PUT = do_HEAD = _answer  # noqa: N815 - the names that http.server calls

        def log_message(self, *_: object) -> None:
            pass

    return Handler
