"""Reading of Markdown as GitHub shows it: prose, links, headings and pictures of a page."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

from tests.support import ROOT

PAGES = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").rglob("*.md"))]

_FENCE = re.compile(r"^( *)(```+|~~~+).*?^\1\2\s*$", re.MULTILINE | re.DOTALL)
_SPAN = re.compile(r"(`+)(?!`).+?(?<!`)\1(?!`)", re.DOTALL)
_LINK = re.compile(r"(?<!!)\[(?:[^\[\]]|!\[[^\]]*\]\([^)]*\))*\]\(<?([^)\s>]+)>?[^)]*\)")
_DEFINITION = re.compile(r"^ {0,3}\[[^\]]+\]: *<?([^\s>]+)", re.MULTILINE)
_IMAGE = re.compile(r"!\[([^\]]*)\]\(<?([^)\s>]+)>?[^)]*\)")
_TAG = re.compile(r"<(/?)([a-z][a-z0-9]*)\b([^>]*)>", re.IGNORECASE)
_ATTRIBUTE = re.compile(r"""([\w-]+)="([^"]*)\"""")


def without_code(text: str) -> str:
    """Return a text without fenced blocks, code spans and comments, none of which can hold a link."""
    return _SPAN.sub("", without_blocks(text))


def without_blocks(text: str) -> str:
    """Return a text without fenced blocks and comments."""
    return re.sub(r"<!--.*?-->", "", _FENCE.sub("", text), flags=re.DOTALL)


def links(text: str) -> list[str]:
    """Return the target of each link in the prose of a text: an address, or a path with or without an anchor."""
    prose = without_code(text)
    return [*_LINK.findall(prose), *_DEFINITION.findall(prose)]


def tags(text: str) -> list[tuple[str, dict[str, str]]]:
    """Return each HTML element that begins in the prose of a text: its name and its attributes."""
    return [
        (name.lower(), dict(_ATTRIBUTE.findall(attributes)))
        for closing, name, attributes in _TAG.findall(without_code(text))
        if not closing
    ]


def pictures(text: str) -> list[tuple[str | None, str]]:
    """Return each picture of a text: its alternative text, None for the dark variant of another one, and its file."""
    html = [
        (attributes.get("alt", "") if name == "img" else None, attributes.get("src") or attributes.get("srcset", ""))
        for name, attributes in tags(text)
        if name in ("img", "source")
    ]
    return [*html, *_IMAGE.findall(without_code(text))]


def headings(text: str) -> list[str]:
    """Return the text of each heading, as it is written."""
    return re.findall(r"^#{1,6} +(.+?)(?: +#+)?$", without_blocks(text), re.MULTILINE)


def anchors(text: str) -> set[str]:
    """Return the anchors of a text as GitHub makes them: a second heading with the same text gets a number."""
    seen: Counter[str] = Counter()
    found = set()
    for heading in headings(text):
        shown = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading)
        anchor = re.sub(r"[^\w\- ]", "", shown).lower().replace(" ", "-")
        found.add(f"{anchor}-{seen[anchor]}" if seen[anchor] else anchor)
        seen[anchor] += 1
    return found


def target(page: Path, link: str) -> tuple[Path, str]:
    """Return the file to which a relative link of a page leads, and the anchor in it, which can be empty."""
    path, _, anchor = link.partition("#")
    return (page.parent / path).resolve() if path else page, anchor
