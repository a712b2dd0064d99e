"""A plan as GitHub-flavored markdown, for a comment of a pull request.

Texts that come from AWS, from files or from people stand in code only: in spans, in fenced blocks, or in ``<code>``.
GitHub makes no link, mention or HTML of what is there, and each fence is longer than every run of backticks in it.
"""

from __future__ import annotations

import html
import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass

from pipectl.commands.plan import PlanReport
from pipectl.output import changes, orphans, plan_code
from pipectl.output.console import Screen
from pipectl.output.plan_lines import WHEN, PlanLine, plan_lines
from pipectl.review.model import CodeChange, FileChange, Flag, FlagKind, When

MOST_CHARACTERS = 65_000
"""Characters of a comment. GitHub takes 65,536; the rest is left to the job that posts it."""
_KINDS = {
    FlagKind.EVERYBODY: "open to everybody",
    FlagKind.OTHER_ACCOUNT: "open to another account",
    FlagKind.PERMISSIONS: "wider permissions",
    FlagKind.UNPROTECTED: "unprotected",
    FlagKind.DATA_LOSS: "data loss",
    FlagKind.SILENT_ALARM: "silent alarm",
}
_CHANGED = "!"
"""The sign at the beginning of a line that GitHub colours as changed."""
_FIXED = " ✓"
"""The beginning of the line of a risk that the change fixes, which has no colour."""


@dataclass(frozen=True)
class Place:
    """The pipeline and the config file that a plan is for; ``local`` on the local emulator."""

    environment: str
    account_id: str
    region: str
    file: str
    local: bool = False


def result(screen: Screen, report: PlanReport, place: Place, notes: Sequence[str]) -> None:
    """Print a plan as markdown. Lines of code are left out where a comment would be too long, differences never."""
    text = _document(screen, report, place, notes, code=True)
    if len(text) > MOST_CHARACTERS:
        text = _document(screen, report, place, notes, code=False)
    if len(text) > MOST_CHARACTERS:
        warning = f"The plan has {len(text):,} characters of markdown; a comment on GitHub has 65,536 at most."
        screen.notice([(f"Warning: {warning} Publish it as the summary of the job, or as a file.",)])
    screen.markup(text)


def _document(screen: Screen, report: PlanReport, place: Place, notes: Sequence[str], *, code: bool) -> str:
    blocks = [
        *_head(screen, report, place),
        *_warnings(screen, report),
        *_listed("Stays under earlier names", _stays(screen, report)),
        *_resources(screen, plan_lines(report.reviews, screen.completed)),
        *_codes(screen, report, code=code),
        *_listed("Notes", [_span(screen, note) for note in notes]),
        *_foot(screen, report),
    ]
    return "\n\n".join(blocks)


def _head(screen: Screen, report: PlanReport, place: Place) -> Iterator[str]:
    """Yield the markers by which a job finds its comment and the id, the title, the place and the counts."""
    environment = re.sub(r"[^A-Za-z0-9_.]+", "-", place.environment)
    markers = [f"<!-- pipectl plan {environment} -->"]
    yield "\n".join([*markers, f"<!-- pipectl plan-id: {report.id} -->"] if report.id else markers)
    yield f"## Plan for {_span(screen, place.environment)}"
    where = [
        f"account {_span(screen, place.account_id)}",
        *(_span(screen, each) for each in (place.region, place.file)),
    ]
    yield " · ".join([*where, "**LOCAL**"] if place.local else where)
    yield f"**{changes.summary(report.changes, done=False)}**"
    if report.refused:
        yield "**This plan cannot be applied:** " + ", ".join(
            f"{_span(screen, change.resource)} is refused" for change in report.refused
        )


def _warnings(screen: Screen, report: PlanReport) -> Iterator[str]:
    found = [(review.change.resource, flag) for review in report.reviews for flag in review.flags]
    found.sort(key=lambda each: each[1].when is When.CLOSED)
    yield from _listed("Risks", [_warning(screen, resource, flag) for resource, flag in found])


def _stays(screen: Screen, report: PlanReport) -> list[str]:
    return [_span(screen, screen.completed(sentence)) for sentence in orphans.staying(report.orphans)]


def _warning(screen: Screen, resource: str, flag: Flag) -> str:
    hint = f" Hint: {_span(screen, screen.completed(flag.hint))}" if flag.hint else ""
    sign = "✓ " if flag.when is When.CLOSED else ""
    words = f"**{WHEN[flag.when]}: {_KINDS[flag.kind]}**, on {_span(screen, resource)}: {_span(screen, flag.reason)}"
    return f"{sign}{words}{hint}"


def _resources(screen: Screen, lines: Iterable[PlanLine]) -> Iterator[str]:
    """Yield a heading and a block for each line of the outermost depth and those that belong to it."""
    body: list[str] = []
    for line in lines:
        if line.depth == 0:
            yield from _fenced(body)
            body = []
            words, *data = [part if isinstance(part, str) else part[0] for part in line.parts]
            yield f"#### {' '.join([words.strip(), *(_span(screen, each) for each in data)])}"
        else:
            sign = line.sign if line.sign in "+- " else _FIXED if line.sign == "✓" else _CHANGED
            body.append(f"{sign} {'  ' * (line.depth - 1)}{_safe(screen, _plain(line))}")
    yield from _fenced(body)


def _codes(screen: Screen, report: PlanReport, *, code: bool) -> Iterator[str]:
    """Yield the lines of code that differ, each file folded."""
    found = [(review.change.resource, review.code) for review in report.reviews if review.code]
    files = [(resource, changed, file) for resource, changed in found for file in changed.files if file.lines]
    if not files:
        return
    yield "### Code"
    if not code:
        command = _span(screen, screen.completed("`pipectl plan --code`").strip("`"))
        yield f"The lines of code are left out, because the comment would be too long. {command} prints them."
        return
    for resource, changed, file in files:
        yield _summary(screen, resource, changed, file)
        yield from _fenced([_safe(screen, line) for line in file.lines])
        yield "</details>"


def _summary(screen: Screen, resource: str, changed: CodeChange, file: FileChange) -> str:
    words = plan_code.summary(CodeChange((file,), new=changed.new))
    return f"<details><summary><code>{html.escape(_safe(screen, f'{resource}: {words}'))}</code></summary>"


def _foot(screen: Screen, report: PlanReport) -> Iterator[str]:
    if report.apply:
        yield f"Plan {_span(screen, report.id)}. Apply exactly this with:"
        yield from _fenced([_safe(screen, screen.command(report.apply))], "sh")


def _listed(title: str, items: Collection[str]) -> Iterator[str]:
    if items:
        yield f"### {title}"
        yield "\n".join(f"- {item}" for item in items)


def _plain(line: PlanLine) -> str:
    return "".join(part if isinstance(part, str) else part[0] for part in line.parts)


def _fenced(lines: Sequence[str], language: str = "diff") -> Iterator[str]:
    """Yield a block of code of these lines, if there are any."""
    if lines:
        fence = "`" * max(3, _longest_run("\n".join(lines)) + 1)
        yield "\n".join([f"{fence}{language}", *lines, fence])


def _span(screen: Screen, text: str) -> str:
    """Return a text as code within a line."""
    shown = " ".join(_safe(screen, text).split()) or "(empty)"
    fence = "`" * (_longest_run(shown) + 1)
    space = " " if shown.startswith("`") or shown.endswith("`") else ""
    return f"{fence}{space}{shown}{space}{fence}"


def _safe(screen: Screen, text: str) -> str:
    """Return a text as the console prints it: without secrets, and with control characters as escapes."""
    return screen.text((text,)).plain


def _longest_run(text: str) -> int:
    return max(map(len, re.findall("`+", text)), default=0)
