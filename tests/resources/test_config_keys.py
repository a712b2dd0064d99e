"""Each attribute that a key of the config sets has the name and the unit of that key."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from pipectl.config.loading import load
from pipectl.config.models import fields_of
from pipectl.engine.diff import diff, top_level
from pipectl.engine.model import Observation
from pipectl.pipeline import Pipeline
from tests.support import ACCOUNT, REGION, write_config

WITHOUT_ATTRIBUTE = {
    "resource": "a part of the physical name",
    "source": "the code, compared as code_sha256",
    "prefix": "variables of the processor, and the policy of its role",
    "failed_prefix": "variables of the processor, and the policy of its role",
    "allow_expiry": "a rule about maximum_record_age",
    "billing": "keep is shown as a note",
}
"""Keys of sections that set no attribute of their name, with the reason."""
OTHER_VALUES: dict[tuple[str, str], Any] = {
    ("orders-table", "partition_key"): "number",
    ("orders-table", "point_in_time_recovery"): False,
    ("orders-table", "deletion_protection"): True,
    ("audit-table", "point_in_time_recovery"): False,
    ("audit-table", "deletion_protection"): True,
    ("dead-letter-queue", "retention_days"): 7,
    ("dead-letter-queue", "maximum_message_size"): 1024,
    ("dead-letter-queue", "visibility_timeout"): 600,
    **{
        (function, key): value
        for function, entry in (("processor", "processor"), ("auditor", "audit_item"))
        for key, value in {
            "handler": f"handler.{entry}",
            "runtime": "python3.13",
            "architecture": "x86_64",
            "memory": 512,
            "timeout": 20,
        }.items()
    },
    **{
        (mapping, key): value
        for mapping in ("stream-mapping", "queue-mapping")
        for key, value in {"enabled": False, "batch_size": 9, "batching_window": 2}.items()
    },
    ("stream-mapping", "parallelization_factor"): 2,
    ("stream-mapping", "retry_attempts"): 4,
    ("stream-mapping", "bisect"): False,
    ("stream-mapping", "maximum_record_age"): 600,
    ("stream-mapping", "starting_position"): "LATEST",
    ("queue-mapping", "maximum_concurrency"): 2,
    ("errors-alarm", "threshold"): 7,
    ("errors-alarm", "period"): 60,
    ("errors-alarm", "actions"): [f"arn:aws:sns:{REGION}:{ACCOUNT}:on-call"],
    ("processor-log-group", "retention_days"): 7,
    ("auditor-log-group", "retention_days"): 7,
}
"""A value for each other key, which differs from that of the development config."""
FOLLOWS = {("errors-alarm", "actions"): {"ok_actions"}}
"""Attributes that a key sets besides its own."""
ALLOWS = {("queue-mapping", "batching_window"): {"dead-letter-queue": {"visibility_timeout": 600}}}
"""Other keys that the value needs."""
WHERE: Any = SimpleNamespace(region=REGION, account_id=ACCOUNT, partition="aws")


def test_every_key_has_an_attribute_or_a_reason() -> None:
    keys = {(section, key) for section in fields_of(()) for key in fields_of((section,))}
    assert {each for each in keys if each[1] not in WITHOUT_ATTRIBUTE} == OTHER_VALUES.keys()
    assert {key for _, key in keys} >= WITHOUT_ATTRIBUTE.keys()


@pytest.mark.parametrize(("section", "key"), OTHER_VALUES, ids=lambda part: part)
def test_key_sets_the_attribute_of_its_name(tmp_path: Path, section: str, key: str) -> None:
    value = OTHER_VALUES[section, key]
    before = _desired(tmp_path / "before", section, {})
    after = _desired(tmp_path / "after", section, {section: {key: value}} | ALLOWS.get((section, key), {}))
    assert after[key] == value
    differs = top_level(diff(after, Observation(before, before["tags"])))
    assert differs == {key, *FOLLOWS.get((section, key), ()), *({"live"} if section == "processor" else ())}
    assert before.get("live", before).get(key) == before[key]


def _desired(folder: Path, resource: str, changes: dict[str, Any]) -> dict[str, Any]:
    folder.mkdir()
    file = write_config(folder, changes)
    return Pipeline(load(file), file, WHERE).resources()[resource].desired({})
