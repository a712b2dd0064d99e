"""The results of `config`, and the warning of runtimes that end."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import date
from pathlib import Path

from pipectl.commands import config as commands
from pipectl.config.layers import Place
from pipectl.config.models import Config
from pipectl.config.runtimes import newest
from pipectl.config.yaml_document import KeyPath
from pipectl.output.console import Screen


def checked(screen: Screen, files: Sequence[Path], packages: Mapping[str, commands.PackageSummary]) -> None:
    """Print that the first of the files is valid; it extends the others."""
    file, *bases = files
    if screen.json_output:
        screen.document({"ok": True, "file": file, "extends": bases, "packages": packages})
    else:
        extends = f" It extends {', which extends '.join(map(str, bases))}." if bases else ""
        screen.line(f"{file} is valid.{extends}")
        for key, package in packages.items():
            if package.missing:
                text = f"{key}: the packages of {package.missing} are not installed for Lambda yet."
                screen.note(f"{text} `pipectl plan` installs them.", commands=True)


def package_warnings(screen: Screen, warnings: Mapping[str, Collection[str]]) -> list[str]:
    """Print a line for each warning about the package of a function. Return the lines."""
    lines = [f"{key}: {warning}." for key, each in warnings.items() for warning in each]
    return _noted(screen, lines)


def shown(screen: Screen, config: dict[str, object], places: Mapping[KeyPath, Place]) -> None:
    """Print the config, as YAML with the places of its values."""
    if screen.json_output:
        screen.json(config)
    else:
        screen.verbatim(commands.with_places(commands.as_yaml(config), places))


def ending_runtimes(screen: Screen, config: Config, today: date) -> list[str]:
    """Print a line for each runtime in use that AWS stops patching soon, or has stopped patching. Return the lines."""
    lines = []
    for runtime in commands.ending_runtimes(config, today):
        over = runtime.deprecated is not None and runtime.deprecated <= today
        ends = f"{'is deprecated since' if over else 'will be deprecated on'} {runtime.deprecated}"
        newer = f"{newest('nodejs')} and {newest('python')}"
        lines.append(f"Runtime {runtime.name} {ends}; the newest are {newer}.")
    return _noted(screen, lines)


def _noted(screen: Screen, lines: list[str]) -> list[str]:
    for line in lines:
        screen.note(line)
    return lines
