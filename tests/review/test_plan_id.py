"""The id of a plan: equal for equal plans in every process, and another one for every single difference."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from pipectl.engine.model import UNKNOWN, Action, Attributes, Change, Delta, Facts, Observation, Resource
from pipectl.engine.planner import decide
from pipectl.facts import TableFacts
from pipectl.pipeline import Pipeline
from pipectl.review.model import Flag, FlagKind, Review, When
from pipectl.review.plan_id import LENGTH, Place, canonical, is_plan_id, plan_id
from tests.support import ACCOUNT, REGION, make_world

PLACE = Place(ACCOUNT, REGION, "dev")
CHANGE = Change("processor", "function", "dev-processor", Action.UPDATE, {"memory": Delta(128, 256)})
FOUND = Observation({"memory": 128, "timeout": 60}, {})


def id_of(change: Change = CHANGE, found: Observation | None = FOUND, *flags: Flag, place: Place = PLACE) -> str:
    return plan_id(place, [Review(change, flags)], {change.resource: found})


def others(value: Any) -> Iterator[Any]:
    """Yield values that differ from a value in exactly one place."""
    if isinstance(value, Mapping):
        for key in value:
            yield {name: each for name, each in value.items() if name != key}
            yield from ({**value, key: each} for each in others(value[key]))
        yield {**value, "more": 1}
    elif isinstance(value, list):
        for index, member in enumerate(value):
            yield value[:index] + value[index + 1 :]
            yield from ([*value[:index], each, *value[index + 1 :]] for each in others(member))
        yield [*value, "more"]
    else:
        yield not value if isinstance(value, bool) else value + 1 if isinstance(value, int | float) else f"{value}x"


def planned(resource: Resource, desired: Attributes, observed: Attributes, ownership: Mapping[str, str]) -> str:
    attributes = {key: each for key, each in observed.items() if key != "tags"}
    found = Observation(attributes, observed["tags"], TableFacts("arn") if resource.kind == "table" else Facts())
    change = decide(resource, desired, found, ownership, adopt=[resource.key], accept_loss=True)
    return id_of(change, found)


def test_every_difference_of_every_attribute_and_tag_makes_another_id(pipeline: Pipeline) -> None:
    compared = 0
    for resource in pipeline.resources().values():
        wanted = resource.desired({})
        same = planned(resource, wanted, resource.desired({}), pipeline.ownership)
        for other in others(wanted):
            if other.keys() != wanted.keys():
                continue  # all attributes are always observed
            ids = [same, planned(resource, wanted, other, pipeline.ownership)]
            if other["tags"].keys() == wanted["tags"].keys():  # a tag that the config no longer has is left alone
                ids.append(planned(resource, other, wanted, pipeline.ownership))
            elif other["tags"].keys() > wanted["tags"].keys():  # a tag that others added is left alone, too
                continue
            assert len(set(ids)) == len(ids), (resource.key, other)
            compared += 1
    assert compared > 300


@pytest.mark.parametrize("field", ["account_id", "region", "environment", "version"])
def test_every_part_of_the_place_makes_another_id(field: str) -> None:
    assert id_of(place=replace(PLACE, **{field: "other"})) != id_of()


def test_every_part_of_a_change_makes_another_id() -> None:
    changes = [
        CHANGE,
        replace(CHANGE, resource="auditor"),
        replace(CHANGE, kind="other"),
        replace(CHANGE, name="prod-processor"),
        replace(CHANGE, action=Action.REPLACE),
        replace(CHANGE, attributes={}),
        replace(CHANGE, attributes={"memory": Delta(128, UNKNOWN)}),
        replace(CHANGE, attributes={"memory": Delta(128, str(UNKNOWN))}),
        replace(CHANGE, attributes={"memory": Delta(128, None)}),
    ]
    unmanaged = [replace(FOUND, unmanaged={"vpc": name}) for name in ("a", "b")]
    flags = [Flag(FlagKind.EVERYBODY, when, "anybody may read", "policy") for when in When]
    ids = [*map(id_of, changes), *(id_of(CHANGE, found) for found in unmanaged), id_of(CHANGE, None)]
    ids += [id_of(CHANGE, FOUND, flag) for flag in flags]
    assert len(set(ids)) == len(ids)
    assert all(len(each) == LENGTH and is_plan_id(each) for each in ids)


def test_the_order_in_which_aws_reports_unmanaged_settings_does_not_matter() -> None:
    statements = [{"Principal": "*", "Action": ["a", "b"]}, {"Action": ["a"]}]
    orders = [statements, [statements[1], {"Action": ["b", "a"], "Principal": "*"}]]
    flags = [Flag(FlagKind.EVERYBODY, When.STAYS, reason) for reason in ("one", "other")]
    ids = [
        id_of(CHANGE, replace(FOUND, unmanaged={"policies": {"LATEST": order}}), *given)
        for order, given in zip(orders, (flags, flags[::-1]), strict=True)
    ]
    assert ids[0] == ids[1]


def test_words_that_hold_times_and_facts_are_no_part_of_the_id() -> None:
    note = "paused since 2026-01-01T00:00:00Z"
    assert id_of(replace(CHANGE, reason=note), replace(FOUND, note=note, tags={"Seen": "today"})) == id_of()


def test_a_difference_that_begins_by_itself_is_no_part_of_the_id() -> None:
    before = replace(FOUND, passing={"age": 12})
    begun = replace(FOUND, attributes={**FOUND.attributes, "age": -1}, passing={"age": 12})
    kept, flag = replace(CHANGE, action=Action.KEEP, attributes={}), Flag(FlagKind.DATA_LOSS, When.OPENED, "x", "age")
    restored = replace(kept, action=Action.UPDATE, attributes={"age": Delta(-1, 12)})
    assert id_of(kept, before) == id_of(restored, begun) == id_of(restored, begun, flag)
    other = replace(begun, passing={"age": 13})
    assert id_of(restored, other) != id_of(restored, begun)
    with_more = replace(restored, attributes={**restored.attributes, "memory": Delta(128, 256)})
    assert id_of(with_more, begun) != id_of(restored, begun)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"a": 1, "b": 2}, {"b": 2, "a": 1}),
        ({"x", "y", "z"}, {"z", "y", "x"}),
        ((1, 2), [1, 2]),
        (5, 5.0),
        (Action.KEEP, "keep"),
        (0, -0.0),
    ],
)
def test_equal_values_have_equal_forms(one: object, other: object) -> None:
    assert canonical(one) == canonical(other)


def test_different_values_have_different_forms() -> None:
    moment = datetime(2026, 1, 1, tzinfo=UTC)
    values: list[object] = [None, False, True, 0, 1, "", "1", "None", [], {}, set(), [[]], [{}], UNKNOWN, [UNKNOWN]]
    values += [0.1, 0.2, 10**20, float("inf"), moment, "2026-01-01T00:00:00Z", ["unknown"], ["list"], "é", "e\u0301"]
    values += [{"a": "b"}, [["a", "b"]], {"a"}, ["a"], ["mapping", ["a", "b"]], "(known after apply)", {"1": 1}, {1: 1}]
    assert len({canonical(each) for each in values}) == len(values)


def test_a_value_of_an_unknown_kind_is_refused() -> None:
    with pytest.raises(TypeError, match="object"):
        canonical({"a": [object()]})


@pytest.mark.parametrize("text", ["", "3f2a91c07b4", "3f2a91c07b4e0", "3F2A91C07B4E", "3f2a91c07b4g", "3f2a91c07b4e\n"])
def test_only_a_whole_id_is_one(text: str) -> None:
    assert not is_plan_id(text)
    assert is_plan_id("3f2a91c07b4e")


SCRIPT = """
import sys
from pathlib import Path
from types import SimpleNamespace
from pipectl.config.loading import load
from pipectl.engine.planner import plan_up
from pipectl.facts import TableFacts
from pipectl.pipeline import Pipeline
from pipectl.review.model import Review
from pipectl.review.plan_id import Place, plan_id
file = Path(sys.argv[1])
made = Pipeline(load(file), file, SimpleNamespace(region="us-east-1", account_id="123456789012", partition="aws"))
planned = plan_up(made.resources(), dict.fromkeys(made.resources()), made.ownership)
print(plan_id(Place("123456789012", "us-east-1", "dev"), [Review(each) for each in planned.changes], planned.observed))
"""


@pytest.mark.slow
def test_the_id_is_equal_in_every_process_and_checkout(tmp_path: Path) -> None:
    ids = set()
    for seed in ("1", "2"):
        (folder := tmp_path / seed).mkdir()
        file = make_world(folder).file
        environment = {**os.environ, "PYTHONHASHSEED": seed}
        run = subprocess.run([sys.executable, "-c", SCRIPT, file], env=environment, capture_output=True, text=True)
        assert run.returncode == 0, run.stderr
        ids.add(run.stdout.strip())
    (found,) = ids
    assert is_plan_id(found)
