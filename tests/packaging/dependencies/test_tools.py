"""uv and npm themselves: with wheels of this test, and with the public registries."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipectl.errors import PackageError, PackageProblem
from pipectl.packaging.build import Package, Source, build
from pipectl.packaging.contents import machine_of
from pipectl.packaging.dependencies.target import Target
from pipectl.packaging.dependencies.tools import Tools
from pipectl.packaging.owners import owners_of
from tests.packaging.dependencies.registries import online
from tests.packaging.dependencies.wheels import wheel
from tests.packaging.folders import FILES, contents, names, write

pytestmark = pytest.mark.slow


TAGS = {
    "arm64, Python 3.14": "cp314-cp314-manylinux_2_34_aarch64",
    "x86_64, Python 3.14": "cp314-cp314-manylinux_2_34_x86_64",
    "arm64, Python 3.11": "cp311-cp311-manylinux_2_17_aarch64",
    "too new a glibc": "cp311-cp311-manylinux_2_28_aarch64",
    "too new a glibc for all": "cp314-cp314-manylinux_2_38_aarch64",
}


@pytest.fixture(scope="module")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheels")
    for tag in TAGS.values():
        wheel(folder, "fast", "2.0" if "2_38" in tag or "2_28" in tag else "1.0", tag, "old; python_version < '3.12'")
    wheel(folder, "old", "1.0", "py3-none-any")
    return folder


@pytest.fixture
def uv_offline(wheels: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"UV_FIND_LINKS": wheels, "UV_CACHE_DIR": tmp_path / "uv"}.items():
        monkeypatch.setenv(name, str(value))


def packaged(folder: Path, *, runtime: str = "python3.14", architecture: str = "arm64", local: bool = False) -> Package:
    language = "python" if runtime.startswith("python") else "nodejs"
    source = Source(folder, "handler.handler", language, Target(runtime, architecture, local))
    return build(source, Tools(cache=folder.parent / "cache"))


@pytest.mark.parametrize(
    ("runtime", "architecture", "tag", "needs"),
    [
        ("python3.14", "arm64", "arm64, Python 3.14", False),
        ("python3.14", "x86_64", "x86_64, Python 3.14", False),
        ("python3.11", "arm64", "arm64, Python 3.11", True),
    ],
)
def test_uv_takes_the_wheel_and_the_needs_of_the_runtime_on_lambda(
    runtime: str, architecture: str, tag: str, needs: bool, uv_offline: None, tmp_path: Path
) -> None:
    folder = write(tmp_path / "processor", {**FILES, "requirements.txt": "--no-index\nfast\n"})
    package = packaged(folder, runtime=runtime, architecture=architecture)
    assert contents(package)["fast/__init__.py"] == f"TAG = {TAGS[tag]!r}\n".encode()
    assert ("old/__init__.py" in names(package)) is needs
    assert not [name for name in names(package) if name.startswith((".", "bin/")) or "INSTALLER" in name]
    other = write(tmp_path / "elsewhere" / "processor", {**FILES, "requirements.txt": "--no-index\nfast\n"})
    assert packaged(other, runtime=runtime, architecture=architecture).body == package.body


@pytest.mark.parametrize(
    ("requirement", "problem"),
    [
        ("fast==2.0", PackageProblem.NO_WHEEL),
        ("absent", PackageProblem.NO_PACKAGE),
        ("fast==7", PackageProblem.NO_PACKAGE),
        ("old==1.0\nold==2.0", PackageProblem.CONFLICT),
        ("old==1.0 ; foo == 'bar'", PackageProblem.MANIFEST),
        ("old=1.0", PackageProblem.MANIFEST),
    ],
)
def test_uv_refuses(requirement: str, problem: PackageProblem, uv_offline: None, tmp_path: Path) -> None:
    folder = write(tmp_path / "processor", {**FILES, "requirements.txt": f"--no-index\n{requirement}"})
    with pytest.raises(PackageError) as caught:
        packaged(folder)
    assert caught.value.problem is problem


def test_pydantic_for_arm64_and_python_3_14(tmp_path: Path) -> None:
    folder = write(tmp_path / "processor", {**FILES, "requirements.txt": "pydantic==2.12.4\n"})
    package = online(lambda: packaged(folder))
    binary = "pydantic_core/_pydantic_core.cpython-314-aarch64-linux-gnu.so"
    assert machine_of(contents(package)[binary]) == "arm64"
    assert "pydantic 2.12.4" in set(map(str, owners_of(contents(package)).values()))
    assert not [warning for warning in package.warnings if "built for" in warning]


def test_sharp_for_arm64_in_node(tmp_path: Path) -> None:
    manifest = '{"dependencies": {"sharp": "0.33.5"}, "devDependencies": {"left-pad": "1.3.0"}}'
    files = {"handler.mjs": "export const handler = 1;", "package.json": manifest}
    package = online(lambda: packaged(write(tmp_path / "processor", files), runtime="nodejs24.x"))
    binary = "node_modules/@img/sharp-linux-arm64/lib/sharp-linux-arm64.node"
    assert machine_of(contents(package)[binary]) == "arm64"
    assert not [name for name in names(package) if "left-pad" in name or "/.bin/" in name]
    assert "package.json: the install scripts of sharp were not run" in package.warnings
