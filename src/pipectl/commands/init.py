"""`init`: write the files of a new project, or the config of another environment of an existing one."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import yaml

from pipectl import __version__, scaffold
from pipectl.commands.config import as_yaml, show
from pipectl.config.layers import read_layers
from pipectl.config.loading import load, problems
from pipectl.config.regions import known_region
from pipectl.config.runtimes import RUNTIMES, newest
from pipectl.errors import PipectlError, SavedFilesError, UsageError
from pipectl.json_types import JsonObject
from pipectl.text import shell_word

QUESTIONS = ("environment", "team", "project", "region", "runtime")
PROTECTED = ("prod", "production")
"""Environments whose new config has ``protect: true``."""
DEFAULT_ENVIRONMENT = "dev"
_DEFAULTS = {"team": "backend", "project": "order-pipeline", "region": "us-east-1"}
_FUNCTIONS = ("processor", "auditor")
_OVERLAY = """\
# yaml-language-server: $schema=schema.json
# The environment {environment}: only what differs from {base}.

extends: {base}
"""

_BY_LANGUAGE = {
    "python": {
        "extra": "uv",
        "handlers": "lambda_src/python",
        "processor": "lambda_src/python/processor/handler.py",
        "dependencies": "requirements.txt",
        "test": "tests/test_processor.py",
        "packages": "for file in $(find lambda_src/python -name requirements.txt); do "
        'python -m pip install --quiet -r "$file"; done',
        "tests": "python -m pip install --quiet pytest && python -m pytest",
        "typed": "pip install boto3 pytest && pytest",
        "sdk": "",
        "install": "pip install -r lambda_src/python/processor/requirements.txt",
    },
    "nodejs": {
        "extra": "node",
        "handlers": "lambda_src/nodejs",
        "processor": "lambda_src/nodejs/processor/handler.mjs",
        "dependencies": "package.json",
        "test": "tests/processor.test.mjs",
        "packages": "for file in $(find lambda_src/nodejs -name package.json -not -path '*/node_modules/*'); do "
        'npm install --no-audit --prefix "$(dirname "$file")"; done',
        "tests": "node --test",
        "typed": "node --test",
        "sdk": "\nThe first `up` on the emulator names the command that installs the AWS SDK, as Lambda has it.\n",
        "install": "npm install --prefix lambda_src/nodejs/processor",
    },
}
"""The words of the placeholders in the files of a new project, by language."""

Answers = Mapping[str, str]
"""The answers to `QUESTIONS`; those that are not there yet are missing."""


@dataclass(frozen=True)
class InitReport:
    """The files of a project: paths relative to ``folder``.

    ``extends`` is the config that the new one is based on, ``protect`` is true when the new config has it,
    ``needs_option`` when commands do not find the config without ``-c``.
    """

    folder: Path
    environment: str
    config: str
    written: tuple[str, ...]
    existing: tuple[str, ...]
    extends: str | None = None
    protect: bool = False
    needs_option: bool = False


@dataclass(frozen=True)
class Project:
    """A folder, as `init` finds it. ``configs`` are its config files, by the name of their environment."""

    folder: Path
    configs: Mapping[str, Path]

    def config_of(self, environment: str) -> str:
        return f"config/{environment}.yaml"

    def base(self, environment: str) -> Path | None:
        """Return the config that a new one of this environment extends; ``None`` for the first config.

        Raises:
            UsageError: several configs could be it.
        """
        if environment in self.configs or not self.configs:
            return None
        if DEFAULT_ENVIRONMENT in self.configs:
            return self.configs[DEFAULT_ENVIRONMENT]
        whole = [path for path in self.configs.values() if not _extends_another(path)]
        if len(whole) == 1:
            return whole[0]
        names = ", ".join(path.name for path in whole or self.configs.values())
        if not whole:
            raise UsageError(
                f"config/ has no config that a new one could extend: {names} extends another file",
                hint="restore the file that is extended, or write dev.yaml",
            )
        raise UsageError(
            f"config/ has several configs that a new one could extend: {names}",
            hint="copy one of them, or name the common one dev.yaml",
        )


def find(folder: Path) -> Project:
    """Return the project in a folder, which need not exist.

    Raises:
        UsageError: the folder is a link that leads to itself, or the current folder was deleted.
    """
    try:
        folder.resolve()
    except (OSError, RuntimeError) as error:
        name = "the current folder" if folder == Path() else folder
        reason = getattr(error, "strerror", None) or "a link that leads to itself"
        raise UsageError(f"{name}: {reason}", hint="name another folder") from None
    files = sorted((folder / "config").glob("*.y*ml"), reverse=True)  # of two of one name, the one that ends in yaml
    return Project(folder, {path.stem: path for path in files if path.suffix in (".yaml", ".yml")})


def questions(project: Project, environment: str) -> tuple[str, ...]:
    """Return what has to be asked, besides the environment. An existing config has the other answers."""
    return () if project.configs and _known(project, environment) else QUESTIONS[1:]


def defaults(project: Project, environment: str, region: str | None) -> Answers:
    """Return the default answers.

    Args:
        project: A config in it is the default. Else its folder's name is that of the project, where it can be.
        environment: The environment, which decides which config that is.
        region: The region of the user's environment; an unknown one is ignored.
    """
    if known := _known(project, environment):
        values = show(load(known))
        return {
            **{key: values[key] or _DEFAULTS[key] for key in QUESTIONS[:-1]},
            "environment": environment,
            "runtime": values["processor"]["runtime"],
        }
    found = {**_DEFAULTS, "environment": environment, "runtime": newest("python")}
    own = {"project": project.folder.resolve().name, "region": region}
    valid = {key: value for key, value in own.items() if value and problem(project, {key: value}, key) is None}
    return found | valid


def _known(project: Project, environment: str) -> Path | None:
    """Return the existing config that has the other answers: that of the environment, else the one to extend."""
    return project.configs.get(environment) or project.base(environment)


def problem(project: Project, answers: Answers, key: str) -> str | None:
    """Return the problem of an answer by the rules of the config, in words; ``None`` when it is valid.

    Args:
        project: The project.
        answers: The answer and those before it: a long team can make a name too long.
        key: The question.
    """
    if key == "region":
        try:
            known_region(answers[key])
        except ValueError as error:
            return str(error)
    known = _known(project, answers.get("environment", DEFAULT_ENVIRONMENT))
    values = show(load(known)) if known else yaml.safe_load(scaffold.config().read_text(encoding="utf-8"))
    for name, words in problems(_with(values, answers)):
        return words if name == key else f"makes {name} invalid: {words}"
    return None


def _with(values: dict[str, Any], answers: Answers) -> dict[str, Any]:
    """Return the values of a config with the answers in it."""
    top = {key: value for key, value in answers.items() if key != "runtime"}
    functions = {key: {**values[key], "runtime": answers["runtime"]} for key in _FUNCTIONS if "runtime" in answers}
    return {**values, **top, **functions}


def init(project: Project, answers: Answers) -> InitReport:
    """Write the files that do not exist.

    Args:
        project: The project.
        answers: The answer to every question.

    Raises:
        SavedFilesError: a file cannot be written. Its report has the files that were. Running `init` again continues.
    """
    environment = answers["environment"]
    base = project.base(environment)
    contents = _overlay(project, base, answers) if base else _project(answers)
    for name in contents:
        _check_place(project, name)
    written: list[str] = []
    existing: list[str] = []

    def report() -> InitReport:
        return InitReport(
            folder=project.folder,
            environment=environment,
            config=project.config_of(environment),
            written=tuple(written),
            existing=tuple(existing),
            extends=base.name if base else None,
            protect=environment in PROTECTED and project.config_of(environment) in written,
            needs_option=environment != DEFAULT_ENVIRONMENT and bool({*project.configs} - {environment}),
        )

    for name, content in contents.items():
        try:
            (written if _write(project.folder / name, content) else existing).append(name)
        except OSError as error:
            raise _failed(project, name, error.strerror or str(error), report()) from None
    return report()


def _project(answers: Answers) -> dict[str, bytes]:
    """Return the files of a new project, the config last: a project that has one is complete."""
    language = RUNTIMES[answers["runtime"]].language
    contents = {}
    for name, source in scaffold.files(language).items():
        text = source.read_text(encoding="utf-8")
        if name == scaffold.CONFIG:
            contents[f"config/{answers['environment']}.yaml"] = _config(text, answers).encode()
        else:
            contents[name] = _filled(text, answers).encode()
    return contents


def _config(text: str, answers: Answers) -> str:
    """Return the text of the carried config with the answers in it, and with its comments."""
    values = {**answers, "protect": answers["environment"] in PROTECTED}
    for key, value in values.items():
        line = as_yaml({key: value})
        text = re.sub(rf"^( *){key}: [^\s#]+", rf"\1{line}", text, flags=re.MULTILINE)
    return text


def _filled(text: str, answers: Answers) -> str:
    """Return a text with its placeholders replaced, such as ``@team@``."""
    runtime = answers["runtime"]
    language = RUNTIMES[runtime].language
    values = {
        **answers,
        **_BY_LANGUAGE[language],
        "python": (runtime if language == "python" else newest("python")).removeprefix("python"),
        "variable": answers["environment"].upper().replace("-", "_"),
        "version": __version__,
    }
    return re.sub(r"@([a-z]+)@", lambda found: values.get(found[1], found[0]), text)


def _overlay(project: Project, base: Path, answers: Answers) -> dict[str, bytes]:
    """Return the config of another environment: only what differs from the existing one."""
    environment = answers["environment"]
    old = defaults(project, environment, None)
    differing: JsonObject = {key: answers[key] for key in QUESTIONS[:-1] if answers[key] != old[key]}
    differing = {"environment": environment, **differing}
    if environment in PROTECTED:
        differing["protect"] = True
    contents = {}
    if answers["runtime"] != old["runtime"]:
        differing |= {key: {"runtime": answers["runtime"]} for key in _FUNCTIONS}
        needed = ("lambda_src/", "tests/")
        contents = {name: each for name, each in _project(answers).items() if name.startswith(needed)}
    text = _OVERLAY.format(environment=environment, base=base.name) + as_yaml(differing) + "\n"
    return {**contents, project.config_of(environment): text.encode()}


def _extends_another(path: Path) -> bool:
    layers = read_layers(path)
    return len(layers.files) > 1 or bool(layers.unread)


def _check_place(project: Project, name: str) -> None:
    """Refuse a file that cannot be written, or that would be outside the folder, before any file is written."""
    for parent in list(PurePosixPath(name).parents)[-2::-1]:
        path = project.folder / parent
        try:
            outside = not path.resolve().is_relative_to(project.folder.resolve())
        except (OSError, RuntimeError):  # links in a circle
            outside = True
        if outside:
            raise _failed(project, str(parent), "is a link that leads out of the project's folder")
        if path.exists() and not path.is_dir():
            raise _failed(project, str(parent), "is a file, and a folder is needed")


def _write(path: Path, content: bytes) -> bool:
    """Write a file unless it exists. Return whether it was written. Of a failed write nothing remains."""
    if os.path.lexists(path):
        return False
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        file = path.open("xb")
    except FileExistsError:
        return False
    try:
        with file:
            file.write(content)
    except BaseException:  # Ctrl-C, too: the next `init` would take a part of a file for the user's
        path.unlink(missing_ok=True)
        raise
    return True


def _failed(project: Project, name: str, reason: str, report: InitReport | None = None) -> PipectlError:
    command = "pipectl init" if project.folder == Path() else f"pipectl init {shell_word(str(project.folder))}"
    hint = f"correct this, then run `{command}` again to continue"
    error = SavedFilesError(f"{project.folder / name}: {reason}", hint=hint)
    error.report = report
    return error
