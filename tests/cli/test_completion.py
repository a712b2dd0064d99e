"""Completion: what is offered where, and the script in a shell."""

from __future__ import annotations

import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from pipectl.cli.main import COMMANDS
from pipectl.cli.shells import SHELLS
from pipectl.config.runtimes import supported
from tests.cli_support import pipectl


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with two configs that cannot be read, and AWS profiles."""
    (tmp_path / "config").mkdir()
    for name in ("dev.yaml", "prod.yaml", "schema.json"):
        (tmp_path / "config" / name).write_text("environment: [\n")
    (tmp_path / "events").mkdir()
    (tmp_path / "events" / "order.json").touch()
    (tmp_path / "config" / "base.yaml").write_text("team: shop\n")
    (tmp_path / "aws-config").write_text("[default]\n[profile ops]\n[sso-session company]\n[profile \x1b]\n")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "aws-config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def offered(monkeypatch: pytest.MonkeyPatch, words: list[str], shell: str = "bash") -> list[list[str]]:
    """Return type, value and help of each completion of the last word."""
    typed = words[-1] if shell == "fish" else str(len(words) - 1)
    monkeypatch.setenv("COMP_WORDS", "\n".join(words))
    monkeypatch.setenv("COMP_CWORD", typed)
    monkeypatch.setenv("_PIPECTL_COMPLETE", shell)
    result = pipectl()
    assert (result.exit_code, result.stderr) == (0, "")
    return [line.split("\t") for line in result.stdout.splitlines() if line]


def values(monkeypatch: pytest.MonkeyPatch, line: str, shell: str = "bash") -> list[str]:
    """Return the values offered for the end of a line, in which ``|`` separates words that bash separates."""
    return [item[1] for item in offered(monkeypatch, line.replace("|", " ").split(" "), shell)]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("pipectl re", ["replay-dlq", "report", "resume"]),
        ("pipectl -c config/dev.yaml --local sta", ["status"]),
        ("pipectl audit re", ["resolve"]),
        ("pipectl --profile ops audit list --st", ["--status"]),
        ("pipectl audit list --status RE", ["REPLAYED", "RESOLVED"]),
        ("pipectl plan --exit", ["--exit-code"]),
        ("pipectl up --adopt", ["--adopt"]),
        ("pipectl up --adopt b", ["bucket"]),
        (
            "pipectl up --adopt bucket --adopt audito",
            ["auditor-role", "auditor", "auditor-errors-alarm", "auditor-log-group"],
        ),
        ("pipectl -o j", ["json"]),
        ("pipectl plan -o m", ["markdown"]),
        ("pipectl status -o m", []),
        ("pipectl plan --output|=|j", ["json"]),
        ("pipectl plan --output|=|json --exit", ["--exit-code"]),
        ("pipectl demo --runtime ", supported()),
        ("pipectl permissions o", ["on-call"]),
        ("pipectl logs ", ["processor", "auditor"]),
        ("pipectl -c ", ["config/dev.yaml", "config/prod.yaml"]),
        ("pipectl status -c config/p", ["config/prod.yaml"]),
        ("pipectl --profile ", ["default", "ops"]),
        ("pipectl plan --region ca-", ["ca-central-1", "ca-west-1"]),
        ("pipectl help ", list(COMMANDS)),
        ("pipectl help audit s", ["show", "stats"]),
        ("pipectl help up ", []),
        ("pipectl completion ", list(SHELLS)),
        ("pipectl init --region ca-w", ["ca-west-1"]),
        ("pipectl --local send ", ["events/order.json"]),
        ("pipectl trace ", []),
        ("pipectl --unknown pl", ["plan"]),
        ("pipectl help unknown ", []),
    ],
)
def test_what_is_offered(line: str, expected: list[str], project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert values(monkeypatch, line) == expected


@pytest.mark.parametrize(
    ("line", "kind"),
    [
        ("pipectl -c ../o", "file"),
        ("pipectl send ./o", "file"),
        ("pipectl template --package b", "dir"),
        ("pipectl replay-dlq --from ", "dir"),
    ],
)
def test_paths_are_completed_by_the_shell(line: str, kind: str, project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert [item[0] for item in offered(monkeypatch, line.split(" "))] == [kind]


@pytest.mark.parametrize("shell", ["zsh", "fish"])
def test_options_have_their_help(shell: str, monkeypatch: pytest.MonkeyPatch) -> None:
    (item,) = offered(monkeypatch, ["pipectl", "plan", "--exit"], shell)
    assert item == ["plain", "--exit-code", "Exit with 3 when there are changes."]


def test_fish_replaces_the_whole_word(monkeypatch: pytest.MonkeyPatch) -> None:
    assert values(monkeypatch, "pipectl plan --output=j", "fish") == ["--output=json"]


@pytest.mark.parametrize("shell", ["csh", "bash_complete", ""])
def test_an_unknown_shell_is_offered_nothing(shell: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("_PIPECTL_COMPLETE", shell or "tcsh")
    result = pipectl("--version")
    assert (result.exit_code, result.output) == (0, "")


def test_nothing_is_offered_that_a_command_does_not_take(monkeypatch: pytest.MonkeyPatch) -> None:
    assert values(monkeypatch, "pipectl local status --p") == []
    assert values(monkeypatch, "pipectl list --p") == ["--profile"]


def test_a_missing_shell_is_a_usage_error_with_the_shells_on_one_line() -> None:
    result = pipectl("completion")
    assert result.exit_code == 2
    assert "Choose from: bash, zsh, fish\n" in result.stderr


@pytest.mark.parametrize("shell", SHELLS)
def test_the_script_is_valid(shell: str, tmp_path: Path) -> None:
    script = pipectl("completion", shell).stdout
    (tmp_path / "script").write_text(script)
    if found := shutil.which(shell):
        done = subprocess.run([found, "-n", tmp_path / "script"], capture_output=True, text=True, check=False)
        assert (done.returncode, done.stderr) == (0, "")
    assert "pipectl" in script


def complete_in_bash(words: list[str], folder: Path, script: str) -> tuple[list[str], str]:
    """Return what bash would offer, and stderr. Beside the script runs a `pipectl` of this interpreter."""
    program = folder / "pipectl"
    program.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -m pipectl "$@"\n')
    program.chmod(0o755)
    quoted = " ".join(map(shlex.quote, words))
    code = f'{script}\nCOMP_WORDS=({quoted}) COMP_CWORD={len(words) - 1}\n_pipectl_completion "{program}"\n'
    done = subprocess.run(
        ["/bin/bash", "--norc", "-c", code + 'printf "%s\\n" "${COMPREPLY[@]}"'],
        capture_output=True,
        text=True,
        check=False,
        cwd=folder,
    )
    return done.stdout.split("\n")[:-1], done.stderr


def test_bash_completes_with_the_script(project: Path) -> None:
    (project / "config" / "my file.yaml").write_text("extends: dev.yaml\n")
    script = pipectl("completion", "bash").stdout
    assert complete_in_bash(["pipectl", "-c", "config/m"], project, script) == (["config/my\\ file.yaml"], "")


def test_an_older_bash_gets_a_message_and_no_completion(project: Path) -> None:
    script = pipectl("completion", "bash").stdout
    assert "BASH_VERSINFO[0] > 4" in script
    old = script.replace("BASH_VERSINFO[0]", "3").replace("BASH_VERSINFO[1]", "2")
    code = f"{old}\ncomplete -p pipectl"
    done = subprocess.run(["/bin/bash", "--norc", "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (1, "")
    assert "completion needs bash 4.4 or later" in done.stderr


def test_a_program_that_fails_prints_nothing_in_bash(project: Path) -> None:
    script = pipectl("completion", "bash").stdout.replace('"$1"', '"$1-that-is-missing"')
    assert complete_in_bash(["pipectl", "pl"], project, script) == ([""], "")
