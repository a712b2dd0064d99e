"""Output of `verify`."""

from __future__ import annotations

from pipectl.commands.verify import VerifyReport
from pipectl.output.console import Screen
from pipectl.output.records import assumed, keys_shown
from pipectl.text import pluralize
from pipectl.timestamps import rfc3339

_MOST_SHOWN = 20


def before_asking(screen: Screen, report: VerifyReport) -> None:
    screen.notice((line,) for line in _lines(screen, report))


def result(screen: Screen, report: VerifyReport) -> None:
    if screen.json_output:
        screen.document(_document(screen, report))
        return
    for line in _lines(screen, report):
        screen.line(line)


def _lines(screen: Screen, report: VerifyReport) -> list[str]:
    lines = [
        f"! {keys_shown(record.keys)} record {record.sequence_number}, written {rfc3339(record.written_at)}, is lost"
        for record in report.records[:_MOST_SHOWN]
    ]
    if report.lost > _MOST_SHOWN:
        lines.append(f"! and {report.lost - _MOST_SHOWN} more; -o json names them")
    lines += [f"! record {each.sequence_number} fails: {each.error}" for each in report.failing[:_MOST_SHOWN]]
    if report.waiting_in_queue:
        wait = "failure waits" if report.waiting_in_queue == 1 else "failures wait"
        lines.append(
            f"About {report.waiting_in_queue} {wait} for the auditor. Some of the lost records may belong to them."
        )
    lines.append(
        f"{pluralize(report.read, 'record')} since {rfc3339(report.since)}: {report.stored} stored, "
        f"{report.failed} failed, {report.pending} pending, {report.lost} lost."
    )
    if report.uncertain:
        lines.append(screen.completed(f"! Nothing certain is known about the pending records: {report.uncertain}"))
    if report.assumed:
        lines.append(assumed(report.assumed))
    lines += [
        f"! shard {shard} could not be read to its end: its other records are not checked" for shard in report.unread
    ]
    if report.repaired or report.failing:
        lines.append(f"{report.repaired} of the lost {'is' if report.repaired == 1 else 'are'} now stored.")
    return lines


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
