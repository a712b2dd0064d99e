"""Every error that a user of pipectl can meet.

::

    PipectlError                 what failed, where, what to do next
    |-- ConfigError              the config file is wrong: every problem, with file, line and key   (exit 2)
    |-- UsageError               the command line is wrong, or a question cannot be asked           (exit 2)
    |-- PackageError             a handler's folder cannot be made into a package                   (exit 2)
    |-- RequirementError         a resource that the command works with is missing or not managed
    |-- RefusedError             pipectl could, but must not
    |   |-- ForeignError         a resource of that name is not managed by this pipeline
    |   |-- UnreconcilableError  the difference cannot be removed without losing data
    |   |-- DataLossError        `down` would delete data
    |   |-- WrongAccountError    the credentials belong to another account than the config
    |   `-- DeclinedError        the user said no
    |-- AwsError                 an AWS call failed for good
    |   |-- AbsentError          the service's own named "not found"
    |   |-- ExistsError          the service's own named "already exists"
    |   |-- AccessDeniedError    the caller lacks a permission
    |   |-- CredentialsError     no credentials, or expired or malformed ones
    |   `-- UnreachableError     no answer, or one that is not AWS's
    |-- WaitTimeoutError         AWS did not reach the awaited state in time
    |-- CancelledError           the user pressed Ctrl-C                                            (exit 130)
    |-- IncompleteError          some resources failed; the others were still finished
    `-- LocalError               the local emulator does not start, stop or answer

All of them exit with 1 unless stated otherwise.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


class PipectlError(Exception):
    """Base of all errors that pipectl explains itself.

    Args:
        message: What failed and where, one sentence.
        hint: What the user can do about it.
        resource: The resource it is about, as in the config (``orders-table``), if it is about one.
    """

    code = "Error"
    exit_code = 1

    def __init__(self, message: str, *, hint: str | None = None, resource: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.resource = resource


@dataclass(frozen=True)
class Problem:
    """One mistake in a config file. ``line`` counts from 1; ``key`` is dotted, empty for the whole file."""

    file: str
    line: int
    key: str
    message: str

    def __str__(self) -> str:
        where = f"{self.file}:{self.line}"
        return f"{where}: {self.key}: {self.message}" if self.key else f"{where}: {self.message}"


class ConfigError(PipectlError):
    """The config file is wrong; ``problems`` holds every mistake that was found, in the order of the file."""

    code = "ConfigInvalid"
    exit_code = 2

    def __init__(self, problems: Sequence[Problem], *, hint: str | None = None) -> None:
        super().__init__("\n".join(map(str, problems)), hint=hint)
        self.problems = tuple(problems)


class UsageError(PipectlError):
    """The command cannot be run as it was given."""

    code = "Usage"
    exit_code = 2


class PackageError(PipectlError):
    """A handler's folder is missing, empty, does not parse, or is too large."""

    code = "HandlerInvalid"
    exit_code = 2


class RequirementError(PipectlError):
    """A resource that the command works with is missing, or is not managed by this pipeline.

    ``missing`` and ``unmanaged`` are the keys of these resources.
    """

    code = "ResourcesMissing"

    def __init__(
        self, message: str, *, missing: Sequence[str], unmanaged: Sequence[str], hint: str | None = None
    ) -> None:
        super().__init__(message, hint=hint)
        self.missing = tuple(missing)
        self.unmanaged = tuple(unmanaged)


class RefusedError(PipectlError):
    """pipectl could do it, but must not. ``resources`` are the keys of the refused resources."""

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
    """Going on would delete data."""

    code = "DataWouldBeLost"


class WrongAccountError(RefusedError):
    """The credentials belong to another account than the config names."""

    code = "WrongAccount"


class DeclinedError(RefusedError):
    """The user answered no."""

    code = "Declined"


class AwsError(PipectlError):
    """An AWS call failed for good.

    ``service``, ``operation`` and ``aws_code`` are the API's own words, e.g. ``lambda``, ``CreateFunction``,
    ``ResourceConflictException``; ``aws_message`` is the last text that AWS sent, ``status`` its HTTP status. Where no
    answer came, ``aws_code`` is botocore's name of what went wrong on the way, such as ``ReadTimeoutError``.
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
        hint: str | None = None,
        resource: str | None = None,
    ) -> None:
        super().__init__(message, hint=hint, resource=resource)
        self.service = service
        self.operation = operation
        self.aws_code = aws_code
        self.aws_message = aws_message
        self.status = status


class AbsentError(AwsError):
    """The service's own named "not found"."""

    code = "Absent"


class ExistsError(AwsError):
    """The service's own named "already exists"."""

    code = "Exists"


class AccessDeniedError(AwsError):
    """The caller lacks a permission."""

    code = "AccessDenied"


class CredentialsError(AwsError):
    """There are no credentials, or AWS does not accept them."""

    code = "Credentials"


class UnreachableError(AwsError):
    """The endpoint does not answer, or what answers is not AWS."""

    code = "Unreachable"


class WaitTimeoutError(PipectlError):
    """AWS did not reach the awaited state within the bound."""

    code = "WaitTimedOut"


class CancelledError(PipectlError):
    """The user pressed Ctrl-C; what was under way has ended."""

    code = "Interrupted"
    exit_code = 130


class IncompleteError(PipectlError):
    """Some resources failed; ``errors`` maps each to its reason."""

    code = "Incomplete"

    def __init__(self, message: str, errors: dict[str, PipectlError], *, hint: str | None = None) -> None:
        super().__init__(message, hint=hint)
        self.errors = errors


class LocalError(PipectlError):
    """The local emulator does not start, stop or answer."""

    code = "LocalEmulator"
