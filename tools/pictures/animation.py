"""Moving pictures of a terminal: one recording, in its own rhythm, without a script.

Each version of each line is drawn once. Rules of CSS show it while it was in the window, and scroll the lines. People
who want less motion see the last view.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from tools.pictures.screens import ROW, Window, document, line_of, prompt
from tools.pictures.session import Recording
from tools.pictures.terminal import Line, View, text_of, views_of

from pipectl.output.svg import Theme, number

PLAYED = 15.0
"""Seconds that the run takes in the picture at least; longer than in reality, so that it can be read."""
SLOWEST = 8
"""The most by which it is slower than the run."""
HOLD = 6.0
LONGEST_PAUSE = 1.2
"""Seconds in the picture: of the last view, and without a change before it."""
_TOGETHER = 0.06
"""Seconds in the picture within which two views are shown as one."""


@dataclass(frozen=True)
class Shown:
    """A version of a line, and when it is shown. ``until`` is ``None`` for a line of the last view."""

    row: int
    line: Line
    since: float
    until: float | None


def animation(name: str, recording: Recording, theme: Theme) -> str:
    """Return the moving picture of a command."""
    views, slower = _in_picture(recording)
    seconds = views[-1].at + HOLD
    first = prompt(recording)
    shown = [
        *(Shown(row, line, 0, None) for row, line in enumerate(first)),
        *(replace(each, row=each.row + len(first)) for each in _shown(views)),
    ]
    shown = [
        each for each in (_scrolled(each, views) for each in shown) if each.until is None or each.until > each.since
    ]
    kinds = sorted({(each.since, each.until) for each in shown if each.since or each.until}, key=str)
    window = Window(recording.columns, recording.rows + len(first))
    css = "".join(
        [
            f".l{{animation:{seconds:.2f}s step-end infinite}}.h{{visibility:hidden}}",
            *(f"@keyframes k{at}{{{_keyframes(kind, seconds)}}}" for at, kind in enumerate(kinds)),
            *(f".k{at}{{animation-name:k{at}}}" for at in range(len(kinds))),
            f"@keyframes scroll{{{_scrolling(views, seconds)}}}.scroll{{animation-name:scroll;{_moved(views[-1])}}}",
            "@media (prefers-reduced-motion:reduce){.l{animation:none}}@media print{.l{animation:none}}",
        ]
    )
    body = [
        '<g class="l scroll">',
        *(_element(each, kinds, theme) for each in shown),
        "</g>",
    ]
    return document(
        name,
        window,
        body,
        theme,
        title=f"{recording.line}, recorded",
        description="\n".join(map(text_of, views[-1].lines)),
        css=css,
        caption=f"{recording.seconds:.0f} s, shown {slower} times slower, pauses cut",
    )


def _in_picture(recording: Recording) -> tuple[list[View], int]:
    """Return the views with their times in the picture, and by how much it is slower than the run."""
    views = [*views_of(recording)]
    for slower in range(1, SLOWEST + 1):
        played = [*_slowed(views, slower)]
        if played[-1].at >= PLAYED:
            break
    following = [*played[1:], None]
    kept = [view for view, after in zip(played, following, strict=True) if not after or after.at - view.at > _TOGETHER]
    return kept, slower


def _slowed(views: Sequence[View], slower: int) -> Iterator[View]:
    at, before = 0.0, 0.0
    for view in views:
        at += min((view.at - before) * slower, LONGEST_PAUSE)
        before = view.at
        yield replace(view, at=round(at, 2))


def _shown(views: Sequence[View]) -> Iterator[Shown]:
    """Yield each version of each line with its time."""
    current: dict[int, tuple[Line, float]] = {}
    for view in views:
        for row in range(max(len(view.lines), len(current))):
            line = view.lines[row] if row < len(view.lines) else ()
            old, since = current.get(row, ((), 0.0))
            if line == old:
                continue
            if old:
                yield Shown(row, old, since, view.at)
            current[row] = (line, view.at)
    for row, (line, since) in current.items():
        if line:
            yield Shown(row, line, since, None)


def _scrolled(shown: Shown, views: Sequence[View]) -> Shown:
    """Return a version of a line that ends when the line leaves the window at the top."""
    left = next((view.at for view in views if view.top > shown.row), None)
    return shown if left is None else replace(shown, until=min(left, shown.until or left))


def _element(shown: Shown, kinds: Sequence[tuple[float, float | None]], theme: Theme) -> str:
    drawn = "".join(line_of(shown.line, shown.row, theme))
    kind = (shown.since, shown.until)
    if kind not in kinds:
        return drawn
    return f'<g class="l k{kinds.index(kind)}{" h" if shown.until else ""}">{drawn}</g>'


def _keyframes(kind: tuple[float, float | None], seconds: float) -> str:
    since, until = kind
    hidden, visible = "{visibility:hidden}", "{visibility:visible}"
    end = f"{_share(until, seconds)}{hidden}" if until else ""
    return f"0%{hidden}{_share(since, seconds)}{visible}{end}"


def _scrolling(views: Sequence[View], seconds: float) -> str:
    tops = {view.top: view for view in reversed(views)}
    steps = sorted(tops.values(), key=lambda view: view.at)
    return "0%{transform:none}" + "".join(f"{_share(view.at, seconds)}{{{_moved(view)}}}" for view in steps)


def _moved(view: View) -> str:
    return f"transform:translateY({number(-view.top * ROW)}px)"


def _share(at: float, seconds: float) -> str:
    return f"{100 * at / seconds:.2f}%"
