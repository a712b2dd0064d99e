"""The console: results go to stdout, everything else to stderr.

All text passes through here, in parts. A part is a text or a pair of a text and a style, so that a style never
continues over the rest of the line. Control characters in data are shown as escapes. Data are printed as they are; only
sentences and hints of pipectl get the options that were used, with `Screen.completed`.
"""

from __future__ import annotations

import os
import re
import sys
import time
import traceback
from collections.abc import Callable, Iterable, Sequence
from contextlib import nullcontext, suppress
from typing import IO, TYPE_CHECKING, Literal, TypeAlias

from rich.console import Console
from rich.text import Text

from pipectl.errors import (
    AwsError,
    CancelledError,
    ConfigError,
    DeclinedError,
    PackageError,
    PipectlError,
    RefusedError,
    RequirementError,
)
from pipectl.failures.errors import OrderError
from pipectl.output import looks
from pipectl.output.hints import Options, with_options
from pipectl.output.live import LiveArea
from pipectl.output.printable import masked, printable, secrets_of
from pipectl.output.progress import Progress
from pipectl.output.redraw import Redraw
from pipectl.output.serializer import dumps, versioned
from pipectl.output.table import Column, table_lines
from pipectl.output.wrapping import hanging, wrapped
from pipectl.text import documentation

if TYPE_CHECKING:
    from pipectl.aws.calls import Call

Part: TypeAlias = "str | tuple[str, str]"
Line: TypeAlias = "tuple[Part, ...]"

_SIZES = ("COLUMNS", "LINES")
_SIZE = re.compile("[1-9][0-9]{0,4}")
"""A size of a terminal. With 0 rich would print nothing, and other values, such as a superscript, would end it."""


class Screen:
    """Prints results, progress and errors.

    Args:
        json_output: Print results as one JSON document.
        quiet: Print no progress.
        verbose: Print every AWS call, and tracebacks.
        color: Use colours and a progress line on a terminal; other outputs never get them.
        options: The options that commands in messages have to carry.
        monotonic: Returns the seconds since a fixed moment.
    """

    def __init__(
        self,
        *,
        json_output: bool = False,
        quiet: bool = False,
        verbose: bool = False,
        color: bool = True,
        options: Options = (),
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.json_output = json_output
        self.verbose = verbose
        self.out = _console(stderr=False, color=color)
        self.err = _console(stderr=True, color=color)
        self._quiet = quiet
        self._options = options
        self._secrets = secrets_of(os.environ)
        # FORCE_COLOR makes rich take a file for a terminal; cursor codes are for real ones alone.
        moves_cursor = self.err.is_terminal and not (self.err.is_dumb_terminal or self.err.legacy_windows)
        in_place = color and not quiet and moves_cursor and _is_terminal(sys.stderr)
        area = LiveArea(self.err) if in_place else None
        self.progress = Progress(self, area, quiet=quiet, monotonic=monotonic)
        self._redraw: Redraw | None = None

    @property
    def width(self) -> int | None:
        """The width of the terminal; ``None`` without one."""
        return _width(self.out)

    def can_show(self, text: str, *, on_err: bool = False) -> bool:
        """Return whether the encoding of the output, or with ``on_err`` of stderr, has these characters."""
        try:
            text.encode((self.err if on_err else self.out).encoding)
        except (UnicodeEncodeError, LookupError):
            return False
        return True

    def redraw(self, *, gap: bool) -> Redraw:
        """Return a report that is drawn again in place, to be used in a ``with`` statement.

        Args:
            gap: Where it is not drawn in place, an empty line separates two reports; never with JSON.
        """
        in_place = self.width is not None and not self.out.is_dumb_terminal and not self.json_output
        self._redraw = Redraw(self.out, in_place=in_place, gap=gap and not self.json_output)
        return self._redraw

    def completed(self, text: str, *, config: str | None = None) -> str:
        """Return a sentence of pipectl whose commands carry the options that were used. Data must not pass here.

        Args:
            text: The sentence.
            config: The config file of the commands, where it is another one.
        """
        options = [each for each in self._options if each[0] != "-c"] if config else self._options
        return with_options(text, [("-c", config), *options] if config else options)

    def command(self, words: str) -> str:
        """Return a command, such as ``audit list``, as it is typed: with ``pipectl`` and the options that were used."""
        return self.completed(f"`pipectl {words}`")[1:-1]

    # Results

    def json(self, value: object) -> None:
        """Print a result as one JSON document."""
        self.progress.end_step()
        self.out.out(masked(dumps(value), self._secrets), highlight=False)

    def document(self, value: object) -> None:
        """Print a result as one JSON document with a schema version."""
        self.json(versioned(value))

    def line(self, *parts: Part) -> None:
        """Print one line of the result."""
        self._print(self.out, parts)

    def lines(self, lines: Iterable[Line], *, broken: bool = False) -> None:
        """Print lines of the result. On a terminal, words longer than a line are broken if ``broken``."""
        for parts in lines:
            self._print(self.out, parts, broken=broken)

    def table(
        self,
        columns: Sequence[Column],
        rows: Sequence[Sequence[Part | Line]],
        *,
        notice: bool = False,
    ) -> None:
        """Print a table with a header. A cell is a part, or a tuple of parts; a pair of two texts is one part.

        On a terminal the flexible columns take the width that is left; without one nothing wraps. A ``notice`` is
        printed on stderr.
        """
        console = self.err if notice else self.out
        self.progress.end_step()
        cells = [[self.text(_parts(cell)) for cell in row] for row in rows]
        for text in table_lines(console, columns, cells, _width(console)):
            console.print(text)

    def hanging(self, prefix: Line, body: Line) -> None:
        """Print one line of the result. On a terminal the body wraps beside the prefix, not below it."""
        self.progress.end_step()
        for line in hanging(self.text(prefix), self.text(body), self.width):
            self.out.print(line)

    def json_line(self, value: object) -> None:
        """Print one of several results, as a JSON document on one line."""
        self.progress.end_step()
        self.out.out(masked(dumps(versioned(value), indent=None), self._secrets), highlight=False)

    def verbatim(self, text: str) -> None:
        """Print a text of several lines whose characters are all printable, such as YAML."""
        for line in text.split("\n"):
            self._print(self.out, (line,), wraps=False)

    def markup(self, text: str) -> None:
        """Print a result in a markup language, in which each text of other origin has passed `text`."""
        self.progress.end_step()
        self.out.out(text, highlight=False)

    def credentials(self, text: str) -> None:
        """Print one line of a result that is a credential on purpose: it is not masked."""
        self.progress.end_step()
        self.out.out(printable(text), highlight=False)

    # All else

    def notice(self, lines: Iterable[Line], *, broken: bool = False) -> None:
        """Print lines on stderr, with ``quiet`` too: users need them for an answer."""
        for parts in lines:
            self._print(self.err, parts, broken=broken)

    def note(self, text: str, *, commands: bool = False, look: str = "") -> None:
        """Print one line of progress; with ``commands`` as `completed` returns it."""
        if not self._quiet:
            self._print(self.err, ((self.completed(text) if commands else text, look),))

    def header(self, parts: Line, *, passing: bool = False) -> None:
        """Print the line that says which pipeline a command works on.

        Args:
            parts: The line.
            passing: On a terminal the result, which says it, too, removes the line.
        """
        if passing and self.progress.in_place and not self.json_output:
            self.progress.step(self.text(parts).plain)
        elif not self._quiet:
            self.progress.end_step()
            self._print(self.err, parts)

    def step(self, text: str) -> None:
        """Show what a command does now; see `Progress.step`."""
        self.progress.step(text)

    def opening(self, text: str) -> None:
        """Print the first words of a command that takes longer: as a step, or as a note where no terminal is.

        With JSON there is no such note, because programs read stderr, too.
        """
        if self.progress.in_place:
            self.step(text)
        elif not self.json_output:
            self.note(text)

    def called(self, call: Call) -> None:
        if self.verbose:
            self._print(self.err, ((f"  {call.service} {call.operation}", looks.LESS),))

    # Errors

    def error(self, error: PipectlError) -> None:
        """Print an error on stderr, as text or as JSON. Ignore a stderr that cannot be written."""
        with suppress(OSError):
            if self.json_output:
                document = dumps({"error": self.error_document(error)}, indent=None)
                self.err.out(masked(document, self._secrets), highlight=False)
            else:
                self.notice(_error_lines(error, self.completed(error.hint) if error.hint else None))
                if self.verbose:
                    self._print(self.err, (("Code:", "bold"), f" {error.code}, see {explanation(error)}"))

    def last_words(self, error: PipectlError) -> str:
        """Return an error as text, to be written without any lock; the cursor, if it is hidden, comes back."""
        show_cursor = self.progress.leave_now()
        if self._redraw:
            show_cursor = self._redraw.leave_now() + show_cursor
        if self.json_output:
            return f"{show_cursor}{dumps({'error': self.error_document(error)}, indent=None)}\n"
        return f"{show_cursor}{error.message[:1].upper()}{error.message[1:]}\n"

    def traceback(self) -> None:
        with suppress(OSError):
            for line in traceback.format_exc().splitlines():
                self._print(self.err, (f"  {line}",))

    def close(self) -> None:
        """Remove the changing lines of the terminal."""
        self.progress.close()

    def error_document(self, error: PipectlError) -> dict[str, object]:
        """Return an error as a document."""
        found: dict[str, object] = {
            "code": error.code,
            "message": error.message,
            "hint": self.completed(error.hint) if error.hint else None,
            "resource": error.resource,
            "documentation": explanation(error),
        }
        if isinstance(error, ConfigError):
            found["problems"] = error.problems
        if isinstance(error, PackageError):
            found |= {"problem": error.problem, "path": error.path}
        if isinstance(error, OrderError):
            found |= {"problem": error.problem, "place": error.place}
        if isinstance(error, AwsError):
            found["awsCode"] = error.aws_code
        if isinstance(error, RefusedError) and error.resources:
            found["resources"] = error.resources
        if isinstance(error, RequirementError):
            found |= {"missing": error.missing, "unmanaged": error.unmanaged}
        return found

    def _print(self, console: Console, parts: Line, *, wraps: bool = True, broken: bool = False) -> None:
        if console is self.out:
            self.progress.end_step()
        text = self.text(parts)

        def draw() -> None:
            for line in wrapped(text, _width(console) if wraps else None, broken=broken):
                console.print(line)

        # A log that cannot be written is no reason to end a command in the middle of its changes.
        with suppress(OSError) if console is self.err else nullcontext():
            self.progress.area.above(draw) if self.progress.area and console is self.err else draw()

    def text(self, parts: Line) -> Text:
        text = Text()
        for part in parts:
            words, style = (part, "") if isinstance(part, str) else part
            text.append(printable(masked(words, self._secrets)), style)
        return text


def _parts(cell: Part | Line) -> Line:
    if isinstance(cell, str):
        return (cell,)
    match cell:
        case (str(words), str(style)):
            return ((words, style),)
    return cell


def _console(*, stderr: bool, color: bool) -> Console:
    # Without a color system no escape code is written; rich's own no_color keeps those for bold and dim.
    system: Literal["auto"] | None = "auto" if color else None
    return Console(
        stderr=stderr,
        color_system=system,
        highlight=False,
        markup=False,
        emoji=False,
        soft_wrap=True,
        _environ={name: value for name, value in os.environ.items() if name not in _SIZES or _SIZE.fullmatch(value)},
    )


def _error_lines(error: PipectlError, hint: str | None) -> Iterable[Line]:
    """Return an error's lines; all but the first are indented, so that none of them can look like a result.

    AWS's own message is one line, whatever is in it.
    """
    first, *others = [error.message] if isinstance(error, AwsError) else error.message.split("\n")
    if isinstance(error, CancelledError | DeclinedError):
        yield (f"{first[:1].upper()}{first[1:]}",)
    else:
        where = f"{error.resource}: " if error.resource and not first.startswith(error.resource) else ""
        yield ("Error:", looks.BAD), f" {where}{first}"
    for line in others:
        yield (f"  {line}",)
    if hint:
        yield ("Hint:", "bold"), f" {hint}"


def explanation(error: PipectlError) -> str:
    """Return the address of the section about an error's code."""
    return documentation(f"errors.md#{error.code.lower()}")


def _width(console: Console) -> int | None:
    """Return the width of the terminal; ``None`` without one."""
    return console.width if console.is_terminal and _is_terminal(console.file) else None


def _is_terminal(stream: IO[str] | None) -> bool:
    with suppress(ValueError, OSError):
        return stream is not None and stream.isatty()
    return False
