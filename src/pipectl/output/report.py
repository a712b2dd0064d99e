"""The result of `report`: the page, and the line that names its file."""

from __future__ import annotations

from pathlib import Path

from pipectl.commands.report import Report
from pipectl.output.console import Screen
from pipectl.output.status_document import document
from pipectl.output.status_problems import problems


def page(screen: Screen, report: Report) -> str:
    """Return the report as one HTML page."""
    from pipectl.output.report_page import html  # with Jinja2, which no other command needs

    return html(screen, report)


def print_page(screen: Screen, text: str) -> None:
    """Print a page on stdout. Characters that the encoding of stdout may lack are written as references."""
    screen.markup(text.encode("ascii", errors="xmlcharrefreplace").decode().removesuffix("\n"))


def result(screen: Screen, report: Report, file: Path) -> None:
    """Print the file and the verdict; with JSON all that the page shows."""
    if screen.json_output:
        screen.document(
            {
                "file": file,
                "project": report.config.project,
                "local": report.local,
                "status": document(screen, report.status),
                "period": report.counts,
                "permissions": report.permissions,
                "problems": report.problems,
            }
        )
        return
    status = report.status
    helps = next((each.command for each in problems(screen, status) if each.severity and each.command), None)
    next_step = f"Next: {screen.command(helps)}" if helps else "Open it in a browser."
    screen.line(f"Wrote {file}. {status.environment} is {status.health.verdict.name.lower()}. {next_step}")
