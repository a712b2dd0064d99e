"""The rules between keys of the config that are each valid alone. None needs a call to AWS."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from pipectl.config.models import (
    EXTRA_ALARMS,
    LONGEST_SAFE_RECORD_AGE,
    SHORTEST_RECORD_AGE,
    BucketConfig,
    Config,
    StreamMappingConfig,
)
from pipectl.config.names import NAME_RULES, SET_BY_PIPECTL, Names, action_problems, boundary_problem, tag_problem
from pipectl.resource_keys import ResourceKey

LARGEST_BATCH_WITHOUT_WINDOW = 10
_ANY_ACCOUNT = "0" * 12


@dataclass(frozen=True)
class CrossProblem:
    """A problem of the value at ``path``, in words, and the paths of the other keys that it depends on."""

    path: tuple[str | int, ...]
    message: str
    related: tuple[tuple[str | int, ...], ...] = ()


Problems = Iterator[CrossProblem]


def cross_problems(config: Config) -> Problems:
    """Return the problems between keys that are each valid alone."""
    yield from _tag_problems(config.tags)
    yield from _prefix_problems(config.bucket)
    yield from _queue_problems(config)
    yield from _stream_problems(config.stream_mapping)
    yield from _name_problems(config)
    if config.account_id and (problem := boundary_problem(config.permissions_boundary, config.account_id)):
        yield CrossProblem(("permissions_boundary",), problem, (("account_id",),))
    if config.region:
        for index, problem in action_problems(config.errors_alarm.actions, config.region):
            yield CrossProblem(("errors-alarm", "actions", index), problem, (("region",),))


def _tag_problems(tags: Mapping[str, str]) -> Problems:
    reserved = {key.lower() for key in SET_BY_PIPECTL}
    seen: dict[str, str] = {}
    for key, value in tags.items():
        if key.lower() in reserved:
            yield CrossProblem(("tags", key), f"is set by pipectl; so are {', '.join(SET_BY_PIPECTL)}")
        elif problem := tag_problem(key, value):
            yield CrossProblem(("tags", key), problem)
        elif (other := seen.setdefault(key.lower(), key)) != key:
            words = f"equals {other!r} in IAM, which ignores upper and lower case"
            yield CrossProblem(("tags", key), words, (("tags", other),))


def _prefix_problems(bucket: BucketConfig) -> Problems:
    prefix, failed = f"{bucket.prefix}/", f"{bucket.failed_prefix}/"
    if prefix.startswith(failed) or failed.startswith(prefix):
        failed = f"failed_prefix {bucket.failed_prefix!r}"
        words = f"is {bucket.prefix!r}; neither it nor {failed} may contain the other"
        yield CrossProblem(("bucket", "prefix"), words, (("bucket", "failed_prefix"),))


def _queue_problems(config: Config) -> Problems:
    mapping, visibility = config.queue_mapping, config.dead_letter_queue.visibility_timeout
    needed = 6 * config.auditor.timeout + mapping.batching_window
    if visibility < needed:
        words = (
            f"is {visibility} seconds; at least {needed} are needed: 6 x the auditor's timeout of "
            f"{config.auditor.timeout} plus the queue mapping's window of {mapping.batching_window}. "
            "Otherwise messages are delivered again while they are being audited"
        )
        related = (("auditor", "timeout"), ("queue-mapping", "batching_window"))
        yield CrossProblem(("dead-letter-queue", "visibility_timeout"), words, related)
    if mapping.batch_size > LARGEST_BATCH_WITHOUT_WINDOW and mapping.batching_window < 1:
        above = f"above {LARGEST_BATCH_WITHOUT_WINDOW} Lambda requires a batching_window of at least 1 second"
        words = f"is {mapping.batch_size}; {above}"
        yield CrossProblem(("queue-mapping", "batch_size"), words, (("queue-mapping", "batching_window"),))


def _stream_problems(mapping: StreamMappingConfig) -> Problems:
    age = mapping.maximum_record_age
    key = ("stream-mapping", "maximum_record_age")
    if 0 <= age < SHORTEST_RECORD_AGE:
        yield CrossProblem(key, f"is {age}; Lambda allows -1, or {SHORTEST_RECORD_AGE} to 604800 seconds")
    elif (age == -1 or age > LONGEST_SAFE_RECORD_AGE) and not mapping.allow_expiry:
        words = (
            f"is {age}; with -1, or more than {LONGEST_SAFE_RECORD_AGE} seconds, a failure can arrive when its records "
            "are no longer in the stream (24 h limit); lower it, or set allow_expiry: true"
        )
        yield CrossProblem(key, words, (("stream-mapping", "allow_expiry"),))


def _name_problems(config: Config) -> Problems:
    names = Names(config.environment, config.team, config.project, "us-east-1", config.account_id or _ANY_ACCOUNT)
    taken: dict[tuple[str, str], str] = {}
    if config.extra_alarms:
        taken = {("alarm", names.from_template(resource)): key for key, resource in EXTRA_ALARMS.items()}
    for key, kind, resource in named_resources(config):
        name = names.from_template(resource)
        if problem := NAME_RULES[kind].problem(name):
            parts = (("environment",), ("team",))
            yield CrossProblem((key, "resource"), f"the {kind} name {problem}", parts)
        elif (other := taken.setdefault((kind, name), key)) != key:
            words = f"the {kind} name {name!r} is already the name of {other}"
            yield CrossProblem((key, "resource"), words, ((other, "resource"),))


def named_resources(config: Config) -> list[tuple[str, str, str]]:
    """Return key, kind and configured name of every resource that is named in the config."""
    return [
        (ResourceKey.ORDERS_TABLE, "table", config.orders_table.resource),
        (ResourceKey.AUDIT_TABLE, "table", config.audit_table.resource),
        (ResourceKey.BUCKET, "bucket", config.bucket.resource),
        (ResourceKey.DEAD_LETTER_QUEUE, "queue", config.dead_letter_queue.resource),
        (ResourceKey.PROCESSOR_ROLE, "role", config.processor_role.resource),
        (ResourceKey.AUDITOR_ROLE, "role", config.auditor_role.resource),
        (ResourceKey.PROCESSOR, "function", config.processor.resource),
        (ResourceKey.AUDITOR, "function", config.auditor.resource),
        (ResourceKey.ERRORS_ALARM, "alarm", config.errors_alarm.resource),
    ]
