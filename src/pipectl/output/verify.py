"""Output of `verify`."""

from __future__ import annotations

from collections.abc import Iterator

from pipectl.commands.verify import VerifyReport
from pipectl.output import looks
from pipectl.output.console import Line, Screen
from pipectl.output.records import assumed, keys_shown
from pipectl.output.table import Column
from pipectl.text import pluralize
from pipectl.timestamps import rfc3339

_MOST_SHOWN = 20
_BAD = ("! ", looks.BAD)
_LOST = (Column("LOST ORDER", flexible=True), Column("WRITTEN"), Column("IN THE STREAM UNTIL"))


def before_asking(screen: Screen, report: VerifyReport) -> None:
    _lost(screen, report, notice=True)
    screen.notice(_lines(screen, report))


def result(screen: Screen, report: VerifyReport, *, asked: bool = False) -> None:
    """Print the result of `verify`; after a question, which shows what was found, only that of the repair."""
    if screen.json_output:
        screen.document(_document(screen, report))
        return
    if asked:
        screen.lines(_repaired(report))
        return
    _lost(screen, report)
    screen.lines(_lines(screen, report))
    if report.repaired or report.failing:
        screen.lines(_repaired(report))


def _lost(screen: Screen, report: VerifyReport, *, notice: bool = False) -> None:
    """Print the orders whose records are lost, and the time until which the stream has them for a repair."""
    rows = [
        (keys_shown(record.keys), rfc3339(record.written_at), rfc3339(record.trimmed_at))
        for record in report.records[:_MOST_SHOWN]
    ]
    if rows:
        screen.table(_LOST, rows, notice=notice)


def _lines(screen: Screen, report: VerifyReport) -> Iterator[Line]:
    if report.lost > _MOST_SHOWN:
        yield _BAD, f"and {report.lost - _MOST_SHOWN} more; -o json names them"
    if report.waiting_in_queue:
        wait = "failure waits" if report.waiting_in_queue == 1 else "failures wait"
        yield (f"About {report.waiting_in_queue} {wait} for the auditor. Some of the lost records may belong to them.",)
    yield _counts(report)
    if report.uncertain:
        text = f"Nothing certain is known about the pending records: {report.uncertain}"
        yield ("! ", looks.WARN), screen.completed(text)
    if report.assumed:
        yield (assumed(report.assumed),)
    for shard in report.unread:
        yield _BAD, f"shard {shard} could not be read to its end: its other records are not checked"


def _repaired(report: VerifyReport) -> Iterator[Line]:
    for each in report.failing[:_MOST_SHOWN]:
        yield _BAD, f"{keys_shown(each.keys)} fails: {each.error}"
    yield (f"{report.repaired} of the lost {'is' if report.repaired == 1 else 'are'} now stored.",)


def _counts(report: VerifyReport) -> Line:
    """Return the line with the numbers of records; a number that needs somebody has a colour."""
    return (
        f"{pluralize(report.read, 'record')} since {rfc3339(report.since)}: {report.stored} stored, ",
        (f"{report.failed} failed", looks.ATTENTION if report.failed else ""),
        ", ",
        (f"{report.pending} pending", looks.ATTENTION if report.uncertain else ""),
        ", ",
        (f"{report.lost} lost", looks.BAD if report.lost else looks.GOOD),
        ".",
    )


def _document(screen: Screen, report: VerifyReport) -> dict[str, object]:
    return {
        "ok": report.ok,
        "since": report.since,
        "oldest": report.oldest,
        "records": {
            "read": report.read,
            "stored": report.stored,
            "failed": report.failed,
            "pending": report.pending,
            "lost": report.lost,
            "repaired": report.repaired,
        },
        "lost": report.records,
        "failing": report.failing,
        "waitingInQueue": report.waiting_in_queue,
        "unread": report.unread,
        "assumed": report.assumed,
        "uncertain": screen.completed(report.uncertain) if report.uncertain else None,
    }
