"""The entry point: ``pipectl`` and ``python -m pipectl``.

It imports the rest inside the function, so that Ctrl-C during the import ends quietly, too.
"""

from __future__ import annotations

import sys


def main() -> None:
    """Run the command line."""
    try:
        from pipectl.cli.main import main as pipectl

        pipectl()
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    main()
