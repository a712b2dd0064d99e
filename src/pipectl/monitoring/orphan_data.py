"""The harm of orphans: records that are processed twice, and the data that deleting them would lose."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from itertools import islice

from pipectl.context import Context
from pipectl.engine.model import Contents
from pipectl.engine.parallel import parallel_map
from pipectl.errors import AwsError
from pipectl.facts import MappingFacts, TableFacts
from pipectl.failures.audit_table import UNRESOLVED_ONES, AuditTable
from pipectl.monitoring.checks import Check, Finding, Severity
from pipectl.monitoring.metrics import Metrics
from pipectl.monitoring.pending_data import NOUNS, Loss, is_busy, queued
from pipectl.monitoring.unresolved import MOST_COUNTED
from pipectl.orphans import DELETE, OrphanResources, source_name
from pipectl.resource_keys import ResourceKey

_AUDIT_KEY = "auditId"
_NOT_PROCESSED = "no mapping processes new records"


def processed_twice(mappings: Collection[str]) -> Check:
    """Return the check on mappings that process the pipeline's records with a function of an earlier name."""
    remain = "remains" if len(mappings) == 1 else "remain"
    detail = f"records are processed twice: {', '.join(mappings)} {remain} after a rename"
    return Check("orphans", Severity.DEGRADED, Finding.PROBLEM, len(mappings), detail, DELETE)


def find_orphan_losses(context: Context, found: OrphanResources, *, receive: bool = False) -> tuple[Loss, ...]:
    """Return what would be lost with these orphans.

    Args:
        context: Their pipeline.
        found: The orphans.
        receive: Look for messages that the counts of queues do not show yet.

    Raises:
        CancelledError: the user pressed Ctrl-C.
    """

    def find(key: str) -> Loss | None:
        try:
            if receive and found.resources[key].kind == "queue":
                return queued(context.with_resources(found.resources), key, found.observed[key])
            contents = found.resources[key].contents(found.observed[key])
            return _loss(context, found, key, contents) if contents else None
        except AwsError as error:
            return Loss(key, unreadable=error.message)

    results = parallel_map(find, found.observed, cancel=context.cancel)
    losses = results.require_done("Interrupted. Nothing was changed.")
    return tuple(loss for key in found.observed if (loss := losses[key]) and loss != Loss(key))


def stream_mappings(found: OrphanResources) -> dict[str, MappingFacts]:
    """Return the mappings of orphans that read the stream of a table, by key."""
    mappings = {key: each.facts for key, each in found.observed.items() if isinstance(each.facts, MappingFacts)}
    return {key: facts for key, facts in mappings.items() if "/stream/" in found.observed[key].attributes["source"]}


def are_busy(context: Context, found: OrphanResources, mappings: Collection[str]) -> bool:
    """Return whether orders were written or processed lately with one of these stream mappings of orphans."""
    now, physical = context.aws.clock.now(), context.pipeline.physical

    def busy(key: str) -> bool:
        attributes = found.observed[key].attributes
        table, function = source_name(attributes["source"]), attributes["function"].rpartition(":")[2]
        return is_busy(Metrics.of(context, now, replace(physical, orders_table=table, processor=function)))

    return any(busy(key) for key in mappings)


def _loss(context: Context, found: OrphanResources, key: str, contents: Contents) -> Loss:
    resource, observed = found.resources[key], found.observed[key]
    if resource.kind == "bucket":
        return Loss(key, contents, noun=NOUNS[ResourceKey.BUCKET])
    if resource.kind == "queue":
        return Loss(key, contents, noun=NOUNS[ResourceKey.DEAD_LETTER_QUEUE])
    if observed.attributes.get("partition_key") != _AUDIT_KEY:
        unread = None if _is_processed(found, key) else _NOT_PROCESSED
        return Loss(key, contents, unread=unread, noun=NOUNS[ResourceKey.ORDERS_TABLE])
    unresolved = islice(AuditTable(context.aws, resource.name).find(UNRESOLVED_ONES), MOST_COUNTED)
    return Loss(key, contents, not_replayed=sum(1 for _ in unresolved), noun=NOUNS[ResourceKey.AUDIT_TABLE])


def _is_processed(found: OrphanResources, table: str) -> bool:
    """Return whether an enabled mapping of the orphans reads the stream of a table."""
    stream = found.observed[table].facts_as(TableFacts).stream_arn
    return any(
        isinstance(each.facts, MappingFacts) and each.facts.enabled and each.attributes["source"] == stream
        for each in found.observed.values()
    )
