"""The files of a new project: config, handlers, and everything in the folder ``scaffold``.

They have one source. An installed package carries them in its folder ``scaffold``; an editable install reads them in
the repository.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

CONFIG = "config/dev.yaml"
"""The config, in the repository and in the package. `files` has it under the same name."""

_CARRIED = Path(__file__).parent / "scaffold"
_CACHES = {"__pycache__", "node_modules"}
_COMMON = {
    "config/schema.json": "config/schema.json",
    "events/order.json": "scaffold/events/order.json",
    "events/invalid-order.json": "scaffold/events/invalid-order.json",
    "events/stream-event.json": "scaffold/events/stream-event.json",
    ".gitignore": "scaffold/gitignore",
    ".github/workflows/pipeline.yml": "scaffold/workflow.yml",
    "README.md": "scaffold/README.md",
}
_TESTS = {
    "python": {"tests/test_processor.py": "scaffold/tests/test_processor.py"},
    "nodejs": {"tests/processor.test.mjs": "scaffold/tests/processor.test.mjs"},
}


def root() -> Path:
    """Return the folder that has ``config``, ``lambda_src`` and ``scaffold``."""
    return _CARRIED if _CARRIED.is_dir() else Path(__file__).parents[2]


def config() -> Path:
    """Return the carried config. Its handlers lie where it expects them."""
    return root() / CONFIG


def files(language: str) -> Mapping[str, Path]:
    """Return the files of a new project: the path in it, and the file to read.

    The config is the last one, so that a project with a config is complete.

    Args:
        language: The folder under ``lambda_src``: ``python`` or ``nodejs``.
    """
    read_from = root()
    found = {path.relative_to(read_from).as_posix(): path for path in _handlers(read_from / "lambda_src" / language)}
    others = {**_COMMON, **_TESTS[language], CONFIG: CONFIG}
    return found | {name: read_from / source for name, source in others.items()}


def _handlers(folder: Path) -> list[Path]:
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    return [path for path in paths if not any(map(_is_cache, path.relative_to(folder).parts))]


def _is_cache(name: str) -> bool:
    return name in _CACHES or name.startswith(".")
