"""The page of the JSON documents: keys and types from the samples of the tests, meanings from the dataclasses."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import click
from tests.cli.commands import all_commands
from tests.output.documents import DATA, UNVERSIONED
from tests.output.samples import samples
from tools.reference.documented import Meaning, meanings
from tools.reference.markdown import DO_NOT_EDIT, shown, table

from pipectl.json_types import JsonValue
from pipectl.output.console import Screen

_TIME = re.compile(r"\d{4}-\d\d-\d\dT[\d:.]+Z")
_ANYTHING = "*"

_COMMON: Mapping[str, str] = {
    "schemaVersion": "Version of the form of the document.",
    "account": "AWS account.",
    "region": "AWS region.",
    "environment": "Environment of the config.",
    "resource": "Key of the resource in the config, such as `orders-table`.",
    "kind": "Kind of the resource, such as `table`.",
    "name": "Name.",
    "arn": "ARN.",
    "team": "Team, by the tag.",
    "changes": "Changes, one for each resource.",
    "action": "Action, such as `create`, `update` or `delete`.",
    "attributes": "Differences by attribute: `from` and `to`.",
    "drift": "Differences from the config, by attribute.",
    "from": "Value before.",
    "to": "Value after.",
    "flags": "Risks that the change opens or closes.",
    "orphans": "Resources of this pipeline that the config no longer names.",
    "exists": "It still exists; `null` where that is not known.",
    "processes": "It still processes records.",
    "command": "Command that helps.",
    "auditId": "Id of the failure.",
    "failure": "Id of the failure.",
    "failureType": "Type of the failure.",
    "replayStatus": "Status of the failure.",
    "timestamp": "Time of the failure.",
    "sequenceNumber": "Sequence number of the record in the stream.",
    "hint": "Next step.",
    "next": "Token of the next page, for `--page`.",
    "more": "There are more than were read.",
    "suspectDeploy": "Deployment that probably caused the failures.",
    "outputs": "Names, ARNs and URLs, as `outputs` prints them.",
    "message": "Text for people, which can change.",
    "reason": "Reason in words.",
    "time": "Time of the report.",
    "orders": "Keys of the orders.",
    "order": "Key of the order.",
    "cause": "Cause of the failure, in words.",
    "causes": "Causes, the most frequent first.",
    "count": "Number.",
    "since": "Start of the period.",
    "until": "End of the period, or the time until which something lasts.",
    "quarantined": "The bucket has a copy of the record.",
    "problems": "Problems that were met, in words.",
    "verdict": "Verdict.",
    "checks": "Checks.",
    "ok": "Nothing is wrong.",
    "version": "Version of the function.",
    "safety": "Place where the records are safe.",
    "unreplayable": "Reason why it cannot be replayed.",
    "unexplained": "Failures whose records were not read, because there are too many.",
    "seconds": "Seconds.",
    "by": "Name of the person or program.",
    "catchingUp": "The backlog after a pause is still being read.",
    "resolvedBy": "Name of the person who resolved it.",
    "resolvedReason": "Reason of the resolution.",
    "resolvedAt": "Time of the resolution.",
    "changed": "Something was changed.",
    "warnings": "Warnings, in words.",
    "unresolved": "Unresolved failures.",
    "startsToExpire": "Time at which its first record leaves the stream.",
    "atRisk": "Time at which its last record leaves the stream.",
    "records": "Records.",
    "id": "Id of the plan, for `up --plan`.",
    "requestId": "Request id of the invocation.",
    "health": "Health of the pipeline.",
    "alarms": "Alarms that fire.",
    "resources": "Resources.",
    "errors": "Errors of the processor.",
    "added": "Added lines.",
    "removed": "Removed lines.",
    "binary": "The file is not text.",
    "functionVersion": "Version of the function.",
    "failedAt": "Time of the failed try.",
    "shardId": "Shard of the stream.",
}
"""Meanings of keys that mean one thing in every document, where no dataclass describes them."""

_ELSEWHERE: Mapping[str, str] = {
    "error": "The error: [errors.md](errors.md).",
    "plan": "The plan, as [plan](#plan) prints it; after `up`, its id.",
}
"""Keys whose objects are described elsewhere."""

_OPTIONS = {
    "up watch": "up --watch",
    "send --direct": "send --direct",
    "replay-dlq dry run": "replay-dlq --dry-run",
    "replay-dlq save": "replay-dlq --save",
    "doctor capture": "doctor --capture",
}
"""Samples that are of a command with an option, which prints another document."""

_INTRODUCTION = """\
With `-o json` a command prints one JSON document on stdout. `logs --follow`, `status --watch` and `up --watch` print
one in each line. Errors are described in [errors.md](errors.md).

- Keys are in camelCase. Keys that are data, such as the names of outputs, keep their spelling; they are `*` below.
- Times are RFC 3339 in UTC, such as `2026-01-31T12:00:00Z`. Spans of time are seconds.
- `schemaVersion` is 1. It grows when a key is renamed, removed or changes its meaning. New keys can be added at any
  time, so ignore those that you do not know.
- `outputs`, `permissions NAME`, `template`, `config show` and `local status --env` have no `schemaVersion`: their keys
  are data.

This page is made from examples that the tests keep for each command. A key that no example has can be missing here.
"""


@dataclass
class _Key:
    """A key of a document, as the samples have it."""

    types: set[str] = field(default_factory=set)
    texts: set[str] = field(default_factory=set)
    meaning: Meaning | None = None


def page() -> str:
    """Return the page of the JSON documents: a section for each command."""
    documents: dict[str, list[JsonValue]] = {}
    for name in samples("DATA"):
        command, document = _command(name), _document(name)
        if command and name not in UNVERSIONED and document is not None:
            documents.setdefault(command, []).append(document)
    order = [" ".join(path) for path, _ in all_commands()]
    commands = sorted(documents, key=lambda name: (order.index(name.partition(" --")[0]), name))
    parts = [DO_NOT_EDIT, "# JSON documents\n", _INTRODUCTION]
    parts += [f"- {', '.join(f'[{name}](#{_anchor(name)})' for name in commands)}"]
    for command in commands:
        parts += [f"\n## {command}\n", *_table(documents[command])]
    return "\n".join(parts) + "\n"


def _anchor(heading: str) -> str:
    return re.sub(r"[^\w -]", "", heading).replace(" ", "-")


def _command(sample: str) -> str | None:
    """Return the command of a sample, with the option that changes its document; ``None`` for an error."""
    for start, with_option in _OPTIONS.items():
        if sample.startswith(start):
            return with_option
    known = {" ".join(path) for path, command in all_commands() if path and not isinstance(command, click.Group)}
    words = sample.split()
    return next((name for n in (2, 1) if (name := " ".join(words[:n])) in known), None)


def _document(sample: str) -> JsonValue:
    """Return the document on stdout; ``None`` where a sample has none, such as a question."""
    screen = Screen(json_output=True)
    screen.out.file, screen.err.file = io.StringIO(), io.StringIO()
    samples("DATA")[sample](screen)
    text = screen.out.file.getvalue()
    found: JsonValue = json.loads(text) if text else None
    return found


def _table(documents: list[JsonValue]) -> Iterator[str]:
    keys: dict[str, _Key] = {}
    for document in documents:
        _read(document, "", keys)
    rows = [(f"`{path}`", _types(path, each), shown(_words(path, each))) for path, each in keys.items()]
    return table(("key", "type", "meaning"), rows)


def _read(value: JsonValue, path: str, keys: dict[str, _Key]) -> None:
    """Add the keys below a value to those that are known."""
    if isinstance(value, list):
        for member in value:
            _read(member, f"{path}[]", keys)
    elif isinstance(value, dict):
        described = meanings(value)
        for name, member in value.items():
            _add(member, f"{path}.{name}".lstrip("."), described.get(name), keys)
            if name in _ELSEWHERE:
                continue
            if isinstance(member, dict) and _is_data(name, member):
                for each in member.values():
                    _add(each, f"{path}.{name}.{_ANYTHING}".lstrip("."), None, keys)
            else:
                _read(member, f"{path}.{name}".lstrip("."), keys)


def _is_data(name: str, value: Mapping[str, JsonValue]) -> bool:
    """Return whether the keys of an object are data. `failures` counts by status, or has keys of its own."""
    return name in DATA and not (name == "failures" and all(re.match("[a-z]", key) for key in value))


def _add(value: JsonValue, path: str, meaning: Meaning | None, keys: dict[str, _Key]) -> None:
    key = keys.setdefault(path, _Key())
    key.types.add(_type(value))
    key.meaning = key.meaning or meaning
    if isinstance(value, str):
        key.texts.add(value)


def _type(value: JsonValue) -> str:
    match value:
        case None:
            return "`null`"
        case bool():
            return "true or false"
        case int() | float():
            return "number"
        case str():
            return "time" if _TIME.fullmatch(value) else "text"
        case list():
            return "list"
    return "object"


def _types(path: str, key: _Key) -> str:
    types = sorted(key.types - {"`null`"})
    if types == ["text", "time"]:
        types = ["time"] if path.rpartition(".")[2] != _ANYTHING else ["text"]
    return ", or ".join([*types, *(["`null`"] if "`null`" in key.types else [])])


def _words(path: str, key: _Key) -> str:
    name = path.rpartition(".")[2]
    words = (key.meaning.words if key.meaning else "") or _ELSEWHERE.get(name) or _COMMON.get(name, "")
    values = key.meaning.values if key.meaning else ()
    if values and key.texts <= set(values):
        words = f"{words.rstrip('.')}{': ' if words else ''}{', '.join(f'`{value}`' for value in values)}"
    return words.replace("|", "\\|").replace("`None`", "`null`")
