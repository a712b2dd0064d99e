"""The Python of functions: the standard library, boto3 and the packages that boto3 needs, and nothing of pipectl's.

A virtual environment in the emulator's home. It has no pip; its packages are links to the installed ones.
"""

from __future__ import annotations

import hashlib
import re
import shutil
import sys
import tempfile
from collections.abc import Collection, Iterable, Mapping
from contextlib import suppress
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path

from pipectl.errors import LocalError
from pipectl.local.processes import WINDOWS
from pipectl.packaging.dependencies.requirements import normal

FOLDER = "python"
SDK = ("boto3",)
_METADATA = (".dist-info", ".egg-info")
_NAME = re.compile(r"\s*([A-Za-z0-9][A-Za-z0-9._-]*)\s*(?:\[([^\]]*)\])?")
_EXTRA = re.compile(r"""\bextra\s*==\s*["']([^"']+)["']""")


def create(home: Path, *, symlinks: bool = not WINDOWS) -> Path:
    """Create the environment unless it exists, and return its interpreter.

    An environment of another Python or another boto3 is replaced. Two processes may call at once.

    Args:
        home: The folder of the local emulator.
        symlinks: Link packages; else copy them, as on Windows, which asks for a privilege.

    Raises:
        LocalError: A package is missing, or the folder cannot be written.
    """
    folder = home / FOLDER / _digest(_closure(SDK).values())
    interpreter = _interpreter(folder)
    try:
        if not interpreter.is_file():  # also when it is a link to a Python that was removed
            _build(folder, symlinks=symlinks)
    except OSError as error:
        raise LocalError(
            f"cannot create the Python of functions in {folder}: {error.strerror or error}",
            hint="set the environment variable PIPECTL_HOME to another folder",
        ) from error
    return interpreter


def link_distributions(site: Path, requirements: Iterable[str], *, symlinks: bool = not WINDOWS) -> None:
    """Link installed distributions, and the ones that they need, into a folder ``site-packages``.

    Args:
        site: The folder; it exists.
        requirements: Names, with extras where wanted, such as ``boto3`` or ``ministack[full]``.
        symlinks: Link them; else copy them.

    Raises:
        LocalError: One of them is not installed.
        OSError: The folder cannot be written.
    """
    for package in _closure(requirements).values():
        for path in sorted(_roots(_files(package))):
            _link_one(site / path, Path(str(package.locate_file(path))), symlinks=symlinks)


def _closure(requirements: Iterable[str]) -> Mapping[str, Distribution]:
    """Return the distributions by normal name, with everything that they need on this machine.

    A requirement with a marker may be for other machines: it counts when it is installed here.
    """
    found: dict[str, Distribution] = {}
    waiting = [(requirement, frozenset[str]()) for requirement in requirements]
    seen: set[tuple[str, frozenset[str]]] = set()
    while waiting:
        requirement, of_extras = waiting.pop()
        text, _, marker = requirement.partition(";")
        wanted_by = _EXTRA.search(marker)
        parsed = _NAME.match(text)
        if parsed is None or (wanted_by and wanted_by[1] not in of_extras):
            continue
        name = normal(parsed[1])
        extras = frozenset(extra.strip() for extra in (parsed[2] or "").split(",") if extra.strip())
        if (name, extras) in seen:
            continue
        seen.add((name, extras))
        try:
            found[name] = distribution(name)
        except PackageNotFoundError:
            if marker.strip():
                continue
            raise LocalError(f"{name} is not installed", hint=f"pip install {name}") from None
        waiting += [(needed, extras) for needed in found[name].requires or ()]
    return dict(sorted(found.items()))


def _digest(packages: Iterable[Distribution]) -> str:
    """Return a name for this Python with these packages."""
    parts = [sys.version, getattr(sys, "_base_executable", sys.executable)]
    parts += [f"{package.metadata['Name']} {package.version} {package.locate_file('')}" for package in packages]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]


def _build(folder: Path, *, symlinks: bool) -> None:
    """Build the environment beside its place and move it there, so that no process ever sees half of it."""
    import venv

    folder.parent.mkdir(mode=0o700, exist_ok=True)
    draft = Path(tempfile.mkdtemp(prefix=".new-", dir=folder.parent))
    try:
        venv.EnvBuilder(with_pip=False, symlinks=symlinks).create(draft)
        link_distributions(_site_packages(draft), SDK, symlinks=symlinks)
        _move(draft, folder)
        for earlier in folder.parent.iterdir():
            if earlier not in (folder, draft) and not earlier.name.startswith("."):
                shutil.rmtree(earlier, ignore_errors=True)
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def _move(draft: Path, folder: Path) -> None:
    try:
        draft.rename(folder)
    except OSError:
        if _interpreter(folder).is_file():  # another process was faster
            return
        shutil.rmtree(folder, ignore_errors=True)
        draft.rename(folder)


def _interpreter(folder: Path) -> Path:
    return folder / ("Scripts/python.exe" if WINDOWS else "bin/python")


def _site_packages(environment: Path) -> Path:
    if WINDOWS:
        return environment / "Lib" / "site-packages"
    return environment / "lib" / f"python{sys.version_info.major}.{sys.version_info.minor}" / "site-packages"


def _files(package: Distribution) -> list[str]:
    """Return the paths of a distribution's files. Its property ``files`` takes ten times as long."""
    if record := package.read_text("RECORD"):
        return [line.rsplit(",", 2)[0].strip('"') for line in record.splitlines()]
    if package.files is not None:
        return [file.as_posix() for file in package.files]
    # Packages of a Linux distribution have no list of files.
    names = (package.read_text("top_level.txt") or package.metadata["Name"]).split()
    return [f"{name}/__init__.py" for name in names]


def _roots(files: Iterable[str]) -> set[str]:
    """Return the folders and modules that stand for all files; a namespace is divided among its distributions."""
    inside = [file.split("/") for file in files if ".." not in file and "__pycache__" not in file]
    packages = {tuple(parts[:-1]) for parts in inside if parts[-1] == "__init__.py"}
    return {"/".join(_root(parts, packages)) for parts in inside}


def _root(parts: list[str], packages: Collection[tuple[str, ...]]) -> list[str]:
    """Return the uppermost folder that belongs to one distribution alone, else the file itself."""
    for depth in range(1, len(parts)):
        if tuple(parts[:depth]) in packages or parts[depth - 1].endswith(_METADATA):
            return parts[:depth]
    return parts


def _link_one(link: Path, target: Path, *, symlinks: bool) -> None:
    """Link a file or folder; copy it where the system or the file system allows no links."""
    if link.exists() or not target.exists():
        return
    link.parent.mkdir(parents=True, exist_ok=True)
    if symlinks:
        with suppress(OSError):
            link.symlink_to(target)
            return
    if target.is_dir():
        shutil.copytree(target, link, ignore=shutil.ignore_patterns("__pycache__"))
    else:
        shutil.copy2(target, link)
