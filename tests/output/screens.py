"""Capture what an output module prints."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from typing import Any

from pipectl.output.console import Screen
from pipectl.output.hints import Options


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
