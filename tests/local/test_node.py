"""Node.js and the AWS SDK are found and linked; the error for a missing one names the command that installs it."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from pipectl.errors import LocalError
from pipectl.local import node


def sdk(prefix: Path, *names: str) -> Path:
    for name in names:
        (prefix / "node_modules" / name).mkdir(parents=True)
    return prefix


def error_of(prefix: Path, **where: object) -> LocalError:
    with pytest.raises(LocalError) as caught:
        node.find(prefix, **where)  # type: ignore[arg-type]
    return caught.value


def program(folder: Path, version: str) -> Path:
    """Return a program `node` that prints its version."""
    folder.mkdir()
    made = folder / "node"
    made.write_text(f"#!/bin/sh\necho {version}\n")
    made.chmod(0o755)
    return made


def test_without_nodejs_the_extra_is_named(tmp_path: Path) -> None:
    error = error_of(sdk(tmp_path, *node.SDK), binaries=[])
    assert "Node.js" in error.message
    assert error.hint == "pip install 'pipectl-aws[node]'"
    assert error.exit_code == 1


def test_an_old_nodejs_is_not_used(tmp_path: Path) -> None:
    old = program(tmp_path / "old", "v20.20.2")
    error = error_of(sdk(tmp_path, *node.SDK), binaries=[old])
    assert str(old) in error.message
    assert "v20.20.2" in error.message
    assert error.hint == "pip install 'pipectl-aws[node]'"


@pytest.mark.parametrize("there", [(), node.SDK[:1]])
def test_without_the_sdk_the_command_that_installs_it_is_named(there: tuple[str, ...], tmp_path: Path) -> None:
    error = error_of(sdk(tmp_path, *there), binaries=[program(tmp_path / "new", "v24.1.0")])
    assert str(tmp_path / "node_modules") in error.message
    assert all(name in error.message for name in node.SDK if name not in there)
    assert error.hint == f"npm install --prefix {tmp_path} {' '.join(node.SDK)}"


def test_the_first_that_is_new_enough_is_used(tmp_path: Path) -> None:
    old, new = program(tmp_path / "old", "v18.0.0"), program(tmp_path / "new", "v22.0.0")
    found = node.find(sdk(tmp_path, *node.SDK), binaries=[old, new])
    assert found == node.Node(new, tmp_path / "node_modules", "22.0.0")


def test_functions_find_what_is_provided(tmp_path: Path) -> None:
    for _ in range(2):
        node.provide(tmp_path)
    code = tmp_path / "tmp" / "function" / "code"
    code.mkdir(parents=True)
    (code / "handler.mjs").write_text('import { S3 } from "@aws-sdk/client-s3"; console.log(S3.name);')
    found = subprocess.run(
        [tmp_path / "bin" / "node", code / "handler.mjs"], capture_output=True, text=True, check=True, env=os.environ
    )
    assert found.stdout == "S3\n"
