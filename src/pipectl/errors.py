"""The errors that users of pipectl see.

::

    PipectlError                 message, hint, and the resource it is about
    |-- ConfigError              the config is invalid: every problem, with file, line and key      (exit 2)
    |-- UsageError               the command line is invalid, or there is no terminal to confirm on (exit 2)
    |-- PackageError             a handler's folder cannot be packaged                             (exit 2)
    |-- RequirementError         a resource that the command works with is missing or not managed
    |-- NoVersionError           the processor has no version to roll back to
    |-- NoSuchFailureError       no failure has the id that was given
    |-- NoSuchOrderError         neither table, stream nor audit table has the order
    |-- OrderError               a text is not an order that the table can have                     (exit 2)
    |-- UnchangedOrderError      the table already has exactly this order
    |-- AmbiguousIdError         several failures have ids that begin as the one that was given
    |-- SeveralFailuresError     an order has several failures, or its key is also the beginning of an id
    |-- FailureStatusError       a failure's status does not allow what was asked for
    |-- ClaimedFailureError      a running replay has claimed the failure
    |-- SavedFilesError          saved records, a report, or files of a new project, cannot be written or read
    |   `-- UnusableIdError      an audit id cannot be the name of a file
    |-- RefusedError             pipectl refuses to continue
    |   |-- ForeignError         a resource of that name is not managed by this pipeline
    |   |-- UnreconcilableError  the difference cannot be removed by an update
    |   |-- DataLossError        data would be deleted or lost
    |   |-- PlanChangedError     the plan is not the one that was reviewed
    |   |-- WrongAccountError    the credentials belong to another account than the config
    |   |-- ProtectedError       the environment is protected, and its name was not given         (exit 2)
    |   `-- DeclinedError        the user did not confirm
    |-- AwsError                 an AWS call failed, after its retries
    |   |-- AbsentError          the service's error code for "not found"
    |   |-- ExistsError          the service's error code for "already exists"
    |   |-- AccessDeniedError    the caller lacks a permission
    |   |-- CredentialsError     no credentials, or expired or malformed ones
    |   `-- UnreachableError     no answer, or an answer that is not from AWS
    |-- WaitTimeoutError         AWS did not reach a state in time
    |-- CancelledError           the user pressed Ctrl-C                                           (exit 130)
    |-- IncompleteError          some changes failed; the others were completed
    `-- LocalError               the local emulator does not start, stop or answer

All of them exit with 1 unless stated otherwise. Those about one failure or order are in `failures.errors`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Self


class PipectlError(Exception):
    """An error without a code of its own. All errors that users see are kinds of it.

    Args:
        message: The failure and its place, in one sentence.
        hint: The next step for the user.
        resource: The key of the resource in the config (``orders-table``); ``None`` when there is none.

    Attributes:
        report: The command's report of what was done before the error, if anything was done.
    """

    code = "Error"
    exit_code = 1
    report: object = None

    def __init__(self, message: str, *, hint: str | None = None, resource: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.resource = resource

    def copy(self) -> Self:
        """Return an error of the same content, for another thread or resource."""
        copied = type(self).__new__(type(self), *self.args)
        copied.__dict__.update(self.__dict__)
        return copied


@dataclass(frozen=True)
class Problem:
    """A problem of a config file. ``line`` counts from 1, ``key`` is dotted; 0 and empty for the whole file."""

    file: str
    line: int
    key: str
    message: str

    def __str__(self) -> str:
        where = f"{self.file}:{self.line}" if self.line else self.file
        return f"{where}: {self.key}: {self.message}" if self.key else f"{where}: {self.message}"


class ConfigError(PipectlError):
    """The config is invalid. ``problems`` has every problem, in the order of the file."""

    code = "ConfigInvalid"
    exit_code = 2

    def __init__(self, problems: Sequence[Problem], *, hint: str | None = None) -> None:
        super().__init__("\n".join(map(str, problems)), hint=hint)
        self.problems = tuple(problems)


class UsageError(PipectlError):
    """The command line is invalid, or there is no terminal to confirm on."""

    code = "Usage"
    exit_code = 2


class PackageProblem(StrEnum):
    """Reasons why a handler's folder, or a package that it needs, cannot be packaged."""

    NO_FOLDER = "no-folder"
    UNREADABLE = "unreadable"
    TOO_LARGE = "too-large"
    TOO_MANY_FILES = "too-many-files"
    LINK_LOOP = "link-loop"
    BROKEN_LINK = "broken-link"
    SPECIAL_FILE = "special-file"
    SECRETS = "secrets"
    FILE_NAME = "file-name"
    NO_HANDLER = "no-handler"
    SYNTAX = "syntax"
    NO_FUNCTION = "no-function"
    ASYNC_FUNCTION = "async-function"
    MANIFEST = "invalid-manifest"
    UNSUPPORTED = "unsupported-requirement"
    NO_TOOL = "no-tool"
    NO_PACKAGE = "no-package"
    NO_WHEEL = "no-wheel"
    CONFLICT = "version-conflict"
    HASH = "wrong-hash"
    NO_NETWORK = "no-network"
    NO_ACCESS = "no-access"
    TIMEOUT = "timeout"
    NOT_INSTALLED = "not-installed"
    CACHE = "cache"


class PackageError(PipectlError):
    """A handler's folder cannot be packaged: it is missing, empty, invalid, or too large.

    ``problem`` is the reason, ``path`` the file or folder that has it; undecodable and control characters are escaped.
    """

    code = "HandlerInvalid"
    exit_code = 2

    def __init__(self, message: str, *, problem: PackageProblem, path: str, hint: str | None = None) -> None:
        super().__init__(message, hint=hint)
        self.problem = problem
        self.path = path


class RequirementError(PipectlError):
    """A resource that the command works with is missing, or is not managed by this pipeline.

    ``missing`` and ``unmanaged`` are the keys of these resources.
    """

    code = "ResourcesMissing"

    def __init__(
        self, message: str, *, missing: Sequence[str], unmanaged: Sequence[str], hint: str | None = None
    ) -> None:
        super().__init__(message, hint=hint)
        self.missing, self.unmanaged = tuple(missing), tuple(unmanaged)


class NoVersionError(PipectlError):
    """The processor has no version to roll back to."""

    code = "NoVersion"


class SavedFilesError(PipectlError):
    """Saved records, a report, or the files of a new project, cannot be written, found or read."""

    code = "SavedFiles"


class RefusedError(PipectlError):
    """pipectl refuses to continue. ``resources`` are the keys of the refused resources."""

    code = "Refused"

    def __init__(
        self, message: str, *, hint: str | None = None, resource: str | None = None, resources: Sequence[str] = ()
    ) -> None:
        super().__init__(message, hint=hint, resource=resource)
        self.resources = tuple(resources)


class ForeignError(RefusedError):
    """A resource of that name exists and is not managed by this pipeline."""

    code = "ForeignResource"


class UnreconcilableError(RefusedError):
    """A difference that no update removes, such as another partition key."""

    code = "Unreconcilable"


class DataLossError(RefusedError):
    """Continuing would delete or lose data."""

    code = "DataWouldBeLost"


class PlanChangedError(RefusedError):
    """The plan is not the one that was reviewed. ``report`` has the plan as it is now."""

    code = "PlanChanged"


class WrongAccountError(RefusedError):
    """The credentials belong to another account than the config names."""

    code = "WrongAccount"


class ProtectedError(RefusedError):
    """The config protects the environment, and its name was not given. ``environment`` is the name."""

    code = "Protected"
    exit_code = 2

    def __init__(self, environment: str) -> None:
        message = f"environment {environment} is protected (protect: true). Nothing was changed."
        super().__init__(message, hint=f"use --confirm {environment}")
        self.environment = environment


class DeclinedError(RefusedError):
    """The question of a command was answered with no."""

    code = "Declined"


class AwsError(PipectlError):
    """An AWS call failed, after its retries.

    ``service``, ``operation`` and ``aws_code`` are the names of the API, for example ``lambda``, ``CreateFunction``,
    ``ResourceConflictException``. ``aws_message`` is the last message from AWS, ``status`` its HTTP status, and
    ``response`` is the whole answer. Without an answer, ``aws_code`` is the name of botocore's error, such as
    ``ReadTimeoutError``.
    """

    code = "AwsCallFailed"

    def __init__(
        self,
        message: str,
        *,
        service: str = "",
        operation: str = "",
        aws_code: str = "",
        aws_message: str = "",
        status: int = 0,
        response: Mapping[str, object] | None = None,
        hint: str | None = None,
        resource: str | None = None,
    ) -> None:
        super().__init__(message, hint=hint, resource=resource)
        self.service, self.operation, self.status = service, operation, status
        self.aws_code, self.aws_message = aws_code, aws_message
        self.response = response or {}


class AbsentError(AwsError):
    """A resource does not exist: the service answered with its error code for "not found"."""

    code = "Absent"


class ExistsError(AwsError):
    """A resource exists already: the service answered with its error code for that."""

    code = "Exists"


class AccessDeniedError(AwsError):
    """The caller lacks permissions.

    They are ``actions`` on ``target``, an ARN, or ``*`` where AWS does not name it.
    """

    code = "AccessDenied"
    actions: tuple[str, ...] = ()
    target = "*"


class CredentialsError(AwsError):
    """There are no credentials, or AWS does not accept them."""

    code = "Credentials"


class UnreachableError(AwsError):
    """The endpoint does not answer, or its answer is not from AWS."""

    code = "Unreachable"


class WaitTimeoutError(PipectlError):
    """AWS did not reach a state within the time limit."""

    code = "WaitTimedOut"


class CancelledError(PipectlError):
    """The user pressed Ctrl-C. Calls in progress have finished."""

    code = "Interrupted"
    exit_code = 130


class IncompleteError(PipectlError):
    """Some resources failed, the others were completed. ``errors`` maps each to its reason."""

    code = "Incomplete"

    def __init__(self, message: str, errors: dict[str, PipectlError], *, hint: str | None = None) -> None:
        super().__init__(message, hint=hint)
        self.errors = errors


class LocalError(PipectlError):
    """The local emulator does not start, stop or answer."""

    code = "LocalEmulator"
