"""The pictures of docs/concepts, drawn from the program's constants, types and defaults."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path

from tools.pictures import concept_clocks, concept_failures, concept_ownership, concept_records, concept_replay

from pipectl.config.loading import load
from pipectl.config.models import Config
from pipectl.output.svg import Theme

_ROOT = Path(__file__).resolve().parents[2]


@cache
def config() -> Config:
    """Return the config of the repository, which `pipectl init` writes, too."""
    return load(_ROOT / "config" / "dev.yaml")


def _with_config(draw: Callable[[Theme, Config], str]) -> Callable[[Theme], str]:
    return lambda theme: draw(theme, config())


CONCEPTS: Mapping[str, Callable[[Theme], str]] = {
    "concept-records": _with_config(concept_records.draw),
    "concept-failures": _with_config(concept_failures.draw),
    "concept-replay": _with_config(concept_replay.draw),
    "concept-clocks": _with_config(concept_clocks.draw),
    "concept-ownership": concept_ownership.draw,
}
