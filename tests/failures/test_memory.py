"""Memory does not grow with the number of failures: runs over 100,000 failures, each in a separate process.

A whole replay of them takes half a minute: `bench/replay.py` measures that.
"""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest

from tests.failures.hundred_thousand import COUNT
from tests.support import ROOT, THOROUGH

MOST_MB = 150


def run(act: str) -> dict[str, Any]:
    command = [sys.executable, "-m", "tests.failures.hundred_thousand", act]
    finished = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    did: dict[str, Any] = json.loads(finished.stdout)
    return did


@pytest.mark.parametrize(
    ("act", "did"),
    [
        ("preview", {"failures": 10_000, "more": True}),
        # `audit stats` goes through the same failures in test_audit
        *([("iterate", {"failures": COUNT})] if THOROUGH else []),
    ],
)
def test_memory_does_not_grow_with_a_hundred_thousand_failures(act: str, did: dict[str, Any]) -> None:
    found = run(act)
    assert found.items() >= did.items()
    assert found["peak_mb"] < MOST_MB
