"""Installed packages that differ: named with their versions instead of all their files."""

from __future__ import annotations

from collections.abc import Mapping

from pipectl.review.code import compare, created
from pipectl.review.model import CodeChange, PackageChange
from tests.review.zips import zipped

HANDLER = {"handler.py": b"import fast\n"}


def python(version: str, content: bytes = b"1", name: str = "fast", *more: str) -> dict[str, bytes]:
    record = f"{name}-{version}.dist-info/RECORD"
    listed = "".join(f"{file},,\n" for file in (f"{name}/__init__.py", record, *more))
    return {f"{name}/__init__.py": content, record: listed.encode()}


def node(place: str, version: str) -> dict[str, bytes]:
    text = f'{{"version": "{version}"}}'.encode()
    return {f"{place}/package.json": text, f"{place}/index.js": version.encode()}


def compared(before: Mapping[str, bytes], after: Mapping[str, bytes]) -> CodeChange:
    return compare(zipped(before), zipped(after))


def test_another_version_is_one_change() -> None:
    found = compared(HANDLER | python("1.0"), HANDLER | python("2.0", b"2"))
    assert found == CodeChange(packages=(PackageChange("fast", "1.0", "2.0", 3),))


def test_packages_that_are_added_removed_or_built_again() -> None:
    before = HANDLER | python("1.0") | python("3", name="gone")
    after = HANDLER | python("1.0", b"other") | python("4", name="new")
    assert compared(before, after).packages == (
        PackageChange("fast", "1.0", "1.0", 1),
        PackageChange("gone", "3", None, 2),
        PackageChange("new", None, "4", 2),
    )


def test_files_of_the_handler_keep_their_lines() -> None:
    found = compared(HANDLER | python("1.0"), {"handler.py": b"import fast, os\n"} | python("2.0"))
    assert [(file.name, file.added) for file in found.files] == [("handler.py", 1)]
    assert found.packages == (PackageChange("fast", "1.0", "2.0", 2),)


def test_packages_of_node_are_found_by_their_folders() -> None:
    deep = "node_modules/@scope/a/node_modules/b"
    before = node("node_modules/@scope/a", "1") | node(deep, "1") | node("node_modules/b", "2")
    after = node("node_modules/@scope/a", "2") | node(deep, "3") | node("node_modules/b", "2")
    assert compared(before, after).packages == (PackageChange("@scope/a", "1", "2", 2), PackageChange("b", "1", "3", 2))


def test_a_first_deployment_names_the_packages_and_lists_the_own_files() -> None:
    found = created(zipped(HANDLER | python("1.0") | node("node_modules/x", "")))
    assert [file.name for file in found.files] == ["handler.py"]
    assert found.packages == (PackageChange("fast", None, "1.0", 2), PackageChange("x", None, "", 2))


def test_the_deployed_package_cannot_hide_a_change_of_the_handler() -> None:
    deployed = {"handler.py": b"evil\n"} | python("1.0", b"1", "fast", "handler.py", "./handler.py")
    found = compared(deployed, HANDLER | python("1.0"))
    assert [file.name for file in found.files] == ["handler.py"]


def test_a_damaged_list_of_files_hides_nothing() -> None:
    for record in (b"\xff\x00", b'"' * 200_000, b"a" * 200_000):
        found = compared(HANDLER, HANDLER | {"fast/__init__.py": b"1", "fast-1.dist-info/RECORD": record})
        assert [file.name for file in found.files] == ["fast-1.dist-info/RECORD", "fast/__init__.py"]
    for text in (b"[", b"[]", b'{"version": 1}', b"[" * 100_000):
        found = compared(HANDLER, HANDLER | {"node_modules/x/package.json": text})
        assert found.packages == (PackageChange("x", None, "", 1),)
