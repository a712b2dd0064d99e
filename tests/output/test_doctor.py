"""The screens of `doctor`."""

from __future__ import annotations

import pytest
from syrupy.assertion import SnapshotAssertion

from pipectl.diagnosis import Finding
from pipectl.output import doctor
from tests.output.samples import samples_of
from tests.output.screens import document, printed

SAMPLES = samples_of("doctor")


@pytest.mark.parametrize("name", SAMPLES)
def test_a_screen(name: str, snapshot: SnapshotAssertion) -> None:
    assert printed(SAMPLES[name]) == snapshot


def test_every_finding_has_words_and_a_sample() -> None:
    checks = [check for name in ("doctor", "doctor problems") for check in document(SAMPLES[name])["checks"]]
    shown = {check["finding"] for check in checks}
    assert shown == {*Finding} == {*doctor._TEXTS}
