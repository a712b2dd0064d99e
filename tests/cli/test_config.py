"""`config` on the command line, and errors of the config."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.cli_support import document, error, pipectl
from tests.packaging.folders import FILES, write
from tests.support import write_config


def test_a_config_error_names_file_line_and_key(tmp_path: Path) -> None:
    file = write_config(tmp_path, {"processor": {"memory": 1}})
    result = pipectl("-c", file, "config", "check")
    assert (result.exit_code, result.stdout) == (2, "")
    assert f"{file}:" in result.stderr
    assert "processor.memory: is 1; allowed are 128 to 10240" in result.stderr


def test_the_hint_of_a_missing_config_names_the_variable(tmp_path: Path) -> None:
    result = pipectl("-c", tmp_path / "none.yaml", "plan")
    assert result.exit_code == 2
    assert "PIPECTL_CONFIG" in result.stderr


def test_an_error_as_json_lists_every_problem(tmp_path: Path) -> None:
    file = write_config(tmp_path, {"processor": {"memory": 1}, "team": "No"})
    result = pipectl("-c", file, "-o", "json", "plan")
    assert [problem["key"] for problem in error(result)["problems"]] == ["team", "processor.memory"]
    assert {"file", "line", "key", "message"} == error(result)["problems"][0].keys()


@pytest.mark.parametrize("options", [(), ("-o", "json")])
def test_a_file_name_that_is_not_unicode_is_written_with_escapes(options: tuple[str, ...], tmp_path: Path) -> None:
    file = write_config(tmp_path).rename(tmp_path / os.fsdecode(b"\xff.yaml"))
    result = pipectl("-c", file, *options, "config", "check")
    assert result.exit_code == 0
    assert "\\udcff.yaml" in result.stdout
    assert not options or document(result)["file"] == str(file)


def test_config_check_reads_requirements_and_installs_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = write(tmp_path / "processor", {**FILES, "requirements.txt": "fast==1.2\n"})
    file = write_config(tmp_path, {"processor": {"source": str(folder), "handler": "handler.handler"}})
    monkeypatch.setenv("PATH", "")
    result = pipectl("-c", file, "config", "check")
    assert result.exit_code == 0
    assert f"`pipectl -c {file} plan` installs them" in result.stderr
    assert document(pipectl("-c", file, "-o", "json", "config", "check"))["packages"]["processor"]["missing"]
    write(folder, {"requirements.txt": "fast==1.2\n-e .\n"})
    found = error(pipectl("-c", file, "-o", "json", "config", "check"))
    assert (found["problem"], found["path"]) == ("unsupported-requirement", f"{folder}/requirements.txt:2")


def test_config_show_is_a_valid_config_with_every_default(file: Path, tmp_path: Path) -> None:
    shown = pipectl("-c", file, "config", "show").stdout
    again = tmp_path / "again.yaml"
    again.write_text(shown)
    assert pipectl("-c", again, "config", "show").stdout == shown
    assert "starting_position: TRIM_HORIZON" in shown


def test_config_show_of_an_overlay_is_the_merged_config_with_places(tmp_path: Path) -> None:
    (tmp_path / "shared").mkdir()
    base = write_config(tmp_path, {"processor": {"source": "code"}}).rename(tmp_path / "shared" / "base.yaml")
    file = tmp_path / "prod.yaml"
    file.write_text("extends: shared/base.yaml\nenvironment: prod\nprocessor:\n  memory: 512\n")
    shown = pipectl("-c", file, "config", "show").stdout
    assert f"environment: prod  # {file}:2\n" in shown
    assert f"  memory: 512  # {file}:4\n" in shown
    assert f"team: backend  # {base}:" in shown
    again = tmp_path / "again.yaml"
    again.write_text(shown)
    assert document(pipectl("-c", again, "-o", "json", "config", "show")) == document(
        pipectl("-c", file, "-o", "json", "config", "show")
    )


def test_config_check_names_the_files_that_are_extended(tmp_path: Path) -> None:
    base = write_config(tmp_path).rename(tmp_path / "base.yaml")
    file = tmp_path / "prod.yaml"
    file.write_text("extends: base.yaml\nenvironment: prod\n")
    found = document(pipectl("-c", file, "-o", "json", "config", "check"))
    assert (found["file"], found["extends"]) == (str(file), [str(base)])
    assert document(pipectl("-c", base, "-o", "json", "config", "check"))["extends"] == []
