"""`resume`: continue processing where it was paused."""

from __future__ import annotations

from pipectl.commands.pause import PauseReport, observe_mapping
from pipectl.config.names import PAUSE_TAGS
from pipectl.context import Context
from pipectl.facts import MappingFacts
from pipectl.monitoring.backlog import end_backlog
from pipectl.resource_keys import ResourceKey


def resume(context: Context) -> PauseReport:
    """End a pause. With ``enabled: false`` in the config only its tags are removed.

    After a long pause the mapping first reads the records that wait, of any age (see
    `pipectl.resources.stream_mapping`). `resume` ends that state when they are read.

    Raises:
        RequirementError: the mapping is missing, or is not managed by this pipeline.
    """
    observed = observe_mapping(context)
    mapping = observed.facts_as(MappingFacts)
    found, wanted = mapping.pause, context.config.stream_mapping.enabled
    left = found.left(context.aws.clock.now()) if found else None
    if not found and mapping.enabled == wanted:
        ended = end_backlog(context, observed)
        catching_up = mapping.catching_up is not None and not ended
        return PauseReport(False, ended, None, None, catching_up=catching_up, age_restored=ended)
    if found:
        context.aws.lambda_.untag_resource(Resource=mapping.arn, TagKeys=list(PAUSE_TAGS))
    resource = context.resources[ResourceKey.STREAM_MAPPING]
    facts = resource.update({**observed.attributes, "enabled": wanted}, observed, ["enabled"])
    return PauseReport(False, True, found, left, isinstance(facts, MappingFacts) and facts.catching_up is not None)
