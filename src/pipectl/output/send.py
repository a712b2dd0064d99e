"""Output of `send`: the order, and its object or its failure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from pipectl.aws.log_entries import parse_entry
from pipectl.commands.send import SendReport, SendState
from pipectl.commands.send_direct import DirectReport
from pipectl.failures.model import short_id
from pipectl.output import looks
from pipectl.output.console import Screen
from pipectl.output.next_commands import command_in, print_next, with_options
from pipectl.output.records import plain
from pipectl.output.serializer import dumps
from pipectl.text import pluralize, shell_word

_LOOK = {
    SendState.STORED: ("✓", looks.GOOD),
    SendState.WAITING: ("…", looks.WARN),
    SendState.FAILED: ("✗", looks.BAD),
}
_WRITTEN = {"INSERT": "inserted", "MODIFY": "modified"}
_LABEL = 12


def result(screen: Screen, report: SendReport) -> None:
    """Print the result of `send`."""
    if screen.json_output:
        screen.document(_document(screen, report))
        return
    if report.state is SendState.STORED:  # before the verdict, which is then on the screen also when this is long
        screen.verbatim(dumps(report.document))
    mark, look = _LOOK[report.state]
    screen.line((f"{mark} {report.state.upper()}", look), f"  {_headline(report)}")
    _facts(screen, _of_order(screen, report))
    print_next(screen, _next(report))


def direct(screen: Screen, report: DirectReport) -> None:
    """Print the result of `send --direct`."""
    if screen.json_output:
        screen.document(_direct_document(screen, report))
        return
    if report.document is not None:
        screen.verbatim(dumps(report.document))
    failed, version = report.error is not None, f"version {report.version} of " if report.version else ""
    mark, look = _LOOK[SendState.FAILED if failed else SendState.STORED]
    word = "FAILED" if failed else "PROCESSED"
    screen.line((f"{mark} {word}", look), f"  {report.key}: by {version}the processor in {report.seconds:.2f} s")
    _facts(screen, _of_invocation(report))
    print_next(screen, _next_direct(report))


def _headline(report: SendReport) -> str:
    written = _WRITTEN.get(str(report.event_name), "written")
    seconds, failure = f"{report.seconds:.1f} s", report.failure
    match report.state:
        case SendState.STORED:
            words = f"{written}, and stored after {seconds}"
        case SendState.WAITING:
            words = f"{written}, and not processed yet ({seconds}); it is in the table"
        case SendState.FAILED:
            count = f" after {pluralize(failure.tries, 'attempt')}" if failure and failure.tries else ""
            words = f"{written}, and failed{count} ({seconds})"
    return f"{report.key}: {words}"


def _of_order(screen: Screen, report: SendReport) -> Iterator[tuple[str, str]]:
    """Yield what is known about an order, each with its label."""
    failure = report.failure
    if report.waits_for:
        yield "waits for", screen.completed(report.waits_for)
    if failure:
        yield "reason", failure.reason or "no reason found"
    if failure and failure.audit_id:
        yield "failure", short_id(failure.audit_id)
    yield "order", _order(report)
    if report.generated:
        yield "key", "the order had none, so a new one was chosen"
    if report.event_id:
        yield "record", f"{report.event_id} (sequence number {report.sequence_number})"
    if failure and failure.quarantine:
        yield "quarantine", failure.quarantine
    if report.object:
        yield "object", report.object


def _of_invocation(report: DirectReport) -> Iterator[tuple[str, str]]:
    """Yield what is known about an invocation, each with its label."""
    if report.error:
        yield "reason", report.error
    else:
        yield "answer", dumps(report.answer, indent=None)
    yield "order", _order(report)
    for number, line in enumerate(_log(report)):
        yield "log" if number == 0 else "", line
    if report.quarantine:
        yield "quarantine", report.quarantine
    if not report.error:
        yield "object", report.object or "none under the key of this record"


def _log(report: DirectReport) -> Iterator[str]:
    """Yield the lines of the log as `logs` shows them, without what the reason says."""
    for line in report.lines:
        entry = parse_entry(line)
        if not entry.level and not entry.fields:
            yield line.replace("\t", "  ")
            continue
        if entry.text != report.error:
            yield f"{entry.level} {entry.text}".strip().replace("\t", "  ")
        yield from (f"  {detail}".replace("\t", "  ") for detail in entry.details)


def _order(report: SendReport | DirectReport) -> str:
    return dumps(_plain(report.order), indent=None)


def _plain(order: Mapping[str, object]) -> dict[str, object]:
    return {name: plain(value) for name, value in order.items()}


def _facts(screen: Screen, facts: Iterator[tuple[str, str]]) -> None:
    for label, text in facts:
        screen.hanging((f"  {label:<{_LABEL}}",), (text,))


def _next(report: SendReport) -> Iterator[str]:
    """Yield the commands that help."""
    key = shell_word(report.key)
    if report.state is SendState.FAILED and report.failure and report.failure.audit_id:
        failure = shell_word(short_id(report.failure.audit_id))
        yield f"pipectl audit show {failure}"
        # Where the handler cannot run, no line of the log names the order.
        yield f"pipectl logs --order {key}" if report.failure.quarantine else f"pipectl logs --failure {failure}"
    elif report.state is SendState.WAITING:
        if named := command_in(report.waits_for or ""):
            yield named
        yield f"pipectl trace {key}"


def _next_direct(report: DirectReport) -> Iterator[str]:
    if report.error and not report.lines:
        yield "pipectl logs --errors --since 5m"


def _document(screen: Screen, report: SendReport) -> dict[str, object]:
    return {
        "key": report.key,
        "generated": report.generated,
        "state": report.state,
        "seconds": round(report.seconds, 3),
        "order": _plain(report.order),
        "eventName": report.event_name,
        "eventId": report.event_id,
        "sequenceNumber": report.sequence_number,
        "object": report.object,
        "document": report.document,
        "failure": report.failure,
        "waitsFor": screen.completed(report.waits_for) if report.waits_for else None,
        "next": with_options(screen, _next(report)),
    }


def _direct_document(screen: Screen, report: DirectReport) -> dict[str, object]:
    return {
        "key": report.key,
        "generated": report.generated,
        "state": SendState.FAILED if report.error else "processed",
        "seconds": round(report.seconds, 3),
        "order": _plain(report.order),
        "eventId": report.event_id,
        "version": report.version,
        "answer": report.answer,
        "error": report.error,
        "lines": report.lines,
        "object": report.object,
        "document": report.document,
        "quarantine": report.quarantine,
        "next": with_options(screen, _next_direct(report)),
    }
