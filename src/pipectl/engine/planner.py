"""Decide the action on each resource: `plan_up` creates and repairs, `plan_down` deletes."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from graphlib import TopologicalSorter

from pipectl.engine.diff import diff, top_level
from pipectl.engine.model import (
    Action,
    Attributes,
    Change,
    Delta,
    Facts,
    Observation,
    Observations,
    Refusal,
    RefusalKind,
    Resource,
    Resources,
)
from pipectl.engine.parallel import reverse
from pipectl.errors import ForeignError, PipectlError, UnreconcilableError
from pipectl.text import with_flags

Graph = Mapping[str, Collection[str]]

MANY_REFUSALS = 4
"""Number of refused resources from which on their common reason is given once, and the hint adopts all."""


@dataclass(frozen=True)
class Plan:
    """A list with one change per resource.

    Args:
        changes: In an order in which they can be executed.
        observed: The observations that the plan is based on.
        graph: Resource -> the resources whose changes come first.
    """

    changes: tuple[Change, ...]
    observed: Observations
    graph: Graph

    @property
    def refusals(self) -> list[Change]:
        return [change for change in self.changes if change.action is Action.REFUSE]

    @property
    def pending(self) -> list[Change]:
        """The changes that would do something: neither kept nor refused."""
        return [change for change in self.changes if change.action not in (Action.KEEP, Action.REFUSE)]


def plan_up(
    resources: Resources,
    observed: Observations,
    ownership: Mapping[str, str],
    *,
    adopt: Collection[str] = (),
    accept_loss: bool = False,
) -> Plan:
    """Plan to make the actual state equal the desired state.

    Args:
        resources: All resources of the pipeline.
        observed: The actual state.
        ownership: The tags that mark a managed resource.
        adopt: Keys of the resources to take over, if they exist and are not managed.
        accept_loss: Plan even what a resource refuses because data would be lost.
    """
    changes: list[Change] = []
    facts: dict[str, Facts] = {}
    graph = _needs(resources)
    for key in TopologicalSorter(graph).static_order():
        resource = resources[key]
        if not resource.wanted:
            changes += _switched_off(resource, observed[key], ownership)
            continue
        desired = resource.desired(facts)
        change = decide(resource, desired, observed[key], ownership, adopt=adopt, accept_loss=accept_loss)
        facts[key] = resource.facts_after(change, observed[key])
        changes.append(change)
    return Plan(tuple(changes), observed, graph | _needs_of_new(resources, changes))


def plan_down(
    resources: Resources, observed: Observations, ownership: Mapping[str, str], *, kept: Mapping[str, str]
) -> Plan:
    """Plan to delete every managed resource, each after the resources that need it.

    Args:
        resources: All resources of the pipeline.
        observed: The actual state.
        ownership: The tags that mark a managed resource.
        kept: Managed resources that stay for their data, with the reason in words.
    """
    graph = _deletion_order(resources)
    changes: list[Change] = []
    for key in TopologicalSorter(graph).static_order():
        resource, found = resources[key], observed[key]
        if found is None:
            continue
        change = Change(resource.key, resource.kind, resource.name, Action.DELETE)
        if refusal := unmanaged(found, ownership):
            change = replace(change, action=Action.KEEP, refusal=refusal.kind, reason=refusal.reason)
        elif key in kept:
            change = replace(change, action=Action.KEEP, refusal=RefusalKind.DATA_LOSS, reason=kept[key])
        changes.append(change)
    return Plan(tuple(changes), observed, graph)


def decide(
    resource: Resource,
    desired: Attributes,
    observed: Observation | None,
    ownership: Mapping[str, str],
    *,
    adopt: Collection[str] = (),
    accept_loss: bool = False,
) -> Change:
    """Decide what `up` does to one resource; see `plan_up` for the arguments."""
    note = observed.note if observed else None
    change = Change(resource.key, resource.kind, resource.name, Action.KEEP, reason=note)
    if observed is None:
        deltas = diff(desired, Observation({}, {}))
        return replace(change, action=Action.CREATE, attributes=deltas, reason=resource.remark(deltas, None))
    foreign = unmanaged(observed, ownership)
    if foreign and not (resource.key in adopt and foreign.kind.adoptable):
        return _refuse(change, foreign, {})
    deltas = diff(desired, observed)
    differs = top_level(deltas)
    remarks = [adoption(foreign, deltas) if foreign else None, note, resource.remark(deltas, observed)]
    change = replace(change, reason="; ".join(filter(None, remarks)) or None)
    if stuck := sorted(differs.intersection(resource.fixed)):
        reason = f"{', '.join(stuck)} cannot be changed; the {resource.kind} must be recreated"
        return _refuse(change, Refusal(RefusalKind.FIXED_ATTRIBUTE, reason), _only(deltas, stuck))
    if not accept_loss and (reason := resource.data_loss_reason(deltas) or ""):
        return _refuse(change, Refusal(RefusalKind.DATA_LOSS, reason), deltas)
    if differs.intersection(resource.replaces):
        return replace(change, action=Action.REPLACE, attributes=deltas)
    if foreign:
        return replace(change, action=Action.ADOPT, attributes=deltas)
    return replace(change, action=Action.UPDATE if deltas else Action.KEEP, attributes=deltas)


def is_managed(observed: Observation, ownership: Mapping[str, str]) -> bool:
    """Return whether this pipeline manages a resource."""
    return unmanaged(observed, ownership) is None


def unmanaged(observed: Observation, ownership: Mapping[str, str]) -> Refusal | None:
    """Return why this pipeline does not manage a resource; ``None`` when it does.

    An untagged resource that AWS itself created for this pipeline counts as managed.
    """
    if observed.unmanageable:
        return observed.unmanageable
    if observed.takes_over_untagged and not observed.tags:
        return None
    wrong = {key: value for key, value in ownership.items() if observed.tags.get(key) != value}
    if not wrong:
        return None
    tags = ", ".join(
        f"{key} is {observed.tags[key]!r}, not {value!r}" if key in observed.tags else f"no tag {key}"
        for key, value in wrong.items()
    )
    if "ManagedBy" in wrong or wrong.keys() - observed.tags.keys():
        return Refusal(RefusalKind.NOT_MANAGED, f"exists and is not managed by pipectl: {tags}")
    return Refusal(RefusalKind.OTHER_PIPELINE, f"exists and is managed by another pipeline: {tags}")


def adoption(foreign: Refusal, deltas: Mapping[str, Delta]) -> str:
    """Return what adopting a resource means: the tags that are written, the attributes that change, and the owner."""
    tags = [path.partition(".")[2] for path in deltas if path.startswith("tags.")]
    changed = sorted(top_level(deltas) - {"tags"})
    noun = "tag" if len(tags) == 1 else "tags"
    writes = f"adopting it writes the {noun} {', '.join(tags)}" if tags else "adopting it writes no tags"
    changes = f" and changes {', '.join(changed)}" if changed else " and changes nothing else"
    loses = ", and the other pipeline no longer manages it" if foreign.kind is RefusalKind.OTHER_PIPELINE else ""
    return f"{foreign.reason}; {writes}{changes}; from then on `pipectl down` deletes it{loses}"


def refusal(
    changes: Collection[Change],
    *,
    adopted: Collection[str] = (),
    accepted_loss: bool = False,
    begun: bool = False,
    reviewed: str | None = None,
) -> PipectlError:
    """Return the error that names every refused resource.

    Args:
        changes: The refused changes.
        adopted: The keys that the user adopts already, which the command in the hint repeats.
        accepted_loss: The user accepts that data is lost already.
        begun: Other resources have been changed already.
        reviewed: The id of the plan to execute, which the command repeats, so that nothing else is executed.
    """
    unchanged = "" if begun else " Nothing was changed."
    lines = "\n".join(_refused_lines(changes))
    keys = [change.resource for change in changes]
    first = keys[0] if len(keys) == 1 else None
    kinds = {change.refusal for change in changes}
    adoptable = [change.resource for change in changes if change.refusal and change.refusal.adoptable]
    given = [*adopted, *adoptable] if len(adoptable) < MANY_REFUSALS else ["all"]
    loss = RefusalKind.DATA_LOSS in kinds
    up = f"pipectl up --plan {reviewed}" if reviewed else "pipectl up"
    command = with_flags(up, adopt=given, allow_stream_replacement=loss or accepted_loss)
    if kinds & {RefusalKind.FIXED_ATTRIBUTE, RefusalKind.DATA_LOSS}:
        hint = "correct the config"
        if loss:
            hint += f", or run `{command}`"
        message = f"The difference cannot be removed.{unchanged}\n{lines}"
        return UnreconcilableError(message, hint=hint, resource=first, resources=keys)
    hint = "choose another name in the config"
    if adoptable:
        them = "it" if len(adoptable) == 1 else "them"
        way = f", delete {them}, or adopt {them}"
        if kinds == {RefusalKind.OTHER_PIPELINE}:
            hint = "names have the environment and the team: choose another `team` or `environment` in the config"
            way = f"; after a move to this project, adopt {them}"
        shown = with_flags("pipectl plan", adopt=given, allow_stream_replacement=accepted_loss)
        hint += f"{way}: `{shown}` shows the changes, `{command}` makes them"
    subject = "This resource is" if first else "These resources are"
    message = f"{subject} not managed by this pipeline.{unchanged}\n{lines}"
    return ForeignError(message, hint=hint, resource=first, resources=keys)


def _refused_lines(changes: Iterable[Change]) -> list[str]:
    """Return a line for each refused resource. Many that are refused for the same reason have it once, above them."""
    by_reason: dict[str | None, list[Change]] = {}
    for change in changes:
        by_reason.setdefault(change.reason, []).append(change)
    lines = []
    for reason, alike in by_reason.items():
        if len(alike) < MANY_REFUSALS:
            lines += [f"{change.resource} ({change.name}): {reason}" for change in alike]
        else:
            lines.append(f"{len(alike)} resources, each {reason}:")
            lines += [f"{change.resource} ({change.name})" for change in alike]
    return lines


def _refuse(change: Change, refused: Refusal, deltas: Mapping[str, Delta]) -> Change:
    return replace(change, action=Action.REFUSE, attributes=deltas, reason=refused.reason, refusal=refused.kind)


def _switched_off(resource: Resource, observed: Observation | None, ownership: Mapping[str, str]) -> list[Change]:
    """Delete a resource that the config has switched off if it is managed; another one of that name is left alone."""
    if observed is None or not is_managed(observed, ownership):
        return []
    return [Change(resource.key, resource.kind, resource.name, Action.DELETE, reason="switched off in the config")]


def _needs(resources: Resources) -> dict[str, Collection[str]]:
    return {key: resource.needs for key, resource in resources.items()}


def _needs_of_new(resources: Resources, changes: Collection[Change]) -> dict[str, Collection[str]]:
    """Return the needs of the resources that are created, without those that they only use later."""
    new = [change.resource for change in changes if change.action is Action.CREATE]
    return {key: [need for need in resources[key].needs if need not in resources[key].uses] for key in new}


def _deletion_order(resources: Resources) -> Graph:
    """Return the graph in which each resource comes after those that need it, and `deleted_last` after all others."""
    others = {key for key, resource in resources.items() if not resource.deleted_last}
    return {
        key: sorted(needed_by & others if key in others else others)
        for key, needed_by in reverse(_needs(resources)).items()
    }


def _only(deltas: Mapping[str, Delta], attributes: Collection[str]) -> dict[str, Delta]:
    return {path: delta for path, delta in deltas.items() if path.split(".", 1)[0] in attributes}
