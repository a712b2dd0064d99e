"""A bucket with 100,000 versions deleted, and commands over up to 100,000 failures.

The AWS is a fake that counts what is read of it: `tests/resources/many_versions.py` and
`tests/failures/large_pipeline.py`. Each measurement of memory runs in a process of its own.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

from tests.failures.large_pipeline import LargeContext, LargePipeline
from tests.faults.clock import VirtualClock
from tests.resources.many_versions import DELETE_SECONDS, LIST_SECONDS, OWNED, ManyVersions
from tests.resources.test_emptying import LAYOUTS

from bench.report import Chart, Count, Figure, Points, Section
from pipectl.commands.audit import audit_list
from pipectl.commands.audit_stats import audit_stats
from pipectl.commands.trace import trace
from pipectl.commands.verify import verify
from pipectl.failures.audit_table import UNRESOLVED_ONES
from pipectl.resources.emptying import empty

ROOT = Path(__file__).parent.parent
VERSIONS = 100_000
AT_ONCE, BATCH = 8, 1000
SLOWEST = 1.3
"""Largest wanted ratio of the time to that of the calls that delete."""
SIZES = (1, 10, 100, 1_000, 10_000, 100_000)
BUCKETS = (1_000, 10_000, 100_000, 1_000_000)
Measured = dict[str, float]

ACTS: dict[str, Callable[[LargePipeline], object]] = {
    "audit list": lambda found: audit_list(LargeContext.of(found), UNRESOLVED_ONES, limit=20),
    "audit stats": lambda found: audit_stats(LargeContext.of(found), found.present - timedelta(days=7)),
    "trace of a stored order": lambda found: trace(LargeContext.of(found), f"order-{found.records - 1}"),
    "trace of a failed order": lambda found: trace(LargeContext.of(found), f"order-{found.failed[-1]}"),
    "verify": lambda found: verify(LargeContext.of(found), found.present - timedelta(hours=24)),
}


def sections() -> Iterator[Section]:
    """Measure on a virtual clock, and count."""
    yield _emptying()
    yield _commands()


def _emptying() -> Section:
    figures, counts = [], []
    ideal = VERSIONS / BATCH * DELETE_SECONDS / AT_ONCE
    for name, layout in LAYOUTS.items():
        found = ManyVersions(VirtualClock(), map(layout, range(VERSIONS)))
        empty(found.aws, OWNED)
        if found.left:
            raise RuntimeError(f"{len(found.left)} versions are left")
        seconds = found.clock.monotonic()
        figures.append(Figure(name, seconds, ideal, "s", "its calls to delete, 8 at once", SLOWEST))
        counts.append(Count(f"ListObjectVersions: {name}", found.calls["ListObjectVersions"]))
    memory = [(float(size), _measured("empty", size)["megabytes"]) for size in BUCKETS]
    return Section(
        f"down --delete-data of a bucket with {VERSIONS:,} versions",
        f"A page of 1,000 versions is listed in {LIST_SECONDS} s and deleted in {DELETE_SECONDS} s, on a virtual clock:"
        " 100 calls that delete take 9.4 s when 8 run at once, and 100 calls that list take 15 s one after the other."
        " The layouts are those of the pipeline, and others.",
        figures,
        counts,
        [Chart("Memory of emptying a bucket", "versions", "MB more than before", {"emptying": memory})],
    )


def _commands() -> Section:
    measured = {name: {size: _measured(name, size) for size in SIZES} for name in ACTS}

    def points(value: str) -> dict[str, Points]:
        return {
            name: [(float(size), max(found[value], 0.01)) for size, found in by_size.items()]
            for name, by_size in measured.items()
        }

    return Section(
        "audit list, audit stats, verify and trace over 1 to 100,000 failures",
        "Every second record of the stream failed, is quarantined, and has an open failure. An audit item has 2 KB, a"
        " page 1 MB. `audit list` reads 200 failures for its summary, with their objects for the causes."
        " `verify` reads the whole stream and lists each key once; `trace` reads the shards of one line. Each open"
        " shard answers up to 100 empty pages at its end, which are most of the calls where there are few records.",
        charts=[
            Chart("Calls", "failures", "calls", points("calls")),
            Chart("Audit items read", "failures", "items", points("items")),
            Chart("Computing time", "failures", "CPU s", points("seconds")),
            Chart("Memory", "failures", "MB more than before", points("megabytes")),
        ],
    )


def _measured(name: str, size: int) -> Measured:
    """Measure one act in a new process."""
    command = [sys.executable, "-m", "bench.large", name, str(size)]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    found: Measured = json.loads(run.stdout)
    return found


def _measure(name: str, size: int) -> Measured:
    act = _prepared(name, size)
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")  # the peak begins with the present size
    before, started = _status("VmRSS"), resource.getrusage(resource.RUSAGE_SELF)
    read = act()
    used = resource.getrusage(resource.RUSAGE_SELF)
    seconds = used.ru_utime + used.ru_stime - started.ru_utime - started.ru_stime
    return {"megabytes": max(_status("VmHWM") - before, 0.1), "seconds": seconds, **read}


def _prepared(name: str, size: int) -> Callable[[], Measured]:
    if name == "empty":
        bucket = ManyVersions(VirtualClock(), map(LAYOUTS["objects of one day"], range(size)))
        bucket.remembers = False

        def act_on_bucket() -> Measured:
            empty(bucket.aws, OWNED)
            return {}

        return act_on_bucket
    pipeline = LargePipeline(size * 2, size)
    pipeline.quarantined()

    def act() -> Measured:
        ACTS[name](pipeline)
        return {"calls": pipeline.read.calls.total(), "items": pipeline.read.items}

    return act


def _status(name: str) -> float:
    """Return an amount of memory of this process in MB."""
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    (line,) = (line for line in lines if line.startswith(f"{name}:"))
    return int(line.split()[1]) / 1024


if __name__ == "__main__":
    print(json.dumps(_measure(sys.argv[1], int(sys.argv[2]))))
