"""The permissions boundary of the roles: managed where the config sets it, else left alone and noted."""

from __future__ import annotations

import pytest

from pipectl.commands.plan import plan
from pipectl.commands.status import State, status
from pipectl.commands.up import up
from pipectl.engine.model import Action, Change, Delta
from pipectl.errors import PipectlError
from tests.aws.fakes import client_error
from tests.recorded.cases import all_cases
from tests.resources.direct_access import ADMINISTRATOR, DirectAccess, narrow
from tests.resources.scripted import resource
from tests.support import ACCOUNT, write_config, yes

ROLE = "processor-role"
BOUNDARY = f"arn:aws:iam::{ACCOUNT}:policy/boundary"
WITH_BOUNDARY = {"permissions_boundary": "arn:aws:iam::{account_id}:policy/boundary"}


def _configure(direct: DirectAccess, values: dict[str, str]) -> None:
    write_config(direct.world.file.parent, values)


def _planned(direct: DirectAccess) -> Change:
    (change,) = plan(narrow(direct.world, ROLE)).changes
    return change


def _found(direct: DirectAccess) -> str | None:
    role = direct.iam.get_role(RoleName=direct.names.processor_role)["Role"]
    return str(role["PermissionsBoundary"]["PermissionsBoundaryArn"]) if "PermissionsBoundary" in role else None


def _bound(direct: DirectAccess, policy: str) -> None:
    direct.iam.put_role_permissions_boundary(RoleName=direct.names.processor_role, PermissionsBoundary=policy)


@pytest.fixture
def role(direct: DirectAccess) -> DirectAccess:
    """Return an account with the role alone, without a boundary."""
    up(narrow(direct.world, ROLE), yes)
    return direct


def test_a_role_has_the_boundary_from_its_first_call_on(direct: DirectAccess) -> None:
    """An account can deny CreateRole without a boundary, so that it cannot be added later."""
    _configure(direct, WITH_BOUNDARY)
    up(narrow(direct.world, ROLE), yes)
    assert _found(direct) == BOUNDARY
    assert "iam:PutRolePermissionsBoundary" not in direct.world.writes()
    assert _planned(direct).action is Action.KEEP


@pytest.mark.parametrize("before", [None, ADMINISTRATOR])
def test_another_boundary_or_none_is_a_difference(role: DirectAccess, before: str | None) -> None:
    if before:
        _bound(role, before)
    _configure(role, WITH_BOUNDARY)
    assert _planned(role).attributes == {"permissions_boundary": Delta(before, BOUNDARY)}
    role.world.writes()
    up(narrow(role.world, ROLE), yes)
    assert role.world.writes() == ["iam:PutRolePermissionsBoundary"]
    assert _found(role) == BOUNDARY


def test_without_the_key_a_boundary_is_noted_and_left_alone(role: DirectAccess) -> None:
    _configure(role, WITH_BOUNDARY)
    up(narrow(role.world, ROLE), yes)
    _configure(role, {})
    change = _planned(role)
    assert (change.action, change.attributes) == (Action.KEEP, {})
    assert BOUNDARY in str(change.reason)
    (shown,) = [each for each in status(role.world.context()).resources if each.resource == ROLE]
    assert (shown.state, shown.reason) == (State.IN_SYNC, change.reason)
    up(narrow(role.world, ROLE), yes)
    assert _found(role) == BOUNDARY


@pytest.mark.parametrize("operation", ["CreateRole", "PutRolePermissionsBoundary"])
def test_a_boundary_that_does_not_exist_is_named(role: DirectAccess, operation: str) -> None:
    _configure(role, WITH_BOUNDARY)
    (case,) = [c for c in all_cases() if (c.operation, c.name) == (operation, "absent")]
    assert case.error
    refused = client_error(case.error.code, case.error.text.replace("123456789012", ACCOUNT), case.error.status)
    bounded = resource(role, ROLE, {operation: [refused]})
    desired, observed = bounded.desired({}), bounded.observe()
    assert observed
    calls = {
        "CreateRole": lambda: bounded.create(desired),
        "PutRolePermissionsBoundary": lambda: bounded.update(desired, observed, ["permissions_boundary"]),
    }
    with pytest.raises(PipectlError, match=BOUNDARY) as raised:
        calls[operation]()
    assert "permissions_boundary" in str(raised.value.hint)
