"""`down`: delete the pipeline's resources and check that none remain."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

from pipectl.clock import poll
from pipectl.context import Context
from pipectl.engine.model import Change, Observation, RefusalKind
from pipectl.engine.planner import Plan, plan_down
from pipectl.engine.timeline import Timeline
from pipectl.errors import CancelledError, DataLossError, ForeignError, PipectlError
from pipectl.facts import MappingFacts
from pipectl.monitoring.metrics import Metrics
from pipectl.monitoring.pending_data import Loss, Resume, find_losses, is_busy, resume_of_kept_table
from pipectl.orphans import Orphan, OrphanSearch
from pipectl.resource_keys import ResourceKey
from pipectl.text import pluralize, with_flags

GONE_SECONDS = 75
"""Time within which AWS may still report a resource that was deleted: a queue for 60 seconds."""
COUNT_SECONDS = 60
"""Time within which the count of a queue becomes right."""
_QUEUES = {ResourceKey.DEAD_LETTER_QUEUE}
START_HINT = "the stream mapping may be disabled: `pipectl up` enables it"
"""The hint of an error after which the stream mapping could not be started again."""


@dataclass(frozen=True)
class DownPreview:
    """The deletion that the user is asked to confirm.

    Args:
        environment: The environment's name.
        changes: One for each resource that exists.
        losses: The data that would be deleted; none where data are kept.
        protected: The config protects the environment.
        teams: The teams of orphans that have another one than the config.
        orphans: Only orphans are deleted; the pipeline stays.
        missing: Resources of the config that do not exist, while orphans of their kinds are deleted.
    """

    environment: str
    changes: tuple[Change, ...]
    losses: tuple[Loss, ...]
    protected: bool
    teams: tuple[str, ...] = ()
    orphans: bool = False
    missing: tuple[str, ...] = ()

    @property
    def dangerous(self) -> bool:
        """True when the environment's name has to be given, also where no data would be lost."""
        return self.protected or bool(self.teams or self.missing)


@dataclass(frozen=True)
class DownReport:
    """The deleted resources, and those that were left alone and why.

    Args:
        changes: One for each resource that existed.
        losses: The data that were deleted, as counted before.
        resume: For an orders table that is kept: the time until which an `up` continues without losing a record.
        seconds: The time that the deletion and the check after it took.
        orphans: Resources of earlier names that remain.
        timeline: When each resource was deleted.
    """

    changes: tuple[Change, ...]
    losses: tuple[Loss, ...] = ()
    resume: Resume | None = None
    seconds: float = 0.0
    orphans: tuple[Orphan, ...] = ()
    timeline: Timeline = field(default_factory=Timeline)


Confirm = Callable[[DownPreview], None]
"""Shows the deletion and asks. Returns on yes; raises `DeclinedError` on no, `UsageError` without a terminal."""


def down(context: Context, confirm: Confirm, *, delete_data: bool = False, keep_data: bool = False) -> DownReport:
    """Delete the pipeline.

    The stream mapping is stopped after the confirmation and the data are counted again: data that arrived meanwhile
    are treated like all others. The mapping is started again when `down` refuses after all, or cannot delete it.
    Without a decision about data, batches that are being processed are waited for, and the queue is looked into. To
    keep data, a queue that can still receive failures is kept.

    Args:
        context: The pipeline.
        confirm: Asked with what would be deleted, if there is anything.
        delete_data: Delete data too.
        keep_data: Leave tables, bucket, log groups, and every other resource that holds data.

    Raises:
        DataLossError: data would be lost and no option says what to do with it; nothing was changed.
        ForeignError: resources exist, and all of them belong to another pipeline or region; nothing was changed.
        DeclinedError: the user said no; nothing was changed.
        PipectlError: some deletions failed, or resources still exist afterwards.
    """
    context.reporter.step(f"reading {pluralize(len(context.resources), 'resource')}")
    observed = context.identify()
    context.reporter.step("counting data that would be deleted")
    managed = context.managed(observed)
    metrics = Metrics.of(context, context.aws.clock.now())
    losses = find_losses(context, managed, metrics)
    refuse_loss(losses, delete_data or keep_data)
    resume = resume_of_kept_table(context, context.facts(observed), metrics) if keep_data else None
    plan = _plan(context, observed, losses if keep_data else None, resume)
    if not managed:
        _refuse_other_pipeline(plan.changes)
    if not plan.pending:
        return _with_orphans(context, DownReport(plan.changes, resume=resume))
    deleted = losses if delete_data else ()
    confirm(DownPreview(context.config.environment, plan.changes, deleted, context.config.protect))
    context.reporter.step("stopping the stream and counting data again")
    with mappings_stopped(context, managed, managed.keys() & {ResourceKey.STREAM_MAPPING}):
        with interrupted("Interrupted. Nothing was deleted."):
            may_fail = not delete_data and is_busy(metrics)
            if may_fail and not keep_data and ResourceKey.STREAM_MAPPING in managed:
                wait_for_batches(context, managed, managed.keys() & _QUEUES, context.config.processor.timeout)
            losses = find_losses(context, managed, receive=not delete_data)
            if may_fail and keep_data:
                losses = with_failures_to_come(losses, managed.keys() & _QUEUES)
        refuse_loss(losses, delete_data or keep_data)
        plan = _plan(context, observed, losses if keep_data else None, resume)
        report = DownReport(plan.changes, losses if delete_data else (), resume)
        command = with_flags("down", delete_data=delete_data, keep_data=keep_data)
        return _with_orphans(context, execute(context, plan, report, command, delete_data))


def _with_orphans(context: Context, report: DownReport) -> DownReport:
    """Add the orphans, if they can be read: after this no config names the pipeline that they belong to."""
    return replace(report, orphans=OrphanSearch(context).find().orphans)


def execute(context: Context, plan: Plan, report: DownReport, command: str, delete_data: bool) -> DownReport:
    """Delete the resources of a plan, and check that none of them remains.

    Raises:
        PipectlError: some deletions failed, or resources still exist afterwards. Its ``report`` has what was deleted.
    """
    start = context.aws.clock.monotonic()
    execution = context.execute(plan, command, delete_data=delete_data)
    report, error = replace(report, timeline=execution.timeline), execution.error
    try:
        if error is None:
            kept = {change.resource for change in plan.changes} - {change.resource for change in plan.pending}
            context.reporter.step("checking that nothing remains")
            _check_gone(context, kept, command)
            return replace(report, seconds=context.aws.clock.monotonic() - start)
    except PipectlError as failed:
        error = failed
    done = {change.resource for change in execution.changes}
    deleted = tuple(loss for loss in report.losses if loss.resource in done)
    error.report = replace(report, changes=execution.changes, losses=deleted)
    raise error


def wait_for_batches(
    context: Context, observed: Mapping[str, Observation], queues: Collection[str], timeout: int
) -> None:
    """Wait for batches that stopped mappings still process, and until the counts of the queues are right.

    Args:
        context: The pipeline.
        observed: The resources.
        queues: The keys of the queues that failures are sent to.
        timeout: Seconds that a batch takes at most.
    """
    if not queues:
        return
    bound = timeout + COUNT_SECONDS
    context.reporter.note(f"waiting up to {bound} s for batches that are being processed")
    for _ in poll(context.aws.clock, bound):
        if any(context.resources[key].contents(observed[key]) for key in queues):
            return


def with_failures_to_come(losses: tuple[Loss, ...], queues: Collection[str]) -> tuple[Loss, ...]:
    """Add the queues to the losses: failures of batches that are being processed can still arrive there."""
    known = {loss.resource for loss in losses}
    unread = "failures of batches that are being processed can still arrive"
    return (*losses, *(Loss(key, unread=unread) for key in queues if key not in known))


def refuse_loss(losses: Collection[Loss], decided: bool, command: str = "down") -> None:
    """Refuse when data would be lost and no option says what to do with it.

    Raises:
        DataLossError: data would be lost.
    """
    if not losses or decided:
        return
    lines = "\n".join(f"{loss.resource}: {loss}" for loss in losses)
    raise DataLossError(
        f"Data would be lost. Nothing was changed.\n{lines}",
        hint=f"`pipectl {command} --keep-data` deletes the other resources; `pipectl {command} --delete-data` deletes "
        "data, too, permanently",
        resources=[loss.resource for loss in losses],
    )


def _refuse_other_pipeline(changes: Collection[Change]) -> None:
    """Refuse when resources of these names exist and none of them is this pipeline's: the config is a wrong one."""
    others = [change for change in changes if change.refusal in (RefusalKind.OTHER_PIPELINE, RefusalKind.OTHER_REGION)]
    if others:
        lines = "\n".join(f"{change.resource} ({change.name}): {change.reason}" for change in others)
        raise ForeignError(
            f"No resource is managed by this pipeline. Nothing was deleted.\n{lines}",
            hint="check `project`, `environment` and the region in the config",
            resources=[change.resource for change in others],
        )


def _plan(
    context: Context,
    observed: Mapping[str, Observation | None],
    kept_data: Collection[Loss] | None,
    resume: Resume | None,
) -> Plan:
    """Plan the deletion; ``kept_data`` are the data to keep, ``None`` where none are kept."""
    kept: dict[str, str] = {}
    if kept_data is not None:
        kept = {loss.resource: f"data is kept: {loss}" for loss in kept_data}
        kept |= {key: "data is kept" for key, resource in context.resources.items() if resource.holds_data}
        if resume:
            kept[ResourceKey.ORDERS_TABLE] += f"; {resume}"
    return plan_down(context.resources, observed, context.pipeline.ownership, kept=kept)


@contextmanager
def mappings_stopped(
    context: Context, observed: Mapping[str, Observation], keys: Collection[str], hint: str = START_HINT
) -> Iterator[None]:
    """Stop the enabled ones of these mappings, so that no order is processed while data are counted.

    After an error they are started again, unless they were deleted; ``hint`` says what to do when that fails.
    """
    enabled = [key for key in keys if observed[key].facts_as(MappingFacts).enabled]

    def enable(key: str, enabled: bool) -> None:
        found = replace(observed[key], attributes=observed[key].attributes | {"superseded": []})
        context.resources[key].update({**found.attributes, "enabled": enabled}, found, ["enabled"])

    try:
        for key in enabled:
            enable(key, False)
        yield
    except BaseException as error:
        report = error.report if isinstance(error, PipectlError) else None
        gone = {change.resource for change in report.changes} if isinstance(report, DownReport) else set()
        for key in enabled:
            if key in gone:
                continue
            try:
                enable(key, True)
            except PipectlError:
                if isinstance(error, PipectlError):
                    error.hint = hint
        raise


def _check_gone(context: Context, kept: Collection[str], command: str) -> None:
    """Look until no managed resource is reported but those that are kept, at least twice for those deleted last.

    AWS reports a deleted resource for some seconds, and an invocation that ends late creates its log group again;
    that one is deleted once more.
    """
    left: dict[str, Observation] = {}
    watched = set(context.resources.keys() - kept)
    late = {key for key in watched if context.resources[key].deleted_last}
    with interrupted("Interrupted after the deletion.", f"run `pipectl {command}` again to check that nothing remains"):
        for look, _ in enumerate(poll(context.aws.clock, GONE_SECONDS)):
            left = context.managed(context.identify(watched))
            for key in left.keys() & late:
                context.resources[key].delete(left[key])
            if look and not left:
                return
            watched = left.keys() | late
    names = ", ".join(f"{key} ({context.resources[key].name})" for key in sorted(left))
    raise PipectlError(
        f"still reported after deletion: {names}",
        hint=f"run `pipectl {command}` again; if they were created again, another process is modifying the pipeline",
    )


@contextmanager
def interrupted(message: str, hint: str | None = None) -> Iterator[None]:
    """Say what was done before a Ctrl-C. What the block calls does not know it."""
    try:
        yield
    except (KeyboardInterrupt, CancelledError):
        raise CancelledError(message, hint=hint) from None
