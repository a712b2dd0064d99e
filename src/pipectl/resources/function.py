"""Lambda functions with the code of a handler's folder."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from typing import TYPE_CHECKING

from pipectl.aws.calls import Request
from pipectl.aws.client import Aws
from pipectl.config.names import CODE_TAG, LIVE_ALIAS
from pipectl.engine.model import UNKNOWN, Attributes, Delta, Facts, Observation, Resource, facts_of
from pipectl.engine.parallel import at_once
from pipectl.errors import AbsentError, AwsError
from pipectl.facts import FunctionFacts, RoleFacts
from pipectl.packaging.build import Package
from pipectl.policy_document import Statement, members, read
from pipectl.resources.tagging import differing, require_tags
from pipectl.resources.unmanaged import allowed_principals, note
from pipectl.resources.versions import LATEST, Live, Versions, first_description

if TYPE_CHECKING:
    from mypy_boto3_lambda.type_defs import (
        FunctionConfigurationResponseTypeDef,
        FunctionConfigurationTypeDef,
        GetFunctionResponseTypeDef,
    )

_BOUND = 300
HIDDEN = "(hidden)"
"""The value that is reported for environment variables that pipectl does not set: they can hold secrets."""
_ROLE_ID = re.compile(r"\brole ([A-Z0-9]+)$")
_UNTRACED = "PassThrough"
_STORAGE = 512
_CODE = {"code_sha256", "architecture"}
_ROLE_UNKNOWN = "the description does not have the id of the role, so a role that was recreated would not be noticed"
_ROLE_RECREATED = "the role was recreated; with its new id the function can decrypt its environment again"


@dataclass(frozen=True)
class Settings:
    """The settings of a function. ``memory`` is in MB, ``timeout`` in seconds."""

    role_arn: str
    runtime: str
    handler: str
    architecture: str
    memory: int
    timeout: int
    environment: Mapping[str, str]


class Function(Resource):
    """A function.

    A function with ``release`` is invoked through an alias, which names a published version. An update prepares
    `$LATEST`, which nobody invokes, then publishes it and moves the alias: code and settings change in one moment.

    The role's id is a part of the descriptions of the function and of its versions. When a role is deleted and
    recreated, Lambda's permission to decrypt the environment still belongs to the old id; a change of the description
    renews it.

    Args:
        key: Its section in the config.
        name: Its physical name.
        aws: Where it is.
        arn: Its ARN.
        role: The key of its role.
        needs: The other resources that it needs.
        uses: The resources that it writes to and reads from.
        settings: How it runs.
        package: Builds its code; called at most once, and only where the code matters.
        tags: Tags of the resource.
        release: Describes a new version; ``None`` for a function without versions.
    """

    kind = "function"

    def __init__(
        self,
        key: str,
        name: str,
        aws: Aws,
        *,
        arn: str,
        role: str,
        needs: Collection[str],
        uses: Collection[str],
        settings: Settings,
        package: Callable[[], Package],
        tags: Mapping[str, str],
        release: Callable[[], str] | None = None,
    ) -> None:
        super().__init__(key, name, (role, *needs), uses=uses)
        self._aws = aws
        self._arn = arn
        self._role = role
        self._settings = settings
        self._build = package
        self._tags = tags
        self._release = release
        self._versions = Versions(aws, name)

    @cached_property
    def package(self) -> Package:
        """The code of the config, built once."""
        return self._build()

    def desired(self, facts: Mapping[str, Facts]) -> Attributes:
        settings, role = self._settings, facts_of(facts, self._role, RoleFacts)
        versioned: Attributes = {
            "role": settings.role_arn,
            "role_id": role.role_id if role else UNKNOWN,
            "handler": settings.handler,
            "runtime": settings.runtime,
            "architecture": settings.architecture,
            "memory": settings.memory,
            "timeout": settings.timeout,
            "environment": dict(settings.environment),
            "layers": [],
            "code_sha256": self.package.identity,
        }
        live = {"live": versioned | {"weights": {}}} if self._release else {}
        return versioned | live | {"reserved_concurrency": None, "tags": dict(self._tags)}

    def identify(self) -> Observation | None:
        """Read the function without its versions: its facts have no live version."""
        try:
            answer = self._read_whole()
        except AbsentError:
            return None
        return Observation({}, answer.get("Tags", {}), FunctionFacts(None, held=_reserved(answer) == 0))

    def observe(self) -> Observation | None:
        try:
            answer = self._read_whole()
        except AbsentError:
            return None
        tags = answer.get("Tags", {})
        attributes = self._versioned(answer["Configuration"], tags)
        attributes["reserved_concurrency"] = reserved = _reserved(answer)
        facts, others = FunctionFacts(None, held=reserved == 0), _unmanaged(answer["Configuration"])
        with at_once() as start:
            of_version = start(self._versions.live) if self._release else None
            qualifiers = [None, LIVE_ALIAS] if self._release else [None]
            read = {each or LATEST: start(partial(self._resource_policy, each)) for each in qualifiers}
        policies = {qualifier: found for qualifier, policy in read.items() if (found := policy())}
        live = of_version() if of_version else None
        if of_version:
            attributes["live"] = self._live(live, tags) if live else None
        if live:
            since, rollback = live.since, live.rollback
            facts = FunctionFacts(live.version, facts.held, live.replaced, live_since=since, rollback=rollback)
            others |= _unmanaged(live.configuration) if live.configuration else {}
        return self._observation(attributes, tags, facts, others, policies)

    def _observation(
        self,
        attributes: Attributes,
        tags: Mapping[str, str],
        facts: FunctionFacts,
        others: Mapping[str, object],
        policies: Mapping[str, Sequence[Statement]],
    ) -> Observation:
        """Return the observation with the settings that are not managed, and the resource policies that exist."""
        principals = allowed_principals([each for policy in policies.values() for each in policy])
        unmanaged = {**{name.replace(" ", "_"): value for name, value in others.items()}, "resource_policies": policies}
        return Observation(
            attributes,
            tags,
            facts,
            note=note({**others, "resource policy for": ", ".join(principals)}),
            unmanaged={name: value for name, value in unmanaged.items() if value},
        )

    def _resource_policy(self, qualifier: str | None) -> list[Statement]:
        """Return the statements that let others invoke or change the function, or one of its aliases."""
        qualified: Request = {"Qualifier": qualifier} if qualifier else {}
        try:
            policy = self._aws.lambda_.get_policy(FunctionName=self.name, **qualified)["Policy"]
        except AbsentError:
            return []
        return members(read(policy))

    def _versioned(
        self, found: FunctionConfigurationResponseTypeDef | FunctionConfigurationTypeDef, tags: Mapping[str, str]
    ) -> Attributes:
        """Return the attributes that are published with a version."""
        role_id = _ROLE_ID.search(found.get("Description", ""))
        return {
            "role": found["Role"],
            "role_id": role_id and role_id[1],
            "handler": found.get("Handler"),
            "runtime": found.get("Runtime"),
            "architecture": found.get("Architectures", ["x86_64"])[0],
            "memory": found["MemorySize"],
            "timeout": found["Timeout"],
            "environment": self._shown(found.get("Environment", {}).get("Variables", {})),
            "layers": [layer["Arn"] for layer in found.get("Layers", [])],
            "code_sha256": _code_identity(found["CodeSha256"], tags),
        }

    def _live(self, live: Live, tags: Mapping[str, str]) -> Attributes | str:
        """Return the attributes of the version in use; the alias's target where that is no published version."""
        if live.configuration is None or live.version == LATEST:
            return live.version
        return self._versioned(live.configuration, tags) | {"weights": dict(live.weights)}

    def _shown(self, variables: Mapping[str, str]) -> dict[str, str]:
        """Return environment variables without the values of those that pipectl does not set."""
        return {name: value if name in self._settings.environment else HIDDEN for name, value in variables.items()}

    def create(self, desired: Attributes) -> Facts:
        """Create the function. With versions, publish the first one in the same call, and the alias.

        A mapping can be created while the function is Pending, so nothing waits for it here.
        """
        configuration: Request = {name: value for _, name, value in _configuration(desired)}
        if self._release:
            configuration |= {"Publish": True, "Description": first_description(self._release(), _description(desired))}
        created = self._aws.lambda_.create_function(
            FunctionName=self.name,
            Architectures=[desired["architecture"]],
            Code={"ZipFile": self.package.body},
            Tags={**desired["tags"], **self._code_tags()},
            **configuration,
        )
        if not self._release:
            return Facts()
        self._versions.deploy(created["Version"], None)
        return FunctionFacts(created["Version"])

    def complete(self, desired: Attributes) -> None:
        """Wait until the version in use can be invoked."""
        del desired
        if self._release:
            self._wait_until_updated(LIVE_ALIAS, "to become Active")

    def update(self, desired: Attributes, observed: Observation, differs: Collection[str]) -> Facts:
        """Make one change at a time, and wait for each: Lambda refuses concurrent changes."""
        client, facts = self._aws.lambda_, observed.facts
        configuration = {name: value for key, name, value in _configuration(desired) if key in differs}
        self._wait_until_idle()
        self._change(desired, bool(_CODE & set(differs)), configuration)
        if "live" in differs:
            before = observed.facts_as(FunctionFacts).live_version
            version = self._publish(desired, before)
            self._versions.remove_old({version, before})
            facts = FunctionFacts(version)
        if "reserved_concurrency" in differs:
            client.delete_function_concurrency(FunctionName=self.name)
        if "tags" in differs:
            client.tag_resource(Resource=self._arn, Tags=differing(desired["tags"], observed.tags))
        return facts

    def _publish(self, desired: Attributes, before: str | None) -> str:
        """Publish `$LATEST`, let the alias name that version, and return it."""
        release = self._release() if self._release else ""
        version = self._versions.publish(
            f"{release}, {_description(desired)}", lambda published: self._wait_until_updated(published)
        )
        self._versions.deploy(version, before)
        return version

    def remark(self, deltas: Mapping[str, Delta], observed: Observation | None) -> str | None:
        """Return remarks about the id of the role, a rollback that `up` undoes, and versions that are not fixed.

        A rollback differs from the config; one to the code and settings of the config leaves nothing to undo.
        """
        changed = {path.removeprefix("live.") for path in deltas}
        unpinned = self.package.unpinned if "code_sha256" in changed else None
        if observed is None:
            return unpinned
        renewed = deltas.get("role_id") or deltas.get("live.role_id")
        role = (_ROLE_RECREATED if renewed.before else _ROLE_UNKNOWN) if renewed else None
        facts, differs = observed.facts, any(path.partition(".")[0] == "live" for path in deltas)
        rollback = facts.rollback if differs and isinstance(facts, FunctionFacts) else None
        undone = f"{rollback}; `pipectl up` undoes it" if rollback else None
        return "; ".join(filter(None, [undone, role, unpinned])) or None

    def _change(self, desired: Attributes, code: bool, configuration: Request) -> None:
        if code:
            self._aws.lambda_.update_function_code(
                FunctionName=self.name, ZipFile=self.package.body, Architectures=[desired["architecture"]]
            )
            self._wait_until_updated()
            if tags := self._code_tags():
                self._aws.lambda_.tag_resource(Resource=self._arn, Tags=tags)
        if configuration:
            self._aws.lambda_.update_function_configuration(FunctionName=self.name, **configuration)
            self._wait_until_updated()

    def _code_tags(self) -> dict[str, str]:
        """Return the tag of a package whose zip differs between machines: the hash of its contents, and of this zip."""
        package = self.package
        return {CODE_TAG: f"{package.content_sha256}:{package.sha256}"} if package.deflated else {}

    def delete(self, observed: Observation, *, delete_data: bool = False) -> None:
        del observed, delete_data
        try:
            self._aws.lambda_.delete_function(FunctionName=self.name)
        except AbsentError:
            return

    def _read_whole(self) -> GetFunctionResponseTypeDef:
        """Read the function with its tags. While it is being deleted it counts as absent."""
        answer = self._aws.lambda_.get_function(FunctionName=self.name)
        if answer["Configuration"].get("State") == "Deleting":
            self._aws.wait(self._is_gone, f"function {self.name} to be deleted", _BOUND)
            raise AbsentError(f"function {self.name} has just been deleted")
        require_tags(answer)
        return answer

    def _is_gone(self) -> bool:
        try:
            self._read()
        except AbsentError:
            return True
        return False

    def _wait_until_idle(self) -> None:
        """Wait until no change is in progress. A failed change is no error here: another one follows."""
        self._aws.wait(lambda: _is_idle(self._read()), f"function {self.name} to be idle", _BOUND)

    def _wait_until_updated(self, version: str | None = None, state: str = "to be updated") -> None:
        def updated() -> bool:
            found = self._read(version)
            if "Failed" in (found.get("State"), found.get("LastUpdateStatus")):
                reason = found.get("LastUpdateStatusReason") or found.get("StateReason") or "no reason given"
                raise AwsError(
                    f"function {self.name} failed: {reason}", hint="correct the cause and run the command again"
                )
            return _is_idle(found)

        self._aws.wait(updated, f"function {self.name} {state}", _BOUND)

    def _read(self, version: str | None = None) -> FunctionConfigurationResponseTypeDef:
        qualifier: Request = {"Qualifier": version} if version else {}
        return self._aws.lambda_.get_function_configuration(FunctionName=self.name, **qualifier)


def _reserved(answer: GetFunctionResponseTypeDef) -> int | None:
    return answer.get("Concurrency", {}).get("ReservedConcurrentExecutions")


def _code_identity(sha256: str, tags: Mapping[str, str]) -> str:
    """Return the hash of the contents if the tag was written for this very zip, else the hash of the zip."""
    contents, _, zipped = tags.get(CODE_TAG, "").partition(":")
    return contents if contents and zipped == sha256 else sha256


def _unmanaged(
    found: FunctionConfigurationResponseTypeDef | FunctionConfigurationTypeDef,
) -> dict[str, object]:
    """Return the settings that differ from AWS's defaults and that pipectl does not manage."""
    logs, tracing = found.get("LoggingConfig", {}), found.get("TracingConfig", {}).get("Mode", _UNTRACED)
    group, storage = logs.get("LogGroup"), found.get("EphemeralStorage", {}).get("Size", _STORAGE)
    settings = {
        "VPC": found.get("VpcConfig", {}).get("VpcId"),
        "KMS key": found.get("KMSKeyArn"),
        "tracing": tracing if tracing != _UNTRACED else None,
        "storage in MB": storage if storage != _STORAGE else None,
        "log format": logs.get("LogFormat") if logs.get("LogFormat") == "JSON" else None,
        "log group": group if group != f"/aws/lambda/{found['FunctionName']}" else None,
    }
    return {name: value for name, value in settings.items() if value}


def packages_of(resources: Mapping[str, Resource]) -> dict[str, Package]:
    """Return the packages of the functions among resources, by key. Each is built once."""
    return {key: each.package for key, each in resources.items() if isinstance(each, Function)}


def _is_idle(found: FunctionConfigurationResponseTypeDef) -> bool:
    return found.get("State") != "Pending" and found.get("LastUpdateStatus") != "InProgress"


def _configuration(desired: Attributes) -> list[tuple[str, str, object]]:
    """Return attribute, parameter and value of each setting of UpdateFunctionConfiguration."""
    return [
        ("role", "Role", desired["role"]),
        ("handler", "Handler", desired["handler"]),
        ("runtime", "Runtime", desired["runtime"]),
        ("memory", "MemorySize", desired["memory"]),
        ("timeout", "Timeout", desired["timeout"]),
        ("environment", "Environment", {"Variables": desired["environment"]}),
        ("layers", "Layers", desired["layers"]),
        ("role_id", "Description", f"managed by pipectl, {_description(desired)}"),
    ]


def _description(desired: Attributes) -> str:
    """Return the end of the descriptions of the function and of its versions."""
    return f"role {desired['role_id']}"
