"""Every word and colour that pipectl shows. Results go to stdout, all else to stderr."""

from __future__ import annotations

import json
import shlex
import threading
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.status import Status
from rich.text import Text

from pipectl.aws import Call
from pipectl.commands.demo import DemoReport
from pipectl.commands.status import ResourceStatus, State
from pipectl.commands.up import UpReport
from pipectl.engine.model import Action, Change, Delta
from pipectl.engine.walk import current
from pipectl.errors import ConfigError, PipectlError

_LOOK = {
    Action.CREATE: ("+", "green", "created"),
    Action.UPDATE: ("~", "yellow", "updated"),
    Action.REPLACE: ("±", "magenta", "replaced"),
    Action.DELETE: ("-", "red", "deleted"),
    Action.ADOPT: (">", "cyan", "adopted"),
    Action.REFUSE: ("!", "bold red", "refused"),
    Action.KEEP: ("=", "dim", "kept"),
}
_STATE_LOOK = {State.IN_SYNC: "green", State.DRIFTED: "yellow", State.MISSING: "red", State.FOREIGN: "bold red"}
_LONGEST_VALUE = 200


class Screen:
    """Where words go.

    Args:
        json_output: Print results as one JSON document.
        quiet: No progress.
        verbose: Every AWS call too, and tracebacks.
        color: ``False`` for none; ``None`` leaves it to the terminal and NO_COLOR.
    """

    def __init__(
        self, *, json_output: bool = False, quiet: bool = False, verbose: bool = False, color: bool | None = None
    ) -> None:
        plain = {"highlight": False, "markup": False, "emoji": False, "soft_wrap": True}
        no_color = True if color is False else None
        self.json_output = json_output
        self.verbose = verbose
        self._quiet = quiet
        self._out = Console(no_color=no_color, **plain)  # type: ignore[arg-type]
        self._err = Console(stderr=True, no_color=no_color, **plain)  # type: ignore[arg-type]
        self._lock = threading.Lock()
        self._running: dict[str, str] = {}
        self._spinner: Status | None = None

    # results

    def json(self, document: Any) -> None:
        self._out.out(json.dumps(document, indent=2, default=str, ensure_ascii=False), highlight=False)

    def line(self, text: str | Text = "") -> None:
        self._out.print(text)

    def result(self, document: Any, words: str) -> None:
        """The same result as a document and as words."""
        if self.json_output:
            self.json(document)
        else:
            self.line(words)

    def demo(self, report: DemoReport) -> None:
        if self.json_output:
            self.json(vars(report))
            return
        versions = report.orders + report.updates
        seconds = report.seconds
        failures = f"{report.audited} failures audited, {report.quarantined} records in quarantine"
        for line in (
            "",
            "What this proved:",
            f"  {report.resources} resources made in {seconds['up']:.1f} s; a second `up` changed nothing",
            f"  {versions} order versions in, {report.objects} objects out, in {seconds['orders']:.1f} s",
            f"  {report.poison} poison orders: {failures}, in {seconds['failures']:.1f} s",
            f"  errors alarm: {report.errors_alarm}",
            f"  removed in {seconds['down']:.1f} s; {report.left} resources left",
            f"  {seconds['total']:.1f} s in all",
        ):
            self.line(line)

    def changes(self, report: UpReport, done: bool) -> None:
        """The result of `plan`, or of `up` when ``done``."""
        if self.json_output:
            self.json({"changes": [change_document(change) for change in report.changes], "outputs": report.outputs})
            return
        if not done:
            self._list(self._out, report.changes, with_kept=False)
        self.line(summary(report.changes, done))
        if done:
            self.outputs(report.outputs, heading=True)

    def removed(self, changes: Sequence[Change]) -> None:
        """The result of `down`."""
        if self.json_output:
            self.json({"changes": [change_document(change) for change in changes]})
            return
        for change in changes:
            if change.action is Action.KEEP:
                self.line(_line(change))
        self.line(summary(changes, done=True) if changes else "There is nothing to remove.")

    def statuses(self, statuses: Sequence[ResourceStatus]) -> None:
        if self.json_output:
            self.json({"resources": [status_document(status) for status in statuses]})
            return
        width = max(len(status.resource) for status in statuses)
        for status in statuses:
            text = Text(f"{status.state:<9}", _STATE_LOOK[status.state])
            text.append(f" {status.resource:<{width}}", "bold").append(f"  {status.name}")
            self.line(text)
            if status.reason:
                self.line(f"          {status.reason}")
            self._deltas(self._out, status.drift, "          ")
        counts = Counter(status.state for status in statuses)
        self.line(", ".join(f"{counts[state]} {state}" for state in State if counts[state]))

    def outputs(self, outputs: Mapping[str, str], *, heading: bool = False, env: bool = False) -> None:
        if self.json_output:
            self.json(outputs)
            return
        if env:
            for name, value in outputs.items():
                self.line(f"{_environment_name(name)}={shlex.quote(value)}")
            return
        if heading:
            self.line()
        width = max(map(len, outputs), default=0)
        for name, value in outputs.items():
            self.line(Text(f"{name:<{width}}", "bold").append(f"  {value}"))

    # everything else

    def plan_before_asking(self, changes: Sequence[Change]) -> None:
        self._list(self._err, changes, with_kept=False)
        self._err.print(summary(changes, done=False))

    def note(self, text: str) -> None:
        if not self._quiet:
            self._err.print(text)

    def waiting(self, text: str) -> None:
        resource = current.get()
        self.note(f"  {resource}: {text}" if resource else f"  {text}")

    def called(self, call: Call) -> None:
        if self.verbose:
            self._err.print(Text(f"  {call.service} {call.operation}", "dim"))

    def started(self, change: Change) -> None:
        if change.action is Action.KEEP:
            return
        with self._lock:
            self._running[change.resource] = change.action
            self._spin()

    def finished(self, change: Change, seconds: float) -> None:
        if change.action is Action.KEEP:
            return
        with self._lock:
            self._running.pop(change.resource, None)
            self._spin()
        mark, colour, done = _LOOK[change.action]
        self.note_line(Text(f"{mark} {change.resource} {done}", colour).append(f"  {seconds:.1f} s", "dim"))

    def failed(self, change: Change, error: PipectlError) -> None:
        with self._lock:
            self._running.pop(change.resource, None)
            self._spin()
        self.note_line(Text(f"! {change.resource} failed: {error.message}", "bold red"))

    def note_line(self, text: Text) -> None:
        if not self._quiet:
            self._err.print(text)

    def error(self, error: PipectlError) -> None:
        """The error, for people or as JSON, on stderr."""
        if self.json_output:
            self._err.out(json.dumps({"error": error_document(error)}, ensure_ascii=False), highlight=False)
            return
        where = f"{error.resource}: " if error.resource and not error.message.startswith(error.resource) else ""
        self._err.print(Text("Error: ", "bold red").append(f"{where}{error.message}", "not bold"))
        if error.hint:
            self._err.print(Text("  What to do: ", "bold").append(error.hint, "not bold"))

    def traceback(self) -> None:
        self._err.print_exception(word_wrap=True)

    def close(self) -> None:
        with self._lock:
            self._running.clear()
            self._spin()

    def _spin(self) -> None:
        """The line that turns while something runs; only where a terminal shows it."""
        if self._quiet or not self._err.is_terminal:
            return
        if self._running:
            words = "  ".join(f"{action} {resource}" for resource, action in self._running.items())
            if self._spinner is None:
                self._spinner = self._err.status(words)
                self._spinner.start()
            self._spinner.update(words)
        elif self._spinner is not None:
            self._spinner.stop()
            self._spinner = None

    def _list(self, console: Console, changes: Iterable[Change], *, with_kept: bool) -> None:
        for change in changes:
            if change.action is Action.KEEP and not with_kept:
                continue
            console.print(_line(change))
            if change.action in (Action.UPDATE, Action.REPLACE, Action.ADOPT, Action.REFUSE):
                self._deltas(console, change.attributes, "      ")

    def _deltas(self, console: Console, deltas: Mapping[str, Delta], indent: str) -> None:
        for path, delta in deltas.items():
            text = Text(f"{indent}{path}: ").append(_shown(delta.before), "red").append(" -> ")
            console.print(text.append(_shown(delta.after), "green"))


def summary(changes: Sequence[Change], done: bool) -> str:
    """``2 to create, 1 to update`` before, ``2 created, 1 updated`` after."""
    counts = Counter(change.action for change in changes)
    parts = []
    for action, (_, _, past) in _LOOK.items():
        if counts[action] and action is not Action.KEEP:
            parts.append(
                f"{counts[action]} {past}" if done or action is Action.REFUSE else f"{counts[action]} to {action}"
            )
    if not parts:
        return f"Nothing to do: all {counts[Action.KEEP]} resources are as the config says."
    if counts[Action.KEEP]:
        parts.append(f"{counts[Action.KEEP]} unchanged")
    return f"{', '.join(parts)}."


def change_document(change: Change) -> dict[str, Any]:
    document: dict[str, Any] = {
        "resource": change.resource,
        "kind": change.kind,
        "name": change.name,
        "action": str(change.action),
        "attributes": _deltas_document(change.attributes),
    }
    return document | ({"reason": change.reason} if change.reason else {})


def status_document(status: ResourceStatus) -> dict[str, Any]:
    document: dict[str, Any] = {
        "resource": status.resource,
        "kind": status.kind,
        "name": status.name,
        "state": str(status.state),
        "drift": _deltas_document(status.drift),
    }
    return document | ({"reason": status.reason} if status.reason else {})


def error_document(error: PipectlError) -> dict[str, Any]:
    document: dict[str, Any] = {
        "code": error.code,
        "message": error.message,
        "hint": error.hint,
        "resource": error.resource,
    }
    if isinstance(error, ConfigError):
        document["problems"] = [vars(problem) for problem in error.problems]
    return document


def _deltas_document(deltas: Mapping[str, Delta]) -> dict[str, Any]:
    return {path: {"from": delta.before, "to": delta.after} for path, delta in deltas.items()}


def _line(change: Change) -> Text:
    mark, colour, _ = _LOOK[change.action]
    text = Text(f"{mark} {change.action:<8}", colour).append(f"{change.resource:<24}", "bold").append(change.name)
    return text.append(f"\n      {change.reason}", "default") if change.reason else text


def _shown(value: Any) -> str:
    if value is None:
        return "(none)"
    text = value if isinstance(value, str) else json.dumps(value, default=str, ensure_ascii=False)
    return text if len(text) <= _LONGEST_VALUE else f"{text[:_LONGEST_VALUE]}... ({len(text)} characters)"


def _environment_name(output: str) -> str:
    """``OrdersTableName`` -> ``ORDERS_TABLE_NAME``."""
    return "".join(f"_{c}" if c.isupper() and i else c for i, c in enumerate(output)).upper()
