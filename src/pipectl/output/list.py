"""The result of `list`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from pipectl.commands.list import ListedPipeline, ListReport
from pipectl.orphans import Orphan
from pipectl.output import looks
from pipectl.output.console import Line, Part, Screen
from pipectl.output.table import Column
from pipectl.text import first_names, pluralize

_COLUMNS = (
    Column("ENVIRONMENT"),
    Column("PROJECT"),
    Column("TEAM"),
    Column("RESOURCES", right=True),
    Column("ORPHANS", right=True),
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
        screen.table(_COLUMNS, [row for each in report.pipelines for row in _rows(each)])
        screen.line()
        screen.line((_INDEX, looks.LESS))
    else:
        _nothing(screen, report)
    for pipeline in report.pipelines:
        _about_orphans(screen, pipeline)
        if not pipeline.is_complete:
            screen.notice([(_incomplete(pipeline),)])
    if report.invalid_configs:
        named = first_names([*map(str, report.invalid_configs)], _MOST_NAMES)
        screen.note(f"Not a valid config: {named}. `config check` names the problems.")


def _rows(pipeline: ListedPipeline) -> Iterator[list[Part | Line]]:
    """Yield a row for each team: several after the team was renamed."""
    first = next(iter(pipeline.teams))
    orphans = Counter(each.team if each.team in pipeline.teams else first for each in _existing(pipeline))
    for team, count in pipeline.teams.items():
        yield [
            (pipeline.environment or "", "bold"),
            pipeline.project or "",
            team,
            f"{count:,}",
            _orphans(pipeline, orphans[team]),
            ", ".join(map(str, pipeline.configs)),
        ]


def _orphans(pipeline: ListedPipeline, count: int) -> Part:
    if pipeline.problem:
        return "?", looks.UNSURE
    if pipeline.orphans is None:
        return ""
    return f"{count:,}", looks.ATTENTION if count else ""


def _existing(pipeline: ListedPipeline) -> list[Orphan]:
    """Return the orphans that exist: the index lists deleted resources, too."""
    return [each for each in pipeline.orphans or () if not each.unreadable]


def _about_orphans(screen: Screen, pipeline: ListedPipeline) -> None:
    """Print what to do about the orphans of a pipeline, with the command for its config."""
    name = f"{pipeline.environment} ({pipeline.project})"
    existing, (first, *others) = _existing(pipeline), pipeline.configs or (None,)
    if existing and others:  # those of one config can be the pipeline of another
        screen.line(f"{name} has {pluralize(len(existing), 'resource')} with names that {first} does not have.")
        screen.line("Several configs describe it. Remove those with earlier names before you delete orphans.")
    elif existing:
        commands = "`pipectl status` lists them, `pipectl down --orphans` deletes them."
        screen.line(
            f"{name} has {pluralize(len(existing), 'orphan')} of an earlier config: ",
            screen.completed(commands, config=str(first)),
        )
    needs = sorted({each.unreadable for each in pipeline.orphans or () if each.unreadable})
    if problem := pipeline.problem or (f"needs {', '.join(needs)}" if needs else None):
        screen.notice([(f"Warning: not all orphans of {name} can be read: {problem}",)])


def _nothing(screen: Screen, report: ListReport) -> None:
    place = f"account {report.account_id}, region {report.region}"
    screen.line(f"No pipeline in {place}, as reported by AWS's tag index, which can lag by minutes.")
    screen.line("Use --region for another region.")
    if report.config:
        screen.line(screen.completed("`pipectl up` creates the pipeline of"), f" {report.config}.")
    else:
        screen.line(screen.completed("Write a config with `pipectl init`, then create its pipeline with `pipectl up`."))


def _incomplete(pipeline: ListedPipeline) -> str:
    tags = {"Environment": pipeline.environment, "Project": pipeline.project}
    missing = [name for name, value in tags.items() if value is None]
    shown = first_names([resource.name for resource in pipeline.resources], _MOST_NAMES)
    has = "has" if len(pipeline.resources) == 1 else "have"
    return (
        f"Warning: {pluralize(len(pipeline.resources), 'resource')} {has} the tag ManagedBy=pipectl, but no "
        f"{' and no '.join(missing)}: {shown}"
    )
