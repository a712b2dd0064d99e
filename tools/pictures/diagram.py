"""The pipeline of config/dev.yaml, in an example account."""

from __future__ import annotations

from pathlib import Path

from pipectl.config.loading import load
from pipectl.config.physical import PhysicalNames
from pipectl.output.diagram import Diagram, diagram
from pipectl.output.diagram_svg import narrow, wide
from pipectl.output.svg import Theme

_CONFIG = Path(__file__).resolve().parents[2] / "config" / "dev.yaml"
_ACCOUNT = "123456789012"


def pipeline(theme: Theme) -> str:
    """Draw the picture of the README."""
    return wide(_example(), theme)


def pipeline_narrow(theme: Theme) -> str:
    """Draw the picture of the README for a phone."""
    return narrow(_example(), theme)


def _example() -> Diagram:
    config = load(_CONFIG)
    return diagram(config, PhysicalNames.in_account(config, _ACCOUNT))
