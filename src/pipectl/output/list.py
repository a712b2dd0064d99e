"""The result of `list`."""

from __future__ import annotations

from collections.abc import Iterable

from pipectl.commands.list import ListedPipeline, ListReport
from pipectl.output import looks
from pipectl.output.console import Line, Screen
from pipectl.output.table import Column
from pipectl.text import pluralize

_COLUMNS = (
    Column("ENVIRONMENT"),
    Column("PROJECT"),
    Column("TEAM"),
    Column("RESOURCES", right=True),
    Column("CONFIG", flexible=True),
)
_INDEX = "RESOURCES as reported by AWS's tag index, which has no IAM roles and can lag by minutes."
_MOST_NAMES = 5


def header(screen: Screen, report: ListReport, *, local: bool) -> None:
    """Print the account and region on stderr."""
    emulator: Line = (" · ", ("LOCAL", looks.ATTENTION)) if local else ()
    screen.header((f"account {report.account_id} · {report.region}", *emulator))


def result(screen: Screen, report: ListReport) -> None:
    """Print the pipelines as a table, or as JSON with their resources."""
    if screen.json_output:
        screen.document(report)
        return
    if report.pipelines:
        screen.table(_COLUMNS, [_row(each) for each in report.pipelines])
        screen.line()
        screen.line((_INDEX, looks.LESS))
    else:
        _nothing(screen, report)
    for pipeline in report.pipelines:
        if not pipeline.is_complete:
            screen.notice([(_incomplete(pipeline),)])
    if report.invalid_configs:
        screen.note(
            f"Not a valid config: {_some(map(str, report.invalid_configs))}. `config check` names the problems."
        )


def _row(pipeline: ListedPipeline) -> list[Line]:
    return [
        ((pipeline.environment or "", "bold"),),
        (pipeline.project or "",),
        (", ".join(team or "-" for team in pipeline.teams),),
        (f"{len(pipeline.resources):,}",),
        (", ".join(map(str, pipeline.configs)),),
    ]


def _nothing(screen: Screen, report: ListReport) -> None:
    place = f"account {report.account_id}, region {report.region}"
    screen.line(f"No pipeline in {place}, as reported by AWS's tag index, which can lag by minutes.")
    screen.line("Use --region for another region.")
    if report.config:
        screen.line(screen.completed("`pipectl up` creates the pipeline of"), f" {report.config}.")
    else:
        screen.line(screen.completed("Write a config (docs/config.md), then create its pipeline with `pipectl up`."))


def _incomplete(pipeline: ListedPipeline) -> str:
    tags = {"Environment": pipeline.environment, "Project": pipeline.project}
    missing = [name for name, value in tags.items() if value is None]
    shown = _some(resource.name for resource in pipeline.resources)
    has = "has" if len(pipeline.resources) == 1 else "have"
    return (
        f"Warning: {pluralize(len(pipeline.resources), 'resource')} {has} the tag ManagedBy=pipectl, but no "
        f"{' and no '.join(missing)}: {shown}"
    )


def _some(names: Iterable[str]) -> str:
    """Return the first names, and the number of the others."""
    first, others = (every := list(names))[:_MOST_NAMES], every[_MOST_NAMES:]
    return ", ".join(first) + (f" and {len(others):,} more" if others else "")
