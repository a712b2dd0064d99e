"""Where words go: results to stdout, all else to stderr."""

from __future__ import annotations

import threading
from typing import Any

from rich.console import Console
from rich.status import Status
from rich.text import Text

from pipectl.aws.client import Call
from pipectl.engine.model import Action, Change
from pipectl.engine.parallel import current
from pipectl.errors import ConfigError, PipectlError
from pipectl.output.serializer import dumps, versioned

ACTION_LOOK = {
    Action.CREATE: ("+", "green", "created"),
    Action.UPDATE: ("~", "yellow", "updated"),
    Action.REPLACE: ("±", "magenta", "replaced"),
    Action.DELETE: ("-", "red", "deleted"),
    Action.ADOPT: (">", "cyan", "adopted"),
    Action.REFUSE: ("!", "bold red", "refused"),
    Action.KEEP: ("=", "dim", "kept"),
}
"""Mark, colour and past tense of each action."""


class Screen:
    """Where words go.

    Args:
        json_output: Print results as one JSON document.
        quiet: No progress.
        verbose: Every AWS call too, and tracebacks.
        color: Whether a terminal is shown colours, and the line that turns; what is no terminal never is.
    """

    def __init__(
        self, *, json_output: bool = False, quiet: bool = False, verbose: bool = False, color: bool = True
    ) -> None:
        plain: dict[str, Any] = {"highlight": False, "markup": False, "emoji": False, "soft_wrap": True}
        # Without a colour system no escape code is written; rich's own no_color keeps those for bold and dim.
        plain["color_system"] = "auto" if color else None
        self.json_output = json_output
        self.verbose = verbose
        self._quiet = quiet
        self.out = Console(**plain)
        self.err = Console(stderr=True, **plain)
        self._lock = threading.Lock()
        self._running: dict[str, str] = {}
        self._turns = color and not quiet and self.err.is_terminal
        self._spinner: Status | None = None

    def json(self, value: object) -> None:
        """Print a result as one JSON document."""
        self.out.out(dumps(value), highlight=False)

    def document(self, value: object) -> None:
        """Print a result as one JSON document with a schema version."""
        self.json(versioned(value))

    def line(self, text: str | Text = "") -> None:
        self.out.print(text)

    def note(self, text: str) -> None:
        if not self._quiet:
            self.err.print(text)

    def waiting(self, text: str) -> None:
        resource = current.get()
        self.note(f"  {resource}: {text}" if resource else f"  {text}")

    def called(self, call: Call) -> None:
        if self.verbose:
            self.err.print(Text(f"  {call.service} {call.operation}", "dim"))

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
        mark, colour, done = ACTION_LOOK[change.action]
        self.note_line(Text(f"{mark} {change.resource} {done}", colour).append(f"  {seconds:.1f} s", "dim"))

    def failed(self, change: Change, error: PipectlError) -> None:
        with self._lock:
            self._running.pop(change.resource, None)
            self._spin()
        self.note_line(Text(f"! {change.resource} failed: {error.message}", "bold red"))

    def note_line(self, text: Text) -> None:
        if not self._quiet:
            self.err.print(text)

    def error(self, error: PipectlError) -> None:
        """The error, for people or as JSON, on stderr."""
        if self.json_output:
            self.err.out(dumps({"error": error_document(error)}, indent=None), highlight=False)
            return
        where = f"{error.resource}: " if error.resource and not error.message.startswith(error.resource) else ""
        self.err.print(Text("Error: ", "bold red").append(f"{where}{error.message}", "not bold"))
        if error.hint:
            self.err.print(Text("Hint: ", "bold").append(error.hint, "not bold"))

    def traceback(self) -> None:
        self.err.print_exception(word_wrap=True)

    def close(self) -> None:
        with self._lock:
            self._running.clear()
            self._spin()

    def _spin(self) -> None:
        """The line that turns while something runs; only where a terminal shows it."""
        if not self._turns:
            return
        if self._running:
            words = "  ".join(f"{action} {resource}" for resource, action in self._running.items())
            if self._spinner is None:
                self._spinner = self.err.status(words)
                self._spinner.start()
            self._spinner.update(words)
        elif self._spinner is not None:
            self._spinner.stop()
            self._spinner = None


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
