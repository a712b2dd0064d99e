"""`send` on the command line."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from pipectl.cli.main import main
from pipectl.clock import SystemClock
from pipectl.commands.pause import pause
from tests.cli.lines import check_line
from tests.cli_support import document, error, pipectl
from tests.commands.existing_pipeline import existing
from tests.support import World, write_config

ORDER = '{"orderId": "o-1", "amount": 12.50}'


@pytest.fixture(scope="module")
def paused(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """A pipeline that is paused, so that nothing is waited for."""
    with pytest.MonkeyPatch.context() as patch, existing(tmp_path_factory.mktemp("pipeline"), SystemClock()) as world:
        patch.setenv("AWS_ACCOUNT_ID_ENDPOINT_MODE", "disabled")
        pause(world.context(), "ada")
        yield world


def _items(world: World) -> list[Any]:
    return world.aws.dynamodb.scan(TableName=world.context().pipeline.physical.orders_table)["Items"]


def test_the_exit_code_the_text_and_the_document(paused: World, tmp_path: Path) -> None:
    check_line("send '{}'", 3, (paused, ""), tmp_path)


@pytest.mark.parametrize("source", ["argument", "file", "stdin"])
def test_an_order_is_read_from_each_source(source: str, paused: World, tmp_path: Path) -> None:
    file = tmp_path / "order.json"
    text = ORDER.replace("o-1", source)
    file.write_text(text)
    argument = {"argument": text, "file": str(file), "stdin": "-"}[source]
    words = ["-c", str(paused.file), "-o", "json", "send", argument]
    result = CliRunner().invoke(main, words, input=io.BytesIO(text.encode()))
    assert result.exit_code == 3, result.output
    assert (document(result)["key"], document(result)["state"]) == (source, "waiting")
    assert {"orderId": {"S": source}, "amount": {"N": "12.50"}} in _items(paused)


def test_an_order_without_a_key_gets_a_new_one_each_time(paused: World) -> None:
    found = [document(pipectl("-c", paused.file, "-o", "json", "send", '{"amount": 1}')) for _ in range(2)]
    assert [each["generated"] for each in found] == [True, True]
    assert found[0]["key"] != found[1]["key"]


@pytest.mark.parametrize(
    "words", [["[]"], ['{"orderId": 1}'], ["no-such-file.json"], [ORDER, "--direct", "--timeout", "5"]]
)
def test_what_cannot_be_sent_is_a_usage_error_before_any_call(words: list[str], file: Path) -> None:
    result = pipectl("-c", file, "-o", "json", "send", *words)
    assert (result.exit_code, result.stdout) == (2, "")


def test_an_invalid_order_is_named_with_its_place(file: Path) -> None:
    found = error(pipectl("-c", file, "-o", "json", "send", '{"orderId": "o", "l": [1e999]}'))
    assert (found["code"], found["problem"], found["place"]) == ("OrderInvalid", "number", "l[0]")


def test_a_folder_is_not_an_order(file: Path, tmp_path: Path) -> None:
    result = pipectl("-c", file, "send", tmp_path)
    assert (result.exit_code, "Traceback" in result.stderr) == (2, False)


@pytest.mark.parametrize("words", [[], ["--direct"]])
def test_a_protected_environment_needs_its_name(words: list[str], paused: World, tmp_path: Path) -> None:
    file = write_config(tmp_path, {"protect": True})
    before = _items(paused)
    refused = pipectl("-c", file, "-o", "json", "send", json.dumps({"orderId": "protected"}), *words)
    assert (refused.exit_code, error(refused)["code"]) == (2, "Protected")
    wrong = pipectl("-c", file, "-o", "json", "send", ORDER, "--confirm", "prod", *words)
    assert (wrong.exit_code, error(wrong)["code"]) == (2, "Usage")
    assert _items(paused) == before


def test_a_protected_environment_takes_an_order_with_its_name(paused: World, tmp_path: Path) -> None:
    file = write_config(tmp_path, {"protect": True})
    assert pipectl("-c", file, "send", '{"orderId": "confirmed"}', "--confirm", "dev").exit_code == 3
    assert {"orderId": {"S": "confirmed"}} in _items(paused)
