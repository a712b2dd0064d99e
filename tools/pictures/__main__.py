"""Write pictures: ``python -m tools.pictures [NAME ...]``. Without a name, all of them."""

from __future__ import annotations

import sys

from tools.pictures.drawn import FOLDER, PICTURES, files


def main(names: list[str]) -> int:
    """Write the named pictures. Return the exit code."""
    if unknown := sorted(set(names) - set(PICTURES)):
        print(f"unknown: {', '.join(unknown)}; pictures: {', '.join(sorted(PICTURES))}", file=sys.stderr)
        return 2
    FOLDER.mkdir(exist_ok=True)
    for name in names or sorted(PICTURES):
        for path, drawn in files(name):
            path.write_text(drawn, encoding="utf-8")
            print(path.relative_to(FOLDER.parents[1]))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
