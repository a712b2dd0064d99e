"""`template` on the command line."""

from __future__ import annotations

from pathlib import Path

import yaml

from tests.cli.lines import check_line
from tests.cli_support import document, error, pipectl
from tests.support import World


def test_the_exit_code_the_text_and_the_document(failed: tuple[World, str], tmp_path: Path) -> None:
    check_line("template", 0, failed, tmp_path)


def test_yaml_and_json_are_the_same_template(failed: tuple[World, str]) -> None:
    text = pipectl("-c", failed[0].file, "template").stdout
    assert yaml.safe_load(text) == document(pipectl("-c", failed[0].file, "-o", "json", "template"))


def test_local_is_a_usage_error(file: Path) -> None:
    result = pipectl("-c", file, "--local", "-o", "json", "template")
    assert (result.exit_code, error(result)["code"]) == (2, "Usage")
