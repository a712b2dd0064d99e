"""The health of each part of the pipeline, for its picture. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from pipectl.commands.status import ResourceStatus, State, StatusReport
from pipectl.monitoring.alarms import FiringAlarm
from pipectl.monitoring.checks import Check, Finding, Severity
from pipectl.monitoring.health import Flow, Health
from pipectl.output.diagram import AlarmLine, Diagram, Node, Part
from pipectl.output.flow_figures import FlowFigures
from pipectl.output.status_problems import STATE_LOOK
from pipectl.output.svg import Tone
from pipectl.resource_keys import LOG_GROUP_OF, ROLE_OF

TONES = {
    Severity.HEALTHY: Tone.GOOD,
    Severity.UNKNOWN: Tone.UNKNOWN,
    Severity.DEGRADED: Tone.ATTENTION,
    Severity.FAILING: Tone.BAD,
}
_STATE_TONES = {
    State.IN_SYNC: Tone.GOOD,
    State.DRIFTED: Tone.ATTENTION,
    State.MISSING: Tone.BAD,
    State.FOREIGN: Tone.BAD,
    State.UNREADABLE: Tone.UNKNOWN,
}
STATES = {state: (STATE_LOOK[state][0], tone) for state, tone in _STATE_TONES.items()}
"""The words and the colour of each state of a resource."""
_WORST_FIRST = (Tone.BAD, Tone.ATTENTION, Tone.UNKNOWN, Tone.GOOD)
_CHECKS: Mapping[Part, tuple[str, ...]] = {
    Part.STREAM_MAPPING: ("stream-mapping", "iterator-age"),
    Part.PROCESSOR: ("processor-errors", "processor-throttles"),
    Part.DEAD_LETTER_QUEUE: ("queue",),
    Part.QUEUE_MAPPING: ("queue-mapping",),
    Part.AUDITOR: ("auditor-errors", "auditor-throttles"),
    Part.AUDIT_TABLE: ("open-failures",),
}
"""The checks on each part."""

_WORDS = {("stream-mapping", Finding.PROBLEM): "last result: problem"}
"""Words for a finding whose name says too little beside the part."""


@dataclass(frozen=True)
class _Fact:
    """A state in a word or two, and its colour."""

    words: str
    tone: Tone


def with_health(plain: Diagram, report: StatusReport) -> Diagram:
    """Return a picture with the health of each part, from the checks and the drift in a report of `status`."""
    resources = {each.resource: each for each in report.resources}
    checks = {check.name: check for check in report.health.checks}
    flow = report.health.flow
    figures = _figures(flow)
    nodes = {
        part: _judged(node, list(_facts(part, resources, report.health)), figures.get(part, ()), resources.get(part))
        for part, node in plain.nodes.items()
    }
    firing = {alarm.resource: alarm for alarm in report.health.alarms}
    unreadable = checks["alarms"].finding is Finding.UNREADABLE if "alarms" in checks else False
    alarms = tuple(_alarm(line, resources.get(line.key), firing.get(line.key), unreadable) for line in plain.alarms)
    return replace(plain, nodes=nodes, alarms=alarms, failing=_failing(flow))


def _facts(part: Part, resources: Mapping[str, ResourceStatus], health: Health) -> Iterator[_Fact]:
    """Yield the states of the resources of a part, and the findings of its checks.

    For a check, a resource that is not managed is missing, too. Its own state distinguishes them.
    """
    foreign = part in resources and resources[part].state is State.FOREIGN
    for noun, key in (("", part), ("role ", ROLE_OF.get(part)), ("log group ", LOG_GROUP_OF.get(part))):
        if key is not None and (found := resources.get(key)):
            words, tone = STATES[found.state]
            yield _Fact(f"{noun}{words}", tone)
    for check in health.checks:
        if check.name in _CHECKS.get(part, ()) and not (foreign and check.finding is Finding.MISSING):
            yield _Fact(*_finding(check, health.severity_of(check)))


def _finding(check: Check, severity: Severity) -> tuple[str, Tone]:
    """Return the finding in words, and the colour of its severity, which an alarm can raise."""
    if check.finding is Finding.UNREADABLE:
        return STATES[State.UNREADABLE]
    if check.ok:
        return ("healthy" if severity is Severity.HEALTHY else "alarm fires"), TONES[severity]
    words = _WORDS.get((check.name, check.finding)) or check.finding.replace("-", " ")
    return words, TONES[severity]


def _judged(node: Node, facts: list[_Fact], figures: tuple[str, ...], found: ResourceStatus | None) -> Node:
    """Return a node with its worst state, and all others that are known not to be good."""
    if not facts:
        return node
    facts.sort(key=lambda fact: _WORST_FIRST.index(fact.tone))
    worst = facts[0].tone
    known = [fact.words for fact in facts if fact.tone in (Tone.BAD, Tone.ATTENTION)]
    words = known or [fact.words for fact in facts if fact.tone is Tone.UNKNOWN] or [facts[-1].words]
    absent = found is not None and found.state in (State.MISSING, State.UNREADABLE)
    return replace(node, tone=worst, state=", ".join(dict.fromkeys(words)), figures=figures, absent=absent)


def _figures(flow: Flow) -> Mapping[Part, tuple[str, ...]]:
    figures = FlowFigures.of(flow)
    return {
        Part.ORDERS_TABLE: (figures.written,),
        Part.STREAM_MAPPING: (figures.lag,),
        Part.PROCESSOR: (figures.stored, figures.errors),
        Part.DEAD_LETTER_QUEUE: (figures.queued,),
        Part.AUDIT_TABLE: (figures.unresolved,),
    }


def _failing(flow: Flow) -> Tone:
    """Return the colour of the way to the queue: bad when failures did not arrive in it."""
    if flow.undelivered:
        return Tone.BAD
    return Tone.ATTENTION if flow.queued else Tone.PLAIN


def _alarm(line: AlarmLine, found: ResourceStatus | None, firing: FiringAlarm | None, unreadable: bool) -> AlarmLine:
    if found and found.state is not State.IN_SYNC:
        state, tone = STATES[found.state]
        return replace(line, state=state, tone=tone)
    if firing:
        ends = firing.over or firing.unproven
        state = "firing, cause is over" if firing.over else "firing"
        return replace(line, state=state, tone=Tone.ATTENTION if ends else Tone.BAD)
    if unreadable:
        return replace(line, state="unreadable", tone=Tone.UNKNOWN)
    return replace(line, state="not firing", tone=Tone.GOOD)
