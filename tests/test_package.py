"""A package is the same bytes wherever, whenever and by whomever it is made, and what cannot run is told before."""

from __future__ import annotations

import base64
import hashlib
import io
import os
import shutil
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipectl.errors import PackageError
from pipectl.packaging.build import LARGEST_UPLOAD, Package, build
from tests.support import ROOT, World, yes

FILES = {"handler.py": "def handler(event, context): ...\n", "lib/b.py": "B = 1\n", "lib/a.py": "A = 1\n", "Z.txt": "z"}


def write(folder: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder


def made(folder: Path, handler: str = "handler.handler", language: str = "python") -> Package:
    return build(folder, handler, language)


def names(package: Package) -> list[str]:
    return zipfile.ZipFile(io.BytesIO(package.body)).namelist()


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return write(tmp_path / "source", FILES)


@pytest.fixture
def narrow_umask() -> Iterator[None]:
    before = os.umask(0o077)
    yield
    os.umask(before)


def test_holds_every_file_under_its_name_in_the_folder(source: Path) -> None:
    archive = zipfile.ZipFile(io.BytesIO(made(source).body))
    assert {info.filename: archive.read(info).decode() for info in archive.infolist()} == FILES
    assert archive.testzip() is None


def test_the_same_in_another_folder(source: Path, tmp_path: Path) -> None:
    assert made(write(tmp_path / "elsewhere" / "deep", FILES)) == made(source)


def test_the_same_at_another_time(source: Path) -> None:
    before = made(source)
    for path in source.rglob("*"):
        os.utime(path, (0, 2**31))
    assert made(source) == before


def test_the_same_whatever_the_order_of_the_files_on_the_disk(source: Path, tmp_path: Path) -> None:
    reversed_ = write(tmp_path / "reversed", dict(reversed(FILES.items())))
    assert made(reversed_) == made(source)
    assert names(made(source)) == sorted(FILES)


def test_the_same_whatever_the_umask_and_the_modes(source: Path, tmp_path: Path, narrow_umask: None) -> None:
    narrow = write(tmp_path / "narrow", FILES)
    (narrow / "handler.py").chmod(0o700)
    assert made(narrow) == made(source)


def test_every_file_can_be_read_by_the_function_whoever_it_runs_as(source: Path) -> None:
    for info in zipfile.ZipFile(io.BytesIO(made(source).body)).infolist():
        assert info.external_attr >> 16 == 0o100644


def test_other_contents_or_names_are_another_package(source: Path) -> None:
    before = made(source)
    (source / "Z.txt").write_text("y")
    changed = made(source)
    assert changed.sha256 != before.sha256
    (source / "Z.txt").rename(source / "Y.txt")
    assert made(source).sha256 not in (before.sha256, changed.sha256)


def test_the_hash_is_the_base64_of_the_sha256(source: Path) -> None:
    package = made(source)
    assert package.sha256 == base64.b64encode(hashlib.sha256(package.body).digest()).decode()


def test_the_hash_is_what_lambda_reports(moto_world: World) -> None:
    from pipectl.commands.up import up

    up(moto_world.context(), yes)
    config = moto_world.config
    package = build(config.source_of(config.processor, moto_world.file), config.processor.handler, "python")
    answer = moto_world.aws.lambda_.get_function(FunctionName="dev-order-processor-lambda-backend")
    assert answer["Configuration"]["CodeSha256"] == package.sha256


def test_what_the_interpreter_and_the_desktop_leave_behind_stays_out(source: Path) -> None:
    before = made(source)
    rubbish = ("__pycache__/handler.pyc", "lib/__pycache__/a.pyc", "node_modules/x/index.js", ".DS_Store")
    write(source, dict.fromkeys(rubbish, "x"))
    assert made(source) == before


def test_a_folder_that_lies_in_one_of_those_is_packaged_all_the_same(source: Path, tmp_path: Path) -> None:
    inside = write(tmp_path / "node_modules" / "pipectl", FILES)
    assert made(inside) == made(source)


@pytest.mark.parametrize("name", ["processor", "auditor"])
@pytest.mark.parametrize(("language", "file"), [("python", "handler.py"), ("nodejs", "handler.mjs")])
def test_the_handlers_of_this_project_are_packaged(name: str, language: str, file: str) -> None:
    assert names(made(ROOT / "lambda_src" / language / name, language=language)) == [file]


@pytest.mark.parametrize(
    ("language", "file", "handler"),
    [
        ("python", "app.py", "app.handle"),
        ("python", "app/orders.py", "app/orders.handle"),
        ("python", "app/orders.py", "app.orders.handle"),
        ("nodejs", "app.mjs", "app.handle"),
        ("nodejs", "app.cjs", "app.handle"),
        ("nodejs", "app.js", "app.handle"),
        ("nodejs", "app/orders.mjs", "app/orders.handle"),
        ("nodejs", "app/orders.mjs", "app/orders.of.today.handle"),
    ],
)
def test_the_handlers_file_is_found(language: str, file: str, handler: str, tmp_path: Path) -> None:
    assert names(made(write(tmp_path, {file: ""}), handler, language)) == [file]


@pytest.mark.parametrize(
    ("language", "file", "expected"), [("python", "handler.mjs", "handler.py"), ("nodejs", "handler.py", "handler.mjs")]
)
def test_the_file_of_another_language_is_not_the_handlers(
    language: str, file: str, expected: str, tmp_path: Path
) -> None:
    error = wrong(write(tmp_path, {file: ""}), language=language)
    assert f"no file for the handler 'handler.handler' in {language}" in error.message
    assert expected in str(error.hint)
    assert "{language}" in str(error.hint)


def test_a_file_in_javascript_is_not_taken_for_python(tmp_path: Path) -> None:
    script = {"handler.mjs": "export const handler = async () => ({});\n"}
    assert names(made(write(tmp_path, script), language="nodejs")) == ["handler.mjs"]


def wrong(folder: Path, handler: str = "handler.handler", language: str = "python") -> PackageError:
    with pytest.raises(PackageError) as caught:
        build(folder, handler, language)
    assert caught.value.exit_code == 2
    return caught.value


def test_a_missing_folder(tmp_path: Path) -> None:
    error = wrong(tmp_path / "nowhere")
    assert f"{tmp_path}/nowhere does not exist" in error.message
    assert "`source`" in str(error.hint)


def test_a_file_instead_of_a_folder(source: Path) -> None:
    assert "is not a folder" in wrong(source / "handler.py").message


def test_an_empty_folder(tmp_path: Path) -> None:
    assert "no file for the handler 'handler.handler'" in wrong(tmp_path).message


@pytest.mark.parametrize("file", ["other.py", "handler.md", "handler.json", "lib/handler.py", "handler", "Handler.py"])
def test_no_file_for_the_handler(file: str, tmp_path: Path) -> None:
    error = wrong(write(tmp_path, {file: ""}))
    assert "no file for the handler 'handler.handler'" in error.message
    assert "handler.py" in str(error.hint)


def test_a_syntax_error_is_told_with_file_and_line(source: Path) -> None:
    write(source, {"lib/b.py": "B = 1\n\ndef broken(:\n    pass\n"})
    error = wrong(source)
    assert f"{source}/lib/b.py:3: does not parse" in error.message
    assert f"{sys.version_info.major}.{sys.version_info.minor}" in str(error.hint)


def test_a_file_that_is_no_text_does_not_parse(source: Path) -> None:
    (source / "lib" / "b.py").write_bytes(b"B = '\xff'\n")
    assert "lib/b.py:1: does not parse" in wrong(source).message


def test_a_null_byte_does_not_parse(source: Path) -> None:
    (source / "lib" / "b.py").write_bytes(b"B = 1\x00\n")
    assert "lib/b.py:1: does not parse" in wrong(source).message


def test_a_warning_is_no_error(source: Path) -> None:
    write(source, {"lib/b.py": "B = '\\d'\nassert (1, 'x')\n"})
    assert "lib/b.py" in names(made(source))


def test_more_than_lambda_takes(source: Path) -> None:
    with (source / "model.bin").open("wb") as file:
        file.truncate(LARGEST_UPLOAD + 1)
    error = wrong(source)
    assert "50 MB" in error.message
    assert str(source) in error.message


def test_a_link_to_a_file_is_the_file(source: Path, tmp_path: Path) -> None:
    before = made(source)
    shutil.move(source / "Z.txt", tmp_path / "Z.txt")
    (source / "Z.txt").symlink_to(tmp_path / "Z.txt")
    assert made(source) == before
