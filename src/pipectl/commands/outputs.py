"""`outputs`: names, ARNs and URLs that applications need."""

from __future__ import annotations

from pipectl.context import Context


def outputs(context: Context) -> dict[str, str]:
    """Return the outputs of the pipeline. Reads only.

    Raises:
        RequirementError: a resource is missing, or is not managed by this pipeline.
    """
    named = context.pipeline.output_resources
    observed = context.identify(named)
    context.require_managed(named, observed)
    return context.pipeline.outputs(context.facts(observed))
