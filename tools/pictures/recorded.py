"""Pictures and outputs that are recorded from the real program. Two runs differ in times, ids and durations."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from tools.pictures import scenario
from tools.pictures.animation import animation
from tools.pictures.screens import screen
from tools.pictures.session import Recording, RecordingError
from tools.pictures.texts import block, pages, rewritten

from pipectl.output.svg import DARK, LIGHT

SCREENS: Mapping[str, tuple[str, ...]] = {
    "screen-status-failing": ("status-failing",),
    "screen-plan": ("plan", "up-plan"),
    "screen-audit-list": ("audit-list",),
    "screen-trace": ("trace",),
    "screen-status-failing-narrow": ("status-failing-narrow",),
    "screen-plan-narrow": ("plan-narrow",),
    "screen-audit-list-narrow": ("audit-list-narrow",),
    "screen-trace-narrow": ("trace-narrow",),
}
"""The commands in each picture of a terminal; narrow ones are for phones."""
MOVING = ("demo", "demo-narrow")
NAMES = (*MOVING, *SCREENS)
"""The pictures of one run; none is recorded without the others."""

OUTPUTS = frozenset(
    {
        *("demo", "init", "up", "send", "send-invalid", "status", "status-failing"),
        *("plan", "up-plan", "audit-list", "audit-show", "trace", "trace-failed", "replay-preview"),
        *("replay", "verify", "report", "outputs", "logs", "down", "list"),
        *("plan-code", "save", "resolve", "rollback", "pause", "resume", "plan-rename", "down-refused"),
        *("plan-refused", "plan-adopt"),
    }
)
"""The outputs of the scenario, which documents name after ``screen:``."""

PRIVATE = re.compile(r"(?<![\w.-])/(?:home|root|tmp|Users|var|work|opt|mnt|private)/\S*|127\.0\.0\.1|localhost")
"""Paths and addresses of a machine. No recording shows them."""


def write(root: Path) -> Iterator[Path]:
    """Run the scenario. Write its pictures, and its outputs in the documents. Yield each file.

    Raises:
        RecordingError: a command ended in another way than expected, or shows a path or an address of this machine.
    """
    recordings = scenario.run()
    outputs = {name for name in recordings if not name.endswith("-narrow")}
    assert outputs == OUTPUTS, sorted(outputs ^ OUTPUTS)
    for path, written in [*_pictures(root, recordings), *_pages(root, recordings)]:
        if found := PRIVATE.search(written) if path.suffix == ".svg" else None:
            raise RecordingError(f"{path.name} shows {found[0]}")
        path.write_text(written, encoding="utf-8")
        yield path


def _pictures(root: Path, recordings: Mapping[str, Recording]) -> Iterator[tuple[Path, str]]:
    for theme in (LIGHT, DARK):
        for name in MOVING:
            yield _file(root, name, theme.name), animation(name, recordings[name], theme)
        for name, shown in SCREENS.items():
            yield _file(root, name, theme.name), screen(name, [recordings[each] for each in shown], theme)


def _pages(root: Path, recordings: Mapping[str, Recording]) -> Iterator[tuple[Path, str]]:
    blocks = {name: block(name, recording) for name, recording in recordings.items()}
    for name, text in blocks.items():
        if found := PRIVATE.search(text):
            raise RecordingError(f"the output of {name} shows {found[0]}")
    for page in pages(root):
        old = page.read_text(encoding="utf-8")
        new = rewritten(old, blocks)
        if new != old:
            yield page, new


def _file(root: Path, name: str, theme: str) -> Path:
    return root / "docs" / "pictures" / f"{name}-{theme}.svg"
