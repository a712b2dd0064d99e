"""The index of unresolved failures: items that are older than it are added once, and gaps are reported."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from pipectl.clock import Clock
from pipectl.config.names import UNRESOLVED_INDEX
from pipectl.facts import TableFacts
from pipectl.failures.audit_table import AuditTable
from pipectl.failures.audit_writer import transactions
from pipectl.text import pluralize

_PARALLEL = 8


def gap(table: AuditTable, facts: TableFacts) -> str | None:
    """Return why unresolved failures can be missing from what was read last; ``None`` when none can be."""
    if table.unreadable:
        reason = table.unreadable
    elif not facts.filled:
        reason = f"{UNRESOLVED_INDEX} does not have them yet; `pipectl up` adds them"
    else:
        return None
    return f"unresolved failures older than 48 h may be missing: {reason}"


def fill(table: AuditTable, clock: Clock, note: Callable[[str], None]) -> None:
    """Add the unresolved failures that are not in the index. Can be stopped and repeated.

    Reads the whole table.
    """
    added = 0
    with ThreadPoolExecutor(_PARALLEL) as pool:
        for page in table.unmarked():
            clock.sleep(0)  # raises after Ctrl-C
            added += sum(map(sum, pool.map(table.mark, transactions(page))))
            if page:
                note(f"{pluralize(added, 'older failure')} added to {UNRESOLVED_INDEX}")
