"""Write the parts of the documentation that the program itself knows: `python docs/generate.py`.

`docs/config.md` comes from the models, `docs/commands.md` from the command line. A test keeps both equal to what this
makes.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from pipectl.cli import main as pipectl
from pipectl.commands import config as config_commands
from pipectl.config.models import Config
from pipectl.config.runtimes import RUNTIMES

DOCS = Path(__file__).parent
SCHEMA = DOCS.parent / "config" / "schema.json"
DO_NOT_EDIT = "<!-- Made by docs/generate.py. -->\n"


def config_reference() -> str:
    """Every key of the config file: what it means, what it may be, and what it is when it is not there."""
    schema = Config.model_json_schema(by_alias=True)
    sections = {
        key: schema["$defs"][prop["$ref"].rsplit("/", 1)[1]]
        for key, prop in schema["properties"].items()
        if "$ref" in prop
    }
    top = {key: prop for key, prop in schema["properties"].items() if key not in sections}
    parts = [
        DO_NOT_EDIT,
        "# The config file\n",
        "UTF-8 YAML. Unknown keys, keys that stand twice, and aliases are mistakes; all mistakes of a file are told at",
        "once. Every name is `<environment>-<resource>-<team>`, where `resource` is the key of that name in a section.",
        "`pipectl config check` checks a file, `pipectl config show` prints it with every default filled in,",
        "`pipectl config schema` prints its JSON Schema for an editor.\n",
        "## Top level\n",
        *_table(top, schema.get("required", [])),
    ]
    for key, section in sections.items():
        parts += [f"\n## `{key}`\n", *_table(section["properties"], section.get("required", []))]
    parts += ["\n## Runtimes\n", *_runtimes()]
    return "\n".join(parts) + "\n"


def _table(properties: dict[str, Any], required: list[str]) -> Iterator[str]:
    yield "| key | default | allowed | what |"
    yield "| --- | --- | --- | --- |"
    for key, prop in properties.items():
        value = prop.get("default", {} if prop.get("type") == "object" else None)
        default = "none" if value is None else f"`{json.dumps(value)}`"
        if key in required:
            default = "**required**"
        yield f"| `{key}` | {default} | {_allowed(prop)} | {_shown(prop.get('description', ''))} |"


def _shown(words: str) -> str:
    """``<file>.<function>`` as code: Markdown would take it for a tag."""
    return re.sub(r"\S*<\w[^<>\s]*>\S*", lambda found: found[0] if "`" in found[0] else f"`{found[0]}`", words)


_KINDS = {
    "array": "list",
    "boolean": "`true`, `false`",
    "integer": "whole number",
    "object": "map",
    "string": "text",
}


def _allowed(prop: dict[str, Any]) -> str:
    kinds = [kind for kind in prop.get("anyOf", [prop]) if kind.get("type") != "null"]
    (kind,) = kinds
    if "enum" in kind:
        return ", ".join(f"`{value}`" for value in kind["enum"])
    text = _KINDS[kind["type"]]
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
    yield "| runtime | language | AWS stops patching it |"
    yield "| --- | --- | --- |"
    for runtime in RUNTIMES.values():
        if runtime.supported:
            yield f"| `{runtime.name}` | {runtime.language} | {runtime.deprecated or 'not announced'} |"


def command_reference() -> str:
    """Every command and option, as the program explains them."""
    root = click.Context(pipectl, info_name="pipectl")
    shared = {option.opts[-1] for option in pipectl.params if isinstance(option, click.Option)}
    parts = [
        DO_NOT_EDIT,
        "# Commands\n",
        "```",
        "pipectl [OPTIONS] COMMAND [OPTIONS]",
        "```\n",
        "These options work on either side of the command:\n",
        *_options(pipectl, root, set()),
    ]
    for context in _commands(pipectl, root):
        command = context.command
        usage = " ".join(command.collect_usage_pieces(context))
        parts += [f"\n## {context.command_path}\n", "```", f"{context.command_path} {usage}", "```\n", _help(command)]
        parts += _options(command, context, shared)
    return "\n".join(parts) + "\n"


def _commands(group: click.Group, parent: click.Context) -> Iterator[click.Context]:
    for name in group.list_commands(parent):
        command = group.get_command(parent, name)
        assert command
        context = click.Context(command, info_name=name, parent=parent)
        if isinstance(command, click.Group):
            yield from _commands(command, context)
        else:
            yield context


def _help(command: click.Command) -> str:
    paragraphs = (command.help or "").split("\n\n")
    return "\n\n".join(" ".join(paragraph.split()) for paragraph in paragraphs)


def _options(command: click.Command, context: click.Context, shared: set[str]) -> list[str]:
    records = [
        record
        for option in command.get_params(context)
        if isinstance(option, click.Option) and option.opts[-1] not in shared | {"--help"}
        if (record := option.get_help_record(context))
    ]
    if not records:
        return []
    cells = [(flags.replace("|", "\\|"), _shown(words.replace("|", "\\|"))) for flags, words in records]
    return ["", "| option | what |", "| --- | --- |", *(f"| `{flags}` | {words} |" for flags, words in cells)]


def schema() -> str:
    """The JSON Schema that `config/dev.yaml` names, for editors."""
    return json.dumps(config_commands.schema(), indent=2) + "\n"


def main() -> None:
    SCHEMA.write_text(schema(), encoding="utf-8")
    (DOCS / "config.md").write_text(config_reference(), encoding="utf-8")
    (DOCS / "commands.md").write_text(command_reference(), encoding="utf-8")


if __name__ == "__main__":
    main()
