"""Orphans: resources with the tags of this pipeline whose names are not in its config, because a name was changed.

The index of tags lags, and it has no roles. So every candidate is observed, the mappings are found by the orphaned
functions, tables and queues, and the roles by the orphaned functions. Not found are a role that was renamed alone, a
mapping whose source and function are both gone, and resources whose name does not end with the team in their tags.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace

from pipectl.aws.calls import Request
from pipectl.aws.tagged import TaggedResource, tagged_resources
from pipectl.config.names import log_group_of
from pipectl.context import Context
from pipectl.engine.model import Observation, Resource
from pipectl.engine.observer import observe
from pipectl.engine.planner import is_managed
from pipectl.errors import AbsentError, AccessDeniedError, AwsError, CancelledError
from pipectl.facts import MappingFacts, QueueFacts, TableFacts
from pipectl.packaging.build import Package
from pipectl.resources.alarm import AT_LEAST, Alarm, AlarmList, Metric
from pipectl.resources.bucket import Bucket
from pipectl.resources.function import Function, Settings
from pipectl.resources.log_group import LogGroup, LogGroupList
from pipectl.resources.mapping import unqualified
from pipectl.resources.orphan_mapping import OrphanMapping
from pipectl.resources.queue import Queue
from pipectl.resources.role import Role
from pipectl.resources.table import Table
from pipectl.resources.table_keys import Keys

DELETE = "down --orphans"
"""The command that deletes orphans."""
SEARCH_SECONDS = 60
"""Time for which a repeated report uses the orphans that were found last."""
_LOG_GROUPS = log_group_of("")
_NO_SETTINGS = Settings(role_arn="", runtime="", handler="", architecture="", memory=0, timeout=0, environment={})


@dataclass(frozen=True)
class Orphan:
    """A resource that remains after a rename.

    Args:
        kind: Its kind, such as ``table``.
        name: Its physical name; of a mapping its source and function.
        arn: Its ARN.
        team: The team in its tags.
        unreadable: The actions that the caller needs to see whether it still exists; ``None`` when it does.
        processes: A mapping that reads its source.
        twice: A mapping that processes the records of this pipeline, so that they are processed twice.
    """

    kind: str
    name: str
    arn: str
    team: str | None = None
    unreadable: str | None = None
    processes: bool = False
    twice: bool = False


@dataclass
class OrphanResources:
    """The orphans as resources, with what was observed.

    Args:
        resources: Each existing or unreadable orphan, and the key that it is shown with, such as ``table/<name>``.
        observed: Those that exist.
        denied: The errors of those that the caller may not read.
        arns: Their ARNs.
        twice: The keys of mappings that process the records of this pipeline.
    """

    resources: dict[str, Resource] = field(default_factory=dict)
    observed: dict[str, Observation] = field(default_factory=dict)
    denied: dict[str, AccessDeniedError] = field(default_factory=dict)
    arns: dict[str, str] = field(default_factory=dict)
    twice: set[str] = field(default_factory=set)

    def orphans(self) -> tuple[Orphan, ...]:
        return tuple(self._orphan(key, resource) for key, resource in sorted(self.resources.items()))

    def _orphan(self, key: str, resource: Resource) -> Orphan:
        orphan = Orphan(resource.kind, resource.name, self.arns[key])
        if error := self.denied.get(key):
            return replace(orphan, unreadable=", ".join(error.actions) or error.message)
        found = self.observed[key]
        processes = isinstance(found.facts, MappingFacts) and found.facts.enabled
        return replace(orphan, team=found.tags.get("Team"), processes=processes, twice=key in self.twice)


@dataclass(frozen=True)
class Search:
    """The result of looking for orphans: the orphans, or the reason why they could not be looked for."""

    orphans: tuple[Orphan, ...] = ()
    problem: str | None = None


class OrphanSearch:
    """Looks for orphans, and remembers them for a minute, so that a repeated report is cheap."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._last: tuple[float, Search] | None = None

    def find(self) -> Search:
        """Return the orphans. An error is a part of the result: no report fails because of orphans.

        Raises:
            CancelledError: the user pressed Ctrl-C.
        """
        now = self._context.aws.clock.monotonic()
        if self._last is None or now - self._last[0] >= SEARCH_SECONDS:
            self._last = now, self._search()
        return self._last[1]

    def _search(self) -> Search:
        try:
            return Search(find_orphans(self._context, tagged_orphans(self._context)))
        except AccessDeniedError as error:
            return Search(problem=f"needs {', '.join(error.actions)}" if error.actions else error.message)
        except AwsError as error:
            return Search(problem=error.message)


def tagged_orphans(context: Context) -> list[TaggedResource]:
    """Return the resources of the index of tags that have the tags of this pipeline."""
    return tagged_resources(context.aws, context.pipeline.ownership)


def find_orphans(context: Context, tagged: Iterable[TaggedResource]) -> tuple[Orphan, ...]:
    """Return the orphans among these resources, and the mappings, roles and log groups that belong to them."""
    return read_orphans(context, tagged).orphans()


def read_orphans(context: Context, tagged: Iterable[TaggedResource]) -> OrphanResources:
    """Return the orphans among these resources, and the mappings, roles and log groups that belong to them.

    Raises:
        CancelledError: the user pressed Ctrl-C.
        AwsError: something cannot be read, except for a missing permission.
    """
    return _Reader(context).read(tagged)


class _Reader:
    """Reads orphans: those in the index of tags first, then those that belong to them."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._aws = context.aws
        self._names = context.pipeline.names
        self._ownership = context.pipeline.ownership
        self._known = {(resource.kind, resource.name) for resource in context.resources.values()}
        self._found = OrphanResources()

    def read(self, tagged: Iterable[TaggedResource]) -> OrphanResources:
        candidates = [each for each in tagged if self._is_candidate(each)]
        if not candidates:
            return self._found
        listing = AlarmList(self._aws, [each.name for each in candidates if each.kind == "alarm"])
        self._observe([self._built(str(each.kind), each.name, listing) for each in candidates])
        functions = self._keys("function")
        groups = [log_group_of(self._found.resources[key].name) for key in functions]
        more = [self._log_group(name) for name in groups if f"log-group/{name}" not in self._found.resources]
        self._observe([*more, *self._roles(functions)])
        self._observe(self._mappings(functions))
        self._leave_managed_mappings()
        return self._found

    def _leave_managed_mappings(self) -> None:
        """Leave mappings of the pipeline's own sources that have its tags: `up` repairs or deletes them."""
        for key in list(self._found.twice):
            found = self._found.observed.get(key)
            if found is None or found.tags:
                self._found.twice.discard(key)
                for each in (self._found.resources, self._found.observed, self._found.denied, self._found.arns):
                    each.pop(key, None)

    def _is_candidate(self, each: TaggedResource) -> bool:
        """Return whether an earlier config of this pipeline can have had this name."""
        name = each.name.removeprefix(_LOG_GROUPS) if each.kind == "log-group" else each.name
        return (
            each.kind in ("table", "bucket", "queue", "function", "log-group", "alarm")
            and self._ownership.items() <= each.tags.items()
            and (each.kind, each.name) not in self._known
            and self._has_shape(name, each.tags)
        )

    def _has_shape(self, name: str, tags: Mapping[str, str]) -> bool:
        """Return whether a name is ``<environment>-<resource>-<team>``, with the team of the tags."""
        return name.startswith(f"{self._names.environment}-") and name.endswith(f"-{tags.get('Team')}")

    def _observe(self, resources: Collection[tuple[str, Resource]]) -> None:
        """Observe candidates, and keep those that exist with the tags, and those that cannot be read."""
        built = {resource.key: resource for _, resource in resources}
        results = observe(built, self._context.consistency, self._context.cancel)
        if results.interrupted:
            raise CancelledError("Interrupted. Nothing was changed.")
        for arn, resource in resources:
            error, observed = results.failed.get(resource.key), results.done.get(resource.key)
            if isinstance(error, AccessDeniedError):
                self._found.denied[resource.key] = error
            elif error:
                raise error
            elif observed is None or not is_managed(observed, self._ownership):
                continue
            else:
                self._found.observed[resource.key] = observed
            self._found.resources[resource.key], self._found.arns[resource.key] = resource, arn

    def _keys(self, kind: str) -> list[str]:
        """Return the keys of the orphans of a kind that exist."""
        return [key for key in self._found.observed if self._found.resources[key].kind == kind]

    def _built(self, kind: str, name: str, listing: AlarmList) -> tuple[str, Resource]:
        """Return the ARN of a candidate, and the resource. Only its name counts: it is observed and deleted."""
        key, names = f"{kind}/{name}", self._names
        if kind == "table":
            return names.table_arn(name), _table(key, name, self._context)
        if kind == "bucket":
            arn = names.bucket_arn(name)
            return arn, Bucket(key, name, self._aws, arn=arn, prefixes=(), tags={})
        if kind == "queue":
            arn = names.queue_arn(name)
            return arn, Queue(
                key,
                name,
                self._aws,
                arn=arn,
                retention_days=0,
                maximum_message_size=0,
                visibility_timeout=0,
                tags={},
            )
        if kind == "function":
            return self._function(key, name)
        return self._log_group(name) if kind == "log-group" else self._alarm(key, name, listing)

    def _function(self, key: str, name: str) -> tuple[str, Resource]:
        arn = self._names.function_arn(name)
        function = Function(
            key,
            name,
            self._aws,
            arn=arn,
            role="",
            needs=(),
            uses=(),
            settings=_NO_SETTINGS,
            package=_no_package,
            tags={},
        )
        function.needs = ()
        return arn, function

    def _log_group(self, name: str) -> tuple[str, Resource]:
        arn = self._names.log_group_arn(name)
        return arn, LogGroup(
            f"log-group/{name}",
            name,
            self._aws,
            listing=LogGroupList(self._aws, [name]),
            arn=arn,
            function=name.removeprefix(_LOG_GROUPS),
            retention_days=0,
            ownership=self._ownership,
            tags={},
        )

    def _alarm(self, key: str, name: str, listing: AlarmList) -> tuple[str, Resource]:
        arn = self._names.alarm_arn(name)
        return arn, Alarm(
            key,
            name,
            self._aws,
            listing=listing,
            arn=arn,
            needs=(),
            description="",
            metric=Metric("", "", {}),
            comparison=AT_LEAST,
            threshold=0,
            actions=(),
            tags={},
        )

    def _roles(self, functions: Collection[str]) -> Iterator[tuple[str, Resource]]:
        """Yield the roles of orphaned functions.

        A role is deleted before its functions: after a crash it can still be found by them.
        """
        users: dict[str, list[str]] = {}
        for key in functions:
            users.setdefault(str(self._found.observed[key].attributes["role"]), []).append(key)
        for arn, keys in users.items():
            name = arn.rpartition("/")[2]
            tags = self._found.observed[keys[0]].tags
            if ("role", name) in self._known or not self._has_shape(name, tags):
                continue
            role = Role(
                f"role/{name}",
                name,
                self._aws,
                trust=[],
                policies={},
                boundary=None,
                ownership=self._ownership,
                home_region=self._context.config.region or self._names.region,
                tags={},
            )
            role.needs = tuple(keys)
            yield arn, role

    def _mappings(self, functions: Collection[str]) -> list[tuple[str, Resource]]:
        """Return the mappings that read orphaned tables and queues, or invoke orphaned functions."""
        found = self._found
        arns = {found.arns[key]: key for key in functions}
        sources = {source: key for key in found.observed if (source := _source(found.observed[key]))}
        requests: list[Request] = [{"EventSourceArn": source} for source in sources]
        for key in functions:
            name = found.resources[key].name
            requests += [{"FunctionName": found.arns[key]}, {"FunctionName": self._names.live_arn(name)}]
        mappings: list[tuple[str, Resource]] = []
        for uuid, (source, function) in self._listed(requests).items():
            needs = [key for key in (sources.get(source), arns.get(function)) if key]
            roles = [key for key in self._keys("role") if set(found.resources[key].needs) & set(needs)]
            key, own = f"mapping/{uuid}", self._is_source(source)
            if own and function not in arns:
                continue
            arn = self._names.mapping_arn(uuid)
            name = f"{source_name(source)} -> {function.rpartition(':')[2]}"
            mapping = OrphanMapping(
                key, uuid, self._aws, name=name, arn=arn, needs=[*needs, *roles], takes_over=function in arns
            )
            if own:
                found.twice.add(key)
            mappings.append((arn, mapping))
        return mappings

    def _listed(self, requests: Iterable[Request]) -> dict[str, tuple[str, str]]:
        """Return the source and the function of each mapping, by UUID, that some requests list."""
        listed: dict[str, tuple[str, str]] = {}
        paginator = self._aws.lambda_.get_paginator("list_event_source_mappings")
        for request in requests:
            try:
                for page in paginator.paginate(**request):
                    for each in page["EventSourceMappings"]:
                        arns = each.get("EventSourceArn", ""), unqualified(each.get("FunctionArn", ""))
                        listed[each["UUID"]] = arns
            except AbsentError:
                continue
        return listed

    def _is_source(self, arn: str) -> bool:
        """Return whether a source is one of the config's: its mappings with the tags are managed by `up`."""
        physical = self._context.pipeline.physical
        queue = self._names.queue_arn(physical.queue)
        return arn == queue or arn.startswith(self._names.stream_prefix(physical.orders_table))


def _table(key: str, name: str, context: Context) -> Table:
    return Table(
        key,
        name,
        context.aws,
        keys=Keys(""),
        stream=None,
        indexes={},
        keep_billing=True,
        point_in_time_recovery=False,
        deletion_protection=False,
        tags={},
    )


def _no_package() -> Package:
    raise NotImplementedError("an orphan is never deployed")


def _source(observed: Observation) -> str | None:
    """Return the ARN that mappings of a table's stream or of a queue name."""
    facts = observed.facts
    if isinstance(facts, TableFacts):
        return facts.stream_arn
    return facts.arn if isinstance(facts, QueueFacts) else None


def source_name(source: str) -> str:
    """Return the name of the table or the queue in the ARN of a source."""
    return source.split("/")[1] if "/stream/" in source else source.rpartition(":")[2]
