"""The result of `report --mermaid`: the picture of the pipeline for a README."""

from __future__ import annotations

from pipectl.config.models import Config
from pipectl.config.physical import PhysicalNames
from pipectl.output import mermaid
from pipectl.output.console import Screen
from pipectl.output.diagram import diagram


def result(screen: Screen, config: Config, names: PhysicalNames) -> None:
    """Print the picture."""
    text = mermaid.mermaid(diagram(config, names))
    if screen.json_output:
        screen.document({"mermaid": text})
    else:
        screen.markup(text.rstrip("\n"))
