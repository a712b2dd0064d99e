"""Lambda functions with the code of a handler's folder."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from pipectl.aws.client import Aws, Request
from pipectl.config.names import CODE_TAG
from pipectl.engine.model import Attributes, Facts, Observation, Resource
from pipectl.errors import AbsentError, AwsError, PipectlError
from pipectl.packaging.build import Package
from pipectl.resources.tagging import differing, require_tags

if TYPE_CHECKING:
    from mypy_boto3_lambda.type_defs import FunctionConfigurationResponseTypeDef, GetFunctionResponseTypeDef

_BOUND = 300
HIDDEN = "(hidden)"
"""The value that is reported for environment variables that pipectl does not set: they can hold secrets."""
_STOPPED = "processing is stopped (reserved concurrency 0); `pipectl up` starts it again"


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

    Args:
        key: Its section in the config.
        name: Its physical name.
        aws: Where it is.
        arn: Its ARN.
        needs: Its role and its log group.
        settings: How it runs.
        package: Builds its code; called at most once, and only where the code matters.
        tags: Tags of the resource.
    """

    kind = "function"

    def __init__(
        self,
        key: str,
        name: str,
        aws: Aws,
        *,
        arn: str,
        needs: Collection[str],
        settings: Settings,
        package: Callable[[], Package],
        tags: Mapping[str, str],
    ) -> None:
        super().__init__(key, name, needs)
        self._aws = aws
        self._arn = arn
        self._settings = settings
        self._build = package
        self._tags = tags

    @cached_property
    def _package(self) -> Package:
        return self._build()

    def desired(self, facts: Mapping[str, Facts]) -> Attributes:
        del facts
        settings = self._settings
        return {
            "role": settings.role_arn,
            "handler": settings.handler,
            "runtime": settings.runtime,
            "architecture": settings.architecture,
            "memory": settings.memory,
            "timeout": settings.timeout,
            "environment": dict(settings.environment),
            "layers": [],
            "reserved_concurrency": None,
            "code_sha256": self._package.identity,
            "tags": dict(self._tags),
        }

    def observe(self) -> Observation | None:
        try:
            answer = self._read_whole()
        except AbsentError:
            return None
        found = answer["Configuration"]
        attributes: Attributes = {
            "role": found["Role"],
            "handler": found.get("Handler"),
            "runtime": found.get("Runtime"),
            "architecture": found.get("Architectures", ["x86_64"])[0],
            "memory": found["MemorySize"],
            "timeout": found["Timeout"],
            "environment": self._shown(found.get("Environment", {}).get("Variables", {})),
            "layers": [layer["Arn"] for layer in found.get("Layers", [])],
            "reserved_concurrency": answer.get("Concurrency", {}).get("ReservedConcurrentExecutions"),
            "code_sha256": _code_identity(found["CodeSha256"], answer.get("Tags", {})),
        }
        return Observation(attributes, answer.get("Tags", {}))

    def _shown(self, variables: Mapping[str, str]) -> dict[str, str]:
        """Return environment variables without the values of those that pipectl does not set."""
        return {name: value if name in self._settings.environment else HIDDEN for name, value in variables.items()}

    def create(self, desired: Attributes) -> Facts:
        configuration: Request = {name: value for _, name, value in _configuration(desired)}
        self._aws.lambda_.create_function(
            FunctionName=self.name,
            Architectures=[desired["architecture"]],
            Code={"ZipFile": self._package.body},
            Tags={**desired["tags"], **self._code_tags()},
            **configuration,
        )
        return Facts()

    def update(self, desired: Attributes, observed: Observation, differs: Collection[str]) -> Facts:
        """Make one change at a time, and wait for each: Lambda refuses concurrent changes.

        When both code and configuration change, say from Python to Node.js, the new one and the old one are together
        for a moment. Every record would fail then and use up its retries. So the function is throttled meanwhile: with
        reserved concurrency 0 a batch is throttled and waits, without using up a retry (Lambda Developer Guide, "Retain
        discarded records for a DynamoDB event source"). A run that is killed in between leaves that setting as drift,
        which the next run removes last.
        """
        client = self._aws.lambda_
        code = bool({"code_sha256", "architecture"} & set(differs))
        configuration = {name: value for key, name, value in _configuration(desired) if key in differs}
        hold = code and bool(configuration)
        self._wait_until_idle()
        if hold:
            client.put_function_concurrency(FunctionName=self.name, ReservedConcurrentExecutions=0)
        try:
            self._change(desired, code, configuration)
        except PipectlError as error:
            if hold:
                error.hint = f"{error.hint or 'the change is not complete'}; {_STOPPED}"
            raise
        if hold or "reserved_concurrency" in differs:
            client.delete_function_concurrency(FunctionName=self.name)
        if "tags" in differs:
            client.tag_resource(Resource=self._arn, Tags=differing(desired["tags"], observed.tags))
        return observed.facts

    def _change(self, desired: Attributes, code: bool, configuration: Request) -> None:
        if code:
            self._aws.lambda_.update_function_code(
                FunctionName=self.name, ZipFile=self._package.body, Architectures=[desired["architecture"]]
            )
            self._wait_until_updated()
            if tags := self._code_tags():
                self._aws.lambda_.tag_resource(Resource=self._arn, Tags=tags)
        if configuration:
            self._aws.lambda_.update_function_configuration(FunctionName=self.name, **configuration)
            self._wait_until_updated()

    def _code_tags(self) -> dict[str, str]:
        """Return the tag of a package whose zip differs between machines: the hash of its contents, and of this zip."""
        package = self._package
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

    def _wait_until_updated(self) -> None:
        def updated() -> bool:
            found = self._read()
            if "Failed" in (found.get("State"), found.get("LastUpdateStatus")):
                reason = found.get("LastUpdateStatusReason") or found.get("StateReason") or "no reason given"
                raise AwsError(
                    f"function {self.name} failed: {reason}", hint="correct the cause and run the command again"
                )
            return _is_idle(found)

        self._aws.wait(updated, f"function {self.name} to be updated", _BOUND)

    def _read(self) -> FunctionConfigurationResponseTypeDef:
        return self._aws.lambda_.get_function_configuration(FunctionName=self.name)


def _code_identity(sha256: str, tags: Mapping[str, str]) -> str:
    """Return the hash of the contents if the tag was written for this very zip, else the hash of the zip."""
    contents, _, zipped = tags.get(CODE_TAG, "").partition(":")
    return contents if contents and zipped == sha256 else sha256


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
    ]
