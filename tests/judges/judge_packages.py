"""Large packages for Lambda: they fit, and Lambda's own machines would find binaries of their architecture in them."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from pipectl.packaging.build import LARGEST_UPLOAD, Package, Source, build
from pipectl.packaging.contents import machine_of
from pipectl.packaging.dependencies.target import Target
from pipectl.packaging.dependencies.tools import Tools
from pipectl.packaging.owners import owners_of
from tests.packaging.folders import FILES, contents, write

RUNTIMES = ["python3.11", "python3.14"]


def packaged(folder: Path, runtime: str, architecture: str) -> Package:
    source = Source(folder, "handler.handler", "python", Target(runtime, architecture))
    return build(source, Tools(cache=folder.parent / "cache"))


@pytest.mark.parametrize("architecture", ["arm64", "x86_64"])
@pytest.mark.parametrize("runtime", RUNTIMES)
def test_numpy_and_pandas_fit_and_have_binaries_of_the_runtime(runtime: str, architecture: str, tmp_path: Path) -> None:
    folder = write(tmp_path / "processor", {**FILES, "requirements.txt": "numpy\npandas\n"})
    start = time.monotonic()
    package = packaged(folder, runtime, architecture)
    first, start = time.monotonic() - start, time.monotonic()
    again = packaged(folder, runtime, architecture)
    second = time.monotonic() - start
    found = contents(package)
    binaries = {name: machine_of(content) for name, content in found.items() if machine_of(content)}
    tag = f"cpython-{runtime.removeprefix('python').replace('.', '')}-"
    assert set(binaries.values()) == {architecture}
    assert [name for name in binaries if tag in name and name.startswith("numpy/")]
    assert len(package.body) < LARGEST_UPLOAD
    assert again.identity == package.identity
    assert second < first
    owners = sorted(set(map(str, owners_of(found).values())))
    print(
        f"{runtime} {architecture}: {len(package.body) / 2**20:.0f} MB of {sum(map(len, found.values())) / 2**20:.0f}",
        end=" ",
    )
    print(f"MB, {first:.1f} s, again {second:.1f} s: {', '.join(owners)}")
