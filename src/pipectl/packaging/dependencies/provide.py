"""Provides the packages that a handler's manifest names: from the cache, else by installing them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from pipectl.errors import PackageError, PackageProblem
from pipectl.packaging.dependencies import npm, package_json, requirements, uv
from pipectl.packaging.dependencies.cache import Cache, Entry, default_folder, key
from pipectl.packaging.dependencies.installed import Content
from pipectl.packaging.dependencies.manifest import Manifest
from pipectl.packaging.dependencies.target import Target
from pipectl.packaging.dependencies.tools import Result, TimedOutError, Tools
from pipectl.text import first_names

_FORMAT = "1"
"""Changes when the same packages give other files, so that older entries of the cache are not used."""
_CAN_DIFFER = "so a package that is built at another time can differ"
_DIST_INFO = re.compile(r"([^/]+?)-([^/-]+)\.dist-info/")


@dataclass(frozen=True)
class Dependencies:
    """The packages of a handler.

    Args:
        files: Their files, by name in the function's package.
        warnings: Remarks about them.
        unpinned: The remark about versions that the manifest does not fix.
        missing: The manifest whose packages are not installed yet, because nothing was to be installed.
    """

    files: Mapping[str, Content] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    unpinned: str | None = None
    missing: str | None = None


def manifest_of(folder: Path, language: str) -> Manifest | None:
    """Return the manifest of a handler's folder, ``None`` when no package is to be installed.

    Raises:
        PackageError: it cannot be read, or names what cannot be installed for Lambda.
    """
    if language != "python":
        return package_json.read(folder)
    return None if _is_installed_into(folder) else requirements.read(folder)


def program_of(manifest: Manifest) -> str:
    """Return the name of the program that installs the packages of a manifest."""
    return uv.NAME if manifest.name == requirements.NAME else npm.NAME


def _is_installed_into(folder: Path) -> bool:
    """Return whether a folder contains installed packages: its user installs them, with `pip install --target`."""
    return any(path.name.endswith((".dist-info", ".egg-info")) for path in folder.iterdir())


def provide(folder: Path, manifest: Manifest, target: Target, tools: Tools) -> Dependencies:
    """Return the packages of a manifest.

    Raises:
        PackageError: they cannot be installed.
    """
    cache = Cache(tools.cache or default_folder())
    name = program_of(manifest)
    if not tools.install:
        path = tools.find(name)
        entry = cache.read(_key(manifest, target, tools, path, name)) if path else None
        return _dependencies(manifest, entry) if entry else _missing(manifest)
    path = tools.path(name, folder / manifest.name)
    wanted = _key(manifest, target, tools, path, name)
    entry = cache.read(wanted)
    if entry is None:
        entry = _install(folder, manifest, target, tools, path, cache)
        _check_installed(folder / manifest.name, manifest, entry, name)
        cache.write(wanted, entry)
    return _dependencies(manifest, entry)


def _key(manifest: Manifest, target: Target, tools: Tools, path: str, name: str) -> str:
    texts = [part for file in sorted(manifest.texts.items()) for part in file]
    return key([_FORMAT, name, tools.version(path), target.key, *texts])


def _install(folder: Path, manifest: Manifest, target: Target, tools: Tools, path: str, cache: Cache) -> Entry:
    file, words = folder / manifest.name, f"installing the packages of {folder.name}"
    with tools.work(words), cache.draft() as draft:
        if manifest.name == requirements.NAME:
            result = _run(tools, uv.command(path, draft, file, target), folder, file)
            if result.code:
                raise uv.failure(result, file, target, manifest.texts)
            return uv.entry(draft)
        npm.prepare(draft, manifest)
        result = _run(tools, npm.command(path, target, locked=manifest.locked), draft, file)
        if result.code:
            raise npm.failure(result, file, target)
        return npm.entry(draft)


def _check_installed(file: Path, manifest: Manifest, entry: Entry, tool: str) -> None:
    """Refuse an installation that lacks a package, such as one that a lock file links to a folder."""
    found = {requirements.normal(name) for name in _distributions(entry)}
    if manifest.name == package_json.NAME:
        parts = [name.split("/") for name in entry.files]
        found = {"/".join(each[1:end]) for each in parts for end in (2, 3)}
    if missing := sorted(set(manifest.always) - found):
        raise PackageError(
            f"{file}: {tool} reported success, and did not install {', '.join(missing[:3])}",
            problem=PackageProblem.NOT_INSTALLED,
            path=str(file),
            hint=f"correct the lock file or the settings of {tool}",
        )


def _run(tools: Tools, command: list[str], folder: Path, file: Path) -> Result:
    try:
        return tools.run(command, folder)
    except TimedOutError:
        raise PackageError(
            f"{file}: the packages were not installed in time",
            problem=PackageProblem.TIMEOUT,
            path=str(file),
            hint="check the network, and run the command again: what was downloaded is kept",
        ) from None
    except OSError as error:
        raise PackageError(
            f"{command[0]} cannot be run: {error.strerror}",
            problem=PackageProblem.NO_TOOL,
            path=command[0],
            hint="install it again",
        ) from error


def _missing(manifest: Manifest) -> Dependencies:
    return Dependencies(unpinned=_unpinned(manifest, manifest.required.values()), missing=manifest.name)


def _dependencies(manifest: Manifest, entry: Entry) -> Dependencies:
    remarks = [f"{manifest.name}: {remark}" for remark in entry.remarks]
    return Dependencies(entry.files, tuple(remarks), _unpinned(manifest, _distributions(entry)))


def _distributions(entry: Entry) -> list[str]:
    """Return the names of the installed Python packages."""
    return [match[1] for name in entry.files if (match := _DIST_INFO.match(name))]


def _unpinned(manifest: Manifest, packages: Iterable[str]) -> str | None:
    """Return a remark where the manifest does not fix the version of each of these packages."""
    if manifest.name == package_json.NAME:
        lock = "`npm install --package-lock-only` in its folder writes one"
        return None if manifest.locked else f"{manifest.name} has no package-lock.json, {_CAN_DIFFER}; {lock}"
    names = sorted({requirements.normal(name) for name in packages} - set(manifest.pinned))
    if not names:
        return None
    command = f"uv pip compile --universal {manifest.name} -o {manifest.name}"
    return f"{manifest.name} does not pin {first_names(names, 3)}, {_CAN_DIFFER}; `{command}` in its folder pins all"
