"""The models of the config: valid values, and errors with line, key, problem and allowed values."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from itertools import takewhile
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import BaseModel

from pipectl.config.cross_checks import named_resources
from pipectl.config.loading import load
from pipectl.config.models import EXTRA_ALARMS, LOG_RETENTION_DAYS, SHAPES, Config, fields_of
from pipectl.config.regions import known_region
from pipectl.pipeline import Pipeline
from tests.config.minimal import changed, problems
from tests.support import DEV_CONFIG, World, write_config


@dataclass(frozen=True)
class Broken:
    """Changes of `MINIMAL`, the key of the expected problem, words of its message, and the key in its line."""

    changes: dict[str, Any]
    key: str
    words: tuple[str, ...]
    at: str | None = None


def broken(path: str, value: Any, *words: str, key: str | None = None) -> Broken:
    return Broken({path: value}, key or path.replace("/", "."), words)


def contradicts(path: str, value: Any, default: str, *words: str) -> Broken:
    """Return a value that contradicts the default of another key: the problem is in the line of the value."""
    return Broken({path: value}, default, words, path.replace("/", "."))


VISIBILITY = "dead-letter-queue.visibility_timeout"
LABEL = "lowercase letters, digits and hyphens"
ARN = "arn:aws:sns:us-east-1:123456789012:on-call"
BROKEN = {
    # top level
    "environment missing": broken("environment", None, "is missing"),
    "team missing": broken("team", None, "is missing"),
    "project missing": broken("project", None, "is missing"),
    "environment in capitals": broken("environment", "Dev", "'Dev'", LABEL),
    "environment ends with a hyphen": broken("environment", "dev-", "'dev-'", LABEL),
    "environment with a line break": broken("environment", "dev\n", LABEL),
    "team with a space": broken("team", "back end", LABEL),
    "project too long": broken("project", "p" * 33, "33 characters", "at most 32"),
    "environment empty": broken("environment", "", LABEL),
    "environment a number": broken("environment", 1, "must be text", "quotes"),
    "environment a boolean": broken("environment", True, "reads it as True", "quotes"),
    "region misspelled": broken("region", "us-east1", "'us-east1'", "did you mean", "us-east-1"),
    "region unknown": broken("region", "mars", "known are", "eu-central-1"),
    "account id unquoted": broken("account_id", 123456789012, "must be text", "123456789012", "quotes"),
    "account id short": broken("account_id", "12345678901", "12 digits"),
    "account id in other digits": broken("account_id", "١٢٣٤٥٦٧٨٩٠١٢", "12 digits"),
    "extra alarms a word": broken("extra_alarms", "on", "true or false", "'on'"),
    "an unknown section": broken("lambda", {}, "not a known key", "known are", "processor"),
    "an unknown key": broken("processor/memroy", 1, "not a known key", "did you mean memory?"),
    "a section written with _": broken("orders_table", {}, "not a known key", "did you mean orders-table?"),
    "a section that is a number": broken("bucket", 5, "must be keys and values", "5"),
    "a section that is a list": broken("bucket", ["a"], "must be keys and values"),
    "boundary a name": broken("permissions_boundary", "boundary", "the ARN of an IAM policy", "{account_id}"),
    "boundary a role": broken("permissions_boundary", "arn:aws:iam::123456789012:role/a", "the ARN of an IAM policy"),
    "boundary of another account": Broken(
        {"permissions_boundary": "arn:aws:iam::123456789012:policy/a", "account_id": "210987654321"},
        "permissions_boundary",
        ("a policy of account 123456789012", "of account 210987654321 and of AWS"),
    ),
    # tags
    "tags a list": broken("tags", ["a"], "must be keys and values"),
    "tag a number": broken("tags/CostCenter", 5, "must be text", "quotes"),
    "tag of pipectl": broken("tags/Project", "x", "set by pipectl", "ManagedBy"),
    "tag of pipectl in another case": broken("tags/managedby", "x", "set by pipectl"),
    "tag of AWS": broken("tags/aws:x", "x", "reserved by AWS"),
    "tag key too long": broken("tags/" + "k" * 129, "x", "1 to 128 characters", "129"),
    "tag value too long": broken("tags/k", "v" * 257, "at most 256 characters", "257"),
    "tag with a sign": broken("tags/k", "a&b", "letters, digits, spaces", "'&'"),
    "tag with a line break": broken("tags/k", "a\nb", "'\\n'"),
    "too many tags": broken("tags", {f"k{n}": "v" for n in range(45)}, "45 entries", "at most 44"),
    "tags that are equal for IAM": Broken({"tags": {"Cost": "1", "cost": "2"}}, "tags.cost", ("'Cost'", "IAM")),
    # names
    "name of a table with a slash": broken("orders-table/resource", "a/b", "table", "DynamoDB allows 3 to 255"),
    "name of a table too long": broken(
        "orders-table/resource", "t" * 250, "262 characters", "DynamoDB allows 3 to 255"
    ),
    "name of a queue too long": broken("dead-letter-queue/resource", "q" * 69, "81 characters", "SQS allows 1 to 80"),
    "name of a queue with a dot": broken("dead-letter-queue/resource", "a.fifo", "SQS allows"),
    "name of a role too long": broken("processor-role/resource", "r" * 53, "65 characters", "IAM allows 1 to 64"),
    "name of a role with a slash": broken("auditor-role/resource", "path/role", "IAM allows"),
    "name of a function too long": broken("processor/resource", "f" * 53, "65 characters", "Lambda allows 1 to 64"),
    "name of a function with a dot": broken("auditor/resource", "a.b", "Lambda allows"),
    "name of an alarm too long": broken("errors-alarm/resource", "a" * 244, "256 characters", "CloudWatch allows"),
    "name of a bucket too long": broken("bucket/resource", "b" * 52, "64 characters", "S3 allows 3 to 63"),
    "name of a bucket with its account too long": broken("bucket/resource", "b" * 40 + "{account_id}", "64 characters"),
    "name of a bucket in capitals": broken("bucket/resource", "Data", "S3 allows", "lowercase"),
    "name of a bucket with _": broken("bucket/resource", "a_b", "S3 allows"),
    "name of a bucket with two dots": broken("bucket/resource", "a..b", "no two dots"),
    "name of a bucket with another template": broken("bucket/resource", "a-{region}", "S3 allows"),
    "name of a bucket that S3 reserves": Broken({"environment": "sthree"}, "bucket.resource", ("sthree-",)),
    "an empty name": broken("bucket/resource", "", "is empty"),
    "two tables of one name": broken(
        "audit-table/resource", "orders-table", "table name", "already the name of orders-table"
    ),
    "two functions of one name": broken("auditor/resource", "order-processor-lambda", "already the name of processor"),
    "two roles of one name": broken(
        "auditor-role/resource", "order-processor-role", "already the name of processor-role"
    ),
    "an alarm named as an extra one": Broken(
        {"extra_alarms": True, "errors-alarm/resource": "order-failures-alarm"},
        "errors-alarm.resource",
        ("already the name of failures-alarm",),
    ),
    # tables and bucket
    "partition key empty": broken("orders-table/partition_key", "", "is empty"),
    "partition key too long": broken("orders-table/partition_key", "k" * 256, "256 characters", "at most 255"),
    "backups a word": broken("audit-table/point_in_time_recovery", "yes", "true or false"),
    "prefix with a wildcard": broken("bucket/prefix", "data/*", "'data/*'", "wildcard"),
    "prefix with another wildcard": broken("bucket/failed_prefix", "fail?", "'fail?'", "wildcard"),
    "prefix with a variable of policies": broken("bucket/prefix", "${aws:username}", "wildcard"),
    "prefix begins with /": broken("bucket/prefix", "/data", "must not begin or end"),
    "prefix ends with /": broken("bucket/prefix", "data/", "must not begin or end"),
    "prefix with an empty part": broken("bucket/prefix", "a//b", "empty"),
    "prefix that goes up": broken("bucket/prefix", "a/../b", "'..'"),
    "prefix too long": broken("bucket/prefix", "p" * 513, "513 characters", "at most 512"),
    "prefixes equal": broken("bucket/prefix", "failed-data", "failed_prefix 'failed-data'"),
    "prefix in the failed prefix": broken("bucket/prefix", "failed-data/x", "failed_prefix"),
    "failed prefix in the prefix": contradicts(
        "bucket/failed_prefix", "processed-data/x", "bucket.prefix", "may contain the other"
    ),
    # queue
    "visibility below 6 x the auditor's timeout": contradicts(
        "auditor/timeout", 31, VISIBILITY, "180 seconds", "at least 186", "6 x"
    ),
    "visibility without the window": contradicts(
        "queue-mapping/batching_window", 1, VISIBILITY, "at least 181", "window of 1"
    ),
    # functions
    "no source": broken("processor/source", None, "is missing"),
    "source empty": broken("processor/source", "", "is empty"),
    "no runtime": broken("auditor/runtime", None, "is missing"),
    "no processor": broken("processor", None, "is missing"),
    "no auditor": broken("auditor", None, "is missing"),
    "runtime unknown": broken("processor/runtime", "python2.7", "'python2.7'", "allowed are", "python3.14"),
    "runtime of another language": broken("processor/runtime", "java21", "allowed are", "nodejs24.x"),
    "runtime deprecated": broken("processor/runtime", "nodejs20.x", "deprecated since 2026-04-30", "nodejs24.x"),
    "runtime a number": broken("processor/runtime", 3.14, "must be text", "quotes"),
    "architecture unknown": broken("processor/architecture", "arm", "'arm'", "'arm64' or 'x86_64'"),
    "handler without a function": broken("processor/handler", "handler", "<file>.<function>", "handler.handler"),
    "handler with a space": broken("auditor/handler", "my handler.handler", "<file>.<function>"),
    "handler too long": broken("auditor/handler", "h" * 127 + ".h", "129 characters", "at most 128"),
    "memory a word": broken("processor/memory", "256", "a whole number", "'256'"),
    "memory a fraction": broken("processor/memory", 256.5, "a whole number"),
    "memory a boolean": broken("processor/memory", True, "a whole number"),
    # mappings
    "starting position unknown": broken(
        "stream-mapping/starting_position", "AT_TIMESTAMP", "'TRIM_HORIZON' or 'LATEST'"
    ),
    "no record age": broken("stream-mapping/maximum_record_age", -1, "24 h limit", "allow_expiry: true"),
    "records older than 12 hours": broken(
        "stream-mapping/maximum_record_age", 43201, "more than 43200", "allow_expiry"
    ),
    "records younger than a minute": broken("stream-mapping/maximum_record_age", 59, "-1, or 60 to 604800"),
    "record age of 0": broken("stream-mapping/maximum_record_age", 0, "-1, or 60 to 604800"),
    "more than 10 messages without a window": broken("queue-mapping/batch_size", 11, "above 10", "at least 1 second"),
    # alarm and log groups
    "period not in whole minutes": broken("errors-alarm/period", 90, "is 90", "multiple of 60"),
    "period below a minute": broken("errors-alarm/period", 30, "is 30", "60 to 86400"),
    "action not an ARN": broken("errors-alarm/actions", ["mail me"], "'mail me'", ARN, key="errors-alarm.actions.0"),
    "actions a word": broken("errors-alarm/actions", ARN, "must be a list"),
    "too many actions": broken("errors-alarm/actions", [ARN] * 6, "6 entries", "at most 5"),
    "retention that CloudWatch does not have": broken("processor-log-group/retention_days", 31, "is 31", "30, 60, 90"),
}

RANGES = {
    "dead-letter-queue/retention_days": (1, 14),
    "dead-letter-queue/maximum_message_size": (1024, 1048576),
    "dead-letter-queue/visibility_timeout": (180, 43200),
    "processor/memory": (128, 10240),
    "processor/timeout": (1, 900),
    "auditor/memory": (128, 10240),
    "auditor/timeout": (1, 30),
    "stream-mapping/batch_size": (1, 10000),
    "stream-mapping/batching_window": (0, 300),
    "stream-mapping/parallelization_factor": (1, 10),
    "stream-mapping/retry_attempts": (-1, 10000),
    "stream-mapping/maximum_record_age": (60, 43200),
    "queue-mapping/batch_size": (1, 10),
    "queue-mapping/batching_window": (0, 0),
    "queue-mapping/maximum_concurrency": (2, 1000),
    "errors-alarm/period": (60, 86400),
    "errors-alarm/threshold": (1, 10**6),
}
"""The lowest and highest allowed values, with the defaults of the other keys."""
NO_UPPER_BOUND = {"errors-alarm/threshold": "no upper bound", "queue-mapping/batching_window": "see BROKEN"}


@pytest.mark.parametrize("name", BROKEN)
def test_a_problem_has_line_key_and_allowed_values(name: str, tmp_path: Path) -> None:
    case = BROKEN[name]
    text = changed(case.changes)
    found = problems(tmp_path, text)
    assert [problem.key for problem in found] == [case.key]
    for words in case.words:
        assert words in found[0].message
    assert found[0].line == line_of(text, case.at or case.key)
    assert found[0].file == str(tmp_path / "pipectl.yaml")


def line_of(text: str, key: str) -> int:
    """Return the line of a dotted key, or of the nearest section above it."""
    line, indent, start = 1, 0, 0
    lines = text.splitlines()
    for part in [part for part in key.split(".") if not part.isdecimal()]:
        inside = takewhile(partial(_is_in, lines, " " * indent), range(start, len(lines)))
        at = next((n for n in inside if lines[n].strip(" ?").startswith((part, f"'{part}'"))), None)
        if at is None:
            return line
        line, start, indent = at + 1, at + 1, indent + 2
    return line + 1 if key[-1].isdecimal() else line


def _is_in(lines: list[str], indent: str, n: int) -> bool:
    return lines[n].startswith(indent)


def test_there_are_as_many_broken_configs_as_keys() -> None:
    assert len(BROKEN) >= 50


@pytest.mark.parametrize("path", RANGES)
def test_a_range_includes_both_ends_and_nothing_beyond(path: str, tmp_path: Path) -> None:
    least, most = RANGES[path]
    for value in (least, most):
        assert problems(tmp_path, changed({path: value})) == ()
    beyond = (least - 1,) if path in NO_UPPER_BOUND else (least - 1, most + 1)
    for value in beyond:
        found = problems(tmp_path, changed({path: value}))
        assert len(found) == 1, value
        assert f"is {value}" in found[0].message or f"timeout of {value}" in found[0].message


def test_a_range_is_shown_with_its_unit(tmp_path: Path) -> None:
    (low,) = problems(tmp_path, changed({"processor/memory": 64}))
    (high,) = problems(tmp_path, changed({"processor/memory": 20480}))
    assert low.message == "is 64; allowed are 128 to 10240 MB (memory of one invocation)"
    assert high.message == "is 20480; allowed are 128 to 10240 MB (memory of one invocation)"


def test_every_number_of_the_config_has_its_range_tested() -> None:
    numbers = {
        f"{section}/{key}"
        for section in fields_of(())
        for key, field in fields_of((section,)).items()
        if field.annotation in (int, int | None) and key != "retention_days"
    }
    assert numbers <= RANGES.keys()


@pytest.mark.parametrize("days", LOG_RETENTION_DAYS)
def test_every_retention_of_cloudwatch_is_allowed(days: int, tmp_path: Path) -> None:
    assert problems(tmp_path, changed({"auditor-log-group/retention_days": days})) == ()


VALID: dict[str, dict[str, Any]] = {
    "a boundary in the account": {
        "permissions_boundary": "arn:aws:iam::{account_id}:policy/limits/a",
        "account_id": "123456789012",
    },
    "a boundary of AWS": {"permissions_boundary": "arn:aws:iam::aws:policy/PowerUserAccess", "account_id": "1" * 12},
    "only required keys": {},
    "an account": {"account_id": "012345678901"},
    "a region": {"region": "eu-central-1"},
    "node": {"processor/runtime": "nodejs24.x"},
    "one letter": {"environment": "d", "team": "1"},
    "a label of full length": {"project": "p" * 32},
    "no record age, knowingly": {"stream-mapping/maximum_record_age": -1, "stream-mapping/allow_expiry": True},
    "a record age of a week, with allow_expiry": {
        "stream-mapping/maximum_record_age": 604800,
        "stream-mapping/allow_expiry": True,
    },
    "unlimited retries": {"stream-mapping/retry_attempts": -1},
    "a large batch with a window": {
        "queue-mapping/batch_size": 10000,
        "queue-mapping/batching_window": 300,
        "dead-letter-queue/visibility_timeout": 480,
    },
    "visibility of exactly 6 x the timeout": {"auditor/timeout": 60, "dead-letter-queue/visibility_timeout": 360},
    "prefixes side by side": {"bucket/prefix": "data", "bucket/failed_prefix": "data-failed"},
    "prefixes in one folder": {"bucket/prefix": "orders/good", "bucket/failed_prefix": "orders/bad"},
    "a prefix of partitions": {"bucket/prefix": "table=orders/v1.0_a-b!"},
    "tags in any script": {"tags": {"Größe": "中文 und Leerzeichen", "a.b:c/d=e+f-g@h_i": ""}},
    "as many tags as allowed": {"tags": {f"k{n}": "v" for n in range(44)}},
    "a tag of full length": {"tags/" + "k" * 128: "v" * 256},
    "a table name of full length": {"orders-table/resource": "t" * 243},
    "a bucket name of full length": {"bucket/resource": "b" * 51},
    "a function name of full length": {"processor/resource": "f" * 52},
    "a table and a queue of one name": {"orders-table/resource": "same", "dead-letter-queue/resource": "same"},
    "a handler in a folder": {"processor/handler": "app/orders.handle"},
    "a topic": {"errors-alarm/actions": [ARN]},
    "an OpsItem": {"errors-alarm/actions": ["arn:aws:ssm:us-east-1:123456789012:opsitem:1"]},
    "a response plan, which is in no region": {
        "region": "eu-central-1",
        "errors-alarm/actions": ["arn:aws:ssm-incidents::123456789012:response-plan/orders"],
    },
    "a topic in the region of the config": {"region": "us-east-1", "errors-alarm/actions": [ARN]},
    "a period of an hour": {"errors-alarm/period": 3600},
}


@pytest.mark.parametrize("name", VALID)
def test_a_valid_config_has_no_problems(name: str, tmp_path: Path) -> None:
    assert problems(tmp_path, changed(VALID[name])) == ()


def test_an_alarm_action_of_another_region_is_refused(tmp_path: Path) -> None:
    text = changed({"region": "eu-central-1", "errors-alarm/actions": [ARN.replace("us-east-1", "eu-central-1"), ARN]})
    (problem,) = problems(tmp_path, text)
    assert problem.key == "errors-alarm.actions.1"
    assert "us-east-1" in problem.message
    assert "eu-central-1" in problem.message


def test_dev_yaml_is_valid() -> None:
    config = load(DEV_CONFIG)
    assert (config.environment, config.team, config.processor.runtime) == ("dev", "backend", "python3.14")


def test_every_value_of_dev_yaml_is_the_default() -> None:
    """Deleting a line does not change the pipeline. Two keys differ from their defaults on purpose."""
    values = yaml.safe_load(DEV_CONFIG.read_text())
    for name in ("tags", "extra_alarms"):
        values.pop(name)
    config = load(DEV_CONFIG)
    for section, keys in values.items():
        if not isinstance(keys, dict):
            continue
        model: BaseModel = getattr(config, section.replace("-", "_"))
        for key in keys:
            field = type(model).model_fields[key]
            if not field.is_required():
                assert getattr(model, key) == field.get_default(call_default_factory=True), f"{section}.{key}"


def test_dev_yaml_has_every_section() -> None:
    assert yaml.safe_load(DEV_CONFIG.read_text()).keys() >= fields_of(()).keys() - {
        "account_id",
        "permissions_boundary",
    }


def test_the_sources_of_dev_yaml_exist() -> None:
    config = load(DEV_CONFIG)
    for function in (config.processor, config.auditor):
        assert config.source_of(function, DEV_CONFIG).is_dir()


def test_a_source_is_relative_to_the_file_and_has_its_language(tmp_path: Path) -> None:
    file = write_config(tmp_path, {"processor": {"source": "code/{language}", "runtime": "nodejs24.x"}})
    config = load(file)
    assert config.source_of(config.processor, file) == tmp_path / "code" / "nodejs"


def test_a_config_is_immutable() -> None:
    config = load(DEV_CONFIG)
    with pytest.raises(ValueError, match="frozen"):
        config.processor.memory = 1  # type: ignore[misc]


def test_every_pattern_has_words() -> None:
    def patterns(schema: Any) -> set[str]:
        if isinstance(schema, dict):
            own = {schema["pattern"]} if isinstance(schema.get("pattern"), str) else set()
            return own.union(*map(patterns, schema.values()))
        return set().union(*map(patterns, schema)) if isinstance(schema, list) else set()

    assert patterns(Config.model_json_schema()) == SHAPES.keys()


def test_every_key_is_described() -> None:
    undescribed = [
        f"{section}.{key}"
        for section in fields_of(())
        for key, field in fields_of((section,)).items()
        if not field.description
    ]
    assert undescribed == []


def test_every_name_of_the_config_is_checked(moto_world: World) -> None:
    """Lambda names log groups, pipectl names extra alarms, and mappings have no name."""
    config, aws = moto_world.config, moto_world.aws
    made = Pipeline(config, moto_world.file, aws).resources().values()
    named = {resource.key for resource in made if resource.kind not in ("log-group", "mapping")}
    assert {key for key, _, _ in named_resources(config)} == named - EXTRA_ALARMS.keys()


def test_the_extra_alarms_have_their_names(moto_world: World) -> None:
    made = Pipeline(moto_world.config, moto_world.file, moto_world.aws).resources()
    for key, resource in EXTRA_ALARMS.items():
        assert made[key].name == f"dev-{resource}-backend"


def test_a_region_in_capitals_is_refused_with_its_name() -> None:
    with pytest.raises(ValueError, match=r"did you mean us-east-1 "):
        known_region("US-EAST-1")


def test_known_regions_include_those_of_all_partitions() -> None:
    for region in ("us-east-1", "eu-central-1", "eusc-de-east-1"):
        assert known_region(region) == region


@pytest.mark.parametrize(("region", "partition"), [("cn-north-1", "aws-cn"), ("us-gov-west-1", "aws-us-gov")])
def test_a_partition_without_tags_on_mappings_is_refused_by_name(region: str, partition: str) -> None:
    with pytest.raises(ValueError, match=partition):
        known_region(region)
