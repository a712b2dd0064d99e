"""The tutorial, command by command: the local ones on an emulator of its own, those for AWS on the shared one."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from zipfile import ZipFile

import pytest

from pipectl.local import home, lifecycle
from pipectl.local.home import LocalEmulator
from tests.cli_support import environment, pipectl
from tests.support import PATIENCE, ROOT, new_account

pytestmark = pytest.mark.emulator

PAGE = (ROOT / "docs" / "tutorial.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```(sh|python)\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
ELSEWHERE = {
    "python3 -m venv .venv",
    ". .venv/bin/activate",
    "pip install 'pipectl-aws[local,uv]'",
    "pipectl demo",
    "pip install pytest",
    "pip install -r lambda_src/python/processor/requirements.txt",
}
"""Lines that install, and the demo: `test_wheel_on_emulator` does that."""
TYPED = {"init": "\n" * 5, "up": "y\n", "replay-dlq": "y\n", "down": "dev\n"}
"""The answers to the questions of a command."""
CODES = {"pipectl --local send events/invalid-order.json": 1}
HANDLER = Path("lambda_src/python/processor/handler.py")


@pytest.fixture
def machine(emulator: LocalEmulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty folder, AWS, and an index of packages that needs no network."""
    wheel = tmp_path / "index" / "text_unidecode-1.3-py3-none-any.whl"
    wheel.parent.mkdir()
    with ZipFile(wheel, "w") as file:  # in place of the real package
        info = "text_unidecode-1.3.dist-info"
        file.writestr("text_unidecode/__init__.py", "def unidecode(text):\n    return text\n")
        file.writestr(f"{info}/METADATA", "Metadata-Version: 2.1\nName: text-unidecode\nVersion: 1.3\n")
        file.writestr(
            f"{info}/WHEEL", "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        file.writestr(
            f"{info}/RECORD", f"text_unidecode/__init__.py,,\n{info}/METADATA,,\n{info}/WHEEL,,\n{info}/RECORD,,\n"
        )
    settings = {
        "UV_NO_INDEX": "1",
        "UV_FIND_LINKS": str(wheel.parent),
        "PIPECTL_CACHE": str(tmp_path / "cache"),
        "AWS_ENDPOINT_URL": emulator.endpoint_url,
        "AWS_ACCESS_KEY_ID": new_account(),
        "AWS_SECRET_ACCESS_KEY": "test",
    }
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    (folder := tmp_path / "empty").mkdir()
    monkeypatch.chdir(folder)
    yield folder
    lifecycle.stop(home.default_home())


def run(line: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """Run one line of the page, and return what it prints."""
    words = shlex.split(line)
    if words[0] == "pipectl":
        typed = next((TYPED[word] for word in words if word in TYPED and "--environment" not in words), None)
        result = pipectl(*words[1:], answers=typed)
        assert result.exit_code == CODES.get(line, 0), f"{line}\n{result.output}"
        return result.output
    if words[0] == "cd":
        monkeypatch.chdir(words[1])
        return ""
    if words[0] == "pytest":
        line = f"{shlex.quote(sys.executable)} -m pytest -p no:cacheprovider"
    command = ["sh", "-c", line]
    done = subprocess.run(
        command,
        check=True,
        env=environment(),
        timeout=PATIENCE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    return done.stdout


def replace_enrich(code: str) -> None:
    text = HANDLER.read_text(encoding="utf-8")
    HANDLER.write_text(
        re.sub(r"^def enrich\(.*?(?=^\S)", lambda _: f"{code}\n\n", text, flags=re.MULTILINE | re.DOTALL)
    )


@pytest.mark.timeout(170)
def test_every_command_of_the_tutorial_runs(machine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    printed = {}
    for kind, block in BLOCKS:
        if kind == "python":
            replace_enrich(block)
            continue
        for line in (line.partition("    # ")[0] for line in block.splitlines()):
            if line not in ELSEWHERE:
                printed[line] = run(line, monkeypatch)
    assert '"status": "LARGE"' in printed["""pipectl --local send '{"customer": "Ada", "amount": 2500}'"""]
    assert '"label": "Ada"' in printed["pipectl --local send events/order.json"]
    assert "amount must be a number" in printed["pipectl --local audit list"]
    assert "prod" in printed["pipectl -c config/prod.yaml plan"]
    assert Path.cwd() == machine / "orders"
