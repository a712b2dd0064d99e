"""The README for the page of a package index, where relative addresses do not work.

Hatchling calls this hook when it builds: each relative link becomes one to the file as it is in this version, and each
picture the raw file. The page of PyPI shows the light picture: its renderer leaves ``<source>`` out.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from hatchling.metadata.plugin.interface import MetadataHookInterface

_RELATIVE = r"(?!#|[a-z][a-z0-9+.-]*:)"
"""The place before an address that is neither a URL nor a heading of the same page."""
_PICTURE = re.compile(
    rf"""(!\[[^\]]*\]\(|<(?:img|source)\b(?:[^>"]|"[^"]*")*?\s(?:src|srcset)="){_RELATIVE}""", re.IGNORECASE
)
_LINK = re.compile(rf"(?<=\]\(){_RELATIVE}")


def absolute(readme: str, files: str, raw: str) -> str:
    """Return a page in Markdown with absolute addresses: ``files`` begins those of links, ``raw`` those of pictures."""
    return _LINK.sub(lambda _: files, _PICTURE.sub(lambda found: found[1] + raw, readme))


class IndexPage(MetadataHookInterface):
    """Sets the description of the package."""

    def update(self, metadata: dict[str, Any]) -> None:
        readme = (Path(self.root) / "README.md").read_text(encoding="utf-8")
        home, version = metadata["urls"]["Homepage"], f"v{metadata['version']}"
        raw = home.replace("//github.com/", "//raw.githubusercontent.com/")
        text = absolute(readme, f"{home}/blob/{version}/", f"{raw}/{version}/")
        metadata["readme"] = {"content-type": "text/markdown", "text": text}
