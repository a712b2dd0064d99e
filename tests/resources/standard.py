"""Constants and helpers for the standard cases of every kind of resource."""

from __future__ import annotations

from collections.abc import Collection

from pipectl.commands.plan import plan
from pipectl.engine.model import Change
from tests.resources.direct_access import DirectAccess, narrow
from tests.support import REGION

ONE_OF_EACH = [
    "processor-role",
    "orders-table",
    "bucket",
    "dead-letter-queue",
    "processor-log-group",
    "processor",
    "stream-mapping",
    "queue-mapping",
    "errors-alarm",
]
NAMED = [key for key in ONE_OF_EACH if not key.endswith("-mapping")]
OWNERSHIP = {"ManagedBy": "pipectl", "Project": "order-pipeline", "Environment": "dev"}
MANAGED_TAGS = OWNERSHIP | {"Team": "backend", "CostCenter": "orders"}
OTHER_TAGS = {"Owner": "somebody"}


def managed_tags(key: str) -> dict[str, str]:
    """Return the tags of a managed resource; roles have their region, too."""
    return MANAGED_TAGS | ({"Region": REGION} if key.endswith("-role") else {})


def planned(direct: DirectAccess, key: str, *, adopt: Collection[str] = (), existing: bool = False) -> Change:
    (change,) = [
        c for c in plan(narrow(direct.world, key, existing=existing), adopt=adopt).changes if c.resource == key
    ]
    return change
