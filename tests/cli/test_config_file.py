"""The config file of a command that names none, and the hints when there is none, or several."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipectl.cli.config_file import DEFAULT_FILE, Origin, find
from pipectl.errors import UsageError
from tests.cli_support import document, error, pipectl
from tests.support import write_config

OVERLAY = "extends: base.yaml\nenvironment: {}\n"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working folder."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def config(folder: Path, name: str, text: str | None = None) -> Path:
    (folder / "config").mkdir(exist_ok=True)
    file = folder / "config" / name
    if text is None:
        write_config(folder).rename(file)
    else:
        file.write_text(text)
    return Path("config") / name


def checked() -> str:
    """Return the file that `config check` checks."""
    result = pipectl("-o", "json", "config", "check")
    assert result.exit_code == 0, result.stderr
    return str(document(result)["file"])


def test_an_option_wins_over_the_variable_and_the_variable_over_the_default(folder: Path) -> None:
    config(folder, "dev.yaml")
    assert find("a.yaml", "b.yaml").path == Path("a.yaml")
    assert find(None, "b.yaml").path == Path("b.yaml")
    assert find(None, None).path == DEFAULT_FILE


def test_an_empty_variable_counts_as_none(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config(folder, "dev.yaml")
    monkeypatch.setenv("PIPECTL_CONFIG", "")
    assert checked() == "config/dev.yaml"


def test_an_empty_option_is_refused(folder: Path) -> None:
    """A script with a variable that is not set must not work on the default environment."""
    config(folder, "dev.yaml")
    with pytest.raises(UsageError):
        find("", None)
    result = pipectl("-c", "", "-o", "json", "plan")
    assert (result.exit_code, error(result)["code"]) == (2, "Usage")


@pytest.mark.parametrize("name", ["prod.yaml", "prod.yml"])
def test_the_only_config_is_found(name: str, folder: Path) -> None:
    config(folder, name)
    config(folder, "schema.json", "{}")
    assert checked() == f"config/{name}"


def test_the_default_wins_over_others(folder: Path) -> None:
    config(folder, "prod.yaml")
    config(folder, "dev.yaml")
    assert checked() == "config/dev.yaml"


def test_a_base_is_not_the_config_of_an_environment(folder: Path) -> None:
    config(folder, "base.yaml")
    config(folder, "prod.yaml", OVERLAY.format("prod"))
    assert checked() == "config/prod.yaml"


def test_several_configs_are_named(folder: Path) -> None:
    config(folder, "base.yaml")
    config(folder, "prod.yaml", OVERLAY.format("prod"))
    config(folder, "staging.yaml", OVERLAY.format("staging"))
    result = pipectl("-o", "json", "plan")
    assert (result.exit_code, error(result)["code"]) == (2, "Usage")
    assert error(result)["message"].endswith("config/prod.yaml, config/staging.yaml")
    assert "-c FILE" in error(result)["hint"]


def test_files_that_extend_each_other_are_named_too(folder: Path) -> None:
    config(folder, "a.yaml", "extends: b.yaml\n")
    config(folder, "b.yaml", "extends: a.yaml\n")
    assert find(None, None).choices == (Path("config/a.yaml"), Path("config/b.yaml"))


@pytest.mark.usefixtures("folder")
def test_an_empty_folder_has_a_hint_at_init() -> None:
    assert find(None, None).origin is Origin.NONE
    result = pipectl("-o", "json", "plan")
    assert (result.exit_code, error(result)["code"]) == (2, "ConfigInvalid")
    assert error(result)["problems"][0]["file"] == "config/dev.yaml"
    assert "`pipectl init`" in error(result)["hint"]


@pytest.mark.usefixtures("folder")
def test_a_variable_that_names_no_file_is_named_in_the_hint(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIPECTL_CONFIG", "none.yaml")
    result = pipectl("-o", "json", "plan")
    assert error(result)["problems"][0]["file"] == "none.yaml"
    assert error(result)["hint"].startswith("PIPECTL_CONFIG")


def test_a_default_that_is_a_broken_link_is_not_passed_over(folder: Path) -> None:
    config(folder, "prod.yaml")
    (folder / DEFAULT_FILE).symlink_to("nowhere.yaml")
    result = pipectl("-o", "json", "plan")
    assert error(result)["problems"][0]["file"] == "config/dev.yaml"


def test_doctor_and_list_work_with_several_configs(folder: Path) -> None:
    config(folder, "prod.yaml")
    config(folder, "staging.yaml")
    result = pipectl("-o", "json", "list")
    assert (error(result)["code"], "config/prod.yaml" in error(result)["message"]) == ("Usage", True)
    checks = document(pipectl("-o", "json", "--local", "doctor"))["checks"]
    assert "config/prod.yaml, config/staging.yaml" in str(checks[0])


def test_below_a_project_the_hint_leads_to_its_folder(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config(folder, "dev.yaml")
    (below := folder / "lambda_src" / "python").mkdir(parents=True)
    monkeypatch.chdir(below)
    result = pipectl("-o", "json", "plan")
    assert (result.exit_code, error(result)["code"]) == (2, "ConfigInvalid")
    assert "`cd ../..`" in error(result)["hint"]
    monkeypatch.chdir(folder / "config")
    assert "`cd ..`" in find(None, None).hint
