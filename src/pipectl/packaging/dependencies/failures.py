"""Errors of the programs that install packages. Their output is not trusted, and only a few lines of it are shown."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pipectl.errors import PackageError, PackageProblem
from pipectl.packaging.dependencies.cache import FREE_SPACE
from pipectl.packaging.dependencies.target import Target

_MOST_LINES = 8
_LONGEST_LINE = 300


class ToolOutputError(Exception):
    """The whole output of a program that failed: the cause of the error that users see, printed with -v."""


@dataclass(frozen=True)
class Failed:
    """An installation that failed.

    Args:
        tool: ``uv`` or ``npm``.
        manifest: The file that names the packages.
        target: The machine that they are for.
        output: The program's output.
        lines: The useful lines of it.
    """

    tool: str
    manifest: Path
    target: Target
    output: str
    lines: Sequence[str]

    def error(self, problem: PackageProblem, message: str, hint: str, *, where: str | None = None) -> PackageError:
        """Return the error, with the program's whole output as its cause."""
        path = where or str(self.manifest)
        error = PackageError(f"{path}: {message}", problem=problem, path=path, hint=hint)
        error.__cause__ = ToolOutputError(f"output of {self.tool}:\n{self.output}")
        return error

    def general(self) -> PackageError | None:
        """Return the error for what any program can meet, ``None`` for another failure."""
        if re.search(r"No space left on device|ENOSPC|disk quota exceeded", self.output, re.IGNORECASE):
            return self.error(PackageProblem.CACHE, "the packages are not installed: the disk is full", FREE_SPACE)
        if _DENIED.search(self.output):
            hint = "check the credentials of the package index, such as UV_INDEX_URL or the file .npmrc"
            message = f"the package index refuses access{self.quoted()}"
            return self.error(PackageProblem.NO_ACCESS, message, hint)
        if _NO_NETWORK.search(self.output):
            hint = "check the network and the proxy (HTTPS_PROXY); what was installed once needs no network"
            message = f"the package index does not answer{self.quoted()}"
            return self.error(PackageProblem.NO_NETWORK, message, hint)
        if re.search(r"Hash mismatch|EINTEGRITY", self.output):
            hint = "correct the hash if the file of the index is the right one"
            message = f"a downloaded file has another hash than the manifest{self.quoted()}"
            return self.error(PackageProblem.HASH, message, hint)
        return None

    def other(self) -> PackageError:
        """Return the error for a failure that is not known."""
        message = f"{self.tool} did not install the packages{self.quoted()}"
        return self.error(
            PackageProblem.NOT_INSTALLED, message, f"correct the cause; -v shows all that {self.tool} printed"
        )

    def quoted(self) -> str:
        """Return the useful lines of the output, to be appended to a message."""
        lines = [line[:_LONGEST_LINE].rstrip() for line in self.lines if line.strip()]
        more = [f"({len(lines) - _MOST_LINES} more lines)"] if len(lines) > _MOST_LINES else []
        return "".join(f"\n  {self.tool}: {line}" for line in [*lines[:_MOST_LINES], *more])


_NO_NETWORK = re.compile(
    r"error sending request|dns error|connection (refused|reset)|network was disabled|timed? ?out|request failed after"
    r"|\b(ECONNREFUSED|ENOTFOUND|ETIMEDOUT|EAI_AGAIN|ECONNRESET|ENOTCACHED|ENETUNREACH|EHOSTUNREACH)\b"
    r"|ERR_SOCKET_TIMEOUT|\b(E50[0-9])\b|HTTP status server error",
    re.IGNORECASE,
)
_DENIED = re.compile(r"\b(E401|E403|401 Unauthorized|403 Forbidden)\b", re.IGNORECASE)
