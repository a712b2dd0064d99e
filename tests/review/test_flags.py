"""Flags of changes."""

from __future__ import annotations

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
