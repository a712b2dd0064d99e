"""The page of the answers of AWS that are assumed, from the cases in `tests/recorded`."""

from __future__ import annotations

from tests.recorded.cases import all_cases
from tools.reference.markdown import DO_NOT_EDIT, table

ASSUMED_POSITIONS = """
## Assumed behaviour

`send` finds the record of its order at the end of the stream. Before it writes the order, it takes an iterator
of type `LATEST` for each open shard and reads one page with it. It assumes that the next pages have every record that
is written after that first page was read. No recording of AWS shows this. If a page missed the record, `send` would
report that the order waits, because the stream has not shown its record yet, and exit with 3 after its timeout. The
order would still be in the table and be processed as usual; `pipectl trace KEY` would find it."""


def page() -> str:
    """Return the page of the answers of AWS that are assumed."""
    cases = {
        (case.service, "all calls" if case.of_service else case.operation, case.name): case for case in all_cases()
    }
    assumed = {place: case for place, case in cases.items() if not case.recorded}
    rows: dict[str, list[str]] = {}
    for (service, operation, name), case in assumed.items():
        code = f" (`{case.error.code}`)" if case.error else ""
        rows.setdefault(f"{service} {operation}", []).append(f"{name}{code}")
    parts = [
        DO_NOT_EDIT,
        "# Assumed answers of AWS\n",
        "The tests have a case for each kind of answer to each call that pipectl and its handlers make",
        "(`tests/recorded`). Most cases have the shape, the codes and the texts that AWS was recorded to answer. The",
        "others are assumed, from the API references, and listed here. `pipectl doctor --capture FILE` records the",
        "answers of an account.\n",
        f"{len(cases) - len(assumed)} of {len(cases)} cases are recorded; {len(assumed)} are assumed.\n",
        *table(("call", "assumed"), ((call, ", ".join(names)) for call, names in sorted(rows.items()))),
        ASSUMED_POSITIONS,
    ]
    return "\n".join(parts) + "\n"
