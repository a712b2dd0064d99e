"""The result of `report`: the page, and the line that names it."""

from __future__ import annotations

from pathlib import Path

from pipectl.commands.report import Report
from pipectl.output.console import Screen
from pipectl.output.status_document import document


def page(screen: Screen, report: Report) -> str:
    """Return the report as one HTML page."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    templates = Environment(
        loader=PackageLoader("pipectl.output", "pages"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return templates.get_template("report.html.jinja").render(report=report, screen=screen)


def result(screen: Screen, report: Report, file: Path) -> None:
    """Print the file, the verdict and the next step."""
    if screen.json_output:
        screen.document({"file": file, "status": document(screen, report.status), "counts": report.counts})
        return
    screen.line(f"Wrote {file}. {report.status.environment} is {report.status.health.verdict.name.lower()}.")
