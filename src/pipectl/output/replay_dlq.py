"""Output of `replay-dlq`."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from pipectl.commands.replay_dlq import Preview, SaveReport
from pipectl.failures.causes import by_cause
from pipectl.failures.explanation import Safety, grouped
from pipectl.failures.model import CLOSES_IT, HASHED_ID, short_id
from pipectl.failures.outcomes import DoneFailure, ReplayReport
from pipectl.failures.replay_preview import RecordPlaces
from pipectl.failures.status import ReplayStatus
from pipectl.output import looks
from pipectl.output.console import Line, Screen
from pipectl.output.explanation import WRONG_CODE, WRONG_ORDER, orders_shown
from pipectl.output.records import order_shown
from pipectl.output.table import Column
from pipectl.text import pluralize
from pipectl.timestamps import relative, rfc3339, short_time

_MOST_SHOWN = 20
_MOST_DONE = 3
_ALARM = "Records that fail again count towards the errors alarm."
_UNFIXED = "Without a fix, records fail again and count towards the errors alarm."
_NOTHING = "Nothing to replay: no unresolved failures."
_COUNTS = "Counts of the dead-letter queue can be a minute old."
_CAUSES = (Column("CAUSE", flexible=True), Column("COUNT", right=True), Column("ORDERS"))
_TRIED = (ReplayStatus.PARTIAL, ReplayStatus.FAILED)
_WHOLE_ID = re.compile("^[0-9a-f]{32}(?=:)")


def preview(screen: Screen, found: Preview) -> None:
    """Print the result of `replay-dlq --dry-run`."""
    if screen.json_output:
        screen.document(_preview_document(found))
        return
    _show_preview(screen, found)
    if found.is_any or not found.done:
        screen.line(_COUNTS)


def before_asking(screen: Screen, found: Preview) -> None:
    _show_preview(screen, found, notice=True)


def question(found: Preview) -> str:
    return f"Replay {found.failures:,}{' or more' if found.more else ''}?" if found.failures else "Replay these?"


def warn(screen: Screen, found: Preview) -> None:
    """Print the warnings when there is no confirmation."""
    for sentence in (*_changes(found), *_deploy(found)):
        screen.note(sentence, commands=True)
    screen.note(_UNFIXED if found.versions.unchanged else _ALARM)


def saved(screen: Screen, report: SaveReport, folder: Path) -> None:
    """Print the result of `replay-dlq --save`."""
    if screen.json_output:
        screen.document(
            {
                "saved": report.failures,
                "records": report.records,
                "incomplete": report.incomplete,
                "waitingForAuditor": report.waiting,
            }
        )
        return
    screen.line(f"{pluralize(report.records, 'record')} of {pluralize(report.failures, 'failure')} saved in {folder}.")
    for each in report.incomplete:
        screen.line(("! ", looks.BAD), f"{short_id(each.audit_id)}: {each.reason}")
    if report.waiting:
        screen.line(("! ", looks.BAD), f"{_waiting(report.waiting)} and {_is(report.waiting)} not saved.")


def result(screen: Screen, report: ReplayReport) -> None:
    """Print the result of a replay."""
    if screen.json_output:
        screen.document(_document(report))
        return
    if report.audited:
        screen.line(f"{pluralize(report.audited, 'message')} of the dead-letter queue audited first.")
    screen.lines(_done(screen, report.done))
    if not report.total and not report.left and not report.done_elsewhere and not report.left_out:
        if not report.done:
            screen.line(_NOTHING)
        return
    if report.total:
        statuses, replayed = _statuses(report.statuses), pluralize(report.replayed, "record")
        screen.line(f"{statuses}. {replayed} replayed, {report.still_failing:,} failed again.")
    _problems(screen, report)
    screen.lines(_left(screen, report))
    screen.lines(_next(screen, report))


def _problems(screen: Screen, report: ReplayReport) -> None:
    if report.failing:
        causes = by_cause(report.failing, lambda each: each.error)
        rows = [(cause, len(members), [order_shown(each.keys) for each in members]) for cause, members in causes]
        _show_causes(screen, rows, notice=False)
    if report.still_failing > len(report.failing):
        screen.line(f"The causes of the first {len(report.failing):,} are shown.")
    for error in report.errors[:_MOST_SHOWN]:
        screen.line(("! ", looks.BAD), _WHOLE_ID.sub(lambda found: short_id(found[0]), error))
    if len(report.errors) > _MOST_SHOWN:
        listed = screen.completed("`pipectl audit list` lists unresolved failures")
        screen.line(("! ", looks.BAD), f"and {len(report.errors) - _MOST_SHOWN} more; {listed}.")


def _left(screen: Screen, report: ReplayReport) -> Iterator[Line]:
    """Return what is left, and the reason."""
    if report.unreplayable:
        yield (f"{pluralize(report.unreplayable, 'failure')} can never be replayed, for the reason shown.",)
        yield (screen.completed(f"{CLOSES_IT}."),)
    yield from _never(screen, report.left_out)
    if report.waiting:
        later = screen.completed("run the same command again later. See `pipectl logs auditor`.")
        yield (f"{_waiting(report.waiting)}; {later}",)
    if report.claimed_elsewhere:
        yield (f"{_claimed(report.claimed_elsewhere)}.",)
    if report.done_elsewhere:
        done = f"{pluralize(report.done_elsewhere, 'failure')} {_was(report.done_elsewhere)}"
        yield (f"{done} replayed or resolved by another command meanwhile.",)
    if report.beyond:
        yield (f"{pluralize(report.beyond, 'unresolved failure')} left out by --limit.",)


def _next(screen: Screen, report: ReplayReport) -> Iterator[Line]:
    """Return the commands that help now."""
    if report.still_failing and report.left_ids:
        steps = [
            f"`pipectl audit show {_typed(report.left_ids[0])}`",
            WRONG_CODE,
            WRONG_ORDER,
        ]
    elif report.left > report.waiting + report.claimed_elsewhere:
        steps = ["`pipectl audit list`"]
    elif report.beyond:
        steps = ["`pipectl replay-dlq`"]
    else:
        steps = [] if report.left else ["`pipectl status`"]
    for place, step in enumerate(steps):
        yield ("      " if place else ("Next: ", "bold")), screen.completed(step)


def _show_preview(screen: Screen, found: Preview, *, notice: bool = False) -> None:
    def show(lines: Iterator[Line]) -> None:
        if notice:
            screen.notice(lines)
        else:
            screen.lines(lines)

    show(_done(screen, found.done))
    if not found.is_any:
        waiting = f"{_waiting(found.in_flight)}." if found.in_flight else _NOTHING
        show(iter([(waiting,)] if found.in_flight or not (found.done or found.unreplayable) else []))
        show(_never(screen, found.unreplayable))
        show(_missing(found))
        return
    show(_counted(found))
    groups = grouped(found.explained.explanations)
    _show_causes(screen, [(group.cause, group.count, group.orders) for group in groups], notice=notice)
    show(_places(found))
    show(_missing(found))
    show(_warnings(screen, found))


def _show_causes(screen: Screen, causes: Sequence[tuple[str, int, Sequence[str]]], *, notice: bool) -> None:
    rows = [(cause, f"{count:,}", orders_shown(orders)) for cause, count, orders in causes]
    if rows:
        screen.table(_CAUSES, rows, notice=notice)


def _counted(found: Preview) -> Iterator[Line]:
    if found.failures:
        count = f"{found.failures:,} or more" if found.more else f"{found.failures:,}"
        noun = f"{_noun(found)}{'' if found.failures == 1 else 's'}"
        yield (f"{count} {noun} to replay", ": ", _statuses(found.by_status), ".")
    yield from ((sentence,) for sentence in _changes(found))


def _noun(found: Preview) -> str:
    """Return ``order`` when each failure is that of one order of its own, else ``failure``."""
    explanations = found.explained.explanations
    keys = {each.order_keys for each in explanations if len(each.order_keys) == 1}
    return "order" if len(keys) == len(explanations) == found.failures else "failure"


def _changes(found: Preview) -> Iterator[str]:
    """Return sentences on whether the processor is still the one that failed."""
    versions = found.versions
    earlier = sum(found.by_status.get(status, 0) for status in _TRIED)
    they = "It" if earlier == 1 else "All"
    if earlier:
        yield f"{they if earlier == found.failures else f'{earlier:,}'} failed in an earlier replay."
    count = versions.unchanged or versions.changed
    since = (
        f" {'it' if count == 1 else 'they'} failed"
        if count == found.failures
        else f" {count:,} of the {found.failures:,} failed"
    )
    since = "" if earlier and count in (earlier, found.failures) else since
    if versions.unchanged:
        yield f"The processor has not changed since{since} (version {versions.live})."
    elif versions.changed:
        yield f"The processor has changed since{since} (now version {versions.live})."
    elif versions.compared:
        yield f"The version that failed is not known (now version {versions.live})."


def _places(found: Preview) -> Iterator[Line]:
    explained = len(found.explained.explanations)
    if found.source:
        yield (f"The records are read from {found.source}.",)
    elif explained:
        whose = "Records" if explained == found.failures else f"Records of the first {explained:,}"
        safe = "" if _risk(found) or found.places.unknown else " Nothing can be lost."
        yield (f"{whose}: {_numbers(found.places)}.{safe}",)
        yield from _risk(found)
    if explained < found.failures:
        yield (f"The causes are those of the first {explained:,}.",)
    if unread := found.explained.unexplained:
        yield (f"The records of {pluralize(unread, 'failure')} were not all read; orders and causes can be missing.",)
    for problem in found.explained.problems:
        yield ("! ", looks.WARN), f"not all causes and places are known: {problem}"


def _numbers(places: RecordPlaces) -> str:
    most = "at most " if places.at_most else ""
    parts = [f"{most}{places.stream:,} in the stream", f"{places.quarantine:,} in the quarantine"]
    parts += [f"{places.neither:,} in neither"] if places.neither else []
    parts += [f"{places.unknown:,} unknown"] if places.unknown else []
    return ", ".join(parts)


def _risk(found: Preview) -> list[Line]:
    """Return what can be lost, and until when."""
    places, lines = found.places, list[Line]()
    if places.only_stream:
        only = (f"{places.only_stream:,} ONLY in the stream", looks.BAD)
        end = "."
        if places.until and places.until > found.at:
            end = f" until {short_time(places.until, found.at)} ({relative(places.until, found.at)})."
        elif places.until:
            end = f"; the first expired {relative(places.until, found.at)}."
        lines.append((("! ", looks.WARN), only, end))
    if places.neither:
        lines.append((("! ", looks.BAD), f"{places.neither:,} expired and cannot be replayed."))
    return lines


def _deploy(found: Preview) -> Iterator[str]:
    if found.deploy:
        yield f"The failures are {found.deploy.describe(found.at)}: consider `pipectl rollback` first."


def _warnings(screen: Screen, found: Preview) -> Iterator[Line]:
    for sentence in _deploy(found):
        yield ("! ", looks.WARN), screen.completed(sentence)
    yield from _never(screen, found.unreplayable)
    if found.claimed:
        yield (f"{_claimed(found.claimed)}.",)
    if found.in_flight:
        yield (f"{_waiting(found.in_flight)}.",)
    if found.waiting_in_queue:
        messages = pluralize(found.waiting_in_queue, "message")
        yield (f"About {messages} in the dead-letter queue will be audited first.",)
    if found.beyond:
        left_out = f"{found.beyond:,} or more unresolved failures" if found.more else None
        yield (f"{left_out or pluralize(found.beyond, 'unresolved failure')} left out by --limit.",)
    yield (("! ", looks.WARN), _UNFIXED) if found.versions.unchanged else (_ALARM,)
    if found.failures > 1 and not found.source and (one := _one_to_try(found)):
        yield (screen.completed(f"Try one first: `pipectl replay-dlq --id {one}`"),)


def _never(screen: Screen, count: int) -> Iterator[Line]:
    """Yield the number of failures that no replay can process; --limit does not count them."""
    if count:
        see = screen.completed("see `pipectl audit list`")
        yield (f"{pluralize(count, 'failure')} can never be replayed ({see}).",)
        yield (screen.completed(f"{CLOSES_IT}."),)


def _one_to_try(found: Preview) -> str | None:
    """Return the id of one failure of the largest cause whose records are not gone."""
    failures = found.explained.explanations
    replayable = (each for each in failures if each.failure.range and each.safety is not Safety.GONE)
    groups = grouped(each for each in replayable if HASHED_ID.fullmatch(each.failure.audit_id))
    return short_id(groups[0].explanations[0].failure.audit_id) if groups else None


def _done(screen: Screen, done: Sequence[DoneFailure]) -> Iterator[Line]:
    """Return the lines about ids that need no replay."""
    if len(done) > _MOST_DONE:
        statuses = _statuses(Counter(each.status for each in done))
        again = "--id and --force replay one of them again"
        yield (f"{pluralize(len(done), 'failure')} of those given need no replay: {statuses}; {again}.",)
        return
    for each in done:
        short, since = short_id(each.audit_id), f" since {rfc3339(each.at)}" if each.at else ""
        again = f"`pipectl replay-dlq --id {_typed(each.audit_id)} --force` replays it again."
        yield (f"{short} is already {each.status}{since}.",)
        yield (screen.completed(again),)


def _missing(found: Preview) -> Iterator[Line]:
    for audit_id in found.missing[:_MOST_SHOWN]:
        yield ("! ", looks.BAD), f"{short_id(audit_id)}: it is no longer in the audit table; its saved records are kept"


def _statuses(counts: Mapping[str, int]) -> str:
    """``5 OPEN, 25 FAILED``: the words and the order are the same on each screen."""
    return ", ".join(f"{count:,} {status}" for status in ReplayStatus if (count := counts.get(status, 0)))


def _by_status(counts: Mapping[str, int]) -> dict[str, int]:
    return {str(status): counts.get(status, 0) for status in ReplayStatus}


def _causes_document(causes: Sequence[tuple[str, int, Sequence[str]]]) -> list[dict[str, object]]:
    return [{"cause": cause, "count": count, "orders": orders} for cause, count, orders in causes]


def _preview_document(found: Preview) -> dict[str, object]:
    groups = [(each.cause, each.count, each.orders) for each in grouped(found.explained.explanations)]
    return {
        "dryRun": True,
        "failures": _by_status(found.by_status),
        "more": found.more,
        "byType": found.by_type,
        "causes": _causes_document(groups),
        "unexplained": found.failures - len(found.explained.explanations) + found.explained.unexplained,
        "records": found.places,
        "processor": found.versions,
        "suspectDeploy": found.deploy,
        "unreplayable": found.unreplayable,
        "claimedElsewhere": found.claimed,
        "beyondLimit": found.beyond,
        "done": found.done,
        "missing": found.missing,
        "waitingInQueue": found.waiting_in_queue,
        "waitingForAuditor": found.in_flight,
        "firstToExpire": found.first_to_expire,
    }


def _document(report: ReplayReport) -> dict[str, object]:
    causes = [
        (cause, len(members), [order_shown(each.keys) for each in members])
        for cause, members in by_cause(report.failing, lambda each: each.error)
    ]
    return {
        "failures": _by_status(report.statuses),
        "records": {"replayed": report.replayed, "failing": report.still_failing},
        "causes": _causes_document(causes),
        "failing": report.failing,
        "expired": report.expired,
        "errors": report.errors,
        "claimedElsewhere": report.claimed_elsewhere,
        "doneElsewhere": report.done_elsewhere,
        "unreplayable": report.unreplayable,
        "audited": report.audited,
        "beyondLimit": report.beyond,
        "leftOut": report.left_out,
        "done": report.done,
        "waitingForAuditor": report.waiting,
    }


def _typed(audit_id: str) -> str:
    """Return an id for a command; an id that was written by hand could be anything, and is not repeated."""
    return short_id(audit_id) if HASHED_ID.fullmatch(audit_id) else "ID"


def _claimed(count: int) -> str:
    return f"{pluralize(count, 'failure')} {_is(count)} claimed by another replay; a claim expires within minutes"


def _was(count: int) -> str:
    return "was" if count == 1 else "were"


def _waiting(count: int) -> str:
    return f"{pluralize(count, 'failure')} {'waits' if count == 1 else 'wait'} for the auditor"


def _is(count: int) -> str:
    return "is" if count == 1 else "are"
