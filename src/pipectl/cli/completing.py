"""The values that shell completion offers: from this machine's files, never from AWS.

Every start imports this module, so what only completion needs is imported in the functions.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from pathlib import Path

    from click.shell_completion import CompletionItem

VARIABLE = "_PIPECTL_COMPLETE"
"""The environment variable in which a script of `shells` names its shell."""
_CONFIG = re.compile(r"\b(environment|extends)\b[\"']?\s*:")
_PROFILE = re.compile(r"^\s*\[\s*(?:profile\s+)?[\"']?([^\]\s\"']+)[\"']?\s*\]", re.MULTILINE)


def config_files(_context: click.Context, _option: click.Parameter, typed: str) -> list[CompletionItem[str]]:
    """Offer the project's config files, else any file. A base that is no config of its own names no environment."""
    return _files("config", "*.y*ml", typed, lambda file: bool(_CONFIG.search(_text(file))))


def order_files(_context: click.Context, _argument: click.Parameter, typed: str) -> list[CompletionItem[str]]:
    """Offer the project's orders, else any file."""
    return _files("events", "*.json", typed)


def profiles(_context: click.Context, _option: click.Parameter, typed: str) -> list[CompletionItem[str]]:
    """Offer the profiles of AWS's two files of settings."""
    from pathlib import Path

    places = {"AWS_CONFIG_FILE": "~/.aws/config", "AWS_SHARED_CREDENTIALS_FILE": "~/.aws/credentials"}
    files = [Path(os.environ.get(name) or usual).expanduser() for name, usual in places.items()]
    return _items(sorted({name for file in files for name in _PROFILE.findall(_text(file))}), typed)


def regions(_context: click.Context, _option: click.Parameter, typed: str) -> list[CompletionItem[str]]:
    """Offer the regions of AWS that botocore knows, which is not imported for that."""
    return _items(sorted(_regions()), typed)


def _regions() -> Iterator[str]:
    import json
    from importlib.util import find_spec
    from pathlib import Path

    botocore = find_spec("botocore")
    for folder in (botocore and botocore.submodule_search_locations) or ():
        partitions = json.loads(_text(Path(folder, "data", "partitions.json")))["partitions"]
        yield from (name for name in partitions[0]["regions"] if name.count("-") > 1)


def _files(
    folder: str, pattern: str, typed: str, wanted: Callable[[Path], bool] = lambda _: True
) -> list[CompletionItem[str]]:
    from pathlib import Path

    from click.shell_completion import CompletionItem

    found = sorted(str(file) for file in Path(folder).glob(pattern) if wanted(file))
    return _items(found, typed) or [CompletionItem(typed, type="file")]


def _text(file: Path) -> str:
    """Return the contents of a file; nothing if it cannot be read."""
    with suppress(OSError):
        return file.read_text(encoding="utf-8", errors="replace")
    return ""


def _items(values: Iterable[str], typed: str) -> list[CompletionItem[str]]:
    from click.shell_completion import CompletionItem

    return [CompletionItem(value) for value in values if value.startswith(typed) and value.isprintable()]
