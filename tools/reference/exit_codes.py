"""The page of the exit codes: the codes of errors from their classes, those of results from the commands."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from pathlib import Path

from tools.reference.error_sources import SOURCE, error_classes
from tools.reference.markdown import DO_NOT_EDIT, table

from pipectl.cli import exit_codes
from pipectl.cli.main import COMMANDS
from pipectl.errors import CancelledError

MEANINGS: Mapping[int, str] = {
    0: "Success.",
    1: "Failed or refused: not managed, data would be lost, wrong account, cancelled, the order failed (`send`). Also: "
    "the reader of the output closed the pipe.",
    2: "The command line, the config, a handler or an order is invalid, a protected environment was not named, or "
    "there is no terminal to confirm on.",
    3: "Changes are pending (`plan --exit-code`); drift or not healthy (`status --exit-code`); not everything could be "
    "checked (`verify`); the order still waits (`send`).",
    4: "Partly done: failures or lost records remain.",
    130: "Interrupted with Ctrl-C or SIGTERM. Calls in progress have finished. Run the command again to continue.",
}
"""Meaning of each exit code."""

RESULTS: Mapping[tuple[str, int], str] = {
    ("doctor", 1): "a check found a problem",
    ("doctor", 4): "`--capture`: something could not be read, or the order of the capture could not be deleted",
    ("logs", 130): "`--follow`: the normal end, with Ctrl-C",
    ("plan", 3): "`--exit-code`: `up` would change something",
    ("replay-dlq", 4): "failures remain: records failed again, expired, could not be read or were not saved, or "
    "messages of the queue still wait for the auditor. `--dry-run`: such messages wait",
    ("send", 1): "the order failed; with `--direct`: the handler failed",
    ("send", 3): "the order still waits after `--timeout`",
    ("status", 3): "`--exit-code`: drift, or a check failed or could not be made",
    ("status", 130): "`--watch`: the normal end, with Ctrl-C",
    ("up", 130): "`--watch`: the normal end, with Ctrl-C",
    ("verify", 3): "no record is known to be lost, but not everything could be checked",
    ("verify", 4): "records are lost",
}
"""Results, other than errors, that end a command with another code than 0."""

_SHELL = """\
## In scripts

Commands that ask need `--yes` in a script or CI job. Results are on stdout, messages and errors on stderr.

Stop at the first command that fails:

```bash
set -e
pipectl up --yes
pipectl status --exit-code
```

Distinguish pending changes from errors:

```bash
code=0; pipectl plan --exit-code || code=$?
case $code in
  0) echo "no changes" ;;
  3) echo "changes are pending" ;;
  *) exit "$code" ;;
esac
```

Replay, and report what is left:

```bash
code=0; pipectl replay-dlq --yes || code=$?
case $code in
  0) echo "all failures are replayed" ;;
  4) echo "failures remain" ;;
  *) exit "$code" ;;
esac
```

Decide by the code of the error, which [errors.md](errors.md) explains:

```bash
code=0; pipectl -o json outputs > outputs.json 2> error.json || code=$?
if [ "$code" != 0 ]; then
  jq -r .error.code error.json
  exit "$code"
fi
```

- A pipe has the exit code of its last command: write `set -o pipefail` before `pipectl list -o json | jq .`.
- `plan`, `status`, `trace` and `audit` exit with 0 whatever they find. `plan` and `status` exit with 3 only with
  `--exit-code`.
- GitHub Actions runs `bash` with `-e -o pipefail` when a step has `shell: bash`. [ci.md](ci.md) has complete workflows.
- Most errors have exit code 1. Scripts that need the kind of the error read `error.code` of the JSON.
"""


def page() -> str:
    """Return the page of the exit codes."""
    meanings = [(str(code), words) for code, words in MEANINGS.items()]
    results = [(f"`{command}`", str(code), words) for (command, code), words in RESULTS.items()]
    parts = [
        DO_NOT_EDIT,
        "# Exit codes\n",
        *table(("exit code", "meaning"), meanings),
        "\n## By command\n",
        "Every command exits with 0 after a success, and with 1, 2 or 130 after an error. These commands also report a",
        "result with their exit code:\n",
        *table(("command", "exit code", "result"), results),
        "\n## By error\n",
        *table(("exit code", "errors"), _by_error()),
        f"\n{_SHELL}",
    ]
    return "\n".join(parts).rstrip() + "\n"


def _by_error() -> Iterator[tuple[str, str]]:
    codes = sorted({kind.exit_code for kind in error_classes().values()})
    for code in codes:
        kinds = sorted(kind.code for kind in error_classes().values() if kind.exit_code == code)
        yield str(code), ", ".join(f"[`{kind}`](errors.md#{kind.lower()})" for kind in kinds)


def results() -> set[tuple[str, int]]:
    """Return the commands that return another code than 0, read from their modules in `cli`."""
    found: set[tuple[str, int]] = set()
    for path in (SOURCE / "cli").glob("*.py"):
        command = path.stem.removesuffix("_watch").replace("_", "-")
        if command in COMMANDS:
            found |= {(command, code) for code in _returned(path) if code}
    return found


def _returned(path: Path) -> Iterator[int]:
    for statement in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(statement, ast.Return) and statement.value:
            yield from _codes(statement.value)


def _codes(value: ast.expr) -> Iterator[int]:
    """Yield the exit codes that an expression can have."""
    if isinstance(value, ast.IfExp):
        yield from (*_codes(value.body), *_codes(value.orelse))
    elif isinstance(value, ast.Constant) and type(value.value) is int:
        yield value.value
    elif isinstance(value, ast.Name) and value.id in vars(exit_codes):
        yield int(vars(exit_codes)[value.id])
    elif isinstance(value, ast.Attribute) and value.attr == "exit_code":
        yield CancelledError.exit_code
    elif isinstance(value, ast.Subscript) and isinstance(value.value, ast.Dict):
        for each in value.value.values:
            yield from _codes(each)
    elif isinstance(value, ast.Call):
        for each in value.args:
            yield from _codes(each)
