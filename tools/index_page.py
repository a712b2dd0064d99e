"""The README for the page of a package index, where links to files of the repository do not work.

Hatchling calls this hook when it builds: each relative link becomes one to the file as it is in this version.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from hatchling.metadata.plugin.interface import MetadataHookInterface

_LINK = re.compile(r"(?<=\]\()(?!#|[a-z][a-z0-9+.-]*:)")
"""The place between ``](`` and the target of a link that is neither a URL nor a heading of the same page."""


def absolute(readme: str, base: str) -> str:
    """Return a page in Markdown with absolute links instead of relative ones."""
    return _LINK.sub(base, readme)


class IndexPage(MetadataHookInterface):
    """Sets the description of the package."""

    def update(self, metadata: dict[str, Any]) -> None:
        readme = (Path(self.root) / "README.md").read_text(encoding="utf-8")
        base = f"{metadata['urls']['Homepage']}/blob/v{metadata['version']}/"
        metadata["readme"] = {"content-type": "text/markdown", "text": absolute(readme, base)}
