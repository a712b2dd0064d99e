"""Checks of a command line that hold for every command."""

from __future__ import annotations

import json
import shlex
from pathlib import Path

from tests.cli_support import document, pipectl
from tests.output.documents import check_spelling
from tests.support import World

WITHOUT_VERSION = {"outputs", "permissions", "permissions on-call", "template", "config show", "config schema"}
"""Lines whose documents have keys that are data from the top."""


def check_line(line: str, code: int, failed: tuple[World, str], folder: Path) -> None:
    """Check the exit code, the JSON document and the text of a command line on a pipeline with a failed order.

    Args:
        line: The line, with ``FAILURE`` for the failure's id and ``FOLDER`` for an empty folder.
        code: The expected exit code.
        failed: The pipeline and its failure.
        folder: The empty folder.
    """
    world, failure = failed
    words = [word.replace("FAILURE", failure).replace("FOLDER", str(folder)) for word in shlex.split(line)]
    result = pipectl("-c", world.file, "-o", "json", *words)
    assert result.exit_code == code, result.stderr
    if result.stdout:
        found = document(result)
        if line not in WITHOUT_VERSION:
            assert found["schemaVersion"] == 1
            check_spelling(found)
    if code in (1, 2):
        check_spelling(json.loads(result.stderr.splitlines()[-1]))
    else:
        assert result.stdout
    text = pipectl("-c", world.file, *words)
    assert text.exit_code == code, text.stderr
    assert "a bug in pipectl" not in text.stderr
    assert not text.stdout.startswith("{\n") or line in ("permissions on-call", "config schema")
