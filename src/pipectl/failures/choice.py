"""The choice of failures to replay: by their ids, by a folder of saved records, or all that are unresolved."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from pipectl.errors import SavedFilesError
from pipectl.failures import saved
from pipectl.failures.audit_table import AuditTable, Selection
from pipectl.failures.errors import AmbiguousIdError, NoSuchFailureError
from pipectl.failures.model import Failure
from pipectl.failures.outcomes import DoneFailure
from pipectl.failures.status import UNRESOLVED


@dataclass(frozen=True)
class Choice:
    """Failures that were chosen.

    Attributes:
        selection: The failures to process, by their whole ids where ids were given.
        source: The folder of their saved records, if there is one.
        done: Those that were chosen by their id, and that need no replay.
        missing: Ids of saved failures that the audit table no longer has.
    """

    selection: Selection
    source: Path | None = None
    done: tuple[DoneFailure, ...] = ()
    missing: tuple[str, ...] = ()


def choose(table: AuditTable, selection: Selection, *, again: bool, source: Path | None = None) -> Choice:
    """Return the failures to process, and those that were chosen and are not processed.

    Args:
        table: The audit table.
        selection: The failures; an id can be the beginning of one.
        again: Choose failures that are done, too.
        source: A folder of saved records.

    Raises:
        NoSuchFailureError: no failure has one of the ids.
        AmbiguousIdError: several failures have ids that begin with one of the ids.
        SavedFilesError: the folder does not hold the records of one of the ids.
    """
    selection = replace(selection, statuses=() if again else UNRESOLVED)
    if not source and not selection.ids:
        return Choice(selection)
    if source:
        ids = _ids_of_folder(source, selection.ids)
        found = {audit_id: list(table.with_id(audit_id)) for audit_id in ids}
    else:
        found = _with_prefixes(table, selection.ids)
    there = {audit_id: failures for audit_id, failures in found.items() if failures}
    done = [
        DoneFailure.of(failures[-1])
        for failures in there.values()
        if selection.statuses and not any(failure.status in selection.statuses for failure in failures)
    ]
    missing = tuple(audit_id for audit_id in found if audit_id not in there)
    return Choice(replace(selection, ids=tuple(found)), source, tuple(done), missing)


def _with_prefixes(table: AuditTable, prefixes: Iterable[str]) -> dict[str, list[Failure]]:
    """Return the failures of ids, or of the beginnings of ids."""
    found: dict[str, list[Failure]] = {}
    unknown: list[str] = []
    for prefix in dict.fromkeys(prefixes):
        try:
            failures = table.with_prefix(prefix)
        except NoSuchFailureError:
            unknown.append(prefix)
        else:
            found[failures[0].audit_id] = failures
    if unknown:
        raise NoSuchFailureError(unknown)
    return found


def _ids_of_folder(folder: Path, prefixes: Iterable[str]) -> list[str]:
    """Return the ids of the failures whose records a folder holds: all, or those that begin with ``prefixes``."""
    there = saved.audit_ids(folder)
    if not prefixes:
        return there
    found: dict[str, list[str]] = {
        prefix: [prefix] if prefix in there else [each for each in there if each.startswith(prefix)]
        for prefix in prefixes
    }
    if missing := [prefix for prefix, ids in found.items() if not ids]:
        raise SavedFilesError(
            f"{folder} holds no records of {', '.join(missing)}", hint="omit --id to replay all that it holds"
        )
    for prefix, ids in found.items():
        if len(ids) > 1:
            raise AmbiguousIdError(prefix, ids)
    return list(dict.fromkeys(ids[0] for ids in found.values()))
