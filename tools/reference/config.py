"""The page of the config, and its JSON Schema, from the models of the config."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from tools.reference.markdown import DO_NOT_EDIT, shown, table

from pipectl.commands import config as config_commands
from pipectl.config.models import Config
from pipectl.config.names import CODE_TAG
from pipectl.config.runtimes import RUNTIMES
from pipectl.config.yaml_document import EXTENDS
from pipectl.packaging.tree import LEFT_OUT


def page() -> str:
    """Return the page of the config: each key with its meaning, allowed values and default."""
    schema = Config.model_json_schema(by_alias=True)
    sections = {
        key: schema["$defs"][prop["$ref"].rsplit("/", 1)[1]]
        for key, prop in schema["properties"].items()
        if "$ref" in prop
    }
    top = {EXTENDS: config_commands.EXTENDS_SCHEMA}
    top |= {key: prop for key, prop in schema["properties"].items() if key not in sections}
    parts = [
        DO_NOT_EDIT,
        "# The config file\n",
        "The config is a YAML file in UTF-8. Unknown keys, duplicate keys and aliases are errors. Every name is",
        "`<environment>-<resource>-<team>`; `resource` is a key of each section.",
        "`pipectl config check` checks the file, `pipectl config show` prints it with all defaults, and",
        "`pipectl config schema` prints its JSON Schema for editors.\n",
        "A config with `extends` needs no other key: [environments.md](environments.md#extend-a-config) has the rules.",
        "All errors of all files are reported at once, each with the file and line where the wrong value is written.\n",
        "## Top level\n",
        *_keys(top, schema.get("required", [])),
    ]
    for key, section in sections.items():
        parts += [f"\n## `{key}`\n", *_keys(section["properties"], section.get("required", []))]
    parts += ["\n## Renaming\n", _RENAMING, "\n## Packages\n", *_packages(), "\n## Runtimes\n", *_runtimes()]
    return "\n".join(parts) + "\n"


_PACKAGES = f"""\
The package of a function contains the files of the handler's folder, with linked files and folders, and the packages
that its `requirements.txt` or `package.json` names ([Dependencies](handlers.md#dependencies)). Where both have a file
of one name, that of the folder is packaged. Modes are kept: 0755 for executable files, else 0644. The package has the
same bytes on every machine. Above 50 MB the files are compressed, and the package is compared by a hash of its contents
in the tag `{CODE_TAG}`.

pipectl refuses more than 50 MB compressed or 250 MB uncompressed, `.env` files, links that lead to nothing or back to a
folder above, and file names that are not UTF-8 or contain control characters.

`config check`, `plan` and `up` look up the handler's file and function without running the code. They warn of binaries
of another architecture, of Python files that do not parse, and of dependencies whose versions are not pinned: plans
only when the code changes. `config check` installs nothing.

A package leaves out:

| kind | names |
| --- | --- |"""


_RENAMING = """\
A resource is found by its name. After a change of `team`, of a `resource` or of the bucket's name, `up` creates new
resources, and the old ones remain with their data: [Rename or move a pipeline](how-to/rename.md) has the steps."""


def _packages() -> Iterator[str]:
    yield _PACKAGES
    for kind, patterns in LEFT_OUT.items():
        yield f"| {kind} | {', '.join(f'`{pattern}`' for pattern in patterns)} |"


def _keys(properties: dict[str, Any], required: list[str]) -> Iterator[str]:
    rows = []
    for key, prop in properties.items():
        value = prop.get("default", {} if prop.get("type") == "object" else None)
        default = "none" if value is None else f"`{json.dumps(value)}`"
        if key in required:
            default = "**required**"
        rows.append((f"`{key}`", default, _allowed(prop), shown(prop.get("description", ""))))
    yield from table(("key", "default", "allowed", "meaning"), rows)


_KINDS = {
    "array": "list",
    "boolean": "`true`, `false`",
    "integer": "whole number",
    "object": "map",
    "string": "text",
}


def _allowed(prop: dict[str, Any]) -> str:
    kinds = [kind for kind in prop.get("anyOf", [prop]) if kind.get("type") != "null"]
    return ", or ".join(_allowed_of({**prop, **kind} if "type" in prop else kind) for kind in kinds)


def _allowed_of(kind: dict[str, Any]) -> str:
    if "const" in kind:
        return f"`{kind['const']}`"
    if "enum" in kind:
        return ", ".join(f"`{value}`" for value in kind["enum"])
    text = _KINDS[kind["type"]]
    if step := kind.get("multipleOf"):
        text = f"multiple of {step}"
    low, high = kind.get("minimum"), kind.get("maximum")
    if low is not None and high is not None:
        text += f", {low} to {high}"
    elif low is not None:
        text += f", {low} or more"
    if longest := kind.get("maxLength"):
        text += f", at most {longest} characters"
    if most := kind.get("maxItems") or kind.get("maxProperties"):
        text += f" of at most {most}"
    return text


def _runtimes() -> Iterator[str]:
    rows = [
        (f"`{runtime.name}`", runtime.language, str(runtime.deprecated or "not announced"))
        for runtime in RUNTIMES.values()
        if runtime.supported
    ]
    yield from table(("runtime", "language", "deprecated by AWS"), rows)


def schema() -> str:
    """Return the JSON Schema of the config."""
    return json.dumps(config_commands.schema(), indent=2) + "\n"
