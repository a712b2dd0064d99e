"""Folders of handlers, and what is built from them."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import pytest

from pipectl.errors import PackageError, PackageProblem
from pipectl.packaging.build import Package, Source, build
from pipectl.packaging.dependencies.target import Target

FILES = {"handler.py": "def handler(event, context): ...\n", "lib/b.py": "B = 1\n", "lib/a.py": "A = 1\n", "Z.txt": "z"}


def write(folder: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder


def packaged(
    folder: Path, handler: str = "handler.handler", language: str = "python", architecture: str = "arm64"
) -> Package:
    return build(Source(folder, handler, language, Target("python3.14", architecture)))


def names(package: Package) -> list[str]:
    return zipfile.ZipFile(io.BytesIO(package.body)).namelist()


def contents(package: Package) -> dict[str, bytes]:
    archive = zipfile.ZipFile(io.BytesIO(package.body))
    return {name: archive.read(name) for name in archive.namelist()}


def refused(folder: Path, handler: str = "handler.handler", language: str = "python") -> PackageError:
    with pytest.raises(PackageError) as caught:
        packaged(folder, handler, language)
    assert caught.value.exit_code == 2
    assert caught.value.hint
    return caught.value


def refusal(folder: Path, handler: str = "handler.handler", language: str = "python") -> tuple[PackageProblem, str]:
    """Return the problem for which a folder is refused, and the file or folder that has it."""
    error = refused(folder, handler, language)
    return error.problem, error.path
