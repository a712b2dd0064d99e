"""Drift of every managed attribute of every resource is shown by `plan` and repaired by `up`."""

from __future__ import annotations

import tempfile
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from pipectl.commands.plan import PlanReport, plan
from pipectl.commands.up import up
from pipectl.engine.model import Action, Attributes, Change, Resource
from pipectl.errors import UnreconcilableError
from pipectl.pipeline import Pipeline
from tests.resources.direct_access import DirectAccess, narrow
from tests.resources.drift_cases import BY_KEY, BY_KIND, WANTED_EMPTY, Drift, drift_of, has_drift
from tests.support import ACCOUNT, REGION, make_world, yes


def _managed() -> dict[str, Resource]:
    """Return all resources of the config."""
    with tempfile.TemporaryDirectory() as folder:
        world = make_world(Path(folder))
        return Pipeline(world.config, world.file, SimpleNamespace(**WHERE)).resources()  # type: ignore[arg-type]


WHERE = {"region": REGION, "account_id": ACCOUNT, "partition": "aws"}
MANAGED = _managed()
EMULATOR = [pytest.mark.emulator, pytest.mark.xdist_group("drift on the emulator")]  # they share a pipeline
OF_THE_STREAM = ("orders-table", "stream-mapping")


def _case(key: str, attribute: str) -> Any:
    drift = drift_of(MANAGED[key], attribute)
    return pytest.param(key, drift, id=f"{key}:{attribute}", marks=EMULATOR if drift.emulator else [pytest.mark.moto])


CASES = [
    _case(key, attribute)
    for key, resource in MANAGED.items()
    for attribute in resource.desired({})
    if (key, attribute) not in WANTED_EMPTY and has_drift(resource, attribute)
]


def test_every_managed_attribute_has_a_case() -> None:
    """A new attribute needs a case in `drift_cases.py`."""
    missing = [
        f"{key}: {attribute}"
        for key, resource in MANAGED.items()
        for attribute in resource.desired({})
        if not has_drift(resource, attribute)
    ]
    assert missing == []
    assert all(not MANAGED[key].desired({})[attribute] for key, attribute in WANTED_EMPTY)


@pytest.mark.parametrize(("key", "drift"), CASES)
def test_drift_is_shown_and_repaired(request: pytest.FixtureRequest, key: str, drift: Drift) -> None:
    direct: DirectAccess = request.getfixturevalue("emulator_existing" if drift.emulator else "existing")
    resource = direct.resources[key]
    found = drift.do(direct, resource)

    change = _planned(direct, key)
    assert change.action is drift.action
    assert {path: delta.before for path, delta in change.attributes.items() if path in found} == found
    if drift.action in (Action.UPDATE, Action.REFUSE):
        assert change.attributes.keys() == found.keys()
    _check_wanted(change, found, resource)

    if drift.action is Action.REFUSE:
        _check_refused(direct, resource)
    else:
        up(narrow(direct.world, key, existing=True), yes)
    assert _not_kept(plan(narrow(direct.world, key, existing=True))) == {}
    if drift.action is Action.REFUSE or (drift.emulator and key in OF_THE_STREAM):
        up(direct.world.context(), yes)
        direct.delete_mappings_of_earlier_streams()


def test_no_drift_remains_after_all_cases(existing: DirectAccess) -> None:
    assert _not_kept(plan(existing.world.context())) == {}


def _planned(direct: DirectAccess, key: str) -> Change:
    (change,) = [change for change in plan(narrow(direct.world, key, existing=True)).changes if change.resource == key]
    return change


def _not_kept(report: PlanReport) -> dict[str, Any]:
    return {c.resource: (c.action, c.attributes) for c in report.changes if c.action is not Action.KEEP}


def _check_wanted(change: Change, found: dict[str, Any], resource: Resource) -> None:
    """Check that `plan` shows the desired value of each path."""
    desired = resource.desired({})
    for path in found:
        if path.endswith("role_id") or (path == "source" and resource.key == "stream-mapping"):
            continue  # chosen by AWS
        assert change.attributes[path].after == _at(desired, path)


def _at(desired: Attributes, path: str) -> Any:
    attribute, _, rest = path.partition(".")
    value = desired[attribute]
    for part in rest.rsplit(".", 1) if attribute == "indexes" else [rest] * bool(rest):
        value = value.get(part)
    return value


def _check_refused(direct: DirectAccess, resource: Resource) -> None:
    """Check that `up` changes nothing, then delete and recreate the resource."""
    direct.world.writes()
    with pytest.raises(UnreconcilableError, match=resource.name):
        up(narrow(direct.world, resource.key, existing=True), yes)
    assert direct.world.writes() == []
    observed = resource.observe()
    assert observed is not None
    resource.delete(observed, delete_data=True)
    up(narrow(direct.world, resource.key, existing=True), yes)


def test_every_case_has_a_managed_attribute() -> None:
    """A case of an attribute that is no longer managed proves nothing."""
    managed = {(resource.kind, name) for resource in MANAGED.values() for name in resource.desired({})}
    assert {(kind, name) for kind, table in BY_KIND.items() for name in table} <= managed
    for key, table in BY_KEY.items():
        assert table.keys() <= MANAGED[key].desired({}).keys()
