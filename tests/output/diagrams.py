"""Pictures of the pipeline for tests: of config/dev.yaml, and of changed ones."""

from __future__ import annotations

from typing import Any

import yaml

from pipectl.config.models import Config
from pipectl.config.names import Names
from pipectl.config.physical import PhysicalNames
from pipectl.output.diagram import Diagram, diagram
from tests.support import ACCOUNT, DEV_CONFIG, REGION


def physical(**changed: Any) -> tuple[Config, PhysicalNames]:
    """Return config/dev.yaml with changed keys, and its names in the example account."""
    config = Config.model_validate({**yaml.safe_load(DEV_CONFIG.read_text()), **changed})
    names = Names(config.environment, config.team, config.project, REGION, ACCOUNT)
    return config, PhysicalNames.of(config, names)


def drawn(**changed: Any) -> Diagram:
    return diagram(*physical(**changed))


def dev() -> Diagram:
    return drawn()
