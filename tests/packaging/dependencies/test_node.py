"""Packages of `package.json`: what npm is asked to install, and what of it is packaged."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pipectl.errors import PackageProblem
from tests.packaging.dependencies.fakes import NODE_FILES, Machine
from tests.packaging.folders import names, write

INSTALLED = ["node_modules/fast/index.js", "node_modules/fast/package.json"]


def test_the_package_has_the_handler_and_node_modules_without_scripts_and_notes(node_machine: Machine) -> None:
    assert names(node_machine.build()) == ["handler.mjs", *INSTALLED, "package.json"]


@pytest.mark.parametrize(("architecture", "cpu"), [("arm64", "arm64"), ("x86_64", "x64")])
def test_packages_are_for_linux_and_the_architecture(architecture: str, cpu: str, node_machine: Machine) -> None:
    node_machine.build(architecture=architecture)
    ((_, verb, *options),) = node_machine.installer.commands
    assert verb == "install"
    assert {"--os=linux", f"--cpu={cpu}", "--libc=glibc", "--omit=dev", "--ignore-scripts"} <= set(options)


def test_packages_for_the_emulator_are_for_this_machine(node_machine: Machine) -> None:
    node_machine.build(local=True)
    assert not [option for option in node_machine.installer.commands[0] if option.startswith(("--os", "--cpu"))]


@pytest.mark.parametrize("lock", ["package-lock.json", "npm-shrinkwrap.json"])
def test_a_lock_file_is_installed_exactly(lock: str, node_machine: Machine) -> None:
    write(node_machine.folder, {lock: "{}", ".npmrc": "registry=https://host.invalid"})
    seen: dict[str, str] = {}

    def look(folder: Path) -> None:
        seen.update({path.name: path.read_text() for path in folder.iterdir() if path.is_file()})

    node_machine.installer.files = {name: text for name, text in NODE_FILES.items() if "/" in name}
    node_machine.installer.meanwhile = look
    package = node_machine.build()
    assert node_machine.installer.commands[0][1] == "ci"
    assert seen == {
        "package.json": '{"dependencies": {"fast": "^1"}}',
        lock: "{}",
        ".npmrc": "registry=https://host.invalid",
    }
    assert ".npmrc" not in names(package)
    assert [warning for warning in package.warnings if "differ" in warning] == []


@pytest.mark.parametrize("name", ["package.json", "package-lock.json"])
def test_credentials_in_an_address_are_refused(name: str, node_machine: Machine) -> None:
    write(node_machine.folder, {name: '{"dependencies": {\n"fast": "git+https://me:secret@host.invalid/x.git"}}'})
    error = node_machine.fails()
    assert (error.problem, error.path) == (PackageProblem.SECRETS, str(node_machine.folder / f"{name}:2"))
    assert "secret@" not in error.message


def test_a_package_that_was_not_installed_is_an_error(node_machine: Machine) -> None:
    write(node_machine.folder, {"package.json": '{"dependencies": {"fast": "1", "@me/other": "1"}}'})
    assert node_machine.fails().problem is PackageProblem.NOT_INSTALLED
    write(node_machine.folder, {"package.json": '{"dependencies": {"fast": "1"}, "optionalDependencies": {"x": "1"}}'})
    assert "node_modules/fast/index.js" in names(node_machine.build())


def test_without_a_lock_file_one_warning_reports_that_versions_can_differ(node_machine: Machine) -> None:
    package = node_machine.build()
    assert "no package-lock.json" in str(package.unpinned)
    assert package.unpinned not in package.warnings


def test_install_scripts_are_not_run_and_their_packages_are_named(node_machine: Machine) -> None:
    for _ in ("installed", "cached"):
        assert "package.json: the install scripts of fast were not run" in node_machine.build().warnings


def test_node_modules_of_the_folder_are_not_packaged_and_not_even_read(node_machine: Machine) -> None:
    modules = write(node_machine.folder / "node_modules", {"fast/index.js": "for this laptop", "typescript/tsc.js": ""})
    (modules / "loop").symlink_to(modules)
    assert names(node_machine.build()) == ["handler.mjs", *INSTALLED, "package.json"]


@pytest.mark.parametrize("package", ['{"type": "module"}', '{"devDependencies": {"c": "1"}}', '{"dependencies": {}}'])
def test_without_dependencies_node_modules_are_packaged_as_they_are(package: str, node_machine: Machine) -> None:
    write(node_machine.folder, {"package.json": package, "node_modules/own/index.js": ""})
    node_machine.programs = ()
    assert "node_modules/own/index.js" in names(node_machine.build())


def test_a_damaged_list_of_installed_packages_is_no_error(node_machine: Machine) -> None:
    for text in ("[", "[]", '{"packages": []}', '{"packages": {"x": 1}}'):
        write(node_machine.folder, {"package.json": json.dumps({"dependencies": {"fast": text}})})
        node_machine.installer.files = {**NODE_FILES, "node_modules/.package-lock.json": text}
        assert not [each for each in node_machine.build().warnings if "scripts" in each]


@pytest.mark.parametrize(
    ("name", "text", "line"),
    [
        ("package.json", '{\n"dependencies": {', ":2"),
        ("package.json", "[]", ""),
        ("package.json", '{"dependencies": []}', ""),
        ("package.json", '{"dependencies": {"fast": 1}}', ""),
        ("package.json", "[" * 100_000, ""),
        ("package-lock.json", '{\n\n"a"', ":3"),
        ("package-lock.json", "null", ""),
    ],
)
def test_an_invalid_file_is_refused_with_its_line(name: str, text: str, line: str, node_machine: Machine) -> None:
    write(node_machine.folder, {name: text})
    error = node_machine.fails()
    assert (error.problem, error.path) == (PackageProblem.MANIFEST, f"{node_machine.folder}/{name}{line}")


@pytest.mark.parametrize("version", ["file:../lib", "link:../lib", "workspace:*", "../lib", "./lib", "~/lib", "/lib"])
def test_a_folder_of_this_machine_is_refused(version: str, node_machine: Machine) -> None:
    write(node_machine.folder, {"package.json": json.dumps({"optionalDependencies": {"lib": version}})})
    assert node_machine.fails().problem is PackageProblem.UNSUPPORTED
