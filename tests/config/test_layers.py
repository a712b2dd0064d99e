"""Configs that extend others: merged values, and problems with the file and line where the value is written."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from pipectl.config.layers import MOST_FILES, read_layers
from pipectl.config.loading import load
from pipectl.config.models import Config
from pipectl.config.yaml_document import LARGEST_BYTES
from pipectl.errors import ConfigError
from tests.config.minimal import MINIMAL
from tests.support import ROOT

PROD = "extends: base.yaml\nenvironment: prod\n"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder, so that files have short names."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def write(**files: str) -> None:
    for name, text in files.items():
        Path(f"{name}.yaml").write_text(text)


def merged(prod: str, base: str = MINIMAL, **files: str) -> Config:
    write(prod=prod, base=base, **files)
    return load(Path("prod.yaml"))


def wrong(prod: str = PROD, base: str = MINIMAL, **files: str) -> list[str]:
    """Return the problems of prod.yaml."""
    write(prod=prod, base=base, **files)
    with pytest.raises(ConfigError) as caught:
        load(Path("prod.yaml"))
    return [str(problem) for problem in caught.value.problems]


pytestmark = pytest.mark.usefixtures("folder")


def test_a_value_replaces_that_of_the_base_and_the_others_remain() -> None:
    config = merged(PROD + "processor: {memory: 512}\n", MINIMAL + "tags: {CostCenter: orders}\n")
    assert (config.environment, config.team, config.tags) == ("prod", "backend", {"CostCenter": "orders"})
    assert (config.processor.memory, config.processor.source) == (512, "handlers/processor")


def test_maps_merge_and_lists_replace() -> None:
    arn = "arn:aws:sns:us-east-1:123456789012:"
    base = MINIMAL + f"tags: {{A: base, B: base}}\nerrors-alarm: {{actions: ['{arn}a', '{arn}b']}}\n"
    config = merged(PROD + f"tags: {{B: prod, C: prod}}\nerrors-alarm: {{actions: ['{arn}c']}}\n", base)
    assert config.tags == {"A": "base", "B": "prod", "C": "prod"}
    assert config.errors_alarm.actions == (f"{arn}c",)


@pytest.mark.parametrize("null", ["null", "~", ""])
def test_null_removes_a_key_of_the_base(null: str) -> None:
    base = MINIMAL + "account_id: '123456789012'\ntags: {A: a, B: b}\nbucket: {prefix: orders, failed_prefix: bad}\n"
    config = merged(PROD + f"account_id: {null}\nbucket: {null}\ntags:\n  A: {null}\n", base)
    assert (config.account_id, config.tags, config.bucket.prefix) == (None, {"B": "b"}, "processed-data")


def test_a_key_that_was_removed_can_be_set_again() -> None:
    middle = "extends: base.yaml\ntags: null\n"
    config = merged("extends: middle.yaml\ntags: {C: c}\n", MINIMAL + "tags: {A: a}\n", middle=middle)
    assert config.tags == {"C": "c"}


def test_a_chain_of_files_merges_from_the_last_base_on() -> None:
    files = {f"f{n}": f"extends: f{n + 1}.yaml\nprocessor: {{memory: {128 + n}}}\n" for n in range(2, MOST_FILES)}
    files[f"f{MOST_FILES}"] = MINIMAL
    assert merged("extends: f2.yaml\nprocessor: {timeout: 9}\n", **files).processor.memory == 130
    layers = read_layers(Path("prod.yaml"))
    assert list(map(str, layers.files)) == ["prod.yaml", *(f"f{n}.yaml" for n in range(2, MOST_FILES + 1))]


def test_a_base_can_itself_be_the_config_of_an_environment() -> None:
    assert merged(PROD).environment == "prod"
    assert load(Path("base.yaml")).environment == "dev"


def test_a_source_is_relative_to_the_file_that_has_it(folder: Path) -> None:
    base = folder / "shared" / "base.yaml"
    base.parent.mkdir()
    base.write_text(MINIMAL.replace("handlers/", "../code/{language}/"))
    config = merged("extends: shared/base.yaml\nauditor: {source: here}\n")
    file = Path("prod.yaml")
    assert config.source_of(config.processor, file) == folder / "code" / "python" / "processor"
    assert config.source_of(config.auditor, file) == folder / "here"


def test_a_base_in_another_folder_has_a_short_name(folder: Path) -> None:
    (folder / "config").mkdir()
    (folder / "shared").mkdir()
    (folder / "config" / "prod.yaml").write_text("extends: ../shared/base.yaml\n")
    (folder / "shared" / "base.yaml").write_text(MINIMAL)
    assert read_layers(Path("config/prod.yaml")).files[1] == Path("shared/base.yaml")
    (folder / "elsewhere" / "config").mkdir(parents=True)
    (folder / "elsewhere" / "shared").mkdir()
    (folder / "linked").symlink_to("elsewhere/config")
    (folder / "elsewhere" / "config" / "prod.yaml").write_text("extends: ../shared/base.yaml\n")
    (folder / "elsewhere" / "shared" / "base.yaml").write_text(MINIMAL)
    assert read_layers(Path("linked/prod.yaml")).files[1] == Path("linked/../shared/base.yaml")


def test_a_source_of_a_chain_over_several_folders(folder: Path) -> None:
    for name, text in {"a/one.yaml": "extends: ../b/two.yaml\n", "b/two.yaml": MINIMAL}.items():
        (folder / name).parent.mkdir()
        (folder / name).write_text(text)
    config = merged("extends: a/one.yaml\n")
    assert config.source_of(config.processor, Path("prod.yaml")) == folder / "b" / "handlers" / "processor"


def test_an_absolute_source_and_an_absolute_base(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    base = tmp_path_factory.mktemp("elsewhere") / "base.yaml"
    base.write_text(MINIMAL.replace("handlers/auditor", "/handlers/auditor"))
    config = merged(f"extends: {base}\n")
    assert config.source_of(config.processor, folder / "prod.yaml") == base.parent / "handlers" / "processor"
    assert config.source_of(config.auditor, folder / "prod.yaml") == Path("/handlers/auditor")


def test_a_base_that_is_a_link_has_the_folder_of_the_link(folder: Path) -> None:
    (folder / "real").mkdir()
    (folder / "real" / "base.yaml").write_text(MINIMAL)
    (folder / "linked.yaml").symlink_to("real/base.yaml")
    config = merged("extends: linked.yaml\n")
    assert config.source_of(config.processor, Path("prod.yaml")) == folder / "handlers" / "processor"


LONG = MINIMAL.replace("backend", "b" * 32)
WRONG: dict[str, tuple[str, str, list[str]]] = {
    "a value of the base": (PROD, MINIMAL + "extra_alarms: maybe\n", ["base.yaml:10: extra_alarms: must be true"]),
    "a value of the overlay": (PROD + "extra_alarms: maybe\n", MINIMAL, ["prod.yaml:3: extra_alarms: must be true"]),
    "an unknown key of the base": (PROD, MINIMAL + "colour: red\n", ["base.yaml:10: colour: is not a known key"]),
    "an unknown key in a section": (
        PROD + "processor: {memroy: 512}\n",
        MINIMAL,
        ["prod.yaml:3: processor.memroy: is not a known key; did you mean memory?"],
    ),
    "a misspelled extends": (
        "extend: base.yaml\n" + MINIMAL,
        "",
        ["prod.yaml:1: extend: is not a known key; did you mean extends?"],
    ),
    "extends in a section": (
        PROD + "tags:\nprocessor:\n  extends: x.yaml\n",
        MINIMAL,
        ["prod.yaml:3: tags: is empty", "prod.yaml:5: processor.extends: is not a known key"],
    ),
    "null for an unknown key": (PROD + "colour: null\n", MINIMAL, ["prod.yaml:3: colour: is not a known key"]),
    "a key that both lack": (
        PROD,
        MINIMAL.replace("team: backend\n", ""),
        ["prod.yaml:1: team: is missing, also in base.yaml"],
    ),
    "a key of a section that both lack": (
        PROD + "auditor:\n  memory: 256\n",
        MINIMAL.replace("  runtime: python3.14\nauditor", "auditor").removesuffix("  runtime: python3.14\n"),
        [
            "prod.yaml:1: processor.runtime: is missing, also in base.yaml",
            "prod.yaml:3: auditor.runtime: is missing, also in base.yaml",
        ],
    ),
    "a required key that null removes": (
        PROD + "team: null\n",
        MINIMAL,
        ["prod.yaml:3: team: is missing: null removes the value of base.yaml:2"],
    ),
    "a required section that null removes": (
        PROD + "processor:\n",
        MINIMAL,
        ["prod.yaml:3: processor: is missing: null removes the value of base.yaml:4"],
    ),
    "a section that is no section": (PROD + "processor: here\n", MINIMAL, ["prod.yaml:3: processor: must be keys"]),
    "errors of both at once, the overlay first": (
        PROD + "team: X\nproject: a\nproject: b\n",
        MINIMAL + "bucket:\n  prefix: /x\nextra_alarms: !!int x\n",
        [
            "prod.yaml:3: team: is 'X'",
            "prod.yaml:5: project: duplicate key",
            "base.yaml:11: bucket.prefix: ",
            "base.yaml:12: extra_alarms: cannot be read",
        ],
    ),
    "an entry of a list in the base": (
        PROD,
        MINIMAL + "errors-alarm:\n  actions:\n    - mail me\n",
        ["base.yaml:12: errors-alarm.actions.0: is 'mail me'"],
    ),
    "a list that replaces one": (
        PROD + "errors-alarm:\n  actions:\n    - mail me\n",
        MINIMAL + "errors-alarm: {actions: ['x']}\n",
        ["prod.yaml:5: errors-alarm.actions.0: is 'mail me'"],
    ),
    "a value of the overlay that contradicts a default": (
        PROD + "auditor:\n  timeout: 60\n",
        MINIMAL,
        ["prod.yaml:4: dead-letter-queue.visibility_timeout: is 180 seconds; at least 360"],
    ),
    "a value of the overlay that contradicts the base": (
        PROD + "auditor:\n  timeout: 60\n",
        MINIMAL + "dead-letter-queue: {visibility_timeout: 200}\n",
        ["base.yaml:10: dead-letter-queue.visibility_timeout: is 200 seconds;"],
    ),
    "a base that is not YAML": (PROD + "team: X\n", "a: [\n", ["prod.yaml:3: team: is 'X'", "base.yaml:2: is not"]),
    "a base that is empty": (PROD, "# nothing\n", ["base.yaml:1: is empty"]),
    "a base that is a list": (PROD, "- a\n", ["base.yaml:1: must be keys and values"]),
    "a base that is too large": (PROD, "#" * LARGEST_BYTES + "#", ["prod.yaml:1: extends: base.yaml: is larger than"]),
    "a base that does not exist": (
        "team: X\nextends: none.yaml\n",
        "",
        ["prod.yaml:1: team: is 'X'", "prod.yaml:2: extends: none.yaml: the file does not exist"],
    ),
    "a base in a folder that does not exist": (
        "extends: none/base.yaml\n",
        "",
        ["prod.yaml:1: extends: none/base.yaml: the file does not exist"],
    ),
    "a base below a file": ("extends: base.yaml/x\n", "", ["prod.yaml:1: extends: base.yaml/x: cannot be read: Not a"]),
    "a base that is a folder": ("extends: .\n", "", ["prod.yaml:1: extends: . is not a file"]),
    "a base that never ends": ("extends: /dev/zero\n", "", ["prod.yaml:1: extends: /dev/zero is not a file"]),
    "a base with a name that is too long": (
        f"extends: {'x' * 300}\n",
        "",
        ["prod.yaml:1: extends: xxx"],
    ),
    "a name with an escape code": (
        'extends: "a\\e[31m.yaml"\n',
        "",
        ["prod.yaml:1: extends: a\\x1b[31m.yaml: the file does not exist"],
    ),
    "extends without a value": ("extends:\n", "", ["prod.yaml:1: extends: is empty; it must be the name of one file"]),
    "extends with an empty text": ("extends: ''\n", "", ["prod.yaml:1: extends: is empty; it must be the name of"]),
    "extends with a number": ("extends: 1\n", "", ["prod.yaml:1: extends: is 1; it must be the name of one file"]),
    "extends with two files": ("extends: [a.yaml]\n", "", ["prod.yaml:1: extends: is ['a.yaml']; it must be"]),
    "extends with a value that is not valid": ("extends: !!int x\n", "", ["prod.yaml:1: extends: cannot be read"]),
    "extends twice": (
        "extends: base.yaml\nextends: other.yaml\n",
        MINIMAL,
        ["prod.yaml:2: extends: duplicate key; first in line 1"],
    ),
    "a file that extends itself": ("extends: ./prod.yaml\n", "", ["prod.yaml:1: extends: is this file itself"]),
    "a circle": ("extends: base.yaml\n", "extends: prod.yaml\n", ["base.yaml:1: extends: leads back to prod.yaml"]),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_problem_names_the_file_and_line_of_the_wrong_value(name: str) -> None:
    prod, base, expected = WRONG[name]
    found = wrong(prod, base)
    assert len(found) == len(expected), found
    assert [line[: len(words)] for line, words in zip(found, expected, strict=True)] == expected


def test_a_contradiction_between_two_files_names_both_places() -> None:
    (found,) = wrong(PROD + "auditor:\n  timeout: 60\n", MINIMAL + "dead-letter-queue: {visibility_timeout: 200}\n")
    assert found.endswith("; auditor.timeout is in prod.yaml:4")


def test_a_name_that_is_too_long_names_the_environment() -> None:
    found = wrong(PROD.replace("prod", "p" * 32), LONG + "bucket: {resource: data}\n")
    assert any(line.startswith("prod.yaml:2: processor.resource: the function name") for line in found)
    assert any(line.startswith("base.yaml:10: bucket.resource: ") and "prod.yaml:2" in line for line in found)


def test_a_chain_of_too_many_files() -> None:
    files = {f"f{n}": f"extends: f{n + 1}.yaml\n" for n in range(2, MOST_FILES + 1)}
    (found,) = wrong("extends: f2.yaml\n", **files)
    assert found == f"f{MOST_FILES}.yaml:1: extends: makes a chain of more than {MOST_FILES} files"


def test_a_base_without_rights(folder: Path) -> None:
    if os.geteuid() == 0:
        pytest.skip("root may read everything")
    write(base=MINIMAL)
    (folder / "base.yaml").chmod(0)
    assert wrong() == ["prod.yaml:1: extends: base.yaml: cannot be read: Permission denied"]


def test_links_in_a_circle(folder: Path) -> None:
    (folder / "a.yaml").symlink_to("b.yaml")
    (folder / "b.yaml").symlink_to("a.yaml")
    (found,) = wrong("extends: a.yaml\n")
    assert found.startswith("prod.yaml:1: extends: a.yaml: cannot be read: ")


def test_a_pipe_is_no_base(folder: Path) -> None:
    os.mkfifo(folder / "pipe.yaml")
    assert wrong("extends: pipe.yaml\n") == ["prod.yaml:1: extends: pipe.yaml is not a file"]


def test_a_link_to_a_file_of_the_chain_is_a_circle(folder: Path) -> None:
    (folder / "link.yaml").symlink_to("prod.yaml")
    assert wrong("extends: link.yaml\n") == ["prod.yaml:1: extends: is this file itself"]


def test_the_limit_of_values_is_for_each_file() -> None:
    tags = "".join(f"# {n}\n" for n in range(100))
    assert merged(PROD + tags * 100, MINIMAL + tags * 100).environment == "prod"


def hint_of(file: str) -> str:
    with pytest.raises(ConfigError) as caught:
        load(Path(file))
    return str(caught.value.hint)


def test_a_base_that_is_only_a_part_says_what_is_missing() -> None:
    write(base="team: backend\nprocessor: {memory: 512}\n")
    with pytest.raises(ConfigError) as caught:
        load(Path("base.yaml"))
    keys = [problem.key for problem in caught.value.problems]
    assert sorted(keys) == ["auditor", "environment", "processor.runtime", "processor.source", "project"]
    assert "extends" in hint_of("base.yaml")
    write(base="team: X\nprocessor: {memory: 512}\n")
    assert "extends" not in hint_of("base.yaml")


def test_values_and_places_of_the_shipped_config_are_unchanged_below_an_overlay(folder: Path) -> None:
    dev = ROOT / "config" / "dev.yaml"
    write(prod=f"extends: {dev}\n")
    expected: dict[str, Any] = load(dev).model_dump()
    found = load(folder / "prod.yaml").model_dump()
    for function in ("processor", "auditor"):
        expected[function]["source"] = f"{dev.parent}/{expected[function]['source']}"
    assert found == expected
