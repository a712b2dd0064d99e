"""The interpreters of functions, and the programs that run functions in them."""

from __future__ import annotations

import sys
from importlib.resources import files
from pathlib import Path

from pipectl.errors import LocalError
from pipectl.local import node, python_environment

_PROGRAMS = {"python": "python_worker.py", "nodejs": "node_worker.cjs"}


def program_of(runtime: str, home: Path, started_by: Path | None = None) -> tuple[Path, str]:
    """Return the interpreter and the source of the program.

    Args:
        runtime: Of the function, such as ``python3.14``.
        home: The folder of the local emulator.
        started_by: The Python that started the emulator.

    Raises:
        LocalError: The interpreter cannot be provided, or the runtime cannot run here.
    """
    language = runtime.rstrip(".x0123456789")
    if language not in _PROGRAMS:
        raise LocalError(f"the local emulator cannot run functions in {runtime}")
    started_by = started_by or Path(sys.executable)
    if not started_by.exists():
        raise LocalError(
            f"{started_by}, which started the local emulator, was removed; run `pipectl local stop`, "
            "and create the pipeline again"
        )
    interpreter = python_environment.create(home) if language == "python" else node.provided(home)
    return interpreter, (files("pipectl.local.workers") / _PROGRAMS[language]).read_text(encoding="utf-8")
