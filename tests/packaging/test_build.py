"""A package has the same bytes on every machine and at any time."""

from __future__ import annotations

import base64
import hashlib
import io
import os
import random
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipectl.commands.plan import plan
from pipectl.commands.up import up
from pipectl.config.names import CODE_TAG, LIVE_ALIAS
from pipectl.engine.model import Action
from pipectl.errors import PackageProblem
from pipectl.packaging.build import LARGEST_UNZIPPED, LARGEST_UPLOAD, build
from pipectl.pipeline import package_source
from tests.packaging.folders import FILES, names, packaged, refused, write
from tests.support import ROOT, World, yes

FUNCTION = "dev-order-processor-lambda-backend"


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return write(tmp_path / "source", FILES)


@pytest.fixture
def narrow_umask() -> Iterator[None]:
    before = os.umask(0o077)
    yield
    os.umask(before)


def test_contains_every_file_under_its_name_in_the_folder(source: Path) -> None:
    archive = zipfile.ZipFile(io.BytesIO(packaged(source).body))
    assert {info.filename: archive.read(info).decode() for info in archive.infolist()} == FILES
    assert archive.testzip() is None


def test_same_bytes_in_another_folder(source: Path, tmp_path: Path) -> None:
    assert packaged(write(tmp_path / "elsewhere" / "deep", FILES)) == packaged(source)


def test_same_bytes_at_another_time(source: Path) -> None:
    before = packaged(source)
    for path in source.rglob("*"):
        os.utime(path, (0, 2**31))
    assert packaged(source) == before


def test_same_bytes_in_any_order_of_creation(source: Path, tmp_path: Path) -> None:
    reversed_ = write(tmp_path / "reversed", dict(reversed(FILES.items())))
    assert packaged(reversed_) == packaged(source)
    assert names(packaged(source)) == sorted(FILES)


def test_same_bytes_with_any_umask(source: Path, tmp_path: Path, narrow_umask: None) -> None:
    assert packaged(write(tmp_path / "narrow", FILES)) == packaged(source)


def modes(folder: Path) -> dict[str, int]:
    return {
        info.filename: info.external_attr >> 16
        for info in zipfile.ZipFile(io.BytesIO(packaged(folder).body)).infolist()
    }


def test_an_executable_file_stays_executable_and_every_user_can_read_every_file(source: Path) -> None:
    (source / "lib" / "a.py").chmod(0o700)
    assert modes(source) == dict.fromkeys(FILES, 0o100644) | {"lib/a.py": 0o100755}


def test_other_contents_names_or_modes_are_another_package(source: Path) -> None:
    seen = {packaged(source).sha256}
    (source / "Z.txt").write_text("y")
    seen.add(packaged(source).sha256)
    (source / "Z.txt").rename(source / "Y.txt")
    seen.add(packaged(source).sha256)
    (source / "Y.txt").chmod(0o755)
    seen.add(packaged(source).sha256)
    assert len(seen) == 4


PARTS = st.text(st.sampled_from("aZ9-_. äß漢"), min_size=1, max_size=6).filter(lambda part: not part.startswith("."))
TREES = st.dictionaries(
    st.lists(PARTS, min_size=1, max_size=3).map(tuple), st.tuples(st.binary(max_size=40), st.booleans()), max_size=8
)


@given(TREES, st.randoms(use_true_random=False))
def test_any_tree_gives_the_same_bytes_twice_and_in_any_order_of_creation(
    tree: dict[tuple[str, ...], tuple[bytes, bool]], random: random.Random
) -> None:
    folders = {path[:length] for path in tree for length in range(1, len(path))}
    files = {path: file for path, file in tree.items() if path not in folders}
    with TemporaryDirectory() as first, TemporaryDirectory() as second:
        shuffled = random.sample(sorted(files), len(files))
        for folder, order in ((Path(first), sorted(files)), (Path(second), shuffled)):
            (folder / "handler.py").write_text(FILES["handler.py"])
            for path in order:
                content, executable = files[path]
                file = folder.joinpath(*path)
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_bytes(content)
                file.chmod(0o755 if executable else 0o644)
        package = packaged(Path(first))
        assert replace(package, warnings=()) == replace(packaged(Path(first)), warnings=())
        assert (package.body, package.identity) == (packaged(Path(second)).body, packaged(Path(second)).identity)
        assert set(names(package)) == {"handler.py", *("/".join(path) for path in files)}


# the size


def large(folder: Path, size: int, name: str = "model.bin") -> None:
    with (folder / name).open("wb") as file:
        file.truncate(size)


@pytest.mark.slow
def test_above_50_mb_it_is_deflated_and_compared_by_its_contents(source: Path) -> None:
    stored = packaged(source)
    assert (stored.deflated, stored.identity) == (False, stored.sha256)
    large(source, LARGEST_UPLOAD + 1)
    deflated = packaged(source)
    assert len(deflated.body) < 2**20
    assert (deflated.deflated, deflated.identity) == (True, deflated.content_sha256)
    (source / "Z.txt").write_text("y")
    assert packaged(source).identity != deflated.identity


@pytest.mark.slow
def test_more_than_50_mb_as_a_zip_is_refused(source: Path) -> None:
    (source / "noise.bin").write_bytes(random.Random(1).randbytes(LARGEST_UPLOAD))
    error = refused(source)
    assert (error.problem, error.path) == (PackageProblem.TOO_LARGE, str(source))
    assert "the largest is noise.bin" in str(error.hint)


def test_more_than_250_mb_unzipped_are_refused(source: Path) -> None:
    large(source, LARGEST_UNZIPPED)
    error = refused(source)
    assert (error.problem, error.path) == (PackageProblem.TOO_LARGE, str(source))
    assert "the largest is model.bin" in str(error.hint)


# what AWS reports


def test_the_hash_is_the_base64_of_the_sha256(source: Path) -> None:
    package = packaged(source)
    assert package.sha256 == base64.b64encode(hashlib.sha256(package.body).digest()).decode()


def test_the_hash_is_what_lambda_reports(moto_world: World) -> None:
    up(moto_world.context(), yes)
    config = moto_world.config
    package = build(package_source(config, config.processor, moto_world.file))
    answer = moto_world.aws.lambda_.get_function(FunctionName=FUNCTION)
    assert answer["Configuration"]["CodeSha256"] == package.sha256
    assert CODE_TAG not in answer["Tags"]


def test_a_handlers_folder_below_the_current_one_has_its_short_path(
    moto_world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config, folder = moto_world.config, Path("lambda_src", "python", "processor")
    monkeypatch.chdir(ROOT)
    assert package_source(config, config.processor, moto_world.file).folder == folder
    monkeypatch.chdir(tmp_path)
    assert package_source(config, config.processor, moto_world.file).folder == ROOT / folder


def test_a_deflated_package_is_deployed_once_and_changed_code_is_repaired(moto_world: World, tmp_path: Path) -> None:
    folder = write(tmp_path / "large", FILES)
    large(folder, LARGEST_UPLOAD + 1)
    changes = {"processor": {"source": str(folder)}}
    up(moto_world.context(**changes), yes)
    lambda_ = moto_world.aws.lambda_
    tag = lambda_.get_function(FunctionName=FUNCTION)["Tags"][CODE_TAG]
    assert plan(moto_world.context()).pending == []

    # another zip of the same contents, as another version of zlib writes it, with the tag of its own
    arn = lambda_.get_function(FunctionName=FUNCTION)["Configuration"]["FunctionArn"]
    other = lambda_.update_function_code(FunctionName=FUNCTION, ZipFile=packaged(write(tmp_path / "other", FILES)).body)
    assert [change.resource for change in plan(moto_world.context()).pending] == ["processor"]
    lambda_.tag_resource(Resource=arn, Tags={CODE_TAG: f"{tag.partition(':')[0]}:{other['CodeSha256']}"})
    version = lambda_.publish_version(FunctionName=FUNCTION)["Version"]
    lambda_.update_alias(FunctionName=FUNCTION, Name=LIVE_ALIAS, FunctionVersion=version)
    assert plan(moto_world.context()).pending == []

    lambda_.tag_resource(Resource=arn, Tags={CODE_TAG: tag})
    report = up(moto_world.context(), yes)
    assert [change.resource for change in report.changes if change.action is Action.UPDATE] == ["processor"]
    assert lambda_.get_function(FunctionName=FUNCTION)["Tags"][CODE_TAG] == tag


@pytest.mark.parametrize("name", ["processor", "auditor"])
@pytest.mark.parametrize(("language", "file"), [("python", "handler.py"), ("nodejs", "handler.mjs")])
def test_the_handlers_of_this_project_are_packaged(name: str, language: str, file: str) -> None:
    package = packaged(ROOT / "lambda_src" / language / name, language=language)
    expected = sorted(path.name for path in (ROOT / "lambda_src" / language / name).iterdir() if path.is_file())
    assert file in expected
    assert (names(package), package.warnings) == (expected, ())
