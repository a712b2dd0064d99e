"""The outputs in the documents: blocks from recordings, as `python -m tools.pictures` writes them."""

from __future__ import annotations

from tools.pictures.session import Chunk, Recording
from tools.pictures.texts import block, rewritten

ADDRESS = "s3://dev-processed-data-000000000000-backend/failed-data/2026-11-26T21:09:57.251/000000000000000001.json"


def recorded(*lines: str) -> Recording:
    data = "".join(f"{line}\r\n" for line in lines).encode()
    return Recording("pipectl status", 80, 50, (Chunk(0.0, data),), 1.0)


def test_a_block_has_the_line_as_typed_and_the_output() -> None:
    assert block("status", recorded("HEALTHY", " ok")) == "```text\n$ pipectl status\nHEALTHY\n ok\n```"


def test_an_address_that_the_terminal_breaks_is_whole() -> None:
    assert f"\n  data  {ADDRESS}\nnext\n" in block("audit-show", recorded(f"  data  {ADDRESS}", "next"))


def test_a_full_line_of_words_is_kept() -> None:
    words = "word " * 15 + "words"
    assert f"\n{words}\nnext\n" in block("status", recorded(words, "next"))


def test_a_long_output_is_cut_in_the_middle() -> None:
    lines = block("down", recorded(*(f"line {number}" for number in range(20)))).splitlines()
    assert lines[6:8] == ["line 4", "..."]
    assert lines[-2] == "line 19"


def test_blocks_of_other_names_stay() -> None:
    page = "<!-- screen: a -->\n```text\nold\n```\n\n<!-- screen: b -->\n```text\nold\n```\n"
    assert rewritten(page, {"b": "new"}) == page[: page.rindex("```text\nold")] + "new\n"
