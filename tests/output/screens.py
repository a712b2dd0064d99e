"""Capture what an output module prints."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from typing import Any

from rich.console import Console

from pipectl.output.console import Screen
from pipectl.output.hints import Options

LOCAL = (("--local", None),)


class Terminal(io.TextIOWrapper):
    def isatty(self) -> bool:
        return True


def on_terminal(show: Callable[[Screen], object], width: int, encoding: str = "utf-8") -> list[str]:
    """Return the lines on a terminal without colours."""
    written = io.BytesIO()
    screen = Screen(options=LOCAL)
    file = Terminal(written, encoding=encoding)
    screen.out = Console(file=file, force_terminal=True, color_system=None, width=width, soft_wrap=True)
    show(screen)
    file.flush()
    return written.getvalue().decode(encoding).splitlines()


def printed(show: Callable[[Screen], object], options: Options = ()) -> str:
    """Return stdout and stderr as text, as a file gets them: without colors."""
    screen = Screen(options=options)
    screen.out.file = screen.err.file = io.StringIO()
    show(screen)
    return screen.out.file.getvalue()


def document(show: Callable[[Screen], object], options: Options = ()) -> Any:
    """Return the JSON document on stdout."""
    screen = Screen(json_output=True, options=options)
    screen.out.file = io.StringIO()
    show(screen)
    return json.loads(screen.out.file.getvalue())
