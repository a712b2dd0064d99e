"""Build the sdist and the wheel of a release, and check them. Nothing is published.

    python tools/release.py [FOLDER]

The archives are written into FOLDER, which has only archives or does not exist; `dist` if it is not given.
The files of the last commit are built twice, and both builds have to have the same bytes. Then contents, metadata,
changelog and tag are checked, and the wheel is installed into a new environment with the extra `local`, where
`pipectl init` and `pipectl demo` run in an empty folder. Exit code 1: at least one problem, which is printed.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import time
import venv
import zipfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from email import message_from_bytes
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath
from typing import TypeVar

T = TypeVar("T")
ROOT = Path(__file__).resolve().parents[1]
IN_WHEEL = (
    "pipectl/py.typed",
    "pipectl/__main__.py",
    "pipectl/local/workers/node_worker.cjs",
    "pipectl/scaffold/config/dev.yaml",
    "pipectl/scaffold/config/schema.json",
    "pipectl/scaffold/lambda_src/python/processor/handler.py",
    "pipectl/scaffold/lambda_src/python/auditor/handler.py",
    "pipectl/scaffold/lambda_src/nodejs/processor/*.mjs",
    "pipectl/scaffold/lambda_src/nodejs/auditor/*.mjs",
    "pipectl/scaffold/scaffold/README.md",
    "pipectl/scaffold/scaffold/gitignore",
    "pipectl/scaffold/scaffold/workflow.yml",
    "pipectl/scaffold/scaffold/tests/*",
    "pipectl/scaffold/scaffold/events/*.json",
    "*.dist-info/licenses/LICENSE",
    "*.dist-info/entry_points.txt",
)
IN_SDIST = ("pyproject.toml", "LICENSE", "README.md", "CHANGELOG.md", "src/pipectl/__init__.py", "tests/conftest.py")
NOWHERE = (
    *("__pycache__", "*.pyc", "*.pyo", ".pytest_cache", ".mypy_cache", ".ruff_cache", ".hypothesis"),
    *(".import_linter_cache", ".coverage", ".git", ".venv", ".venv-judges", "node_modules"),
    *(".env", ".DS_Store", "*.swp", "*~"),
)
"""Names of files and folders that neither archive contains."""
TOP_OF_WHEEL = ("pipectl", "pipectl_aws-*.dist-info")
_SECTION = re.compile(r"^## \[(?P<version>[^\]]+)\](?: - (?P<date>\S+))?\s*$", re.MULTILINE)
_LINK = r"(?!#|[a-z][a-z0-9+.-]*:)"
_RELATIVE_LINK = re.compile(
    rf"\]\(<?{_LINK}([^)\s>]+)|^ *\[[^\]]+\]: *{_LINK}(\S+)|(?:src|srcset|href)=[\"']{_LINK}([^\"']+)", re.MULTILINE
)
"""A relative address in Markdown, or in its HTML."""
_ARCHIVES = ("*.whl", "*.tar.gz")

Files = Mapping[str, bytes]


class ReleaseError(Exception):
    """A step failed, so that no later one is possible."""


@dataclass(frozen=True)
class Section:
    """A section of the changelog. ``date`` is a text, ``None`` where there is none."""

    version: str
    date: str | None
    text: str


# Version and changelog


def version_of(root: Path) -> str:
    """Return the version in ``src/pipectl/__init__.py``."""
    found = re.search(r'^__version__ = "([^"]+)"', (root / "src/pipectl/__init__.py").read_text(), re.MULTILINE)
    if not found:
        raise ReleaseError("src/pipectl/__init__.py has no __version__")
    return found[1]


def sections(changelog: str) -> list[Section]:
    """Return the sections of a changelog, the newest first."""
    found = list(_SECTION.finditer(changelog))
    ends = [*(match.start() for match in found[1:]), len(changelog)]
    return [
        Section(match["version"], match["date"], changelog[match.end() : end].strip())
        for match, end in zip(found, ends, strict=True)
    ]


def changelog_problems(changelog: str, version: str, today: date) -> Iterator[str]:
    """Yield what is wrong with the changelog of a release."""
    found = sections(changelog)
    if not found or found[0].version != "Unreleased":
        yield "CHANGELOG.md: the first section is not [Unreleased]"
    elif found[0].text:
        yield f"CHANGELOG.md: [Unreleased] is not empty: move its entries to [{version}]"
    released = [section for section in found if section.version != "Unreleased"]
    if not released or released[0].version != version:
        newest = f"[{released[0].version}]" if released else "none"
        yield f"CHANGELOG.md: the newest version is {newest}, and src/pipectl/__init__.py has {version}"
        return
    if not released[0].text:
        yield f"CHANGELOG.md: [{version}] has no entries"
    for section in released:
        if problem := _date_problem(section.date, today):
            yield f"CHANGELOG.md: [{section.version}] {problem}"


def _date_problem(text: str | None, today: date) -> str | None:
    if text is None:
        return "has no date: write `## [VERSION] - YYYY-MM-DD`"
    try:
        found = date.fromisoformat(text)
    except ValueError:
        return f"has the date {text}: write YYYY-MM-DD"
    return f"has a date in the future: {text}" if found > today else None


def tag_problems(version: str, here: list[str], everywhere: list[str]) -> Iterator[str]:
    """Yield what is wrong with the tags.

    Args:
        version: The version of the release.
        here: The tags of the commit.
        everywhere: All tags.
    """
    wanted = f"v{version}"
    for tag in here:
        if re.match(r"v\d", tag) and tag != wanted:
            yield f"the commit has the tag {tag}, and src/pipectl/__init__.py has {version}"
    if wanted in everywhere and wanted not in here:
        yield f"the tag {wanted} is on another commit: choose the next version"


# Contents


def read_wheel(path: Path) -> Files:
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist() if not name.endswith("/")}


def read_sdist(path: Path) -> Files:
    """Return the files below the one folder of an sdist."""
    with tarfile.open(path) as archive:
        members = [member for member in archive.getmembers() if member.isfile()]
        contents = [(member.name, archive.extractfile(member)) for member in members]
        return {name.partition("/")[2]: file.read() for name, file in contents if file}


def content_problems(files: Files, required: tuple[str, ...], places: tuple[str, ...]) -> Iterator[str]:
    """Yield what an archive lacks, or should not contain.

    Args:
        files: Its files.
        required: Patterns of files that it needs.
        places: Paths of the machine that built it, which no file may name.
    """
    for pattern in required:
        if not any(fnmatchcase(name, pattern) for name in files):
            yield f"{pattern} is missing"
    for name, content in files.items():
        if any(fnmatchcase(part, pattern) for part in PurePosixPath(name).parts for pattern in NOWHERE):
            yield f"{name} does not belong there"
        for place in places:
            if place.encode() in content:
                yield f"{name} names {place}, a path of this machine"


def wheel_problems(files: Files, version: str, places: tuple[str, ...]) -> Iterator[str]:
    """Yield what is wrong with the files and the metadata of a wheel."""
    yield from content_problems(files, IN_WHEEL, places)
    for top in sorted({PurePosixPath(name).parts[0] for name in files}):
        if not any(fnmatchcase(top, pattern) for pattern in TOP_OF_WHEEL):
            yield f"{top} would be installed beside pipectl"
    found = next((content for name, content in files.items() if name.endswith(".dist-info/METADATA")), None)
    if found is None:
        yield "METADATA is missing"
        return
    metadata = message_from_bytes(found)
    if metadata["Version"] != version:
        yield f"METADATA has the version {metadata['Version']}"
    description = str(metadata.get_payload())
    if not description.strip():
        yield "METADATA has no description"
    for link in map("".join, _RELATIVE_LINK.findall(description)):
        yield f"the description has a relative link, which does not work on the page of an index: {link}"


# Steps


def run(*words: str | Path, folder: Path, environment: Mapping[str, str] | None = None) -> str:
    """Run a program and return its output.

    Raises:
        ReleaseError: it failed; the message has the end of its output.
    """
    command = [str(word) for word in words]
    done = subprocess.run(  # noqa: S603
        command, cwd=folder, env=environment, check=False, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    if done.returncode:
        tail = "\n".join(done.stdout.splitlines()[-30:])
        raise ReleaseError(f"`{' '.join(command)}` exited with {done.returncode}:\n{tail}")
    return done.stdout


def git(root: Path, *words: str) -> str:
    return run("git", *words, folder=root).strip()


def export(root: Path, folder: Path) -> None:
    """Write the files of the last commit into a folder, so that nothing else gets into the build."""
    archive = folder.with_suffix(".tar")
    git(root, "archive", "--output", str(archive), "HEAD")
    with tarfile.open(archive) as packed:
        packed.extractall(folder, filter="data")
    archive.unlink()


def build(tree: Path, folder: Path, epoch: str) -> list[Path]:
    """Build the sdist, and the wheel from it. Return both."""
    environment = {**os.environ, "SOURCE_DATE_EPOCH": epoch}
    run(sys.executable, "-m", "build", "--no-isolation", "--outdir", folder, tree, folder=tree, environment=environment)
    return sorted(folder.iterdir())


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def try_out(wheel: Path, version: str, folder: Path) -> None:
    """Install a wheel with the extra `local` into a new environment, and use it in an empty folder.

    Raises:
        ReleaseError: something does not work.
    """
    place, home, project = folder / "venv", folder / "home", folder / "project"
    for each in (home, project):
        each.mkdir(parents=True)
    venv.create(place, with_pip=True)
    programs = place / ("Scripts" if os.name == "nt" else "bin")
    kept = ("PYTHON", "VIRTUAL_ENV", "PIPECTL_", "AWS_")
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(kept)}
    environment = {**inherited, "PIPECTL_HOME": str(home), "NO_COLOR": "1"}

    def use(*words: str) -> str:
        return run(programs / "pipectl", *words, folder=project, environment=environment)

    pip = (programs / "python", "-m", "pip", "--disable-pip-version-check")
    run(*pip, "install", "--quiet", f"{wheel}[local]", folder=project, environment=environment)
    run(*pip, "check", folder=project, environment=environment)
    if version not in use("--version"):
        raise ReleaseError(f"`pipectl --version` does not print {version}")
    use("init", "--yes")
    use("config", "check")
    use("demo")


def steps(root: Path, dist: Path, work: Path) -> list[str]:
    """Make every step of a release. Return the problems."""
    require_archives_only(dist)
    version = version_of(root)
    changelog = (root / "CHANGELOG.md").read_text(encoding="utf-8")
    problems = list(changelog_problems(changelog, version, datetime.now(UTC).date()))
    problems += tag_problems(version, git(root, "tag", "--points-at", "HEAD").split(), git(root, "tag").split())
    if git(root, "status", "--porcelain"):
        print("note: the files of the last commit are built, without the changes that are not committed")
    epoch = git(root, "log", "-1", "--format=%ct")
    tree = work / "tree"
    timed("export of the last commit", lambda: export(root, tree))
    made = timed("build", lambda: build(tree, work / "first", epoch))
    again = timed("second build", lambda: build(tree, work / "second", epoch))
    if [sha256(path) for path in made] != [sha256(path) for path in again]:
        problems.append("two builds of the same commit have different bytes")
    problems += timed("check of the contents", lambda: list(archive_problems(made, version, (str(root), str(work)))))
    timed("twine check", lambda: run(sys.executable, "-m", "twine", "check", "--strict", *made, folder=work))
    wheel = next(path for path in made if path.suffix == ".whl")
    timed("installation, init and demo", lambda: try_out(wheel, version, work / "try"))
    if not problems:
        shutil.rmtree(dist, ignore_errors=True)
        shutil.copytree(work / "first", dist)
    return problems


def require_archives_only(folder: Path) -> None:
    """Refuse a folder with other files than archives: it is deleted and written again.

    Raises:
        ReleaseError: it has others, or is no folder.
    """
    if folder.exists() and not folder.is_dir():
        raise ReleaseError(f"{folder} is not a folder")
    for file in folder.iterdir() if folder.is_dir() else ():
        if not any(fnmatchcase(file.name, pattern) for pattern in _ARCHIVES):
            raise ReleaseError(f"{folder} has other files than archives, such as {file.name}: name another folder")


def archive_problems(archives: list[Path], version: str, places: tuple[str, ...]) -> Iterator[str]:
    """Yield what is wrong with the built archives, each with its name."""
    for path in archives:
        if path.suffix == ".whl":
            found = wheel_problems(read_wheel(path), version, places)
        else:
            found = content_problems(read_sdist(path), IN_SDIST, places)
        yield from (f"{path.name}: {problem}" for problem in found)


def timed(name: str, step: Callable[[], T]) -> T:
    start = time.monotonic()
    result = step()
    print(f"{name}: {time.monotonic() - start:.1f} s", flush=True)
    return result


def main(arguments: list[str]) -> int:
    dist = Path(arguments[0] if arguments else ROOT / "dist").resolve()
    with tempfile.TemporaryDirectory(prefix="release-") as work:
        try:
            problems = steps(ROOT, dist, Path(work).resolve())
        except ReleaseError as error:
            problems = [str(error)]
    for problem in problems:
        print(f"problem: {problem}")
    if problems:
        return 1
    for path in sorted(dist.iterdir()):
        print(f"{path.name}  {path.stat().st_size:,} bytes  SHA-256 {sha256(path)}")
    print(f"Nothing was published. CONTRIBUTING.md has the next steps for {version_of(ROOT)}.")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
