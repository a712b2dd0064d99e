"""Functions on the local emulator import the packages that their manifest names."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pipectl.local.home import LocalEmulator
from pipectl.packaging.build import Source, build
from pipectl.packaging.dependencies.target import Target
from pipectl.packaging.dependencies.tools import Tools
from tests.local.small_pipeline import Pipeline
from tests.packaging.dependencies.registries import online
from tests.packaging.folders import write

pytestmark = [pytest.mark.emulator, pytest.mark.slow]

PYTHON = """
from pydantic import BaseModel
class Order(BaseModel):
    amount: int
def handler(event, context):
    return [Order(amount="5").amount, BaseModel.__module__, __import__("pydantic").__file__]
"""
NODEJS = """
import pad from "left-pad";
export const handler = async () => [pad("5", 3), import.meta.resolve("left-pad")];
"""


def invoked(emulator: LocalEmulator, folder: Path, runtime: str) -> list[object]:
    """Return the answer of a function whose packages are installed for this machine."""
    language = "python" if runtime.startswith("python") else "nodejs"
    source = Source(folder, "index.handler", language, Target(runtime, "arm64", local=True))
    package = online(lambda: build(source, Tools(cache=folder.parent / "cache")))
    client = Pipeline(emulator, runtime=runtime, mapping={"Enabled": False}).client("lambda")
    client.update_function_code(FunctionName="processor", ZipFile=package.body)
    answer: list[object] = json.loads(client.invoke(FunctionName="processor")["Payload"].read())
    return answer


def test_pydantic_in_python(emulator: LocalEmulator, tmp_path: Path) -> None:
    folder = write(tmp_path / "processor", {"index.py": PYTHON, "requirements.txt": "pydantic==2.12.4\n"})
    amount, module, file = invoked(emulator, folder, "python3.14")
    assert (amount, module) == (5, "pydantic.main")
    assert str(emulator.home) in str(file)


def test_a_package_in_nodejs(emulator_nodejs: LocalEmulator, tmp_path: Path) -> None:
    files = {"index.mjs": NODEJS, "package.json": '{"dependencies": {"left-pad": "1.3.0"}}'}
    padded, file = invoked(emulator_nodejs, write(tmp_path / "processor", files), "nodejs24.x")
    assert padded == "  5"
    assert "node_modules/left-pad" in str(file)
