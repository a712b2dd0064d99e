"""Requirements that are read, and those that are refused with their line."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from pipectl.errors import PackageError, PackageProblem
from pipectl.packaging.dependencies.requirements import read
from tests.packaging.folders import write


def required(folder: Path, files: dict[str, str]) -> set[str]:
    manifest = read(write(folder, files))
    assert manifest
    return set(manifest.required)


def test_names_are_read_with_extras_versions_markers_and_comments(tmp_path: Path) -> None:
    text = "\ufeff# tools\nrequests[socks]>=2,<3  # http\n\nRuamel.YAML;os_name<'x'\nsix (==1.16)\n--no-index\n"
    assert required(tmp_path, {"requirements.txt": text}) == {"requests", "ruamel-yaml", "six"}


def test_included_files_are_read_and_are_a_part_of_the_manifest(tmp_path: Path) -> None:
    files = {
        "requirements.txt": "-r more/base.txt\n-cpins.txt\n",
        "more/base.txt": "six\n--requirement=../last.txt\n",
        "pins.txt": "six==1.16\nunused==1\n",
        "last.txt": "attrs\n-r requirements.txt\n",
    }
    assert required(tmp_path, files) == {"six", "attrs"}
    manifest = read(tmp_path)
    assert manifest
    assert (set(manifest.texts), set(manifest.pinned)) == (set(files), {"six", "unused"})


@pytest.mark.parametrize("text", ["", "# none\n", "--no-index\n", "-c pins.txt\n"])
def test_no_manifest_without_packages(text: str, tmp_path: Path) -> None:
    assert read(write(tmp_path, {"requirements.txt": text, "pins.txt": "six==1"})) is None


WHEEL = "https://host.invalid/six-1.16.0-py2.py3-none-any.whl"


@pytest.mark.parametrize("text", [f"six @ {WHEEL}", f"six@{WHEEL}#sha256=abc", f"six @ {WHEEL} ; python_version > '3'"])
def test_the_address_of_a_wheel_is_installed(text: str, tmp_path: Path) -> None:
    assert required(tmp_path, {"requirements.txt": text}) == {"six"}


@pytest.mark.parametrize(
    "line",
    [
        *("-e .", "--editable ./lib", "./lib", "../lib", "/abs/lib", "lib/", ".", "file:///lib", "C:\\lib"),
        *("lib.whl", "dist/lib-1.tar.gz", "git+https://host.invalid/lib.git", "lib @ git+ssh://git@host.invalid/lib"),
        *("lib @ file:///lib.whl", "lib @ https://host.invalid/lib-1.tar.gz", WHEEL, "-f ./wheels"),
        *("-r https://host.invalid/r.txt", "-r ../shared.txt", "-c /abs/pins.txt"),
        *("--no-binary :all:", "--no-binary=six"),
    ],
)
def test_what_would_be_built_or_read_from_elsewhere_is_refused(line: str, tmp_path: Path) -> None:
    assert refusal(tmp_path, f"six==1\n{line}\n") == (PackageProblem.UNSUPPORTED, f"{tmp_path}/requirements.txt:2")


@pytest.mark.parametrize(
    "line", ["!!!", "six 1.16", "six]", "-r missing.txt", "--frobnicate", "-x", "==1.0", "\udcff", "<<<<<<< HEAD"]
)
def test_an_invalid_line_is_refused(line: str, tmp_path: Path) -> None:
    (tmp_path / "requirements.txt").write_bytes(f"six \\\n  ==1\n{line}\n".encode(errors="surrogateescape"))
    assert refusal(tmp_path) == (PackageProblem.MANIFEST, f"{tmp_path}/requirements.txt:3")


@pytest.mark.parametrize("user", ["me:secret", "token", ":secret", "${NAME}:secret", "me:a/secret"])
def test_credentials_in_an_address_are_refused_and_not_shown(user: str, tmp_path: Path) -> None:
    write(tmp_path, {"requirements.txt": f"--index-url https://{user}@host.invalid/simple\nsix\n"})
    with pytest.raises(PackageError) as caught:
        read(tmp_path)
    assert caught.value.problem is PackageProblem.SECRETS
    assert "secret@" not in caught.value.message


def test_credentials_in_a_comment_are_refused(tmp_path: Path) -> None:
    assert refusal(tmp_path, "six\n# -i https://me:secret@host.invalid\n")[0] is PackageProblem.SECRETS


def test_a_token_in_an_address_is_refused(tmp_path: Path) -> None:
    found, _ = refusal(tmp_path, "--index-url https://host.invalid/simple?a=b&X-Amz-Signature=ab12\nsix\n")
    assert found is PackageProblem.SECRETS


@pytest.mark.parametrize(
    "address",
    ["${USER_NAME}:${TOKEN}@host.invalid/simple", "host.invalid:8080/@me/simple", "host.invalid?token=${TOKEN}"],
)
def test_variables_and_ports_in_an_address_are_not_refused(address: str, tmp_path: Path) -> None:
    assert required(tmp_path, {"requirements.txt": f"--index-url https://{address}\nsix\n"}) == {"six"}


def test_a_line_of_many_parts_and_a_long_line_end_in_time(tmp_path: Path) -> None:
    start = time.monotonic()
    assert required(tmp_path, {"requirements.txt": "six==1 " + "\\\n" * 300_000}) == {"six"}
    assert refusal(tmp_path, "a" * 1_000_000)[0] is PackageProblem.MANIFEST
    assert time.monotonic() - start < 10


def test_too_many_and_too_large_files_are_refused(tmp_path: Path) -> None:
    assert refusal(tmp_path, "#" * (1024 * 1024 + 1))[0] is PackageProblem.MANIFEST
    write(tmp_path, {f"r{at}.txt": f"-r r{at + 1}.txt\n" for at in range(30)})
    assert refusal(tmp_path, "-r r0.txt\n")[0] is PackageProblem.MANIFEST


def refusal(folder: Path, text: str | None = None) -> tuple[PackageProblem, str]:
    if text is not None:
        write(folder, {"requirements.txt": text})
    with pytest.raises(PackageError) as caught:
        read(folder)
    assert caught.value.hint
    return caught.value.problem, caught.value.path
