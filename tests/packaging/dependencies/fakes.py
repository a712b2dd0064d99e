"""Programs that install packages, played by functions: they write what uv and npm write, or fail as these do."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from pipectl.errors import PackageError
from pipectl.packaging.build import Package, Source, build
from pipectl.packaging.dependencies.target import Target
from pipectl.packaging.dependencies.tools import Result, Tools

PYTHON_FILES = {
    ".lock": "",
    "bin/fast": "#!/home/me/.venv/bin/python",
    "fast/__init__.py": "FAST = 1",
    "fast/__pycache__/__init__.pyc": "compiled",
    "fast/tests/test_fast.py": "",
    "fast-1.2.dist-info/METADATA": "Name: fast",
    "fast-1.2.dist-info/INSTALLER": "uv",
    "fast-1.2.dist-info/REQUESTED": "",
    "fast-1.2.dist-info/direct_url.json": "{}",
    "fast-1.2.dist-info/uv_cache.json": "{}",
    "fast-1.2.dist-info/RECORD": "fast/__init__.py,sha256=a,8\nbin/fast,sha256=b,9\nfast-1.2.dist-info/INSTALLER,,\n"
    "fast/tests/test_fast.py,,0\nfast-1.2.dist-info/METADATA,,\nfast-1.2.dist-info/RECORD,,\n",
    "base_lib-3.dist-info/RECORD": "base_lib-3.dist-info/RECORD,,\n",
}
"""A folder that uv installed `fast` into, which needs `base-lib`."""
LOCK = {"packages": {"node_modules/fast": {"version": "1.2.0", "hasInstallScript": True}}}
NODE_FILES = {
    "node_modules/.bin/fast": "",
    "node_modules/.package-lock.json": json.dumps(LOCK),
    "node_modules/fast/package.json": '{"version": "1.2.0"}',
    "node_modules/fast/node_modules/.bin/deep": "",
    "node_modules/fast/index.js": "export default 1;",
    "package-lock.json": "{}",
}


@dataclass
class Installer:
    """A program that writes files, or fails; it remembers its commands.

    Args:
        files: The files that it writes into the folder that it installs into.
        output: What it prints when it fails.
        code: Its exit code.
        version: What ``--version`` prints.
        error: What is raised instead.
        meanwhile: Called with the folder, before the program ends.
    """

    files: Mapping[str, str] = field(default_factory=lambda: PYTHON_FILES)
    output: str = ""
    code: int = 0
    version: str = "0.9.1"
    error: Exception | None = None
    meanwhile: Callable[[Path], object] = lambda _: None
    commands: list[list[str]] = field(default_factory=list)

    def __call__(self, command: Sequence[str], folder: Path) -> Result:
        if command[-1] == "--version":
            return Result(0, f"tool {self.version}\n")
        self.commands.append(list(command))
        if self.error:
            raise self.error
        target = Path(command[command.index("--target") + 1]) if "--target" in command else folder
        for name, text in self.files.items():
            path = target / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        self.meanwhile(target)
        return Result(self.code, self.output)

    __hash__ = object.__hash__


@dataclass
class Machine:
    """A machine with programs, a cache and a handler's folder."""

    folder: Path
    cache: Path
    installer: Installer = field(default_factory=Installer)
    programs: tuple[str, ...] = ("uv", "npm")
    said: list[str] = field(default_factory=list)

    def build(
        self, *, install: bool = True, runtime: str | None = None, architecture: str = "arm64", local: bool = False
    ) -> Package:
        language = "nodejs" if (self.folder / "package.json").exists() else "python"
        runtime = runtime or {"nodejs": "nodejs24.x", "python": "python3.14"}[language]
        source = Source(self.folder, "handler.handler", language, Target(runtime, architecture, local))
        return build(source, self.tools(install=install))

    def tools(self, *, install: bool = True) -> Tools:
        return Tools(
            lambda name: f"/bin/{name}" if name in self.programs else None,
            self.installer,
            self.cache,
            self.work,
            install,
        )

    @contextmanager
    def work(self, text: str) -> Iterator[None]:
        self.said.append(text)
        yield

    def fails(self, architecture: str = "arm64") -> PackageError:
        with pytest.raises(PackageError) as caught:
            self.build(architecture=architecture)
        assert caught.value.hint
        return caught.value
