"""The config file of a command: ``-c``, else ``PIPECTL_CONFIG``, else config/dev.yaml, else the only one in config/."""

from __future__ import annotations

import contextlib
import os
from dataclasses import dataclass
from enum import Enum, auto
from itertools import islice
from pathlib import Path

from pipectl.errors import UsageError

DEFAULT_FILE = Path("config/dev.yaml")
MOST_FILES = 100
"""Files of a folder that are looked at."""


class Origin(Enum):
    """The reason for which a file is the config of a command."""

    OPTION = auto()
    VARIABLE = auto()
    DEFAULT = auto()
    ONLY_ONE = auto()
    NONE = auto()


@dataclass(frozen=True)
class ConfigFile:
    """The config file of a command.

    Attributes:
        path: The file. It need not exist.
        origin: The reason for it; `Origin.NONE` when no file is named and none is found.
        choices: The files of which one has to be named; `path` is then none of them.
    """

    path: Path
    origin: Origin
    choices: tuple[Path, ...] = ()

    @property
    def named(self) -> bool:
        """True when an option or a variable names the file."""
        return self.origin in (Origin.OPTION, Origin.VARIABLE)

    @property
    def hint(self) -> str:
        """Return the next step when the file does not exist."""
        if self.origin is Origin.OPTION:
            return "name an existing file with -c FILE or PIPECTL_CONFIG"
        if self.origin is Origin.VARIABLE:
            return "PIPECTL_CONFIG names this file; change or unset it, or use -c FILE"
        if project := _project_above():
            return f"type `cd {project}`: that folder has a config; or name one with -c FILE"
        return "`pipectl init` writes a config; -c FILE or PIPECTL_CONFIG names another one"

    def require_one(self) -> Path:
        """Return the file.

        Raises:
            UsageError: there are several, and none is named.
        """
        if self.choices:
            names = ", ".join(map(str, self.choices))
            raise UsageError(f"{DEFAULT_FILE.parent}/ has several configs: {names}", hint="name one with -c FILE")
        return self.path


def find(option: str | None, variable: str | None) -> ConfigFile:
    """Return the config file of a command.

    Args:
        option: The value of ``-c``.
        variable: The value of ``PIPECTL_CONFIG``; an empty one counts as none.

    Raises:
        UsageError: the option is empty.
    """
    if option == "":
        raise UsageError("-c is empty", hint="name a file, or leave -c out")
    if option:
        return ConfigFile(Path(option), Origin.OPTION)
    if variable:
        return ConfigFile(Path(variable), Origin.VARIABLE)
    if os.path.lexists(DEFAULT_FILE):
        return ConfigFile(DEFAULT_FILE, Origin.DEFAULT)
    match candidates := _candidates(DEFAULT_FILE.parent):
        case []:
            return ConfigFile(DEFAULT_FILE, Origin.NONE)
        case [only]:
            return ConfigFile(only, Origin.ONLY_ONE)
    return ConfigFile(DEFAULT_FILE, Origin.NONE, tuple(candidates))


def _project_above() -> str | None:
    """Return the way to the nearest folder above the current one that has a config; ``None`` without one."""
    with contextlib.suppress(OSError):
        for depth, folder in enumerate(Path.cwd().parents, 1):
            if (folder / DEFAULT_FILE).is_file():
                return "/".join([".."] * depth)
    return None


def _candidates(folder: Path) -> list[Path]:
    """Return the YAML files of a folder that no other of them extends."""
    try:
        names = islice((each for each in folder.iterdir() if each.suffix in (".yaml", ".yml")), MOST_FILES)
        files = sorted(each for each in names if each.is_file())
    except OSError:
        return []
    if len(files) < 2:
        return files
    from pipectl.config.layers import read_layers

    bases = {base.resolve() for file in files for base in read_layers(file).files[1:]}
    return [file for file in files if file.resolve() not in bases] or files
