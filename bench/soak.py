"""Soak: orders through the whole chain on the local emulator.

    python -m bench soak        # SOAK_ORDERS=2000 for fewer than 100,000

1 % of the orders are invalid. Functions are executed and IAM is enforced. The commands of pipectl run as on the command
line. Figures of memory need Linux.
"""

from __future__ import annotations

import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict
from itertools import takewhile
from pathlib import Path
from typing import Any

from tests.e2e.mending import RULES

from bench.report import Count, Figure, Section
from bench.soaked_orders import Outcome, SoakedOrders, outcome
from pipectl.aws.client import Aws, Credentials
from pipectl.config.loading import load
from pipectl.context import Context
from pipectl.failures.explanation import MOST_EXPLAINED
from pipectl.local import lifecycle
from pipectl.local.home import REGION, LocalEmulator
from pipectl.output.console import Screen

ROOT = Path(__file__).parents[1]
CONFIG = ROOT / "config" / "dev.yaml"
DEFAULT_ORDERS = 100_000
PUTS = 2000
WRITERS = 16
"""Threads of the reference, as of the processor."""
_MEASURE = """
import resource, subprocess, sys
code = subprocess.call(sys.argv[1:])
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss, file=sys.stderr)
sys.exit(code)
"""
"""Runs a command and prints its peak memory in KB. On Linux the peak of a new process starts with that of its parent,
which has to be small, therefore."""
SECONDS_PER_ORDER = 0.1
"""The time for which the bench waits before it fails."""


class Soak:
    """A pipeline on a local emulator, and what was measured."""

    def __init__(self, server: LocalEmulator, folder: Path, count: int) -> None:
        self.server, self.folder, self.count = server, folder, count
        credentials = Credentials(**server.credentials())
        self.aws = Aws(REGION, endpoint_url=server.endpoint_url, credentials=credentials)
        config = load(CONFIG)
        names = Context(config, CONFIG, self.aws, Screen(quiet=True).progress).pipeline.physical
        self.orders = SoakedOrders(self.aws, names, count)
        self.seconds: dict[str, float] = {}
        self.busy: dict[str, float] = {}
        """Processor time of the emulator by phase, without that of the functions."""
        self.memory: dict[str, float] = {}
        """Peak memory in MB: of the emulator at the end of each phase, of pipectl in each command."""
        self.puts: list[float] = []

    def run(self) -> tuple[Outcome, Outcome, dict[str, Any]]:
        """Run all phases. Return the state before and after the replay, and the JSON of `pipectl verify`."""
        with self._phase("up"):
            self.pipectl("up", "--yes")
        self._put_alone()
        with self._phase("write"):
            self.orders.write()
        with self._phase("settle"):
            self.orders.wait_until_settled(60 + self.count * SECONDS_PER_ORDER)
        self._put_alone()
        with self._phase("check"):
            before = outcome(self.orders, replayed=False)
        with self._phase("audit list"):
            self.listed = self._listed()
        with self._phase("fix"):
            self.fix()
        with self._phase("replay-dlq"):
            self.replayed = self.pipectl("replay-dlq", "--yes")
        with self._phase("verify"):
            verified = self.pipectl("verify")
        self.orders.wait_until_settled(60)
        with self._phase("check again"):
            after = outcome(self.orders, replayed=True)
        self.unresolved = len(self.pipectl("audit", "list")["failures"])
        return before, after, verified

    def pipectl(self, *words: str) -> dict[str, Any]:
        """Run a command of pipectl; return its JSON."""
        command = [sys.executable, "-m", "pipectl", "-c", str(self.config), "--local", "-q", "-o", "json", *words]
        environment = {**os.environ, "PIPECTL_HOME": str(self.server.home)}
        with tempfile.TemporaryFile("w+") as output:
            measured = subprocess.run(
                [sys.executable, "-c", _MEASURE, *command], env=environment, stdout=output, stderr=subprocess.PIPE
            )
            output.seek(0)
            text = output.read()
        name = f"pipectl {' '.join(takewhile(lambda word: not word.startswith('-'), words))}"
        *errors, kilobytes = measured.stderr.decode().splitlines()
        self.memory[name] = max(self.memory.get(name, 0.0), int(kilobytes) / 1024)
        if measured.returncode:
            raise RuntimeError(f"{name} failed: exit code {measured.returncode}\n{text}\n{errors}")
        found: dict[str, Any] = json.loads(text)
        return found

    @property
    def config(self) -> Path:
        fixed = self.folder / "fixed.yaml"
        return fixed if fixed.exists() else CONFIG

    def fix(self) -> None:
        """Deploy a processor that accepts the invalid orders."""
        (handler,) = Path(shutil.copytree(ROOT / "lambda_src/python/processor", self.folder / "fixed")).glob(
            "handler.*"
        )
        strict, lenient = RULES["python"]
        handler.write_text(handler.read_text().replace(strict, lenient))
        processor = {"processor": {"source": str(self.folder / "fixed")}}
        (self.folder / "fixed.yaml").write_text(json.dumps({"extends": str(CONFIG), **processor}))  # JSON is YAML
        self.pipectl("up", "--yes")

    def _listed(self) -> set[str]:
        """Return the orders of all failures that `pipectl audit list` shows."""
        found: set[str] = set()
        page: list[str] = []
        while True:
            answer = self.pipectl("audit", "list", "--limit", str(MOST_EXPLAINED), *page)
            for failure in answer["failures"]:
                found |= set(failure["orders"])
            if not answer["next"]:
                return found
            page = ["--page", answer["next"]]

    def _put_alone(self) -> None:
        """Measure what no pipeline can do without: putting objects, with as many threads as the processor has."""
        bucket = "reference"
        if not self.puts:
            self.aws.s3.create_bucket(Bucket=bucket)
        body = json.dumps({"order": "x" * 800}).encode()

        def put(number: int) -> None:
            self.aws.s3.put_object(Bucket=bucket, Key=f"{number}.json", Body=body)

        count, start = min(PUTS, self.count), time.perf_counter()
        with ThreadPoolExecutor(WRITERS) as pool:
            list(pool.map(put, range(count)))
        self.puts.append((time.perf_counter() - start) / count)

    @contextmanager
    def _phase(self, name: str) -> Iterator[None]:
        start, busy = time.perf_counter(), processor_time(self.server.pid)
        yield
        self.seconds[name] = time.perf_counter() - start
        self.busy[name] = processor_time(self.server.pid) - busy
        self.memory[f"emulator after {name}"] = peak_memory(self.server.pid)
        print(f"soak: {name}: {self.seconds[name]:.1f} s", file=sys.stderr, flush=True)


def peak_memory(pid: int) -> float:
    """Return the largest memory that a process has had, in MB; 0 where Linux's files are missing."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text(encoding="utf-8").splitlines()
    except OSError:
        return 0.0
    return next((int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM:")), 0.0)


def processor_time(pid: int) -> float:
    """Return the seconds for which a process has run; 0 where Linux's files are missing."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def sections() -> Iterator[Section]:
    """Run the soak."""
    count = int(os.environ.get("SOAK_ORDERS", DEFAULT_ORDERS))
    with lifecycle.temporary() as server, tempfile.TemporaryDirectory() as folder:
        soak = Soak(server, Path(folder), count)
        before, after, verified = soak.run()
        yield section(soak, before, after, verified)


def section(soak: Soak, before: Outcome, after: Outcome, verified: dict[str, Any]) -> Section:
    """Return the result."""
    orders, chain = soak.orders, soak.seconds["write"] + soak.seconds["settle"]
    names = orders.names
    text = (
        f"{orders.count:,} orders, {len(orders.poisoned):,} of them invalid, four shards, batches of 100, 3 retries: "
        f"{orders.count / chain:,.0f} orders a second from the first write until all are stored or audited.\n\n"
        + _table("phase", {"seconds": soak.seconds, "of these the emulator was busy": soak.busy})
        + "\n"
        + _table("peak memory", {"MB": soak.memory})
    )
    put = statistics.mean(soak.puts)
    return Section(
        "Orders through the whole chain",
        text,
        figures=[
            Figure("an order", chain / orders.count * 1000, put * 1000, "ms", f"PutObject alone, {WRITERS} at once")
        ],
        counts=[
            *(Count(name, value, 0) for name, value in _deviations(soak, before, after, verified).items()),
            Count("invocations of the processor", orders.invocations(names.processor)),
            Count("of these failed", orders.invocations(names.processor, "Errors")),
            Count("invocations of the auditor", orders.invocations(names.auditor)),
            Count("processes of the processor", orders.processes(names.processor), 8),
            Count("processes of the auditor", orders.processes(names.auditor), 8),
        ],
    )


def _deviations(soak: Soak, before: Outcome, after: Outcome, verified: dict[str, Any]) -> dict[str, int]:
    """Return numbers of orders that are all zero when nothing is lost, doubled or left."""
    orders = soak.orders
    wrong = {
        f"{name}, {when}": value
        for when, found in (("before the replay", before), ("after it", after))
        for name, value in asdict(found).items()
    }
    not_listed = len({f"order-{number}" for number in orders.poisoned} ^ soak.listed)
    return {
        **{name.replace("_", " "): value for name, value in wrong.items()},
        "invalid orders that audit list does not show": not_listed,
        "invalid orders not replayed": len(orders.poisoned) - soak.replayed["records"]["replayed"],
        "lost, by verify": verified["records"]["lost"],
        "not stored, by verify": orders.count - verified["records"]["stored"],
        "unresolved failures": soak.unresolved,
    }


def _table(name: str, columns: Mapping[str, Mapping[str, float]]) -> str:
    lines = [f"| {' | '.join([name, *columns])} |", f"|{' --- |' * (len(columns) + 1)}"]
    for row in next(iter(columns.values())):
        values = (f"{column[row]:,.1f}" for column in columns.values())
        lines.append(f"| {' | '.join([row, *values])} |")
    return "\n".join(lines) + "\n"
