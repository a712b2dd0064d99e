"""Decide what to do with each resource, and do it. Knows no AWS."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from graphlib import TopologicalSorter

from pipectl.engine.diff import diff, top_level
from pipectl.engine.executor import Walked, walk
from pipectl.engine.model import Action, Attributes, Change, Delta, Facts, Observation, Resource
from pipectl.errors import (
    AbsentError,
    AccessDeniedError,
    CancelledError,
    ExistsError,
    ForeignError,
    PipectlError,
    UnreconcilableError,
)

AGREES_WITHIN = 60
"""Seconds within which AWS shows all the parts of a thing that it shows, or no part any more."""
TAGGED_WITHIN = 5
"""Seconds within which AWS shows the tags that a thing was made with. What bears none then is nobody's of ours."""
APPEARS_WITHIN = 60
"""Seconds within which AWS shows what it says is there, or lets it be made once it is gone."""

Pauses = Callable[[str, float], Iterator[float]]
"""Sleeps between looks: what is awaited, and for how many seconds at most; yields the seconds waited so far."""

Resources = Mapping[str, Resource]
Observations = Mapping[str, Observation | None]


@dataclass(frozen=True)
class Plan:
    """One change per resource, in dependency order, and the observations it was made from."""

    changes: tuple[Change, ...]
    observed: Observations

    @property
    def refusals(self) -> list[Change]:
        return [change for change in self.changes if change.action is Action.REFUSE]

    @property
    def pending(self) -> list[Change]:
        """What would be done: all that is neither kept nor refused."""
        return [change for change in self.changes if change.action not in (Action.KEEP, Action.REFUSE)]


def graph_of(resources: Resources) -> dict[str, Collection[str]]:
    return {key: resource.needs for key, resource in resources.items()}


def observe(
    resources: Resources, pauses: Pauses, cancel: Callable[[], None] = lambda: None
) -> dict[str, Observation | None]:
    """Read all resources at once.

    Raises:
        CancelledError: the user pressed Ctrl-C, however much had been read by then.
        AccessDeniedError: permissions are lacking: every one that is known to be.
        PipectlError: another read failed: what cannot be read is never taken for absent.
    """
    walked = walk(dict.fromkeys(resources, ()), lambda key: observe_consistently(resources[key], pauses), cancel=cancel)
    if walked.interrupted:
        raise CancelledError("interrupted while reading; nothing was touched")
    if walked.failed:
        raise _of_all(list(walked.failed.values()))
    return walked.done


def _of_all(errors: list[PipectlError]) -> PipectlError:
    """One error for several reads that failed. Denials are told together, so that they can be granted together."""
    others = [error for error in errors if not isinstance(error, AccessDeniedError)]
    denied = {error.message: error for error in errors}
    if others or len(denied) == 1:
        return (others or errors)[0]
    hints = dict.fromkeys(error.hint for error in errors if error.hint)
    return AccessDeniedError("\n".join(denied), hint="; ".join(hints))


def observe_consistently(resource: Resource, pauses: Pauses) -> Observation | None:
    """Observe, until what is seen agrees with itself.

    Where a part is said to be absent although the whole is there, it may have just come or gone; and what bears no tags
    may be too young to show them.

    Raises:
        AbsentError: it is there, and a part of it still is not. That is no reason to take the whole for absent.
    """
    observed = _whole(resource, pauses)
    if observed and _may_be_too_young(observed):
        for _ in pauses(f"{resource.kind} {resource.name} to show its tags", TAGGED_WITHIN):
            observed = _whole(resource, pauses)
            if observed is None or not _may_be_too_young(observed):
                break
    return observed


def _whole(resource: Resource, pauses: Pauses) -> Observation | None:
    looks = pauses(f"all parts of {resource.kind} {resource.name} to be shown", AGREES_WITHIN)
    for tries, waited in enumerate(looks, start=1):
        try:
            return resource.observe()
        except AbsentError as error:
            if waited >= AGREES_WITHIN:
                error.message = f"{error.message} (tried {tries} times in {waited:.0f} seconds)"
                error.args, error.hint = (error.message,), "once nobody else changes it, run the same command again"
                raise
    raise AssertionError("the last look answers or raises")


def _may_be_too_young(observed: Observation) -> bool:
    return not (observed.tags or observed.foreign or observed.takes_over_untagged)


def is_ours(observed: Observation, ownership: Mapping[str, str]) -> bool:
    """Whether the tags say so; something that AWS made for us and nobody tagged counts."""
    if observed.foreign:
        return False
    if observed.takes_over_untagged and not observed.tags:
        return True
    return all(observed.tags.get(key) == value for key, value in ownership.items())


def plan_up(
    resources: Resources,
    observed: Observations,
    ownership: Mapping[str, str],
    *,
    adopt: bool = False,
    accept_loss: bool = False,
) -> Plan:
    """What would make the observed equal the desired.

    Args:
        resources: The whole system.
        observed: What is there.
        ownership: The tags that make a resource ours.
        adopt: Take over what is not ours but of the right name.
        accept_loss: Do even what a resource objects to.
    """
    changes: list[Change] = []
    facts: dict[str, Facts] = {}
    for key in TopologicalSorter(graph_of(resources)).static_order():
        resource = resources[key]
        if not resource.wanted:
            changes += _removal(resource, observed[key], ownership)
            continue
        desired = resource.desired(facts)
        change = decide(resource, desired, observed[key], ownership, adopt=adopt, accept_loss=accept_loss)
        facts[key] = resource.facts_after(change, observed[key])
        changes.append(change)
    return Plan(tuple(changes), observed)


def decide(
    resource: Resource,
    desired: Attributes,
    observed: Observation | None,
    ownership: Mapping[str, str],
    *,
    adopt: bool = False,
    accept_loss: bool = False,
) -> Change:
    """The one place that says what happens to a resource."""
    note = observed.note if observed else None
    change = Change(resource.key, resource.kind, resource.name, Action.KEEP, reason=note)
    if observed is None:
        return replace(change, action=Action.CREATE, attributes=diff(desired, Observation({}, {})))
    ours = is_ours(observed, ownership)
    if observed.foreign or not (ours or adopt):
        reason = observed.foreign or _not_ours(observed, ownership)
        return replace(change, action=Action.REFUSE, reason=reason, adoptable=not observed.foreign)
    deltas = diff(desired, observed)
    differs = top_level(deltas)
    if stuck := sorted(differs.intersection(resource.fixed)):
        reason = f"{', '.join(stuck)} cannot be changed without deleting it and making it anew"
        return replace(change, action=Action.REFUSE, attributes=_only(deltas, stuck), reason=reason)
    if not accept_loss and (data_loss_reason := resource.data_loss_reason(deltas)):
        return replace(change, action=Action.REFUSE, attributes=deltas, reason=data_loss_reason)
    if differs.intersection(resource.replaces):
        return replace(change, action=Action.REPLACE, attributes=deltas)
    if not ours:
        return replace(change, action=Action.ADOPT, attributes=deltas)
    return replace(change, action=Action.UPDATE if deltas else Action.KEEP, attributes=deltas)


def _removal(resource: Resource, observed: Observation | None, ownership: Mapping[str, str]) -> list[Change]:
    """What is switched off goes if it is ours; a stranger's of that name is none of our business."""
    if observed is None or not is_ours(observed, ownership):
        return []
    return [Change(resource.key, resource.kind, resource.name, Action.DELETE, reason="the config has switched it off")]


def refusal(changes: Collection[Change], *, begun: bool = False) -> PipectlError:
    """The error that names every refused resource at once; ``begun`` if others have been changed already."""
    untouched = "" if begun else ", nothing was touched"
    lines = "\n".join(f"{change.resource} ({change.name}): {change.reason}" for change in changes)
    first = next(iter(changes)).resource if len(changes) == 1 else None
    if any(change.attributes for change in changes):
        hint = "change the config or the resource so that they agree, or use the flag that the reason names"
        return UnreconcilableError(f"cannot be reconciled{untouched}:\n{lines}", hint=hint, resource=first)
    hint = "choose another name in the config"
    if any(change.adoptable for change in changes):
        hint += ", remove the resource, or take it over with --adopt"
    return ForeignError(f"not ours{untouched}:\n{lines}", hint=hint, resource=first)


def apply(
    resources: Resources,
    plan: Plan,
    ownership: Mapping[str, str],
    around: Callable[[Change, Callable[[], Facts]], Facts],
    pauses: Pauses,
    cancel: Callable[[], None],
) -> Walked[Facts]:
    """Carry a plan out, each change as soon as what it needs is done.

    Args:
        resources: The whole system.
        plan: What `plan_up` made of it, without refusals.
        ownership: The tags that make a resource ours.
        around: Called with each change and the work itself; reports progress.
        pauses: Lets time pass, and tells what for.
        cancel: See `walk`.
    """
    facts: dict[str, Facts] = {}
    changes = {change.resource: change for change in plan.changes}

    def visit(key: str) -> Facts:
        if key not in changes:  # neither wanted nor there
            return Facts()
        work = lambda: execute(  # noqa: E731
            resources[key], changes[key], plan.observed[key], facts, ownership, pauses
        )
        facts[key] = around(changes[key], work)
        return facts[key]

    return walk(graph_of(resources), visit, cancel=cancel)


def execute(
    resource: Resource,
    change: Change,
    observed: Observation | None,
    facts: Mapping[str, Facts],
    ownership: Mapping[str, str],
    pauses: Pauses,
) -> Facts:
    """Do what ``change`` says, with what is now known of the resources it needs."""
    if change.action is Action.KEEP and observed is not None:
        return observed.facts
    if change.action is Action.DELETE and observed is not None:
        resource.delete(observed)
        return Facts()
    desired = resource.desired(facts)
    try:
        return _make_or_change(resource, desired, observed, change.action)
    except ExistsError as error:
        return _after_lost_race(resource, desired, change, ownership, pauses, error)
    except AbsentError as error:
        raise PipectlError(
            f"{resource.kind} {resource.name}, or what it needs, was removed meanwhile: {error.message}",
            hint="somebody else is at work on the pipeline; once they are through, run `pipectl up` again",
        ) from error


def _make_or_change(resource: Resource, desired: Attributes, observed: Observation | None, action: Action) -> Facts:
    if observed is None:
        return resource.create(desired)
    if action is Action.REPLACE:
        return resource.replace(desired, observed)
    return resource.update(desired, observed, top_level(diff(desired, observed)))


def _after_lost_race(
    resource: Resource,
    desired: Attributes,
    planned: Change,
    ownership: Mapping[str, str],
    pauses: Pauses,
    error: ExistsError,
) -> Facts:
    """It is there already: made by another `up`, by a stranger, by an `up` that was killed, or by this one if an answer
    was lost.

    Until AWS shows it, it may as well have gone again, so making it is tried every time.
    """
    tries = 1
    for _ in pauses(f"{resource.kind} {resource.name}, which exists, to be shown", APPEARS_WITHIN):
        observed, action = observe_consistently(resource, pauses), Action.CREATE
        if observed is not None:
            accepted = planned.action is not Action.CREATE
            change = decide(resource, desired, observed, ownership, accept_loss=accepted)
            if change.action is Action.REFUSE:
                raise refusal([change], begun=True)
            if change.action is Action.KEEP:
                return observed.facts
            action = change.action
        try:
            return _make_or_change(resource, desired, observed, action)
        except ExistsError as again:
            tries, error = tries + 1, again
    raise ForeignError(
        f"{resource.kind} {resource.name} exists, yet AWS shows it to nobody in this account: {error.message} "
        f"(tried {tries} times in {APPEARS_WITHIN} seconds)",
        hint="the name is taken: choose another one in the config",
    )


def _not_ours(observed: Observation, ownership: Mapping[str, str]) -> str:
    wrong = [
        f"{key} is {observed.tags[key]!r}, not {value!r}" if key in observed.tags else f"no tag {key}"
        for key, value in ownership.items()
        if observed.tags.get(key) != value
    ]
    return f"exists and is not ours: {', '.join(wrong)}"


def _only(deltas: Mapping[str, Delta], attributes: Collection[str]) -> dict[str, Delta]:
    return {path: delta for path, delta in deltas.items() if path.split(".", 1)[0] in attributes}
