"""A first `up` beside its critical path."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

from bench.report import Figure, Section

LIMIT = 1.05
TEXT = (
    "A first `up` on a simulated AWS with a virtual clock, beside the earliest moment at which AWS lets it end. That "
    "is the longest chain of calls and states, computed from the delays alone (`tests/faults/critical_path.py`), as "
    "if every retry arrived when AWS begins to accept it. Others measured the delays on AWS "
    "(`tests/faults/aws_delays.py`). Calm: each call takes 30 to 200 ms, and is accepted and done at once. Slow IAM: "
    "a new role is unknown to Lambda for 10.6 s, its policy to mappings for 13 s. Slowest: each delay as long as it "
    "was seen, and reads that lag."
)


def sections() -> Iterator[Section]:
    """Run `up` once in each situation: a virtual clock has no noise. The tests are imported here, as in `calls`."""
    from tests.faults.critical_path import SITUATIONS, chain, earliest_end
    from tests.faults.test_critical_path import seconds_of_up

    os.environ.setdefault("AWS_ACCOUNT_ID_ENDPOINT_MODE", "disabled")
    figures, chains = [], []
    for name, situation in SITUATIONS.items():
        with tempfile.TemporaryDirectory() as folder:
            seconds = seconds_of_up(situation, Path(folder))
        figures.append(Figure(f"first up, {name}", seconds, earliest_end(situation), "s", "critical path", LIMIT))
        chains.append(f"- {name}: {' > '.join(chain(situation))}")
    yield Section("First up and its critical path", "\n".join([TEXT, "", *chains]), figures=figures)
