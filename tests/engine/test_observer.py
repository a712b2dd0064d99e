"""Observing through an API that is eventually consistent."""

from __future__ import annotations

import signal
import threading

import pytest

from pipectl.engine.model import Observation
from pipectl.engine.observer import observe, observe_consistently
from pipectl.errors import AbsentError, AwsError
from tests.engine.fakes import TAGS, Account, FakeResource, Late, denied, put
from tests.engine.shop import consistency
from tests.support import PATIENCE, FakeClock


def test_a_resource_that_cannot_be_read_is_never_taken_for_absent() -> None:
    class Unreadable(FakeResource):
        def observe(self) -> Observation | None:
            raise denied(self.key)

    results = observe({"table": Unreadable(Account(), "table")}, consistency())
    assert results.done == {}
    assert isinstance(results.failed["table"], AwsError)
    assert results.failed["table"].resource == "table"


def test_ctrl_c_while_reading_is_recorded_although_everything_was_read() -> None:
    noticed = threading.Event()

    class Slow(FakeResource):
        def observe(self) -> Observation | None:
            signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)
            assert noticed.wait(PATIENCE)
            return None

    assert observe({"table": Slow(Account(), "table")}, consistency(), noticed.set).interrupted


def test_a_part_that_aws_does_not_report_yet_is_read_again() -> None:
    resource = Late(Account(), "role")
    resource.part_absent = True
    put(resource)
    assert observe_consistently(resource, consistency()) is not None


def test_a_part_that_stays_absent_does_not_make_the_whole_absent() -> None:
    resource, clock = Late(Account(), "role"), FakeClock()
    resource.part_absent, resource.looks = True, 1000
    with pytest.raises(AbsentError):
        observe_consistently(resource, consistency(clock))
    assert clock.seconds == pytest.approx(60)


def test_a_resource_whose_tags_appear_late_is_read_until_they_do() -> None:
    resource = FakeResource(Account(), "table")
    put(resource, tags={})

    class TagsAppear(FakeClock):
        def sleep(self, seconds: float) -> None:
            super().sleep(seconds)
            if self.seconds > 1:
                put(resource)

    clock = TagsAppear()
    observed = observe_consistently(resource, consistency(clock))
    assert observed is not None
    assert observed.tags == TAGS
    assert 1 < clock.seconds < 5


def test_a_resource_without_tags_is_read_again_for_a_few_seconds() -> None:
    resource, clock = FakeResource(Account(), "table"), FakeClock()
    put(resource, tags={})
    assert observe_consistently(resource, consistency(clock)) is not None
    assert clock.seconds == pytest.approx(5)
