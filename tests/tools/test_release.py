"""The checks of a release find what is wrong with a changelog, tags and archives, and pass on what is right."""

from __future__ import annotations

import io
import re
import sys
import tarfile
import zipfile
from contextlib import nullcontext
from datetime import date
from pathlib import Path

import pytest
import yaml

from pipectl import __version__
from tests.support import ROOT
from tools import release

TODAY = date(2026, 2, 1)
GOOD = """\
## [Unreleased]

## [1.1.0] - 2026-01-31

- A change.

## [1.0.0] - 2025-12-24

- The first.
"""
README = "[docs](https://example.org/docs) and [a heading](#heading)"


def test_a_complete_changelog_has_no_problems() -> None:
    assert list(release.changelog_problems(GOOD, "1.1.0", TODAY)) == []
    assert [(each.version, each.date) for each in release.sections(GOOD)] == [
        ("Unreleased", None),
        ("1.1.0", "2026-01-31"),
        ("1.0.0", "2025-12-24"),
    ]


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("## [Unreleased]\n\n", "", "not [Unreleased]"),
        ("## [Unreleased]\n", "## [Unreleased]\n\n- Not released.\n", "not empty"),
        ("[1.1.0]", "[1.2.0]", "[1.2.0], and"),
        ("- A change.\n", "", "has no entries"),
        (" - 2026-01-31", "", "no date"),
        ("2026-01-31", "31.01.2026", "31.01.2026"),
        ("2026-01-31", "2026-02-02", "in the future"),
        ("2025-12-24", "2025-24-12", "2025-24-12"),
    ],
)
def test_a_problem_of_the_changelog_is_found(old: str, new: str, words: str) -> None:
    assert old in GOOD
    [problem] = release.changelog_problems(GOOD.replace(old, new), "1.1.0", TODAY)
    assert words in problem


@pytest.mark.parametrize(
    ("here", "everywhere", "problems"),
    [
        ([], [], 0),
        (["v1.1.0", "nightly"], ["v1.0.0", "v1.1.0", "nightly"], 0),
        (["v1.2.0"], ["v1.2.0"], 1),
        ([], ["v1.1.0"], 1),
    ],
)
def test_a_tag_has_the_version_and_is_on_the_commit(here: list[str], everywhere: list[str], problems: int) -> None:
    assert len(list(release.tag_problems("1.1.0", here, everywhere))) == problems


def wheel(**changes: bytes | None) -> dict[str, bytes]:
    """Return the files of a good wheel with changes; ``None`` removes a file."""
    metadata = f"Metadata-Version: 2.4\nName: pipectl-aws\nVersion: 1.1.0\n\n{README}\n"
    files: dict[str, bytes | None] = {pattern.replace("*", "x"): b"" for pattern in release.IN_WHEEL}
    info = "pipectl_aws-1.1.0.dist-info"
    files = {name.replace("x.dist-info", info): content for name, content in files.items()}
    files |= {f"{info}/METADATA": metadata.encode(), "pipectl/cli/up.py": b""} | changes
    return {name: content for name, content in files.items() if content is not None}


def problems(files: dict[str, bytes]) -> list[str]:
    return list(release.wheel_problems(files, "1.1.0", ("/home/somebody/pipectl",)))


def test_a_good_wheel_has_no_problems() -> None:
    assert problems(wheel()) == []


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("pipectl/py.typed", None, "py.typed is missing"),
        ("pipectl/scaffold/config/dev.yaml", None, "dev.yaml is missing"),
        ("pipectl_aws-1.1.0.dist-info/licenses/LICENSE", None, "LICENSE is missing"),
        ("tests/test_up.py", b"", "tests would be installed"),
        ("pipectl/scaffold/lambda_src/python/processor/__pycache__/handler.cpython-311.pyc", b"", "does not belong"),
        ("pipectl/scaffold/lambda_src/nodejs/node_modules/x/index.js", b"", "does not belong"),
        ("pipectl/.env", b"", "does not belong"),
        ("pipectl/x.py", b"HERE = '/home/somebody/pipectl/src'", "a path of this machine"),
        ("pipectl_aws-1.1.0.dist-info/METADATA", None, "METADATA is missing"),
        ("pipectl_aws-1.1.0.dist-info/METADATA", b"Version: 1.1.0\n\n", "no description"),
        ("pipectl_aws-1.1.0.dist-info/METADATA", b"Version: 1.0.0\n\ntext", "has the version 1.0.0"),
        ("pipectl_aws-1.1.0.dist-info/METADATA", b"Version: 1.1.0\n\n[docs](docs/ci.md#x)", "docs/ci.md#x"),
        ("pipectl_aws-1.1.0.dist-info/METADATA", b"Version: 1.1.0\n\n[docs][1]\n\n[1]: docs/ci.md", "docs/ci.md"),
        ("pipectl_aws-1.1.0.dist-info/METADATA", b'Version: 1.1.0\n\n<img src="docs/x.svg">', "docs/x.svg"),
        ("pipectl_aws-1.1.0.dist-info/METADATA", b'Version: 1.1.0\n\n<source srcset="docs/y.svg">', "docs/y.svg"),
    ],
)
def test_a_problem_of_a_wheel_is_found(name: str, content: bytes | None, words: str) -> None:
    [problem] = problems(wheel(**{name: content}))
    assert words in problem


def test_archives_are_read_and_their_problems_named(tmp_path: Path) -> None:
    packed, sdist = tmp_path / "x-py3-none-any.whl", tmp_path / "x.tar.gz"
    with zipfile.ZipFile(packed, "w") as archive:
        for name, content in wheel(**{"pipectl/py.typed": None}).items():
            archive.writestr(name, content)
    with tarfile.open(sdist, "w:gz") as tar:
        for name in release.IN_SDIST[1:]:
            tar.addfile(tarfile.TarInfo(f"x-1.1.0/{name}"), io.BytesIO())
    found = list(release.archive_problems([packed, sdist], "1.1.0", ()))
    assert found == [f"{packed.name}: pipectl/py.typed is missing", f"{sdist.name}: {release.IN_SDIST[0]} is missing"]


@pytest.mark.parametrize(("names", "refused"), [([], False), (["x.whl", "x.tar.gz"], False), (["x.whl", "src"], True)])
def test_a_folder_with_other_files_than_archives_is_not_deleted(
    names: list[str], refused: bool, tmp_path: Path
) -> None:
    for name in names:
        (tmp_path / name).touch()
    with pytest.raises(release.ReleaseError, match="such as src") if refused else nullcontext():
        release.require_archives_only(tmp_path)
    release.require_archives_only(tmp_path / "new")


def test_a_program_that_fails_is_reported_with_the_end_of_its_output(tmp_path: Path) -> None:
    program = "print('first'); print('last'); raise SystemExit(3)"
    with pytest.raises(release.ReleaseError, match=r"exited with 3:\nfirst\nlast$"):
        release.run(sys.executable, "-c", program, folder=tmp_path)


def test_the_version_is_that_of_the_package_and_the_newest_of_the_changelog() -> None:
    newest = next(
        each for each in release.sections((ROOT / "CHANGELOG.md").read_text()) if each.version != "Unreleased"
    )
    assert release.version_of(ROOT) == __version__ == newest.version


def test_the_workflow_pins_its_actions_and_publishes_in_a_job_without_code_of_the_repository() -> None:
    workflow = yaml.safe_load((ROOT / ".github" / "workflows" / "release.yml").read_text())
    uses = [step["uses"] for job in workflow["jobs"].values() for step in job["steps"] if "uses" in step]
    assert all(re.fullmatch(r"[\w-]+/[\w-]+@[0-9a-f]{40}", each) for each in uses)
    publish = workflow["jobs"]["publish"]
    assert (publish["permissions"], publish["environment"]) == ({"id-token": "write"}, "pypi")
    assert [step for step in publish["steps"] if "run" in step] == []
    assert workflow["permissions"] == {"contents": "read"}
