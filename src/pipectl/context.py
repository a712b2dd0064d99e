"""The objects that every command works with: config, AWS client, pipeline and reporter.

`failures` is imported in the properties that need it, so that `plan` and `up` start without it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from pipectl.aws.client import Aws
from pipectl.aws.denied import hint as denied_hint
from pipectl.aws.waits import recorded
from pipectl.config.models import Config
from pipectl.engine.executor import Executor
from pipectl.engine.model import Change, Consistency, Facts, Observation, Resource
from pipectl.engine.observer import identify, observe
from pipectl.engine.parallel import Results
from pipectl.engine.planner import Plan, is_managed, unmanaged
from pipectl.engine.timeline import Timeline
from pipectl.errors import AccessDeniedError, CancelledError, IncompleteError, PipectlError, RequirementError
from pipectl.pipeline import Pipeline
from pipectl.text import pluralize

if TYPE_CHECKING:
    from pipectl.failures.audit_table import AuditTable
    from pipectl.failures.explanation import Explainer
    from pipectl.failures.record_reader import RecordReader

PARTS_AGREE_SECONDS = 60
"""Time within which AWS reports all parts of a resource, or none of them."""
TAGS_APPEAR_SECONDS = 5
"""Time within which AWS reports the tags that a resource was created with."""
RESOURCE_APPEARS_SECONDS = 60
"""Time within which AWS reports a resource that it says exists, or lets it be created once it is gone."""


class Bar(Protocol):
    """Progress of long work, counted in items."""

    def advance(self, count: int = 1) -> None: ...


class Reporter(Protocol):
    """Progress for people; the result of a command is printed separately."""

    def started(self, change: Change) -> None: ...

    def finished(self, change: Change, seconds: float) -> None: ...

    def failed(self, change: Change, error: PipectlError) -> None: ...

    def changing(
        self, changes: Sequence[Change], needs: Mapping[str, Collection[str]]
    ) -> AbstractContextManager[None]: ...

    def note(self, text: str, *, commands: bool = False) -> None: ...

    def step(self, text: str) -> None: ...

    def work(self, text: str) -> AbstractContextManager[None]: ...

    def bar(self, total: int | None, noun: str) -> AbstractContextManager[Bar]: ...


@dataclass(frozen=True)
class Execution:
    """The changes of a plan that were done, the facts of their resources, the error of the others, and all times.

    The error is a `CancelledError` when the user pressed Ctrl-C, the one error where there was one, and an
    `IncompleteError` where there were several.
    """

    changes: tuple[Change, ...]
    facts: Mapping[str, Facts]
    error: PipectlError | None
    timeline: Timeline


@dataclass
class Context:
    """A config, the AWS account and region it is for, and a reporter of progress.

    ``local`` is true when AWS is the local emulator that pipectl runs.
    """

    config: Config
    file: Path
    aws: Aws
    reporter: Reporter
    cancel: Callable[[], None] = field(default=lambda: None)
    local: bool = False

    @cached_property
    def pipeline(self) -> Pipeline:
        """The pipeline; a wrong account is refused before any other request."""
        self.aws.require_account(self.config.account_id)
        return Pipeline(self.config, self.file, self.aws, local=self.local, work=self.reporter.work)

    @cached_property
    def resources(self) -> dict[str, Resource]:
        return self.pipeline.resources()

    @cached_property
    def audit_table(self) -> AuditTable:
        from pipectl.failures.audit_table import AuditTable

        return AuditTable(self.aws, self.pipeline.physical.audit_table)

    @property
    def record_reader(self) -> RecordReader:
        """A reader of the records of failures: from the stream, else from the quarantine."""
        from pipectl.failures.record_reader import RecordReader

        return RecordReader(self.aws, self.pipeline.physical.bucket, self.config.bucket.failed_prefix)

    @cached_property
    def explainer(self) -> Explainer:
        """An explainer of failures: orders, reasons, and where their records are safe.

        It remembers the objects of the quarantine that it read last, so that a report that is repeated is cheap.
        """
        from pipectl.failures.explanation import Explainer

        return Explainer(
            self.aws,
            self.pipeline.physical.bucket,
            self.config.bucket.failed_prefix,
            log_group=self.pipeline.physical.processor_log_group,
            partition_key=self.config.orders_table.partition_key,
            record_age=timedelta(seconds=self.config.stream_mapping.maximum_record_age),
            cancel=self.cancel,
        )

    @cached_property
    def consistency(self) -> Consistency:
        """The time limits within which AWS reports resources."""
        return Consistency(self.aws.poll, PARTS_AGREE_SECONDS, TAGS_APPEAR_SECONDS, RESOURCE_APPEARS_SECONDS)

    def with_resources(self, resources: Mapping[str, Resource]) -> Context:
        """Return a context of the same pipeline for other resources than those of the config."""
        other = replace(self)
        other.pipeline, other.resources = self.pipeline, dict(resources)
        return other

    def observe(self, keys: Collection[str] | None = None) -> dict[str, Observation | None]:
        """Read the actual state of these resources, or of all.

        Raises:
            CancelledError: the user pressed Ctrl-C, however much had been read.
            AccessDeniedError: permissions are missing: all that are known to be.
            PipectlError: another read failed.
        """
        self.pipeline.expire_reads()
        return _complete(observe(self._wanted(keys), self.consistency, self.cancel))

    def identify(
        self, keys: Collection[str] | None = None, whole: Collection[str] = ()
    ) -> dict[str, Observation | None]:
        """Read which of these resources, or of all, exist and who manages them; see `Resource.identify`, `observe`.

        Those in ``whole`` are observed.
        """
        self.pipeline.expire_reads()
        return _complete(identify(self._wanted(keys), self.consistency, self.cancel, whole))

    def _wanted(self, keys: Collection[str] | None) -> Mapping[str, Resource]:
        return self.resources if keys is None else {key: self.resources[key] for key in keys}

    def observe_readable(self) -> tuple[dict[str, Observation | None], dict[str, AccessDeniedError]]:
        """Read the actual state of all resources. Return it, and the errors of those that the caller may not read.

        Raises:
            CancelledError: the user pressed Ctrl-C.
            AccessDeniedError: the caller may read none of them.
            PipectlError: another read failed.
        """
        self.pipeline.expire_reads()
        results = observe(self.resources, self.consistency, self.cancel)
        denied = {key: error for key, error in results.failed.items() if isinstance(error, AccessDeniedError)}
        # S3 answers a denied call for a bucket in the same way as one for the bucket of another account.
        known = self.managed(results.done) or None in results.done.values()
        if not results.interrupted and (len(denied) < len(results.failed) or (denied and not known)):
            raise _combined(list(results.failed.values()))
        return replace(results, failed={}).require_done("Interrupted. Nothing was changed."), denied

    def managed(self, observed: Mapping[str, Observation | None]) -> dict[str, Observation]:
        """Return the observed resources that exist and that this pipeline manages."""
        ownership = self.pipeline.ownership
        return {key: found for key, found in observed.items() if found and is_managed(found, ownership)}

    def facts(self, observed: Mapping[str, Observation | None]) -> dict[str, Facts]:
        """Return the facts of the observed resources that exist and that this pipeline manages."""
        return {key: found.facts for key, found in self.managed(observed).items()}

    def require(
        self, keys: Collection[str], *, or_absent: Collection[str] = (), whole: Collection[str] = ()
    ) -> dict[str, Observation]:
        """Identify the resources that a command works with.

        Args:
            keys: Resources that have to exist.
            or_absent: Resources that need not exist.
            whole: Those of them that are observed, because the command needs more than their tags and facts.

        Raises:
            RequirementError: one of them is missing, or is not managed by this pipeline.
        """
        observed = self.identify([*keys, *or_absent], whole)
        managed = self.managed(observed)
        self.require_managed([key for key in observed if key in keys or observed[key]], observed)
        return managed

    def require_managed(self, keys: Collection[str], observed: Mapping[str, Observation | None]) -> None:
        """Check that these resources exist and that this pipeline manages them.

        Raises:
            RequirementError: one of them is missing, or is not managed by this pipeline.
        """
        missing = [key for key in keys if observed[key] is None]
        refused: dict[str, str] = {}
        for key in keys:
            found = observed[key]
            if found and (refusal := unmanaged(found, self.pipeline.ownership)):
                refused[key] = refusal.reason
        if not missing and not refused:
            return
        lines = [f"missing: {key} ({self.resources[key].name})" for key in missing]
        lines += [f"{key} ({self.resources[key].name}): {reason}" for key, reason in refused.items()]
        hint = "`pipectl up` creates missing resources" if missing else "use a config whose pipeline manages them"
        raise RequirementError("\n".join(lines), missing=missing, unmanaged=list(refused), hint=hint)

    def execute(self, plan: Plan, command: str, *, delete_data: bool = False) -> Execution:
        """Execute a plan without refusals.

        Args:
            plan: The plan.
            command: The command to run again when something failed, with the options that the user gave.
            delete_data: Delete resources that hold data, too.
        """
        executor = Executor(
            self.pipeline.ownership,
            self.consistency,
            self.run_reported,
            self.cancel,
            delete_data,
            self.aws.clock.monotonic,
            recorded,
        )
        with self.reporter.changing(plan.pending, plan.graph):
            executed = executor.execute_plan(self.resources, plan)
        results = executed.results
        changes = tuple(change for change in plan.changes if change.resource in results.done)
        error = error_of(results.only({change.resource for change in plan.pending}), command)
        return Execution(changes, results.done, error, executed.timeline)

    def run_reported(self, change: Change, work: Callable[[], Facts]) -> Facts:
        """Run one change and report its start, and its end or its error."""
        start = self.aws.clock.monotonic()
        self.reporter.started(change)
        try:
            facts = work()
        except PipectlError as error:
            self.reporter.failed(change, error)
            raise
        self.reporter.finished(change, self.aws.clock.monotonic() - start)
        return facts


def _complete(results: Results[Observation | None]) -> dict[str, Observation | None]:
    """Return what was read if all could be read; for the errors see `Context.observe`."""
    if results.failed and not results.interrupted:
        raise _combined(list(results.failed.values()))
    return results.require_done("Interrupted. Nothing was changed.")


def _combined(errors: list[PipectlError]) -> PipectlError:
    """Return one error for several failed reads. Name all denied ones, to be granted at once."""
    denied = [error for error in errors if isinstance(error, AccessDeniedError)]
    others = [error for error in errors if error not in denied]
    if others or len({error.message for error in denied}) == 1:
        return (others or errors)[0]
    actions = sorted({action for error in denied for action in error.actions})
    combined = AccessDeniedError(f"access denied: {', '.join(actions)}", hint=denied_hint(denied))
    combined.actions = tuple(actions)
    return combined


def error_of(results: Results[Facts], command: str) -> PipectlError | None:
    """Return one error for all that failed; an interrupted command failed even if every change was done."""
    failed, blocked = results.failed, results.blocked
    if not failed and not results.interrupted:
        return None
    hint = f"completed changes remain; `pipectl {command}` continues"
    if results.interrupted or any(isinstance(error, CancelledError) for error in failed.values()):
        unfinished = ", ".join(sorted(failed.keys() | blocked.keys())) or "nothing"
        done = pluralize(len(results.done), "resource")
        return CancelledError(f"interrupted: {done} done, not done: {unfinished}", hint=hint)
    if len(failed) == 1 and not blocked:
        return next(iter(failed.values()))
    causes: dict[str, list[str]] = {}
    for key, failure in sorted(failed.items()):
        causes.setdefault(_brief(failure), []).append(key)
    lines = [f"{', '.join(keys)}: {cause}" for cause, keys in causes.items()]
    if blocked:
        groups: dict[str, list[str]] = {}
        for key, needs in sorted(blocked.items()):
            groups.setdefault(", ".join(sorted(needs)), []).append(key)
        lines += [f"not started because of {needs}: {', '.join(keys)}" for needs, keys in groups.items()]
    denied = [error for error in failed.values() if isinstance(error, AccessDeniedError)]
    hints = {error.hint for error in failed.values() if error.hint and error not in denied}
    if denied:
        hints.add(denied_hint(denied))
    total = len(failed) + len(blocked) + len(results.done)
    first = f"{len(failed)} of {pluralize(total, 'resource')} failed"
    return IncompleteError("\n".join([first, *lines]), dict(failed), hint="; ".join([*sorted(hints), hint]))


def _brief(error: PipectlError) -> str:
    """Return the message; of a denied call only the actions, because AWS repeats caller and policy in each."""
    if isinstance(error, AccessDeniedError) and error.actions:
        return f"access denied: {', '.join(error.actions)}"
    return error.message
