"""The checks of `doctor`: subjects, verdicts and findings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from pipectl.errors import PipectlError


class Verdict(StrEnum):
    OK = "ok"
    WARNING = "warning"
    PROBLEM = "problem"


class Finding(StrEnum):
    """The results of the checks; the words are in `pipectl.output.doctor`."""

    FAILED = "failed"
    NOT_CHECKED = "not-checked"
    PIPECTL = "pipectl"
    LIBRARIES = "libraries"
    LIBRARIES_OLD = "libraries-old"
    LIBRARIES_DIFFER = "libraries-differ"
    GIT = "git"
    GIT_MISSING = "git-missing"
    CONFIG = "config"
    REGION = "region"
    PROXIES = "proxies"
    NO_PROXY = "no-proxy"
    CREDENTIALS_LOCAL = "credentials-local"
    ACCESS_KEY = "access-key"
    SESSION = "session"
    SESSION_ENDS = "session-ends"
    ACCOUNT = "account"
    ACCOUNT_ROOT = "account-root"
    ACCOUNT_DIFFERS = "account-differs"
    ENDPOINT = "endpoint"
    CLOCK = "clock"
    CLOCK_DIFFERS = "clock-differs"
    NO_CLOCK = "no-clock"
    PERMISSIONS = "permissions"
    PERMISSIONS_READ = "permissions-read"
    PERMISSIONS_DENIED = "permissions-denied"
    RUNTIMES = "runtimes"
    RUNTIMES_DIFFER = "runtimes-differ"
    EMULATOR_RUNNING = "emulator-running"
    EMULATOR_STOPPED = "emulator-stopped"
    EMULATOR_MISSING = "emulator-missing"
    EMULATOR_VERSION = "emulator-version"
    NODE = "node"
    NODE_UNUSED = "node-unused"
    INSTALLER = "installer"


@dataclass(frozen=True)
class Check:
    """A check and its result.

    Args:
        name: The subject.
        verdict: Its verdict.
        finding: The result.
        facts: The values of the result.
        error: The error, if that is the result.
    """

    name: str
    verdict: Verdict
    finding: Finding
    facts: Mapping[str, object]
    error: PipectlError | None = None


@dataclass(frozen=True)
class Diagnosis:
    checks: tuple[Check, ...]

    @property
    def ok(self) -> bool:
        """Return whether there is no problem; warnings do not count."""
        return all(check.verdict is not Verdict.PROBLEM for check in self.checks)


def ok(name: str, finding: Finding, **facts: object) -> Check:
    return Check(name, Verdict.OK, finding, facts)


def warning(name: str, finding: Finding, **facts: object) -> Check:
    return Check(name, Verdict.WARNING, finding, facts)


def problem(name: str, finding: Finding, **facts: object) -> Check:
    return Check(name, Verdict.PROBLEM, finding, facts)


def failed(name: str, error: PipectlError) -> Check:
    return Check(name, Verdict.PROBLEM, Finding.FAILED, {"message": error.message}, error)
