"""The page of `report`: its parts as plain data, and the HTML that the template makes of them.

Every text passes `Texts.shown`: secrets are masked, control characters are escapes. Then the template escapes it for
HTML. Only pictures and the stylesheet, which pipectl makes itself, are markup.
"""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from hashlib import sha256
from importlib.resources import files
from typing import TYPE_CHECKING

from jinja2 import Environment, PackageLoader, StrictUndefined, pass_context
from markupsafe import Markup, escape

from pipectl import __version__
from pipectl.commands.report import Report
from pipectl.commands.status import ResourceStatus, State, StatusReport
from pipectl.config.physical import PhysicalNames
from pipectl.monitoring.checks import Finding
from pipectl.output import diagram_svg, report_failures, report_policies, svg
from pipectl.output.console import Screen
from pipectl.output.diagram import diagram
from pipectl.output.diagram_health import STATES, TONES, with_health
from pipectl.output.drift import drift_lines
from pipectl.output.report_failures import joined
from pipectl.output.status_problems import LOOK, fine_subjects, notes, problems
from pipectl.output.svg import Tone
from pipectl.timestamps import duration, relative, rfc3339

if TYPE_CHECKING:
    from jinja2 import Template
    from jinja2.runtime import Context as JinjaContext

_COMMAND = re.compile("`(pipectl [^`]+)`")
_FOLDER = "pages"


@dataclass(frozen=True)
class Wrong:
    """A problem: its severity in a word, the sentence, the command that helps, and lines below it."""

    tone: Tone
    severity: str
    words: str
    command: str | None
    below: tuple[str, ...]


@dataclass(frozen=True)
class Found:
    """A resource with its state, and the lines of its differences, each with a depth."""

    resource: str
    kind: str
    name: str
    state: str
    tone: Tone
    reason: str | None
    lines: tuple[tuple[int, str], ...]


@dataclass(frozen=True)
class Step:
    """A command, and what it does."""

    command: str
    words: str


def html(screen: Screen, report: Report) -> str:
    """Return the whole page."""
    status = report.status
    differing = [_found(each) for each in status.resources if each.state is not State.IN_SYNC]
    style = _style()
    return _template().render(
        screen=screen,
        report=report,
        status=status,
        version=__version__,
        verdict=LOOK[status.health.verdict][0],
        verdict_tone=TONES[status.health.verdict],
        style=Markup(style),  # noqa: S704 - the stylesheet of this package
        style_hash=b64encode(sha256(style.encode()).digest()).decode(),
        pictures=_pictures(report),
        wrong=list(_wrong(screen, status)),
        fine=fine_subjects(status),
        notes=[screen.completed(note) for note in notes(status)],
        differing=differing,
        without_lines=[each for each in differing if not each.lines and not each.reason],
        in_sync=[_found(each) for each in status.resources if each.state is State.IN_SYNC],
        holders=report_policies.holders(report),
        without_policies=list(report_policies.unread(report)),
        steps=list(_steps(screen, status)),
        **_failures(report),
    )


def _failures(report: Report) -> Mapping[str, object]:
    """Return the parts about failures; without an audit table that can be read, the reason."""
    found, now = report.status.health.unresolved, report.status.now
    counts = report.counts
    times = report_failures.times(counts) if counts else None
    return {
        "unresolved": found,
        "unresolved_rows": report_failures.rows(found, now) if found else [],
        "places": list(report_failures.places(found, now)) if found else [],
        "most_shown": report_failures.MOST_SHOWN,
        "most_causes": report_failures.MOST_CAUSES,
        "unread": _unread(report.status),
        "counts": counts,
        "times": times,
        "drawn_times": Markup(times.drawn) if times else None,  # noqa: S704 - rectangles
    }


def _unread(status: StatusReport) -> str:
    """Return why there are no failures to show."""
    if any(each.resource == "audit-table" and each.state is State.MISSING for each in status.resources):
        return "The audit table is missing."
    checks = [each for each in status.health.checks if each.name == "open-failures"]
    details = [each.detail for each in checks if each.finding in (Finding.UNREADABLE, Finding.MISSING)]
    return details[0] if details else "The audit table cannot be read."


def _pictures(report: Report) -> list[tuple[str, Markup]]:
    """Return the picture of the pipeline for a wide and for a narrow window."""
    names = PhysicalNames.of(report.config, report.names)
    drawn = with_health(diagram(report.config, names), report.status)
    pictures = {"wide": diagram_svg.wide(drawn, svg.PAGE), "narrow": diagram_svg.narrow(drawn, svg.PAGE)}
    return [(name, Markup(picture)) for name, picture in pictures.items()]  # noqa: S704 - its texts are escaped


def _wrong(screen: Screen, status: StatusReport) -> Iterator[Wrong]:
    for each in problems(screen, status):
        command = screen.command(each.command) if each.command else None
        below = tuple(map(joined, each.below))
        yield Wrong(TONES[each.severity], LOOK[each.severity][0], joined(each.words), command, below)


def _found(each: ResourceStatus) -> Found:
    lines = tuple((len(indent) // 4, joined(line)) for indent, line in drift_lines(each))
    words, tone = STATES[each.state]
    return Found(each.resource, each.kind, each.name, words, tone, each.reason, lines)


def _steps(screen: Screen, status: StatusReport) -> Iterator[Step]:
    """Yield the commands that help next, with the options that were used."""
    states = {each.state for each in status.resources}
    commands: dict[str, str] = {}
    if State.MISSING in states or State.DRIFTED in states:
        commands |= {"plan": "Show the differences from the config.", "up": "Create what is missing, and repair."}
    unresolved = status.health.unresolved
    if unresolved and unresolved.count:
        commands |= {
            "audit list": "List the unresolved failures.",
            "replay-dlq --dry-run": "Show what a replay would do, after the cause is corrected.",
        }
    if any(each.finding is Finding.UNREADABLE for each in status.health.checks):
        commands["doctor"] = "Check credentials and permissions."
    commands |= {
        "status --watch": "Follow the health of the pipeline.",
        "trace KEY": "Show whether an order is stored, waiting, failed or lost.",
    }
    for command, words in commands.items():
        yield Step(screen.command(command), words)


def _style() -> str:
    """Return the stylesheet: the colours of the themes, the rules of the page, those of the pictures."""
    light, dark = svg.variables(svg.LIGHT), svg.variables(svg.DARK)
    rules = files(__package__).joinpath(_FOLDER, "report.css").read_text("utf-8")
    themes = f":root{{{light}}}\n@media screen and (prefers-color-scheme: dark){{:root{{{dark}}}}}\n"
    return f"{themes}{rules}{svg.css(svg.PAGE)}\n"


@cache
def _template() -> Template:
    """Return the template. What it prints is escaped for terminals first, as on a terminal, then for HTML."""
    found = Environment(
        loader=PackageLoader("pipectl.output", _FOLDER),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        finalize=_shown,
    )
    found.filters |= {"coded": _coded, "moment": _moment, "sign": _sign, "rfc3339": rfc3339}
    found.filters |= {"relative": relative, "duration": duration, "listed": report_failures.listed}
    found.filters["width"] = lambda count, highest: svg.number(count / highest * 100) if highest else "0"
    return found.get_template("report.html.jinja")


@pass_context
def _shown(context: JinjaContext, value: object) -> object:
    """Return a value as a terminal shows it: without secrets, and with control characters as escapes."""
    screen: Screen = context["screen"]
    return value if isinstance(value, Markup) else screen.text((str(value),)).plain


@pass_context
def _coded(context: JinjaContext, text: str) -> Markup:
    """Return a sentence in which pipectl's commands in backticks are code. Other backticks are data."""
    parts = [escape(_shown(context, part)) for part in _COMMAND.split(text)]
    return Markup().join(Markup("<code>{}</code>").format(part) if at % 2 else part for at, part in enumerate(parts))


def _moment(time: datetime) -> Markup:
    """Return a time for people and programs."""
    words = rfc3339(time).replace("T", " ")[:16]
    return Markup('<time datetime="{}">{} UTC</time>').format(rfc3339(time), words)


@cache
def _sign(tone: Tone) -> Markup:
    """Return the sign of a colour, which has its meaning: a word is beside it."""
    drawn = svg.sign(0, 0, tone)
    picture = f'<svg class="picture mark" viewBox="-8 -8 16 16" width="16" height="16" aria-hidden="true">{drawn}</svg>'
    return Markup(picture)  # noqa: S704 - without any data
