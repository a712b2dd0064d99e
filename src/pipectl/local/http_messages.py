"""HTTP/1.1 messages: the head of a request, the end of its body, and the head of an answer. Pure.

https://www.rfc-editor.org/rfc/rfc9112
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from http import HTTPStatus

Headers = Sequence[tuple[bytes, bytes]]

MAX_LINE = 4096
"""The largest line between the chunks of a body, in bytes."""

_START = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+) (/[!-~]*) HTTP/1\.([01])")
_NAME = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_CONTROL = re.compile(rb"[\x00-\x08\x0a-\x1f\x7f]")
_LENGTH = re.compile(rb"[0-9]{1,18}")
_CHUNK_SIZE = re.compile(rb"([0-9A-Fa-f]{1,15})[ \t]*(;.*)?")
_PHRASES = {int(status): status.phrase.encode() for status in HTTPStatus}


class MessageError(Exception):
    """A request that is no HTTP/1.1."""


@dataclass(frozen=True)
class Head:
    """The start of a request. Header names are in lower case."""

    method: bytes
    target: bytes
    headers: Headers
    length: int | None
    """The length of the body; ``None`` when it comes in chunks."""
    keeps_alive: bool
    """The connection is used for further requests."""
    is_1_0: bool
    expects_continue: bool
    """The client sends the body after the answer ``100 Continue``."""


def parse_head(text: bytes) -> Head:
    """Return the head of a request, given everything before the empty line.

    Raises:
        MessageError: It is invalid.
    """
    start, *lines = text.split(b"\r\n")
    if not (found := _START.fullmatch(start)):
        raise MessageError("the request line is invalid")
    headers: list[tuple[bytes, bytes]] = []
    framing: dict[bytes, bytes] = {}
    for line in lines:
        name, colon, value = line.partition(b":")
        value = value.strip(b" \t")
        if not colon or not _NAME.fullmatch(name) or _CONTROL.search(value):
            raise MessageError("a header is invalid")
        name = name.lower()
        headers.append((name, value))
        if name in (b"content-length", b"transfer-encoding", b"connection", b"expect"):
            if framing.get(name, value) != value:
                raise MessageError(f"several values of {name.decode()}")
            framing[name] = value
    is_1_0 = found[3] == b"0"
    options = framing.get(b"connection", b"").lower()
    return Head(
        method=found[1],
        target=found[2],
        headers=headers,
        length=_length(framing),
        keeps_alive=not is_1_0 and b"close" not in options,
        is_1_0=is_1_0,
        expects_continue=not is_1_0 and framing.get(b"expect", b"").lower() == b"100-continue",
    )


def _length(framing: dict[bytes, bytes]) -> int | None:
    length, coding = framing.get(b"content-length"), framing.get(b"transfer-encoding")
    if coding is not None:
        if length is not None or coding.lower() != b"chunked":
            raise MessageError("the transfer encoding is not supported")
        return None
    if length is None:
        return 0
    if not _LENGTH.fullmatch(length):
        raise MessageError("the content length is invalid")
    return int(length)


class Body:
    """Takes the body of a request out of the bytes that arrive."""

    def __init__(self, length: int | None) -> None:
        self._left = length or 0
        """The bytes until the end of the body, or of the chunk."""
        self._is_chunked = length is None
        self._after_chunk = False
        self._in_trailer = False
        self.complete = length == 0

    def take(self, buffer: bytearray) -> bytes:
        """Remove from the buffer what belongs to the body, and return it without the marks of chunks.

        Raises:
            MessageError: The chunks are invalid.
        """
        if not self._is_chunked:
            return self._part(buffer)
        parts: list[bytes] = []
        while not self.complete:
            if self._left:
                parts.append(self._part(buffer))
                if self._left:
                    break
            elif not self._line(buffer):
                break
        return b"".join(parts)

    def _part(self, buffer: bytearray) -> bytes:
        part = bytes(buffer[: self._left])
        del buffer[: len(part)]
        self._left -= len(part)
        if not self._left:
            self.complete, self._after_chunk = not self._is_chunked, self._is_chunked
        return part

    def _line(self, buffer: bytearray) -> bool:
        """Read a line between chunks; return false when its end has not arrived."""
        end = buffer.find(b"\r\n", 0, MAX_LINE)
        if end < 0:
            if len(buffer) >= MAX_LINE:
                raise MessageError("a line between chunks is too long")
            return False
        line = bytes(buffer[:end])
        del buffer[: end + 2]
        if self._in_trailer:
            self.complete = not line
        elif self._after_chunk:
            if line:
                raise MessageError("a chunk is longer than its size")
            self._after_chunk = False
        elif found := _CHUNK_SIZE.fullmatch(line):
            self._left = int(found[1], 16)
            self._in_trailer = not self._left
        else:
            raise MessageError("the size of a chunk is invalid")
        return True


def answer_head(status: int, headers: Headers, *, closes: bool) -> bytes:
    """Return the head of an answer with the empty line that ends it.

    Raises:
        ValueError: A header would end its line.
    """
    lines = [b"HTTP/1.1 %d %s" % (status, _PHRASES.get(status, b"Unknown"))]
    lines += [b"%s: %s" % header for header in headers]
    if closes:
        lines.append(b"connection: close")
    if any(b"\n" in line or b"\r" in line for line in lines):
        raise ValueError("a header has several lines")
    return b"\r\n".join([*lines, b"", b""])


def chunk(data: bytes) -> bytes:
    """Return data as a chunk of an answer; no data is the end."""
    return b"%x\r\n%s\r\n" % (len(data), data)
