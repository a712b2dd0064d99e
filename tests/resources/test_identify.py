"""`identify` agrees with `observe` on existence, owner and facts, for fewer calls."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from pipectl.aws.calls import Call
from pipectl.engine.model import Observation
from pipectl.facts import FunctionFacts, QueueFacts
from tests.resources.direct_access import DirectAccess
from tests.resources.standard import OTHER_TAGS
from tests.resources.unmanaged import KEYS, replace_tags
from tests.support import FakeClock, make_world

PAGE = 50
"""Log groups in one answer."""


def known(found: Observation | None) -> Observation | None:
    """Return what `identify` reads: no live version, no count of messages, and few attributes."""
    if found is None:
        return None
    facts = found.facts
    if isinstance(facts, FunctionFacts):
        facts = FunctionFacts(None, held=facts.held)
    if isinstance(facts, QueueFacts):
        facts = replace(facts, messages=None)
    return Observation({}, found.tags, facts, found.unmanageable, found.takes_over_untagged)


@pytest.mark.parametrize("owner", ["managed", "other"])
def test_it_agrees_with_observe(existing: DirectAccess, owner: str) -> None:
    context = existing.world.context()
    before = {key: found.tags for key, found in context.observe().items() if found}
    if owner == "other":
        for key in KEYS:
            replace_tags(existing, existing.resources[key], OTHER_TAGS)
    try:
        calls = existing.world.calls
        calls.clear()
        observed, of_observe = context.observe(), len(calls)
        calls.clear()
        identified, of_identify = context.identify(), len(calls)
    finally:
        if owner == "other":
            for key in KEYS:
                replace_tags(existing, existing.resources[key], before[key])
    assert {key: known(found) for key, found in identified.items()} == {
        key: known(found) for key, found in observed.items()
    }
    assert of_identify < of_observe


def test_attributes_that_it_reads_are_those_of_observe(existing: DirectAccess) -> None:
    context = existing.world.context()
    observed = context.observe()
    for key, found in context.identify().items():
        whole = observed[key]
        assert found
        assert whole
        for name, value in found.attributes.items():
            read = whole.attributes[name]
            assert (list(value), list(read)) if name == "policies" else (value, read) == (read, read), f"{key} {name}"


def test_absent_resources_are_absent_for_both(existing: DirectAccess, tmp_path: Path) -> None:
    del existing  # moto
    context = make_world(tmp_path, {"environment": "absent"}, clock=FakeClock()).context()
    assert context.observe() == context.identify() == dict.fromkeys(context.resources)


@pytest.mark.parametrize("neighbours", [0, PAGE])
def test_log_groups_among_many_of_their_prefix(existing: DirectAccess, neighbours: int) -> None:
    """moto has no pages of 50, as AWS has."""

    def in_pages(call: Call, params: Mapping[str, Any], send: Any) -> Any:
        answer = send()
        if call.operation == "DescribeLogGroups":
            extra = [{"logGroupName": f"{params['logGroupNamePrefix']}{number}"} for number in range(neighbours)]
            groups = sorted([*answer["logGroups"], *extra], key=lambda group: str(group["logGroupName"]))
            answer["logGroups"] = groups[:PAGE]
            if groups[PAGE:] and "nextToken" not in params:
                answer["nextToken"] = "next"
            elif "nextToken" in params:
                answer["logGroups"] = groups[PAGE:]
        return answer

    world = existing.world
    attempt, world.aws.attempt = world.aws.attempt, in_pages
    try:
        found = world.context().observe(["processor-log-group", "auditor-log-group"])
    finally:
        world.aws.attempt = attempt
    assert all(found.values())
