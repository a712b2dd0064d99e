"""The files that `init` writes, and the ones that it leaves alone."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from pipectl.commands.init import InitReport, defaults, find, init, problem, questions
from pipectl.config.loading import load
from pipectl.config.runtimes import newest
from pipectl.errors import SavedFilesError, UsageError
from tests.support import DEV_CONFIG, ROOT

PYTHON = {
    *("config/dev.yaml", "config/schema.json", "tests/test_processor.py"),
    *("events/order.json", "events/invalid-order.json", "events/stream-event.json"),
    *(".gitignore", ".github/workflows/pipeline.yml", "README.md"),
    *(f"lambda_src/python/{name}.py" for name in ("auditor/handler", "processor/handler", "processor/order_values")),
}
PATH = "lambda_src/python/processor/handler.py"


def write(folder: Path, **answers: str) -> InitReport:
    """Write a project with the default answers to all other questions."""
    project = find(folder)
    environment = answers.get("environment", "dev")
    return init(project, {**defaults(project, environment, None), **answers})


def contents(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def values(file: Path) -> Any:
    return yaml.safe_load(file.read_text(encoding="utf-8"))


def test_a_new_project_has_these_files(tmp_path: Path) -> None:
    report = write(tmp_path)
    assert contents(tmp_path).keys() == PYTHON
    assert (set(report.written), report.existing, report.config) == (PYTHON, (), "config/dev.yaml")


def test_a_project_in_nodejs_has_the_files_of_its_language(tmp_path: Path) -> None:
    write(tmp_path, runtime="nodejs24.x")
    handlers = ("auditor/handler", "processor/handler", "processor/order_values")
    own = {"tests/processor.test.mjs", *(f"lambda_src/nodejs/{name}.mjs" for name in handlers)}
    assert contents(tmp_path).keys() - PYTHON == own
    assert {function.language for function in functions(tmp_path)} == {"nodejs"}


def functions(folder: Path) -> Any:
    config = load(folder / "config" / "dev.yaml")
    return config.processor, config.auditor


def test_config_and_handlers_are_those_of_the_repository(tmp_path: Path) -> None:
    write(tmp_path, project="order-pipeline")
    written = contents(tmp_path)
    same = [name for name in written if name.startswith(("config/", "lambda_src/"))]
    assert len(same) == 5
    assert {name: written[name] for name in same} == {name: (ROOT / name).read_bytes() for name in same}


@pytest.mark.parametrize("team", ["shop", "on", "no", "null", "1e5", "0x1f", "012", "1", "2026-01-31"])
def test_the_answers_are_in_the_config(team: str, tmp_path: Path) -> None:
    answers = {"environment": "e2", "team": team, "project": "p", "region": "eu-west-3", "runtime": newest("nodejs")}
    write(tmp_path, **answers)
    config = load(tmp_path / "config" / "e2.yaml")
    assert {key: getattr(config, key) for key in answers if key != "runtime"} | {
        "runtime": answers["runtime"]
    } == answers
    assert (config.processor.runtime, config.auditor.runtime) == (newest("nodejs"), newest("nodejs"))


def test_the_config_keeps_its_comments(tmp_path: Path) -> None:
    write(tmp_path, team="shop", project="tea")
    changed = zip(
        DEV_CONFIG.read_text().splitlines(), (tmp_path / "config" / "dev.yaml").read_text().splitlines(), strict=True
    )
    assert [new for old, new in changed if old != new] == ["team: shop", "project: tea"]


def test_no_placeholder_is_left(tmp_path: Path) -> None:
    write(tmp_path, environment="load-test")
    assert [name for name, text in contents(tmp_path).items() if b"@environment@" in text or b"@version@" in text] == []


@pytest.mark.parametrize(("environment", "protect"), [("dev", False), ("prod", True), ("production", True)])
def test_production_is_protected(environment: str, protect: bool, tmp_path: Path) -> None:
    assert write(tmp_path, environment=environment).protect is protect
    assert load(tmp_path / "config" / f"{environment}.yaml").protect is protect


def test_a_second_run_changes_nothing_and_names_every_file(tmp_path: Path) -> None:
    write(tmp_path)
    (tmp_path / PATH).write_text("# my own\n")
    before = contents(tmp_path)
    report = write(tmp_path)
    assert (report.written, set(report.existing)) == ((), PYTHON)
    assert contents(tmp_path) == before


def test_a_missing_file_is_written_again(tmp_path: Path) -> None:
    write(tmp_path)
    (tmp_path / "README.md").unlink()
    assert write(tmp_path).written == ("README.md",)


def test_another_environment_extends_the_config_and_has_only_what_differs(tmp_path: Path) -> None:
    write(tmp_path, team="shop")
    before = contents(tmp_path)
    report = write(tmp_path, environment="prod", region="eu-west-1")
    assert (report.written, report.extends, report.protect) == (("config/prod.yaml",), "dev.yaml", True)
    assert report.needs_option
    assert values(tmp_path / "config" / "prod.yaml") == {
        "extends": "dev.yaml",
        "environment": "prod",
        "region": "eu-west-1",
        "protect": True,
    }
    assert contents(tmp_path).items() >= before.items()
    config = load(tmp_path / "config" / "prod.yaml")
    assert (config.environment, config.team, config.region, config.protect) == ("prod", "shop", "eu-west-1", True)


def test_another_environment_in_another_language_brings_its_handlers(tmp_path: Path) -> None:
    write(tmp_path)
    report = write(tmp_path, environment="test", runtime="nodejs24.x")
    assert "lambda_src/nodejs/processor/handler.mjs" in report.written
    assert values(tmp_path / "config" / "test.yaml")["auditor"] == {"runtime": "nodejs24.x"}


def test_the_questions_of_another_environment_are_answered_by_the_config(tmp_path: Path) -> None:
    assert questions(find(tmp_path), "prod") == ("team", "project", "region", "runtime")
    write(tmp_path, team="shop", runtime="python3.12")
    project = find(tmp_path)
    assert questions(project, "prod") == ()
    found = defaults(project, "prod", "eu-west-1")
    assert (found["environment"], found["team"], found["runtime"]) == ("prod", "shop", "python3.12")
    assert found["region"] == "us-east-1"


def test_the_only_config_is_extended_whatever_its_name(tmp_path: Path) -> None:
    write(tmp_path, environment="live")
    assert write(tmp_path, environment="test").extends == "live.yaml"
    assert write(tmp_path, environment="load").extends == "live.yaml"


def test_a_config_can_end_in_yml(tmp_path: Path) -> None:
    write(tmp_path)
    (tmp_path / "config" / "dev.yaml").rename(tmp_path / "config" / "dev.yml")
    assert write(tmp_path, environment="test").extends == "dev.yml"


def test_of_several_configs_none_is_chosen(tmp_path: Path) -> None:
    write(tmp_path, environment="a")
    (tmp_path / "config" / "b.yaml").write_bytes((tmp_path / "config" / "a.yaml").read_bytes())
    with pytest.raises(UsageError, match="several configs"):
        write(tmp_path, environment="c")


def test_a_config_without_its_base_is_not_extended(tmp_path: Path) -> None:
    write(tmp_path)
    write(tmp_path, environment="prod")
    (tmp_path / "config" / "dev.yaml").unlink()
    with pytest.raises(UsageError, match="no config that a new one could extend"):
        write(tmp_path, environment="test")


@pytest.mark.parametrize(("name", "project"), [("tea-shop", "tea-shop"), ("Tea Shop", "order-pipeline")])
def test_the_project_has_the_name_of_its_folder_where_that_is_valid(name: str, project: str, tmp_path: Path) -> None:
    assert defaults(find(tmp_path / name), "dev", None)["project"] == project


@pytest.mark.parametrize(
    ("region", "default"), [("eu-west-3", "eu-west-3"), ("moon-1", "us-east-1"), (None, "us-east-1")]
)
def test_the_region_is_that_of_the_environment_where_it_is_known(
    region: str | None, default: str, tmp_path: Path
) -> None:
    assert defaults(find(tmp_path), "dev", region)["region"] == default


@pytest.mark.parametrize(
    ("answers", "part"),
    [
        ({"environment": "Prod"}, "lowercase letters"),
        ({"team": "a b"}, "lowercase letters"),
        ({"team": "x" * 33}, "at most 32"),
        ({"environment": ""}, "lowercase letters"),
        ({"project": "-"}, "lowercase letters"),
        ({"region": "eu-west-33"}, "eu-west-3"),
        ({"runtime": "python2.7"}, "allowed are"),
        ({"environment": "load-testing-europe", "team": "warehouse-and-shop"}, "63 lowercase letters"),
    ],
)
def test_an_answer_is_checked_by_the_rules_of_the_config(answers: dict[str, str], part: str, tmp_path: Path) -> None:
    assert part in str(problem(find(tmp_path), answers, list(answers)[-1]))


@pytest.mark.parametrize("place", ["lambda_src", "config", "lambda_src/python/processor"])
def test_a_file_in_place_of_a_folder_is_an_error_before_anything_is_written(place: str, tmp_path: Path) -> None:
    path = tmp_path / place
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("mine")
    with pytest.raises(SavedFilesError) as caught:
        write(tmp_path)
    assert place in caught.value.message
    assert contents(tmp_path) == {place: b"mine"}


@pytest.mark.parametrize("place", ["lambda_src", ".github/workflows", "config"])
def test_nothing_is_written_through_a_link_out_of_the_folder(place: str, tmp_path: Path) -> None:
    folder, outside = tmp_path / "project", tmp_path / "outside"
    outside.mkdir()
    (folder / place).parent.mkdir(parents=True, exist_ok=True)
    (folder / place).symlink_to(outside)
    with pytest.raises(SavedFilesError):
        write(folder)
    assert contents(tmp_path) == {}


def test_links_in_a_circle_are_an_error(tmp_path: Path) -> None:
    (tmp_path / "events").symlink_to("events")
    with pytest.raises(SavedFilesError):
        write(tmp_path)


def test_a_folder_that_is_a_link_to_itself_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "loop").symlink_to("loop")
    with pytest.raises(UsageError, match="loop"):
        find(tmp_path / "loop")


def test_a_link_in_place_of_a_file_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "project").mkdir()
    (tmp_path / "project" / "README.md").symlink_to(tmp_path / "outside.md")
    assert write(tmp_path / "project").existing == ("README.md",)
    assert not (tmp_path / "outside.md").exists()


def test_a_link_within_the_folder_is_followed(tmp_path: Path) -> None:
    (tmp_path / "samples").mkdir()
    (tmp_path / "events").symlink_to("samples")
    write(tmp_path)
    assert (tmp_path / "samples" / "order.json").is_file()


@pytest.mark.parametrize("name", ["with space", "-x", "quo'te", "ümläut", "new\nline", "{a}", "@team@", "%s"])
def test_a_folder_can_have_any_name(name: str, tmp_path: Path) -> None:
    report = write(tmp_path / name / "project")
    assert set(report.written) == contents(tmp_path / name / "project").keys() == PYTHON
    load(tmp_path / name / "project" / "config" / "dev.yaml")


FULL_DISK = """
import resource, signal, sys
from pathlib import Path
from pipectl.commands.init import defaults, find, init
from pipectl.errors import SavedFilesError

resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))
project = find(Path(sys.argv[1]))
try:
    init(project, defaults(project, "dev", None))
except SavedFilesError as error:
    print(*error.report.written)
    sys.exit(error.exit_code)
"""


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="Windows has no limit for the size of a file")
def test_a_write_that_fails_leaves_no_part_of_a_file_and_the_next_run_continues(tmp_path: Path) -> None:
    """The limit for the size of a file makes the first handler fail halfway, as a full disk does."""
    (tmp_path / "lambda_src/python/auditor").mkdir(parents=True)
    (tmp_path / "lambda_src/python/auditor/handler.py").write_text("# small\n")
    command = [sys.executable, "-c", FULL_DISK, str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout.split(), done.stderr) == (1, [], "")
    assert contents(tmp_path).keys() == {"lambda_src/python/auditor/handler.py"}
    assert len(write(tmp_path).written) == len(PYTHON) - 1
    assert contents(tmp_path).keys() == PYTHON


CTRL_C = """
import os, signal, sys
from pipectl.cli.main import main

def press(event, args):
    if event == "open" and str(args[0]).endswith("test_processor.py") and "x" in (args[1] or ""):
        os.kill(os.getpid(), signal.SIGINT)

sys.addaudithook(press)
main(["init", sys.argv[1], "--yes"])
"""


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="Windows has no signal of Ctrl-C for one process")
def test_ctrl_c_halfway_leaves_no_part_of_a_file_and_the_next_run_continues(tmp_path: Path) -> None:
    command = [sys.executable, "-c", CTRL_C, str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout) == (130, "")
    whole = contents(tmp_path)
    assert 0 < len(whole) < len(PYTHON)
    assert "tests/test_processor.py" not in whole
    assert "config/dev.yaml" not in whole
    write(tmp_path)
    assert contents(tmp_path).keys() == PYTHON
    assert whole.items() <= contents(tmp_path).items()
