"""Policies on the page of `report`, in words: who may do what on which resource. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from pipectl.commands.report import Permissions, Report
from pipectl.commands.status import ResourceStatus, State
from pipectl.config.physical import PhysicalNames
from pipectl.resource_keys import ResourceKey
from pipectl.review.statements import Here, Spoken, is_statement, sentence

_ATTRIBUTES = ("policy", "policies", "trust", "attached_policies")

_HOLDERS = (
    *(ResourceKey.PROCESSOR_ROLE, ResourceKey.AUDITOR_ROLE, ResourceKey.BUCKET, ResourceKey.DEAD_LETTER_QUEUE),
    *(ResourceKey.PROCESSOR, ResourceKey.AUDITOR),
)
_FUNCTIONS = (ResourceKey.PROCESSOR, ResourceKey.AUDITOR)


@dataclass(frozen=True)
class Sentence:
    """A statement: ``who`` ``verb`` ``actions`` ``rest``; of an unusual statement only the JSON text."""

    who: str = ""
    verb: str = ""
    actions: tuple[str, ...] = ()
    rest: str = ""
    sid: str = ""
    unusual: str = ""


@dataclass(frozen=True)
class Policy:
    """A policy by its name, in sentences."""

    title: str
    sentences: tuple[Sentence, ...]


@dataclass(frozen=True)
class Holder:
    """A resource that has policies.

    Args:
        resource: Its key.
        name: Its physical name.
        policies: Its policies.
        attached: Managed policies that are attached to it.
        differs: They differ from the config.
    """

    resource: str
    name: str
    policies: tuple[Policy, ...]
    attached: tuple[str, ...]
    differs: bool


def holders(report: Report) -> list[Holder]:
    """Return the resources with policies that could be read."""
    here = _here(report)
    status = {each.resource: each for each in report.status.resources}
    return [_holder(each, here, status.get(each.resource)) for each in report.permissions]


def unread(report: Report) -> Iterator[str]:
    """Yield sentences about the resources whose policies are not shown."""
    found = {each.resource for each in report.permissions}
    states = {each.resource: each.state for each in report.status.resources if each.resource not in found}
    for state, words in ((State.UNREADABLE, "Cannot be read"), (State.MISSING, "Missing")):
        if names := [key for key in _HOLDERS if states.get(key) is state]:
            yield f"{words}: {', '.join(names)}."


def _here(report: Report) -> Here:
    """Return the names of the pipeline's resources by ARN, so that sentences are short."""
    names, physical = report.names, PhysicalNames.of(report.config, report.names)
    others = {
        names.table_arn(physical.orders_table): ResourceKey.ORDERS_TABLE,
        names.table_arn(physical.audit_table): ResourceKey.AUDIT_TABLE,
        names.bucket_arn(physical.bucket): ResourceKey.BUCKET,
        names.queue_arn(physical.queue): ResourceKey.DEAD_LETTER_QUEUE,
        names.function_arn(physical.processor): ResourceKey.PROCESSOR,
        names.function_arn(physical.auditor): ResourceKey.AUDITOR,
        names.log_group_arn(physical.processor_log_group): ResourceKey.PROCESSOR_LOG_GROUP,
        names.log_group_arn(physical.auditor_log_group): ResourceKey.AUDITOR_LOG_GROUP,
    }
    return Here(others={arn: str(key) for arn, key in others.items()})


def _holder(found: Permissions, here: Here, status: ResourceStatus | None) -> Holder:
    policies = tuple(
        Policy(_title(found.resource, name), tuple(_sentences(found.resource, statements, here)))
        for name, statements in found.policies.items()
    )
    paths = {path.partition(".")[0] for path in status.drift} if status else set()
    return Holder(found.resource, found.name, policies, found.attached, not paths.isdisjoint(_ATTRIBUTES))


def _title(resource: str, name: str) -> str:
    if resource in _FUNCTIONS and name != "policy":
        return f"Policy of {name}, not in the config"
    return {"trust": "Who may assume the role", "policy": "Policy of the resource"}.get(name, f"Policy {name}")


def _sentences(resource: str, statements: Sequence[object], here: Here) -> Iterator[Sentence]:
    for each in statements:
        if not is_statement(each):
            yield Sentence(unusual=sentence(each, here))
            continue
        spoken = Spoken.of(each, here)
        who = {"*": "Everybody", "": resource}.get(spoken.who, spoken.who)
        verb = "may" if spoken.effect == "Allow" else "may not"
        if spoken.who == "*" and spoken.effect != "Allow":
            who, verb = "Nobody", "may"
        yield Sentence(who, verb, spoken.actions, f"{spoken.on} {spoken.condition}".strip(), spoken.sid.strip('"'))
