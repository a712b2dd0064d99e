"""Run the benchmarks: all, or those that are named. `--write` writes `docs/benchmarks.md`."""

from __future__ import annotations

import argparse
import sys
import traceback
from collections.abc import Callable, Iterator, Sequence
from importlib import import_module
from pathlib import Path

from bench import MODULES, page
from bench.report import Section, missed

Loader = Callable[[str], tuple[str, Callable[[], Iterator[Section]]]]
"""Returns the heading of a module, and its `sections`."""
DOCS = Path(__file__).parents[1] / "docs"


def main(arguments: Sequence[str]) -> int:
    """Print or write the part of each module. Return 1 when a module fails; the others run, and its old part stays."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(MODULES))
    parser.add_argument("--write", action="store_true", help="replace the parts in docs/benchmarks.md")
    options = parser.parse_args(arguments)
    if unknown := [name for name in options.names if name not in MODULES]:
        parser.error(f"no benchmark is named {', '.join(unknown)}: use {', '.join(MODULES)}")
    failed = [name for name in options.names or MODULES if not run(name, DOCS if options.write else None)]
    if failed:
        print(f"failed: {', '.join(failed)}", file=sys.stderr)
    return 1 if failed else 0


def run(name: str, docs: Path | None, load: Loader | None = None) -> bool:
    """Run a module. Print its part, or replace it in the page in `docs`. Return whether it ended without an error."""
    print(f"{name}: measuring", file=sys.stderr)
    try:
        heading, sections = (load or _load)(name)
        found = list(sections())
        text = page.part(name, heading, found, page.machine())
        if docs:
            page.write(docs, name, text, found)
        else:
            print(text)
    except Exception:  # noqa: BLE001  # the other benchmarks have to run
        traceback.print_exc()
        return False
    for each in missed(found):
        print(f"{name}: limit missed: {each}", file=sys.stderr)
    return True


def _load(name: str) -> tuple[str, Callable[[], Iterator[Section]]]:
    """Import a module. Its heading is the first line of its docstring, without the period."""
    module = import_module(f"bench.{name}")
    return (module.__doc__ or name).splitlines()[0].rstrip("."), module.sections


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
