"""The JSON document of every command: camelCase keys, data as they are spelled, times in RFC 3339 with Z."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest

from pipectl.cli.main import COMMANDS, GROUPS
from pipectl.output.console import Screen
from tests.output.documents import UNVERSIONED, check_spelling
from tests.output.samples import samples

SAMPLES = samples("2026-01-31 12:00 DATA")
WITHOUT_DOCUMENT = {name for name in SAMPLES if name.endswith(" asked")}
"""Texts on stderr before a confirmation, or in place of one."""


def document_of(name: str) -> Any:
    """Return the document on stdout, or that on stderr where a command only fails."""
    screen = Screen(json_output=True)
    screen.out.file, screen.err.file = io.StringIO(), io.StringIO()
    SAMPLES[name](screen)
    return json.loads(screen.out.file.getvalue() or screen.err.file.getvalue())


@pytest.mark.parametrize("name", sorted(SAMPLES.keys() - UNVERSIONED - WITHOUT_DOCUMENT))
def test_keys_are_camel_case_and_times_rfc3339(name: str) -> None:
    document = document_of(name)
    assert document.get("schemaVersion") == 1 or "error" in document
    check_spelling(document)


@pytest.mark.parametrize("name", sorted(UNVERSIONED))
def test_documents_of_data_have_no_version(name: str) -> None:
    assert "schemaVersion" not in document_of(name)


def test_statuses_and_attribute_paths_keep_their_spelling() -> None:
    assert {"REPLAYED", "PARTIAL", "FAILED", "EXPIRED", "OPEN"} <= document_of("replay-dlq")["failures"].keys()
    assert document_of("plan")["changes"][2]["attributes"] == {"threshold": {"from": 5, "to": 3}}
    assert document_of("audit show")["failures"][0]["stream"]["batchSize"] == 1.5


def test_sequence_numbers_are_text_as_dynamodb_writes_them() -> None:
    assert document_of("replay-dlq")["failing"][0]["sequenceNumber"] == "000000000000000000111"
    assert document_of("verify")["lost"][0]["sequenceNumber"] == "000000000000000000111"
    assert document_of("trace")["events"][1]["sequenceNumber"] == "000000000000000000111"


def test_an_error_has_its_fixed_parts() -> None:
    error = document_of("error")["error"]
    assert (error["code"], error["resource"]) == ("Error", "orders-table")
    assert {"message", "hint"} <= error.keys()
    assert document_of("error of the config")["error"]["problems"][0].keys() == {"file", "line", "key", "message"}


def test_every_command_has_a_sample() -> None:
    assert {name.partition(" ")[0] for name in SAMPLES} - {"error", "AWS"} == COMMANDS.keys() - GROUPS["More"].keys()
