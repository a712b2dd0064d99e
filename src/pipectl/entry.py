"""Where the command begins. It imports the rest itself, so that Ctrl-C during that ends quietly, too."""

from __future__ import annotations

import sys


def main() -> None:
    try:
        from pipectl.cli import main as pipectl

        pipectl()
    except KeyboardInterrupt:
        sys.exit(130)
