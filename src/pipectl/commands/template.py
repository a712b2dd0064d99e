"""`template`: the pipeline as a CloudFormation template."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pipectl.aws.client import Aws
from pipectl.cloudformation import code_file, template
from pipectl.commands.config import as_yaml
from pipectl.config.models import Config
from pipectl.errors import PipectlError
from pipectl.packaging.dependencies.tools import silent
from pipectl.pipeline import Pipeline
from pipectl.resources.function import packages_of


@dataclass(frozen=True)
class Template:
    """A template, and the packages of the functions by the names that it has for them.

    Args:
        document: The template.
        packages: The zip files.
        folder: The folder that the packages were written to, if they were.
        warnings: Warnings about each package, by function.
    """

    document: Mapping[str, Any]
    packages: Mapping[str, bytes]
    folder: Path | None = None
    warnings: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def as_yaml(self) -> str:
        return as_yaml(dict(self.document))


def create(
    config: Config,
    file: Path,
    aws: Aws,
    folder: Path | None,
    work: Callable[[str], AbstractContextManager[None]] = silent,
) -> Template:
    """Return the template of the pipeline of a config, and write the packages to ``folder``.

    AWS is asked for the account only where the config has no account_id.

    Raises:
        AwsError: the account is not known, and AWS does not report it.
        PackageError: a handler's folder is missing or invalid.
        PipectlError: a package cannot be written.
    """
    pipeline = Pipeline(config, file, aws, account_id=config.account_id, work=work)
    resources = pipeline.resources()
    built = packages_of(resources)
    packages = {code_file(resources[key].name, package.identity): package.body for key, package in built.items()}
    warnings = {key: package.all_warnings for key, package in built.items()}
    if folder:
        _write(folder, packages)
    description = f"Event-driven pipeline {config.environment} of project {config.project}, team {config.team}."
    return Template(template(description, resources, pipeline.outputs), packages, folder, warnings)


def _write(folder: Path, packages: Mapping[str, bytes]) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, body in packages.items():
            (folder / name).write_bytes(body)
    except OSError as error:
        raise PipectlError(f"{error.filename or folder} cannot be written: {error.strerror}") from error
