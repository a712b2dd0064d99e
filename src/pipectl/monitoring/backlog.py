"""The end of a backlog: the stream mapping has read it, and the maximum record age can be in force again.

While the stream mapping is catching up (see `pipectl.resources.stream_mapping`) it has no maximum record age. `up`,
`resume` and `replay-dlq` set the configured age again when its backlog is read. Without that state no call is made.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta

from pipectl.aws.stream_records import STREAM_RETENTION
from pipectl.context import Context
from pipectl.engine.model import Facts, Observation, facts_of
from pipectl.errors import AwsError, WaitTimeoutError
from pipectl.facts import MappingFacts
from pipectl.monitoring.metrics import Metrics
from pipectl.monitoring.stream_progress import progress
from pipectl.pause_tags import longest_wait
from pipectl.resource_keys import ResourceKey

ALL_SHARDS_BEGIN = timedelta(minutes=15)
"""Time after which every shard is read and the metrics show it. Earlier ones can be of a shard without a backlog."""
_KEY = ResourceKey.STREAM_MAPPING


def with_ended_backlog(
    context: Context, observed: Mapping[str, Observation | None], metrics: Metrics | None = None
) -> dict[str, Observation | None]:
    """Return the observations; where the backlog is read, the missing maximum record age is a difference.

    Args:
        context: The pipeline.
        observed: The observations.
        metrics: The metrics, where the caller needs them, too.
    """
    found, metrics = observed.get(_KEY), metrics or Metrics.of(context, context.aws.clock.now())
    if found is None or not _is_read(context, context.facts(observed), metrics):
        return dict(observed)
    age = found.facts_as(MappingFacts).record_age
    return {**observed, _KEY: replace(found, attributes=found.attributes | {"maximum_record_age": age})}


def end_backlog(context: Context, observed: Observation) -> bool:
    """Set the configured maximum record age when the backlog is read. Return whether it was set."""
    found = with_ended_backlog(context, {_KEY: observed})[_KEY]
    age = {"maximum_record_age": context.config.stream_mapping.maximum_record_age}
    if found is None or found is observed:
        return False
    context.resources[_KEY].update({**found.attributes, **age}, found, list(age))
    return True


def restore_record_age(context: Context) -> str | None:
    """Look at the stream mapping and end its backlog if that is read. Return a note on what was done.

    For commands that do not need the mapping: an error is a note, too.
    """
    try:
        found = context.managed(context.observe([_KEY])).get(_KEY)
        restored = found is not None and end_backlog(context, found)
    except (AwsError, WaitTimeoutError) as error:
        return f"the maximum record age of the stream mapping was not checked: {error.message}"
    return "the waiting records are processed: the maximum record age is in force again" if restored else None


def _is_read(context: Context, facts: Mapping[str, Facts], metrics: Metrics) -> bool:
    """Return whether no record that still waits is too old for the maximum record age.

    All records that were there when the state began have expired 24 hours later.
    """
    mapping, now = facts_of(facts, _KEY, MappingFacts), metrics.now
    if mapping is None or mapping.catching_up is None or mapping.stopped:
        return False
    since = mapping.catching_up.since
    if since is None or since > now:  # a tag that was set by hand
        since = mapping.last_modified
    if since is None or now - since < ALL_SHARDS_BEGIN:
        return False
    if now - since > STREAM_RETENTION:
        return True
    found = progress(context, {**facts, _KEY: replace(mapping, catching_up=None)}, now, metrics=metrics)
    if found.stopped or found.unknown:
        return False
    allowed = longest_wait(timedelta(seconds=context.config.stream_mapping.maximum_record_age))
    return allowed is None or now - found.until < allowed
