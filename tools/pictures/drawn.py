"""Pictures that are drawn from the program's own constants, types and defaults: the same bytes on every machine."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import cache
from pathlib import Path

from tools.pictures import concept_clocks, concept_failures, concept_ownership, concept_records, concept_replay

from pipectl.config.loading import load
from pipectl.config.models import Config
from pipectl.config.physical import PhysicalNames
from pipectl.output import diagram_svg
from pipectl.output.diagram import Diagram, diagram
from pipectl.output.svg import DARK, LIGHT, Theme

_ROOT = Path(__file__).resolve().parents[2]
FOLDER = _ROOT / "docs" / "pictures"
_ACCOUNT = "123456789012"


@cache
def config() -> Config:
    """Return the config of the repository, which `pipectl init` writes, too."""
    return load(_ROOT / "config" / "dev.yaml")


def _pipeline() -> Diagram:
    """Return the pipeline of that config in an example account."""
    return diagram(config(), PhysicalNames.in_account(config(), _ACCOUNT))


PICTURES: Mapping[str, Callable[[Theme], str]] = {
    "pipeline": lambda theme: diagram_svg.wide(_pipeline(), theme),
    "pipeline-narrow": lambda theme: diagram_svg.narrow(_pipeline(), theme),
    "concept-records": lambda theme: concept_records.draw(theme, config()),
    "concept-failures": lambda theme: concept_failures.draw(theme, config()),
    "concept-replay": lambda theme: concept_replay.draw(theme, config()),
    "concept-clocks": lambda theme: concept_clocks.draw(theme, config()),
    "concept-ownership": concept_ownership.draw,
}
"""How each picture is drawn in a theme, by its name."""


def files(name: str) -> Iterator[tuple[Path, str]]:
    """Yield the files of a picture with their content, one for each theme."""
    for theme in (LIGHT, DARK):
        yield FOLDER / f"{name}-{theme.name}.svg", PICTURES[name](theme)
