"""`list`: the pipelines of an account and region, by the tags of their resources."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

from pipectl.aws.client import Aws
from pipectl.aws.tagged import TaggedResource, tagged_resources
from pipectl.config.layers import read_layers
from pipectl.config.loading import config_of
from pipectl.config.models import Config
from pipectl.config.names import MANAGED_BY
from pipectl.context import Context
from pipectl.errors import CancelledError, ConfigError, PipectlError
from pipectl.orphans import Orphan, find_orphans

MOST_FILES = 100
"""Files of a folder that are read to find the configs of pipelines."""


@dataclass(frozen=True)
class Configs:
    """The config of a command and the other files beside it.

    Attributes:
        valid: The configs by their files; that of the command first.
        invalid: The files that are no valid config.
    """

    valid: Mapping[Path, Config]
    invalid: tuple[Path, ...]


@dataclass(frozen=True)
class ListedPipeline:
    """A pipeline, as its resources' tags name it.

    Attributes:
        environment: The tag `Environment`; ``None`` where the resources have none.
        project: The tag `Project`; ``None`` where the resources have none.
        teams: The number of resources by their tag `Team`; several after the team was renamed.
        configs: The files whose config is that of the pipeline.
        resources: The resources with these tags, by ARN. IAM roles are not among them.
        orphans: The resources whose names the config does not have; ``None`` where there is no config, or a problem.
        problem: The reason why orphans could not be looked for.
    """

    environment: str | None
    project: str | None
    teams: Mapping[str, int]
    configs: tuple[Path, ...]
    resources: tuple[TaggedResource, ...]
    orphans: tuple[Orphan, ...] | None = None
    problem: str | None = None

    @property
    def is_complete(self) -> bool:
        """True when the tags name a pipeline."""
        return None not in (self.environment, self.project)


@dataclass(frozen=True)
class ListReport:
    """The pipelines of an account and region, by environment and project.

    Attributes:
        account_id: The account.
        region: The region.
        pipelines: The pipelines; resources whose tags name none come last.
        config: The file of the command, where its config is valid.
        invalid_configs: The files beside it that are no valid config.
    """

    account_id: str
    region: str
    pipelines: tuple[ListedPipeline, ...]
    config: Path | None
    invalid_configs: tuple[Path, ...]


def read_configs(file: Path) -> Configs:
    """Read the config of a command, if the file exists, and the YAML files beside it.

    A base that is no whole config is not one of a pipeline of its own. Its problems are those of the configs that
    extend it.
    """
    valid: dict[Path, Config] = {}
    invalid: list[Path] = []
    bases: set[Path] = set()
    for each in (file, *_beside(file)):
        if each.is_file():  # a pipe would never end
            layers = read_layers(each)
            bases |= {base.resolve() for base in layers.files[1:]}
            try:
                valid[each] = config_of(layers)
            except ConfigError:
                invalid.append(each)
    return Configs(valid, tuple(each for each in invalid if each == file or each.resolve() not in bases))


def _beside(file: Path) -> list[Path]:
    try:
        names = islice((each for each in file.parent.iterdir() if each.suffix in (".yaml", ".yml")), MOST_FILES)
        return sorted(each for each in names if each.name != file.name)
    except OSError:
        return []


def list_pipelines(
    aws: Aws, file: Path, configs: Configs, context_of: Callable[[Path, Config], Context], *, local: bool = False
) -> ListReport:
    """Return the pipelines of the account and region.

    Args:
        aws: The account and region.
        file: The file of the command.
        configs: The configs that can be those of the pipelines.
        context_of: Returns the context of a config, to look for its orphans.
        local: The account is one of the local emulator: an account in a config does not count.

    Raises:
        WrongAccountError: the config of the command is for another account.
        AwsError: the tags cannot be read.
    """
    own = configs.valid.get(file)
    if own and not local:
        aws.require_account(own.account_id)
    groups: dict[tuple[str | None, str | None], list[TaggedResource]] = {}
    for resource in tagged_resources(aws, {"ManagedBy": MANAGED_BY}):
        key = resource.tags.get("Environment") or None, resource.tags.get("Project") or None
        groups.setdefault(key, []).append(resource)
    account = aws.account_id

    def files_of(environment: str | None, project: str | None) -> tuple[Path, ...]:
        return tuple(
            path
            for path, config in configs.valid.items()
            if (config.environment, config.project) == (environment, project)
            and (config is own or config.region in (None, aws.region))  # --region overrides that of the command's
            and (local or config.account_id in (None, account))
        )

    def listed(key: tuple[str | None, str | None], resources: list[TaggedResource]) -> ListedPipeline:
        files = files_of(*key)
        found = ListedPipeline(*key, _teams(resources), files, tuple(resources))
        return _with_orphans(found, context_of(files[0], configs.valid[files[0]])) if files else found

    pipelines = [listed(key, resources) for key, resources in groups.items()]
    pipelines.sort(key=lambda each: (not each.is_complete, each.environment or "", each.project or ""))
    return ListReport(account, aws.region, tuple(pipelines), file if own else None, configs.invalid)


def _with_orphans(pipeline: ListedPipeline, context: Context) -> ListedPipeline:
    """Return a pipeline with its orphans, or with the reason why they could not be looked for."""
    try:
        return replace(pipeline, orphans=find_orphans(context, pipeline.resources))
    except CancelledError:
        raise
    except PipectlError as error:
        return replace(pipeline, problem=error.message)


def _teams(resources: list[TaggedResource]) -> dict[str, int]:
    """Return the number of resources by team, the largest first."""
    counts = Counter(resource.tags.get("Team", "") for resource in resources)
    return dict(sorted(counts.items(), key=lambda each: (-each[1], each[0])))
