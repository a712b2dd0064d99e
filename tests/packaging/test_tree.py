"""The files of a package: what is followed, left out and refused."""

from __future__ import annotations

import os
import shutil
import socket
from pathlib import Path

import pytest

from pipectl.errors import PackageError, PackageProblem
from pipectl.packaging.tree import LEFT_OUT
from tests.packaging.folders import FILES, names, packaged, refusal, refused, write
from tests.support import ROOT


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return write(tmp_path / "source", FILES)


# links


def test_a_linked_file_is_packaged(source: Path, tmp_path: Path) -> None:
    before = packaged(source)
    shutil.move(source / "Z.txt", tmp_path / "Z.txt")
    (source / "Z.txt").symlink_to(tmp_path / "Z.txt")
    assert packaged(source) == before


def test_a_linked_folder_is_packaged(source: Path, tmp_path: Path) -> None:
    before = packaged(source)
    shutil.move(source / "lib", tmp_path / "shared")
    (source / "lib").symlink_to("../shared")
    assert packaged(source) == before


def test_a_folder_that_is_linked_twice_is_packaged_twice(source: Path) -> None:
    (source / "again").symlink_to("lib")
    assert {"lib/a.py", "again/a.py"} <= set(names(packaged(source)))


def test_a_linked_source_is_packaged(source: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(source)
    assert packaged(tmp_path / "link") == packaged(source)


@pytest.mark.parametrize("target", [".", "..", "../lib"])
def test_a_link_to_a_folder_that_contains_it_is_refused(target: str, source: Path) -> None:
    (source / "lib" / "loop").symlink_to(target)
    problem, path = refusal(source)
    assert problem is PackageProblem.LINK_LOOP
    assert path == f"{source}/lib/loop" or target == ".."


def test_links_that_contain_each_other_are_refused(source: Path, tmp_path: Path) -> None:
    for name, other in (("one", "two"), ("two", "one")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "other").symlink_to(tmp_path / other)
    (source / "one").symlink_to(tmp_path / "one")
    assert refusal(source) == (PackageProblem.LINK_LOOP, f"{source}/one/other/other")


@pytest.mark.parametrize("target", ["nowhere", "broken"])
def test_a_link_to_nothing_is_refused_by_name(target: str, source: Path) -> None:
    (source / "broken").symlink_to(target)
    assert refusal(source) == (PackageProblem.BROKEN_LINK, f"{source}/broken")


@pytest.mark.slow
def test_links_that_multiply_folders_end(source: Path, tmp_path: Path) -> None:
    for number in range(30):
        folder = tmp_path / f"level-{number}"
        folder.mkdir()
        for name in "ab":
            (folder / name).symlink_to(tmp_path / f"level-{number + 1}")
    (tmp_path / "level-30").mkdir()
    (source / "levels").symlink_to(tmp_path / "level-0")
    assert refusal(source) == (PackageProblem.TOO_MANY_FILES, str(source))


# left out


@pytest.mark.parametrize("name", [pattern.replace("*", "x") for patterns in LEFT_OUT.values() for pattern in patterns])
def test_files_of_editors_caches_and_version_control_are_left_out(name: str, source: Path) -> None:
    before = packaged(source)
    write(source, {name: "x", f"lib/{name}": "x"})
    assert packaged(source) == before
    (source / name).unlink()
    write(source, {f"{name}/inside.py": "x"})
    assert packaged(source) == before


def test_docs_show_what_is_left_out() -> None:
    page = (ROOT / "docs" / "config.md").read_text()
    assert [pattern for patterns in LEFT_OUT.values() for pattern in patterns if f"`{pattern}`" not in page] == []


def test_a_source_inside_such_a_folder_is_packaged(source: Path, tmp_path: Path) -> None:
    assert packaged(write(tmp_path / ".cache" / "pipectl", FILES)) == packaged(source)


def test_installed_packages_are_packaged(tmp_path: Path) -> None:
    files = {"handler.mjs": "export const handler = 1;", "node_modules/x/index.js": "x", "node_modules/@s/y/y.js": "y"}
    assert names(packaged(write(tmp_path, files), language="nodejs")) == sorted(files)


# refused


@pytest.mark.parametrize("name", [".env", ".env.production", "lib/.env"])
def test_settings_and_secrets_are_refused(name: str, source: Path) -> None:
    write(source, {name: "API_KEY=secret"})
    error = refused(source)
    assert (error.problem, error.path) == (PackageProblem.SECRETS, f"{source}/{name}")
    assert "secret" not in f"{error.message}{error.hint}".replace("secrets", "")


def test_an_example_of_settings_is_packaged(source: Path) -> None:
    assert ".env.example" in names(packaged(write(source, {".env.example": "API_KEY="})))


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        (b"caf\xe9.txt", "caf\\xe9.txt"),
        (b"a\\b.txt", "a\\b.txt"),
        (b"a\nb.txt", "a\\nb.txt"),
        (b"a\x1b[2Jb.txt", "a\\x1b[2Jb.txt"),
        ("a\u202eb.txt".encode(), "a\\u202eb.txt"),
    ],
)
def test_a_name_that_cannot_be_carried_is_refused(name: bytes, shown: str, source: Path) -> None:
    (Path(os.fsdecode(os.fsencode(source) + b"/lib/" + name))).write_bytes(b"")
    error = refused(source)
    assert (error.problem, error.path) == (PackageProblem.FILE_NAME, f"{source}/lib/{shown}")
    assert error.message.isprintable()


def test_a_name_that_is_too_long_is_refused(source: Path) -> None:
    folder = source.joinpath(*["x" * 200] * 6)
    folder.mkdir(parents=True)
    assert refusal(source)[0] is PackageProblem.FILE_NAME


def test_a_pipe_or_socket_is_refused_without_being_opened(source: Path) -> None:
    os.mkfifo(source / "pipe")
    assert refusal(source) == (PackageProblem.SPECIAL_FILE, f"{source}/pipe")
    (source / "pipe").unlink()
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(source / "s"))
        assert refusal(source) == (PackageProblem.SPECIAL_FILE, f"{source}/s")


@pytest.mark.skipif(os.geteuid() == 0, reason="root can read every file")
def test_a_file_that_cannot_be_read_is_refused(source: Path) -> None:
    (source / "Z.txt").chmod(0)
    with pytest.raises(PackageError) as caught:
        packaged(source)
    assert (caught.value.problem, caught.value.path) == (PackageProblem.UNREADABLE, f"{source}/Z.txt")


def test_a_missing_folder_is_refused(tmp_path: Path) -> None:
    assert refusal(tmp_path / "nowhere") == (PackageProblem.NO_FOLDER, f"{tmp_path}/nowhere")


def test_a_file_instead_of_a_folder_is_refused(source: Path) -> None:
    assert refusal(source / "handler.py") == (PackageProblem.NO_FOLDER, f"{source}/handler.py")
