"""Reads an HTML page as a browser does: its elements in order, and the text that people read."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from html.parser import HTMLParser

_BLOCKS = {
    *("h1", "h2", "h3", "h4", "p", "li", "dt", "dd", "tr", "caption", "summary", "section", "title", "footer", "a"),
}
_CELLS = {"td", "th"}


@dataclass(frozen=True)
class Element:
    tag: str
    attributes: Mapping[str, str]


@dataclass
class Page(HTMLParser):
    """A page that was read.

    Attributes:
        elements: Its elements, in order.
        words: Its text, in pieces.
        styles: The contents of its stylesheets.
    """

    html: str
    elements: list[Element] = field(default_factory=list)
    words: list[str] = field(default_factory=list)
    styles: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self._inside: list[str] = []
        self.feed(self.html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append(Element(tag, {name: value or "" for name, value in attrs}))
        self._inside.append(tag)
        self.words.append("\n" if tag in _BLOCKS else " | " if tag in _CELLS else "")

    def handle_endtag(self, tag: str) -> None:
        if tag in self._inside:
            while self._inside.pop() != tag:
                pass

    def handle_data(self, data: str) -> None:
        if "style" in self._inside:
            self.styles.append(data)
        elif "svg" not in self._inside:
            self.words.append(data)

    @property
    def text(self) -> str:
        """The text with an element on each line, without the words of pictures."""
        lines = (" ".join(line.split()) for line in re.split("\n", "".join(self.words)))
        return "\n".join(line for line in lines if line)

    def all(self, *tags: str) -> list[Element]:
        return [each for each in self.elements if each.tag in tags]

    def ids(self) -> list[str]:
        return [each.attributes["id"] for each in self.elements if "id" in each.attributes]
