"""The entry point: ``pipectl`` and ``python -m pipectl``.

It imports the rest inside the function, so that Ctrl-C during the import ends quietly, too.
"""

from __future__ import annotations

import gc
import sys

_OBJECTS_BETWEEN_COLLECTIONS = 50_000
"""New objects before Python looks for garbage. With its usual 700, that takes a quarter of the time of a command."""


def main() -> None:
    """Run the command line."""
    gc.set_threshold(_OBJECTS_BETWEEN_COLLECTIONS)
    try:
        from pipectl.cli.main import main as pipectl

        pipectl()
    except KeyboardInterrupt:
        sys.exit(130)
    finally:
        gc.freeze()  # the end of the process frees everything, so Python need not look for garbage first


if __name__ == "__main__":
    main()
