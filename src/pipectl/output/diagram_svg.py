"""The picture of the pipeline as SVG: wide in two rows, and narrow for a phone. Pure."""

from __future__ import annotations

from pipectl.output.diagram import Diagram
from pipectl.output.svg import Theme, document


def wide(drawn: Diagram, theme: Theme) -> str:
    """Return the picture in two rows, 880 pixels wide: the way of an order, and below it the way of a failure."""
    return document(880, 420, [], theme=theme, title=drawn.title, description=drawn.description(), name="pipeline-wide")


def narrow(drawn: Diagram, theme: Theme) -> str:
    """Return the picture in two columns, 390 pixels wide, for a phone."""
    return document(
        390, 820, [], theme=theme, title=drawn.title, description=drawn.description(), name="pipeline-narrow"
    )
