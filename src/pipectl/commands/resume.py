"""`resume`: continue processing where it was paused."""

from __future__ import annotations

from pipectl.commands.pause import PauseReport, observe_mapping
from pipectl.config.names import PAUSE_TAGS
from pipectl.context import Context
from pipectl.facts import MappingFacts
from pipectl.resource_keys import ResourceKey


def resume(context: Context) -> PauseReport:
    """End a pause. With ``enabled: false`` in the config only its tags are removed.

    Raises:
        RequirementError: the mapping is missing, or is not managed by this pipeline.
    """
    observed = observe_mapping(context)
    mapping = observed.facts_as(MappingFacts)
    found, wanted = mapping.pause, context.config.stream_mapping.enabled
    left = found.left(context.aws.clock.now()) if found else None
    if not found and mapping.enabled == wanted:
        return PauseReport(False, False, None, None)
    if found:
        context.aws.lambda_.untag_resource(Resource=mapping.arn, TagKeys=list(PAUSE_TAGS))
    resource = context.resources[ResourceKey.STREAM_MAPPING]
    resource.update({**observed.attributes, "enabled": wanted}, observed, ["enabled"])
    return PauseReport(False, True, found, left)
