"""The time of a first `up`, on a virtual clock, beside the earliest moment at which AWS lets it end."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipectl.commands.up import up
from tests.faults.account import simulated_account
from tests.faults.aws_delays import CHANGING
from tests.faults.clock import VirtualClock
from tests.faults.critical_path import SITUATIONS, Situation, chain, earliest_end
from tests.faults.faulty_aws import FaultyAws
from tests.support import yes

LIMIT = 1.05


def seconds_of_up(situation: Situation, folder: Path) -> float:
    """Run a first `up` in a situation. Return its seconds on the virtual clock."""
    clock = VirtualClock()
    faulty = FaultyAws(clock, refused=situation.refused, changing=situation.changing, lags=situation.lags)
    with simulated_account(folder, faulty) as here:
        up(here.world.context(), yes)
        return clock.monotonic()


@pytest.mark.parametrize("name", ["slow IAM", "slowest"])
def test_a_first_up_ends_within_a_twentieth_of_the_critical_path(name: str, tmp_path: Path) -> None:
    situation = SITUATIONS[name]
    assert seconds_of_up(situation, tmp_path) <= LIMIT * earliest_end(situation), chain(situation)


def test_up_ends_when_the_function_is_active_although_its_mapping_exists_earlier(tmp_path: Path) -> None:
    clock = VirtualClock()
    faulty = FaultyAws(clock, refused={}, changing={"function": CHANGING["function"]}, lags=False)
    with simulated_account(tmp_path, faulty) as here:
        report = up(here.world.context(), yes)
    spans = {span.resource: span for span in report.timeline.spans}
    processor, mapping = spans["processor"], spans["stream-mapping"]
    assert processor.ready is not None
    assert processor.ready <= mapping.start < mapping.end < processor.end
    assert [wait.what for wait in processor.waits] == ["function dev-order-processor-lambda-backend to become Active"]
    assert 4 < processor.end - processor.start < 5


def test_the_critical_path_goes_through_the_role_its_policy_and_the_mapping() -> None:
    names = [step.rpartition(" ")[0].rpartition(" ")[0] for step in chain(SITUATIONS["slowest"])]
    assert names[-4:] == ["processor-role", "processor-policy", "processor-mapping", "processor-mapping Enabled"]


def test_the_earliest_end_is_the_sum_of_what_was_measured() -> None:
    policy = 0.05 + 0.1 + 0.2 + 2  # the account, the reads, CreateRole, and until IAM's readers know the role
    assert earliest_end(SITUATIONS["slowest"]) == pytest.approx(policy + 13 + 1.5)
    assert earliest_end(SITUATIONS["slow IAM"]) == pytest.approx(policy + 13 + 0.1)
    assert earliest_end(SITUATIONS["calm"]) == pytest.approx(0.05 + 0.1 + 0.2 + 4 * 0.1)
