"""`init`: write the files of a new project, or the config of another environment."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING

import click

from pipectl.cli.completing import regions
from pipectl.cli.confirming import has_terminal
from pipectl.cli.folders import FOLDER
from pipectl.cli.options import global_options_of
from pipectl.config.runtimes import supported
from pipectl.errors import PipectlError, UsageError

if TYPE_CHECKING:
    from pipectl.cli.session import Session
    from pipectl.commands.init import Project


@click.command()
@click.argument("folder", type=FOLDER, default=".", metavar="[DIR]")
@click.option("--environment", metavar="NAME", help="First part of every name.  [default: dev]")
@click.option("--team", metavar="NAME", help="Last part of every name.  [default: backend]")
@click.option("--project", metavar="NAME", help="Tag of every resource.  [default: the folder's name]")
@click.option(
    "--region", metavar="REGION", shell_complete=regions, help="AWS region.  [default: $AWS_REGION or us-east-1]"
)
@click.option(
    "--runtime",
    type=click.Choice(supported()),
    metavar="RUNTIME",
    help="Runtime of both functions.  [default: the newest Python]",
)
@click.option("--yes", "-y", is_flag=True, help="Take the defaults without asking.")
@global_options_of("init")
def init(session: Session, folder: Path, yes: bool, **flags: str | None) -> int:
    """Write a new project, or the config of another environment.

    A new project has a config, handlers, a test, sample events, a CI workflow and a README. In a project with a config,
    another --environment adds a config that extends it. No file is overwritten.

    \b
    Examples:
      pipectl init
      pipectl init orders --team shop --yes
      pipectl init --runtime nodejs24.x
      pipectl init --environment prod
    """
    from pipectl.commands import init as commands
    from pipectl.output import init as output

    flags["region"] = flags["region"] or session.given.region
    project = commands.find(folder)
    given = {key: value for key in commands.QUESTIONS if (value := flags[key]) is not None}
    answers = _answers(session, project, given, yes=yes)
    try:
        report = commands.init(project, answers)
    except PipectlError as error:
        output.incomplete(session.screen, error)
        raise
    output.result(session.screen, report)
    return 0


def _answers(session: Session, project: Project, given: dict[str, str], *, yes: bool) -> dict[str, str]:
    """Return the answers: flags, then what is typed, then defaults."""
    from pipectl.commands import init as commands

    for key in given:
        if problem := commands.problem(project, given, key):
            raise UsageError(f"--{key} {problem}")
    answers = dict(given)
    if "environment" not in answers:
        answers["environment"] = commands.DEFAULT_ENVIRONMENT
        if not yes:
            _check_terminal(given)
            answers["environment"] = _ask(session, project, given, "environment", commands.DEFAULT_ENVIRONMENT)
    environment = answers["environment"]
    known = commands.defaults(project, environment, session.region_of_environment)
    asked = () if yes else commands.questions(project, environment)
    for key in commands.QUESTIONS:
        if key in asked and key not in answers:
            _check_terminal(given)
            answers[key] = _ask(session, project, answers, key, known[key])
    return {**known, **answers}


def _check_terminal(given: Collection[str]) -> None:
    from pipectl.commands.init import QUESTIONS

    if not has_terminal():
        missing = ", ".join(f"--{key}" for key in QUESTIONS if key not in given)
        raise UsageError("no terminal to ask on", hint=f"use --yes for the defaults, or give {missing}")


def _ask(session: Session, project: Project, answers: dict[str, str], key: str, default: str) -> str:
    """Ask until the answer is valid."""
    from pipectl.commands.init import problem
    from pipectl.output import init as output

    while True:
        answer: str = click.prompt(output.QUESTIONS[key], default=default, err=True)
        wrong = problem(project, {**answers, key: answer}, key)
        if wrong is None:
            return answer
        output.wrong(session.screen, wrong)
