"""`pause` and `resume`: stop processing for a while, without losing the place in the stream.

A disabled mapping keeps its position; records wait in the stream, for 24 hours. The tag is set before the mapping is
disabled, and taken away before it is enabled (`pipectl.pause_tags` says why), so either command can be cut short at any
call and run again, and what `resume` had begun is finished by `up`, too.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta

from pipectl.context import Context
from pipectl.engine.model import Attributes, Observation
from pipectl.facts import MappingFacts
from pipectl.pause_tags import PAUSE_TAGS, Pause
from pipectl.resource_keys import ResourceKey

MAPPING = ResourceKey.STREAM_MAPPING


@dataclass(frozen=True)
class PauseReport:
    """What became of the mapping.

    Args:
        paused: Whether it is paused now.
        changed: Whether this run did something; pausing what is paused does nothing.
        pause: The pause that is, or that was ended; ``None`` where there was none.
        left: How long until the stream forgets the first record of the pause; negative when it has.
    """

    paused: bool
    changed: bool
    pause: Pause | None
    left: timedelta | None


def pause(context: Context, by: str) -> PauseReport:
    """Let records wait in the stream. A mapping that is paused stays so, since when it was.

    Args:
        context: The pipeline.
        by: Who pauses it, for the tag.

    Raises:
        PipectlError: there is no mapping of ours.
    """
    observed = _observed(context)
    now, mapping = context.aws.clock.now(), observed.facts_as(MappingFacts)
    found = mapping.pause
    if found and not mapping.enabled:
        return PauseReport(True, False, found, found.left(now))
    made = Pause(now, by)
    resource = context.resources[MAPPING]
    resource.update(_only(observed, tags=made.tags()), observed, ["tags"])
    resource.update(_only(observed, enabled=False), observed, ["enabled"])
    return PauseReport(True, True, made, made.left(now))


def resume(context: Context) -> PauseReport:
    """Go on where the mapping stopped. One whose config has ``enabled: false`` only loses the tag.

    Raises:
        PipectlError: there is no mapping of ours.
    """
    observed = _observed(context)
    mapping = observed.facts_as(MappingFacts)
    found, wanted = mapping.pause, context.config.stream_mapping.enabled
    left = found.left(context.aws.clock.now()) if found else None
    if not found and mapping.enabled == wanted:
        return PauseReport(False, False, None, None)
    if found:
        context.aws.lambda_.untag_resource(Resource=mapping.arn, TagKeys=list(PAUSE_TAGS))
    context.resources[MAPPING].update(_only(observed, enabled=wanted), observed, ["enabled"])
    return PauseReport(False, True, found, left)


def _observed(context: Context) -> Observation:
    """The mapping as it is; what it supersedes is `up`'s to remove."""
    observed = context.require([MAPPING])[MAPPING]
    return replace(observed, attributes=observed.attributes | {"superseded": []})


def _only(observed: Observation, **changes: object) -> Attributes:
    """The mapping as it is, but for that."""
    return {**observed.attributes, **changes}
