"""The documents of the repository as HTML, much as GitHub shows them."""

from __future__ import annotations

import itertools
import re
from collections import Counter
from html import escape
from pathlib import Path

from markdown_it import MarkdownIt

from tests.support import ROOT

STYLE = Path(__file__).with_name("markdown.css").read_text(encoding="utf-8")
PICTURES = (".png", ".svg")


def rendered(text: str) -> str:
    """Return a document as a page. Headings have the ids that GitHub gives them."""
    markdown = MarkdownIt("commonmark").enable(["table", "strikethrough"])
    tokens = markdown.parse(text)
    seen: Counter[str] = Counter()
    title = ""
    for opening, content in itertools.pairwise(tokens):
        if opening.type == "heading_open":
            words = "".join(each.content for each in content.children or [] if each.type in ("text", "code_inline"))
            anchor = re.sub(r"[^\w\- ]", "", words).lower().replace(" ", "-")
            opening.attrSet("id", f"{anchor}-{seen[anchor]}" if seen[anchor] else anchor)
            seen[anchor] += 1
            title = title or words
    body = markdown.renderer.render(tokens, markdown.options, {})
    head = f'<meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>{escape(title)}</title>'
    return f'<!doctype html><html lang="en">{head}<style>{STYLE}</style><main>{body}</main></html>'


def read(path: str) -> bytes | None:
    """Return a picture of the repository, or a document as a page. Both are in the folders that GitHub shows."""
    file = (ROOT / path).resolve()
    if not file.is_file() or not file.is_relative_to(ROOT):
        return None
    if file.suffix in PICTURES:
        return file.read_bytes()
    return rendered(file.read_text(encoding="utf-8")).encode() if file.suffix == ".md" else None
