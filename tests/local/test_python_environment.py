"""The Python of functions sees the standard library and boto3, and nothing of the environment of pipectl."""

from __future__ import annotations

import json
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from pipectl.errors import LocalError
from pipectl.local import python_environment

REPORT = """
import importlib.util, json, pkgutil, site, sys
import boto3
print(json.dumps({
    "prefix": sys.prefix,
    "path": sys.path,
    "client": type(boto3.client("s3", region_name="eu-west-1")).__name__,
    "absent": [name for name in ("pipectl", "click", "rich", "pydantic", "pip") if not importlib.util.find_spec(name)],
    "installed": sorted({m.name for m in pkgutil.iter_modules() if m.module_finder.path.startswith(sys.prefix)}),
    "user": site.ENABLE_USER_SITE,
}))
"""


@pytest.mark.parametrize("symlinks", [True, False])
def test_only_boto3_and_what_it_needs_can_be_imported(symlinks: bool, tmp_path: Path) -> None:
    interpreter = python_environment.create(tmp_path, symlinks=symlinks)
    done = subprocess.run([interpreter, "-c", REPORT], capture_output=True, text=True, env={}, cwd="/", check=True)
    found = json.loads(done.stdout)
    assert found["absent"] == ["pipectl", "click", "rich", "pydantic", "pip"]
    assert found["installed"] == ["boto3", "botocore", "dateutil", "jmespath", "s3transfer", "six", "urllib3"]
    assert found["client"] == "S3"
    assert found["user"] is False
    assert found["prefix"].startswith(str(tmp_path))
    assert [entry for entry in found["path"] if "site-packages" in entry] == [
        str(next(interpreter.parents[1].glob("lib/*/site-packages")))
    ]


def test_it_is_created_once(tmp_path: Path) -> None:
    interpreter = python_environment.create(tmp_path)
    (made,) = (tmp_path / python_environment.FOLDER).iterdir()
    before = made.stat().st_mtime_ns
    assert python_environment.create(tmp_path) == interpreter
    assert made.stat().st_mtime_ns == before


def test_one_of_another_python_is_replaced(tmp_path: Path) -> None:
    earlier = tmp_path / python_environment.FOLDER / "0123456789abcdef" / "bin"
    earlier.mkdir(parents=True)
    interpreter = python_environment.create(tmp_path)
    assert [interpreter.parents[1]] == list((tmp_path / python_environment.FOLDER).iterdir())


def test_one_whose_python_was_removed_is_replaced(tmp_path: Path) -> None:
    interpreter = python_environment.create(tmp_path)
    interpreter.unlink()
    interpreter.symlink_to(tmp_path / "removed")
    assert python_environment.create(tmp_path) == interpreter
    assert interpreter.is_file()


def test_several_starts_at_once_get_the_same(tmp_path: Path) -> None:
    with ThreadPoolExecutor(4) as pool:
        interpreters = list(pool.map(lambda _: python_environment.create(tmp_path), range(4)))
    assert len(set(interpreters)) == 1
    subprocess.run([interpreters[0], "-c", "import boto3"], env={}, check=True)


def test_a_file_in_place_of_the_folder_is_reported(tmp_path: Path) -> None:
    (tmp_path / python_environment.FOLDER).write_text("")
    with pytest.raises(LocalError, match=str(tmp_path)):
        python_environment.create(tmp_path)


def test_a_distribution_that_is_not_installed_is_named(tmp_path: Path) -> None:
    with pytest.raises(LocalError, match="no-such-distribution is not installed"):
        python_environment.link_distributions(tmp_path, ["no-such-distribution"])


@pytest.mark.parametrize(("requirement", "brings"), [("pipectl-aws", False), ("pipectl-aws[local]", True)])
def test_an_extra_brings_more(requirement: str, brings: bool, tmp_path: Path) -> None:
    python_environment.link_distributions(tmp_path, [requirement])
    assert (tmp_path / "pydantic_core").is_dir()
    assert (tmp_path / "ministack").exists() is brings
    assert not (tmp_path / "pytest").exists()
