"""Facts, unknown values and the defaults of a resource."""

from __future__ import annotations

import pytest

from pipectl.engine.model import UNKNOWN, Facts, Observation, Resource, facts_of
from tests.engine.fakes import Account, FakeFacts, FakeResource


def test_facts_are_read_as_their_class() -> None:
    assert Observation({}, {}, FakeFacts("a")).facts_as(FakeFacts).id == "a"
    assert facts_of({"table": FakeFacts("a")}, "table", FakeFacts) == FakeFacts("a")


def test_facts_that_are_not_known_are_none() -> None:
    assert facts_of({}, "table", FakeFacts) is None
    assert facts_of({"table": Facts()}, "table", FakeFacts) is None


def test_facts_of_another_class_are_a_mistake_of_the_caller() -> None:
    with pytest.raises(TypeError):
        Observation({}, {}).facts_as(FakeFacts)


def test_an_unknown_value_is_the_same_in_both_forms() -> None:
    assert repr(UNKNOWN) == str(UNKNOWN) == "(known after apply)"


def test_a_resource_has_no_data_and_no_replacement_by_default() -> None:
    resource = FakeResource(Account(), "table")
    observed = Observation({}, {})
    assert Resource.contents(resource, observed) is None
    assert Resource.data_loss_reason(resource, {}) is None
    with pytest.raises(NotImplementedError):
        Resource.replace(resource, {}, observed)
