"""Pictures that are drawn from the program's own constants: the same bytes on every machine."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from tools.pictures import diagram
from tools.pictures.concepts import CONCEPTS

from pipectl.output.svg import DARK, LIGHT, Theme

FOLDER = Path(__file__).resolve().parents[2] / "docs" / "pictures"

PICTURES: Mapping[str, Callable[[Theme], str]] = {
    "pipeline": diagram.pipeline,
    "pipeline-narrow": diagram.pipeline_narrow,
    **CONCEPTS,
}
"""How each picture is drawn in a theme, by its name."""


def files(name: str) -> Iterator[tuple[Path, str]]:
    """Yield the files of a picture with their content, one for each theme."""
    for theme in (LIGHT, DARK):
        yield FOLDER / f"{name}-{theme.name}.svg", PICTURES[name](theme)
