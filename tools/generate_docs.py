"""Write the generated pages: `python tools/generate_docs.py`.

Each page has a module in `tools/reference`, which names its sources. A test compares the pages with the output of this
script.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # for `tests` and `tools`
from tools.reference import assumptions, commands, config, errors, exit_codes

from tools import scale_figures

ROOT = Path(__file__).resolve().parents[1]

PAGES: Mapping[str, Callable[[], str]] = {
    "docs/config.md": config.page,
    "docs/commands.md": commands.page,
    "docs/errors.md": errors.page,
    "docs/exit-codes.md": exit_codes.page,
    "config/schema.json": config.schema,
    "docs/assumptions.md": assumptions.page,
    "docs/scale.md": scale_figures.page,
}
"""The generated pages by their paths."""


def main() -> None:
    """Write all pages."""
    for path, text in PAGES.items():
        (ROOT / path).write_text(text(), encoding="utf-8")


if __name__ == "__main__":
    main()
