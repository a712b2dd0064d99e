"""`doctor`: check the machine, the config, the credentials, AWS and the local emulator. Reads only."""

from __future__ import annotations

import importlib.util
import platform
import re
import shutil
import subprocess
import sys
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from pipectl import __version__
from pipectl.aws import settings
from pipectl.aws.client import TOLERATED_CLOCK_DIFFERENCE, Aws
from pipectl.commands import local as emulator
from pipectl.config.models import Config
from pipectl.config.names import Names
from pipectl.diagnosis import Check, Diagnosis, Finding, Verdict, failed, ok, problem, warning
from pipectl.engine.parallel import parallel_map
from pipectl.errors import (
    AccessDeniedError,
    AwsError,
    CancelledError,
    CredentialsError,
    LocalError,
    PackageError,
    PipectlError,
    UsageError,
)
from pipectl.iam.places import places_of
from pipectl.iam.simulation import ROOT_USER, denied_by_group
from pipectl.local import node
from pipectl.local.home import REGION, LocalEmulator, default_home
from pipectl.packaging.dependencies.provide import manifest_of, program_of
from pipectl.packaging.dependencies.tools import Tools
from pipectl.pipeline import Pipeline

TIMEOUT = 2.0
"""Seconds that each call may take, so that an endpoint that does not answer is reported soon."""
OLDEST_BOTO3 = (1, 43)
MINISTACK = ((1, 5, 33), (1, 6))
"""The oldest version that the extra ``local`` accepts, and the first that it does not accept."""
REFUSED_CLOCK_DIFFERENCE = 300
"""Seconds. AWS refuses requests with a larger difference."""
ENDS_SOON = timedelta(minutes=15)
GIT_SECONDS = 2


@dataclass(frozen=True)
class Setup:
    """The settings to check.

    Args:
        file: The config file.
        config: Loads it.
        region: Finds the region, with a config or without one.
        is_local: Check the pipeline on the local emulator.
        connect: Returns AWS in a region; calls end after `TIMEOUT`.
        connect_local: Returns the running local emulator as AWS.
    """

    file: Path
    config: Callable[[], Config]
    region: Callable[[Config | None], str]
    is_local: bool
    connect: Callable[[str], Aws]
    connect_local: Callable[[LocalEmulator, str], Aws]


def doctor(setup: Setup, now: datetime, cancel: Callable[[], None] = lambda: None) -> Diagnosis:
    """Check everything, in parallel, and each part without those that fail.

    Args:
        setup: The settings.
        now: The current time.
        cancel: Called at Ctrl-C.

    Raises:
        CancelledError: the user pressed Ctrl-C.
    """
    examination = _Examination(setup, now, cancel)
    parts = {
        "machine": examination.machine,
        "aws": examination.aws,
        "endpoint": examination.endpoint,
        "emulator": examination.emulator,
    }
    done = parallel_map(lambda part: tuple(parts[part]()), parts, cancel=cancel).require_done("interrupted")
    found = (*examination.config_checks, *(check for part in parts for check in done[part]))
    return Diagnosis(tuple(found))


class _Examination:
    """The checks. Config, region and clients are found at once; the rest is done in threads."""

    def __init__(self, setup: Setup, now: datetime, cancel: Callable[[], None]) -> None:
        self._setup = setup
        self._now = now
        self._cancel = cancel
        self._config: Config | None = None
        self._region = REGION
        self._aws: Aws | None = None
        self._running: LocalEmulator | None = None
        self._unconnected: PipectlError | None = None
        self.config_checks = (self._check_config(), self._check_region())
        self._connect()

    def _check_config(self) -> Check:
        try:
            self._config = self._setup.config()
        except (PipectlError, OSError) as error:
            return failed("config", error if isinstance(error, PipectlError) else PipectlError(str(error)))
        return ok("config", Finding.CONFIG, file=self._setup.file, environment=self._config.environment)

    def _check_region(self) -> Check:
        try:
            self._region = self._setup.region(self._config)
        except UsageError as error:
            return failed("region", error)
        return ok("region", Finding.REGION, region=self._region)

    def _connect(self) -> None:
        try:
            if not self._setup.is_local:
                self._aws = self._setup.connect(self._region)
            elif running := emulator.status():
                self._aws = self._setup.connect_local(running, self._region)
        except PipectlError as error:
            self._unconnected = error

    # The machine

    def machine(self) -> Iterator[Check]:
        yield ok("pipectl", Finding.PIPECTL, version=__version__, python=platform.python_version(), path=sys.executable)
        yield _libraries()
        yield _git(self._setup.file.parent)
        if self._config is not None:
            yield from _installers(self._config, self._setup.file)
        if isinstance(self._unconnected, UsageError):
            yield failed("network", self._unconnected)
        elif used := settings.proxies():
            yield ok("network", Finding.PROXIES, proxies=used)
        else:
            yield ok("network", Finding.NO_PROXY)

    # AWS

    def endpoint(self) -> Iterator[Check]:
        """Check the endpoint and the clock with a request that needs no credentials."""
        if self._aws is None:
            yield from map(self._not_checked, ("endpoint", "clock"))
            return
        try:
            answered = self._aws.knock()
        except PipectlError as error:
            yield failed("endpoint", error)
            yield warning("clock", Finding.NOT_CHECKED, because="endpoint")
            return
        yield ok("endpoint", Finding.ENDPOINT, endpoint=answered.endpoint_url)
        ahead = answered.clock_ahead
        if ahead is None:
            yield warning("clock", Finding.NO_CLOCK)
        elif abs(ahead) <= TOLERATED_CLOCK_DIFFERENCE:
            yield ok("clock", Finding.CLOCK, seconds=round(ahead))
        else:
            verdict = Verdict.PROBLEM if abs(ahead) > REFUSED_CLOCK_DIFFERENCE else Verdict.WARNING
            yield Check("clock", verdict, Finding.CLOCK_DIFFERS, {"seconds": round(ahead)})

    def aws(self) -> Iterator[Check]:
        """Check the credentials, then the account, then the permissions, as far as each needs the one before."""
        if self._aws is None:
            if isinstance(self._unconnected, CredentialsError):
                yield failed("credentials", self._unconnected)
            else:
                yield self._not_checked("credentials")
            yield from map(self._not_checked, ("account", "permissions"))
            return
        try:
            yield self._credentials(self._aws)
        except PipectlError as error:
            yield failed("credentials", error)
            for name in ("account", "permissions"):
                yield warning(name, Finding.NOT_CHECKED, because="credentials")
            return
        try:
            caller = self._aws.caller
        except PipectlError as error:
            yield failed("account", error)
            yield warning("permissions", Finding.NOT_CHECKED, because="account")
            return
        yield self._account(caller.account_id, caller.arn)
        yield self._permissions(self._aws, caller.account_id, caller.arn)

    def _not_checked(self, name: str) -> Check:
        if isinstance(self._unconnected, CredentialsError):
            because = "credentials"
        else:
            because = "network" if self._unconnected else "emulator"
        return warning(name, Finding.NOT_CHECKED, because=because)

    def _credentials(self, aws: Aws) -> Check:
        if self._setup.is_local:
            return ok("credentials", Finding.CREDENTIALS_LOCAL)
        found = aws.credentials()
        if not found.temporary:
            return ok("credentials", Finding.ACCESS_KEY, source=found.source)
        facts = {"source": found.source, "expires": found.expires}
        if found.expires and found.expires - self._now < ENDS_SOON:
            return warning("credentials", Finding.SESSION_ENDS, **facts)
        return ok("credentials", Finding.SESSION, **facts)

    def _account(self, account_id: str, arn: str) -> Check:
        expected = self._config.account_id if self._config and not self._setup.is_local else None
        facts = {"account": account_id, "arn": arn}
        if expected and expected != account_id:
            return problem("account", Finding.ACCOUNT_DIFFERS, expected=expected, **facts)
        if arn.endswith(ROOT_USER) and not self._setup.is_local:
            return warning("account", Finding.ACCOUNT_ROOT, **facts)
        return ok("account", Finding.ACCOUNT, **facts)

    def _permissions(self, aws: Aws, account_id: str, arn: str) -> Check:
        """Ask IAM; where the caller may not, read the actual state of each resource."""
        config = self._config
        if config is None:
            return warning("permissions", Finding.NOT_CHECKED, because="config")
        names = Names(config.environment, config.team, config.project, aws.region, account_id, aws.partition)
        try:
            denied = denied_by_group(aws, arn, places_of(config, names), self._cancel)
        except CancelledError:
            raise
        except AwsError:
            return self._readable(aws, config)
        enough = [group for group, actions in denied.items() if not actions]
        if len(enough) == len(denied):
            return ok("permissions", Finding.PERMISSIONS, enough=enough)
        missing = {group: sorted(actions) for group, actions in denied.items() if actions}
        verdict = Verdict.WARNING if enough else Verdict.PROBLEM
        return Check("permissions", verdict, Finding.PERMISSIONS_DENIED, {"enough": enough, "denied": missing})

    def _readable(self, aws: Aws, config: Config) -> Check:
        """Read each resource once; AWS denies the actions that the caller lacks."""
        resources = Pipeline(config, self._setup.file, aws).resources()
        results = parallel_map(lambda key: resources[key].observe(), resources, cancel=self._cancel)
        if results.interrupted:
            raise CancelledError("interrupted")
        denied = [error for error in results.failed.values() if isinstance(error, AccessDeniedError)]
        if denied:
            actions = sorted({action for error in denied for action in error.actions})
            return problem("permissions", Finding.PERMISSIONS_DENIED, enough=[], denied={"reader": actions})
        if results.failed:
            return failed("permissions", next(iter(results.failed.values())))
        return ok("permissions", Finding.PERMISSIONS_READ)

    # The local emulator

    def emulator(self) -> Iterator[Check]:
        yield self._emulator()
        used = self._config is not None and "nodejs" in (self._config.processor.language, self._config.auditor.language)
        try:
            found = node.find()
        except LocalError as error:
            if used:
                verdict = Verdict.PROBLEM if self._setup.is_local else Verdict.WARNING
                yield Check("node.js", verdict, Finding.FAILED, {"message": error.message}, error)
            else:
                yield ok("node.js", Finding.NODE_UNUSED)
        else:
            yield ok("node.js", Finding.NODE, path=found.binary, version=found.version)
        if self._config is not None:
            yield _runtimes(self._config, is_local=self._setup.is_local)

    def _emulator(self) -> Check:
        if importlib.util.find_spec("ministack") is None:
            verdict = Verdict.PROBLEM if self._setup.is_local else Verdict.WARNING
            return Check("emulator", verdict, Finding.EMULATOR_MISSING, {})
        facts: dict[str, object] = {"version": _version("ministack")}
        oldest, first_refused = MINISTACK
        if not oldest <= _numbers(str(facts["version"])) < first_refused:
            return warning("emulator", Finding.EMULATOR_VERSION, **facts)
        try:
            facts["home"] = default_home()
            running = emulator.status()
        except LocalError as error:
            return failed("emulator", error)
        if running:
            return ok("emulator", Finding.EMULATOR_RUNNING, endpoint=running.endpoint_url, **facts)
        verdict = Verdict.WARNING if self._setup.is_local else Verdict.OK
        return Check("emulator", verdict, Finding.EMULATOR_STOPPED, facts)


def _runtimes(config: Config, *, is_local: bool) -> Check:
    """Compare the runtimes of the config with what the local emulator has."""
    found = [{"runtime": each.runtime, "used": each.used} for each in emulator.differing_runtimes(config)]
    if not found:
        return ok("runtimes", Finding.RUNTIMES)
    verdict = Verdict.WARNING if is_local else Verdict.OK
    return Check("runtimes", verdict, Finding.RUNTIMES_DIFFER, {"differences": found})


def _installers(config: Config, file: Path) -> Iterator[Check]:
    """Check the programs that install packages, where the manifest of a handler names any."""
    tools, users = Tools(), defaultdict[str, dict[str, Path]](dict)
    for key, function in (("processor", config.processor), ("auditor", config.auditor)):
        folder = config.source_of(function, file)
        try:
            manifest = manifest_of(folder, function.language)
        except PackageError as error:
            yield failed("packages", error)
        except OSError:
            continue  # `config check` names a folder that cannot be read
        else:
            if manifest:
                users[program_of(manifest)][key] = folder / manifest.name
    for name, manifests in users.items():
        try:
            path = tools.path(name, next(iter(manifests.values())))
        except PackageError as error:
            yield failed(name, error)
        else:
            yield ok(name, Finding.INSTALLER, version=tools.version(path), path=path, functions=[*manifests])


def _libraries() -> Check:
    found = {name: _version(name) for name in ("boto3", "botocore")}
    if _numbers(found["boto3"]) < OLDEST_BOTO3:
        return problem("libraries", Finding.LIBRARIES_OLD, **found)
    if _numbers(found["boto3"])[:2] != _numbers(found["botocore"])[:2]:
        return warning("libraries", Finding.LIBRARIES_DIFFER, **found)
    return ok("libraries", Finding.LIBRARIES, **found)


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "0"


def _numbers(text: str) -> tuple[int, ...]:
    """Return the numbers of a version, without the marks of a pre-release."""
    return tuple(int(number) for number in re.findall(r"\d+", text.partition("+")[0])[:3])


def _git(folder: Path) -> Check:
    git = shutil.which("git")
    if git is None:
        return warning("git", Finding.GIT_MISSING)
    return ok("git", Finding.GIT, version=_output(git, "--version"), commit=_output(git, "-C", str(folder), *_COMMIT))


_COMMIT = ("rev-parse", "--short", "HEAD")


def _output(*words: str) -> str | None:
    try:
        done = subprocess.run(words, capture_output=True, text=True, timeout=GIT_SECONDS, check=False)  # noqa: S603
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None
