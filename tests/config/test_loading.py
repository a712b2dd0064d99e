"""Reading a config file: unreadable files, YAML that is read differently than it looks, and all problems at once."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipectl.config.loading import load
from pipectl.config.yaml_document import DEEPEST, LARGEST_BYTES
from pipectl.errors import ConfigError
from tests.config.minimal import MINIMAL, changed, problems

FILES: dict[str, tuple[str | bytes, int, tuple[str, ...]]] = {
    "empty": ("", 1, ("is empty",)),
    "only comments": ("# nothing\n", 1, ("is empty",)),
    "a list": ("- environment: dev\n", 1, ("must be keys and values",)),
    "a word": ("dev\n", 1, ("must be keys and values",)),
    "not YAML": (MINIMAL + "tags: {a: b\n", 11, ("is not YAML", "flow mapping")),
    "a tab": ("environment: dev\n\tteam: backend\n", 2, ("is not YAML", "'\\t'")),
    "an escape outside of Unicode": ('environment: dev\nteam: "\\U00110000"\n', 2, ("is not YAML", "escape code")),
    "an escape out of range": ('environment: dev\nteam: "\\UFFFFFFFF"\n', 2, ("is not YAML", "escape code")),
    "a version out of range": (f"%YAML {'9' * 5000}.1\n---\na: b\n", 1, ("is not YAML", "version")),
    "two documents": (MINIMAL + "---\nenvironment: prod\n", 10, ("single document",)),
    "a control character": ("environment: dev\nteam: \x00\n", 2, ("is not YAML", "'\\x00'")),
    "not UTF-8": (MINIMAL.encode() + b"tags: {a: \xff}\n", 10, ("is not UTF-8",)),
    "UTF-16": (MINIMAL.encode("utf-16"), 1, ("is not UTF-8",)),
    "too large": (MINIMAL + "#" * LARGEST_BYTES, 0, ("larger than 1,000,000 bytes",)),
    "too many values": ("a: [" + "b, " * 300_000 + "]\n", 1, ("more than 5,000 keys and values",)),
    "nested too deep": ("a: " + "[" * 5000 + "\n", 1, (f"nested more than {DEEPEST} deep",)),
    "an alias": (MINIMAL + "tags: &t {a: b}\nbucket: *t\n", 11, ("aliases (*) are not allowed",)),
    "aliases that multiply": ("a: &a [x, x]\nb: &b [*a, *a]\nc: [*b, *b]\n", 2, ("aliases",)),
    "a merge": (MINIMAL + "tags: &t {a: b}\nbucket:\n  <<: *t\n", 12, ("aliases",)),
}


@pytest.mark.parametrize(
    "number", ["0512", "014", "00", "-07", "0x1F", "0b101", "1:30", "1_000", "012.5", "!!int 0512", "!!int '0512'"]
)
def test_a_number_that_yaml_does_not_read_as_decimal_is_refused(number: str, tmp_path: Path) -> None:
    (problem,) = problems(tmp_path, MINIMAL + f"dead-letter-queue:\n  retention_days: {number}\n")
    assert (problem.key, problem.line) == ("dead-letter-queue.retention_days", 11)


def test_an_account_id_in_base_8_is_refused_as_it_is_written(tmp_path: Path) -> None:
    (problem,) = problems(tmp_path, MINIMAL + "account_id: 012345670123\n")
    assert (problem.key, problem.line) == ("account_id", 10)
    assert "012345670123" in problem.message


@pytest.mark.parametrize("name", FILES)
def test_an_unreadable_file_has_one_problem(name: str, tmp_path: Path) -> None:
    text, line, words = FILES[name]
    (found,) = problems(tmp_path, text)
    assert found.line == line
    assert found.key == ""
    for each in words:
        assert each in found.message


def test_a_config_of_exactly_the_largest_size_is_read(tmp_path: Path) -> None:
    assert problems(tmp_path, MINIMAL + "#" * (LARGEST_BYTES - len(MINIMAL))) == ()


def test_a_byte_order_mark_is_accepted(tmp_path: Path) -> None:
    assert problems(tmp_path, MINIMAL.encode("utf-8-sig")) == ()


def test_a_missing_file_hints_at_the_ways_to_name_one(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        load(tmp_path / "nowhere.yaml")
    (problem,) = caught.value.problems
    assert (problem.file, problem.line, problem.key) == (str(tmp_path / "nowhere.yaml"), 0, "")
    assert "-c FILE" in str(caught.value.hint)
    assert "PIPECTL_CONFIG" in str(caught.value.hint)


def test_a_folder_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        load(tmp_path)
    (problem,) = caught.value.problems
    assert (problem.file, problem.line, problem.key) == (str(tmp_path), 0, "")


YAML_PROBLEMS = {
    "a key twice": ("team: other\n", 10, "team", "duplicate key; first in line 2"),
    "a key twice in a section": ("tags:\n  a: b\n  c: d\n  a: e\n", 13, "tags.a", "first in line 11"),
    "a key that is a list": ("[a, b]: c\n", 10, "", "must be text"),
    "a Python object": ("tags: {a: !!python/object:os.system x}\n", 10, "tags.a", "cannot be read"),
    "not a time": ("tags: {a: !!timestamp later}\n", 10, "tags.a", "'later' is not timestamp"),
    "not a number": ("tags: {a: !!int many}\n", 10, "tags.a", "cannot be read"),
    "not a boolean": ("extra_alarms: !!bool maybe\n", 10, "extra_alarms", "'maybe' is not bool"),
    "a number that is too long": (f"tags: {{a: {'9' * 5000}}}\n", 10, "tags.a", "too large"),
    "a number that is too long to be printed": (f"tags: {{a: 0x{'f' * 5000}}}\n", 10, "tags.a", "too large"),
    "a long fraction in base 60": (f"tags: {{a: 1{':1' * 400}.5}}\n", 10, "tags.a", "not read as a decimal"),
    "half a surrogate pair": ('team2: "\\ud800"\n', 10, "team2", "has an invalid character"),
    "a path with NUL": ('tags: {a: "a\\0b"}\n', 10, "tags.a", "'a\\x00b' has an invalid character"),
    "a key of half a surrogate pair": ('"\\ud800": a\n', 10, "", "the key '\\ud800' has an invalid character"),
    "a date": ("tags: {a: 2026-01-01}\n", 10, "tags.a", "reads it as 2026-01-01: put it in quotes"),
    "an account id that begins with 0": ("account_id: 012345670123\n", 10, "account_id", "put it in quotes"),
    "a section without keys": (
        "orders-table:\n",
        10,
        "orders-table",
        "is empty; it must be keys and values, or be removed",
    ),
    "a key without a value": ("bucket:\n  prefix:\n", 11, "bucket.prefix", "is empty; it must be text, or be removed"),
    "a key with an escape code": ('tags: {"a\\e[31m": b}\n', 10, "tags.a\\x1b[31m", "'\\x1b'"),
}


@pytest.mark.parametrize("name", YAML_PROBLEMS)
def test_a_value_that_yaml_reads_differently_is_reported(name: str, tmp_path: Path) -> None:
    text, line, key, words = YAML_PROBLEMS[name]
    (found,) = problems(tmp_path, MINIMAL + text)
    assert (found.line, found.key) == (line, key)
    assert words in found.message


def test_all_problems_of_a_file_are_reported_at_once_in_its_order(tmp_path: Path) -> None:
    text = """\
environment: Dev
team: backend
team: again
project: shop
colour: red
tags:
  ManagedBy: me
bucket:
  prefix: /data
dead-letter-queue:
  visibility_timeout: 30
processor:
  source: here
  runtime: python2.7
  memory: lots
auditor:
  source: here
stream-mapping:
  maximum_record_age: -1
"""
    assert [(problem.line, problem.key) for problem in problems(tmp_path, text)] == [
        (1, "environment"),
        (3, "team"),
        (5, "colour"),
        (7, "tags.ManagedBy"),
        (9, "bucket.prefix"),
        (11, "dead-letter-queue.visibility_timeout"),
        (14, "processor.runtime"),
        (15, "processor.memory"),
        (16, "auditor.runtime"),
        (19, "stream-mapping.maximum_record_age"),
    ]


def test_an_error_begins_with_file_and_line(tmp_path: Path) -> None:
    file = tmp_path / "pipectl.yaml"
    file.write_text(changed({"processor/memory": 64}))
    with pytest.raises(ConfigError) as caught:
        load(file)
    problem = "is 64; allowed are 128 to 10240 MB (memory of one invocation)"
    assert caught.value.message == f"{file}:7: processor.memory: {problem}"
    assert caught.value.exit_code == 2


def test_a_long_invalid_value_is_cut(tmp_path: Path) -> None:
    (found,) = problems(tmp_path, changed({"processor/memory": "x" * 1000}))
    assert len(found.message) < 200
