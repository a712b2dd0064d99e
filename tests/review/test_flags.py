"""Flags of changes."""

from __future__ import annotations

import pytest

from pipectl.engine.diff import diff
from pipectl.engine.model import Action, Change, Delta, Observation
from pipectl.review.flags import flags_of
from pipectl.review.model import FlagKind, When
from tests.support import ACCOUNT

RECOVERY = "point_in_time_recovery"


def test_recovery_that_the_change_switches_off_is_opened_and_on_is_closed() -> None:
    for before, when in ((True, When.OPENED), (False, When.CLOSED)):
        change = Change("orders-table", "table", "orders", Action.UPDATE, {RECOVERY: Delta(before, not before)})
        (flag,) = flags_of(change, Observation({RECOVERY: before}, {}), ACCOUNT)
        assert (flag.kind, flag.when, flag.attribute) == (FlagKind.DATA_LOSS, when, RECOVERY)


BLOCKS = ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets")


@pytest.mark.parametrize("found", [None, dict.fromkeys(BLOCKS, False), {BLOCKS[0]: True}, {BLOCKS[2]: True}])
def test_public_access_blocks_that_are_off_are_one_risk(found: object) -> None:
    wanted = dict.fromkeys(BLOCKS, True)
    before = {"public_access_block": found, "versioning": "Enabled", "ownership": "BucketOwnerEnforced"}
    observed = Observation({**before, "encryption": "AES256"}, {})
    deltas = diff({"public_access_block": wanted}, observed)
    change = Change("bucket", "bucket", "orders", Action.UPDATE, deltas)
    (flag,) = flags_of(change, observed, ACCOUNT)
    assert (flag.kind, flag.when, flag.attribute) == (FlagKind.UNPROTECTED, When.CLOSED, "public_access_block")
