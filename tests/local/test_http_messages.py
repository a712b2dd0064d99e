"""Heads and bodies of HTTP/1.1 requests."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipectl.local.http_messages import MAX_LINE, Body, MessageError, answer_head, chunk, parse_head

START = b"POST / HTTP/1.1\r\n"


def test_a_head_has_its_parts() -> None:
    head = parse_head(b"PUT /bucket/a%20b?x=1 HTTP/1.1\r\nHost: localhost\r\nX-Empty:\r\nContent-Length: 12")
    assert (head.method, head.target, head.length) == (b"PUT", b"/bucket/a%20b?x=1", 12)
    assert head.headers == [(b"host", b"localhost"), (b"x-empty", b""), (b"content-length", b"12")]
    assert (head.keeps_alive, head.expects_continue, head.is_1_0) == (True, False, False)


@pytest.mark.parametrize(
    ("headers", "length"),
    [(b"Host: x", 0), (b"Content-Length: 7", 7), (b"Content-Length: 7\r\ncontent-length: 7", 7)],
)
def test_the_length_of_a_body_is_known(headers: bytes, length: int) -> None:
    assert parse_head(START + headers).length == length


def test_a_body_in_chunks_has_no_length() -> None:
    assert parse_head(START + b"Transfer-Encoding: Chunked").length is None


@pytest.mark.parametrize(
    ("text", "keeps_alive", "expects_continue"),
    [
        (START + b"Connection: keep-alive\r\nExpect: 100-Continue", True, True),
        (START + b"Connection: Close", False, False),
        (b"POST / HTTP/1.0\r\nExpect: 100-continue", False, False),
    ],
)
def test_a_connection_is_kept_unless_it_is_to_be_closed(text: bytes, keeps_alive: bool, expects_continue: bool) -> None:
    head = parse_head(text)
    assert (head.keeps_alive, head.expects_continue) == (keeps_alive, expects_continue)


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"GET /",
        b"GET / HTTP/2.0",
        b"GET  / HTTP/1.1",
        b"GET http://127.0.0.1/ HTTP/1.1",
        b"GET /\xff HTTP/1.1",
        b"PRI * HTTP/2.0",
        START + b"no colon",
        START + b"Bad Name: x",
        START + b"Host : x",
        START + b" folded: x",
        START + b"X: a\nY: b",
        START + b"X: a\x00b",
        START + b"Content-Length: 1\r\nContent-Length: 2",
        START + b"Content-Length: -1",
        START + b"Content-Length: 1, 1",
        START + b"Content-Length:",
        START + b"Content-Length: 1\r\nTransfer-Encoding: chunked",
        START + b"Transfer-Encoding: gzip, chunked",
        START + b"Transfer-Encoding: identity",
    ],
)
def test_what_could_be_read_in_two_ways_is_refused(text: bytes) -> None:
    with pytest.raises(MessageError):
        parse_head(text)


@given(st.binary(max_size=60))
def test_any_head_is_read_or_refused(text: bytes) -> None:
    try:
        head = parse_head(START + text)
    except MessageError:
        return
    assert (head.method, head.target) == (b"POST", b"/")


@given(st.lists(st.binary(min_size=1, max_size=20), max_size=5), st.lists(st.integers(1, 9), min_size=1, max_size=40))
def test_a_body_in_chunks_is_the_same_however_it_arrives(chunks: list[bytes], steps: list[int]) -> None:
    sent = b"".join(map(chunk, chunks)) + b"0\r\nTrailer: x\r\n\r\n" + b"NEXT"
    body, buffer, taken = Body(None), bytearray(), b""
    while sent and not body.complete:
        step = steps.pop(0) if len(steps) > 1 else steps[0]
        buffer += sent[:step]
        sent = sent[step:]
        taken += body.take(buffer)
    assert (taken, body.complete, bytes(buffer) + sent) == (b"".join(chunks), True, b"NEXT")


def test_a_body_of_known_length_leaves_the_next_request() -> None:
    body, buffer = Body(5), bytearray(b"123")
    assert (body.take(buffer), body.complete) == (b"123", False)
    buffer += b"45GET"
    assert (body.take(buffer), body.complete, bytes(buffer)) == (b"45", True, b"GET")


@pytest.mark.parametrize(
    "text", [b"x\r\n", b"-1\r\n", b"\r\n", b"1\r\nab\r\n", b" 1\r\n", b"f" * 16 + b"\r\n", b"1" * MAX_LINE]
)
def test_invalid_chunks_are_refused(text: bytes) -> None:
    with pytest.raises(MessageError):
        Body(None).take(bytearray(text))


def test_the_head_of_an_answer_ends_with_an_empty_line() -> None:
    assert answer_head(200, [(b"a", b"b")], closes=False) == b"HTTP/1.1 200 OK\r\na: b\r\n\r\n"
    assert answer_head(299, [], closes=True) == b"HTTP/1.1 299 Unknown\r\nconnection: close\r\n\r\n"


def test_a_header_of_an_answer_cannot_add_another_one() -> None:
    with pytest.raises(ValueError, match="several lines"):
        answer_head(200, [(b"a", b"b\r\nc: d")], closes=False)
