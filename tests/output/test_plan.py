"""The screens of `plan`."""

from __future__ import annotations

import pytest
from syrupy.assertion import SnapshotAssertion

from pipectl.engine.model import Delta
from pipectl.output.changes import shown_deltas
from tests.output.samples import samples_of
from tests.output.screens import printed

SAMPLES = samples_of("plan")
ALLOWED = [{"Action": [f"s3:Action{number}"], "Effect": "Allow", "Resource": ["arn:aws:s3:::*"]} for number in range(9)]


@pytest.mark.parametrize("name", SAMPLES)
def test_a_screen(name: str, snapshot: SnapshotAssertion) -> None:
    assert printed(SAMPLES[name]) == snapshot


def test_of_a_long_list_only_the_entries_are_shown_that_differ() -> None:
    [(path, before, after)] = shown_deltas({"policies.p": Delta(ALLOWED[:4] + ALLOWED[5:], ALLOWED)})
    assert path == "policies.p (besides 8 equal)"
    assert before == "[]"
    assert after == '[{"Action": ["s3:Action4"], "Effect": "Allow", "Resource": ["arn:aws:s3:::*"]}]'


@pytest.mark.parametrize(("before", "after"), [(ALLOWED[::-1], ALLOWED), (None, ALLOWED), (["a"], ["a", "b"])])
def test_other_values_are_shown_whole_or_cut(before: object, after: object) -> None:
    assert [path for path, *_ in shown_deltas({"policies.p": Delta(before, after)})] == ["policies.p"]
