"""Published versions of a function, and the alias that names the version in use."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

from pipectl.aws.calls import Request
from pipectl.aws.client import Aws
from pipectl.config.names import LIVE_ALIAS
from pipectl.errors import AbsentError, AwsError, ExistsError
from pipectl.timestamps import parse_timestamp, rfc3339

if TYPE_CHECKING:
    from mypy_boto3_lambda.type_defs import FunctionConfigurationResponseTypeDef, FunctionConfigurationTypeDef

LATEST = "$LATEST"
ROLLED_BACK = "rolled back"
"""The beginning of the alias's description after a rollback."""
_REPLACES = ", replaces version "
_DEPLOYED = re.compile(rf"version (\d+) deployed by pipectl(?: at ([^ ,]+))?(?:{_REPLACES}(\d+))?")
_ROLLBACK = re.compile(rf"{ROLLED_BACK} from version \S+ to version (\d+)(?: at (\S+))?(?: .*)?", re.DOTALL)
KEPT = 5
"""Number of versions that stay, the one in use included."""
_MOST_REMOVED = 20
_SETTINGS = (
    "CodeSha256",
    "Runtime",
    "Handler",
    "MemorySize",
    "Timeout",
    "Environment",
    "Layers",
    "Architectures",
    "Role",
)
_FIRST = "managed by pipectl since "
_REFERENCED = "ResourceConflictException"
"""The code of Lambda for a version that another alias names."""


@dataclass(frozen=True)
class Live:
    """The alias, and the version that it names.

    Args:
        version: The version's number, or ``$LATEST``.
        description: The alias's description.
        weights: Shares of other versions, by their numbers.
        configuration: The version's settings; ``None`` when there is no such version.
    """

    version: str
    description: str = ""
    weights: Mapping[str, float] = field(default_factory=dict)
    configuration: FunctionConfigurationResponseTypeDef | None = None

    @property
    def replaced(self) -> str | None:
        """The version that the alias named before this one was deployed, where its description has it."""
        deployed = self._matched(_DEPLOYED)
        return deployed[3] if deployed else None

    @property
    def rollback(self) -> str | None:
        """The description of the rollback that led to this version."""
        return self.description if self._matched(_ROLLBACK) else None

    @property
    def since(self) -> datetime | None:
        """The time since which the alias names this version, as its description has it, else of its publication."""
        described = self._matched(_DEPLOYED) or self._matched(_ROLLBACK)
        published = self.configuration.get("LastModified") if self.configuration else None
        return (parse_timestamp(described[2]) if described else None) or parse_timestamp(published)

    def _matched(self, form: re.Pattern[str]) -> re.Match[str] | None:
        """Match the description, if it is about the version that the alias names."""
        found = form.fullmatch(self.description)
        return found if found and found[1] == self.version else None


@dataclass(frozen=True)
class Version:
    """A published version: its number, its description, its code and settings, and the id of the role it is for."""

    number: str
    description: str
    settings: Mapping[str, object]
    role_id: str = ""

    @classmethod
    def of(cls, found: FunctionConfigurationTypeDef) -> Version:
        """Return a version as Lambda describes it. The role's id is the end of the description."""
        description = found.get("Description", "").removeprefix(_FIRST)
        described, _, role_id = description.rpartition(", role ")
        settings = {key: value for key, value in found.items() if key in _SETTINGS}
        return cls(found["Version"], described or role_id, settings, role_id if described else "")

    def is_earlier_release_than(self, other: Version) -> bool:
        """Return whether the code or a setting differs, and the role is the same.

        The version of a role that was deleted and recreated since cannot decrypt its environment.
        """
        return self.settings != other.settings and self.role_id in ("", other.role_id)


def first_description(release: str, role: str) -> str:
    """Return the description of a function that is published when it is created: the first version has it, too."""
    return f"{_FIRST}{release}, {role}"


class Versions:
    """The versions and the alias of one function."""

    def __init__(self, aws: Aws, function: str) -> None:
        self._aws = aws
        self._function = function

    def live(self) -> Live | None:
        """Return the alias; ``None`` when there is none."""
        client = self._aws.lambda_
        try:
            alias = client.get_alias(FunctionName=self._function, Name=LIVE_ALIAS)
        except AbsentError:
            return None
        version = alias["FunctionVersion"]
        try:
            found = client.get_function_configuration(FunctionName=self._function, Qualifier=version)
        except AbsentError:
            found = None
        weights = (alias.get("RoutingConfig") or {}).get("AdditionalVersionWeights") or {}
        return Live(version, alias.get("Description", ""), weights, found)

    def publish(self, description: str, wait: Callable[[str], None]) -> str:
        """Publish `$LATEST` and return the version's number.

        Lambda returns the last version when nothing has changed since, so this can be repeated.

        Args:
            description: The version's description.
            wait: Waits until a version can be invoked.
        """
        version = self._aws.lambda_.publish_version(FunctionName=self._function, Description=description)["Version"]
        wait(version)
        return version

    def deploy(self, version: str, before: str | None) -> None:
        """Let the alias name a new version, and describe which one it named before; ``None`` when there is no alias."""
        replaces = f"{_REPLACES}{before}" if before not in (None, version) else ""
        now = rfc3339(self._aws.clock.now())
        self.point(version, f"version {version} deployed by pipectl at {now}{replaces}", exists=before is not None)

    def point(self, version: str, description: str, *, exists: bool = True) -> None:
        """Let the alias name a version, and no other one beside it."""
        client = self._aws.lambda_
        alias: Request = {
            "FunctionName": self._function,
            "Name": LIVE_ALIAS,
            "FunctionVersion": version,
            "Description": description,
        }
        if not exists:
            try:
                client.create_alias(**alias)
            except ExistsError:  # another process created it since, or an answer was lost
                pass
            else:
                return
        client.update_alias(**alias, RoutingConfig={"AdditionalVersionWeights": {}})

    def published(self) -> list[Version]:
        """Return the published versions, the newest first."""
        pages = self._aws.lambda_.get_paginator("list_versions_by_function").paginate(FunctionName=self._function)
        found = [Version.of(each) for page in pages for each in page["Versions"] if each["Version"] != LATEST]
        return sorted(found, key=lambda version: int(version.number), reverse=True)

    def remove_old(self, spared: Collection[str | None]) -> None:
        """Delete all but the newest versions, the oldest first, and ``spared`` and versions of other aliases never."""
        old = [version.number for version in self.published()[KEPT:]]
        for version in [each for each in reversed(old) if each not in spared][:_MOST_REMOVED]:
            try:
                self._aws.lambda_.delete_function(FunctionName=self._function, Qualifier=version)
            except AbsentError:
                continue
            except AwsError as error:
                if error.aws_code != _REFERENCED:
                    raise
