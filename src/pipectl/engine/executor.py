"""Execute a plan: each change as soon as the changes before it are done."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from functools import partial

from pipectl.engine.diff import diff, top_level
from pipectl.engine.model import Action, Attributes, Change, Consistency, Facts, Observation, Resource, Resources
from pipectl.engine.observer import observe_consistently
from pipectl.engine.parallel import Release, Results, walk_releasing
from pipectl.engine.planner import Plan, decide, refusal
from pipectl.engine.timeline import Recorder, Timeline, Waits
from pipectl.errors import AbsentError, DataLossError, ExistsError, ForeignError, PipectlError

Run = Callable[[Change, Callable[[], Facts]], Facts]
"""Runs one change, given with the function that does it; reports progress."""


@dataclass(frozen=True)
class Executed:
    """The facts or the error of each change, and when each was made."""

    results: Results[Facts]
    timeline: Timeline


@dataclass(frozen=True)
class Executor:
    """Executes changes.

    Args:
        ownership: The tags that mark a managed resource.
        consistency: How long AWS may take to report what exists.
        run: Runs each change and reports its progress.
        cancel: See `pipectl.engine.parallel.walk`.
        delete_data: Delete resources that hold data; without it, each is looked into just before its deletion.
        now: Returns the seconds since a fixed moment.
        waits: Records what each change waits for.
    """

    ownership: Mapping[str, str]
    consistency: Consistency
    run: Run = lambda _, work: work()
    cancel: Callable[[], None] = lambda: None
    delete_data: bool = False
    now: Callable[[], float] = lambda: 0.0
    waits: Waits = lambda: nullcontext(())

    def execute_plan(self, resources: Resources, plan: Plan) -> Executed:
        """Execute all changes of a plan that has no refusals."""
        facts: dict[str, Facts] = {}
        changes = {change.resource: change for change in plan.changes}
        recorder = Recorder(self.now)

        def visit(key: str, release: Release[Facts]) -> Facts:
            if key not in changes:  # it does not exist, and need not
                return Facts()
            change = changes[key]

            def ready(found: Facts) -> None:
                facts[key] = found
                recorder.ready(change)
                release(found)

            with recorder.recorded(change, self.waits) if change.action is not Action.KEEP else nullcontext():
                work = partial(self.execute, resources[key], change, plan.observed[key], facts, ready)
                facts[key] = self.run(change, work)
                return facts[key]

        new = {key for key, change in changes.items() if change.action is Action.CREATE}
        whole = {key: each.needs_whole if key in new else each.needs for key, each in resources.items()}
        results = walk_releasing(plan.graph, visit, whole=whole, cancel=self.cancel).only(changes)
        return Executed(results, recorder.timeline(plan.graph, whole, results))

    def execute(
        self,
        resource: Resource,
        change: Change,
        observed: Observation | None,
        facts: Mapping[str, Facts],
        ready: Release[Facts] = lambda _: None,
    ) -> Facts:
        """Execute one change, with the facts of the resources it needs.

        ``ready`` is called with the facts of a new resource before it is completed.
        """
        if change.action is Action.KEEP and observed is not None:
            return observed.facts
        if change.action is Action.DELETE and observed is not None:
            if not self.delete_data and resource.contents(observed):
                raise DataLossError(
                    f"{resource.kind} {resource.name} holds data now and was not deleted",
                    hint="stop the writer, then run the same command again with --keep-data or --delete-data",
                )
            resource.delete(observed, delete_data=self.delete_data)
            return Facts()
        desired = resource.desired(facts)
        try:
            return _create_or_change(resource, desired, observed, change.action, ready)
        except ExistsError as error:
            return self._after_lost_race(resource, desired, change, error, ready)
        except AbsentError as error:
            raise PipectlError(
                f"{resource.kind} {resource.name}, or a resource it needs, was deleted meanwhile: {error.message}",
                hint="another process is modifying the pipeline; once it has finished, run the command again",
            ) from error

    def _after_lost_race(
        self, resource: Resource, desired: Attributes, planned: Change, error: ExistsError, ready: Release[Facts]
    ) -> Facts:
        """Handle a resource that exists although it was observed as absent.

        Another `up` created it, or an `up` that was killed, or this one if an answer was lost; or it is not managed.
        Until AWS reports it, it may also be gone again, so creating it is tried every time.
        """
        tries, bound = 1, self.consistency.resource_appears
        for _ in self.consistency.poll(f"{resource.kind} {resource.name}, which exists, to be reported", bound):
            observed, action = observe_consistently(resource, self.consistency), Action.CREATE
            if observed is not None:
                accepted = planned.action is not Action.CREATE
                change = decide(resource, desired, observed, self.ownership, accept_loss=accepted)
                if change.action is Action.REFUSE:
                    raise refusal([change], begun=True)
                if change.action is Action.KEEP:
                    return observed.facts
                action = change.action
            try:
                return _create_or_change(resource, desired, observed, action, ready)
            except ExistsError as again:
                tries, error = tries + 1, again
        raise ForeignError(
            f"The name {resource.name} is taken by a {resource.kind} that this account cannot see: {error.message} "
            f"(tried {tries} times in {bound:.0f} seconds)",
            hint="choose another name in the config",
        )


def _create_or_change(
    resource: Resource, desired: Attributes, observed: Observation | None, action: Action, ready: Release[Facts]
) -> Facts:
    if observed is None:
        facts = resource.create(desired)
        ready(facts)
        resource.complete(desired)
        return facts
    if action is Action.REPLACE:
        return resource.replace(desired, observed)
    return resource.update(desired, observed, top_level(diff(desired, observed)))
