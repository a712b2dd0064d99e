"""Write pictures: ``python -m tools.pictures [NAME ...]``. Without a name, all of them.

The pictures of terminals, and the outputs in the documents, come from one run: the name of one of them records all.
"""

from __future__ import annotations

import sys

from tools.pictures import recorded
from tools.pictures.drawn import FOLDER, PICTURES, files

ROOT = FOLDER.parents[1]


def main(names: list[str]) -> int:
    """Write the named pictures. Return the exit code."""
    known = {*PICTURES, *recorded.NAMES}
    if unknown := sorted(set(names) - known):
        print(f"unknown: {', '.join(unknown)}; pictures: {', '.join(sorted(known))}", file=sys.stderr)
        return 2
    FOLDER.mkdir(exist_ok=True)
    wanted = {*names} or known
    for name in sorted(wanted & {*PICTURES}):
        for path, drawn in files(name):
            path.write_text(drawn, encoding="utf-8")
            print(path.relative_to(ROOT))
    if wanted & {*recorded.NAMES}:
        for path in recorded.write(ROOT):
            print(path.relative_to(ROOT))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
