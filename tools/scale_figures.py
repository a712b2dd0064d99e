"""The tables of docs/scale.md, from `scale_model`. `generate_docs.py` writes them into the page."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from tools.scale_model import (
    AUDIT_ITEM_BYTES,
    AUDITOR_MEMORY,
    BATCH,
    CLAIMED_ITEM_BYTES,
    CONCURRENCY,
    ERROR_LOG_BYTES,
    EVENT_BYTES,
    FAILING,
    FAILURE_LOG_BYTES,
    FIRST_SHARDS,
    FULL_CPU_MB,
    INVOCATION_LOG_BYTES,
    LARGEST_ITEM_BYTES,
    MEMORY,
    MOST_PARALLEL,
    NEW_CONCURRENCY,
    OBJECT_BYTES,
    ORDER_BYTES,
    PARTITION_UNITS,
    PREFIX_PUTS,
    PUT_SECONDS,
    QUARANTINE_BYTES,
    RECORD_CPU_SECONDS,
    REPLAYED_ITEM_BYTES,
    TABLE_UNITS,
    WRITERS,
    Work,
    failing_replay_seconds,
    invocation_seconds,
    lanes,
    log_bytes,
    replay_sizes,
    shards,
    units,
    work,
)

from pipectl.failures.batching import LARGEST_PAYLOAD
from pipectl.failures.replay import INVOCATIONS_AT_ONCE

PAGE = Path(__file__).resolve().parents[1] / "docs" / "scale.md"
RATES = (10, 1_000, 100_000)
"""Orders a second."""
CLEAN, POISONED = (work(BATCH, MEMORY, failing=failing) for failing in (False, True))
AUDIT_UNITS = units(AUDIT_ITEM_BYTES)
UPDATE_UNITS = units(CLAIMED_ITEM_BYTES) + units(REPLAYED_ITEM_BYTES)
"""Write units of the claim and of the outcome of a replay."""
AUDITOR_SECONDS = 10 * RECORD_CPU_SECONDS * FULL_CPU_MB / AUDITOR_MEMORY
"""An invocation of the auditor with 10 messages: their processor time, for DynamoDB answers faster."""
MONTH_SECONDS = 730 * 3600
GB = 1e9
_MARKED = re.compile(r"(<!-- table: (\w+) -->\n).*?(?=\n\n<!-- end -->)", re.DOTALL)

# Assumed prices in US dollars: us-east-1, without the free tier. Correct them here; docs/scale.md names AWS's pages.
PRICE_WRITE_UNITS = 0.625e-6
PRICE_TABLE_GB = 0.25
PRICE_BACKUP_GB = 0.20
PRICE_INVOCATION = 0.20e-6
PRICE_GB_SECOND = 13.3334e-6
PRICE_PUT = 5e-6
PRICE_OBJECT_GB = 0.023
PRICE_MESSAGE_CALL = 0.40e-6
PRICE_LOG_GB = 0.50
PRICE_LOG_MONTH_GB = 0.03
PRICE_ALARM = 0.10

Row = list[str]
Rows = Iterator[Row]


def page() -> str:
    """Return the page with its tables made again."""

    def table(found: re.Match[str]) -> str:
        head, *rows = TABLES[found[2]]()
        lines = [head, ["---"] * len(head), *rows]
        return found[1] + "\n".join(f"| {' | '.join(cells)} |" for cells in lines)

    return _MARKED.sub(table, PAGE.read_text(encoding="utf-8"))


def assumptions() -> Rows:
    """Yield the assumptions, with their sources."""
    yield ["assumption", "value", "source"]
    yield ["an order", f"{ORDER_BYTES:,} bytes, written once", f"{units(ORDER_BYTES)} write unit"]
    yield ["a PUT to S3", f"{PUT_SECONDS * 1000:g} ms", "AWS: 100 to 200 ms for small objects"]
    cpu = "measured: 0.5 ms for a PUT of boto3 and 0.1 ms for the handler; the rest for TLS"
    yield ["processor time of a record", f"{RECORD_CPU_SECONDS * 1000:g} ms of a whole CPU", cpu]
    yield ["CPU of a function", f"`memory` / {FULL_CPU_MB:,} MB, at most one", "AWS: 1,769 MB are one vCPU"]
    yield ["PUTs at once in an invocation", str(WRITERS), "`WRITERS` in the processor"]
    yield ["an object, a quarantined record", f"{OBJECT_BYTES:,} and {QUARANTINE_BYTES:,} bytes", "measured by a test"]
    yield ["an audit item", f"{AUDIT_ITEM_BYTES:,} bytes: {AUDIT_UNITS} write units", "measured by a test"]
    updated = f"{CLAIMED_ITEM_BYTES:,} and {REPLAYED_ITEM_BYTES:,} bytes: {UPDATE_UNITS} write units together"
    yield ["it, claimed and then replayed", updated, "measured by a test"]
    logs = f"{INVOCATION_LOG_BYTES}, {ERROR_LOG_BYTES} and {FAILURE_LOG_BYTES} bytes"
    yield ["log of an invocation, of an error, of a failing try", logs, "Lambda's own lines, a traceback, a test"]
    yield ["failing orders", f"{float(FAILING):.0%}, at equal distances, at every try", "an example"]


def limits() -> Rows:
    """Yield the orders a second at which each limit is reached with the default config, lowest first."""
    yield ["limit", "orders a second, no failures", "orders a second, 1 % fails", "formula"]
    rows = [
        _lanes_row("shards of a new table", FIRST_SHARDS, f"{FIRST_SHARDS} shards, one invocation each"),
        _lanes_row("concurrency of a new account", NEW_CONCURRENCY, f"{NEW_CONCURRENCY} invocations at once"),
        _lanes_row(
            f"the same shards, `parallelization_factor: {MOST_PARALLEL}`",
            FIRST_SHARDS * MOST_PARALLEL,
            f"{FIRST_SHARDS} x {MOST_PARALLEL} invocations at once",
        ),
        _lanes_row("concurrency of an account", CONCURRENCY, f"{CONCURRENCY:,} invocations at once"),
        _both(
            "writes to a new table", FIRST_SHARDS * PARTITION_UNITS / units(ORDER_BYTES), "4,000 write units a second"
        ),
        _both("writes to a table", TABLE_UNITS / units(ORDER_BYTES), f"quota of {TABLE_UNITS:,} write units a second"),
        (
            "PUTs to the prefix of a day",
            PREFIX_PUTS / CLEAN.tries,
            PREFIX_PUTS / POISONED.tries,
            f"{PREFIX_PUTS:,} a second / tries of an order",
        ),
        (
            "PUTs to the quarantine's prefix",
            math.inf,
            PREFIX_PUTS / POISONED.failing_tries,
            f"{PREFIX_PUTS:,} a second / failing tries of an order",
        ),
        (
            "hot key of an audit index",
            math.inf,
            PARTITION_UNITS / AUDIT_UNITS / float(FAILING),
            f"{PARTITION_UNITS:,} units a second / {AUDIT_UNITS} units / 1 %",
        ),
    ]
    for name, clean, poisoned, formula in sorted(rows, key=lambda row: row[2]):
        yield [name, "none" if math.isinf(clean) else _number(clean), _number(poisoned), formula]


def _lanes_row(name: str, count: int, formula: str) -> tuple[str, float, float, str]:
    return name, count / CLEAN.seconds, count / POISONED.seconds, f"{formula} / seconds of an order"


def _both(name: str, rate: float, formula: str) -> tuple[str, float, float, str]:
    return name, rate, rate, formula


def sizes() -> Rows:
    """Yield the load by orders a second, with the default config."""
    lines: dict[str, Callable[[int], float]] = {
        "write units a second of the orders table": lambda rate: rate * units(ORDER_BYTES),
        "shards, at least": shards,
        "invocations at once, no failures": lambda rate: lanes(rate, BATCH, MEMORY, failing=False),
        "invocations at once, 1 % fails": lambda rate: lanes(rate, BATCH, MEMORY, failing=True),
        "possible invocations at once: shards x 1 to 10": shards,
        "PUTs a second, no failures": lambda rate: rate * CLEAN.tries,
        "PUTs a second, 1 % fails": lambda rate: rate * POISONED.tries,
        "of these to the quarantine": lambda rate: rate * POISONED.failing_tries,
        f"S3 partitions for them, {PREFIX_PUTS:,} PUTs each": lambda rate: math.ceil(
            rate * POISONED.tries / PREFIX_PUTS
        ),
        "failures and messages a second, 1 % fails": lambda rate: rate * float(FAILING),
        "auditors at once": lambda rate: math.ceil(rate * float(FAILING) / 10 * AUDITOR_SECONDS),
        "write units a second of the hot key in each index": lambda rate: rate * float(FAILING) * AUDIT_UNITS,
        "GB of logs a day, no failures": lambda rate: rate * 86400 * log_bytes(CLEAN) / GB,
        "GB of logs a day, 1 % fails": lambda rate: rate * 86400 * log_bytes(POISONED) / GB,
    }
    yield ["orders a second", *(f"{rate:,}" for rate in RATES)]
    for name, value in lines.items():
        cells = [_number(value(rate)) for rate in RATES]
        if name.startswith("possible"):
            cells = [f"{shards(rate):,} to {shards(rate) * MOST_PARALLEL:,}" for rate in RATES]
        yield [name, *cells]


def batches() -> Rows:
    """Yield the work by batch size and memory."""
    yield [
        "`batch_size`",
        "`memory`",
        "seconds of a batch",
        "orders a second",
        "1 % fails: orders a second",
        "PUTs an order",
    ]
    for batch, memory in ((16, 256), (48, 256), (100, 128), (100, 256), (100, 512), (1000, 256), (1000, FULL_CPU_MB)):
        clean, poisoned = (work(batch, memory, failing=failing) for failing in (False, True))
        cells = (clean.seconds * batch, 1 / clean.seconds, 1 / poisoned.seconds, poisoned.tries)
        yield [f"{batch:,}", f"{memory:,} MB", *map(_number, cells)]


def replay() -> Rows:
    """Yield the parts of a replay of a million failures, each as if it were alone."""
    count = 1_000_000
    seconds = invocation_seconds(BATCH, MEMORY)
    again = replay_sizes(BATCH)
    yield ["part of 1,000,000 failures", "time or cost", "formula"]
    for name, taken, formula in (
        (
            "invocations, all succeed",
            count / BATCH * seconds / INVOCATIONS_AT_ONCE,
            f"failures / {BATCH} x {seconds:.2g} s / {INVOCATIONS_AT_ONCE} at once",
        ),
        (
            "hot key of an audit index",
            count * UPDATE_UNITS / PARTITION_UNITS,
            f"failures x {UPDATE_UNITS} units of claim and outcome / {PARTITION_UNITS:,} a second",
        ),
        ("transactions", count * 2 / 100 * 0.03, "failures x 2 / 100 x 30 ms, one after the other"),
        (
            "invocations, all fail again",
            count / BATCH * failing_replay_seconds(BATCH, MEMORY) / INVOCATIONS_AT_ONCE,
            f"{len(again)} invocations, {sum(again):,} tries for {BATCH} failures, {INVOCATIONS_AT_ONCE} at once",
        ),
    ):
        yield [name, _time(taken), formula]
    for name, line, formula in (
        (
            "cost of claims and outcomes",
            "audit table: replay",
            f"{4 * UPDATE_UNITS} units x $0.625 a million; {3 * UPDATE_UNITS} units without transactions",
        ),
        ("cost of invocations and PUTs, all succeed", "replay: PUT and time", "1 PUT each, and the processor's time"),
    ):
        each, _ = BILL[line]
        yield [name, _dollars(count * each(POISONED, 1.0)), formula]


def large() -> Rows:
    """Yield the figures of the largest orders."""
    modified = LARGEST_ITEM_BYTES * 2
    written = units(LARGEST_ITEM_BYTES)
    million = written * PRICE_WRITE_UNITS * 1e6
    yield ["orders of 400 KB", "value", "formula"]
    yield [
        "orders in a batch",
        f"{EVENT_BYTES // modified} to {EVENT_BYTES // LARGEST_ITEM_BYTES}",
        "6 MB / two images or one",
    ]
    yield [
        "orders in a replayed batch",
        f"{LARGEST_PAYLOAD // modified} to {LARGEST_PAYLOAD // LARGEST_ITEM_BYTES}",
        "5.5 MB / the same",
    ]
    yield ["write units of an order", f"{written}", "1 a KB"]
    yield ["orders a second of a partition", _number(PARTITION_UNITS / written), f"{PARTITION_UNITS:,} / {written}"]
    yield ["writes of a million orders", _dollars(million, 0), f"{written} x $0.625"]


def cost() -> Rows:
    """Yield the cost of a million orders, and of a month at each rate."""
    lines = {name: (each(CLEAN, 0.0) * 1e6, each(POISONED, float(FAILING)) * 1e6) for name, (each, _) in BILL.items()}
    totals = [sum(line[place] for line in lines.values()) for place in (0, 1)]
    yield ["a million orders", "no failures", "1 % fails and is replayed", "formula"]
    for name, line in lines.items():
        yield [name, *map(_dollars, line), BILL[name][1]]
    yield ["**sum**", *(f"**{_dollars(total)}**" for total in totals), ""]
    fixed = 6 * PRICE_ALARM + 5 / 20 * MONTH_SECONDS * PRICE_MESSAGE_CALL
    yield ["a month without orders", *[_dollars(fixed)] * 2, "6 alarms x $0.10, and 5 polls of the queue in 20 s"]
    for rate in RATES:
        millions = rate * MONTH_SECONDS / 1e6
        monthly = (_dollars(total * millions + fixed, 0) for total in totals)
        yield [f"a month of {rate:,} a second", *monthly, f"{_number(millions)} million x sum + {_dollars(fixed)}"]


Cost = Callable[[Work, float], float]
BILL: Mapping[str, tuple[Cost, str]] = {
    "orders table: writes": (lambda _, __: units(ORDER_BYTES) * PRICE_WRITE_UNITS, "1 unit x $0.625 a million"),
    "orders table: storage, backups": (
        lambda _, __: (ORDER_BYTES + 100) / GB * (PRICE_TABLE_GB + PRICE_BACKUP_GB),
        "1,100 bytes x ($0.25 + $0.20) a GB and month",
    ),
    "stream: reads by Lambda": (lambda _, __: 0.0, "free"),
    "processor: requests": (lambda one, _: one.invocations * PRICE_INVOCATION, "invocations x $0.20 a million"),
    "processor: time": (
        lambda one, _: one.seconds * MEMORY / 1024 * PRICE_GB_SECOND,
        f"seconds x {MEMORY / 1024:g} GB x $0.0000133334",
    ),
    "S3: PUTs": (
        lambda one, _: one.tries * PRICE_PUT,
        "tries x $0.005 a thousand; a retried PUT is answered 412 and billed",
    ),
    "S3: storage": (
        lambda _, share: (
            ((1 - share) * OBJECT_BYTES + share * (OBJECT_BYTES + QUARANTINE_BYTES)) / GB * PRICE_OBJECT_GB
        ),
        f"{OBJECT_BYTES:,} bytes x $0.023 a GB and month",
    ),
    "logs": (
        lambda one, _: log_bytes(one) / GB * (PRICE_LOG_GB + PRICE_LOG_MONTH_GB),
        "bytes x ($0.50 + $0.03 for a month) a GB",
    ),
    "queue": (lambda _, share: share * 3 * PRICE_MESSAGE_CALL, "3 calls a failure x $0.40 a million"),
    "auditor": (
        lambda _, share: share / 10 * (PRICE_INVOCATION + AUDITOR_SECONDS * AUDITOR_MEMORY / 1024 * PRICE_GB_SECOND),
        f"an invocation of {AUDITOR_SECONDS:.2g} s for 10 failures",
    ),
    "audit table: writes": (
        lambda _, share: share * 3 * AUDIT_UNITS * PRICE_WRITE_UNITS,
        f"{3 * AUDIT_UNITS} units a failure: the item and its copies in two indexes",
    ),
    "audit table: replay": (
        lambda _, share: share * 4 * UPDATE_UNITS * PRICE_WRITE_UNITS,
        f"{4 * UPDATE_UNITS} units a failure: claim and outcome, twice for the transaction, once for each index",
    ),
    "replay: PUT and time": (
        lambda _, share: (
            share * (PRICE_PUT + invocation_seconds(BATCH, MEMORY) / BATCH * MEMORY / 1024 * PRICE_GB_SECOND)
        ),
        "1 PUT a failure, and the processor's time",
    ),
}
"""The parts of the bill: dollars of an order from its work and the share of failing orders, and the formula."""

TABLES: Mapping[str, Callable[[], Rows]] = {
    each.__name__: each for each in (assumptions, limits, sizes, batches, replay, large, cost)
}


def _number(value: float) -> str:
    """Return a number with two significant digits, or all before the point."""
    if value == 0 or value >= 10 or value == int(value):
        return f"{value:,.0f}"
    return f"{value:.{1 - math.floor(math.log10(value))}f}"


def _dollars(value: float, places: int = 2) -> str:
    if 0 < value < 0.005 and places:
        return f"${value:.4f}"
    return f"${value + 1e-9:,.{places}f}"  # half a cent is rounded up


def _time(seconds: float) -> str:
    return f"{seconds / 3600:.1f} h" if seconds >= 5400 else f"{seconds / 60:.0f} min"
