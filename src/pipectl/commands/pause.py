"""`pause`: stop processing for a while. Records wait in the stream, where each expires 24 hours after it was written.

A disabled mapping discards nothing, so the maximum record age matters only at `resume` (see `StreamMapping`).

A disabled mapping keeps its position. The tags are set before the mapping is disabled, and removed before it is enabled
(see `pipectl.pause_tags`), so that `pause` and `resume` can be cut short at any call and run again.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta

from pipectl.context import Context
from pipectl.engine.model import Observation
from pipectl.errors import DataLossError
from pipectl.facts import MappingFacts
from pipectl.pause_tags import Pause
from pipectl.resource_keys import ResourceKey
from pipectl.resources.stream_mapping import LATEST, SKIPS_RECORDS


@dataclass(frozen=True)
class PauseReport:
    """The state after `pause` or `resume`.

    Args:
        paused: Whether processing is paused now.
        changed: Whether this run changed it.
        pause: The pause in force, or the one that was ended; ``None`` where there was none.
        left: Time until the first waiting record expires; negative when records have begun to expire.
        catching_up: Whether the mapping processes waiting records of any age first.
        age_restored: Whether this run set the maximum record age again, because no record waits for long.
    """

    paused: bool
    changed: bool
    pause: Pause | None
    left: timedelta | None
    catching_up: bool = False
    age_restored: bool = False


def pause(context: Context, by: str, *, allow_skipped_records: bool = False) -> PauseReport:
    """Pause processing. A mapping that is paused already keeps its pause.

    Args:
        context: The pipeline.
        by: Who pauses it, for the tag.
        allow_skipped_records: Pause a mapping that starts at LATEST, too.

    Raises:
        DataLossError: the mapping starts at LATEST, so that records can be lost; nothing was changed.
        RequirementError: the mapping is missing, or is not managed by this pipeline.
    """
    observed = observe_mapping(context)
    now, mapping = context.aws.clock.now(), observed.facts_as(MappingFacts)
    if mapping.pause and not mapping.enabled:
        return PauseReport(True, False, mapping.pause, mapping.pause.left(now))
    if observed.attributes["starting_position"] == LATEST and not allow_skipped_records:
        raise DataLossError(
            f"Records would be lost: {SKIPS_RECORDS}, which pause and resume do. Nothing was changed.",
            hint="use TRIM_HORIZON in the config, or `pipectl pause --allow-skipped-records`",
            resource=ResourceKey.STREAM_MAPPING,
        )
    made = Pause(now, by)
    resource = context.resources[ResourceKey.STREAM_MAPPING]
    resource.update({**observed.attributes, "tags": made.tags()}, observed, ["tags"])
    resource.update({**observed.attributes, "enabled": False}, observed, ["enabled"])
    return PauseReport(True, True, made, made.left(now))


def observe_mapping(context: Context) -> Observation:
    """Return the stream mapping as it is, without superseded ones, which `up` deletes."""
    key = ResourceKey.STREAM_MAPPING
    observed = context.require([key], whole=[key])[key]
    return replace(observed, attributes=observed.attributes | {"superseded": []})
