"""The documents match the program: generated pages, command lines, and the layout of the code."""

from __future__ import annotations

import re
import shlex
import socket
import tomllib
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path

import pytest
from click.testing import CliRunner

from pipectl.cli.main import main as pipectl
from pipectl.config.loading import load
from pipectl.local import home, lifecycle
from pipectl.local.home import LocalEmulator
from tests.cli.test_confirming import GUARDED
from tests.support import DEV_CONFIG, ROOT, write_config
from tools import generate_docs

ACCOUNT = "500000000001"
pytestmark = pytest.mark.xdist_group("docs")  # `--local` uses one port of the machine
PAGES = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").rglob("*.md"))]


@pytest.mark.parametrize("page", generate_docs.PAGES)
def test_a_generated_page_equals_the_output_of_the_program(page: str) -> None:
    assert (ROOT / page).read_text() == generate_docs.PAGES[page](), "run `python tools/generate_docs.py`"


def shown_commands() -> list[str]:
    """Return every command line in code blocks and code spans of the documents, without comments."""
    shown: set[str] = set()
    for page in PAGES:
        if page.name in ("commands.md", "errors.md", "CHANGELOG.md", "benchmarks.md"):
            continue
        for number, part in enumerate(page.read_text().split("```")):
            in_block = number % 2
            if in_block and part.startswith(("text\n", "yaml\n")):
                continue  # an output or a workflow, see tests/test_runbook.py and tests/test_ci.py
            if in_block and page.name == "tutorial.md":
                continue  # see tests/e2e/test_tutorial_on_emulator.py
            pattern = r"^\s*(pipectl .+)$" if in_block else r"`(pipectl [^`\n]+)`"
            for text in re.findall(pattern, part, re.MULTILINE):
                shown.add(re.split(r"#| > | \| ", text)[0].strip())
    return sorted(shown)


@pytest.fixture(scope="module")
def pipeline(emulator: LocalEmulator) -> Iterator[dict[str, str]]:
    """Create a pipeline to run the command lines on. Return the environment variables that select it."""
    environment = {
        "AWS_ENDPOINT_URL": emulator.endpoint_url,
        "AWS_ACCESS_KEY_ID": ACCOUNT,
        "AWS_SECRET_ACCESS_KEY": "test",
        "PIPECTL_CONFIG": str(DEV_CONFIG),
    }
    result = CliRunner().invoke(pipectl, ["up", "--yes"], env=environment)
    assert result.exit_code == 0, result.output
    yield environment
    CliRunner().invoke(pipectl, ["down", "--yes", "--delete-data"], env=environment)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


LINES = shown_commands()
ORDER = {"ORDER": '{"amount": 12.50}', "events/order.json": str(ROOT / "scaffold" / "events" / "order.json")}
"""The words of the documents that stand for an order."""
LOCAL_LINES = [line for line in LINES if {"--local", "local"}.intersection(shlex.split(line))]


@pytest.mark.emulator
@pytest.mark.parametrize("line", [line for line in LINES if line not in LOCAL_LINES])
def test_every_command_line_of_the_docs_runs(
    line: str, pipeline: dict[str, str], configs: dict[str, str], tmp_path: Path
) -> None:
    files = configs | ORDER | {"DIR": str(tmp_path), "report.html": str(tmp_path / "report.html")}
    words = [files.get(word, word) for word in shlex.split(line)[1:]]
    if "init" in words:
        words += [str(tmp_path), "--yes"]
    _run(words, pipeline, allowed={"ID", "KEY", "VERSION", "rollback", "old.yaml", str(tmp_path)})


@pytest.mark.emulator
def test_every_local_command_line_of_the_docs_runs(pipeline: dict[str, str]) -> None:
    """Run them on one pipeline of an emulator on a free port; lines that delete or stop come last."""
    try:
        lifecycle.start(home.default_home(), port=_free_port())
        _run(["--local", "up", "--yes"], pipeline)
        for line in sorted(LOCAL_LINES, key=lambda line: (" stop" in line, " down" in line)):
            _run(_words(line, ORDER), pipeline)
    finally:
        lifecycle.stop(home.default_home())


@pytest.fixture(scope="module")
def configs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Write the config files that the documents name and the project does not have. Return the path of each."""
    folder, written = tmp_path_factory.mktemp("configs"), {}
    write_config(folder).rename(folder / "dev.yaml")
    for name, text in {"staging": "", "prod": "protect: true\n"}.items():
        file = folder / f"{name}.yaml"
        file.write_text(f"extends: dev.yaml\nenvironment: {name}\n{text}")
        written[f"config/{name}.yaml"] = str(file)
    return written


def _words(line: str, files: Mapping[str, str]) -> list[str]:
    """Return the words of a command line, with the files in place of their names."""
    return [files.get(word, word) for word in shlex.split(line)[1:]]


def _run(words: list[str], environment: dict[str, str], allowed: Collection[str] = ()) -> None:
    """Run a command line. It may find something to report, ask, or miss what an allowed word stands for."""
    if {"-f", "--follow", "--watch", "demo"}.intersection(words):
        words = [*words, "--help"]  # without it the command never ends; the demo runs in tests/cli/test_demo.py
    result = CliRunner().invoke(pipectl, words, env=environment)
    asks = "no terminal to confirm on" in result.stderr
    names_nothing = {*allowed}.intersection(words) and "Error:" in result.stderr
    assert result.exit_code in (0, 3, 4) or asks or names_nothing, (words, result.output)
    assert "Traceback" not in result.output


ENVIRONMENTS = (ROOT / "docs" / "environments.md").read_text()
SHOWN_CONFIGS = re.findall(r"^```yaml\n# config/(\w+)\.yaml\n(.*?)^```$", ENVIRONMENTS, re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize(("name", "text"), SHOWN_CONFIGS)
def test_a_config_of_the_page_of_environments_is_valid(name: str, text: str, tmp_path: Path) -> None:
    write_config(tmp_path).rename(tmp_path / "dev.yaml")
    file = tmp_path / f"{name}.yaml"
    file.write_text(text)
    config = load(file)
    assert (config.environment, config.protect) == (name, name == "prod")


def test_the_page_of_environments_has_the_commands_that_need_the_name() -> None:
    table = [line.split("|")[1] for line in ENVIRONMENTS.splitlines() if line.endswith("|") and "| yes |" in line]
    flags = [word for command in GUARDED for word in command if re.fullmatch(r"[a-z]+|--(?!keep).*", word)]
    assert [flag for flag in flags if flag not in " ".join(table)] == []


ARCHITECTURE = (ROOT / "docs" / "architecture.md").read_text()
PACKAGE = ROOT / "src" / "pipectl"


def test_every_path_of_the_architecture_exists() -> None:
    """A part in angle brackets, as in ``cli/<name>.py``, means any name."""
    named = set(re.findall(r"`([\w<>./-]+(?:\.py|\.toml|\.json|/))`", ARCHITECTURE))
    assert len(named) > 10
    patterns = {name: re.sub(r"<\w+>", "*", name).rstrip("/") for name in named}
    assert [name for name, pattern in patterns.items() if not [*PACKAGE.glob(pattern), *ROOT.glob(pattern)]] == []


def test_the_layout_of_the_architecture_has_every_package() -> None:
    layout = ARCHITECTURE.split("```")[1]
    drawn = set(re.findall(r"^  ([\w.]+?)/? ", layout, re.MULTILINE))
    packages = {path.name for path in PACKAGE.iterdir() if path.is_dir() and (path / "__init__.py").exists()}
    assert packages <= drawn
    assert all((PACKAGE / name).exists() for name in drawn)


def test_the_layers_of_the_architecture_are_those_of_import_linter() -> None:
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    (layers,) = [each["layers"] for each in contracts if each["name"].startswith("Layers")]
    drawn = [sorted(line.split(", ")) for line in ARCHITECTURE.split("```")[3].strip().splitlines()]
    assert drawn == [sorted(re.findall(r"\w+", layer)) for layer in layers if "__main__" not in layer]
