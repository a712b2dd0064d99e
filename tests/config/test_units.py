"""Units of the numbers in the config."""

from __future__ import annotations

import pytest

from pipectl.commands.config import schema
from pipectl.config.models import fields_of, unit_of
from pipectl.resource_keys import ResourceKey


@pytest.mark.parametrize(
    ("resource", "attribute", "unit"),
    [
        (ResourceKey.PROCESSOR, "memory", "MB"),
        (ResourceKey.AUDITOR, "timeout", "seconds"),
        (ResourceKey.DEAD_LETTER_QUEUE, "retention_days", "days"),
        (ResourceKey.DEAD_LETTER_QUEUE, "maximum_message_size", "bytes"),
        (ResourceKey.PROCESSOR_LOG_GROUP, "retention_days", "days"),
        (ResourceKey.ERRORS_ALARM, "period", "seconds"),
        (ResourceKey.THROTTLES_ALARM, "period", "seconds"),
        (ResourceKey.STREAM_MAPPING, "batch_size", None),
        (ResourceKey.BUCKET, "encryption", None),
        ("elsewhere", "memory", None),
    ],
)
def test_unit_of_an_attribute(resource: str, attribute: str, unit: str | None) -> None:
    assert unit_of(resource, attribute) == unit


def test_description_of_a_number_begins_with_its_unit() -> None:
    described = schema()
    seen = 0
    for section, reference in described["properties"].items():
        for key in fields_of((section,)):
            if unit := unit_of(section, key):
                model = described["$defs"][reference["$ref"].rsplit("/", 1)[1]]
                assert model["properties"][key]["description"].startswith(f"{unit}; "), key
                seen += 1
    assert seen == 13
