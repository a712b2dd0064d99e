"""The wheel and the sdist: their contents, and a project from an empty folder with the extra `local` alone."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tarfile
import venv
from collections.abc import Iterator
from dataclasses import dataclass
from email import message_from_string
from importlib.metadata import PathDistribution
from pathlib import Path
from zipfile import ZipFile

import pytest

from pipectl import __version__, scaffold
from pipectl.commands.init import defaults, find, init
from pipectl.local.python_environment import link_distributions
from tests.cli_support import environment
from tests.support import PATIENCE, ROOT

pytestmark = [pytest.mark.emulator, pytest.mark.xdist_group("wheel")]

NAME = f"pipectl_aws-{__version__}"
SETTINGS = ("PYTHON", "VIRTUAL_ENV", "PIPECTL", "COV")
"""Beginnings of variables that only the tests set."""
RUNTIMES = ("python3.14", "nodejs24.x")


@dataclass(frozen=True)
class Installed:
    """An environment that has what ``pip install 'pipectl-aws[local]'`` installs."""

    python: Path
    home: Path

    def start(self, folder: Path, *words: str) -> subprocess.Popen[str]:
        inherited = {key: value for key, value in environment().items() if not key.startswith(SETTINGS)}
        own = {"PIPECTL_HOME": str(self.home), "HOME": str(self.home), "AWS_EC2_METADATA_DISABLED": "true"}
        command = [str(self.python), "-m", "pipectl", *words]
        return subprocess.Popen(
            command, cwd=folder, env=inherited | own, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )

    def run(self, folder: Path, *words: str) -> str:
        return finish(self.start(folder, *words))


def finish(process: subprocess.Popen[str]) -> str:
    out, err = process.communicate(timeout=150)
    assert process.returncode == 0, out + err
    return out


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder with the sdist, and the wheel that is built from it."""
    folder = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(folder), str(ROOT)]
    subprocess.run(command, check=True, capture_output=True, timeout=PATIENCE)
    return folder


@pytest.fixture(scope="module")
def installed(built: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installed]:
    folder = tmp_path_factory.mktemp("installed")
    venv.EnvBuilder(with_pip=False, symlinks=True).create(folder / "venv")
    (site,) = (folder / "venv" / "lib").glob("python*/site-packages")
    shutil.unpack_archive(built / f"{NAME}-py3-none-any.whl", site, "zip")
    requires = PathDistribution(site / f"{NAME}.dist-info").requires or []
    wanted = [each for each in requires if "extra ==" not in each or "extra == 'local'" in each]
    link_distributions(site, [each.partition(";")[0] for each in wanted])
    home = folder / "home"
    home.mkdir()
    found = Installed(folder / "venv" / "bin" / "python", home)
    yield found
    found.run(folder, "local", "stop")


def files_below(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_the_wheel_has_the_program_and_the_files_of_a_project(built: Path) -> None:
    with ZipFile(built / f"{NAME}-py3-none-any.whl") as wheel:
        names = set(wheel.namelist())
    sources = (path for path in (ROOT / "src" / "pipectl").rglob("*") if "__pycache__" not in path.parts)
    package = {path.relative_to(ROOT / "src").as_posix() for path in sources if path.is_file()}
    files = {path for language in ("python", "nodejs") for path in scaffold.files(language).values()}
    carried = {f"pipectl/scaffold/{path.relative_to(ROOT).as_posix()}" for path in files}
    assert {name for name in names if ".dist-info/" not in name} == package | carried
    assert len(carried) > 10


def test_the_sdist_has_the_files_of_the_repository_and_no_caches(built: Path) -> None:
    with tarfile.open(built / f"{NAME}.tar.gz") as sdist:
        names = {name.removeprefix(f"{NAME}/") for name in sdist.getnames()}
    assert names > {"config/dev.yaml", "scaffold/README.md", "tests/conftest.py", "docs/ci.md", "Makefile", "LICENSE"}
    parts = {part for name in names for part in Path(name).parts}
    assert not parts & {".venv", ".git", "__pycache__", "node_modules", ".mypy_cache", ".pytest_cache", ".ruff_cache"}


def test_the_version_and_the_extra_are_in_the_metadata(built: Path) -> None:
    with ZipFile(built / f"{NAME}-py3-none-any.whl") as wheel:
        metadata = message_from_string(wheel.read(f"{NAME}.dist-info/METADATA").decode())
    assert (metadata["Name"], metadata["Version"]) == ("pipectl-aws", __version__)
    assert any(each.startswith("ministack") for each in metadata.get_all("Requires-Dist", []))


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_an_installed_init_writes_what_an_editable_one_writes(
    runtime: str, installed: Installed, tmp_path: Path
) -> None:
    installed.run(tmp_path, "init", "wheel/shop", "--yes", "--runtime", runtime)
    project = find(tmp_path / "editable" / "shop")
    init(project, {**defaults(project, "dev", None), "runtime": runtime})
    assert files_below(tmp_path / "wheel") == files_below(tmp_path / "editable")


@pytest.mark.timeout(170)
def test_an_empty_folder_becomes_a_running_pipeline(installed: Installed, tmp_path: Path) -> None:
    (empty := tmp_path / "empty").mkdir()
    (shop := tmp_path / "shop").mkdir()
    with installed.start(empty, "demo", "--orders", "2") as demo:
        try:
            installed.run(shop, "init", "--yes")
            assert "Created" in installed.run(shop, "--local", "up", "--yes")
            assert "healthy" in installed.run(shop, "--local", "status").lower()
            assert '"amount": 12.5' in installed.run(shop, "--local", "send", "events/order.json")
            installed.run(shop, "--local", "down", "--yes", "--delete-data")
            assert "0 resources left" in finish(demo)
        finally:
            demo.terminate()
    assert list(empty.iterdir()) == []
