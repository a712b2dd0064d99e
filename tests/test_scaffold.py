"""The files of a new project: complete, without caches, and in accordance with the docs."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from pipectl import __version__, scaffold
from pipectl.commands.init import defaults, find, init
from tests.cli.commands import parse
from tests.support import ROOT

LANGUAGES = {"python": "python3.14", "nodejs": "nodejs24.x"}
MANIFESTS = {"python": "requirements.txt", "nodejs": "package.json"}


@pytest.fixture(scope="module", params=LANGUAGES)
def project(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A new project, by language."""
    folder = tmp_path_factory.mktemp("shop") / str(request.param)
    answers = {"environment": "load-test", "region": "eu-west-1", "runtime": LANGUAGES[request.param]}
    init(find(folder), {**defaults(find(folder), "load-test", None), **answers})
    return folder


def _page_jobs() -> dict[str, Any]:
    page = (ROOT / "docs" / "ci.md").read_text(encoding="utf-8")
    workflows = map(yaml.safe_load, re.findall(r"^```yaml\n(.*?)^```$", page, re.MULTILINE | re.DOTALL))
    return {name: job for workflow in workflows for name, job in workflow["jobs"].items()}


def _workflow(project: Path) -> Any:
    return yaml.safe_load((project / ".github" / "workflows" / "pipeline.yml").read_text(encoding="utf-8"))


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_file_is_in_the_repository_and_none_is_a_cache(language: str) -> None:
    files = scaffold.files(language)
    assert [name for name, path in files.items() if not path.is_file()] == []
    assert [path for path in files.values() if not path.is_relative_to(ROOT)] == []
    assert not re.search(r"__pycache__|\.pyc|node_modules", " ".join(files))
    assert list(files)[-1] == scaffold.CONFIG


def test_every_file_of_the_folder_is_in_a_project() -> None:
    used = {path for language in LANGUAGES for path in scaffold.files(language).values()}
    kept = {
        path for path in (ROOT / "scaffold").rglob("*") if path.is_file() and path.suffix in (".py", ".mjs", ".json")
    }
    assert {path for path in kept if "__pycache__" not in path.parts and ".pytest_cache" not in path.parts} <= used


def test_the_carried_config_is_that_of_the_repository() -> None:
    assert scaffold.config() == ROOT / "config" / "dev.yaml"


@pytest.mark.parametrize("job", ["plan", "apply"])
def test_the_steps_of_the_workflow_are_those_of_the_docs(job: str, project: Path) -> None:
    own, page = _workflow(project)["jobs"][job]["steps"], _page_jobs()[job]["steps"]
    assert own == page


@pytest.mark.parametrize("job", ["plan", "apply"])
def test_the_jobs_of_the_workflow_have_the_permissions_of_the_docs(job: str, project: Path) -> None:
    own, page = _workflow(project)["jobs"][job], _page_jobs()[job]
    assert (own["permissions"], _workflow(project)["permissions"]) == (page["permissions"], {})
    assert own.get("environment") == page.get("environment")
    assert own["needs"] == "test"


def test_the_workflow_names_the_environment_the_region_and_this_version(project: Path) -> None:
    workflow = _workflow(project)
    extra = "uv" if (project / "lambda_src" / "python").exists() else "node"
    assert workflow["env"] == {"PIPECTL": f"pipectl-aws[{extra}]=={__version__}"}
    assert workflow[True]["workflow_dispatch"]["inputs"]["environment"]["options"] == ["load-test"]
    (planned,) = workflow["jobs"]["plan"]["strategy"]["matrix"]["include"]
    role = "${{ vars.PLAN_ROLE_LOAD_TEST }}"
    assert planned == {"environment": "load-test", "role": role, "region": "eu-west-1"}
    assert '["load-test"]' in workflow["jobs"]["apply"]["strategy"]["matrix"]["environment"]


@pytest.mark.parametrize("fails", [False, True])
def test_the_workflow_tests_the_handlers_with_their_packages(project: Path, tmp_path: Path, fails: bool) -> None:
    copy, tools, log = tmp_path / "copy", tmp_path / "tools", tmp_path / "log"
    shutil.copytree(project, copy)
    language = next((copy / "lambda_src").iterdir()).name
    for name in ("processor", "auditor"):
        (copy / "lambda_src" / language / name / MANIFESTS[language]).write_text("{}")
    tools.mkdir()
    for name in ("python", "npm", "node"):
        (tools / name).write_text(f'#!/bin/sh\necho "{name} $*" >> "{log}"\nexit {int(fails)}\n')
        (tools / name).chmod(0o755)
    (step,) = (each for each in _workflow(project)["jobs"]["test"]["steps"] if "name" in each)
    command = ["bash", "-e", "-c", step["run"]]  # as GitHub runs it
    done = subprocess.run(command, cwd=copy, env={"PATH": f"{tools}:{os.defpath}"}, check=False)
    lines = log.read_text().splitlines()
    installed = [line for line in lines if f"lambda_src/{language}/" in line]
    if fails:
        assert (done.returncode, lines) == (1, installed[:1])
    else:
        assert (done.returncode, len(installed), lines[:2]) == (0, 2, installed)
        assert "pytest" in lines[-1] or lines[-1] == "node --test"


def test_the_jobs_run_the_python_of_the_functions(project: Path) -> None:
    for job in _workflow(project)["jobs"].values():
        (setup,) = (step for step in job["steps"] if step.get("uses", "").startswith("actions/setup-python@"))
        assert setup["with"] == {"python-version": "3.14"}


def test_until_aws_is_set_up_only_the_tests_run(project: Path) -> None:
    jobs = _workflow(project)["jobs"]
    assert "if" not in jobs["test"]
    for job in ("plan", "apply"):
        assert jobs[job]["if"].startswith("vars.PLAN_ROLE_LOAD_TEST != '' && ")


def test_the_commands_of_the_readme_are_valid(project: Path) -> None:
    readme = (project / "README.md").read_text(encoding="utf-8")
    lines = re.findall(r"^(pipectl .+?)(?: +#.*)?$", readme, re.MULTILINE) + re.findall(r"`(pipectl [^`]+)`", readme)
    assert len(lines) == 12
    for line in lines:
        parse(shlex.split(line)[1:])


def test_the_readme_names_files_of_the_project(project: Path) -> None:
    readme = (project / "README.md").read_text(encoding="utf-8")
    table = [line.split("|")[1] for line in readme.splitlines() if line.startswith("| `")]
    named = [name for cell in table for name in re.findall(r"`([^`]+)`", cell)]
    assert len(named) == 6
    assert [name for name in named if not (project / name).exists()] == []


def test_the_links_of_the_readme_lead_to_pages_of_this_repository(project: Path) -> None:
    pages = re.findall(r"github\.com/pipectl/pipectl/blob/main/([\w./-]+)", (project / "README.md").read_text())
    assert len(pages) == 6
    assert [page for page in pages if not (ROOT / page).is_file()] == []


def test_the_events_are_json(project: Path) -> None:
    assert all(json.loads(path.read_text(encoding="utf-8")) for path in (project / "events").iterdir())
