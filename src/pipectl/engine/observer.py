"""Observe resources through an API that is eventually consistent."""

from __future__ import annotations

from collections.abc import Callable, Collection

from pipectl.engine.model import Consistency, Observation, Resource, Resources
from pipectl.engine.parallel import Results, parallel_map
from pipectl.errors import AbsentError

Read = Callable[[Resource], Observation | None]
"""`Resource.observe` or `Resource.identify` of a resource."""


def observe(
    resources: Resources, consistency: Consistency, cancel: Callable[[], None] = lambda: None
) -> Results[Observation | None]:
    """Read all resources at the same time. A resource that cannot be read is an error, never an absent resource."""
    return identify(resources, consistency, cancel, whole=resources)


def identify(
    resources: Resources,
    consistency: Consistency,
    cancel: Callable[[], None] = lambda: None,
    whole: Collection[str] = (),
) -> Results[Observation | None]:
    """Read of all resources what `Resource.identify` reads, but all of those in ``whole``; otherwise see `observe`."""

    def read(key: str) -> Observation | None:
        if key in whole:
            return observe_consistently(resources[key], consistency)
        return observe_consistently(resources[key], consistency, lambda resource: resource.identify())

    return parallel_map(read, resources, cancel=cancel)


def observe_consistently(
    resource: Resource, consistency: Consistency, read: Read = lambda resource: resource.observe()
) -> Observation | None:
    """Observe a resource until the answers are consistent.

    A part that is reported absent while the whole exists may have just been created or deleted; and a resource without
    tags may be too young to report them.

    Raises:
        AbsentError: the resource exists and a part of it stays absent. The whole is not taken for absent then.
    """
    observed = _all_parts(resource, consistency, read)
    if observed and _may_be_too_young(observed):
        for _ in consistency.poll(f"the tags of {resource.kind} {resource.name}", consistency.tags_appear):
            observed = _all_parts(resource, consistency, read)
            if observed is None or not _may_be_too_young(observed):
                break
    return observed


def _all_parts(resource: Resource, consistency: Consistency, read: Read) -> Observation | None:
    bound = consistency.parts_agree
    polls = consistency.poll(f"all parts of {resource.kind} {resource.name}", bound)
    for tries, waited in enumerate(polls, start=1):
        try:
            return read(resource)
        except AbsentError as error:
            if waited >= bound:
                error.message = f"{error.message} (tried {tries} times in {waited:.0f} seconds)"
                error.args, error.hint = (error.message,), "if nothing else changes it, run the same command again"
                raise
    raise AssertionError("the last attempt returns or raises")


def _may_be_too_young(observed: Observation) -> bool:
    return not (observed.tags or observed.unmanageable or observed.takes_over_untagged)
