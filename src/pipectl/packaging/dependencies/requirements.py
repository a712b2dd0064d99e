"""Reads `requirements.txt` with the files that it includes, and refuses what cannot be installed for Lambda."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from pipectl.errors import PackageError, PackageProblem
from pipectl.packaging.dependencies.addresses import has_credentials
from pipectl.packaging.dependencies.manifest import Manifest

NAME = "requirements.txt"
_LARGEST = 1024 * 1024
"""Bytes of one file."""
_MOST_FILES = 20
_WITHOUT_WAITING = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
"""For the writer of a pipe. A folder that has one is refused later."""
_INCLUDES = {"-r": "requirement", "-c": "constraint"}
_OPTION = re.compile(r"(--[a-z][a-z-]*|-[a-zA-Z])\s*=?\s*(.*)", re.DOTALL)
_KNOWN_OPTIONS = {
    *("-i", "--index-url", "--extra-index-url", "-f", "--find-links", "--no-index", "--trusted-host"),
    *("--pre", "--prefer-binary", "--require-hashes", "--only-binary"),
}
_PACKAGE = re.compile(
    r"(?P<name>[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?)\s*(?:\[[^\]]*\])?\s*(?P<rest>$|[<>=!~(@;].*|--.*)"
)
_PIN = re.compile(r"\(?\s*={2,3}\s*[^\s,;*)]+\s*\)?\s*($|;.*|--.*)")
_REMOTE = re.compile(r"https?://", re.IGNORECASE)
_WHEEL = re.compile(r"@\s*https?://[^\s?#]+\.whl(?=$|[\s?#;])", re.IGNORECASE)
_PATH_OR_SOURCE = re.compile(
    r"[^;@\s]*[/\\]|\.|(git|hg|svn|bzr)\+|file:|\S+\.(whl|tar\.gz|tgz|zip)(?=$|\s)", re.IGNORECASE
)
_LONGEST_LINE = 20_000
"""Characters of a logical line. With the hashes of 200 wheels it has 17,000."""


def normal(name: str) -> str:
    """Return the normal form of a package's name."""
    return re.sub(r"[-_.]+", "-", name).lower()


def read(folder: Path) -> Manifest | None:
    """Return the manifest of a folder; ``None`` when its `requirements.txt` is missing or names no package.

    Raises:
        PackageError: it cannot be read, or has a line that cannot be installed for Lambda.
    """
    if not (folder / NAME).is_file():
        return None
    reader = _Reader(folder)
    reader.read(NAME, None)
    if not reader.required:
        return None
    return Manifest(NAME, dict(reader.texts), reader.required, reader.always, reader.pinned)


@dataclass(frozen=True)
class _Line:
    """A logical line: continued lines are joined."""

    file: Path
    number: int
    text: str

    def error(self, problem: PackageProblem, reason: str, hint: str) -> PackageError:
        where = f"{self.file}:{self.number}"
        return PackageError(f"{where}: {reason}", problem=problem, path=where, hint=hint)


@dataclass
class _Reader:
    folder: Path
    texts: dict[str, bytes] = field(default_factory=dict)
    required: dict[str, str] = field(default_factory=dict)
    always: set[str] = field(default_factory=set)
    pinned: set[str] = field(default_factory=set)

    def read(self, name: str, included_by: _Line | None, *, constraint: bool = False) -> None:
        if name in self.texts:
            return
        self.texts[name] = content = self._content(name, included_by)
        for line in _lines(self.folder / name, content):
            if line.text.startswith("-"):
                self._option(name, line)
            else:
                self._package(line, constraint)

    def _content(self, name: str, included_by: _Line | None) -> bytes:
        path = self.folder / name
        try:
            with os.fdopen(os.open(path, _WITHOUT_WAITING), "rb") as file:
                content = file.read(_LARGEST + 1) or b""
        except OSError as error:
            reason = f"{path} cannot be read: {error.strerror}"
            if included_by:
                raise included_by.error(PackageProblem.MANIFEST, reason, "correct the name of the file") from None
            raise PackageError(reason, problem=PackageProblem.UNREADABLE, path=str(path)) from None
        if len(content) > _LARGEST or len(self.texts) >= _MOST_FILES:
            limit = f"{_LARGEST // 2**20} MB" if len(content) > _LARGEST else f"{_MOST_FILES} files"
            raise PackageError(
                f"{path}: more than {limit} of requirements",
                problem=PackageProblem.MANIFEST,
                path=str(path),
                hint="include fewer and smaller files",
            )
        return content

    def _option(self, name: str, line: _Line) -> None:
        found = _OPTION.match(line.text)
        option, value = (found[1], found[2].strip()) if found else (line.text, "")
        kind = next((short for short, long in _INCLUDES.items() if option in (short, f"--{long}")), None)
        if kind:
            self.read(self._included(name, value, line), line, constraint=kind == "-c")
        elif option in ("-e", "--editable"):
            raise _not_a_wheel(line, value)
        elif option == "--no-binary":
            raise _not_a_wheel(line, f"--no-binary: {value}")
        elif option not in _KNOWN_OPTIONS:
            raise line.error(PackageProblem.MANIFEST, f"the option {option} is unknown", "correct or remove the line")
        elif option in ("-f", "--find-links") and not _REMOTE.match(value):
            raise line.error(
                PackageProblem.UNSUPPORTED,
                f"{option} names a folder of this machine",
                "name an address, or put the files of the package into the handler's folder",
            )

    def _included(self, name: str, value: str, line: _Line) -> str:
        if not value or _REMOTE.match(value):
            reason = "includes an address" if value else "names no file"
            raise line.error(PackageProblem.UNSUPPORTED, reason, "copy the file into the handler's folder")
        included = os.path.normpath(Path(name).parent / value)
        if Path(included).is_absolute() or included.startswith(".."):
            raise line.error(
                PackageProblem.UNSUPPORTED,
                f"{value} is outside of the handler's folder",
                "move the file into the folder, or link it there",
            )
        return included

    def _package(self, line: _Line, constraint: bool) -> None:
        if _REMOTE.match(line.text):
            raise line.error(
                PackageProblem.UNSUPPORTED, "an address without a name", "write `<name> @ <address of the wheel>`"
            )
        if _PATH_OR_SOURCE.match(line.text):
            raise _not_a_wheel(line, line.text)
        found = _PACKAGE.fullmatch(line.text)
        if not found:
            shown = ascii(line.text[:60])
            raise line.error(PackageProblem.MANIFEST, f"{shown} is not a requirement", "correct or remove the line")
        name, rest = found["name"], found["rest"]
        if rest.startswith("@") and not _WHEEL.match(rest):
            raise _not_a_wheel(line, name)
        if not constraint:
            self.required.setdefault(normal(name), name)
            if ";" not in rest:
                self.always.add(normal(name))
        if rest.startswith("@") or "--hash" in rest or _PIN.fullmatch(rest):
            self.pinned.add(normal(name))


def _not_a_wheel(line: _Line, name: str) -> PackageError:
    return line.error(
        PackageProblem.UNSUPPORTED,
        f"{name[:60]} would be built on this machine, and only built packages (wheels) are installed for Lambda",
        "name a version that has wheels, or put the package's files into the handler's folder",
    )


def _lines(file: Path, content: bytes) -> Iterator[_Line]:
    """Yield the logical lines that are neither empty nor comments."""
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        number = content.count(b"\n", 0, error.start) + 1
        raise _Line(file, number, "").error(
            PackageProblem.MANIFEST, "is not valid UTF-8", "save the file as UTF-8"
        ) from None
    parts: list[str] = []
    for number, physical in enumerate([*text.splitlines(), ""], 1):
        parts.append(physical.removesuffix("\\"))
        if physical.endswith("\\"):
            continue
        whole = " ".join(parts)
        line = _Line(file, number - len(parts) + 1, re.sub(r"(^|\s)#.*", "", whole).strip())
        parts = []
        if len(line.text) > _LONGEST_LINE:
            reason = f"is longer than {_LONGEST_LINE:,} characters"
            raise line.error(PackageProblem.MANIFEST, reason, "correct or remove the line")
        if has_credentials(whole):  # also in a comment: the file is a part of the package
            raise line.error(
                PackageProblem.SECRETS,
                "an address contains credentials, and everyone who may read the function could read them",
                "set UV_INDEX_URL instead, or write ${NAME} and set that variable",
            )
        if line.text:
            yield line
