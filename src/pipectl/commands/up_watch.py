"""`up --watch`: deploy each change of the config and of the handlers' folders."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from pipectl.commands.plan import PlanReport
from pipectl.commands.up import UpReport, up
from pipectl.config.layers import Layers, read_layers
from pipectl.config.loading import config_of
from pipectl.config.models import Config
from pipectl.context import Context
from pipectl.engine.model import Action
from pipectl.errors import (
    CancelledError,
    CredentialsError,
    IncompleteError,
    PipectlError,
    RefusedError,
    UnreachableError,
)
from pipectl.file_watcher import WatchedPaths
from pipectl.packaging.build import Package
from pipectl.resources.alarm import Alarm
from pipectl.resources.function import packages_of
from pipectl.review.code import compare
from pipectl.review.model import CodeChange, When
from pipectl.text import pluralize

Connect = Callable[[Config, bool], Context]
"""Returns the context of a config. With true it makes new AWS clients, which read the credentials again."""


@dataclass(frozen=True)
class Deployment:
    """A deployment after files changed, or the reason why there was none.

    Args:
        at: Its end.
        seconds: The time from the report of the changed files to the end.
        files: These files.
        report: What `up` did; ``None`` when it did nothing because of the error.
        code: For each function whose code was deployed: the files that differ from the deployment before.
        remarks: For each changed resource: the remark on its change, unless the change before had the same one.
        warnings: Warnings about a function's package that the deployment before did not have, with the function.
        error: Why nothing, or not everything, was deployed. Its report is the plan, if it needs a confirmation.
    """

    at: datetime
    seconds: float
    files: tuple[Path, ...]
    report: UpReport | None = None
    code: Mapping[str, CodeChange] = field(default_factory=dict)
    remarks: Mapping[str, str] = field(default_factory=dict)
    warnings: tuple[tuple[str, str], ...] = ()
    error: PipectlError | None = None


def watched_paths(config: Config, layers: Layers) -> WatchedPaths:
    """Return the paths whose changes can change the pipeline: the files of the config, and the handlers' folders.

    Args:
        config: The config.
        layers: Its files, which may be newer.
    """
    functions = (config.processor, config.auditor)
    folders = frozenset(config.source_of(function, layers.files[0]) for function in functions)
    return WatchedPaths(config_paths([*layers.files, *layers.unread]), folders)


def config_paths(files: Iterable[Path]) -> frozenset[Path]:
    """Return the absolute paths of the files of a config; where one is a link, its target, too."""
    return frozenset(path for file in files for path in (file.parent.resolve() / file.name, file.resolve()))


class Watch:
    """Deploys what changes to the pipeline that `up` has just deployed.

    Args:
        context: The context of that `up`.
        connect: See `Connect`.
        aim: Watches other paths from now on.
    """

    def __init__(self, context: Context, connect: Connect, aim: Callable[[WatchedPaths], None]) -> None:
        self._clock = context.aws.clock
        self._place = _place(context)
        self._packages = packages_of(context.resources)
        self._remarks: dict[str, str | None] = {}
        self._connect = connect
        self._config = context.config
        self._file = context.file
        self._aim = aim
        self._clients_failed = False

    def deployments(self, changes: Iterable[Collection[Path]]) -> Iterator[Deployment]:
        """Deploy after each change of files. Errors are reported, and the next change is another try.

        Raises:
            CancelledError: the user pressed Ctrl-C during a deployment. Calls in progress have finished.
        """
        for files in changes:
            yield self._deployment(tuple(files))

    def _deployment(self, files: tuple[Path, ...]) -> Deployment:
        start = self._clock.monotonic()
        report, error = None, None
        code: dict[str, CodeChange] = {}
        remarks: dict[str, str] = {}
        warnings: tuple[tuple[str, str], ...] = ()
        try:
            context = self._context()
            report = up(context, require_no_question)
            before, self._packages = self._packages, packages_of(context.resources)
            code = dict(_code(report, before, self._packages))
            warnings = tuple(_warnings(before, self._packages))
            remarks = self._new_remarks(report)
            self._clients_failed = False
        except CancelledError:
            raise
        except PipectlError as failure:
            error = failure
            report = failure.report if isinstance(failure.report, UpReport) else None
            self._clients_failed = _clients_failed(failure)
        seconds = self._clock.monotonic() - start
        return Deployment(self._clock.now(), seconds, files, report, code, remarks, warnings, error)

    def _new_remarks(self, report: UpReport) -> dict[str, str]:
        made = {each.resource: each.reason for each in report.changes if each.action is not Action.KEEP}
        new = {key: reason for key, reason in made.items() if reason and reason != self._remarks.get(key)}
        self._remarks |= made
        return new

    def _context(self) -> Context:
        """Return the context of the config as it is now.

        Raises:
            ConfigError: the config is invalid.
            RefusedError: it is one of another pipeline.
        """
        layers = read_layers(self._file)
        self._aim(watched_paths(self._config, layers))  # a base that is missing or invalid is watched, too
        self._config = config_of(layers)
        self._aim(watched_paths(self._config, layers))
        context = self._connect(self._config, self._clients_failed)
        changed = [name for name, value in _place(context).items() if value != self._place[name]]
        if changed:
            names = ", ".join(changed)
            raise RefusedError(
                f"{names} changed, and --watch deploys only to the pipeline that it began with. Nothing was changed.",
                hint="undo this change, or press Ctrl-C and run `pipectl up --watch` again",
            )
        return context


def require_no_question(plan: PlanReport) -> None:
    """Refuse a plan that has to be reviewed: it creates, replaces or deletes something, or begins a risk.

    Alarms are created without a question: the config switches them on.

    Raises:
        RefusedError: it does. Its report is the plan.
    """
    reasons = {
        change.resource: f"{change.resource} would be {_PAST[change.action]}"
        for change in plan.pending
        if change.action in _PAST and (change.action, change.kind) != (Action.CREATE, Alarm.kind)
    }
    for review in plan.reviews:
        if any(flag.when is When.OPENED for flag in review.flags):
            reasons.setdefault(review.change.resource, f"{review.change.resource} has a new risk")
    if not reasons:
        return
    named = list(reasons.values())[:_MOST_NAMED]
    more = f" and {pluralize(len(reasons) - len(named), 'more change')}" if len(reasons) > len(named) else ""
    error = RefusedError(
        f"This needs a confirmation: {', '.join(named)}{more}. Nothing was changed.",
        hint="undo the change, or review and make it with `pipectl up` in another terminal",
        resources=list(reasons),
    )
    error.report = plan
    raise error


_MOST_NAMED = 3
_PAST = {
    Action.CREATE: "created",
    Action.REPLACE: "replaced",
    Action.DELETE: "deleted",
    Action.ADOPT: "adopted",
}


def _place(context: Context) -> dict[str, object]:
    """Return what decides which pipeline a config describes, by the key of the config."""
    config = context.config
    return {
        "environment": config.environment,
        "project": config.project,
        "team": config.team,
        "region": config.region,
        "protect": config.protect,
        "the account of the credentials": context.pipeline.names.account_id,
    }


def _code(
    report: UpReport, before: Mapping[str, Package], now: Mapping[str, Package]
) -> Iterator[tuple[str, CodeChange]]:
    for change in report.changes:
        key = change.resource
        if change.action is not Action.KEEP and key in now and now[key].identity != before[key].identity:
            yield key, compare(before[key].body, now[key].body)


def _warnings(before: Mapping[str, Package], now: Mapping[str, Package]) -> Iterator[tuple[str, str]]:
    for key, package in now.items():
        for warning in package.warnings:
            if warning not in before[key].warnings:
                yield key, warning


def _clients_failed(error: PipectlError) -> bool:
    """Return whether new AWS clients may help: with other credentials, or another endpoint."""
    causes = error.errors.values() if isinstance(error, IncompleteError) else [error]
    return any(isinstance(cause, CredentialsError | UnreachableError) for cause in causes)
